"""`gameagent new`: which names it takes, that it writes all or nothing, and that what it writes is the game it says."""

# mypy: disable-error-code="no-any-return"

import errno
import itertools
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gameagent_games import Family, __version__
from gameagent_games.errors import GamesError, SettingError
from gameagent_games.play.session import PlaySession
from gameagent_games.scaffold import new_game
from gameagent_games.scaffold.main import main
from gameagent_games.scaffold.names import check_name, suggestion
from gameagent_games.scaffold.project import FILES, TEMPLATE
from site_folder import make_site_folder

GAMES = Path(__file__).parents[2] / "games"
SHADOWING = ("rules", "family", "view", "space", "side", "np", "any", "a", "game_2", "x" * 40)
"""Names of games that could collide with other names in the generated files, and the shortest and longest."""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return new_game("frog_pond", tmp_path_factory.mktemp("new"))


@pytest.fixture(scope="module")
def frog_pond(project: Path) -> Iterator[Family]:
    """The family of a fresh project, imported from its folder."""
    sys.path.insert(0, str(project))
    yield import_module("frog_pond.family").FROG_POND
    sys.path.remove(str(project))


# -- names ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["my_game", "a", "game2", "double__underscore", "match"])
def test_a_name_that_can_be_had(name: str) -> None:
    check_name(name)


@pytest.mark.parametrize(
    ("name", "reason", "better"),
    [
        ("frog-pond", "lower-case letters", "frog_pond"),
        ("frog pond", "lower-case letters", "frog_pond"),
        ("FrogPond", "lower-case letters", "frog_pond"),
        ("FROG", "lower-case letters", "frog"),
        ("2nd_frog", "lower-case letters", "nd_frog"),
        ("Die Fr\N{LATIN SMALL LETTER O WITH DIAERESIS}sche", "lower-case letters", "die_frosche"),
        ("../frog", "lower-case letters", "frog"),
        ("", "lower-case letters", "my_game"),
        ("\N{FROG FACE}", "lower-case letters", "my_game"),
        ("x" * 41, "at most 40", "x" * 35),
        ("lambda", "keyword", "lambda_game"),
        ("random", "standard library", "random_game"),
        ("Random", "lower-case letters", "random_game"),
        ("forage", "family of that name", "forage_game"),
        ("tests", "folder of that name", "tests_game"),
        ("numba", "a module of that name", "numba_game"),
        ("gameagent", "a module of that name", "gameagent_game"),
        ("pygame_ce", "package of that name is installed", "pygame_ce_game"),  # its module is pygame
    ],
)
def test_a_name_that_cannot_be_had(name: str, reason: str, better: str, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=re.escape(reason)) as error:
        new_game(name, tmp_path)
    assert str(error.value).endswith(f"; try {better}")
    check_name(better)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_the_working_directory_is_no_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Python would import any folder as a namespace package, so folders must not count as installed modules."""
    (tmp_path / "photos").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend("")
    check_name("photos")
    (tmp_path / "photos.py").touch()
    with pytest.raises(SettingError, match=r"module of that name, .*photos\.py"):
        check_name("photos")


def test_a_suggestion_can_be_had_even_if_the_next_name_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "json_game.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    assert suggestion("json") == "my_game_2"


# -- all or nothing -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [Path.mkdir, Path.touch, lambda path: path.symlink_to("nowhere")])
def test_what_exists_is_left_alone(make: Callable[[Path], None], tmp_path: Path) -> None:
    make(tmp_path / "frog_pond")
    before = os.lstat(tmp_path / "frog_pond")
    with pytest.raises(GamesError, match="exists already, and is left as it is"):
        new_game("frog_pond", tmp_path)
    assert os.lstat(tmp_path / "frog_pond") == before
    assert [path.name for path in tmp_path.iterdir()] == ["frog_pond"]


@pytest.mark.parametrize("into", ["nowhere", "file"])
def test_the_folder_to_make_it_in_must_exist(into: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(GamesError, match=rf"{into} is not a folder: make it first"):
        new_game("frog_pond", tmp_path / into)


@pytest.mark.parametrize("failing", range(len(FILES)))
@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_nothing_half_written_is_left(
    failing: int, error: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls, write_text = itertools.count(), Path.write_text

    def write_half(path: Path, text: str, *encoding: str) -> int:
        full = next(calls) == failing
        written = write_text(path, text[: len(text) // 2] if full else text, *encoding)
        if full:
            raise error
        return written

    monkeypatch.setattr(Path, "write_text", write_half)
    expected = GamesError if isinstance(error, OSError) else KeyboardInterrupt
    message = "cannot write .*frog_pond: No space left on device; nothing is left behind"
    with pytest.raises(expected, match=message if expected is GamesError else None):
        new_game("frog_pond", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(GamesError, match=r"^cannot make \S*frog_pond: Permission denied$"):
        new_game("frog_pond", tmp_path)


# -- the command ----------------------------------------------------------------------------------------------


def test_the_command_says_what_it_wrote_and_what_comes_next(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["frog_pond", "--into", str(tmp_path)]) == 0
    out, err = capsys.readouterr()
    assert not err
    assert f"cd {tmp_path / 'frog_pond'}" in out and "gameagent train frog_pond" in out
    written = {str(path.relative_to(tmp_path / "frog_pond")) for path in tmp_path.rglob("*") if path.is_file()}
    assert all(path.replace(os.sep, "/") in out for path in written)
    assert len(written) == len(FILES)


@pytest.mark.parametrize(("name", "code"), [("frog-pond", 2), ("frog_pond", 1)])
def test_the_command_fails_in_one_line(
    name: str, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "frog_pond").mkdir()
    assert main([name, "--into", str(tmp_path)]) == code
    out, err = capsys.readouterr()
    assert not out
    assert err.startswith("gameagent new: ") and err.count("\n") == 1


# -- what is written ------------------------------------------------------------------------------------------


def test_the_template_has_the_files_that_are_written_and_no_others() -> None:
    paths = [path.relative_to(TEMPLATE) for path in TEMPLATE.rglob("*") if path.is_file()]
    listed = [path.as_posix() for path in paths if not re.search(r"cache", path.as_posix())]
    assert sorted(listed) == sorted(FILES)


def test_no_name_of_the_template_is_left(project: Path) -> None:
    for path in project.rglob("*"):
        text = path.read_text("utf-8") if path.is_file() and path.suffix != ".pyc" else ""
        assert not re.search(r"my_?game", f"{path.relative_to(project)} {text}", re.IGNORECASE), path


def test_the_project_depends_on_versions_like_this_one(project: Path) -> None:
    table = tomllib.loads((project / "pyproject.toml").read_text("utf-8"))["project"]
    (dependency,) = table["dependencies"]
    major, minor = map(int, __version__.split(".")[:2])
    assert dependency == f"gameagent-games[play]>={major}.{minor},<{major}.{minor + 1}"
    assert table["entry-points"]["gameagent.families"] == {"frog_pond": "frog_pond.family:FROG_POND"}


@pytest.mark.parametrize("name", ["a", "x" * 40])
def test_the_code_is_as_ruff_would_write_it(name: str, tmp_path: Path) -> None:
    folder = new_game(name, tmp_path)
    for command in (["check"], ["format", "--check"]):
        done = subprocess.run([sys.executable, "-m", "ruff", *command, "."], cwd=folder, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout


def test_no_name_gets_in_the_way_of_the_code(tmp_path: Path) -> None:
    for name in SHADOWING:
        new_game(name, tmp_path)
    code = f"""
