"""Environments that raise, exit, hang, leak or give what is not a number: each costs one trial, and is named."""

import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gameagent_games.errors import FamilyError
from gameagent_games.failures import Failure
from gameagent_games.games import Games
from gameagent_games.interface import Family
from gameagent_games.sources.environments.layout import fastest_workers
from small_environments import TROUBLED, family_of, made, trace


def troubled(folder: Path, trouble: str, workers: int = 2, chance: float = 0.15, megabytes: int = 100) -> Family:
    text = TROUBLED.format(trouble=trouble, workers=workers, chance=chance, megabytes=megabytes)
    return family_of(folder, text, f"{trouble}_{workers}_{chance}".replace(".", "_"))


def played(games: Games) -> tuple[list[Any], list[Failure]]:
    steps = list(trace(games))
    return steps, list(games.take_failures())


@pytest.fixture(scope="module")
def unharmed(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Any], Any, Any]:
    """What 12 games play where the troubled resets raise: who failed where is known from play in this process."""
    family = troubled(tmp_path_factory.mktemp("unharmed"), "raise", workers=0)
    with closing(made(family, 12)) as games:
        steps, failures = played(games)
        assert 2 <= len(failures) <= 10
        return steps, failures, games.failed.copy()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("trouble", "kind"),
    [
        ("raise", "raised"),
        ("exit", "died"),
        ("hang", "hung"),
        ("nan", "gave what is not finite"),
        ("shape", "gave a wrong observation"),
    ],
)
def test_each_failure_costs_one_trial_and_the_others_go_on(
    tmp_path: Path, unharmed: tuple[list[Any], Any, Any], trouble: str, kind: str
) -> None:
    steps, failures, failed = unharmed
    with closing(made(troubled(tmp_path, trouble), 12)) as games:
        found, named = played(games)
        np.testing.assert_array_equal(games.failed, failed)
        for one, other in zip(found, steps, strict=True):
            for array, expected in zip(one, other, strict=True):
                np.testing.assert_array_equal(array[~failed], expected[~failed])
    assert {failure.kind for failure in named} == {kind}
    place = [(failure.variant_id, failure.seed, failure.episode, failure.step) for failure in failures]
    assert sorted(place) == sorted((one.variant_id, one.seed, one.episode, one.step) for one in named)
    if trouble == "raise":
        assert all("the level has no floor" in one.traceback for one in named)
    if trouble == "hang" and hasattr(signal, "SIGUSR1"):
        assert all("small_environments.py" in one.traceback for one in named)


@pytest.mark.slow
def test_a_worker_that_leaks_is_replaced_and_no_trial_is_lost(tmp_path: Path) -> None:
    family = troubled(tmp_path, "leak", chance=0.5, workers=1)
    with (
        closing(made(family, 4)) as games,
        closing(made(troubled(tmp_path, "leak", chance=0.0, workers=0), 4)) as sound,
    ):
        steps, failures = played(games)
        expected, _ = played(sound)
        assert not games.failed.any()
        for one, other in zip(steps, expected, strict=True):
            for array, right in zip(one, other, strict=True):
                np.testing.assert_array_equal(array, right)
        games.reset(family.space.sample(4, 1), np.arange(4))
        failures += games.take_failures()
    assert failures
    assert {failure.kind for failure in failures} == {"leaked"}
    assert not any(failure.quarantined for failure in failures)


def test_a_variant_that_fails_three_times_is_played_no_more(tmp_path: Path) -> None:
    family = troubled(tmp_path, "raise", chance=0.9, workers=0)
    one = family.space.sample(1, 0)
    with closing(family.make_games(1)) as games:
        for number in range(3):
            games.reset(one, np.array([number]))
            (failure,) = games.take_failures()
            assert failure.quarantined == (number == 2)
        assert "the variant is played no more" in str(failure)
        games.reset(one, np.array([3]))
        assert games.finished[0]
        assert games.failed[0]
        assert not games.take_failures()


