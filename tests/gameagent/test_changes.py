"""What the numbers of an observation have changed by: hand-made moves, any unit, and no memory shared with a game's."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from gameagent.nets.changes import Changes, num_numbers
from gameagent.nets.interface import Inputs
from gameagent.nets.network import NUMBERS
from gameagent.workers import Workers
from gameagent_games.interface import Feature

ALONE = Workers()
MIRRORED = "gameagent_games.families.reference.mirrored:MIRRORED"
COSTLY_HINT = "gameagent_games.families.reference.costly_hint:COSTLY_HINT"
FEATURES = (
    Feature("open", 2, kind="flags"),
    Feature("place", 2),
    Feature("kind", 1, low=0.0, high=6.0, kind="category"),
    Feature("map", shape=(1, 2, 2), kind="grid"),
    Feature("speed", 1),
)
D, NUMERIC = 10, [2, 3, 9]


def walks(unit: float = 1.0, offset: float = 0.0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Observations ``(20, 30, D)`` whose numbers walk at random, episode starts and valid steps."""
    generator = np.random.default_rng(5)
    moves = generator.normal(0.0, [0.5, 0.02, 3.0], (20, 30, 3))
    observations = generator.random((20, 30, D))
    observations[..., NUMERIC] = moves.cumsum(0) * unit + offset
    starts = generator.random((20, 30, 1)) < 0.2
    lengths = generator.integers(1, 21, 30)
    valid = np.arange(20)[:, None] < lengths
    observations[~valid] = 1e30  # may hold anything
    as_float = [torch.tensor(array, dtype=torch.float32) for array in (observations, starts)]
    return as_float[0], as_float[1], torch.tensor(valid)


def changes_of(observations: torch.Tensor, starts: torch.Tensor, valid: torch.Tensor) -> Changes:
    changes = Changes(FEATURES, D)
    changes.update(observations, starts, valid, ALONE)
    return changes


def seen(changes: Changes, observations: torch.Tensor, starts: torch.Tensor) -> torch.Tensor:
    numbers = changes.numbers(observations)
    before = torch.cat((torch.zeros_like(numbers[:1]), numbers[:-1]))
    found: torch.Tensor = changes(numbers, before, starts)
    return found


def test_numbers_are_those_of_vectors_in_their_order() -> None:
    assert num_numbers(FEATURES, D) == 3 and num_numbers((), 7) == 7 and num_numbers(FEATURES[:1], 2) == 0
    changes = Changes(FEATURES, D)
    changes.factor.copy_(torch.tensor([1.0, 10.0, 100.0]))
    found = changes.numbers(torch.arange(float(D)))
    assert found.tolist() == [2.0, 30.0, 900.0]
    assert Changes((), 2).numbers(torch.ones(5, 2)).shape == (5, 2)
    assert Changes(FEATURES[:1], 2).numbers(torch.ones(5, 2)).shape == (5, 0)


def test_changes_come_by_their_usual_size_within_an_episode_alone() -> None:
    observations, starts, valid = walks()
    changes = changes_of(observations, starts, valid)
    moves = np.diff(observations[..., NUMERIC].double().numpy(), axis=0)
    going_on = (valid[1:] & (starts[1:, :, 0] == 0.0)).numpy()
    usual = np.sqrt((moves[going_on] ** 2).mean(0))
    np.testing.assert_allclose(usual, [0.5, 0.02, 3.0], rtol=0.15)
    sizes = moves / usual
    expected = np.where(going_on[..., None], np.sign(sizes) * np.log1p(abs(sizes)), 0.0)
    found = seen(changes, observations, starts).numpy()
    np.testing.assert_allclose(found[1:][valid[1:]], expected[valid[1:]], atol=2e-3)
    assert (found[starts[..., 0] == 1.0] == 0.0).all() and (starts[0, :, 0] == 0.0).any()


@pytest.mark.parametrize(("unit", "offset"), [(1e-8, 0.0), (1e8, 0.0), (1.0, 10.0), (-3.0, 0.0)])
def test_they_are_the_same_whatever_the_units(unit: float, offset: float) -> None:
    play = walks()
    expected = seen(changes_of(*play), *play[:2])[1:][play[2][1:]] * np.sign(unit)
    play = walks(unit, offset)
    torch.testing.assert_close(seen(changes_of(*play), *play[:2])[1:][play[2][1:]], expected, atol=5e-3, rtol=0)


@pytest.mark.parametrize("value", [0.0, 1e6, 1e30])
def test_what_never_changes_but_for_rounding_is_zero(value: float) -> None:
    observations, starts, valid = walks()
    observations[..., 2] = value * (1.0 + 1e-7 * torch.rand(20, 30))
    changes = changes_of(observations, starts, valid)
    assert (seen(changes, observations, starts)[1:, :, 0][valid[1:]] == 0.0).all()
    assert (changes.factor > 0.0).tolist() == [False, True, True]


def test_nothing_is_seen_before_anything_was_played() -> None:
    observations, starts, valid = walks()
    assert (seen(Changes(FEATURES, D), observations, starts)[valid] == 0.0).all()
    changes = changes_of(observations, starts, torch.zeros_like(valid))
    assert (changes.factor == 0.0).all()


def inputs_of(family: Any, observation: torch.Tensor, start: float) -> Inputs:
    zeros = torch.zeros(*observation.shape[:-1], family.num_actions)
    start_flag = torch.full_like(zeros[..., :1], start)
    return Inputs(observation, zeros, zeros[..., :1], start_flag, None, zeros[0, :, :0], None)


def test_the_state_is_not_the_games_own_array(lively: Callable[..., Any]) -> None:
    """Games write every observation into the same memory: the one before must outlive that."""
    policy, _, family = lively(MIRRORED)
    policy.changes.factor.fill_(1.0)
    first, second = torch.rand(1, 3, family.observation_size), torch.rand(1, 3, family.observation_size)
    with torch.no_grad():
        array = first.clone()
        _, state = policy(inputs_of(family, array, 1.0), policy.initial_state(3))
        array.copy_(second)
        torch.testing.assert_close(state[NUMBERS], first[0])
        outputs, _ = policy(inputs_of(family, array, 0.0), state)
        expected, _ = policy(inputs_of(family, second, 0.0), state | {NUMBERS: first[0]})
        stale, _ = policy(inputs_of(family, second, 0.0), state | {NUMBERS: second[0]})
    torch.testing.assert_close(outputs.situation, expected.situation)
    assert (outputs.situation - stale.situation).abs().max() > 0.1


def test_what_an_update_played_moves_a_networks_units_of_change(lively: Callable[..., Any]) -> None:
    policy, _, family = lively(MIRRORED)
    observations, starts, valid = walks()
    inputs = inputs_of(family, observations[..., NUMERIC].repeat(1, 1, 2)[..., : family.observation_size], 0.0)
    policy.changes.factor.zero_()
    policy.update_scales(inputs._replace(episode_start=starts), valid.float(), valid, ALONE)
    assert policy.changes.factor.tolist()[:3] == pytest.approx([2.0, 50.0, 1 / 3], rel=0.15)


def test_policies_without_memory_see_no_change_and_games_without_numbers_have_none(lively: Callable[..., Any]) -> None:
    assert NUMBERS not in lively(MIRRORED, memory="none", beliefs=False)[0].initial_state(1)
    assert NUMBERS in lively(MIRRORED)[0].initial_state(1)
    assert NUMBERS not in lively(COSTLY_HINT)[0].initial_state(1)  # categories alone
