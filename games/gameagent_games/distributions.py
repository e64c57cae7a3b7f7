"""What values a rule may take: one distribution per rule, within the training range and beyond it.

A distribution knows four things: how to draw values, whether a given value belongs to it, in which *cell*
of its range a value lies (splits are made on cells, see `variant.VariantSpace`), and which slots of the
rule encoding describe it. ``beyond`` holds the values of the out-of-range split; training never sees them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from gameagent_games.errors import VariantError

Value: TypeAlias = bool | int | float | str
CELLS_PER_VALUE = 16
"""A continuous range is cut into this many cells; a held-out combination of cells is never trained on."""


@dataclass(frozen=True)
class Slot:
    """One number or one choice among the hidden or shown rules: the unit of encodings and beliefs.

    Attributes:
        rule: The rule's name.
        index: Position within an array rule, else None.
        kind: "categorical" (encoded one-hot) or "scalar" (encoded as ``(value - center) / scale``).
        options: Labels of a categorical slot's options.
        values: The options as numbers, where they are numbers.
        center: Mean of a scalar over training variants, in ``unit``.
        scale: Its standard deviation over training variants, in ``unit``.
        unit: Unit of the rule's values.
    """

    rule: str
    index: int | None
    kind: str
    options: tuple[str, ...] = ()
    values: tuple[float, ...] = ()
    center: float = 0.0
    scale: float = 1.0
    unit: str = "1"

    @property
    def label(self) -> str:
        """Readable unique name: ``worth[2]`` or ``wrap``."""
        return self.rule if self.index is None else f"{self.rule}[{self.index}]"

    @property
    def size(self) -> int:
        """Number of float32 values of the encoding."""
        return len(self.options) if self.kind == "categorical" else 1

    @property
    def bounds(self) -> tuple[float, float]:
        """Lowest and highest encoded value, out-of-range values included."""
        return (0.0, 1.0) if self.kind == "categorical" else (-np.inf, np.inf)


class Distribution(Protocol):
    """What every distribution offers. ``shape`` is () for a single value."""

    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def dtype(self) -> np.dtype[Any]: ...
    @property
    def has_beyond(self) -> bool: ...
    def draw(self, generator: np.random.Generator, num: int, beyond: bool = False) -> NDArray[Any]:
        """Draws ``(num, *shape)`` stored values, all from the range or all from beyond it."""
        ...

    def cells(self, stored: NDArray[Any]) -> NDArray[np.int64]:
        """The cell of each value: ``(num, cells of one value)``; fixed rules have none."""
        ...

    def contains(self, stored: NDArray[Any]) -> NDArray[np.bool_]:
        """Whether each ``(num, *shape)`` value lies in the training range: ``(num,)``."""
        ...

    def store(self, value: Any) -> NDArray[Any]:
        """Turns a person's value into the stored form. Raises ValueError saying what is allowed."""
        ...

    def show(self, stored: NDArray[Any]) -> Any:
        """Turns a stored value back into what a person writes in JSON or TOML."""
        ...

    def slots(self, rule: str, unit: str) -> tuple[Slot, ...]: ...
    def encode(self, stored: NDArray[Any]) -> NDArray[np.float32]:
        """The encoding of ``(num, *shape)`` values: ``(num, sum of slot sizes)``."""
        ...


def _count(shape: tuple[int, ...]) -> int:
    return int(np.prod(shape, dtype=np.int64))


def _indices(shape: tuple[int, ...]) -> list[int | None]:
    return [None] if shape == () else list(range(_count(shape)))


