"""On which line of a TOML text a key stands, which `tomllib` does not tell.

Nothing is parsed here: the text's first lines are handed to `tomllib`, as many as it takes until the key is there. That
is slow, so only errors ask for a line.
"""

import tomllib
from itertools import chain
from typing import Any, Final, TypeAlias

Key: TypeAlias = str | int
"""A table's key, or an index into an array."""

MOST_PARSES: Final = 4000  # before the line is given up
ENDINGS: Final = ("]", "]]", "]}", "]]}")  # of a statement that is cut behind an array's item


def line_of(text: str, *keys: Key) -> int | None:
    """The line, from 1, on which a key's entry begins: ``[rules.gravity]`` or ``uniform = …``.

    Args:
        text: A valid TOML text.
        *keys: The way to the key from the top, such as ``"rules", "gravity", "uniform"``. An index into an array that
            takes several lines leads to that item.

    Returns:
        The line; None if there is no such key, or finding it would take too long.
    """
    prefixes = _Prefixes(text.replace("\r\n", "\n").split("\n"))
    begins = prefixes.first_with(keys)
    if begins is None or not isinstance(keys[-1], int):
        return begins
    return prefixes.line_of_item(keys, begins) or begins


class _Prefixes:
    """The first lines of a text, parsed, as far as they are whole statements."""

    def __init__(self, lines: list[str]) -> None:
        self._lines, self._left = lines, MOST_PARSES

    def first_with(self, keys: tuple[Key, ...]) -> int | None:
        """The first line of the statement by which a key comes to be there."""
        without, having = 0, len(self._lines)  # of whole statements: lines without the key, and lines that have it
        if not self._has(having, keys):
            return None
        while (between := self._whole_between(without, having)) is not None:
            if self._has(between, keys):
                having = between
            else:
                without = between
        return without + 1 if self._left > 0 else None

    def line_of_item(self, keys: tuple[Key, ...], begins: int) -> int | None:
        """The line of an array's item, in a statement that begins on a line: closed there, the array has it."""
        for num in range(begins, len(self._lines) + 1):
            if any(self._has(num, keys, ending) for ending in ("", *ENDINGS)):
                return num
            if self._left <= 0:
                return None
        return None

    def _whole_between(self, without: int, having: int) -> int | None:
        """A number of lines between two, near the middle, that are whole statements."""
        middle = (without + having) // 2
        for num in chain(range(middle, having), range(middle - 1, without, -1)):
            if num > without and self._left > 0 and self._parsed(num) is not None:
                return num
        return None

    def _has(self, num: int, keys: tuple[Key, ...], ending: str = "") -> bool:
        table = self._parsed(num, ending)
        return table is not None and has_key(table, keys)

    def _parsed(self, num: int, ending: str = "") -> dict[str, Any] | None:
        """What the first lines say; None if they are not whole statements."""
        self._left -= 1
        try:
            return tomllib.loads("\n".join([*self._lines[:num], ending]))
        except (tomllib.TOMLDecodeError, RecursionError):
            return None


def has_key(table: Any, keys: tuple[Key, ...]) -> bool:
    """Whether a table as TOML gives it has what the keys lead to."""
    for key in keys:
        if isinstance(key, int):
            if not isinstance(table, list) or key >= len(table):
                return False
        elif not isinstance(table, dict) or key not in table:
            return False
        table = table[key]
    return True
