"""Sampling against closed forms and against counts."""

# mypy: disable-error-code="arg-type, index"

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gameagent_sdk.authoring import action_probabilities, sample_actions
from gameagent_sdk.engine.sampling import one_row_action, one_row_probabilities

LOGITS = np.log(np.array([[1.0, 2.0, 5.0]], np.float32))


def test_probabilities_are_a_softmax() -> None:
    np.testing.assert_allclose(action_probabilities(LOGITS), [[1 / 8, 2 / 8, 5 / 8]], rtol=1e-6)


def test_temperature_divides_the_logits() -> None:
    np.testing.assert_allclose(action_probabilities(LOGITS, temperature=0.5), [[1 / 30, 4 / 30, 25 / 30]], rtol=1e-6)
    np.testing.assert_array_equal(action_probabilities(LOGITS, temperature=0), [[0, 0, 1]])


def test_illegal_actions_have_no_chance() -> None:
    legal = np.array([[True, True, False]])
    np.testing.assert_allclose(action_probabilities(LOGITS, legal), [[1 / 3, 2 / 3, 0]], rtol=1e-6)
    np.testing.assert_array_equal(action_probabilities(LOGITS, legal, temperature=0), [[0, 1, 0]])


@pytest.mark.parametrize("temperature", [0.0, 5e-324, 1e-300, 1e-3, 1.0, 1e300])
@pytest.mark.parametrize("scale", [0.0, 1.0, 1e9, 3e38])
def test_extreme_numbers_still_give_chances_and_a_legal_action(temperature: float, scale: float) -> None:
    logits = np.array([[-scale, scale, 0.0], [scale, -scale, scale]], np.float32)
    legal = np.array([[True, False, True], [False, True, False]])
    probabilities = action_probabilities(logits, legal, temperature)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0)
    assert (probabilities[~legal] == 0).all()
    for seed in range(20):
        actions = sample_actions(probabilities, np.random.default_rng(seed))
        assert legal[[0, 1], actions].all()


class Uniform:
    """A generator that gives the number it was made with."""

    def __init__(self, number: Any) -> None:
        self.number = number

    def random(self, size: Any) -> NDArray[Any]:
        return np.full(size, self.number)


@pytest.mark.parametrize("number", [0.0, 1.0 - 2**-53, 1.0])
def test_the_ends_of_the_unit_interval_draw_possible_actions(number: Any) -> None:
    probabilities = np.array([[0.0, 0.3, 0.7, 0.0], [0.1 + 0.2, 0.7, 0.0, 0.0], [1 / 3, 1 / 3, 1 / 3, 0.0]])
    actions = sample_actions(probabilities, Uniform(number))
    np.testing.assert_array_equal(actions, [1, 0, 0] if number == 0 else [2, 1, 2])


def test_counts_follow_the_chances() -> None:
    chances = np.array([0.1, 0.0, 0.6, 0.3])
    actions = sample_actions(np.tile(chances, (20_000, 1)), np.random.default_rng(0))
    counts = np.bincount(actions, minlength=4)
    spread = np.sqrt(20_000 * chances * (1 - chances))  # binomial standard deviation
    assert (np.abs(counts - 20_000 * chances) <= 4 * spread).all()


@pytest.mark.parametrize("temperature", [0.0, 5e-324, 1e-3, 0.7, 1.0, 30.0, 1e300])
@pytest.mark.parametrize("masked", [False, True])
def test_one_row_is_as_many_rows(temperature: float, masked: bool) -> None:
    rng = np.random.default_rng(0)
    for scale in (0.0, 1.0, 40.0, 1e38):
        logits = (rng.normal(size=(1, 6)) * scale).astype(np.float32)
        legal = rng.random((1, 6)) < 0.5 if masked else None
        if legal is not None:
            legal[0, 3] = True
        expected = action_probabilities(logits, legal, temperature)
        given = one_row_probabilities(logits[0].tolist(), legal[0].tolist() if masked else None, temperature, 1.0)
        np.testing.assert_allclose(given, expected[0], rtol=1e-12, atol=1e-300)
        uniforms = np.random.default_rng(1).random(50)
        drawn = [one_row_action(given, u) for u in uniforms]
        same = np.random.default_rng(1)
        assert drawn == [int(sample_actions(expected, same)[0]) for _ in range(50)]


@pytest.mark.parametrize("strength", [0.0, 0.25, 1.0])
def test_strength_mixes_with_a_random_legal_action(strength: float) -> None:
    given = one_row_probabilities(LOGITS[0].tolist(), [True, False, True], 1.0, strength)
    expected = strength * np.array([1 / 6, 0, 5 / 6]) + (1 - strength) * np.array([1 / 2, 0, 1 / 2])
    np.testing.assert_allclose(given, expected, rtol=1e-6)


def test_rounding_never_draws_an_impossible_action() -> None:
    assert one_row_action([0.0, 0.5, 0.0], np.nextafter(1.0, 0.0)) == 1
    assert one_row_action([0.1, 0.2, 0.0], 1.0) == 1
    assert one_row_action([0.0, 0.0, 1.0], 0.0) == 2
