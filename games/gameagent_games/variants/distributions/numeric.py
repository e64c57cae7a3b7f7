"""Numbers from ranges: Uniform (real) and Integers."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gameagent_games.errors import VariantError
from gameagent_games.variants.distributions.interface import Slot, slot_indices
from gameagent_games.variants.distributions.plain import check_shape, described, flat_numbers, products

CELLS_PER_RANGE = 16
"""Cells that a range is cut into to count its values: splits have equal margins over these cells."""


@dataclass(frozen=True)
class Uniform:
    """Uniform over one or several intervals ``(low, high)``, in proportion to their lengths; float64.

    Example: ``Uniform((-1.0, -0.25), (0.25, 1.2), shape=(4,), beyond=((1.2, 2.0),))``.
    """

    intervals: tuple[tuple[float, float], ...]
    shape: tuple[int, ...] = ()
    beyond: tuple[tuple[float, float], ...] = ()

    def __init__(
        self,
        *intervals: tuple[float, float],
        shape: tuple[int, ...] = (),
        beyond: Sequence[tuple[float, float]] = (),
    ) -> None:
        if not intervals:
            raise VariantError("Uniform needs at least one interval (low, high)")
        inside, outside = sorted(map(_interval, intervals)), sorted(map(_interval, beyond))
        in_order = sorted(inside + outside)
        for (_, end), (begin, _) in pairwise(in_order):
            if begin < end:
                raise VariantError(f"intervals {in_order} overlap")
        object.__setattr__(self, "intervals", tuple(inside))
        object.__setattr__(self, "shape", check_shape(shape))
        object.__setattr__(self, "beyond", tuple(outside))

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the stored values."""
        return np.dtype(np.float64)

    @property
    def has_beyond(self) -> bool:
        """Whether there are out-of-range values."""
        return bool(self.beyond)

    @property
    def _center_scale(self) -> tuple[float, float]:
        low, high = self.intervals[0][0], self.intervals[-1][1]
        return (low + high) / 2, (high - low) / 2

    def draw(self, generator: np.random.Generator, num: int, beyond: bool = False) -> NDArray[Any]:
        """Draws ``(num, *shape)`` stored values."""
        low, high = np.array(self.beyond if beyond else self.intervals).T
        if beyond:  # an end that both ranges share belongs to the training range
            low, high = np.nextafter(low, high), np.nextafter(high, low)
        ends = np.cumsum(high - low)
        along = generator.random((num, *self.shape)) * ends[-1]
        which = np.minimum(np.searchsorted(ends, along, side="right"), len(ends) - 1)
        drawn = np.clip(high[which] - (ends[which] - along), low[which], high[which])  # rounding may lead out
        return np.asarray(drawn, dtype=np.float64)

    def cells(self, stored: NDArray[Any]) -> NDArray[np.int64]:
        """The cell of each value: ``(num, cells of one value)``."""
        return self.fine_cells(stored, CELLS_PER_RANGE)

    def fine_cells(self, stored: NDArray[Any], per_range: int) -> NDArray[np.int64]:
        """Like `cells`, with ranges cut into ``per_range`` parts."""
        below, total = np.zeros(stored.shape), 0.0  # below: length of the range that lies below each value
        for low, high in self.intervals:
            below += np.clip(stored - low, 0.0, high - low)
            total += high - low
        cell = np.floor(below / total * per_range).astype(np.int64)
        return np.minimum(cell, per_range - 1).reshape(len(stored), -1)

    def contains(self, stored: NDArray[Any]) -> NDArray[np.bool_]:
        """Whether each value lies in the training range: ``(num,)``."""
        return np.asarray(_within(stored, self.intervals).reshape(len(stored), -1).all(axis=1))

    def store(self, value: Any) -> NDArray[Any]:
        """Turns a person's value into the stored form; raises ValueError."""
        array = np.array(flat_numbers(value, self.shape), dtype=np.float64).reshape(self.shape)
        allowed = sorted(self.intervals + self.beyond)
        if not _within(array, allowed).all():
            ranges = " or ".join(f"{low} to {high}" for low, high in allowed)
            raise ValueError(f"got {value}, expected {described(self.shape)} of {ranges}")
        return array

    def show(self, stored: NDArray[Any]) -> Any:
        """Turns a stored value back into what a person writes."""
        return (np.asarray(stored, dtype=np.float64) + 0.0).tolist()

    def slots(self, rule: str, unit: str) -> tuple[Slot, ...]:
        """The slots of a rule with this distribution, in the order of the encoding."""
        center, scale = self._center_scale
        return tuple(Slot(rule, i, "scalar", center=center, scale=scale, unit=unit) for i in slot_indices(self.shape))

    def encode(self, stored: NDArray[Any]) -> NDArray[np.float32]:
        """The encoding of the values: ``(num, sum of slot sizes)``."""
        center, scale = self._center_scale
        return ((stored - center) / scale).reshape(len(stored), -1).astype(np.float32)


