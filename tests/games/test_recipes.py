"""Training settings from a family's folder: which file is read, and what goes over what."""

from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

from gameagent_games import FamilyError, load_family
from gameagent_games.family_files import RECIPE, family_file
from gameagent_games.recipes import recipe
from gameagent_games.registry import built_in_names, family_folder

SOURCE = """
from dataclasses import replace
from gameagent_games import load_family
def start(state, variant): pass
def step(state, variant, actions, rewards): return True
def observe(state, variant, seat, observation): observation[0] = 1.0
BANDIT = load_family("bandit")
OTHER = replace(BANDIT, name="other", source=replace(BANDIT.source, start=start, step=step, observe=observe))
"""


@pytest.fixture
def others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> ModuleType:
    """A third party's module with a family, in a folder of its own."""
    name = f"others_{abs(hash(request.node.name))}"
    (tmp_path / f"{name}.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(str(tmp_path))
    return import_module(name)


def test_a_third_partys_family_has_its_file_beside_its_rules(others: ModuleType) -> None:
    assert family_file(others.OTHER, RECIPE) is None
    assert recipe(others.OTHER, "rl2") == {}
    path = Path(str(others.__file__)).with_name("train.toml")
    path.write_text("steps = 5\ndiscount = 0.5\n[maml]\ndiscount = 0.75\n")
    assert family_file(others.OTHER, RECIPE) == path
    assert recipe(others.OTHER, "rl2") == {"steps": 5, "discount": 0.5}
    assert recipe(others.OTHER, "maml") == {"steps": 5, "discount": 0.75}


def test_a_familys_own_settings_go_over_the_file_and_a_methods_over_the_common_ones(others: ModuleType) -> None:
    path = Path(str(others.__file__)).with_name("train.toml")
    path.write_text("a = 1\nb = 1\nc = 1\n[maml]\nb = 2\nd = 2\n")
    family = replace(others.OTHER, training={"a": 3, "b": 3, "maml": {"c": 4, "d": 4}})
    assert recipe(family, "rl2") == {"a": 3, "b": 3, "c": 1}
    assert recipe(family, "maml") == {"a": 3, "b": 2, "c": 4, "d": 4}


def test_what_cannot_be_read_is_named(others: ModuleType) -> None:
    path = Path(str(others.__file__)).with_name("train.toml")
    path.write_text("steps = \n")
    with pytest.raises(FamilyError, match=r"train.toml cannot be read as the training settings of 'other'.*line 1"):
        recipe(others.OTHER, "rl2")
    path.write_text("maml = 3\n")
    with pytest.raises(FamilyError, match="'other' have maml = 3, not a table"):
        recipe(others.OTHER, "maml")
    assert recipe(others.OTHER, "rl2") == {"maml": 3}  # a setting like any other, which the trainer refuses


def test_families_made_by_a_function_share_a_file(others: ModuleType) -> None:
    path = Path(str(others.__file__)).with_name("train.toml")
    path.write_text("steps = 5\n")
    made = [replace(others.OTHER, name=f"other-{size}", max_steps=size) for size in (2, 100)]
    assert [recipe(family, "rl2") for family in made] == [{"steps": 5}] * 2


def test_our_families_are_learnt_by_memory_with_the_defaults() -> None:
    """What a family of ours suggests hides what the defaults do for a game from outside."""
    for name in built_in_names():
        assert recipe(load_family(name), "rl2") == {}, name
    assert family_file(load_family("navigation"), RECIPE) == family_folder("navigation") / "train.toml"
