"""How much better than usual each action of some episodes went: what a policy gradient learns from.

In double precision, so that it is the same in the trainer: see `gameagent.algorithms.meta_batch.judge`.
"""

import numpy as np
from numpy.typing import NDArray

from gameagent_sdk.manifest import AdvantageSpec

RIDGE = 1e-5
TINY = 1e-8  # of the largest return, or of 1: what varies less is rounding
MOST = 10.0  # of a feature
MOST_SCALE = 3.0  # of a step


def advantages(
    observations: NDArray[np.float32],
    rewards: NDArray[np.float32],
    episode_end: NDArray[np.float32],
    spec: AdvantageSpec,
) -> NDArray[np.float32]:
    """Generalised advantage estimation (Schulman et al. 2016, eq. 16) within episodes.

    Values are a least-squares fit of the discounted returns of these very steps to the observation, its square, and
    powers zero to three of time (Duan et al. 2016, the linear-feature baseline that Finn et al. 2017 use).

    Args:
        observations: float32 (T, D), of whole episodes one behind the other.
        rewards: float32 (T, 1).
        episode_end: float32 (T, 1), 1 at each episode's last step, else 0.
        spec: see there.

    Returns:
        float32 (T, 1); not finite where rewards are not.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        told = rewards[:, 0].astype(np.float64)
        goes_on = 1.0 - episode_end[:, 0].astype(np.float64)
        returns = _sums(told, goes_on, spec.discount)
        seen = np.clip(observations.astype(np.float64), -MOST, MOST)
        time = (_steps_into_episode(goes_on) / 100.0)[:, None] ** np.arange(4)
        features = np.concatenate([seen, seen * seen, time], axis=1)
        normal = features.T @ features + RIDGE * np.eye(features.shape[1])
        values = features @ np.linalg.solve(normal, features.T @ returns)
        following = np.append(values[1:], 0.0) * goes_on
        surprises = told + spec.discount * following - values
        found = _sums(surprises, goes_on, spec.discount * spec.gae_lambda)
        if spec.standardise:
            found = found - found.mean()
            found = found / (np.sqrt(np.square(found).mean()) + TINY * max(1.0, np.abs(returns).max()))
        return found.astype(np.float32)[:, None]


def step_scale(mean_returns: NDArray[np.float64], spec: AdvantageSpec) -> NDArray[np.float64]:
    """How long a gradient step is: the nearer the best return, the shorter.

    It is in proportion to the shortfall, as Polyak's step size is (Polyak 1987, sec. 5.3), and bounded, as in Loizou et
    al. 2021 (SPS_max); the gradient gives the direction alone, as its length says little where advantages are
    standardised. Without it a step knows in which direction things get better, but not how far that is good.

    Args:
        mean_returns: undiscounted, of an episode; any shape.
        spec: what they are compared with.

    Returns:
        Factors from 0 to 3, in that shape; 1 where the spec has no best return; NaN where a return is.
    """
    if spec.best_return is None or spec.usual_return is None:
        return np.ones_like(mean_returns)
    shortfall = (spec.best_return - mean_returns) / (spec.best_return - spec.usual_return)
    return np.clip(shortfall, 0.0, MOST_SCALE)


def _sums(numbers: NDArray[np.float64], goes_on: NDArray[np.float64], factor: float) -> NDArray[np.float64]:
    """What follows each step within its episode, itself included, weighted by powers of a factor."""
    sums, running = np.empty_like(numbers), 0.0
    kept = (factor * goes_on).tolist()
    for step in range(len(numbers) - 1, -1, -1):
        running = numbers[step] + kept[step] * running
        sums[step] = running
    return sums


def _steps_into_episode(goes_on: NDArray[np.float64]) -> NDArray[np.int64]:
    """How many steps of its episode are before each step."""
    at = np.arange(len(goes_on))
    starts = np.append(True, goes_on[:-1] == 0.0)
    first: NDArray[np.int64] = np.maximum.accumulate(np.where(starts, at, 0))
    return at - first
