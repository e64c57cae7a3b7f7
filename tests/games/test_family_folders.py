"""What every folder of `gameagent_games.families` holds, and that its tests are there. No list names them."""

from pathlib import Path

import pytest

from gameagent_games import load_family
from gameagent_games.registry import built_in_names, family_folder

NAMES = built_in_names()


def test_our_families_are_found() -> None:
    assert {"bandit", "forage", "gridnavi", "navigation"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_folder_holds_rules_a_view_a_page_and_golden_plays(name: str) -> None:
    files = {path.name for path in family_folder(name).iterdir()}
    assert {"family.py", "rules.py", "view.py", "README.md", "golden"} <= files
    assert load_family(name).name == name


@pytest.mark.parametrize("name", NAMES)
def test_its_page_describes_every_rule_and_the_version(name: str) -> None:
    page, family = (family_folder(name) / "README.md").read_text(encoding="utf-8"), load_family(name)
    assert page.startswith(f"# {name}\n")
    for rule in family.space.rules:
        assert f"| `{rule.name}` |" in page
    assert f"\n| {family.version} | " in page


@pytest.mark.parametrize("name", NAMES)
def test_it_has_tests_of_its_own(name: str) -> None:
    assert (Path(__file__).parent / f"test_{name}.py").is_file()
