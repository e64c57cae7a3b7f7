"""What every reference family must have: a sound game, a known ceiling, no settings, a line in the package's table."""

import pytest

from gameagent_games import check_family, family_names, load_family
from gameagent_games.families import reference
from gameagent_games.family_files import RECIPE
from gameagent_games.interface import Family
from gameagent_games.registry import built_in_names, family_folder
from reference_play import reference_families, reference_places

PLACES = reference_places()


def test_the_package_is_no_family_of_its_own() -> None:
    assert (family_folder("reference") / "__init__.py").is_file()
    assert "reference" not in built_in_names()
    assert "reference" not in family_names()
    assert "gridnavi" in built_in_names()


@pytest.mark.parametrize("place", PLACES)
def test_the_table_names_every_family(place: str) -> None:
    assert reference.__doc__ is not None
    assert f"\n| `{place.removeprefix(reference.__name__ + '.')}` |" in reference.__doc__


def test_names_are_unique() -> None:
    names = [*(family.name for family in reference_families()), *family_names()]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("place", PLACES)
def test_a_ceiling_fits_the_family(place: str) -> None:
    family = load_family(place)
    assert family.ceiling is not None
    assert family.ceiling.num_episodes == family.num_episodes
    assert family.ceiling.source
    if family.ceiling.episodes is not None:
        assert len(family.ceiling.episodes) == family.num_episodes
        assert sum(family.ceiling.episodes) == pytest.approx(family.ceiling.total, abs=0.01 * family.num_episodes)


@pytest.mark.parametrize("place", PLACES)
def test_there_are_no_settings(place: str) -> None:
    assert not load_family(place).training
    assert not (family_folder("reference") / RECIPE).exists()


@pytest.mark.slow
@pytest.mark.parametrize("family", reference_families(), ids=lambda family: family.name)
def test_the_game_is_sound(family: Family) -> None:
    check_family(family).raise_for_failures()
