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
        """Shape of one value: () or ``(size,)``."""
        return (self.size,)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the stored values."""
        return np.dtype(np.int64)

    @property
    def has_beyond(self) -> bool:
        """False: every order is in the training range."""
        return False

    def draw(self, generator: np.random.Generator, num: int, beyond: bool = False) -> NDArray[Any]:
        """Draws ``(num, *shape)`` stored values."""
        return generator.permuted(np.tile(np.arange(self.size, dtype=np.int64), (num, 1)), axis=1)

    def cells(self, stored: NDArray[Any]) -> NDArray[np.int64]:
        """The permutation itself: one cell for each position."""
        return np.asarray(stored, dtype=np.int64)

    def fine_cells(self, stored: NDArray[Any], per_range: int) -> NDArray[np.int64]:
        """The same as `cells`: positions cannot be cut finer."""
        return self.cells(stored)

    def contains(self, stored: NDArray[Any]) -> NDArray[np.bool_]:
        """True for every order."""
        return np.ones(len(stored), dtype=bool)

    def store(self, value: Any) -> NDArray[Any]:
        """Turns a person's value into the stored form; raises ValueError."""
        numbers = flat_numbers(value, self.shape)
        if sorted(numbers) != list(range(self.size)):
            raise ValueError(f"got {value}, expected an order of 0 to {self.size - 1}")
        return np.array(numbers, dtype=np.int64)

    def show(self, stored: NDArray[Any]) -> Any:
        """Turns a stored value back into what a person writes."""
        return np.asarray(stored, dtype=np.int64).tolist()

    def slots(self, rule: str, unit: str) -> tuple[Slot, ...]:
        """The slots of a rule with this distribution, in the order of the encoding."""
        labels = tuple(str(i) for i in range(self.size))
        return tuple(Slot(rule, i, "categorical", labels, unit=unit) for i in range(self.size))

    def encode(self, stored: NDArray[Any]) -> NDArray[np.float32]:
        """The encoding of the values: ``(num, sum of slot sizes)``."""
        return one_hot(stored, self.size)

    @property
    def num_values(self) -> int:
        """Number of orders: ``size`` factorial."""
        return factorial(self.size)

    def all_values(self) -> tuple[NDArray[Any], NDArray[np.float64]]:
        """Every value of the training range, and its probability."""
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
        """Always ()."""
        return ()

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the stored values."""
        return np.dtype(np.float64 if isinstance(self.value, float) else np.int64)

    @property
    def has_beyond(self) -> bool:
        """False: there is one value."""
        return False

    def draw(self, generator: np.random.Generator, num: int, beyond: bool = False) -> NDArray[Any]:
        """Repeats the value: ``(num,)``."""
        return np.full(num, self.value, dtype=self.dtype)

    def cells(self, stored: NDArray[Any]) -> NDArray[np.int64]:
        """No cells: a value that never varies separates no variants."""
        return np.zeros((len(stored), 0), dtype=np.int64)

    def fine_cells(self, stored: NDArray[Any], per_range: int) -> NDArray[np.int64]:
        """No cells, as in `cells`."""
        return self.cells(stored)

    def contains(self, stored: NDArray[Any]) -> NDArray[np.bool_]:
        """Whether each value is the fixed one: ``(num,)``."""
        return np.asarray(stored == self.value)

    def store(self, value: Any) -> NDArray[Any]:
        """Turns a person's value into the stored form; raises ValueError."""
        [given] = flat_values(value, ())
        if given != self.value or isinstance(given, bool) != isinstance(self.value, bool):
            raise ValueError(f"got {value!r}, but this rule is fixed at {self.value!r}")
        return np.array(self.value, dtype=self.dtype)

    def show(self, stored: NDArray[Any]) -> Any:
        """The value itself."""
        return self.value

    def slots(self, rule: str, unit: str) -> tuple[Slot, ...]:
        """No slots: there is nothing to encode or to believe."""
        return ()

    def encode(self, stored: NDArray[Any]) -> NDArray[np.float32]:
        """The empty encoding: ``(num, 0)``."""
        return np.zeros((len(stored), 0), dtype=np.float32)

    @property
    def num_values(self) -> int:
        """One."""
        return 1

    def all_values(self) -> tuple[NDArray[Any], NDArray[np.float64]]:
        """The value, with probability 1."""
        return np.array([self.value], self.dtype), np.ones(1)
