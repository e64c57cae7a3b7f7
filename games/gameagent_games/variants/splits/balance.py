"""Choosing held-out variants of a listed space so that every split has the space's own margins."""

import math
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gameagent_games.variants.splits.cells import phases_of, scattered
from gameagent_games.variants.splits.interface import TEST, TRAIN, VALIDATION

MOST_PLACED: Final = 2**14  # variants of a space up to which held-out ones are placed one by one


def sharings(
    columns: list[NDArray[Any]], margins: list[NDArray[np.float64]], exact: NDArray[np.uint64], ranges: bool
) -> Iterator[NDArray[np.int8]]:
    """Ways to hold out a tenth or somewhat more; the first one with equal margins will be taken.

    Variants are chosen by the phase of their ``exact`` cells, ``(num, columns)``, if there are many of them, or
    ``ranges`` of numbers to spread the held-out ones over; otherwise one by one.
    """
    num = len(columns[0])
    equal = [np.full(len(margin), 1.0 / len(margin)) for margin in margins]
    for share in (0.1, 0.15, 0.2):
        if ranges or num > MOST_PLACED:
            labels = np.zeros(num, np.int8)
            phases = phases_of(exact)
            labels[phases >= 1.0 - 2.0 * share] = VALIDATION
            labels[phases >= 1.0 - share] = TEST
            yield labels
        if num <= MOST_PLACED:
            for attempt in range(8):
                labels, size = np.zeros(num, np.int8), _num_held_out(columns, share)
                for label in (TEST, VALIDATION):
                    wanted, chance = margins if attempt % 2 == 0 else equal, scattered(num, attempt)
                    labels[_placed(columns, wanted, labels == TRAIN, size, chance)] = label
                yield labels


def _num_held_out(columns: list[NDArray[Any]], share: float) -> int:
    """How many variants to hold out: equally many of every value, if that takes only a few more than the share."""
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
    """Chooses ``num`` of the free variants one by one, always one whose values lag furthest behind their margins."""
    load = np.where(free, chance, np.inf)  # chance breaks ties
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


def raked(
    columns: list[NDArray[Any]],
    margins: list[NDArray[np.float64]],
    chances: NDArray[np.float64],
    members: NDArray[np.bool_],
) -> NDArray[np.float64] | None:
    """Probabilities of the members by which every rule has its margins; None if that is impossible to within 0.1 %."""
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
