"""Combinations held out by the phase of their cells: a lattice, for spaces too large to list."""

import math
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from gameagent_games.variants.distributions import Distribution
from gameagent_games.variants.splits.cells import fine_columns, num_values, phases_of
from gameagent_games.variants.splits.interface import sample_by_rejection

if TYPE_CHECKING:
    from gameagent_games.variants.variant import VariantSpace

CELL_BITS: Final = 22  # log2 of the cell combinations that a space of numbers is cut into at least


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
        phases = phases_of(fine_columns(self._space, records, self._per_range))
        return np.asarray(np.digitize(phases, (0.8, 0.9)), np.int8)

    def sample(self, generator: np.random.Generator, num: int, label: int) -> NDArray[Any]:
        """Draws ``(num,)`` variants with a label."""
        return sample_by_rejection(self._space, self, generator, num, label)


def _bits(distribution: Distribution, bits_of_range: int) -> float:
    """log2 of the number of combinations of a rule's cells, of ``2 ** bits_of_range`` per range."""
    num = num_values(distribution)
    entries = math.prod(distribution.shape)
    return bits_of_range * entries if num is None else min(math.log2(num), bits_of_range * entries)