def _shape_check(shape: tuple[int, ...]) -> None:
    if len(shape) > 1:
        raise VariantError(f"a rule's shape is {shape}; only single values and one-dimensional arrays are supported")


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
        _shape_check(shape)
        if not intervals:
            raise VariantError("Uniform needs at least one interval (low, high)")
        for low, high in (*intervals, *beyond):
            if not (np.isfinite(low) and np.isfinite(high) and low < high):
                raise VariantError(f"interval ({low}, {high}): low must be below high, both finite")
        in_order = sorted((*intervals, *beyond))
        for (_, end), (begin, _) in zip(in_order, in_order[1:], strict=False):
            if begin < end:
                raise VariantError(f"intervals {in_order} overlap")
        object.__setattr__(self, "intervals", tuple(sorted(intervals)))
        object.__setattr__(self, "shape", shape)
        object.__setattr__(self, "beyond", tuple(sorted(beyond)))

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(np.float64)

    @property
    def has_beyond(self) -> bool:
        return bool(self.beyond)

    def draw(self, generator: np.random.Generator, num: int, beyond: bool = False) -> NDArray[Any]:
        intervals = np.array(self.beyond if beyond else self.intervals)
        ends = np.cumsum(intervals[:, 1] - intervals[:, 0])
        along = generator.random((num, *self.shape)) * ends[-1]
        which = np.minimum(np.searchsorted(ends, along, side="right"), len(ends) - 1)
        return np.asarray(intervals[which, 1] - (ends[which] - along), dtype=np.float64)

    def cells(self, stored: NDArray[Any]) -> NDArray[np.int64]:
        low, high = self.intervals[0][0], self.intervals[-1][1]
        cell = np.floor((stored - low) / (high - low) * CELLS_PER_VALUE).astype(np.int64)
        return np.clip(cell, 0, CELLS_PER_VALUE - 1).reshape(len(stored), -1)

    def contains(self, stored: NDArray[Any]) -> NDArray[np.bool_]:
        inside = np.zeros(stored.shape, dtype=bool)
        for low, high in self.intervals:
            inside |= (stored >= low) & (stored <= high)
        return np.asarray(inside.reshape(len(stored), -1).all(axis=1))

    def store(self, value: Any) -> NDArray[Any]:
        array = _numbers(value, self.shape)
        inside = np.zeros(array.shape, dtype=bool)
        for low, high in (*self.intervals, *self.beyond):
            inside |= (array >= low) & (array <= high)
        if not inside.all():
            allowed = " or ".join(f"{low} to {high}" for low, high in sorted((*self.intervals, *self.beyond)))
            raise ValueError(f"got {value}, expected {_describe(self.shape)} of {allowed}")
        return array

    def show(self, stored: NDArray[Any]) -> Any:
        return np.asarray(stored, dtype=np.float64).tolist()

    @property
    def _center_scale(self) -> tuple[float, float]:
        """Mean and standard deviation of the mixture of the intervals."""
        low, high = np.array(self.intervals).T
        share = (high - low) / (high - low).sum()
        mean = float((share * (low + high) / 2).sum())
        square = float((share * (low**2 + low * high + high**2) / 3).sum())
        return mean, float(np.sqrt(square - mean**2))

    def slots(self, rule: str, unit: str) -> tuple[Slot, ...]:
        center, scale = self._center_scale
        return tuple(Slot(rule, i, "scalar", center=center, scale=scale, unit=unit) for i in _indices(self.shape))

    def encode(self, stored: NDArray[Any]) -> NDArray[np.float32]:
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
        _shape_check(self.shape)
        if self.low > self.high:
            raise VariantError(f"Integers({self.low}, {self.high}): low is above high")
        if self.beyond is not None and not (self.beyond[0] <= self.beyond[1]):
            raise VariantError(f"beyond={self.beyond}: low is above high")
        if self.beyond is not None and self.beyond[0] <= self.high and self.beyond[1] >= self.low:
            raise VariantError(f"beyond={self.beyond} overlaps {self.low} to {self.high}")

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(np.int64)

    @property
    def has_beyond(self) -> bool:
        return self.beyond is not None

    def draw(self, generator: np.random.Generator, num: int, beyond: bool = False) -> NDArray[Any]:
        low, high = self.beyond if beyond and self.beyond is not None else (self.low, self.high)
        return generator.integers(low, high + 1, (num, *self.shape), dtype=np.int64)

    def cells(self, stored: NDArray[Any]) -> NDArray[np.int64]:
        return np.asarray(stored - self.low, dtype=np.int64).reshape(len(stored), -1)

    def contains(self, stored: NDArray[Any]) -> NDArray[np.bool_]:
        inside = (stored >= self.low) & (stored <= self.high)
        return np.asarray(inside.reshape(len(stored), -1).all(axis=1))

    def store(self, value: Any) -> NDArray[Any]:
        array = _numbers(value, self.shape)
        inside = (array >= self.low) & (array <= self.high)
        allowed = f"{self.low} to {self.high}"
        if self.beyond is not None:
            inside |= (array >= self.beyond[0]) & (array <= self.beyond[1])
            allowed += f" or {self.beyond[0]} to {self.beyond[1]}"
        if not (inside.all() and (array == np.floor(array)).all()):
            raise ValueError(f"got {value}, expected {_describe(self.shape)} of whole numbers {allowed}")
        return array.astype(np.int64)

    def show(self, stored: NDArray[Any]) -> Any:
        return np.asarray(stored, dtype=np.int64).tolist()

    @property
    def _center_scale(self) -> tuple[float, float]:
        num = self.high - self.low + 1
        return (self.low + self.high) / 2, float(np.sqrt((num**2 - 1) / 12)) or 1.0

    def slots(self, rule: str, unit: str) -> tuple[Slot, ...]:
        center, scale = self._center_scale
        return tuple(Slot(rule, i, "scalar", center=center, scale=scale, unit=unit) for i in _indices(self.shape))

    def encode(self, stored: NDArray[Any]) -> NDArray[np.float32]:
        center, scale = self._center_scale
        return ((stored - center) / scale).reshape(len(stored), -1).astype(np.float32)


