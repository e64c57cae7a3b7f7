"""The two kinds of actions answer the same questions; what they answer was worked out by hand."""

# mypy: disable-error-code="arg-type, comparison-overlap"

import math

import numpy as np
import pytest

from gameagent_sdk import InputError, SdkError
from gameagent_sdk.authoring import ActionSpec, BoxOutput
from gameagent_sdk.engine.actions import BoxActions, Decision, DiscreteActions, actions_of, divergence

CHOICE = ActionSpec(("left", "stay", "right"))
BOX = ActionSpec(("steer", "throttle"), kind="box", low=(-1.0, 0.0), high=(1.0, 8.0))


def encoded(spec: ActionSpec, value: object, num_rows: int = 0) -> list[object]:
    out = np.full((num_rows, len(spec.names)) if num_rows else len(spec.names), 9.0, np.float32)
    actions = actions_of(spec)
    actions.encode(actions.check(value, (num_rows,) if num_rows else ()), out)
    return out.tolist()  # type: ignore[no-any-return]


def test_the_manifest_decides_on_the_kind() -> None:
    assert isinstance(actions_of(CHOICE), DiscreteActions) and isinstance(actions_of(BOX), BoxActions)


def test_one_row_is_encoded_as_many_are() -> None:
    assert encoded(CHOICE, 2) == [0.0, 0.0, 1.0]
    assert encoded(CHOICE, [2, 0], 2) == [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]
    assert encoded(BOX, [0.5, 6.0]) == [0.5, 0.5]
    assert encoded(BOX, [[0.5, 6.0], [-9.0, 9.0]], 2) == [[0.5, 0.5], [-1.0, 1.0]]  # cut to the bounds


@pytest.mark.parametrize(
    ("spec", "value", "message"),
    [
        (CHOICE, 3, "from 0 to 2, given 3"),
        (CHOICE, 1.0, "must be an integer"),
        (CHOICE, [1], "shape"),
        (BOX, [0.0], r"of shape \(2,\), one for each of steer, throttle"),
        (BOX, [math.nan, 0.0], "given nan"),
    ],
)
def test_what_is_not_an_action_is_refused(spec: ActionSpec, value: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        encoded(spec, value)


def test_a_decision_goes_through_arrays() -> None:
    decisions = {
        CHOICE: Decision(1, [0.25, 0.5, 0.25]),
        BOX: Decision([1.0, 4.0], (), [1.5, 4.0], [0.0, 3.0], [2.0, 1.0]),
    }
    for spec, decision in decisions.items():
        actions = actions_of(spec)
        index, arrays = actions.to_arrays(decision)
        assert 0 <= index < actions.num_indices
        again = actions.from_arrays(index, arrays)
        assert again == decision
        assert actions.fault(np.zeros((1, len(spec.names)), np.float32), again) == ""


def test_readings_of_the_other_kind_are_refused() -> None:
    with pytest.raises(SdkError, match=r"see agent\.probabilities"):
        actions_of(CHOICE).distribution(Decision(0))
    with pytest.raises(SdkError, match=r"see agent\.distribution"):
        actions_of(BOX).probabilities(Decision([0.0, 0.0]))


def test_a_gradient_learns_from_what_was_drawn_unless_something_else_was_done() -> None:
    """8 is drawn as 16: three half widths above the middle, where the bound is one."""
    decision, clipped = Decision([0.0, 8.0], (), [0.0, 16.0], [0.0, 4.0], [1.0, 1.0]), np.float32([0.0, 1.0])
    actions = actions_of(BOX)
    assert actions.taught([0.0, 8.0], decision, clipped).tolist() == [0.0, 3.0]
    assert actions.taught([0.0, 4.0], decision, clipped) is clipped
    assert actions_of(CHOICE).taught(1, Decision(1, [0.0, 1.0]), clipped) is clipped


def test_rows_are_sampled_by_kind() -> None:
    """At a temperature of 0 the likeliest legal action is taken, and the mean, cut to the bounds."""
    logits, legal = np.float32([[0.0, 2.0, 1.0], [5.0, 0.0, 0.0]]), np.array([[True, False, True], [True, True, True]])
    rng = np.random.default_rng(0)
    assert actions_of(CHOICE).sample(logits, legal, 0.0, rng).tolist() == [2, 0]
    given = BoxOutput(np.float32([[0.5, 99.0]]), np.float32([[0.0, 0.0]]))
    assert actions_of(BOX).sample(given, None, 0.0, rng).tolist() == [[0.5, 8.0]]


def test_divergences_are_those_of_the_text_book() -> None:
    """Of (0.5, 0.5) from (0.25, 0.75), and of normal distributions one deviation apart or one twice as wide."""
    halves, quarters = np.array([[0.5, 0.5]]), np.array([[0.25, 0.75]])
    expected = 0.5 * math.log(2.0) + 0.5 * math.log(2.0 / 3.0)
    assert divergence((halves,), (quarters,)) == pytest.approx(expected, rel=1e-12)
    zero, one, two = np.zeros((1, 1)), np.ones((1, 1)), np.full((1, 1), 2.0)
    assert divergence((zero, one), (one, one)) == pytest.approx(0.5, rel=1e-12)
    assert divergence((zero, one), (zero, two)) == pytest.approx(math.log(2.0) + 1.0 / 8.0 - 0.5, rel=1e-12)
    assert divergence((np.zeros((0, 2)),), (np.zeros((0, 2)),)) == 0.0
