"""What every way of splitting a space offers, and drawing the variants of a split by rejection."""

from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from gameagent_games.errors import VariantError

if TYPE_CHECKING:
    from gameagent_games.variants.variant import VariantSpace

HoldOut = Literal["combinations", "pairs", "values"]
HOLD_OUTS: Final = get_args(HoldOut)
SCHEME: Final = 2  # raised when a change of the code holds out other variants
TRAIN, VALIDATION, TEST = range(3)
LABELS: Final = ("train", "validation", "test")
MOST_DRAWS: Final = 2**25  # before sampling by rejection gives up


class Splits(Protocol):
    """A way of dividing a space's variants into splits."""

    def labels(self, records: NDArray[Any]) -> NDArray[np.int8]:
        """`TRAIN`, `VALIDATION` or `TEST` for each of ``(num,)`` variants of the training range."""
        ...

    def sample(self, generator: np.random.Generator, num: int, label: int) -> NDArray[Any]:
        """Draws ``(num,)`` variants with a label."""
        ...


def sample_by_rejection(
    space: "VariantSpace", splits: Splits, generator: np.random.Generator, num: int, label: int
) -> NDArray[Any]:
    """Draws ``(num,)`` variants with a label, by drawing from the whole space and keeping those that have it.

    Raises:
        VariantError: Hardly any variant has the label.
    """
    kept, num_kept, num_drawn = [np.empty(0, space.dtype)], 0, 0
    while num_kept < num:
        if num_drawn > MOST_DRAWS:
            raise VariantError(f"only {num_kept} of {num_drawn} variants belong to the split {LABELS[label]!r}")
        rate = max(num_kept, 1) / num_drawn if num_drawn else 0.5
        batch = min(int(1.1 * (num - num_kept) / rate) + 64, 2**17)
        drawn = space.draw(generator, batch)
        kept.append(drawn[splits.labels(drawn) == label])
        num_kept, num_drawn = num_kept + len(kept[-1]), num_drawn + batch
    return np.concatenate(kept)[:num]