@pytest.mark.slow
def test_an_environment_that_does_not_follow_its_seed_is_said_to(tmp_path: Path) -> None:
    text = (
        'game = "small_environments:forgetful"\n[rules.speed]\nuniform = [1.0, 2.0]\n[rules.exits]\nchoice = [0, 7]\n'
        "[environment]\nmax_steps = 20\nworkers = 1\n"
    )
    family = family_of(tmp_path, text)
    variants = family.space.records([{"speed": 1.0, "exits": exits} for exits in (0, 7, 0)])
    with closing(family.make_games(3)) as games:
        games.reset(variants, np.arange(3))
        _, failures = played(games)
    kinds = [failure.kind for failure in failures]
    assert kinds.count("died") == 1
    assert kinds.count("not repeatable") == 2


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc").exists(), reason="looks for processes in /proc")
def test_no_worker_outlives_the_process_that_started_it(tmp_path: Path) -> None:
    path = tmp_path / "game.toml"
    path.write_text(TROUBLED.format(workers=2, megabytes=100, trouble="hang", chance=0.0))
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\n"
        "from gameagent_games.sources.environments import family_from_environment\n"
        "from gameagent_games import read_rule_file\n"
        "if __name__ == '__main__':\n"
        f"    games = family_from_environment(read_rule_file({str(path)!r})).make_games(4)\n"
        "    print(*[worker._process.pid for worker in games._crew._workers], flush=True)\n"
        "    sys.stdin.read()\n"
    )
    environment = dict(os.environ) | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[1]), *sys.path])}
    with subprocess.Popen(
        [sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        pids = [int(word) for word in process.stdout.readline().split()]
        assert len(pids) == 2
        process.kill()
        process.wait()
    end = time.monotonic() + 20
    while any(Path(f"/proc/{pid}").exists() for pid in pids):
        assert time.monotonic() < end, "a worker is still there"
        time.sleep(0.05)


@pytest.mark.slow
def test_an_environment_that_never_starts_does_not_keep_the_measuring_of_layouts(tmp_path: Path) -> None:
    family = troubled(tmp_path, "raise", workers=0, chance=0.9)
    source: Any = family.source
    recipe = replace(source.recipe, keywords={"trouble": "raise", "chance": 1.0})
    assert fastest_workers(replace(family, source=replace(source, recipe=recipe)), 8) >= 1


def test_a_worker_that_fails_without_any_environment_s_fault_is_no_endless_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    family = troubled(tmp_path, "raise", chance=0.0, workers=1)
    with closing(made(family, 4)) as games:
        crew: Any = games
        monkeypatch.setattr(type(crew._crew), "_replay", lambda self, start, stop: "no replay at all")
        os.kill(crew._crew._workers[0]._process.pid, signal.SIGKILL)
        with pytest.raises(FamilyError, match="games cannot be played in workers: its process ended with code"):
            games.step(np.zeros((4, 1), np.int64))


@pytest.mark.slow
def test_a_worker_that_is_killed_from_outside_costs_no_trial(tmp_path: Path) -> None:
    def play(kill: bool) -> list[Any]:
        with closing(made(troubled(tmp_path, "raise", chance=0.0, workers=2), 6)) as games:
            crew: Any = games
            steps = []
            for number, arrays in enumerate(trace(games)):
                steps.append(arrays)
                if kill and number == 7:
                    os.kill(crew._crew._workers[1]._process.pid, signal.SIGKILL)
            assert not games.failed.any()
            assert not games.take_failures()
            return steps

    for one, other in zip(play(True), play(False), strict=True):
        for array, expected in zip(one, other, strict=True):
            np.testing.assert_array_equal(array, expected)


@pytest.mark.parametrize("workers", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_whatever_an_environment_gives_it_is_that_game_s_failure(tmp_path: Path, workers: int) -> None:
    kinds = ("sound", "end", "cut", "reward", "observation", "nothing", "four", "sound")
    family = family_of(
        tmp_path,
        f'game = "small_environments:strange"\n[rules.what]\nchoice = {sorted(set(kinds))}\n[environment]\n'.replace(
            "'", '"'
        )
        + f"max_steps = 20\nworkers = {workers}\n",
    )
    with closing(family.make_games(len(kinds))) as games:
        games.reset(family.space.records([{"what": kind} for kind in kinds]), np.arange(len(kinds)))
        _, failures = played(games)
        assert games.failed.tolist() == [kind != "sound" for kind in kinds]
    assert {failure.kind for failure in failures} == {"raised", "gave a wrong observation"}
    assert len(failures) == len(kinds) - 2


@pytest.mark.slow
def test_a_picture_that_takes_too_long_is_none_and_the_game_goes_on(tmp_path: Path) -> None:
    text = (
        'game = "small_environments:painter"\n[rules.speed]\nchoice = [1.0, 2.0]\n[environment]\nmax_steps = 20\n'
        "deadline = 1.0\n"
    )
    with closing(made(family_of(tmp_path, text), 1)) as games:
        for step in range(1, 5):
            games.step(np.zeros((1, 1), np.int64))
            assert games.observations[0, 0, 1] == games.steps[0] == step
            picture = games.picture(0)
            assert (picture is None) == (step == 2)
            assert picture is None or (picture == step).all()
        assert not games.take_failures()
