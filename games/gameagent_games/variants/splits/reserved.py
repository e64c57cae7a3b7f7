"""Whole values, or pairs of values, held out."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gameagent_games.errors import VariantError
from gameagent_games.variants.distributions import Choice, Distribution, Integers, Uniform
from gameagent_games.variants.splits.balance import sharings
from gameagent_games.variants.splits.cells import num_cells, scattered
from gameagent_games.variants.splits.interface import MOST_DRAWS, TEST, TRAIN, VALIDATION, sample_by_rejection

if TYPE_CHECKING:
    from gameagent_games.variants.variant import VariantSpace


class ReservedSplits:
    """Splits by values, or pairs of values, that are kept for validation and test."""

    def __init__(self, space: "VariantSpace") -> None:
        self._space = space
        sizes = np.concatenate([num_cells(rule.distribution) for rule in space.rules]).tolist()
        reserve = _reserved_values if space.hold_out == "values" else _reserved_pairs
        self._reserved = reserve(sizes)
        if not self._reserved:
            needed = "a rule of at least 5 values" if space.hold_out == "values" else "two rules of at least 4 values"
            raise VariantError(f"hold_out={space.hold_out!r} needs {needed}; this space has none")

    def labels(self, records: NDArray[Any]) -> NDArray[np.int8]:
        """The label of each variant; see `Splits`."""
        cells = np.concatenate([rule.distribution.cells(records[rule.name]) for rule in self._space.rules], axis=1)
        labels = np.zeros(len(records), np.int8)
        for first, second, table in self._reserved:  # test wins over validation, and that over training
            rows, columns = (
                np.minimum(cells[:, i], size - 1) for i, size in zip((first, second), table.shape, strict=True)
            )
            labels = np.maximum(labels, table[rows, columns])
        return labels

    def sample(self, generator: np.random.Generator, num: int, label: int) -> NDArray[Any]:
        """Draws ``(num,)`` variants with a label."""
        if label != TRAIN or self._space.hold_out != "values":
            return sample_by_rejection(self._space, self, generator, num, label)
        if not self._space.constraints:
            return self._trained(generator, num)
        return self._space.draw_constrained(num, lambda size: self._trained(generator, size))

    def _trained(self, generator: np.random.Generator, num: int) -> NDArray[Any]:
        """Draws ``(num,)`` variants of values that are not held out, whatever the constraints say."""
        records, first = np.zeros(num, self._space.dtype), 0
        for rule in self._space.rules:  # each rule by itself decides what training may meet
            records[rule.name] = self._trained_values(generator, rule.distribution, num, first)
            first += rule.distribution.cells(records[rule.name][:1]).shape[1]
        return records

    def _trained_values(
        self, generator: np.random.Generator, distribution: Distribution, num: int, first: int
    ) -> NDArray[Any]:
        """Draws ``(num, *shape)`` values of a rule, whose first column of cells is ``first``, that are not held out."""
        tables = {column - first: np.diag(table) for column, _, table in self._reserved}
        apart = bool(distribution.shape) and isinstance(
            distribution, Uniform | Integers | Choice
        )  # the entries are drawn independently
        found = np.zeros((num, *distribution.shape), distribution.dtype)
        missing = np.full((num, *distribution.shape[:1]) if apart else num, True)
        for _ in range(MOST_DRAWS // max(num, 1)):
            if not missing.any():
                return found
            drawn = distribution.draw(generator, num)
            cells = distribution.cells(drawn)
            kept = np.ones(cells.shape, bool)
            for column, table in tables.items():
                if 0 <= column < cells.shape[1]:
                    kept[:, column] = table[np.minimum(cells[:, column], len(table) - 1)] == TRAIN
            fresh = missing & (kept if apart else kept.all(axis=1))
            found[fresh], missing = drawn[fresh], missing & ~fresh
        raise VariantError(f"found no values of {distribution} that are not held out")


Reserved = list[tuple[int, int, NDArray[np.int8]]]
"""Columns of cells, two by two, with the label of every pair of their values."""


def _reserved_values(sizes: list[int]) -> Reserved:
    reserved: Reserved = []
    for column, size in enumerate(sizes):
        if size >= 5:
            each, table = max(1, round(size / 10)), np.zeros(size, np.int8)
            order = np.argsort(scattered(size, column))
            table[order[:each]], table[order[each : 2 * each]] = TEST, VALIDATION
            reserved.append((column, column, np.diag(table)))
    return reserved


def _reserved_pairs(sizes: list[int]) -> Reserved:
    reserved: Reserved = []
    wide = sorted((column for column, size in enumerate(sizes) if size >= 4), key=lambda column: -sizes[column])
    for first, second in zip(wide[::2], wide[1::2], strict=False):
        grid = np.indices((sizes[first], sizes[second])).reshape(2, -1)
        margins = [np.full(sizes[column], 1.0 / sizes[column]) for column in (first, second)]
        labels = next(sharings(list(grid), margins, grid.T.astype(np.uint64), ranges=False))
        reserved.append((first, second, labels.reshape(sizes[first], sizes[second])))
    return reserved
