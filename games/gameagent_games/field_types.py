"""What an author gave for a field of a definition, against what is expected: in one line, with what to write."""

import operator
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any, TypeVar

from gameagent_games.errors import FamilyError, GamesError

T = TypeVar("T")


def kind_of(value: Any) -> str:
    """A value's type in words: "a Feature", "the text 'a'", "the class Uniform"."""
    if isinstance(value, str):
        return f"the text {value!r}"
    if isinstance(value, type):
        return f"the class {value.__name__}"
    if value is None or isinstance(value, bool | int | float):
        return repr(value)
    name = type(value).__name__
    return f"{'an' if name[0] in 'AEIOaeio' else 'a'} {name}"


def nearest(given: str, known: Iterable[str]) -> str:
    """The end of a message about a misspelt name: "; did you mean 'speed'?", or nothing if none is near."""
    close = get_close_matches(given, list(known), 1)
    return f"; did you mean {close[0]!r}?" if close else ""


def as_tuple(owner: str, field: str, value: Any, item: type[T], error: type[GamesError] = FamilyError) -> tuple[T, ...]:
    """A tuple, or list, of items of one type; a missing comma is pointed out.

    Args:
        owner: What the field belongs to, such as "family 'coin'".
        field: The field's name.
        value: What was given.
        item: Type of the items.
        error: What to raise.
    """
    name = "text" if item is str else item.__name__
    if isinstance(value, item):
        shown = repr(value) if isinstance(value, str) else f"{item.__name__}(...)"
        raise error(
            f"{owner}: {field} is {kind_of(value)}, expected a tuple of {name}; "
            f"a tuple of one needs a comma: {field}=({shown},)"
        )
    if not isinstance(value, tuple | list):
        raise error(f"{owner}: {field} is {kind_of(value)}, expected a tuple of {name}")
    for number, one in enumerate(value):
        if not isinstance(one, item):
            raise error(f"{owner}: {field}[{number}] is {kind_of(one)}, expected a {name}")
    return tuple(value)


def as_count(owner: str, field: str, value: Any, low: int = 1, error: type[GamesError] = FamilyError) -> int:
    """A whole number of at least ``low``; numpy's integers become Python's."""
    try:
        count = None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        count = None
    if count is None:
        raise error(f"{owner}: {field} is {kind_of(value)}, expected a whole number")
    if count < low:
        raise error(f"{owner}: {field} is {count}, expected at least {low}")
    return count


def expect(
    owner: str, field: str, value: Any, kind: type | tuple[type, ...], expected: str,
    error: type[GamesError] = FamilyError,
) -> None:  # fmt: skip
    """Refuses a value that is not of a type."""
    if not isinstance(value, kind):
        raise error(f"{owner}: {field} is {kind_of(value)}, expected {expected}")


def as_text(owner: str, field: str, value: Any, error: type[GamesError] = FamilyError) -> str:
    """A text that is not empty."""
    if not isinstance(value, str) or not value:
        raise error(f"{owner}: {field} is {kind_of(value)}, expected a text that is not empty")
    return value