@dataclass(frozen=True)
class Integers:
    """Uniform over the integers from ``low`` to ``high``, both included; int64. ``beyond`` is (low, high) too."""

    low: int
    high: int
    shape: tuple[int, ...] = ()
    beyond: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", check_shape(self.shape))
        given: Any = self.beyond
        if given is not None and (not isinstance(given, tuple | list) or len(given) != 2):
            raise VariantError(f"Integers: beyond is {given!r}, expected (low, high)")
        object.__setattr__(self, "beyond", None if self.beyond is None else tuple(self.beyond))
        for low, high in self._ranges:
            if not all(type(end) is int and abs(end) < 2**62 for end in (low, high)):
                raise VariantError(f"Integers from {low!r} to {high!r}: expected whole numbers of at most 62 bits")
            if low > high:
                raise VariantError(f"Integers from {low} to {high}: low is above high")
        if self.beyond is not None and self.beyond[0] <= self.high and self.beyond[1] >= self.low:
            raise VariantError(f"beyond={self.beyond} overlaps {self.low} to {self.high}")

    @property
    def _ranges(self) -> tuple[tuple[int, int], ...]:
        return ((self.low, self.high),) if self.beyond is None else ((self.low, self.high), self.beyond)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the stored values."""
        return np.dtype(np.int64)

    @property
    def has_beyond(self) -> bool:
        """Whether there are out-of-range values."""
        return self.beyond is not None

    @property
    def _center_scale(self) -> tuple[float, float]:
        return (self.low + self.high) / 2, max((self.high - self.low) / 2, 0.5)

    def draw(self, generator: np.random.Generator, num: int, beyond: bool = False) -> NDArray[Any]:
        """Draws ``(num, *shape)`` stored values."""
        low, high = self._ranges[-1 if beyond else 0]
        return generator.integers(low, high, (num, *self.shape), dtype=np.int64, endpoint=True)

    def cells(self, stored: NDArray[Any]) -> NDArray[np.int64]:
        """The cell of each value: ``(num, cells of one value)``."""
        return self.fine_cells(stored, CELLS_PER_RANGE)

    def fine_cells(self, stored: NDArray[Any], per_range: int) -> NDArray[np.int64]:
        """Like `cells`, with ranges cut into ``per_range`` parts."""
        above = np.clip(np.asarray(stored, dtype=np.int64), self.low, self.high) - self.low
        num = self.high - self.low + 1
        cell = above if num <= per_range else np.floor(above / num * per_range).astype(np.int64)
        return cell.reshape(len(stored), -1)

    @property
    def num_values(self) -> int:
        """Number of values in the training range."""
        return int((self.high - self.low + 1) ** int(np.prod(self.shape, dtype=int)))

    def all_values(self) -> tuple[NDArray[Any], NDArray[np.float64]]:
        """Every value of the training range, and its probability."""
        num = self.high - self.low + 1
        columns, chances = products(num, self.shape, np.full(num, 1.0 / num))
        return self.low + columns, chances

    def contains(self, stored: NDArray[Any]) -> NDArray[np.bool_]:
        """Whether each value lies in the training range: ``(num,)``."""
        return np.asarray(_within(stored, self._ranges[:1]).reshape(len(stored), -1).all(axis=1))

    def store(self, value: Any) -> NDArray[Any]:
        """Turns a person's value into the stored form; raises ValueError."""
        numbers = flat_numbers(value, self.shape)
        array = np.array([int(number) for number in numbers], dtype=np.int64).reshape(self.shape)
        if not (all(number == int(number) for number in numbers) and _within(array, self._ranges).all()):
            allowed = " or ".join(f"{low} to {high}" for low, high in self._ranges)
            raise ValueError(f"got {value}, expected {described(self.shape)} of whole numbers {allowed}")
        return array

    def show(self, stored: NDArray[Any]) -> Any:
        """Turns a stored value back into what a person writes."""
        return np.asarray(stored, dtype=np.int64).tolist()

    def slots(self, rule: str, unit: str) -> tuple[Slot, ...]:
        """The slots of a rule with this distribution, in the order of the encoding."""
        center, scale = self._center_scale
        return tuple(Slot(rule, i, "scalar", center=center, scale=scale, unit=unit) for i in slot_indices(self.shape))

    def encode(self, stored: NDArray[Any]) -> NDArray[np.float32]:
        """The encoding of the values: ``(num, sum of slot sizes)``."""
        center, scale = self._center_scale
        return ((stored - center) / scale).reshape(len(stored), -1).astype(np.float32)


def _interval(given: Sequence[float]) -> tuple[float, float]:
    try:
        low, high = flat_numbers(given, (2,))
    except ValueError:
        raise VariantError(f"got {given!r}, expected an interval (low, high) of finite numbers") from None
    if not low < high:
        raise VariantError(f"interval ({low}, {high}): low must be below high")
    return float(low) + 0.0, float(high) + 0.0


def _within(stored: NDArray[Any], ranges: Sequence[tuple[float, float]]) -> NDArray[np.bool_]:
    """Whether each value lies in one of the ranges, ends included."""
    inside = np.zeros(np.shape(stored), dtype=bool)
    for low, high in ranges:
        inside |= (stored >= low) & (stored <= high)
    return inside
