"""Rows of different length, put together so that little is computed past their ends."""

import numpy as np
from numpy.typing import NDArray

FIXED_ROWS = 32  # a step of a batch costs as much as this many rows, beside its own rows
WORTHWHILE = 0.9  # a batch is divided if its parts cost less than this share of it


def by_length(lengths: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Divides rows into parts, each of which runs only as long as its own longest row, where that saves work.

    Sums over the rows are sums over the parts, so a gradient comes out the same; rows of one length stay together.

    Args:
        lengths: Steps of each row, ``(rows,)``.

    Returns:
        The rows of each part, ascending; together every row once. At least one part.
    """
    longest_first = np.argsort(-lengths, kind="stable")
    return [np.sort(part) for part in _divided(longest_first, lengths[longest_first])]


def _divided(rows: NDArray[np.int64], lengths: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Divides rows, the longest first, at the best place, and the parts again, as long as it is worthwhile."""
    if len(rows) < 2:
        return [rows]
    first = np.arange(1, len(rows))
    costs = lengths[0] * (first + FIXED_ROWS) + lengths[1:] * (len(rows) - first + FIXED_ROWS)
    best = int(costs.argmin())
    if costs[best] >= WORTHWHILE * lengths[0] * (len(rows) + FIXED_ROWS):
        return [rows]
    cut = best + 1
    return _divided(rows[:cut], lengths[:cut]) + _divided(rows[cut:], lengths[cut:])
