"""Belief outputs in the game's units, against numbers worked out by hand."""

# mypy: disable-error-code="misc, union-attr"

import numpy as np
import pytest

from gameagent_sdk import Belief
from gameagent_sdk.authoring import BeliefSpec
from gameagent_sdk.engine.beliefs import decode_beliefs

SPECS = (
    BeliefSpec("gravity", "categorical", options=("low", "high"), values=(2.0, 10.0), unit="m/s2"),
    BeliefSpec("worth", "scalar", 0, center=1.0, scale=2.0, unit="points"),
    BeliefSpec("worth", "scalar", 1, center=1.0, scale=2.0, unit="points"),
    BeliefSpec("owner", "categorical", options=("us", "them", "none")),
)
OUTPUT = np.array([0.25, 0.75, -1.5, 0.25, 0.5, 3.0, 0.2, 0.5, 0.3], np.float32)


@pytest.fixture
def beliefs() -> dict[str, Belief | tuple[Belief, ...]]:
    return decode_beliefs(SPECS, OUTPUT)


def test_rules_come_in_the_manifest_s_order(beliefs: dict[str, Belief | tuple[Belief, ...]]) -> None:
    assert list(beliefs) == ["gravity", "worth", "owner"]


def test_a_categorical_of_numbers(beliefs: dict[str, Belief | tuple[Belief, ...]]) -> None:
    gravity = beliefs["gravity"]
    assert gravity.probabilities == {"low": 0.25, "high": 0.75}
    assert (gravity.best, gravity.confidence, gravity.unit) == ("high", 0.75, "m/s2")
    assert gravity.mean == 0.25 * 2 + 0.75 * 10
    assert gravity.std == pytest.approx(8 * np.sqrt(0.25 * 0.75))  # two points eight apart


def test_a_categorical_of_labels_has_no_mean(beliefs: dict[str, Belief | tuple[Belief, ...]]) -> None:
    owner = beliefs["owner"]
    assert (owner.best, owner.mean, owner.std) == ("them", None, None)
    assert owner.confidence == pytest.approx(0.5)


def test_an_array_of_scalars(beliefs: dict[str, Belief | tuple[Belief, ...]]) -> None:
    sure, unsure = beliefs["worth"]
    assert (sure.mean, sure.std, sure.best) == (1.0 - 3.0, 0.5, -2.0)
    assert sure.confidence == pytest.approx(1 - 0.5 / (2 / 3**0.5))  # against a uniform belief over a range of 2 x 2
    assert (unsure.mean, unsure.std, unsure.confidence) == (2.0, 6.0, 0.0)  # less sure than a uniform belief
    assert sure.probabilities == {}


def test_chances_that_drifted_are_brought_back() -> None:
    drifted = np.array([0.6, 0.6, 0, 0, 0, 0, -1e-8, 0, 0], np.float32)
    beliefs = decode_beliefs(SPECS, drifted)
    assert beliefs["gravity"].probabilities == {"low": 0.5, "high": 0.5}
    assert sum(beliefs["owner"].probabilities.values()) == pytest.approx(1.0)


def test_no_slots_no_beliefs() -> None:
    assert decode_beliefs((), np.zeros(0, np.float32)) == {}


def test_values_of_any_size_raise_nothing() -> None:
    spec = BeliefSpec("mass", "categorical", options=("none", "all"), values=(-1e308, 1e308))
    belief = decode_beliefs((spec,), np.array([0.5, 0.5], np.float32))["mass"]
    assert belief.mean == 0.0 and belief.std == np.inf
