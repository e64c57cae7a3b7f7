"""Compiled rules that are kept: everything that they follow from changes their place, and nothing else does."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import FunctionType
from typing import Any

import numba
import numpy as np
import pytest
from numba import config
from numba.extending import register_jitable

from gameagent_games.places import GENERATED, is_authors
from gameagent_games.registry import load_family
from gameagent_games.sources import kept
from gameagent_games.sources.kept import ENVIRONMENT, cache_folder, file_for, fingerprint
from gameagent_games.sources.simulator import make_loops

GAME = """
import enum
import math

import numpy as np
from numba import njit
from numba.extending import register_jitable

import kept_elsewhere
from gameagent_games.interface import Family, Feature
from gameagent_games.game_rng import state_type
from gameagent_games.sources.rules import Rules
from gameagent_games.variants.distributions import Uniform
from gameagent_games.variants.variant import Rule, VariantSpace

NUMBER = 1
ARRAY = np.array([1.0, 2.0])
UNUSED = 1


class Side(enum.IntEnum):
    LEFT = 1
    RIGHT = 2


@register_jitable
def helper(number, extra=0):
    return number + extra + kept_elsewhere.of_another_module(NUMBER)


@njit
def compiled_helper(number):
    return number * 1


def start(state, variant):
    state.sum = 0.0


def make_step(bonus):
    def step(state, variant, actions, rewards):
        state.sum += helper(1.0) + ARRAY[1] + compiled_helper(bonus) + kept_elsewhere.CONSTANT
        if actions[0] == Side.RIGHT:
            state.sum += sum([number for number in (1, 2)])
        rewards[0] = state.sum
        return False

    return step


def observe(state, variant, seat, observation):
    observation[0] = state.sum


KEPT_GAME = Family(
    name="kept_game",
    summary="adds numbers up",
    source=Rules(start, make_step(10), observe, state=state_type([("sum", np.float64)])),
    space=VariantSpace((Rule("size", Uniform((0.0, 1.0)), unit="1", meaning="nothing"),)),
    features=(Feature("sum", high=1e9),),
    actions=("left", "middle", "right"),
    max_steps=5,
    num_episodes=1,
)
"""
ELSEWHERE = """
from numba.extending import register_jitable

CONSTANT = 100
UNUSED = 1


@register_jitable
def of_another_module(number):
    return number + 1000
"""
PLAY = """
import json, sys
import numpy as np
from gameagent_games.registry import load_family
from gameagent_games.sources.simulator import make_loops
family = load_family("kept_game_module:KEPT_GAME")
games = family.make_games(1)
games.reset(family.space.sample(1, 0), np.zeros(1, np.int64))
games.step(np.full((1, 1), 2))
loops = make_loops(family.source, True, True)
hits = sum(sum(loop.stats.cache_hits.values()) for loop in loops)
print(json.dumps([float(games.rewards[0, 0]), hits]))
"""


@pytest.fixture
def game(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a game of two modules, and one where its compiled rules are kept."""
    (tmp_path / "kept_game_module.py").write_text(GAME, encoding="utf-8")
    (tmp_path / "kept_elsewhere.py").write_text(ELSEWHERE, encoding="utf-8")
    monkeypatch.setenv(ENVIRONMENT, str(tmp_path / "cache"))
    return tmp_path


def play(folder: Path, **environment: str) -> list[float]:
    """The first reward, and how many of the two loops were compiled already."""
    paths = os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", PLAY], capture_output=True, text=True, cwd=folder,
        env=os.environ | {"PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1"} | environment,
    )  # fmt: skip
    assert done.returncode == 0 and not done.stderr, done.stderr
    reward, hits = done.stdout.strip()[1:-1].split(", ")
    return [float(reward), int(hits)]


def change(file: Path, before: str, after: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert text.count(before) == 1
    file.write_text(text.replace(before, after), encoding="utf-8")


def test_what_was_compiled_is_kept_for_other_processes_and_changes_with_the_rules(game: Path) -> None:
    rules, elsewhere = game / "kept_game_module.py", game / "kept_elsewhere.py"
    assert play(game) == [1117.0, 0]
    assert play(game, PYTHONHASHSEED="1") == [1117.0, 2]
    assert play(game, NUMBA_BOUNDSCHECK="1") == [1117.0, 0]
    changes = [
        (rules, "NUMBER = 1\n", "NUMBER = 2\n", 1118.0),
        (elsewhere, "number + 1000", "number + 2000", 2118.0),
        (elsewhere, "CONSTANT = 100", "CONSTANT = 200", 2218.0),
        (rules, "[1.0, 2.0]", "[1.0, 3.0]", 2219.0),
        (rules, "make_step(10)", "make_step(20)", 2229.0),
        (rules, "return number * 1", "return number * 2", 2249.0),
        (rules, "RIGHT = 2", "RIGHT = 3", 2246.0),
    ]
    for file, before, after, reward in changes:
        change(file, before, after)
        assert play(game) == [reward, 0], after
    change(game / "kept_elsewhere.py", "UNUSED = 1", "UNUSED = 2")
    assert play(game)[0] == 2246.0
    assert play(game) == [2246.0, 2]
    assert len(list((game / "cache" / GENERATED).iterdir())) == 10


@pytest.mark.parametrize("given", ["empty", "a file"])
def test_without_a_folder_nothing_is_kept_and_games_play(game: Path, given: str) -> None:
    (game / "file").touch()
    place = "" if given == "empty" else str(game / "file")
    assert play(game, **{ENVIRONMENT: place}) == [1117.0, 0]
    assert not (game / "cache").exists() and (game / "file").read_bytes() == b""


def test_our_own_families_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENVIRONMENT, str(tmp_path))
    files = set()
    for name in ("bandit", "forage", "gridnavi", "navigation"):
        source: Any = load_family(name).source
        for checked in (False, True):
            make_loops.cache_clear()
            make_loops(source, True, checked)
            files = set(tmp_path.glob(f"{GENERATED}/*/loops.py"))
    assert len(files) == 8 and not any(is_authors(str(file)) for file in files)


