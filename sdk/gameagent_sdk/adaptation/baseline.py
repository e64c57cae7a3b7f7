"""What returns were to be expected: a ridge regression of the returns themselves, no more flexible than they warrant.

With few steps a least-squares fit runs through the very returns that it is to be compared with, and what is left over
is noise. So how far the fit may bend is chosen by generalised cross-validation: from a constant over a function of
time alone to one of time and observation, each under ridges from strong to weak.

In double precision, so that the trainer can compute the same: see `gameagent.returns.linear_baseline`.
"""

import numpy as np
from numpy.typing import NDArray

NUM_POWERS = 3  # of time: 1, 2, 3
TIME_UNIT = 100.0  # steps
MOST = 10.0  # of a number of the observation
CONSTANT = 1e-8  # deviation of a feature that does not vary, relative to its mean
RIDGES = (1e1, 1e0, 1e-1, 1e-3, 1e-5)  # per step, on features of deviation one
COUNTED = 2.0
"""How often a degree of freedom is counted. Once is right where errors are independent (and 1.4 the safer choice: Kim
and Gu 2004, sec. 3). Returns of neighbouring steps share rewards, so that counted once the choice follows noise. Twice
also keeps the degrees of freedom below half of the number of steps."""
SAME = 1e-9  # relative difference of scores that says nothing: the simpler fit is taken
ROUNDING = 1e-16  # relative square of a difference of returns that says nothing


def linear_baseline(
    observations: NDArray[np.float64], time: NDArray[np.int64], returns: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Values: the returns' fit to powers of time, the observation and its square (the features of Duan et al. 2016).

    The fit is chosen by generalised cross-validation (Golub, Heath and Wahba 1979, eq. 1.4) with degrees of freedom
    counted `COUNTED` times: with many steps it is least squares, with few it may be the mean alone.

    Args:
        observations: float64 (T, D).
        time: int64 (T,), steps into the episode.
        returns: float64 (T,), discounted sums of the rewards from each step to its episode's end.

    Returns:
        float64 (T,); not finite where a return is not.
    """
    features, mean, count = _features(observations, time), returns.mean(), len(returns)
    targets = returns - mean
    products, moments, total = features.T @ features, features.T @ targets, targets @ targets
    ridges, row = np.array(RIDGES)[:, None] * count, 1
    fits = np.zeros((1 + 2 * len(RIDGES), len(moments)))  # from the simplest on: the mean alone has no coefficients
    errors, freedoms = np.full(len(fits), total), np.ones(len(fits))
    for size in (NUM_POWERS, len(moments)):
        lengths, axes = np.linalg.eigh(products[:size, :size])
        lengths, along = np.maximum(lengths, 0.0), moments[:size] @ axes
        weights = 1.0 / (lengths + ridges)
        shrunk = along * weights  # (ridges, size): the coefficients along the axes
        rows = slice(row, row + len(RIDGES))
        fits[rows, :size] = shrunk @ axes.T
        errors[rows] -= shrunk @ along + (ridges * shrunk * shrunk).sum(1)
        freedoms[rows] += weights @ lengths
        row += len(RIDGES)
    floor = ROUNDING * (total + count * max(1.0, np.abs(returns).max()) ** 2)
    left = np.maximum(1.0 - COUNTED * freedoms / count, 0.0)
    with np.errstate(divide="ignore"):
        scores = (np.maximum(errors, 0.0) + floor) / left**2
    chosen = np.argmax(scores <= (1.0 + SAME) * scores.min())  # the first, so the simplest, of those that are as good
    return mean + features @ fits[chosen]  # type: ignore[no-any-return]


def _features(observations: NDArray[np.float64], time: NDArray[np.int64]) -> NDArray[np.float64]:
    """Powers of time, then the observation and its square: (T, 3 + 2 D), of mean zero and deviation one or zero."""
    count, size = observations.shape
    features = np.empty((count, NUM_POWERS + 2 * size))
    features[:, :NUM_POWERS] = (time / TIME_UNIT)[:, None] ** np.arange(1, NUM_POWERS + 1)
    seen, squares = features[:, NUM_POWERS : NUM_POWERS + size], features[:, NUM_POWERS + size :]
    np.maximum(observations, -MOST, out=seen)
    np.minimum(seen, MOST, out=seen)
    np.multiply(seen, seen, out=squares)
    mean = features.mean(0)
    features -= mean
    deviation = np.sqrt(np.einsum("ij,ij->j", features, features) / count)
    varies = deviation > CONSTANT * np.maximum(1.0, np.abs(mean))
    features *= np.where(varies, 1.0 / np.where(varies, deviation, 1.0), 0.0)
    return features