@dataclass(frozen=True)
class Choice:
    """Uniform over listed values (strings, numbers or booleans); stored as int64 index into values + beyond."""

    values: tuple[Value, ...]
    shape: tuple[int, ...] = ()
    beyond: tuple[Value, ...] = ()

    def __post_init__(self) -> None:
        _shape_check(self.shape)
        if not self.values:
            raise VariantError("Choice needs at least one value")
        if len(set(self.options)) != len(self.options):
            raise VariantError(f"Choice values repeat: {self.options}")

    @property
    def options(self) -> tuple[Value, ...]:
        """All values, those beyond the training range last; a stored value is an index into them."""
        return self.values + self.beyond

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(np.int64)

    @property
    def has_beyond(self) -> bool:
        return bool(self.beyond)

    def draw(self, generator: np.random.Generator, num: int, beyond: bool = False) -> NDArray[Any]:
        low, high = (len(self.values), len(self.options)) if beyond else (0, len(self.values))
        return generator.integers(low, high, (num, *self.shape), dtype=np.int64)

    def cells(self, stored: NDArray[Any]) -> NDArray[np.int64]:
        return np.asarray(stored, dtype=np.int64).reshape(len(stored), -1)

    def contains(self, stored: NDArray[Any]) -> NDArray[np.bool_]:
        return np.asarray((stored < len(self.values)).reshape(len(stored), -1).all(axis=1))

    def store(self, value: Any) -> NDArray[Any]:
        given = [value] if self.shape == () else value
        if not isinstance(given, list | tuple) or len(given) != _count(self.shape):
            raise ValueError(f"got {value!r}, expected {_describe(self.shape)} of {list(self.options)}")
        stored = []
        for one in given:
            match = [i for i, v in enumerate(self.options) if v == one and isinstance(v, bool) == isinstance(one, bool)]
            if not match:
                raise ValueError(f"got {one!r}, expected one of {list(self.options)}")
            stored.append(match[0])
        return np.array(stored, dtype=np.int64).reshape(self.shape)

    def show(self, stored: NDArray[Any]) -> Any:
        flat = [self.options[int(i)] for i in np.asarray(stored).reshape(-1)]
        return flat[0] if self.shape == () else flat

    def slots(self, rule: str, unit: str) -> tuple[Slot, ...]:
        labels = tuple(str(v).lower() if isinstance(v, bool) else str(v) for v in self.options)
        numbers: tuple[float, ...] = ()
        if all(isinstance(v, int | float) and not isinstance(v, bool) for v in self.options):
            numbers = tuple(float(v) for v in self.options)
        return tuple(Slot(rule, i, "categorical", labels, numbers, unit=unit) for i in _indices(self.shape))

    def encode(self, stored: NDArray[Any]) -> NDArray[np.float32]:
        one_hot = np.eye(len(self.options), dtype=np.float32)[np.asarray(stored, dtype=np.int64)]
        return one_hot.reshape(len(stored), -1)