import runpy, sys
from importlib import import_module
import numpy as np
for name in {SHADOWING!r}:
    sys.path.insert(0, name)
    family = getattr(import_module(f"{{name}}.family"), name.upper())
    assert family.name == name
    games = family.make_games(1, compiled=False)
    games.reset(family.space.sample(1, seed=0), np.array([0]))
    games.step(np.array([[0]]))
    test = runpy.run_path(f"{{name}}/tests/test_{{name}}.py")
    test["test_stones_pay"]("LRR", [1.0, 1.5, 1.5], False)
    module, _, view = family.view.partition(":")
    getattr(import_module(module), view)()
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_wheel_and_source_distribution_have_the_template(tmp_path: Path) -> None:
    """Asks the build backend what it would pack, file by file."""
    wheel = pytest.importorskip("hatchling.builders.wheel", reason="comes with the extra gameagent[dev]")
    sdist = pytest.importorskip("hatchling.builders.sdist")
    expected = {f"gameagent_games/scaffold/template/{place}" for place in FILES}
    for builder in (wheel.WheelBuilder(str(GAMES)), sdist.SdistBuilder(str(GAMES))):
        packed = {Path(file.distribution_path).as_posix() for file in builder.recurse_included_files()}
        assert {name for name in packed if "/template/" in name and "_cache" not in name} == expected


# -- the game -------------------------------------------------------------------------------------------------


def crossing(holds: list[str], rows: int, pearls: list[int], hops: list[int]) -> tuple[list[float], bool]:
    """What the page of a new game says of hops: the reward of each, and whether the crossing is over."""
    rewards: list[float] = []
    for row, hop in enumerate(hops):
        if ("left", "right")[hop] != holds[row]:
            return [*rewards, 0.0], True
        rewards.append(1.5 if pearls[row] == hop else 1.0)
        if row + 1 == rows:
            return rewards, True
    return rewards, False


def test_hops_pay_what_the_page_says(frog_pond: Family) -> None:
    generator = np.random.default_rng(0)
    records = frog_pond.space.sample(100, generator)
    for seed, variant in enumerate(frog_pond.space.variants(records)):
        games = frog_pond.make_games(1, num_episodes=0, auto_start=False, compiled=False)
        games.reset(records[seed : seed + 1], np.array([seed]))
        holds, rows = variant.rules["holds"], variant.rules["rows"]
        right = [("left", "right").index(side) for side in holds]
        for length in range(rows + 1):  # hops that are right until the last one
            state: Any = games.states
            pearls = state["pearls"][0].tolist()
            hops = [*right[:length], 1 - right[length]] if length < rows else right[:rows]
            paid, ended = [], []
            for hop in hops:
                games.step(np.array([[hop]]))
                paid.append(games.rewards[0, 0])
                ended.append(bool(games.terminated[0]))
            assert (paid, ended[-1]) == crossing(holds, rows, pearls, hops)
            assert not any(ended[:-1])
            games.next_episode()


