"""States that a change of weights is measured on: spread over all of the experience."""

from typing import Any

import numpy as np
import pytest

from gameagent_sdk.adaptation.probes import NUM_PROBES, Probes, possible, spread


def gathered(count: int, start: Any = None) -> Any:
    """Probes of decisions 0, 1, … ``count - 1``, each of which saw its own number."""
    step = {"observation": np.zeros((1, 2), np.float32), "legal_actions": np.ones((1, 3), np.bool_)}
    probes = start or Probes(step)
    for place in range(probes.count, count):
        probes._inputs["observation"][:] = place
        probes._inputs["legal_actions"][:] = place % 2
        probes.perceived()
        probes.decided()
    return probes


@pytest.mark.parametrize("count", [0, 1, 15, 16, 17, 100, 777, 5000])
def test_states_of_all_the_experience_are_kept(count: int) -> None:
    probes = gathered(count)
    places = spread(count)
    assert len(places) == min(count, NUM_PROBES) and probes.places().tolist() == [*places, count]
    rows = probes.rows()
    assert rows["observation"][:, 0].tolist() == places
    assert rows["legal_actions"][:, 0].tolist() == [place % 2 == 1 for place in places]
    if count > NUM_PROBES:
        gaps = np.diff([-1, *places, count])
        assert gaps.max() < 3.0 * count / NUM_PROBES


@pytest.mark.parametrize("length", [7, 8, 10, 16, 21, 32, 34, 50])
def test_no_period_of_episodes_hides_a_part_of_them(length: int) -> None:
    """Each half of 8 episodes' steps, and each half of the episodes, has its share, and few episodes none."""
    places = np.array(spread(8 * length))
    in_episode, episodes = places % length, places // length
    assert np.histogram(in_episode, bins=2, range=(0, length))[0].min() >= 4
    assert np.histogram(episodes, bins=2, range=(0, 8))[0].min() >= 6
    assert len(set(episodes)) >= 7


def test_what_led_to_no_decision_is_not_kept() -> None:
    probes = gathered(40)
    probes._inputs["observation"][:] = -1.0
    for _ in range(3):
        probes.perceived()  # the engine failed
    expected = gathered(200)
    found = gathered(200, probes)
    np.testing.assert_array_equal(found.rows()["observation"], expected.rows()["observation"])


@pytest.mark.parametrize("count", [0, 5, 32, 60])
def test_probes_go_on_from_what_was_saved(count: int) -> None:
    saved = gathered(count)
    rows, places = {name: array.copy() for name, array in saved.rows().items()}, saved.places()
    other = gathered(500)
    other.take_over(rows, places)
    later = gathered(300, other)
    np.testing.assert_array_equal(later.rows()["observation"], gathered(300).rows()["observation"])
    later.clear()
    assert later.count == 0 and len(later.rows()["observation"]) == 0


@pytest.mark.parametrize("places", [[0], [0, 1, 2], [3, 40], [1]])
def test_possible_places(places: Any) -> None:
    assert possible(np.array(places)) == (places in ([0], [0, 1, 2]))


@pytest.mark.parametrize("places", [[-1, 1], [0, 0, 2], [1, 0, 2], [0, 2, 2], [-1], [0, 100]])
def test_impossible_places_are_recognised(places: Any) -> None:
    assert not possible(np.array(places))
