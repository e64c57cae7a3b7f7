"""Plain values: what a person writes for a rule, checked before anything is stored."""

import math
from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from gameagent_games.errors import VariantError

Value: TypeAlias = bool | int | float | str


def plain(value: Any) -> Any:
    """A bool, int, finite float, string, or a list of those; numpy scalars, arrays and tuples are converted.

    Minus zero becomes zero, so that equal values have equal text.

    Raises:
        ValueError: Anything else.
    """
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, str):
        return str(value)
    if isinstance(value, bool | int):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value + 0.0
    raise ValueError(f"got {value!r}, expected true or false, a finite number, a text, or a list of those")


def plain_table(rules: Any) -> dict[str, Any]:
    """A variant's table of rules as plain values.

    Raises:
        VariantError: It is not a table, or a value is not plain; the message names the rule.
    """
    if not isinstance(rules, Mapping):
        raise VariantError(f"a variant is a table of rules, got {rules!r}")
    table = {}
    for name, value in rules.items():
        try:
            table[str(name)] = plain(value)
        except ValueError as error:
            raise VariantError(f"rule {name!r}: {error}") from None
    return table


def flat_numbers(value: Any, shape: tuple[int, ...]) -> list[int | float]:
    """The finite numbers of a value of ``shape``, in order. Texts and booleans are not numbers here."""
    flat = flat_values(value, shape)
    if not all(isinstance(one, int | float) and not isinstance(one, bool) and abs(one) < 2**63 for one in flat):
        raise ValueError(f"got {value!r}, expected {described(shape)} of finite numbers")
    return flat


def flat_values(value: Any, shape: tuple[int, ...]) -> list[Any]:
    """The plain values of a value of ``shape``, in order."""
    given = plain(value)
    if isinstance(given, list) != (shape != ()) or (shape and len(given) != shape[0]):
        raise ValueError(f"got {value!r}, expected {described(shape)}")
    return given if shape else [given]


def described(shape: tuple[int, ...]) -> str:
    """A shape in words."""
    return "a value" if shape == () else f"a list of {shape[0]} values"


def check_shape(shape: Any) -> tuple[int, ...]:
    """A rule's shape as a tuple: () or one positive length.

    Raises:
        VariantError: Anything else.
    """
    if not isinstance(shape, tuple | list) or len(shape) > 1 or not all(type(n) is int and n >= 1 for n in shape):
        raise VariantError(f"a rule's shape is {shape!r}; expected () for a single value or (length,) for an array")
    return tuple(shape)


def one_value(value: Any) -> Value:
    """A single plain value of a definition.

    Raises:
        VariantError: It is not one.
    """
    try:
        single: Value = flat_values(value, ())[0]
    except ValueError as error:
        raise VariantError(str(error)) from None
    return single


def one_hot(positions: NDArray[Any], num_options: int) -> NDArray[np.float32]:
    """``(num, options of all entries)`` from the position of each entry's option, ``(num, ...)``."""
    return np.eye(num_options, dtype=np.float32)[np.asarray(positions, dtype=np.int64)].reshape(len(positions), -1)


def products(
    num: int, shape: tuple[int, ...], chances: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Every value of ``shape`` whose entries are 0 ... num-1, and how likely each is if the entries are independent.

    Returns:
        int64 ``(num ** entries, *shape)`` and float64 ``(num ** entries,)``.
    """
    entries = shape[0] if shape else 1
    table = np.arange(num**entries)[:, None] // num ** np.arange(entries)[::-1] % num
    return table.reshape(len(table), *shape), np.prod(chances[table], axis=1)
