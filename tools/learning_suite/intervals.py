"""Figures over tasks and seeds, as Agarwal et al. 2021 ("Deep RL at the edge of the statistical precipice") advise.

Scores come by task: one float64 array for each task, with an entry for each seed.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Scores = Sequence[NDArray[np.float64]]
NUM_RESAMPLES = 5000


def interquartile_mean(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean of the middle half along the last axis: a quarter is cut off at either end, rounded down."""
    ordered = np.sort(scores, axis=-1)
    cut = ordered.shape[-1] // 4
    middle: NDArray[np.float64] = ordered[..., cut : ordered.shape[-1] - cut].mean(axis=-1)
    return middle


def mean(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean along the last axis."""
    average: NDArray[np.float64] = scores.mean(axis=-1)
    return average


Aggregate = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""From scores ``(..., number of runs)`` to one figure ``(...)``."""


def aggregate(scores: Scores, by: Aggregate = interquartile_mean) -> tuple[float, float, float]:
    """One figure of all runs of all tasks with its 95 % interval: the figure, low, high.

    The interval is the percentile bootstrap, stratified: seeds are drawn again within each task.
    """
    return float(by(np.concatenate(scores))), *_interval(by(_redrawn(scores, seed=0)))


def difference(scores: Scores, others: Scores, by: Aggregate = interquartile_mean) -> tuple[float, float, float]:
    """How much larger one figure is than that of ``others``, which come from the same tasks and seeds, in pairs.

    The interval is as in `aggregate`; the same seeds are drawn of both, so that pairs stay together.
    """
    drawn = by(_redrawn(scores, seed=0)) - by(_redrawn(others, seed=0))
    return float(by(np.concatenate(scores)) - by(np.concatenate(others))), *_interval(drawn)


def _redrawn(scores: Scores, seed: int) -> NDArray[np.float64]:
    """Resamples, ``(NUM_RESAMPLES, number of runs)``: as many scores of each task as it has, drawn with replacement."""
    generator = np.random.default_rng(seed)
    drawn = [row[generator.integers(0, len(row), (NUM_RESAMPLES, len(row)))] for row in scores]
    return np.concatenate(drawn, axis=1)


def _interval(figures: NDArray[Any]) -> tuple[float, float]:
    low, high = np.percentile(figures, [2.5, 97.5])
    return float(low), float(high)
