"""Advantages over trials, beside their definition written out as a double sum."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from gameagent.returns import trial_advantages


def defined_advantage(rewards: list[Any], values: list[Any], gamma: float, lam: float) -> list[Any]:
    """Schulman et al. 2016, eq. 16, for one trial: A_t = sum over l of (gamma lambda)^l delta_{t+l}."""
    following = [*values, 0.0][1:]
    deltas = [r + gamma * v_next - v for r, v_next, v in zip(rewards, following, values, strict=True)]
    return [
        sum((gamma * lam) ** offset * delta for offset, delta in enumerate(deltas[t:])) for t in range(len(rewards))
    ]


def advantages(
    rewards: Any,
    values: Any,
    gamma: float,
    lam: float,
    lengths: list[Any] | None = None,
) -> NDArray[Any]:
    rewards, values = torch.tensor(rewards, dtype=torch.float64), torch.tensor(values, dtype=torch.float64)
    lengths = [len(rewards)] * rewards.shape[1] if lengths is None else lengths
    valid = torch.arange(len(rewards)).unsqueeze(1) < torch.tensor(lengths)
    return trial_advantages(rewards, values, valid, gamma, lam).numpy()


@given(
    st.lists(st.integers(0, 9), min_size=1, max_size=4),
    st.floats(0, 1),
    st.floats(0, 1),
    st.integers(0, 2**31),
)
def test_equals_the_definition_and_ignores_what_lies_behind_a_trials_end(
    lengths: list[int], gamma: float, lam: float, seed: int
) -> None:
    generator = np.random.default_rng(seed)
    shape = (max(*lengths, 1) + 1, len(lengths))
    rewards, values = generator.normal(size=shape), generator.normal(size=shape)
    got = advantages(rewards, values, gamma, lam, lengths)
    for row, length in enumerate(lengths):
        expected = defined_advantage(list(rewards[:length, row]), list(values[:length, row]), gamma, lam)
        np.testing.assert_allclose(got[:length, row], expected, atol=1e-10)
        assert (got[length:, row] == 0).all()


def test_lambda_one_is_the_discounted_return_minus_the_value() -> None:
    got = advantages([[1.0], [2.0], [4.0]], [[0.5], [7.0], [-3.0]], 0.5, 1.0)
    np.testing.assert_allclose(got[:, 0], [1 + 0.5 * 2 + 0.25 * 4 - 0.5, 2 + 0.5 * 4 - 7, 4 + 3])


def test_lambda_zero_is_the_one_step_error() -> None:
    got = advantages([[1.0], [2.0], [4.0]], [[0.5], [7.0], [-3.0]], 0.5, 0.0)
    np.testing.assert_allclose(got[:, 0], [1 + 0.5 * 7 - 0.5, 2 - 0.5 * 3 - 7, 4 + 3])


def test_trials_in_a_row_are_credited_each_by_itself() -> None:
    rewards, values = (
        torch.tensor([[1.0], [2.0], [4.0], [8.0], [5.0]]),
        torch.tensor([[3.0], [1.0], [2.0], [6.0], [9.0]]),
    )
    valid, trials = torch.tensor([[True]] * 4 + [[False]]), torch.tensor([[0.0], [0.0], [1.0], [1.0], [0.0]])
    got = trial_advantages(rewards, values, valid, 0.5, 0.8, trials)
    first, third = 1 + 0.5 * 1 - 3, 4 + 0.5 * 6 - 2
    np.testing.assert_allclose(got[:, 0], [first + 0.4 * (2 - 1), 2 - 1, third + 0.4 * (8 - 6), 8 - 6, 0.0])


def test_credit_crosses_the_ends_of_episodes_and_stops_at_the_trials_end() -> None:
    # Ten episodes of one step; only the last one pays. The first decision is credited with gamma^9.
    rewards = np.zeros((10, 1))
    rewards[-1] = 1.0
    got = advantages(rewards, np.zeros((10, 1)), 0.9, 1.0)
    assert got[0, 0] == pytest.approx(0.9**9)
    # A row whose trial ended after five steps sees nothing of what is written behind its end.
    both = np.repeat(rewards, 2, axis=1)
    assert (advantages(both, np.zeros((10, 2)), 0.9, 1.0, [10, 5])[:, 1] == 0).all()
