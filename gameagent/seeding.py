"""Random numbers of a run: every stream is derived from (seed, purpose, where it is used); no state is carried over.

Therefore a run that was killed and resumed draws the same numbers as one that was not.
"""

import zlib

import numpy as np
import torch
from numpy.typing import NDArray


def numpy_generator(seed: int, purpose: str, *place: int) -> np.random.Generator:
    """A generator for one purpose at one place, such as ``(seed, "variants", update, rank)``."""
    return np.random.default_rng([seed, zlib.crc32(purpose.encode()), *place])


def torch_generator(seed: int, purpose: str, *place: int) -> torch.Generator:
    """The same for torch."""
    word = numpy_generator(seed, purpose, *place).integers(0, 2**63 - 1)
    return torch.Generator().manual_seed(int(word))


def game_seeds(seed: int, purpose: str, num: int, *place: int) -> NDArray[np.int64]:
    """Seeds of ``num`` games: int64 ``(num,)``, each in [0, 2**62)."""
    return numpy_generator(seed, purpose, *place).integers(0, 2**62, num, dtype=np.int64)
