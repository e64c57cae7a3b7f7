"""Families by name: our own, those of third parties, and what is said when there is none."""

import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint

import pytest

import gameagent_games
from gameagent_games import FamilyError, family_names, load_family, registry
from gameagent_games.families.bandit.family import BANDIT, make_bandit

PUBLIC = [
    "EVERY_SEAT",
    "SPLITS",
    "ActionError",
    "Box",
    "Ceiling",
    "CheckResult",
    "Choice",
    "Distribution",
    "Family",
    "FamilyError",
    "Feature",
    "Fixed",
    "Games",
    "GamesError",
    "Integers",
    "MissingExtra",
    "Permutation",
    "ProbeReport",
    "Report",
    "ResetNeeded",
    "Rule",
    "RuleFile",
    "RuleFileError",
    "RuleFinding",
    "Rules",
    "SettingError",
    "Simulator",
    "Slot",
    "Source",
    "Split",
    "Uniform",
    "Variant",
    "VariantError",
    "VariantSpace",
    "below",
    "check_family",
    "family_names",
    "load_family",
    "probe_rules",
    "read_rule_file",
    "read_variants",
    "space_from_dict",
    "space_to_dict",
    "state_type",
    "trial_uniform",
    "uniform",
    "write_variants",
]


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    registry._locations.cache_clear()
    registry._load_named.cache_clear()
    yield
    registry._locations.cache_clear()
    registry._load_named.cache_clear()


def with_entry_points(monkeypatch: pytest.MonkeyPatch, **families: str) -> None:
    points = [EntryPoint(name, value, registry.ENTRY_POINT_GROUP) for name, value in families.items()]
    monkeypatch.setattr(registry, "entry_points", lambda group: points if group == registry.ENTRY_POINT_GROUP else [])


def test_our_families() -> None:
    assert {"bandit", "forage", "gridnavi", "navigation"} <= set(family_names())
    for name in family_names():
        assert load_family(name).name == name


def test_a_third_party_joins_by_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    with_entry_points(monkeypatch, pong="gameagent_games.families.bandit.family:BANDIT")
    assert "pong" in family_names()
    assert load_family("pong") is BANDIT


def test_an_entry_point_cannot_take_a_name_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    with_entry_points(monkeypatch, forage="gameagent_games.families.bandit.family:BANDIT")
    assert load_family("forage").name == "forage"


def test_a_place_instead_of_a_name() -> None:
    assert load_family("gameagent_games.families.bandit.family:BANDIT") is BANDIT


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("gridnavy", "no family named 'gridnavy'; choose one of bandit, .*package.module:NAME"),
        ("no_such_package.pong:PONG", "could not be loaded from no_such_package.pong:PONG: No module named"),
        ("gameagent_games.families.bandit.family:PONG", "has no attribute 'PONG'"),
        ("gameagent_games.families.bandit.family:make_bandit", "is a function, expected a gameagent_games.Family"),
    ],
)
def test_what_cannot_be_loaded_is_named(name: str, words: str) -> None:
    with pytest.raises(FamilyError, match=words):
        load_family(name)


def test_the_public_face() -> None:
    assert gameagent_games.__all__ == PUBLIC
    assert all(hasattr(gameagent_games, name) for name in PUBLIC)
    assert gameagent_games.__version__ == "0.1.0"


def test_importing_the_package_and_a_family_brings_nothing_heavy() -> None:
    heavy = "{'gymnasium', 'pettingzoo', 'pygame', 'torch'}"
    code = f"import sys, gameagent_games; gameagent_games.load_family('forage'); print({heavy} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert found.stdout.strip() == "set()"


def test_a_bandit_of_another_size_has_its_own_name_and_ceiling() -> None:
    bandit = make_bandit(num_arms=10, num_pulls=100)
    assert (bandit.name, bandit.num_actions, bandit.num_episodes) == ("bandit-10-100", 10, 100)
    assert bandit.ceiling is not None
    assert bandit.ceiling.total == 83.8
    assert make_bandit(num_arms=3, num_pulls=7).ceiling is None
