"""Figures with their intervals: over variants of one run, over several training runs, and of differences.

Every function takes figures of R training runs on V variants, float64 ``(R, V)``: the same variants, levels and seeds
in every run, so that figures of two policies may be subtracted one by one.
"""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

NUM_RESAMPLES = 1000
NORMAL_QUANTILE = NormalDist().inv_cdf(0.975)
STUDENT_QUANTILES = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120,
    2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip  # Student's t, 97.5 %, for 1 to 30 degrees of freedom


@dataclass(frozen=True)
class Estimate:
    """The mean of a figure, such as an episode's return, and how sure it is.

    Attributes:
        mean: Mean over runs and variants.
        stderr: Standard error of the mean over variants; None where there is one variant only.
        iqm: Interquartile mean: the mean of the middle half of all runs' variants.
        p20: 20th percentile over all runs' variants.
        ci95: 95 % interval of the mean, low and high; see `estimate`.
    """

    mean: float
    stderr: float | None
    iqm: float
    p20: float
    ci95: tuple[float, float]

    @property
    def half(self) -> float:
        """Half the width of the interval."""
        return (self.ci95[1] - self.ci95[0]) / 2


def estimate(figures: NDArray[np.float64], seed: int = 0) -> Estimate:
    """The mean of a figure with its 95 % interval.

    Of one run the interval is the percentile bootstrap of the mean over variants (Efron 1979), as Agarwal et al. 2021
    advise to report it beside the interquartile mean. Of several runs it is for the mean over training seeds: its half
    width is the root of the squared half widths of Student's t over the runs' means and of the normal interval over
    variants, since all runs meet the same ones.

    Args:
        figures: ``(R, V)``, both at least 1.
        seed: Of the bootstrap.
    """
    num_runs, num_variants = figures.shape
    by_variant = figures.mean(axis=0)
    mean = float(by_variant.mean())
    stderr = float(by_variant.std(ddof=1) / np.sqrt(num_variants)) if num_variants > 1 else None
    if num_runs == 1:
        interval = _bootstrap(by_variant, np.random.default_rng(seed))
    else:
        over_runs = _student(num_runs - 1) * figures.mean(axis=1).std(ddof=1) / np.sqrt(num_runs)
        half = float(np.hypot(over_runs, NORMAL_QUANTILE * (stderr or 0.0)))
        interval = mean - half, mean + half
    ordered = np.sort(figures, axis=None)
    cut = ordered.size // 4
    return Estimate(mean, stderr, float(ordered[cut : ordered.size - cut].mean()), _percentile(ordered, 20), interval)


def gain_interval(returns: NDArray[np.float64], first: int, last: int) -> tuple[float, float, float]:
    """The mean gain from one episode index to another within trials: mean, and low and high of its 95 % interval.

    Args:
        returns: ``(R, V, K)``.
        first: Index of the episode to compare with.
        last: Index of the later episode.
    """
    gain = estimate(returns[..., last] - returns[..., first])
    return gain.mean, *gain.ci95


def resampled_means(figures: NDArray[np.float64], seed: int = 0) -> NDArray[np.float64]:
    """Means of several figures over variants drawn anew with replacement, the same ones for every figure.

    For intervals of ratios and other functions of means, by the percentile bootstrap (Efron 1979).

    Args:
        figures: ``(V, F)``.
        seed: Of the bootstrap.

    Returns:
        float64 ``(NUM_RESAMPLES, F)``.
    """
    num, generator = len(figures), np.random.default_rng(seed)
    counts = generator.multinomial(num, np.full(num, 1.0 / num), NUM_RESAMPLES)
    return np.asarray(counts @ figures / num, np.float64)


def _bootstrap(values: NDArray[np.float64], generator: np.random.Generator) -> tuple[float, float]:
    num = len(values)
    means = [values[generator.integers(0, num, num)].mean() for _ in range(NUM_RESAMPLES)]
    return _percentile(means, 2.5), _percentile(means, 97.5)


def _percentile(values: list[np.float64] | NDArray[np.float64], percent: float) -> float:
    return float(np.percentile(values, percent))


def _student(freedom: int) -> float:
    """The 97.5 % quantile of Student's t; beyond the table by the first term of Cornish and Fisher's expansion."""
    if freedom <= len(STUDENT_QUANTILES):
        return STUDENT_QUANTILES[freedom - 1]
    return NORMAL_QUANTILE + (NORMAL_QUANTILE**3 + NORMAL_QUANTILE) / (4.0 * freedom)
