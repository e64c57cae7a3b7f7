"""How far returns fall by bad luck alone: what a gradient step may cost before the runtime takes it back."""

import torch
from torch import Tensor

NUM_ADAPTATIONS = 50  # of a parity check
SMALLEST_MARGIN = 1e-6
BAD_LUCK = 0.99  # quantile of what returns fall by if nothing did harm


def margin_of(falls: Tensor) -> float:
    """The rollback margin, given by how much returns fell in comparisons in which nothing did harm."""
    return max(float(torch.quantile(falls.flatten(), BAD_LUCK)), SMALLEST_MARGIN)
