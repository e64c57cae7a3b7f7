"""Which way of splitting suits a space."""

from typing import TYPE_CHECKING, Final

from gameagent_games.variants.splits.cells import num_cells
from gameagent_games.variants.splits.interface import Splits
from gameagent_games.variants.splits.lattice import PhaseSplits
from gameagent_games.variants.splits.listed import LEAST_COMBINATIONS, list_splits
from gameagent_games.variants.splits.reserved import ReservedSplits

if TYPE_CHECKING:
    from gameagent_games.variants.variant import VariantSpace

MOST_LISTED: Final = 2**18  # variants of a space, up to which it is listed
MOST_WEIGHTED: Final = 2**20  # the same if values are not equally likely, which phases handle less well


def make_splits(space: "VariantSpace") -> Splits | None:
    """How a space's variants are divided; None if nothing can be held out.

    Raises:
        VariantError: The space has too few values for its ``hold_out``.
    """
    if space.hold_out != "combinations":
        return ReservedSplits(space)
    num = space.num_variants
    if num is not None and num <= (MOST_WEIGHTED if _is_weighted(space) else MOST_LISTED):
        return list_splits(space)
    most_cells = max(num_cells(rule.distribution).max(initial=1) for rule in space.rules)
    return None if num is not None and num < LEAST_COMBINATIONS * most_cells else PhaseSplits(space)


def _is_weighted(space: "VariantSpace") -> bool:
    """Whether some values of a rule are likelier than others."""
    return any(getattr(rule.distribution, "weights", ()) for rule in space.rules)
