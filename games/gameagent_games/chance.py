"""Randomness inside a game: a counter-based stream that lives in the game's state.

Every state record carries ``random_key`` and ``random_counter`` (see `state_type`). A draw hashes
(key, counter) and advances the counter, so a trace depends on (variant, seed, actions) alone and never on
how games are batched. The arithmetic stays below 2**63 at every step: the same lines give the same bits
compiled by numba and run by the Python interpreter.
"""

from typing import Any

import numpy as np
from numba.extending import register_jitable

MASK_32 = 0xFFFFFFFF
GOLDEN_32 = 0x1E3779B1  # odd and below 2**31, so that its product with a 32-bit word stays below 2**63


@register_jitable
def mix32(word: int) -> int:
    """Scrambles a 32-bit word (the xor-shift-multiply hash with multiplier 0x45d9f3b, by T. Mueller)."""
    word = ((word >> 16) ^ word) * 0x45D9F3B & MASK_32
    word = ((word >> 16) ^ word) * 0x45D9F3B & MASK_32
    return (word >> 16) ^ word


@register_jitable
def episode_key(seed: int, episode: int) -> int:
    """The 62-bit key of one episode's stream, from a game's seed (>= 0) and the episode's index."""
    low = mix32((seed & MASK_32) ^ mix32(episode & MASK_32))
    high = mix32((seed >> 32) ^ mix32(low ^ GOLDEN_32))
    return low | ((high & 0x3FFFFFFF) << 32)


@register_jitable
def uniform(state: Any) -> float:
    """The next draw of the game's stream: a float64 in [0, 1)."""
    word = mix32((state.random_key & MASK_32) ^ (state.random_counter * GOLDEN_32 & MASK_32))
    word = mix32(word ^ (state.random_key >> 32))
    state.random_counter += 1
    return word / 4294967296.0


@register_jitable
def below(state: Any, limit: int) -> int:
    """The next draw of the game's stream: an integer in [0, limit)."""
    return int(uniform(state) * limit)


def state_type(fields: list[tuple[Any, ...]]) -> np.dtype[Any]:
    """A state's record type: the family's own fields, then the random stream's key and counter."""
    return np.dtype([*fields, ("random_key", np.int64), ("random_counter", np.int64)], align=True)
