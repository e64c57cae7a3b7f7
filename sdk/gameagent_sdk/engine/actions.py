"""The box that continuous actions lie in, as arrays."""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gameagent_sdk.bundle.manifest import ActionSpec

Action: TypeAlias = Any
"""An int, or of a box float64 (A,): the manifest says which. A game knows, and need not tell its type checker."""

FARTHEST = 1e6  # half sides of the box from its middle, of an action that is learnt from


class Box:
    """The bounds of continuous actions.

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

    @classmethod
    def of(cls, spec: ActionSpec) -> "Box | None":
        """The box of a spec; None for discrete actions."""
        return cls(spec) if spec.kind == "box" else None

    def clip(self, actions: ArrayLike) -> NDArray[np.float64]:
        """Actions (..., A) brought into the box, in an array of their own."""
        return np.minimum(
            np.maximum(actions, self.low), self.high
        )  # several times faster than np.clip for a few numbers

    def scale_freely(self, actions: ArrayLike) -> NDArray[np.float32]:
        """As :meth:`scale`, but up to `FARTHEST` beyond the box."""
        with np.errstate(over="ignore"):  # which the bounds are for
            scaled: NDArray[np.float64] = (np.asarray(actions, np.float64) - self.middle) / self._half
        return np.minimum(np.maximum(scaled, -FARTHEST), FARTHEST).astype(np.float32)

    def scale(self, actions: ArrayLike) -> NDArray[np.float32]:
        """Actions (..., A) as a policy is told of them: float32 from -1 at ``low`` to 1 at ``high``."""
        scaled = (self.clip(actions) - self.middle) / self._half
        return np.minimum(np.maximum(scaled, -1.0), 1.0).astype(
            np.float32
        )  # a very narrow box may lose its middle in rounding
