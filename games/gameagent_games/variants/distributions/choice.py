"""Choice: a value from a list of numbers, flags or names."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gameagent_games.errors import VariantError
from gameagent_games.variants.distributions.interface import Slot, slot_indices
from gameagent_games.variants.distributions.plain import (
    Value,
    check_shape,
    described,
    flat_values,
    one_hot,
    one_value,
    products,
)


@dataclass(frozen=True)
class Choice:
    """One of the listed values: all numbers, all ``True`` / ``False``, or all names.

    Rules get the value itself: numbers as numbers (int64 if all are whole, else float64), flags as bools, a name as a
    text that they compare by name, ``variant.weather == "hot"``. In the interpreter a comparison with anything that
    is not one of the names is an error. An array of names (``shape``) holds each name's position in the list, as
    int64, and an array of flags 0 and 1: compiled records have neither texts nor bools in arrays.

    Example: ``Choice(("calm", "wild"), weights=(3, 1), beyond=("chaos",))``.

    Attributes:
        values: The values of the training range.
        shape: () for a single value, ``(length,)`` for an array of independent ones.
        beyond: The values of the out-of-range split, all equally likely.
        weights: How likely each of ``values`` is, positive and of any sum; empty for equally likely.
        known: All names that the rules know, where these are more than the options, in the order whose positions an
            array of names holds: for a choice that somebody else has narrowed. Empty if the options are all.
    """

    values: tuple[Value, ...]
    shape: tuple[int, ...] = ()
    beyond: tuple[Value, ...] = ()
    weights: tuple[float, ...] = ()
    known: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for given in (self.values, self.beyond):
            if not isinstance(given, tuple | list):
                comma = f"; a tuple of one needs a comma: ({given!r},)" if isinstance(given, Value) else ""
                raise VariantError(f"Choice values are {given!r}, expected a tuple of values{comma}")
        object.__setattr__(self, "shape", check_shape(self.shape))
        object.__setattr__(self, "values", tuple(one_value(value) for value in self.values))
        object.__setattr__(self, "beyond", tuple(one_value(value) for value in self.beyond))
        object.__setattr__(self, "weights", self._checked_weights())
        if not self.values:
            raise VariantError("Choice needs at least one value")
        if len(set(self.options)) != len(self.options) or len(set(self._labels)) != len(self.options):
            raise VariantError(f"Choice values repeat (1, 1.0, true and their texts count as one): {self.options}")
        if len({_kind(value) for value in self.options}) > 1:
            raise VariantError(f"Choice values are of several kinds, expected all numbers, all flags or all names: "
                               f"{self.options}")  # fmt: skip
        object.__setattr__(self, "known", tuple(self.known))
        if self.known and not (set(self.options) <= set(self.known) and len(set(self.known)) == len(self.known)):
            raise VariantError(f"Choice knows the names {self.known}, which are not all different or lack an option")
        self._check_storable()

    def _checked_weights(self) -> tuple[float, ...]:
        try:
            weights = tuple(float(weight) for weight in self.weights)
        except (TypeError, ValueError):
            raise VariantError(f"Choice weights are {self.weights!r}, expected numbers, one per value") from None
        if len(weights) not in (0, len(self.values)):
            raise VariantError(f"Choice has {len(weights)} weights for {len(self.values)} values, expected one each")
        if not all(0.0 < weight < np.inf for weight in weights) or not np.isfinite(sum(weights)):
            raise VariantError(f"Choice weights are {weights}, expected positive finite numbers")
        return weights

    def _check_storable(self) -> None:
        for option in self.options:
            if isinstance(option, str) and (not option or "\0" in option):
                raise VariantError(f"Choice has the name {option!r}, expected a text that is not empty")
            if isinstance(option, int) and abs(option) >= 2**63:
                raise VariantError(f"Choice has the number {option}, expected whole numbers below 2**63")
        if len(np.unique(self._stored)) < len(self.options):
            raise VariantError(f"Choice values are equal once they are stored as {self.dtype}: {self.options}")

    @property
    def options(self) -> tuple[Value, ...]:
        """All values, those beyond the training range last."""
        return self.values + self.beyond

    @property
    def names(self) -> tuple[str, ...]:
        """The names that the rule knows: the options, unless there are more; none if the options are no names."""
        return self.known or tuple(option for option in self.options if isinstance(option, str))

    @cached_property
    def probabilities(self) -> NDArray[np.float64]:
        """How likely each of ``values`` is in the training range."""
        weights = np.array(self.weights or (1.0,) * len(self.values))
        return np.asarray(weights / weights.sum(), np.float64)

    @property
    def _labels(self) -> tuple[str, ...]:
        return tuple(str(value).lower() if isinstance(value, bool) else str(value) for value in self.options)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the stored values."""
        if self.names:
            return np.dtype(np.int64) if self.shape else np.dtype(f"U{max(map(len, self.names))}")
        if isinstance(self.values[0], bool):
            return np.dtype(np.int64 if self.shape else np.bool_)
        return np.dtype(np.float64 if any(isinstance(value, float) for value in self.options) else np.int64)

    @cached_property
    def _stored(self) -> NDArray[Any]:
        """The options as they are stored, in order."""
        known: tuple[Value, ...] = self.names or self.options
        positions = [known.index(option) for option in self.options]
        options = positions if self.names and self.shape else self.options
        return np.array(options, dtype=self.dtype)

    @cached_property
    def _order(self) -> NDArray[np.int64]:
        return np.argsort(self._stored, kind="stable")

    def _positions(self, stored: NDArray[Any]) -> NDArray[np.int64]:
        """Each value's position among the options; of what is not an option, some position."""
        place = np.searchsorted(self._stored, stored, sorter=self._order)
        return np.asarray(self._order[np.minimum(place, len(self.options) - 1)], np.int64)

    @property
    def has_beyond(self) -> bool:
        """Whether there are out-of-range values."""
        return bool(self.beyond)

    def draw(self, generator: np.random.Generator, num: int, beyond: bool = False) -> NDArray[Any]:
        """Draws ``(num, *shape)`` stored values."""
        size, inside = (num, *self.shape), len(self.values)
        if self.weights and not beyond:
            return np.asarray(self._stored[generator.choice(inside, size, p=self.probabilities)])
        low, high = (inside, len(self.options)) if beyond else (0, inside)
        return np.asarray(self._stored[generator.integers(low, high, size, dtype=np.int64)])

    def cells(self, stored: NDArray[Any]) -> NDArray[np.int64]:
        """The cell of each value: ``(num, cells of one value)``."""
        return self._positions(stored).reshape(len(stored), -1)

    def fine_cells(self, stored: NDArray[Any], per_range: int) -> NDArray[np.int64]:
        """The same as `cells`: options cannot be cut finer."""
        return self.cells(stored)

    def contains(self, stored: NDArray[Any]) -> NDArray[np.bool_]:
        """Whether each value lies in the training range: ``(num,)``."""
        return np.asarray(np.isin(stored, self._stored[: len(self.values)]).reshape(len(stored), -1).all(axis=1))

    def store(self, value: Any) -> NDArray[Any]:
        """Turns a person's value into the stored form; raises ValueError."""
        indices = [self._index(one) for one in flat_values(value, self.shape)]
        return np.asarray(self._stored[np.array(indices).reshape(self.shape)])

    def _index(self, given: Any) -> int:
        for index, option in enumerate(self.options):
            if option == given and isinstance(option, bool) == isinstance(given, bool):
                return index
        raise ValueError(f"got {given!r}, expected {described(self.shape)} of {', '.join(map(repr, self.options))}")

    def show(self, stored: NDArray[Any]) -> Any:
        """Turns a stored value back into what a person writes."""
        flat = [self.options[index] for index in self._positions(np.asarray(stored).reshape(-1)).tolist()]
        return flat[0] if self.shape == () else flat

    def slots(self, rule: str, unit: str) -> tuple[Slot, ...]:
        """The slots of a rule with this distribution, in the order of the encoding."""
        numbers: tuple[float, ...] = ()
        if _kind(self.values[0]) == "numbers":
            numbers = tuple(float(value) for value in self.options)
        return tuple(Slot(rule, i, "categorical", self._labels, numbers, unit=unit) for i in slot_indices(self.shape))

    def encode(self, stored: NDArray[Any]) -> NDArray[np.float32]:
        """The encoding of the values: ``(num, sum of slot sizes)``."""
        return one_hot(self._positions(stored), len(self.options))

    @property
    def num_values(self) -> int:
        """Number of values in the training range."""
        return int(len(self.values) ** int(np.prod(self.shape, dtype=int)))

    def all_values(self) -> tuple[NDArray[Any], NDArray[np.float64]]:
        """Every value of the training range, and its probability."""
        columns, chances = products(len(self.values), self.shape, self.probabilities)
        return np.asarray(self._stored[columns]), chances


def _kind(value: Value) -> str:
    return "names" if isinstance(value, str) else "flags" if isinstance(value, bool) else "numbers"
