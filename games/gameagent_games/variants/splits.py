"""Which variants are held out: a space's training, validation and test variants.

Three ways (`VariantSpace.hold_out`):

- ``"combinations"``: held out are combinations of rule values, so chosen that every single rule looks the same in
  each split. Where all variants can be listed, a tenth of them is chosen for test and another for validation with
  every value in each split equally often, and drawn with weights that make the margins exact (iterative proportional
  fitting, Deming and Stephan 1940). Otherwise ranges are cut into cells, some 2**22 combinations or more, and those
  are held out whose *phase*, the sum of a multiple of each cell's number modulo 1, is in the last two tenths: a
  lattice, which covers every margin more evenly than chance would.
- ``"values"``: about a tenth of each rule's values (a sixteenth of a range, an option, a place in an order) is kept
  for test and another for validation; a test variant has at least one value that training never met.
- ``"pairs"``: the same of pairs of values of two rules, each of which was trained on with other partners.
"""

import math
from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from gameagent_games.errors import VariantError
from gameagent_games.variants.distributions import Choice, Distribution, Integers, Uniform

if TYPE_CHECKING:
    from gameagent_games.variants.variant import VariantSpace

HoldOut = Literal["combinations", "pairs", "values"]
HOLD_OUTS: Final = get_args(HoldOut)
SCHEME: Final = 2  # raised when other variants come to be held out
TRAIN, VALIDATION, TEST = range(3)
LABELS: Final = ("train", "validation", "test")
LEAST_COMBINATIONS: Final = 10  # of which every value must be part, so that a tenth of them can be held out
MOST_LISTED: Final = 2**18  # variants of a space that is listed
MOST_WEIGHTED: Final = 2**20  # the same where values are not equally likely, and phases do less well
MOST_PLACED: Final = 2**14  # of those, up to which held-out ones are placed one by one
EXACT: Final = 2**62  # cells of a range, so many that every whole number is a cell
CELL_BITS: Final = 22  # log2 of the cell combinations that a space of numbers is cut into at least
MOST_DRAWS: Final = 2**25  # before sampling by rejection gives up
DRAWS_TO_LOOK_AT: Final = 4096  # of a distribution, to see which cells it has


class Splits(Protocol):
    """A way of sharing out a space's variants."""

    def labels(self, records: NDArray[Any]) -> NDArray[np.int8]:
        """`TRAIN`, `VALIDATION` or `TEST` for each of ``(num,)`` variants of the training range."""
        ...

    def sample(self, generator: np.random.Generator, num: int, label: int) -> NDArray[Any]:
        """Draws ``(num,)`` variants with a label."""
        ...


def make_splits(space: "VariantSpace") -> Splits | None:
    """How a space's variants are shared out; None where nothing can be held out.

    Raises:
        VariantError: The space has too few values for its ``hold_out``.
    """
    if space.hold_out != "combinations":
        return ReservedSplits(space)
    num = space.num_variants
    if num is not None and num <= (MOST_WEIGHTED if _is_weighted(space) else MOST_LISTED):
        return list_splits(space)
    most_cells = max(_num_cells(rule.distribution).max(initial=1) for rule in space.rules)
    return None if num is not None and num < LEAST_COMBINATIONS * most_cells else PhaseSplits(space)


# -- combinations, listed ---------------------------------------------------------------------------------------------


class ListedSplits:
    """Every variant of a small space, with its split and how likely it is there."""

    def __init__(self, space: "VariantSpace", table: NDArray[Any], labels: NDArray[np.int8], shares: list[Any]) -> None:
        """Takes the space's variants ``(num,)``, their labels, and for each label how likely they are, ``(num,)``."""
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
    """Splits of a space whose variants can be listed; None where their margins cannot be made equal."""
    table, chances = _all_variants(space)
    columns, ranges = _columns(space, table)
    if not columns or min(np.bincount(column).min() for column in columns) < LEAST_COMBINATIONS:
        return None
    margins = [np.bincount(column, chances).astype(np.float64) for column in columns]
    exact = _fine_columns(space, table, EXACT)
    for labels in _sharings(columns, margins, exact, ranges):
        shares: dict[int, NDArray[np.float64] | None] = {}
        for label in (TEST, VALIDATION, TRAIN):  # the smaller ones first: they fail sooner
            shares[label] = _raked(columns, margins, chances, labels == label)
            if shares[label] is None:
                break
        else:
            return ListedSplits(space, table, labels, [shares[label] for label in range(len(LABELS))])
    return None


