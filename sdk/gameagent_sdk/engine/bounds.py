"""The bounds of continuous actions, as arrays."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gameagent_sdk.bundle.specs import ActionSpec

FARTHEST = 1e6  # half widths from the middle, of an action that is learnt from


class Bounds:
    """The box that continuous actions lie in.

    Attributes:
        low: float64 (A,), the least value of each component.
        high: float64 (A,), the greatest.
        middle: float64 (A,), halfway between them.
    """

    def __init__(self, spec: ActionSpec) -> None:
        """Takes the bounds of a spec of kind "box"."""
        self.low: NDArray[np.float64] = np.array(spec.low, np.float64)
        self.high: NDArray[np.float64] = np.array(spec.high, np.float64)
        self._half = (self.high - self.low) / 2
        self.middle: NDArray[np.float64] = self.low + self._half

    def clip(self, actions: ArrayLike) -> NDArray[np.float64]:
        """Actions (..., A) cut to the bounds, in an array of their own."""
        # several times faster than np.clip for a few numbers
        return np.minimum(np.maximum(actions, self.low), self.high)

    def scale(self, actions: ArrayLike) -> NDArray[np.float32]:
        """Actions (..., A) as the policy's input encodes them: float32 from -1 at ``low`` to 1 at ``high``."""
        scaled = (self.clip(actions) - self.middle) / self._half
        # a very narrow box may lose its middle to rounding
        return np.minimum(np.maximum(scaled, -1.0), 1.0).astype(np.float32)

    def scale_freely(self, actions: ArrayLike) -> NDArray[np.float32]:
        """As `scale`, but up to `FARTHEST` beyond the bounds."""
        with np.errstate(over="ignore"):  # which `FARTHEST` takes care of
            scaled: NDArray[np.float64] = (np.asarray(actions, np.float64) - self.middle) / self._half
        return np.minimum(np.maximum(scaled, -FARTHEST), FARTHEST).astype(np.float32)
