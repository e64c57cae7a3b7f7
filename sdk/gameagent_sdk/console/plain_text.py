"""Plain text for a terminal: tables, wrapped lines, and values of files that are not trusted."""

import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest

from gameagent_sdk.errors import shown

WIDTH = 100  # columns
GAP = "  "  # between columns: no value holds two spaces in a row, so none can pass for two of them

_LONGEST_NUMBER = 24  # characters
_NARROWEST = 24  # columns that are left to a table's last column


def plain(value: object, length: int = 60) -> str:
    """Any value, as it may stand on a line: shortened, without control characters or runs of spaces.

    Args:
        value: As it came out of JSON; of lists and objects only the size is shown.
        length: The most characters.
    """
    if isinstance(value, str):
        text = re.sub(" +", " ", shown(value.strip(), length))
    elif isinstance(value, bool):
        text = "yes" if value else "no"
    elif isinstance(value, int | float):
        text = number(value)
    elif isinstance(value, Mapping):
        text = counted(len(value), "entry", "entries")
    elif isinstance(value, list | tuple):
        text = counted(len(value), "value", "values")
    else:
        text = "-" if value is None else shown(str(value), length)
    return text if len(text) <= length else text[: length - 3] + "..."


def number(value: float) -> str:
    """A number, whole ones with all their digits unless there are very many."""
    text = str(value) if isinstance(value, int) else f"{value:.4g}"
    return text if len(text) <= _LONGEST_NUMBER else f"a number of {len(text)} digits"


def counted(count: int, one: str, many: str) -> str:
    """A count and its noun."""
    return f"{count:,} {one if count == 1 else many}"


def wrapped(text: str, first: str = "", rest: str | None = None) -> list[str]:
    """Lines of at most `WIDTH` columns; ``first`` and ``rest`` stand before the first and the others."""
    return textwrap.wrap(
        text, WIDTH, initial_indent=first, subsequent_indent=first if rest is None else rest, break_on_hyphens=False
    ) or [first.rstrip()]


def table(header: Sequence[str], rows: Iterable[Sequence[str]], align: str, indent: str = "  ") -> list[str]:
    """A table's lines; the last column is wrapped if it is too wide.

    Args:
        header: One text per column; empty for none.
        rows: Of as many texts.
        align: "<" or ">" for each column, left or right.
        indent: Before every line.
    """
    cells = [*([tuple(header)] if header else []), *(tuple(row) for row in rows)]
    if not cells:
        return []
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    room = max(WIDTH - len(indent) - sum(widths[:-1]) - len(GAP) * (len(widths) - 1), _NARROWEST)
    widths[-1] = min(widths[-1], room)
    lines = []
    for row in cells:
        last = textwrap.wrap(row[-1], room, break_on_hyphens=False) or [""]
        for parts in zip_longest(*([cell] for cell in row[:-1]), last, fillvalue=""):
            placed = (f"{part:{side}{width}}" for part, side, width in zip(parts, align, widths, strict=True))
            lines.append((indent + GAP.join(placed)).rstrip())
    return lines