def best_returns(rows: int, num_episodes: int) -> list[float]:
    """Returns by episode of a player that remembers and, where it knows nothing, goes for the pearl.

    By dynamic programming over the number of rows that are known: those pay 1 and, every other time, 0.5 more. An
    unknown row pays 1.5 or ends the episode, with even chances, and is known afterwards.
    """
    known, returns = {0: 1.0}, []
    for _ in range(num_episodes):
        total, after = 0.0, dict.fromkeys(range(rows + 1), 0.0)
        for count, chance in known.items():
            total += chance * 1.25 * count
            for row in range(count, rows):
                chance /= 2
                total += chance * 1.5
                after[row + 1] += chance  # it sank here
            after[rows] += chance
        known = after
        returns.append(total)
    return returns


def test_a_perfect_memory_gets_what_was_computed(frog_pond: Family) -> None:
    """And what the tutorial says it gets."""
    num_variants, num_episodes = 200, frog_pond.num_episodes
    returns = np.zeros((num_variants, num_episodes))
    records = frog_pond.space.sample(num_variants, seed=1)
    games = frog_pond.make_games(num_variants, compiled=False)
    games.reset(records, np.arange(num_variants))
    known = np.full((num_variants, 8), -1)
    lines = np.arange(num_variants)
    while not games.finished.all():
        going_on, episodes = ~games.finished, games.episodes.copy()
        row, pearl = games.observations[:, 0, :8].argmax(1), games.observations[:, 0, 8:10].argmax(1)
        hops = np.where(known[lines, row] < 0, pearl, known[lines, row])
        games.step(hops[:, None])
        paid = games.rewards[:, 0]
        known[lines[going_on], row[going_on]] = np.where(paid > 0, hops, 1 - hops)[going_on]
        returns[lines[going_on], episodes[going_on]] += paid[going_on]
    expected = np.mean([best_returns(rows, num_episodes) for rows in range(5, 9)], 0)
    error = returns.std(0) / np.sqrt(num_variants)
    assert np.all(np.abs(returns.mean(0) - expected) < 4 * error + 1e-9)
    tutorial = (GAMES.parent / "docs" / "first-game.md").read_text("utf-8")
    assert ", ".join(f"{value:.2f}" for value in expected) in tutorial


def test_a_person_plays_it_with_arrow_keys(frog_pond: Family, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    from gameagent_games.play.stage import Stage

    session = PlaySession(frog_pond)
    record = frog_pond.space.records([{"holds": ["left", "right"] * 4, "rows": 5}])[0]
    stage = Stage(session, 320, lambda: None)
    session.begin(record, 3)
    for key in ("left", "right", "right"):
        stage.press(key)
        stage.advance(0.1)
        assert stage.draw().get_size() == stage.size
    assert session.ended and 2.0 <= session.returns[0] <= 3.0  # two rows, perhaps with pearls, and then the water


def test_the_picture_shows_where_the_frog_is_and_hides_what_is_hidden(frog_pond: Family) -> None:
    from gameagent_games.drawing.canvas import draw_frame

    games = frog_pond.make_games(1, auto_start=False, compiled=False)
    pictures: list[Any] = []
    for holds in ("left", "right"):
        games.reset(frog_pond.space.records([{"holds": [holds] * 8, "rows": 6}]), np.array([0]))
        pictures.append(draw_frame(games, 240))
    assert np.array_equal(pictures[0], pictures[1])  # neither shows which stones hold
    shown = draw_frame(games, 240, reveal=True)
    gold = (np.abs(shown.astype(int) - (255, 206, 84)).sum(2) < 30).nonzero()[1]
    assert len(gold) > 100 and gold.min() > 120  # all on the right
    heights = []
    for _ in range(3):
        frog = (np.abs(draw_frame(games, 240).astype(int) - (110, 196, 84)).sum(2) < 12).nonzero()
        heights.append(frog[0].mean())
        games.step(np.array([[1]]))
    assert heights[0] > heights[1] + 10 > heights[2] + 20  # up, hop by hop


# -- its registration -----------------------------------------------------------------------------------------


@pytest.mark.slow
def test_an_installed_game_is_found_by_its_name(project: Path, tmp_path: Path) -> None:
    """Installed as the page says, into a folder of its own that Python treats as it does site-packages."""
    installed = tmp_path / "installed"
    make_site_folder(installed)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--target", str(installed), "-e", "."], cwd=project, capture_output=True, check=True)
    path = os.pathsep.join(filter(None, (str(installed), os.environ.get("PYTHONPATH"))))
    code = "import gameagent_games as g; print(g.family_names(), g.load_family('frog_pond').source.module)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "'frog_pond'" in done.stdout and "frog_pond.rules" in done.stdout
