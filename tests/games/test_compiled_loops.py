"""Compiled rules that are kept: loaded by later processes, and never after anything has changed that they reach."""

import errno
import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numba.core import caching

from gameagent_games import load_family
from gameagent_games.sources import compiled_loops
from gameagent_games.sources.compiled_loops import UnknownReachError, fingerprint, kept_at
from gameagent_games.sources.simulator import Simulator, make_loops

RULES = """
import math
from numba.extending import register_jitable
import numpy as np
PAY, TABLE, PAIR = 1.5, np.array([1, 2, 3]), (1, "two")

def outer(bonus):
    @register_jitable
    def inner(value, times=2):
        return value * times + bonus
    return inner

helper = outer(3)

@register_jitable
def deeper(value):
    return math.floor(value) + TABLE[1] + PAIR[0]

def rule(state, variant):
    return helper(PAY) + deeper(state) + max(value for value in (1, 2)) + tools.double(PAY)
"""
TOOLS = "FACTOR = 2\ndef double(value):\n    return FACTOR * value\ndef unused(value):\n    return value"
CHANGES = {
    "a constant": ("PAY, TABLE, PAIR = 1.5", "PAY, TABLE, PAIR = 2.5"),
    "a constant's type": ("PAIR[0]", "PAIR[0] + (PAY == 1)"),
    "an entry of an array": ("[1, 2, 3]", "[1, 2, 4]"),
    "an array's type": ("[1, 2, 3]", "[1, 2, 3.0]"),
    "a tuple": ('"two"', '"three"'),
    "a default": ("times=2", "times=4"),
    "a closure": ("outer(3)", "outer(4)"),
    "a helper": ("value * times", "value / times"),
    "a helper's helper": ("floor", "ceil"),
    "a function within": ("(value for", "(value + 1 for"),
}


def rule_of(rules: str = RULES, tools: str = TOOLS) -> Any:
    names: dict[str, Any] = {"tools": ModuleType("tools"), "__name__": "rules"}
    exec(tools, vars(names["tools"]))
    exec(rules, names)
    return names["rule"]


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_whatever_rules_reach_is_part_of_their_fingerprint(change: tuple[str, str]) -> None:
    assert RULES.count(change[0]) == 1
    assert fingerprint(rule_of(RULES.replace(*change))) != fingerprint(rule_of())


def test_other_modules_count_as_far_as_they_are_used() -> None:
    for change in (("FACTOR = 2", "FACTOR = 3"), ("FACTOR * value", "FACTOR + value")):
        assert fingerprint(rule_of(tools=TOOLS.replace(*change))) != fingerprint(rule_of())
    assert fingerprint(rule_of(tools=TOOLS.replace("return value", "return -value"))) == fingerprint(rule_of())


def test_what_does_not_matter_is_no_part_of_it() -> None:
    moved = "# a comment\n\n" + RULES.replace("def outer", "UNUSED = {}\n\ndef outer")
    assert fingerprint(rule_of(moved)) == fingerprint(rule_of())


@pytest.mark.parametrize(
    "strange",
    ["{1: 2}", "object()", "__import__('enum').IntEnum('Kind', 'A B')", "np.array([None])", "tools"],
    ids=["dict", "object", "enum", "objects", "module"],
)
def test_where_the_reach_cannot_be_told_nothing_is_kept(strange: str) -> None:
    rules = RULES.replace('(1, "two")', strange)
    tools = TOOLS + "\nfrom numba.extending import overload"
    rule = rule_of(rules, tools) if strange == "tools" else rule_of(rules)
    with pytest.raises(UnknownReachError):
        fingerprint(rule)
    assert kept_at([rule]) is None


# -- in use ---------------------------------------------------------------------------------------------------

