"""Observations and rewards on their way to the policy: checked, counted, and clipped to what a policy can be fed.

A policy was trained on no observation outside the ranges that its manifest declares, so what it does there is a guess.
Such an observation is usually a mistake in the game: a wrong unit or order, or a number that was never set.
"""

import sys
import warnings

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gameagent_sdk.bundle.manifest import Manifest
from gameagent_sdk.bundle.specs import FeatureSpec
from gameagent_sdk.engine.inputs import as_observations
from gameagent_sdk.engine.observation_report import FeatureReport, ObservationReport, declared_range
from gameagent_sdk.errors import InputWarning, shown

MAX_FED = 1e15  # of an observation or reward, in magnitude: sums of its squares still fit into single precision
ROUNDING = 1e-5  # of a range's width: arithmetic in single precision may leave it by that much
BOUND_ROUNDING = 1e-6  # of a bound's magnitude, likewise: single precision keeps seven digits
_PACKAGE = __name__.partition(".")[0]


class Intake:
    """Takes the observations and rewards of one agent, or of N side by side.

    One comparison tells most observations from those that need a closer look: where each number lies between the least
    and the greatest that was seen of it before, and in its declared range, there is nothing to do.
    """

    def __init__(self, manifest: Manifest) -> None:
        """Before any observation."""
        self._manifest = manifest
        sizes = [feature.size for feature in manifest.observation]
        self._starts = np.cumsum([0, *sizes[:-1]])
        bounds = np.array([_bounds_with_rounding(feature) for feature in manifest.observation], np.float32)
        self._low, self._high = np.repeat(bounds, sizes, axis=0).T.copy()
        self._lowest = np.full(sum(sizes), np.inf, np.float32)
        self._highest = np.full(sum(sizes), -np.inf, np.float32)
        self._usual_low = np.full(sum(sizes), np.nan, np.float32)  # between these two there is nothing to do;
        self._usual_high = np.full(sum(sizes), np.nan, np.float32)  # NaN if nothing is usual
        self._num_seen = 0
        self._num_outside = np.zeros(len(sizes), np.int64)
        self._warned = np.zeros(len(sizes), np.bool_)
        self._warned_of_reward = False
        self._unusual = np.zeros(0, np.float32)  # how far each number lies from what is usual
        self._nothing = b""  # that array's bytes if none does

    def observe(self, value: ArrayLike, out: NDArray[np.float32]) -> None:
        """Writes the observation of one decision, or those of a batch, where the policy reads them.

        Args:
            value: (D,) or (N, D) finite numbers; a float32 array is fastest.
            out: float32 of that shape, in one piece; if the value is refused it may hold anything. What is beyond
                `MAX_FED` is brought to it.

        Raises:
            InputError: Another shape, dtype or value.
            InputWarning: If warnings are errors: the first time that a feature leaves its range.
        """
        if type(value) is np.ndarray and value.dtype == np.float32 and value.shape == out.shape:
            out[:] = value
        else:
            out[:] = as_observations(self._manifest, value, rows=out.shape[:-1])
        unusual = self._unusual
        if unusual.shape != out.shape:
            unusual = self._unusual = np.empty(out.shape, np.float32)
            self._nothing = bytes(unusual.nbytes)
        np.maximum(out, self._usual_low, out=unusual)
        np.minimum(unusual, self._usual_high, out=unusual)
        np.subtract(out, unusual, out=unusual)
        if unusual.tobytes() == self._nothing:  # the fastest way to look at a few numbers; NaN is something
            self._num_seen += 1 if out.ndim == 1 else len(out)
        else:
            self._look_closer(out)

    def reward(self, value: float) -> float:
        """What the policy is fed of a finite reward.

        Raises:
            InputWarning: If warnings are errors: the first time that it is less than the reward.
        """
        if -MAX_FED <= value <= MAX_FED:
            return value
        self._warn_of_reward(value)
        return min(max(value, -MAX_FED), MAX_FED)

    def rewards(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """`reward` of an array."""
        fed: NDArray[np.float32] = np.minimum(np.maximum(values, -MAX_FED), MAX_FED)
        if (fed != values).any():
            self._warn_of_reward(float(values[fed != values][0]))
        return fed

    def report(self) -> ObservationReport:
        """The figures so far."""
        lowest = np.minimum.reduceat(self._lowest, self._starts).tolist()
        highest = np.maximum.reduceat(self._highest, self._starts).tolist()
        seen = zip(self._num_outside.tolist(), lowest, highest, strict=True)
        features = tuple(
            FeatureReport(
                spec.name,
                self._num_seen,
                num_outside,
                low if self._num_seen else None,
                high if self._num_seen else None,
                spec.low,
                spec.high,
                spec.unit,
            )
            for spec, (num_outside, low, high) in zip(self._manifest.observation, seen, strict=True)
        )
        return ObservationReport(self._num_seen, features)

    def _look_closer(self, out: NDArray[np.float32]) -> None:
        """Takes in what is new, outside a range, or to be refused."""
        if not np.isfinite(out).all():
            as_observations(self._manifest, out, rows=out.shape[:-1])  # says which number it is
        rows = out.reshape(-1, out.shape[-1])
        outside = (rows < self._low) | (rows > self._high)
        if outside.any():
            self._count_outside(rows, outside)
        self._num_seen += len(rows)
        lowest, highest = (rows[0], rows[0]) if len(rows) == 1 else (rows.min(axis=0), rows.max(axis=0))
        if (lowest < self._lowest).any() or (highest > self._highest).any():
            self._widen(lowest, highest)
        np.minimum(out, MAX_FED, out=out)
        np.maximum(out, -MAX_FED, out=out)

    def _widen(self, lowest: NDArray[np.float32], highest: NDArray[np.float32]) -> None:
        """Takes in the least and the greatest numbers of some rows."""
        np.minimum(self._lowest, lowest, out=self._lowest)
        np.maximum(self._highest, highest, out=self._highest)
        np.maximum(self._lowest, np.maximum(self._low, -MAX_FED), out=self._usual_low)
        np.minimum(self._highest, np.minimum(self._high, MAX_FED), out=self._usual_high)
        self._usual_high[self._usual_low > self._usual_high] = np.nan

    def _count_outside(self, rows: NDArray[np.float32], outside: NDArray[np.bool_]) -> None:
        count = np.logical_or.reduceat(outside, self._starts, axis=1).sum(axis=0)
        new = (count > 0) > self._warned
        for index in np.flatnonzero(new).tolist() if new.any() else ():
            self._warned[index] = True
            spec, start = self._manifest.observation[index], self._starts[index]
            at = slice(start, start + spec.size)
            _warn_of_feature(spec, float(rows[:, at][outside[:, at]][0]))
        self._num_outside += count

    def _warn_of_reward(self, value: float) -> None:
        if not self._warned_of_reward:
            self._warned_of_reward = True
            _warn(f"reward {value:g} is more than a policy can be fed: it is fed {MAX_FED:g}; compare the game's units")


def _bounds_with_rounding(feature: FeatureSpec) -> tuple[float, float]:
    """The declared range of a feature, wider by what rounding may add; `MAX_FED` where none is declared."""
    low, high = feature.low, feature.high
    magnitude = max(abs(bound) for bound in (low, high, 0.0) if bound is not None)
    width = high - low if low is not None and high is not None else max(magnitude, 1.0)
    slack = ROUNDING * min(width, 1e300) + BOUND_ROUNDING * magnitude
    largest = float(np.finfo(np.float32).max)  # manifests may name bounds that single precision cannot hold
    return (
        -MAX_FED if low is None else min(max(low - slack, -largest), largest),
        MAX_FED if high is None else max(min(high + slack, largest), -largest),
    )


def _warn_of_feature(feature: FeatureSpec, given: float) -> None:
    declared = declared_range(feature.low, feature.high, feature.unit)
    _warn(
        f"observation feature {shown(feature.name)!r} is {given:g}, {declared}: compare its unit and its place with"
        " gameagent-sdk inspect; observation_report() counts such decisions"
    )


def _warn(message: str) -> None:
    """Warns of the game's own line: the first one up the stack that is not the SDK's."""
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and str(frame.f_globals.get("__name__", "")).partition(".")[0] == _PACKAGE:
        level, frame = level + 1, frame.f_back
    warnings.warn(message, InputWarning, stacklevel=level)
