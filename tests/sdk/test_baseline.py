"""Advantages from few steps: fits that follow no noise, and nothing made of nothing."""

# mypy: disable-error-code="return-value"

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gameagent_sdk.adaptation.advantages import advantages
from gameagent_sdk.adaptation.baseline import RIDGES, linear_baseline
from gameagent_sdk.authoring import AdvantageSpec

NUM_FEATURES, GAMMA = 15, 0.95  # 34 features with their squares and four powers of time


def walks(generator: Any, num_episodes: Any, num_steps: int) -> Any:
    """A state that drifts and is pushed by actions, and pays in proportion to its place; advantages in closed form.

    Returns:
        observations, rewards, ends, true advantages.
    """
    pay, push = generator.normal(size=(2, NUM_FEATURES)) / np.sqrt(NUM_FEATURES)
    steps = []
    for _ in range(num_episodes):
        state = generator.normal(size=NUM_FEATURES)
        for t in range(num_steps):
            action = generator.choice([-1.0, 1.0])
            felt = sum(GAMMA**k * 0.7 ** (k - 1) for k in range(1, num_steps - t))  # of a push, by what follows
            steps.append((state, pay @ state + 0.3 * action, t == num_steps - 1, action * (0.3 + felt * pay @ push)))
            state = 0.7 * state + push * action + 0.1 * generator.normal(size=NUM_FEATURES)
    observations, rewards, ends, true = (np.array(part, np.float32) for part in zip(*steps, strict=True))
    return observations, rewards[:, None], ends[:, None], true


def bandits(generator: Any, num_episodes: Any, num_steps: int) -> Any:
    """Rewards of which the action explains half, the context half: observations, rewards, ends, true advantages."""
    contexts, weights = (
        generator.normal(size=(num_episodes * num_steps, NUM_FEATURES)),
        generator.normal(size=NUM_FEATURES),
    )
    true = generator.choice([-1.0, 1.0], size=len(contexts))
    rewards = contexts @ weights / np.sqrt(NUM_FEATURES) + true
    ends = np.tile(np.arange(num_steps) == num_steps - 1, num_episodes)
    observations, rewards, ends, true = (np.array(part, np.float32) for part in (contexts, rewards, ends, true))
    return observations, rewards[:, None], ends[:, None], true