def _columns(space: "VariantSpace", table: NDArray[Any]) -> tuple[list[NDArray[Any]], bool]:
    """The columns whose margins are made equal, numbered from 0, and whether they hide the numbers of ranges.

    Margins are those of a rule's cells; of its whole numbers one by one where each is part of enough variants.
    """
    columns, ranges = [], False
    for rule in space.rules:
        cells, each = (
            [np.unique(column, return_inverse=True)[1] for column in part.T]
            for part in (
                rule.distribution.cells(table[rule.name]),
                _fine_cells(rule.distribution, table[rule.name], EXACT),
            )
        )
        finer = len(each) == len(cells) and any(one.max() > cell.max() for one, cell in zip(each, cells, strict=True))
        if finer and min(np.bincount(one).min() for one in each) >= LEAST_COMBINATIONS:
            cells, finer = each, False
        columns += [cell for cell in cells if cell.max() > 0]
        ranges |= finer
    return columns, ranges


def _all_variants(space: "VariantSpace") -> tuple[NDArray[Any], NDArray[np.float64]]:
    """Every variant of the training range, and how likely each is."""
    listed = [all_values(rule.distribution) for rule in space.rules]
    table, chances = np.zeros(math.prod(len(chance) for _, chance in listed), space.dtype), np.ones(1)
    after = len(table)
    for rule, (values, chance) in zip(space.rules, listed, strict=True):
        after //= len(chance)
        table[rule.name] = values[np.arange(len(table)) // after % len(chance)]
        chances = np.outer(chances, chance).reshape(-1)
    return table, chances


def _sharings(
    columns: list[NDArray[Any]], margins: list[NDArray[np.float64]], exact: NDArray[np.uint64], ranges: bool
) -> Iterator[NDArray[np.int8]]:
    """Ways to hold out a tenth or somewhat more, from which the first one with equal margins is taken.

    By phase of the ``exact`` cells, ``(num, columns)``, where there are many variants, or ``ranges`` of numbers that
    held-out ones should be spread over; one by one otherwise.
    """
    num = len(columns[0])
    equal = [np.full(len(margin), 1.0 / len(margin)) for margin in margins]
    for share in (0.1, 0.15, 0.2):
        if ranges or num > MOST_PLACED:
            labels = np.zeros(num, np.int8)
            phases = _phases(exact)
            labels[phases >= 1.0 - 2.0 * share] = VALIDATION
            labels[phases >= 1.0 - share] = TEST
            yield labels
        if num <= MOST_PLACED:
            for attempt in range(8):
                labels, size = np.zeros(num, np.int8), _num_held_out(columns, share)
                for label in (TEST, VALIDATION):
                    wanted, chance = margins if attempt % 2 == 0 else equal, _scattered(num, attempt)
                    labels[_placed(columns, wanted, labels == TRAIN, size, chance)] = label
                yield labels


def _num_held_out(columns: list[NDArray[Any]], share: float) -> int:
    """How many variants to hold out: where it takes few more than the share, equally many of every value."""
    num, sizes = len(columns[0]), [int(column.max()) + 1 for column in columns]
    least, multiple = max(math.ceil(share * num), *sizes), math.lcm(*sizes)
    whole = -(-least // multiple) * multiple
    return whole if whole <= min(share + 0.05, 0.2) * num else least


def _placed(
    columns: list[NDArray[Any]],
    margins: list[NDArray[np.float64]],
    free: NDArray[np.bool_],
    num: int,
    chance: NDArray[np.float64],
) -> list[int]:
    """Chooses ``num`` of the free variants one by one, always one whose values were chosen least for their margins."""
    load = np.where(free, chance, np.inf)  # chance decides between those that are alike
    having = [[np.flatnonzero(column == value) for value in range(len(margin))] for column, margin in
              zip(columns, margins, strict=True)]  # fmt: skip
    chosen: list[int] = []
    for _ in range(num):
        chosen.append(int(np.argmin(load)))
        load[chosen[-1]] = np.inf
        for column, margin, members in zip(columns, margins, having, strict=True):
            value = column[chosen[-1]]
            load[members[value]] += 1.0 / margin[value]
    return chosen


def _scattered(num: int, key: int) -> NDArray[np.float64]:
    """Numbers in [0, 1) without a pattern, ``(num,)``; the same for ever, which numpy's generators do not promise."""
    words = np.arange(num, dtype=np.uint64) ^ np.uint64(key << 32)
    return (_mix64(_mix64(words * _GOLDEN)) >> np.uint64(11)) / 2.0**53


def _raked(
    columns: list[NDArray[Any]],
    margins: list[NDArray[np.float64]],
    chances: NDArray[np.float64],
    members: NDArray[np.bool_],
) -> NDArray[np.float64] | None:
    """How likely each of the members must be so that every rule has its margins; None if it cannot be done to 0.1 %."""
    columns = [column[members] for column in columns]
    shares = chances[members] / chances[members].sum()
    for round_ in range(100):
        worst = 0.0
        for column, margin in zip(columns, margins, strict=True):
            mass = np.bincount(column, shares, len(margin))
            if (mass == 0).any():
                return None
            worst = max(worst, float(np.abs(mass / margin - 1.0).max()))
            shares = shares * (margin / mass)[column]
        if worst < 1e-4 or (round_ == 20 and worst > 0.05):
            break
    if worst > 1e-3:
        return None
    all_shares = np.zeros(len(chances))
    all_shares[members] = shares
    return all_shares


# -- combinations, by phase -------------------------------------------------------------------------------------------


class PhaseSplits:
    """Splits by the phase of a variant's combination of cells."""

    def __init__(self, space: "VariantSpace") -> None:
        self._space = space

    @cached_property
    def _per_range(self) -> int:
        """Cells of a range: 2**22 for a single number, 2**11 for two …, 16 at least."""
        for bits in range(4, CELL_BITS):
            if sum(_bits(rule.distribution, bits) for rule in self._space.rules) >= CELL_BITS:
                return int(2**bits)
        return int(2**CELL_BITS)

    def labels(self, records: NDArray[Any]) -> NDArray[np.int8]:
        """The label of each variant; see `Splits`."""
        phases = _phases(_fine_columns(self._space, records, self._per_range))
        return np.asarray(np.digitize(phases, (0.8, 0.9)), np.int8)

    def sample(self, generator: np.random.Generator, num: int, label: int) -> NDArray[Any]:
        """Draws ``(num,)`` variants with a label."""
        return _sampled_by_rejection(self._space, self, generator, num, label)


def _bits(distribution: Distribution, bits_of_range: int) -> float:
    """log2 of the combinations of a rule's cells, where a range has ``2 ** bits_of_range``."""
    num = num_values(distribution)
    entries = math.prod(distribution.shape)
    return bits_of_range * entries if num is None else min(math.log2(num), bits_of_range * entries)


def _fine_columns(space: "VariantSpace", records: NDArray[Any], per_range: int) -> NDArray[np.uint64]:
    """The cells that held-out combinations are made of, ``(num, columns)``."""
    return np.concatenate(
        [_fine_cells(rule.distribution, records[rule.name], per_range) for rule in space.rules], axis=1
    )


def _fine_cells(distribution: Distribution, stored: NDArray[Any], per_range: int) -> NDArray[np.uint64]:
    own = getattr(distribution, "fine_cells", None)
    if own is not None:
        return np.asarray(own(stored, per_range), np.int64).astype(np.uint64)
    return _digest(stored)[:, None]  # a distribution from elsewhere: every value is a cell of its own


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


def _phases(columns: NDArray[np.uint64]) -> NDArray[np.float64]:
    """The phase of each row of cells, in [0, 1)."""
    return (_weighted_sums(columns) >> np.uint64(11)) / 2.0**53


def _weighted_sums(columns: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Sums over a row's cells, each times a number of its column's own, modulo 2**64."""
    factors = _mix64(np.arange(1, columns.shape[1] + 1, dtype=np.uint64) * _GOLDEN) | np.uint64(1)
    return np.asarray((columns * factors).sum(axis=1, dtype=np.uint64))


def _prints(space: "VariantSpace", records: NDArray[Any], per_range: int) -> NDArray[np.uint64]:
    """A 64-bit fingerprint of each variant."""
    return _weighted_sums(_fine_columns(space, records, per_range))


_GOLDEN: Final = np.uint64(0x9E3779B97F4A7C15)


def _mix64(word: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finalizer of splitmix64 (Steele et al. 2014); wraps around 2**64 as it should."""
    word = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return word ^ (word >> np.uint64(31))


# -- whole values and pairs -------------------------------------------------------------------------------------------


class ReservedSplits:
    """Splits by values, or pairs of values, that are kept for validation and test."""

    def __init__(self, space: "VariantSpace") -> None:
        self._space = space
        sizes = np.concatenate([_num_cells(rule.distribution) for rule in space.rules]).tolist()
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
            return _sampled_by_rejection(self._space, self, generator, num, label)
        records, first = np.zeros(num, self._space.dtype), 0
        for rule in self._space.rules:  # what training may meet is settled for each rule by itself
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
        )  # entries are drawn so
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
        raise VariantError(f"no values of {distribution} that are not held out were found")


Reserved = list[tuple[int, int, NDArray[np.int8]]]
"""Columns of cells, two by two, with the label of every pair of their values."""


def _reserved_values(sizes: list[int]) -> Reserved:
    reserved: Reserved = []
    for column, size in enumerate(sizes):
        if size >= 5:
            each, table = max(1, round(size / 10)), np.zeros(size, np.int8)
            order = np.argsort(_scattered(size, column))
            table[order[:each]], table[order[each : 2 * each]] = TEST, VALIDATION
            reserved.append((column, column, np.diag(table)))
    return reserved


def _reserved_pairs(sizes: list[int]) -> Reserved:
    reserved: Reserved = []
    wide = sorted((column for column, size in enumerate(sizes) if size >= 4), key=lambda column: -sizes[column])
    for first, second in zip(wide[::2], wide[1::2], strict=False):
        grid = np.indices((sizes[first], sizes[second])).reshape(2, -1)
        margins = [np.full(sizes[column], 1.0 / sizes[column]) for column in (first, second)]
        labels = next(_sharings(list(grid), margins, grid.T.astype(np.uint64), ranges=False))
        reserved.append((first, second, labels.reshape(sizes[first], sizes[second])))
    return reserved


# -- all --------------------------------------------------------------------------------------------------------------


def num_values(distribution: Distribution) -> int | None:
    """How many values a rule has in its training range; None where they cannot be counted."""
    found: int | None = getattr(distribution, "num_values", None)
    return found


def all_values(distribution: Distribution) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """The values that `num_values` counts, ``(num, *shape)``, and how likely each is, ``(num,)``."""
    values, chances = distribution.all_values()  # type: ignore[attr-defined]
    return values, chances


def _is_weighted(space: "VariantSpace") -> bool:
    """Whether a rule says that some of its values are likelier than others."""
    return any(getattr(rule.distribution, "weights", ()) for rule in space.rules)


def _num_cells(distribution: Distribution) -> NDArray[np.int64]:
    """Number of cells of each entry of a rule, as far as its draws show."""
    cells = distribution.cells(distribution.draw(np.random.default_rng(0), DRAWS_TO_LOOK_AT))
    return np.asarray(cells.max(axis=0, initial=0) + 1)


def _sampled_by_rejection(
    space: "VariantSpace", splits: Splits, generator: np.random.Generator, num: int, label: int
) -> NDArray[Any]:
    kept, num_kept, num_drawn = [np.empty(0, space.dtype)], 0, 0
    while num_kept < num:
        if num_drawn > MOST_DRAWS:
            raise VariantError(f"of {num_drawn} variants {num_kept} are of the split {LABELS[label]!r}")
        rate = max(num_kept, 1) / num_drawn if num_drawn else 0.5
        batch = min(int(1.1 * (num - num_kept) / rate) + 64, 2**17)
        drawn = space.draw(generator, batch)
        kept.append(drawn[splits.labels(drawn) == label])
        num_kept, num_drawn = num_kept + len(kept[-1]), num_drawn + batch
    return np.concatenate(kept)[:num]
