"""Continuous actions: the box itself, families that have one, and what the simulator does with numbers."""

# mypy: disable-error-code="comparison-overlap, union-attr"

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gameagent_games import ActionError, Box, FamilyError, Simulator
from gameagent_games.families.gridnavi.family import GRIDNAVI
from gameagent_games.families.navigation.family import NAVIGATION
from gameagent_games.interface import Family
from two_seat_families import NIM, TUG

both_ways = pytest.mark.parametrize("compiled", [False, True])


def begun(family: Family, num_games: int = 2, compiled: Any = False) -> Simulator:
    simulator = Simulator(family, num_games, compiled=compiled)
    simulator.reset(family.space.sample(num_games, 0), np.arange(num_games))
    return simulator


# -- the box


def test_one_bound_holds_for_every_component() -> None:
    assert Box(("a", "b"), -0.1, 2) == Box(["a", "b"], [-0.1, -0.1], (2.0, 2.0))
    assert Box(("a",)).low == (-1.0,)
    assert Box(("a",)).high == (1.0,)
    assert hash(Box(("a",))) == hash(Box(("a",)))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (((),), "expected different names"),
        ((("a", "a"),), "expected different names"),
        (("ab",), "expected different names"),
        ((("a", "b"), [0.0]), "expected one number or 2"),
        ((("a",), 1.0, 1.0), "'a': low 1.0 and high 1.0"),
        ((("a", "b"), 0.0, (1.0, np.inf)), "'b': low 0.0 and high inf"),
        ((("a",), np.nan), "must be finite"),
    ],
)
def test_boxes_that_make_no_sense_are_refused(arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(FamilyError, match=message):
        Box(*arguments)


@given(st.lists(st.floats(-1e300, 1e300), min_size=2, max_size=2), st.lists(st.floats(0, 1), min_size=2, max_size=2))
def test_clipping_and_scaling_lead_into_the_box(numbers: list[float], shares: list[float]) -> None:
    box = Box(("a", "b"), low=(-0.3, 0.1), high=(0.7, 3.0))
    expected = [min(max(number, low), high) for number, low, high in zip(numbers, box.low, box.high, strict=True)]
    assert box.clip(np.array(numbers)).tolist() == expected
    scaled = box.scale(np.array(shares))
    assert box.clip(scaled).tolist() == scaled.tolist()
    by_hand = [low + share * (high - low) for share, low, high in zip(shares, box.low, box.high, strict=True)]
    np.testing.assert_allclose(scaled, by_hand)


# -- families


def test_a_family_of_numbers_counts_its_components() -> None:
    assert NAVIGATION.box is NAVIGATION.actions
    assert (NAVIGATION.num_actions, NAVIGATION.action_names, NAVIGATION.has_mask) == (2, ("right", "up"), False)
    assert (GRIDNAVI.box, GRIDNAVI.action_names) == (None, ("noop", "up", "right", "down", "left"))
    assert replace(NAVIGATION, actions=Box(("speed",))).num_actions == 1


def test_numbers_cannot_be_masked() -> None:
    with pytest.raises(FamilyError, match="masks discrete actions"):
        replace(NIM, actions=Box(("take",)))


def test_blank_and_random_actions_have_the_form_that_the_simulator_takes() -> None:
    generator = np.random.default_rng(0)
    for family, dtype, shape in ((GRIDNAVI, np.int64, (3, 1)), (NIM, np.int64, (3, 2)), (TUG, np.float64, (3, 2, 2))):
        for actions in (family.blank_actions(3), family.random_actions(generator, 3)):
            assert (actions.dtype, actions.shape) == (dtype, shape)
        assert not family.blank_actions(3).any()


def test_random_numbers_fill_their_box_evenly() -> None:
    drawn = TUG.random_actions(np.random.default_rng(0), 5000).reshape(-1, 2)
    low, high = np.array(TUG.box.low), np.array(TUG.box.high)
    assert (drawn >= low).all()
    assert (drawn <= high).all()
    for component in range(2):
        counts = np.histogram(drawn[:, component], 10, (low[component], high[component]))[0]
        assert counts == pytest.approx([1000] * 10, abs=130)  # four standard deviations
    assert np.corrcoef(drawn.T)[0, 1] == pytest.approx(0, abs=0.04)


# -- the simulator


@both_ways
def test_numbers_outside_the_box_are_clipped_and_the_callers_array_is_not(compiled: Any) -> None:
    simulator = begun(TUG, compiled=compiled)
    strength, rope = simulator.variants["strength"].copy(), simulator.states["rope"].copy()
    given_actions = np.array([[[9.0, 0.5], [-4.0, -2.0]], [[1.0, 0.0], [2.5, 1.0]]])
    kept = given_actions.copy()
    simulator.step(given_actions)
    np.testing.assert_array_equal(given_actions, kept)
    effort = np.stack([np.array([2.0, 1.0]) * [0.75, 1.0], [0.0, 0.0]], axis=1) * strength  # sway 1 leaves nothing
    np.testing.assert_allclose(simulator.states["effort"], effort)
    np.testing.assert_allclose(simulator.states["rope"], rope + effort[:, 1] - effort[:, 0])
    np.testing.assert_allclose(simulator.rewards, [[-0.02, 0.0], [-0.01, -0.02]])
    assert simulator.legal_actions.all()


@both_ways
def test_single_precision_is_taken_and_clipped_to_the_exact_bound(compiled: Any) -> None:
    simulator = begun(NAVIGATION, 1, compiled)
    simulator.step(np.full((1, 1, 2), 0.1, np.float32))  # a little more than 0.1
    assert simulator.states["x"].tolist() == [0.1]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_name_their_game_and_change_nothing(bad: Any) -> None:
    simulator = begun(TUG, 3)
    actions = TUG.blank_actions(3)
    actions[2, 1, 0] = bad
    before = simulator.states.tobytes()
    with pytest.raises(ActionError, match=r"'tug': seat 'seat_1' of game 2 got action \[-?(nan|inf), 0\.0\]"):
        simulator.step(actions)
    assert simulator.states.tobytes() == before


@pytest.mark.parametrize(
    "actions", [np.zeros((2, 2, 2), np.int64), np.zeros((2, 2)), np.zeros((1, 2, 2)), np.zeros((2, 2, 3))]
)
def test_wrong_shapes_and_whole_numbers_are_refused(actions: Any) -> None:
    with pytest.raises(ActionError, match=r"expected floats of shape \(2, 2, 2\)"):
        begun(TUG).step(actions)


def test_a_strong_side_wins_by_hand() -> None:
    simulator = Simulator(TUG, 1, num_episodes=1, compiled=False)
    simulator.reset(TUG.space.records([{"strength": [1.0, 0.5]}]), np.array([0]))
    rope = float(simulator.states["rope"][0])
    steps = 0
    while not simulator.finished[0]:
        simulator.step(np.array([[[2.0, 0.0], [2.0, 0.0]]]))  # two metres against one
        steps += 1
    assert steps == np.ceil(3.0 + rope)
    np.testing.assert_allclose(simulator.rewards, [[0.98, -1.02]])
