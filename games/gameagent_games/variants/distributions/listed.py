"""Permutation and Fixed."""

from dataclasses import dataclass
from itertools import permutations
from math import factorial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gameagent_games.errors import VariantError
from gameagent_games.variants.distributions.interface import Slot
from gameagent_games.variants.distributions.plain import flat_numbers, flat_values, one_hot, one_value


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

    def fine_cells(self, stored: NDArray[Any], per_range: int) -> NDArray[np.int64]:
        return self.cells(stored)

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
        return one_hot(stored, self.size)

    @property
    def num_values(self) -> int:
        return factorial(self.size)

    def all_values(self) -> tuple[NDArray[Any], NDArray[np.float64]]:
        orders = np.array(list(permutations(range(self.size))), np.int64)
        return orders, np.full(len(orders), 1.0 / len(orders))


@dataclass(frozen=True)
class Fixed:
    """One number for every variant: a rule that does not vary (yet). float64, or int64 for an int or bool.

    A variant's table may leave a fixed rule out.
    """

    value: bool | int | float

    def __post_init__(self) -> None:
        value = one_value(self.value)
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

    def fine_cells(self, stored: NDArray[Any], per_range: int) -> NDArray[np.int64]:
        return self.cells(stored)

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

    @property
    def num_values(self) -> int:
        return 1

    def all_values(self) -> tuple[NDArray[Any], NDArray[np.float64]]:
        return np.array([self.value], self.dtype), np.ones(1)
