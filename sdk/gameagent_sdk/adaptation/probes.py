"""States on which a change of weights is measured: some of those that it was learnt from, spread over all of them."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

NUM_PROBES = 16
STRIDE = 2654435769  # 2³² over the golden ratio
RANGE = 2**32


def rank(index: int) -> int:
    """The rank of a state by its place in the experience: those with the lowest ranks are kept.

    Multiples of the golden ratio, modulo one, leave no large gap wherever they stop, and follow no period that episodes
    might have (Knuth, The Art of Computer Programming, vol. 3, sec. 6.4): so those below any bound are spread evenly.
    """
    return index * STRIDE % RANGE


def spread(count: int) -> list[int]:
    """The places, ascending, of the states that are kept of an experience of ``count``, at most `NUM_PROBES`."""
    return sorted(sorted(range(count), key=rank)[:NUM_PROBES])


def possible(places: NDArray[np.int64]) -> bool:
    """Whether an experience can have its states in these places; see `Probes.places`."""
    *kept, count = places.tolist()
    return len(kept) == min(count, NUM_PROBES) and all(a < b for a, b in pairwise((-1, *kept, count)))


class Probes:
    """The inputs of the policy step in these states, of one agent."""

    def __init__(self, inputs: Mapping[str, NDArray[Any]]) -> None:
        """None yet.

        Args:
            inputs: The step's input tensors, one row each, which are read at every decision.
        """
        self._inputs = dict(inputs)
        self._kept = {name: np.zeros((NUM_PROBES, *array.shape[1:]), array.dtype) for name, array in inputs.items()}
        self.clear()

    def clear(self) -> None:
        """Forgets all."""
        self.count = 0  # decisions so far
        self._places: list[int] = []  # by slot
        self._taken: int | None = None  # the slot that holds what was perceived last
        self._note_last()

    def perceived(self) -> None:
        """Keeps what the policy is about to decide on, if its rank is low enough."""
        self._taken = None
        if len(self._places) < NUM_PROBES:
            self._taken = len(self._places)
        elif rank(self.count) < self._highest:
            self._taken = self._last
        if self._taken is not None:
            for name, kept in self._kept.items():
                kept[self._taken] = self._inputs[name][0]

    def decided(self) -> None:
        """The decision was made on what was perceived last."""
        if self._taken is not None:
            self._places[self._taken : self._taken + 1] = [self.count]
            self._note_last()
        self.count += 1

    def _note_last(self) -> None:
        """Finds the slot that makes room for the next state of a lower rank."""
        ranks = [rank(place) for place in self._places]
        self._highest = max(ranks, default=0)
        self._last = ranks.index(self._highest) if ranks else 0

    def rows(self) -> dict[str, NDArray[Any]]:
        """The states by input, (P, …) each, in the order in which they were met; copies."""
        order = np.argsort(np.array(self._places, np.int64))
        return {name: kept[order] for name, kept in self._kept.items()}

    def places(self) -> NDArray[np.int64]:
        """Where these states are in the experience, int64 (P + 1,), ascending; the last is how long that is."""
        return np.array([*sorted(self._places), self.count], np.int64)

    def take_over(self, rows: Mapping[str, NDArray[Any]], places: NDArray[np.int64]) -> None:
        """Goes on from what `rows` and `places` gave, or what `possible` says they may give."""
        *kept, count = places.tolist()
        self.count, self._places, self._taken = count, kept, None
        for name, array in rows.items():
            self._kept[name][: len(kept)] = array
        self._note_last()