FAMILY = """
import numpy as np
from gameagent_games import Choice, Family, Feature, Rule, Rules, VariantSpace, state_type
import amounts

def start(state, variant):
    state.day = 0

def step(state, variant, actions, rewards):
    rewards[0] = amounts.PAY
    return True

def observe(state, variant, seat, observation):
    observation[0] = 1.0

SHOP = Family(
    name="shop", summary="pays", source=Rules(start, step, observe, state=state_type([("day", np.int64)])),
    space=VariantSpace((Rule("colour", Choice((0, 1))),)), features=(Feature("one"),),
    actions=("a", "b"), max_steps=1, num_episodes=1,
)
"""
PLAY = """
import numpy as np
from gameagent_games import load_family
games = load_family("shop:SHOP").make_games(1)
games.reset(games.family.space.sample(1, 0, "all"), np.arange(1))
games.step(np.zeros((1, 1), np.int64))
print(games.rewards[0, 0], len(games._loops.advance._loop.stats.cache_hits))
"""


@pytest.fixture
def shop(tmp_path: Path) -> Any:
    """Plays the shop in a new process, which pays so much: (reward, whether its loop was loaded, cache folder)."""
    (tmp_path / "shop.py").write_text(textwrap.dedent(FAMILY), encoding="utf-8")
    cache = tmp_path / "cache"

    def play(pay: float) -> tuple[float, bool, Path]:
        (tmp_path / "amounts.py").write_text(f"PAY = {pay}\n", encoding="utf-8")
        search = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
        places = {name: str(cache) for name in ("XDG_CACHE_HOME", "HOME", "LOCALAPPDATA", "USERPROFILE")}
        environment = {**os.environ, **places, "PYTHONPATH": search, "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(
            [sys.executable, "-c", PLAY], env=environment, capture_output=True, text=True, cwd=tmp_path, check=True
        )
        assert not done.stderr
        reward, hits = done.stdout.split()
        return float(reward), int(hits) > 0, cache

    return play


def test_what_was_compiled_is_loaded_until_a_constant_in_another_file_changes(shop: Any) -> None:
    assert [shop(pay)[:2] for pay in (1.0, 1.0, 2.0, 1.0)] == [(1.0, False), (1.0, True), (2.0, False), (1.0, True)]


def test_damaged_files_are_compiled_again(shop: Any) -> None:
    _, _, cache = shop(1.0)
    kept = [*cache.rglob("*.nbc"), *cache.rglob("*.nbi")]
    assert len(kept) == 4
    for path in kept:
        path.write_bytes(path.read_bytes()[:50])
    assert shop(1.0)[0] == 1.0


def bandit(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Simulator:
    """A game of the bandit whose compiled form is to be kept in a folder."""
    monkeypatch.setattr(compiled_loops, "user_cache_dir", lambda *_, **__: str(folder))
    family = load_family("bandit")
    make_loops.cache_clear()
    games = Simulator(family, 2)
    make_loops.cache_clear()
    return games


def plays(games: Simulator) -> bool:
    games.reset(games.family.space.sample(2, 0), np.arange(2))
    games.step(np.zeros((2, 1), np.int64))
    return bool((games.episodes == 1).all())


def test_a_full_disk_costs_nothing_but_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    games = bandit(monkeypatch, tmp_path)

    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(caching.IndexDataCacheFile, "save", full)
    assert plays(games) and not list(tmp_path.rglob("*.nb?"))


def test_where_nothing_can_be_written_nothing_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    assert plays(bandit(monkeypatch, tmp_path / "file"))


def test_what_is_old_is_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    games = bandit(monkeypatch, tmp_path)
    assert plays(games)
    marks = list(tmp_path.rglob("*.rules"))
    assert len(marks) == 2 and len(list(tmp_path.rglob("*.nb?"))) == 4
    long_ago = time.time() - compiled_loops.KEPT_FOR - 60.0
    os.utime(marks[0], (long_ago, long_ago))
    kept_at([plays])
    assert [mark.exists() for mark in marks] == [False, True] and len(list(tmp_path.rglob("*.nb?"))) == 2


def test_arguments_of_other_types_are_kept_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processes that add different types to one of numba's indices may load each other's code."""
    games = bandit(monkeypatch, tmp_path)
    assert plays(games)
    again = bandit(monkeypatch, tmp_path)
    for one in (games, again):
        one.seeds = np.arange(4)[::2]  # not contiguous, so of another type
        one.begin(np.arange(2))
        one.episodes[:] = 0
    assert len(list(tmp_path.rglob("*.nbc"))) == len(list(tmp_path.rglob("*.rules"))) == 3
    assert not list(tmp_path.rglob("*.2.nbc"))
