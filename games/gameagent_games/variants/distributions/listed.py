"""Permutation and Fixed."""

from dataclasses import dataclass
from functools import cached_property
from itertools import permutations
from math import factorial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gameagent_games.errors import VariantError
from gameagent_games.variants.distributions.interface import Distribution, Slot
from gameagent_games.variants.distributions.plain import flat_numbers, flat_values, one_hot, plain


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
    """One value for every variant: a rule that does not vary (yet).

    A number is stored as float64, or as int64 if it is whole, or true or false; a text as a text; a list of them, for
    an array rule, as an array, of texts as their positions among the different ones. A variant's table may leave a
    fixed rule out.

    Attributes:
        value: The value, as a person writes it.
        of: A distribution that has it among its values, whose type and names the rule keeps: for a rule that varies
            in the family and is fixed by somebody else. None if there is none.
    """

    value: Any
    of: Distribution | None = None

    def __post_init__(self) -> None:
        try:
            given = plain(self.value)
            stored = _stored_alone(given) if self.of is None else self.of.store(given)
        except ValueError as error:
            raise VariantError(f"Fixed({self.value!r}): {error}") from None
        value = stored.tolist() if self.of is None and stored.dtype == np.float64 else given
        object.__setattr__(self, "value", tuple(value) if isinstance(value, list) else value)

    @cached_property
    def stored(self) -> NDArray[Any]:
        """The value as it is stored, of ``shape``."""
        given = plain(self.value)
        return _stored_alone(given) if self.of is None else self.of.store(given).astype(self.of.dtype)

    @property
    def names(self) -> tuple[str, ...]:
        """The names that the rule knows, if its value is a name, else none."""
        if self.of is not None:
            return tuple(getattr(self.of, "names", ()))
        return _names_in(self.value)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the value: () or ``(length,)``."""
        return self.stored.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the stored value."""
        return self.stored.dtype

    @property
    def has_beyond(self) -> bool:
        """False: there is one value."""
        return False

    def draw(self, generator: np.random.Generator, num: int, beyond: bool = False) -> NDArray[Any]:
        """Repeats the value: ``(num, *shape)``."""
        return np.repeat(self.stored[None], num, axis=0)

    def cells(self, stored: NDArray[Any]) -> NDArray[np.int64]:
        """No cells: a value that never varies separates no variants."""
        return np.zeros((len(stored), 0), dtype=np.int64)

    def fine_cells(self, stored: NDArray[Any], per_range: int) -> NDArray[np.int64]:
        """No cells, as in `cells`."""
        return self.cells(stored)

    def contains(self, stored: NDArray[Any]) -> NDArray[np.bool_]:
        """Whether each value is the fixed one: ``(num,)``."""
        return np.asarray((stored == self.stored).reshape(len(stored), -1).all(axis=1))

    def store(self, value: Any) -> NDArray[Any]:
        """Turns a person's value into the stored form; raises ValueError."""
        given = flat_values(value, self.shape)
        own = list(self.value) if self.shape else [self.value]
        if given != own or any(isinstance(a, bool) != isinstance(b, bool) for a, b in zip(given, own, strict=True)):
            raise ValueError(f"got {value!r}, but this rule is fixed at {plain(self.value)!r}")
        return self.stored

    def show(self, stored: NDArray[Any]) -> Any:
        """The value itself."""
        return plain(self.value)

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
        """The value, with probability 1: ``(1, *shape)``."""
        return self.stored[None], np.ones(1)


def _names_in(given: Any) -> tuple[str, ...]:
    """The different texts of a value, in order."""
    values = given if isinstance(given, list | tuple) else [given]
    return tuple(dict.fromkeys(one for one in values if isinstance(one, str)))


def _stored_alone(given: Any) -> NDArray[Any]:
    """A fixed value as it is stored if nothing else says its type; raises ValueError."""
    values = given if isinstance(given, list) else [given]
    names = _names_in(given)
    if names and all(isinstance(one, str) and one and "\0" not in one for one in values):
        return np.array([names.index(one) for one in values], np.int64) if isinstance(given, list) else np.array(given)
    if not values or not all(isinstance(one, bool | int | float) and abs(one) < 2**63 for one in values):
        raise ValueError("expected true or false, a finite number, a text that is not empty, or a list of one of them")
    return np.array(given, np.float64 if any(isinstance(one, float) for one in values) else np.int64)
