"""Simulators and families that are pickled and deep-copied, and games played while numba is switched off."""

# mypy: disable-error-code="assignment"

import copy
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cases.families.closures import TOSSES, make_tosses
from gameagent_games import Family, FamilyError, Simulator, load_family
from gameagent_games.registry import built_in_names
from two_seat_families import NIM, TUG

TESTS = Path(__file__).parents[1]
COPIES = {"pickle": lambda game: pickle.loads(pickle.dumps(game)), "deepcopy": copy.deepcopy}  # noqa: S301
OWN = [load_family(name) for name in built_in_names()]


def run(code: str, **environment: str) -> str:
    """What a fresh process prints."""
    path = os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": path} | environment,
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def play(games: Any, num_steps: int, seed: int = 5) -> list[list[Any]]:
    """Everything that a number of steps show."""
    generator, seen = np.random.default_rng(seed), []
    for _ in range(num_steps):
        games.step(games.family.random_actions(generator, games.num_games))
        arrays = (games.observations, games.legal_actions, games.acting, games.rewards, games.terminated)
        arrays += (games.truncated, games.finished, games.episodes, games.steps)
        seen.append([array.copy() for array in arrays] + [games.states.tobytes()])
    return seen


def assert_same(first: list[list[Any]], second: list[list[Any]]) -> None:
    for left, right in zip(first, second, strict=True):
        for one, other in zip(left, right, strict=True):
            np.testing.assert_array_equal(one, other)


def started(family: Family, *, compiled: bool = False, num_games: Any = 3) -> Simulator:
    games = Simulator(family, num_games, compiled=compiled)
    games.reset(family.space.sample(num_games, 1, "all"), np.arange(num_games) + 2**40)
    return games


@pytest.mark.parametrize("how", COPIES)
@pytest.mark.parametrize("family", [*OWN, NIM, TUG, TOSSES, make_tosses("local", 4)], ids=lambda family: family.name)
def test_a_copied_simulator_goes_on_equally(family: Family, how: str) -> None:
    games = started(family)
    play(games, 4, seed=1)
    twin = COPIES[how](games)
    before = games.states.copy()
    first = play(twin, 8)
    np.testing.assert_array_equal(games.states, before)  # the copy has arrays of its own
    assert_same(play(games, 8), first)


@pytest.mark.parametrize("how", COPIES)
def test_a_copied_compiled_simulator_stays_compiled(how: str) -> None:
    games = started(TOSSES, compiled=True)
    twin = COPIES[how](games)
    assert twin._loops is games._loops
    assert_same(play(games, 8), play(twin, 8))
    interpreted = started(TOSSES)
    assert_same(play(started(TOSSES, compiled=True), 8), play(interpreted, 8))


def test_a_simulator_that_was_never_reset_can_be_copied() -> None:
    twin = COPIES["pickle"](Simulator(NIM, 2, compiled=False, num_episodes=5))
    assert (twin.num_games, twin.num_episodes, twin.finished.all()) == (2, 5, True)


def test_a_pickle_goes_on_equally_in_another_process(tmp_path: Path) -> None:
    for name, family in {"tug": TUG, "closures": TOSSES, "local": make_tosses("local", 4)}.items():
        games = started(family)
        play(games, 3, seed=1)
        (tmp_path / name).write_bytes(pickle.dumps(games))
        code = f"""
import pickle, numpy as np
games = pickle.load(open({str(tmp_path / name)!r}, "rb"))
generator = np.random.default_rng(5)
for _ in range(6):
    games.step(games.family.random_actions(generator, games.num_games))
    print(*games.rewards.ravel().tolist(), *games.observations.ravel().tolist())
"""
        expected = [np.r_[step[3].ravel(), step[0].ravel()].tolist() for step in play(games, 6)]
        assert [[float(word) for word in line.split()] for line in run(code).splitlines()] == expected


def test_a_family_of_a_module_is_pickled_by_its_name_where_its_rules_have_none() -> None:
    assert pickle.loads(pickle.dumps(TOSSES)) is TOSSES  # noqa: S301
    assert copy.deepcopy(NIM) is NIM


def test_a_family_that_cannot_be_found_says_so_without_cloudpickle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cloudpickle", None)
    message = r"'local' cannot be pickled, .*make_tosses.<locals>.start.*; make the family a global of a mod"
    with pytest.raises(FamilyError, match=message):
        pickle.dumps(make_tosses("local", 4))


NO_JIT = """
import numpy as np
from gameagent_games import Simulator, load_family, check_family
family = load_family({family!r})
games = Simulator(family, 3)
games.reset(family.space.sample(3, 1, "all"), np.arange(3))
generator = np.random.default_rng(0)
for _ in range(12):
    games.step(family.random_actions(generator, 3))
    print(*games.rewards.ravel().tolist(), *games.observations.ravel().tolist())
"""


@pytest.mark.slow
@pytest.mark.parametrize("family", ["forage", "navigation", "two_seat_families:NIM", "cases.families.closures:TOSSES"])
def test_games_run_interpreted_where_numba_is_switched_off(family: str, capsys: pytest.CaptureFixture[str]) -> None:
    code = NO_JIT.format(family=family)
    switched_off = run(code, NUMBA_DISABLE_JIT="1")
    assert len(switched_off.splitlines()) == 12
    exec(code, {})  # here, where numba compiles
    assert capsys.readouterr().out == switched_off