@dataclass(frozen=True)
class Permutation:
    """A uniformly drawn order of 0 … size-1; int64 of ``(size,)``."""

    size: int

    def __post_init__(self) -> None:
        if self.size < 2:
            raise VariantError(f"Permutation({self.size}): size must be at least 2")

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.size,)

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(np.int64)

    @property
    def has_beyond(self) -> bool:
        return False

    def draw(self, generator: np.random.Generator, num: int, beyond: bool = False) -> NDArray[Any]:
        return generator.permuted(np.tile(np.arange(self.size, dtype=np.int64), (num, 1)), axis=1)

    def cells(self, stored: NDArray[Any]) -> NDArray[np.int64]:
        return np.asarray(stored, dtype=np.int64)

    def contains(self, stored: NDArray[Any]) -> NDArray[np.bool_]:
        return np.ones(len(stored), dtype=bool)

    def store(self, value: Any) -> NDArray[Any]:
        array = _numbers(value, self.shape)
        if sorted(array.tolist()) != list(range(self.size)):
            raise ValueError(f"got {value}, expected an order of 0 to {self.size - 1}")
        return array.astype(np.int64)

    def show(self, stored: NDArray[Any]) -> Any:
        return np.asarray(stored, dtype=np.int64).tolist()

    def slots(self, rule: str, unit: str) -> tuple[Slot, ...]:
        labels = tuple(str(i) for i in range(self.size))
        return tuple(Slot(rule, i, "categorical", labels, unit=unit) for i in range(self.size))

    def encode(self, stored: NDArray[Any]) -> NDArray[np.float32]:
        one_hot = np.eye(self.size, dtype=np.float32)[np.asarray(stored, dtype=np.int64)]
        return one_hot.reshape(len(stored), -1)


@dataclass(frozen=True)
class Fixed:
    """One value for every variant: a rule that does not vary (yet). float64, or int64 for an int or bool."""

    value: bool | int | float

    @property
    def shape(self) -> tuple[int, ...]:
        return ()

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(np.float64 if isinstance(self.value, float) else np.int64)

    @property
    def has_beyond(self) -> bool:
        return False

    def draw(self, generator: np.random.Generator, num: int, beyond: bool = False) -> NDArray[Any]:
        return np.full(num, self.value, dtype=self.dtype)

    def cells(self, stored: NDArray[Any]) -> NDArray[np.int64]:
        return np.zeros((len(stored), 0), dtype=np.int64)

    def contains(self, stored: NDArray[Any]) -> NDArray[np.bool_]:
        return np.asarray(stored == self.value)

    def store(self, value: Any) -> NDArray[Any]:
        if value != self.value:
            raise ValueError(f"got {value!r}, but this rule is fixed at {self.value!r}")
        return np.array(self.value, dtype=self.dtype)

    def show(self, stored: NDArray[Any]) -> Any:
        return self.value

    def slots(self, rule: str, unit: str) -> tuple[Slot, ...]:
        return ()

    def encode(self, stored: NDArray[Any]) -> NDArray[np.float32]:
        return np.zeros((len(stored), 0), dtype=np.float32)


def _numbers(value: Any, shape: tuple[int, ...]) -> NDArray[np.float64]:
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"got {value!r}, expected {_describe(shape)} of numbers") from None
    if array.shape != shape or not np.isfinite(array).all() or isinstance(value, bool):
        raise ValueError(f"got {value!r}, expected {_describe(shape)} of finite numbers")
    return array


def _describe(shape: tuple[int, ...]) -> str:
    return "a value" if shape == () else f"a list of {shape[0]} values"