def usual_fit(observations: Any, rewards: Any, ends: Any) -> Any:
    """Advantages by plain least squares, as of Duan et al. 2016: what interpolates where rows are few."""
    num_steps = int(np.flatnonzero(ends[:, 0])[0]) + 1
    time = np.tile(np.arange(num_steps), len(ends) // num_steps) / 100.0
    returns = rewards.reshape(-1, num_steps).astype(float)
    for t in range(num_steps - 2, -1, -1):
        returns[:, t] += GAMMA * returns[:, t + 1]
    seen = observations.astype(float)
    features = np.concatenate([seen, seen**2, time[:, None] ** np.arange(4)], axis=1)
    targets = returns.reshape(-1)
    coefficients = np.linalg.solve(features.T @ features + 1e-5 * np.eye(features.shape[1]), features.T @ targets)
    return targets - features @ coefficients  # lambda = 1


def correlation(
    process: Any, num_episodes: int, num_steps: int, estimate: Callable[..., Any], repeats: Any = 40
) -> float:
    found = []
    for seed in range(repeats):
        observations, rewards, ends, true = process(np.random.default_rng(seed), num_episodes, num_steps)
        found.append(np.corrcoef(estimate(observations, rewards, ends).ravel(), true)[0, 1])
    return float(np.mean(found))


def ours(observations: Any, rewards: Any, ends: Any) -> NDArray[np.float64]:
    return advantages(observations, rewards, ends, AdvantageSpec(GAMMA, 1.0, True))


@pytest.mark.parametrize(("num_episodes", "num_steps"), [(1, 32), (2, 16)])
@pytest.mark.parametrize("process", [walks, bandits])
def test_few_steps_tell_good_actions_from_bad_ones_where_least_squares_tells_nothing(
    process: Any, num_episodes: int, num_steps: int
) -> None:
    assert correlation(process, num_episodes, num_steps, usual_fit) < 0.12
    assert correlation(process, num_episodes, num_steps, ours) > 0.3


@pytest.mark.parametrize("process", [walks, bandits])
def test_many_steps_give_what_least_squares_gives(process: Any) -> None:
    observations, rewards, ends, _ = process(np.random.default_rng(0), 100, 32)
    assert np.corrcoef(ours(observations, rewards, ends).ravel(), usual_fit(observations, rewards, ends))[0, 1] > 0.995


def reference_values(observations: Any, time: NDArray[np.int64], returns: Any) -> Any:
    """The same by hat matrices: one for each candidate, its residuals and its trace."""
    count, seen = len(returns), np.clip(observations, -10, 10)
    features = np.concatenate([(time[:, None] / 100.0) ** np.array([1, 2, 3]), seen, seen**2], axis=1)
    mean = np.full((count, count), 1.0 / count)
    candidates = [mean]
    for size in (3, features.shape[1]):
        columns = [column for column in features.T[:size] if column.std() > 1e-8 * max(1.0, abs(column.mean()))]
        scaled = np.array([(column - column.mean()) / column.std() for column in columns]).reshape(-1, count).T
        for ridge in RIDGES:
            inverse = np.linalg.inv(scaled.T @ scaled + ridge * count * np.eye(scaled.shape[1]))
            candidates.append(mean + scaled @ inverse @ scaled.T)
    fits, scores = [], []
    for hat in candidates:
        share = 1.0 - 2.0 * np.trace(hat) / count
        fits.append(hat @ returns)
        scores.append(((returns - fits[-1]) ** 2).sum() / share**2 if share > 0 else np.inf)
    return fits[int(np.argmin(scores))]


@pytest.mark.parametrize("seed", range(25))
def test_the_fit_is_that_of_the_least_score_of_cross_validation(seed: int) -> None:
    generator = np.random.default_rng(seed)
    count, size = int(generator.integers(3, 120)), int(generator.integers(1, 20))
    observations = generator.normal(size=(count, size)) * 10.0 ** generator.uniform(-2, 1)
    observations[:, 0] = 4.0
    time = np.arange(count) % int(generator.integers(1, count + 1))
    returns = generator.normal(size=count) + observations[:, -1] * generator.normal() + 0.3 * time * generator.normal()
    found = linear_baseline(observations, time, returns)
    np.testing.assert_allclose(found, reference_values(observations, time, returns), atol=1e-6 * np.abs(returns).max())


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_step_or_two_are_compared_with_their_mean(count: int) -> None:
    returns = np.array([1.0, 5.0, 3.0])[:count]
    found = linear_baseline(np.arange(count, dtype=float)[:, None], np.arange(count), returns)
    np.testing.assert_allclose(found, returns.mean())


def episodes(*rewards: Any) -> Any:
    """Rewards (T, 1) and ends (T, 1) of some episodes."""
    ends = [np.arange(len(one)) == len(one) - 1 for one in rewards]
    return np.concatenate(rewards).astype(np.float32)[:, None], np.concatenate(ends).astype(np.float32)[:, None]


@pytest.mark.parametrize("standardise", [True, False])
@pytest.mark.parametrize(
    ("rewards", "teaches"),
    [
        (([3.0] * 8,), False),  # one episode, one reward
        (([3.0, -1.0, 2.0, 0.1],) * 3, False),  # whatever was done, it paid the same
        (([3e30] * 5,) * 2, False),
        (([1e6, 0.0, 1e6], [1e6, 1e-3, 1e6]), False),  # a rounding
        (([3.0, -1.0, 2.0, 0.1], [3.0, -1.0, 2.0, 0.3]), True),
        (([1.0] * 4, [1.0] * 6), True),  # who lives longer earns more
        (([1.0, 0.0, 1.0, 1.0],), True),
    ],
)
def test_nothing_is_learnt_if_all_episodes_went_alike(
    rewards: tuple[Any, ...], teaches: bool, standardise: bool
) -> None:
    told, ends = episodes(*rewards)
    observations = np.random.default_rng(0).normal(size=(len(told), 3)).astype(np.float32)
    found = advantages(observations, told, ends, AdvantageSpec(0.9, 0.8, standardise))
    assert np.isfinite(found).all() and found.any() == teaches


def test_what_is_not_finite_stays_so() -> None:
    rewards = np.array([[1.0], [np.nan], [2.0]], np.float32)
    ends = np.array([[0.0], [0.0], [1.0]], np.float32)
    found = advantages(np.zeros((3, 2), np.float32), rewards, ends, AdvantageSpec(0.9, 0.8, True))
    assert not np.isfinite(found).any()
