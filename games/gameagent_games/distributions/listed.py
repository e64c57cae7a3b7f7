"""Values from a list: Choice, Permutation and Fixed."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gameagent_games.distributions.interface import Slot, slot_indices
from gameagent_games.distributions.plain import Value, check_shape, described, flat_numbers, flat_values
from gameagent_games.errors import VariantError


@dataclass(frozen=True)
class Choice:
    """Uniform over listed values (strings, numbers or booleans); stored as int64 index into values + beyond."""

    values: tuple[Value, ...]
    shape: tuple[int, ...] = ()
    beyond: tuple[Value, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", check_shape(self.shape))
        object.__setattr__(self, "values", tuple(_one(value) for value in self.values))
        object.__setattr__(self, "beyond", tuple(_one(value) for value in self.beyond))
        if not self.values:
            raise VariantError("Choice needs at least one value")
        if len(set(self.options)) != len(self.options) or len(set(self._labels)) != len(self.options):
            raise VariantError(f"Choice values repeat (1, 1.0, true and their texts count as one): {self.options}")

    @property
    def options(self) -> tuple[Value, ...]:
        """All values, those beyond the training range last; a stored value is an index into them."""
        return self.values + self.beyond

    @property
    def _labels(self) -> tuple[str, ...]:
        return tuple(str(value).lower() if isinstance(value, bool) else str(value) for value in self.options)

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
        return np.array([self._index(one) for one in flat_values(value, self.shape)], dtype=np.int64).reshape(
            self.shape
        )

    def _index(self, given: Any) -> int:
        for index, option in enumerate(self.options):
            if option == given and isinstance(option, bool) == isinstance(given, bool):
                return index
        raise ValueError(f"got {given!r}, expected {described(self.shape)} of {', '.join(map(repr, self.options))}")

    def show(self, stored: NDArray[Any]) -> Any:
        flat = [self.options[int(index)] for index in np.asarray(stored).reshape(-1)]
        return flat[0] if self.shape == () else flat

    def slots(self, rule: str, unit: str) -> tuple[Slot, ...]:
        numbers: tuple[float, ...] = ()
        if all(isinstance(value, int | float) and not isinstance(value, bool) for value in self.options):
            numbers = tuple(float(value) for value in self.options)
        return tuple(Slot(rule, i, "categorical", self._labels, numbers, unit=unit) for i in slot_indices(self.shape))

    def encode(self, stored: NDArray[Any]) -> NDArray[np.float32]:
        return _one_hot(stored, len(self.options))


@dataclass(frozen=True)
class Permutation:
    """A uniformly drawn order of 0 … size-1; int64 of ``(size,)``."""

    size: int

    def __post_init__(self) -> None:
        if type(self.size) is not int or self.size < 2:
            raise VariantError(f"Permutation({self.size!r}): size must be a whole number of at least 2")

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
        numbers = flat_numbers(value, self.shape)
        if sorted(numbers) != list(range(self.size)):
            raise ValueError(f"got {value}, expected an order of 0 to {self.size - 1}")
        return np.array(numbers, dtype=np.int64)

    def show(self, stored: NDArray[Any]) -> Any:
        return np.asarray(stored, dtype=np.int64).tolist()

    def slots(self, rule: str, unit: str) -> tuple[Slot, ...]:
        labels = tuple(str(i) for i in range(self.size))
        return tuple(Slot(rule, i, "categorical", labels, unit=unit) for i in range(self.size))

    def encode(self, stored: NDArray[Any]) -> NDArray[np.float32]:
        return _one_hot(stored, self.size)


@dataclass(frozen=True)
class Fixed:
    """One number for every variant: a rule that does not vary (yet). float64, or int64 for an int or bool.

    A variant's table may leave a fixed rule out.
    """

    value: bool | int | float

    def __post_init__(self) -> None:
        value = _one(self.value)
        if isinstance(value, str) or abs(value) >= 2**63:
            raise VariantError(f"Fixed({self.value!r}): expected true or false or a finite number")
        object.__setattr__(self, "value", value)

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
        [given] = flat_values(value, ())
        if given != self.value or isinstance(given, bool) != isinstance(self.value, bool):
            raise ValueError(f"got {value!r}, but this rule is fixed at {self.value!r}")
        return np.array(self.value, dtype=self.dtype)

    def show(self, stored: NDArray[Any]) -> Any:
        return self.value

    def slots(self, rule: str, unit: str) -> tuple[Slot, ...]:
        return ()

    def encode(self, stored: NDArray[Any]) -> NDArray[np.float32]:
        return np.zeros((len(stored), 0), dtype=np.float32)


def _one(value: Any) -> Value:
    """A single plain value of a definition."""
    try:
        single: Value = flat_values(value, ())[0]
    except ValueError as error:
        raise VariantError(str(error)) from None
    return single


def _one_hot(stored: NDArray[Any], num_options: int) -> NDArray[np.float32]:
    return np.eye(num_options, dtype=np.float32)[np.asarray(stored, dtype=np.int64)].reshape(len(stored), -1)
