"""The cells that rule values fall into, and hashes of a variant's combination of cells.

The hashes never change, as splits must not; numpy's generators do not promise that.
"""

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from gameagent_games.variants.distributions import Distribution

if TYPE_CHECKING:
    from gameagent_games.variants.variant import VariantSpace

DRAWS_TO_LOOK_AT: Final = 4096  # from a distribution, to see which cells it has
_GOLDEN: Final = np.uint64(0x9E3779B97F4A7C15)


def num_values(distribution: Distribution) -> int | None:
    """How many values a rule has in its training range; None if they cannot be counted."""
    found: int | None = getattr(distribution, "num_values", None)
    return found


def all_values(distribution: Distribution) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """The values that `num_values` counts, ``(num, *shape)``, and how likely each is, ``(num,)``."""
    values, chances = distribution.all_values()  # type: ignore[attr-defined]
    return values, chances


def num_cells(distribution: Distribution) -> NDArray[np.int64]:
    """Number of cells of each entry of a rule, as far as draws show."""
    cells = distribution.cells(distribution.draw(np.random.default_rng(0), DRAWS_TO_LOOK_AT))
    return np.asarray(cells.max(axis=0, initial=0) + 1)


def fine_columns(space: "VariantSpace", records: NDArray[Any], per_range: int) -> NDArray[np.uint64]:
    """The cells that held-out combinations are made of, ``(num, columns)``."""
    return np.concatenate(
        [fine_cells(rule.distribution, records[rule.name], per_range) for rule in space.rules], axis=1
    )


def fine_cells(distribution: Distribution, stored: NDArray[Any], per_range: int) -> NDArray[np.uint64]:
    """The cells of one rule, ``(num, columns)``; ``per_range`` for each range of numbers."""
    own = getattr(distribution, "fine_cells", None)
    if own is not None:
        return np.asarray(own(stored, per_range), np.int64).astype(np.uint64)
    return _digest(stored)[:, None]  # a third party's distribution: every value is a cell of its own


def _digest(stored: NDArray[Any]) -> NDArray[np.uint64]:
    """A hash of each value's bytes, ``(num,)``."""
    flat = np.ascontiguousarray(stored).reshape(len(stored), math.prod(stored.shape[1:]))
    flat = flat + 0.0 if flat.dtype.kind == "f" else flat  # minus zero is zero
    octets = np.ascontiguousarray(flat).view(np.uint8).reshape(len(flat), -1)
    padded = np.zeros((len(octets), -(-octets.shape[1] // 8) * 8), np.uint8)
    padded[:, : octets.shape[1]] = octets
    digest = np.zeros(len(flat), np.uint64)
    for word in padded.view("<u8").T:
        digest = _mix64(digest ^ word.astype(np.uint64))
    return digest


def weighted_sums(columns: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Sums over a row's cells, each times a constant of its column, modulo 2**64."""
    factors = _mix64(np.arange(1, columns.shape[1] + 1, dtype=np.uint64) * _GOLDEN) | np.uint64(1)
    return np.asarray((columns * factors).sum(axis=1, dtype=np.uint64))


def phases_of(columns: NDArray[np.uint64]) -> NDArray[np.float64]:
    """The phase of each row of cells, in [0, 1)."""
    return (weighted_sums(columns) >> np.uint64(11)) / 2.0**53


def scattered(num: int, key: int) -> NDArray[np.float64]:
    """Numbers in [0, 1) without a pattern, ``(num,)``; always the same for a key."""
    words = np.arange(num, dtype=np.uint64) ^ np.uint64(key << 32)
    return (_mix64(_mix64(words * _GOLDEN)) >> np.uint64(11)) / 2.0**53


def _mix64(word: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finalizer of splitmix64 (Steele et al. 2014); wraps around at 2**64, as it should."""
    word = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return word ^ (word >> np.uint64(31))
