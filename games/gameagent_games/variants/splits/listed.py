"""Combinations held out of a space whose variants can be listed."""

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from gameagent_games.errors import VariantError
from gameagent_games.variants.splits.balance import raked, sharings
from gameagent_games.variants.splits.cells import all_values, fine_cells, fine_columns, weighted_sums
from gameagent_games.variants.splits.interface import LABELS, TEST, TRAIN, VALIDATION

if TYPE_CHECKING:
    from gameagent_games.variants.variant import VariantSpace

LEAST_COMBINATIONS: Final = 10  # that every value must be part of, so that a tenth can be held out
EXACT: Final = 2**62  # cells of a range: so many that every whole number is a cell


class ListedSplits:
    """Every variant of a small space, with its split and its probability there."""

    def __init__(self, space: "VariantSpace", table: NDArray[Any], labels: NDArray[np.int8], shares: list[Any]) -> None:
        """Takes the space's variants ``(num,)``, their labels, and for each label their probabilities, ``(num,)``."""
        self._space, self._table = space, table
        self._ends = [np.cumsum(share) / np.sum(share) for share in shares]
        prints = _prints(space, table, EXACT)
        order = np.argsort(prints)
        self._prints, self._labels = prints[order], labels[order]
        if (self._prints[1:] == self._prints[:-1]).any():
            raise VariantError("a distribution lists one value twice in all_values()")

    def labels(self, records: NDArray[Any]) -> NDArray[np.int8]:
        """The label of each variant; see `Splits`."""
        place = np.searchsorted(self._prints, _prints(self._space, records, EXACT))
        return np.asarray(self._labels[np.minimum(place, len(self._prints) - 1)])

    def sample(self, generator: np.random.Generator, num: int, label: int) -> NDArray[Any]:
        """Draws ``(num,)`` variants with a label."""
        place = np.searchsorted(self._ends[label], generator.random(num), side="right")
        return np.asarray(self._table[np.minimum(place, len(self._table) - 1)])


def list_splits(space: "VariantSpace") -> ListedSplits | None:
    """Splits of a space whose variants can be listed; None if their margins cannot be made equal.

    Under constraints some values have few partners, or some that others never have. Such values are taken together
    with their neighbours, as many as it takes, and the margins of these groups are made equal.
    """
    table, chances = all_variants(space)
    columns, ranges = _columns(space, table)
    exact = fine_columns(space, table, EXACT)
    for least in _group_sizes(space, len(table)):
        grouped = columns if least is None else [one for c in columns if (one := _grouped(c, least)).max() > 0]
        if shares := _shared_out(grouped, chances, exact, ranges):
            return ListedSplits(space, table, *shares)
    return None


def _group_sizes(space: "VariantSpace", num: int) -> list[int | None]:
    """How many variants a group of values must have, one attempt after the other; None leaves values alone."""
    if not space.constraints:
        return [None]
    return [
        None,
        *(LEAST_COMBINATIONS * 2**power for power in range(20) if LEAST_COMBINATIONS * 2 ** (power + 1) <= num),
    ]


def _grouped(column: NDArray[Any], least: int) -> NDArray[Any]:
    """A column with neighbouring values in groups of at least so many variants, numbered from 0."""
    counts, group, size = np.bincount(column), 0, 0
    groups = np.zeros(len(counts), np.int64)
    for value, count in enumerate(counts):
        groups[value], size = group, size + count
        if size >= least and counts[value + 1 :].sum() >= least:
            group, size = group + 1, 0
    return np.asarray(groups[column])


def _shared_out(
    columns: list[NDArray[Any]], chances: NDArray[np.float64], exact: NDArray[np.uint64], ranges: bool
) -> tuple[NDArray[np.int8], list[Any]] | None:
    """Each variant's label, and for each label the variants' probabilities; None if margins cannot be made equal."""
    if not columns or min(np.bincount(column).min() for column in columns) < LEAST_COMBINATIONS:
        return None
    margins = [np.bincount(column, chances).astype(np.float64) for column in columns]
    for labels in sharings(columns, margins, exact, ranges):
        shares: dict[int, NDArray[np.float64] | None] = {}
        for label in (TEST, VALIDATION, TRAIN):  # the smaller splits first: they fail sooner
            shares[label] = raked(columns, margins, chances, labels == label)
            if shares[label] is None:
                break
        else:
            return labels, [shares[label] for label in range(len(LABELS))]
    return None


def _columns(space: "VariantSpace", table: NDArray[Any]) -> tuple[list[NDArray[Any]], bool]:
    """The columns whose margins are made equal, numbered from 0, and whether they hide the numbers within ranges.

    Margins are those of a rule's cells, or of its whole numbers one by one if each is part of enough variants.
    """
    columns, ranges = [], False
    for rule in space.rules:
        cells, each = (
            [np.unique(column, return_inverse=True)[1] for column in part.T]
            for part in (
                rule.distribution.cells(table[rule.name]),
                fine_cells(rule.distribution, table[rule.name], EXACT),
            )
        )
        finer = len(each) == len(cells) and any(one.max() > cell.max() for one, cell in zip(each, cells, strict=True))
        if finer and min(np.bincount(one).min() for one in each) >= LEAST_COMBINATIONS:
            cells, finer = each, False
        columns += [cell for cell in cells if cell.max() > 0]
        ranges |= finer
    return columns, ranges


def all_variants(space: "VariantSpace") -> tuple[NDArray[Any], NDArray[np.float64]]:
    """Every variant of the training range that meets the constraints, and its probability."""
    listed = [all_values(rule.distribution) for rule in space.rules]
    table, chances = np.zeros(math.prod(len(chance) for _, chance in listed), space.dtype), np.ones(1)
    after = len(table)
    for rule, (values, chance) in zip(space.rules, listed, strict=True):
        after //= len(chance)
        table[rule.name] = values[np.arange(len(table)) // after % len(chance)]
        chances = np.outer(chances, chance).reshape(-1)
    if space.constraints:
        met = space.meets_constraints(table)
        table, chances = table[met], chances[met] / chances[met].sum()
    return table, chances


def _prints(space: "VariantSpace", records: NDArray[Any], per_range: int) -> NDArray[np.uint64]:
    """A 64-bit fingerprint of each variant."""
    return weighted_sums(fine_columns(space, records, per_range))
