"""Advantages: how much better than expected each action of some episodes went, for policy gradients.

In double precision, so that it is the same in the trainer: see the trainer's `with_advantages`.
"""

import numpy as np
from numpy.typing import NDArray

from gameagent_sdk.adaptation.baseline import linear_baseline
from gameagent_sdk.bundle.gradient import AdvantageSpec

TINY = 1e-8  # of the largest return or reward, or of 1: what varies less is rounding
MOST_SCALE = 3.0  # of a step


def advantages(
    observations: NDArray[np.float32],
    rewards: NDArray[np.float32],
    episode_end: NDArray[np.float32],
    spec: AdvantageSpec,
) -> NDArray[np.float32]:
    """Generalised advantage estimation (Schulman et al. 2016, eq. 16) within episodes.

    Values are those of `linear_baseline`, fitted to the discounted returns of these very
    steps. Where no action can have made a difference, as all episodes went alike, all advantages are zero.

    Args:
        observations: float32 (T, D), of whole episodes one after the other.
        rewards: float32 (T, 1).
        episode_end: float32 (T, 1), 1 at each episode's last step, else 0.
        spec: See there.

    Returns:
        float32 (T, 1); not finite where rewards are not.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        paid = rewards[:, 0].astype(np.float64)
        goes_on = 1.0 - episode_end[:, 0].astype(np.float64)
        if all_alike(paid, goes_on):
            return np.zeros_like(rewards)
        returns = _sums(paid, goes_on, spec.discount)
        values = linear_baseline(observations.astype(np.float64), _steps_into_episode(goes_on), returns)
        following = np.append(values[1:], 0.0) * goes_on
        surprises = paid + spec.discount * following - values
        found = _sums(surprises, goes_on, spec.discount * spec.gae_lambda)
        if spec.standardise:
            found = found - found.mean()
            found = found / (np.sqrt(np.square(found).mean()) + TINY * max(1.0, np.abs(returns).max()))
        return found.astype(np.float32)[:, None]


def all_alike(rewards: NDArray[np.float64], goes_on: NDArray[np.float64]) -> bool:
    """Whether episodes are of one length and their rewards differ by rounding only, step by step.

    A single episode is alike where all its rewards are. Then there is nothing that one action earned and another did
    not, and whatever a fit leaves over is not an advantage.

    Args:
        rewards: float64 (T,).
        goes_on: float64 (T,), 0 at each episode's last step, else 1.
    """
    last = np.append(np.flatnonzero(goes_on[:-1] == 0.0), len(goes_on) - 1)
    lengths = np.diff(last, prepend=-1)
    if (lengths != lengths[0]).any():
        return False
    by_episode = rewards.reshape(len(lengths), -1)
    spread = np.ptp(by_episode, axis=0 if len(lengths) > 1 else 1).max()
    return bool(spread <= TINY * max(1.0, np.abs(rewards).max()))


def step_scale(
    mean_returns: NDArray[np.float64], spec: AdvantageSpec, first_returns: NDArray[np.float64] | None = None
) -> NDArray[np.float64]:
    """How long a gradient step is: the nearer the best return that can be expected, the shorter.

    It is in proportion to the shortfall, as Polyak's step size is (Polyak 1987, sec. 5.3), and bounded, as in Loizou et
    al. 2021 (SPS_max); the gradient gives the direction alone, as its length says little where advantages are
    standardised. Without it a step knows in which direction things get better, but not how far that is good.

    What can be expected differs from task to task: tasks that pay more before adaptation do so after it too. So it is
    predicted from the return before the trial's first gradient step, by the line that training fitted.

    Args:
        mean_returns: Undiscounted, of an episode; any shape.
        spec: What they are compared with.
        first_returns: The same of the episodes before the first gradient step, in that shape; None if these are
            the first.

    Returns:
        Factors from 0 to 3, in that shape; 1 if the spec has no best return; NaN if a return is.
    """
    if spec.best_return is None or spec.pre_adaptation_return is None:
        return np.ones_like(mean_returns)
    first = mean_returns if first_returns is None else first_returns
    best = spec.best_return + spec.best_slope * (first - spec.pre_adaptation_return)
    shortfall = (best - mean_returns) / (spec.best_return - spec.pre_adaptation_return)
    return np.clip(shortfall, 0.0, MOST_SCALE)


def _sums(numbers: NDArray[np.float64], goes_on: NDArray[np.float64], factor: float) -> NDArray[np.float64]:
    """What follows each step within its episode, itself included, weighted by powers of a factor."""
    sums, running = [], 0.0
    for number, kept in zip(numbers[::-1].tolist(), (factor * goes_on[::-1]).tolist(), strict=True):
        running = number + kept * running
        sums.append(running)
    return np.array(sums[::-1], np.float64)


def _steps_into_episode(goes_on: NDArray[np.float64]) -> NDArray[np.int64]:
    """How many steps of its episode are before each step."""
    at = np.arange(len(goes_on))
    starts = np.append(True, goes_on[:-1] == 0.0)
    first: NDArray[np.int64] = np.maximum.accumulate(np.where(starts, at, 0))
    return at - first