def test_the_users_own_folder_is_the_place_unless_another_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ENVIRONMENT, raising=False)
    assert "gameagent" in str(cache_folder())
    monkeypatch.setenv(ENVIRONMENT, "somewhere")
    assert cache_folder() == Path("somewhere").absolute()
    monkeypatch.setenv(ENVIRONMENT, "")
    assert cache_folder() is None


# -- fingerprints ----------------------------------------------------------------------------------------------------


def remade(function: Any, **changes: Any) -> Any:
    """The same function among other names: its globals with some changed."""
    names = function.__globals__ | changes
    return FunctionType(function.__code__, names, function.__name__, function.__defaults__, function.__closure__)


def of(function: Callable[..., Any], **changes: Any) -> str:
    return fingerprint({"step": remade(function, **changes)}, checked=False)


VALUE: Any = 0


def reader() -> Any:
    return VALUE


def nested() -> Any:
    return [VALUE + one for one in range(3)]


def test_values_of_every_kind_tell_fingerprints_apart() -> None:
    floats, halves = np.array([1.0, 2.0]), np.array([[1.0], [2.0]])
    values = [
        0, 1, 0.0, -0.0, True, None, "0", b"0", 1j, (0,), (0, 0), ((0,), 0), ("0",), np.float32(0), np.float64(0),
        np.int64(0), floats, floats.astype(np.float32), halves, np.asfortranarray(np.ones((2, 2))), np.ones((2, 2)),
        np.array(["a"]), np.dtype([("a", np.int64)]), np.dtype([("b", np.int64)]), numba.int64, numba.float32, np.sin,
        np.cos, np.int32, float, len, abs, reader, nested, register_jitable(lambda: 1), register_jitable(lambda: 2),
        numba.njit(reader), numba.njit(nested), numba.njit(fastmath=True)(reader), np,
    ]  # fmt: skip
    for function in (reader, nested):
        found = [of(function, VALUE=value) for value in values]
        assert len(set(found)) == len(values)
        assert found == [of(function, VALUE=value) for value in values]
    assert of(reader, UNRELATED=1) == of(reader)


def make_reader(given: Any) -> Callable[..., Any]:
    return lambda: given


def test_what_a_maker_was_given_tells_fingerprints_apart() -> None:
    found = [fingerprint({"step": make_reader(given)}, checked=False) for given in (1, 2, (1, 2), len, 1)]
    assert len(set(found)) == 4 and found[0] == found[-1]


def test_bounds_checks_and_numbas_options_tell_fingerprints_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {of(reader), fingerprint({"step": reader}, checked=True), fingerprint({"legal": reader}, checked=False)}
    for name in ("OPT", "BOUNDSCHECK"):
        with monkeypatch.context() as patch:
            patch.setattr(config, name, 1)
            found.add(of(reader))
    assert len(found) == 5


def test_functions_that_call_one_another_come_to_an_end() -> None:
    names: dict[str, Any] = {}
    exec("def ping(): return pong()\ndef pong(): return ping() + NUMBER", names)
    ends = []
    for number in (1, 2, 1):
        names["NUMBER"] = number
        ends.append(fingerprint({"step": names["ping"]}, checked=False))
    assert ends[0] == ends[2] != ends[1]


class Settings:
    SIZE = 3


@pytest.mark.parametrize("value", [[1], {"a": 1}, Settings, Settings(), np.zeros(20_000), np.array([object()])])
def test_rules_that_read_what_nobody_can_judge_are_not_kept(
    value: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ENVIRONMENT, str(tmp_path))
    assert file_for({"step": remade(reader, VALUE=3)}, checked=False) is not None
    assert file_for({"step": remade(reader, VALUE=value)}, checked=False) is None


def test_the_least_lately_used_are_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENVIRONMENT, str(tmp_path))
    monkeypatch.setattr(kept, "MOST_KEPT", 3)
    files: list[Any] = []
    for number in range(6):
        files.append(file_for({"step": remade(reader, VALUE=number)}, checked=False))
        os.utime(files[-1].parent, (number, number))
        if number == 4:
            assert file_for({"step": remade(reader, VALUE=2)}, checked=False) == files[2]
    assert [file.exists() for file in files] == [False, False, True, False, True, True]
