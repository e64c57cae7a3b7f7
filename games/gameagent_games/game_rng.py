"""Randomness inside a game: a counter-based stream that lives in the game's state.

Every state record carries ``random_key`` and ``random_counter`` (see `state_type`). A draw hashes
(key, counter) and advances the counter, so a trace depends on (variant, seed, actions) alone and never on
how games are batched. For what is to vary from episode to episode of one trial a state also carries the number of
its ``episode`` in the trial and a ``trial_key``, whose draws (`trial_uniform`) are the same in all of its episodes.
The arithmetic stays below 2**63 at every step: the same lines give the same bits compiled by numba and run by the
Python interpreter.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numba.extending import register_jitable

from gameagent_games.errors import FamilyError

MASK_32 = 0xFFFFFFFF
SIMULATOR_FIELDS = ("random_key", "random_counter", "trial_key", "episode")
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
def begin_episode(state: Any, seed: int, episode: int) -> None:
    """Readies a state for ``start``: its streams, and the episode's number in the trial, from 0."""
    state.random_key = episode_key(seed, episode)
    state.random_counter = 0
    state.trial_key = episode_key(seed, MASK_32)  # a number that no episode has
    state.episode = episode


@register_jitable
def trial_uniform(state: Any, index: int) -> float:
    """Draw number ``index`` (>= 0) of the trial, a float64 in [0, 1): the same in every episode of the trial.

    It advances nothing, and does not depend on actions.
    """
    word = mix32((state.trial_key & MASK_32) ^ (index * GOLDEN_32 & MASK_32))
    word = mix32(word ^ (state.trial_key >> 32))
    return word / 4294967296.0


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


def state_type(fields: Sequence[tuple[Any, ...]]) -> np.dtype[Any]:
    """A state's record type: the family's own fields, then those that the simulator sets before ``start``.

    Args:
        fields: ``(name, type)`` or ``(name, type, shape)`` of each field, as in `numpy.dtype`.

    Raises:
        FamilyError: That is no list of fields, or one has the name of one of the simulator's (`SIMULATOR_FIELDS`).
    """
    if not isinstance(fields, list | tuple) or not all(isinstance(field, tuple) and field for field in fields):
        raise FamilyError(f"state_type: got {fields!r}, expected a list of fields: [(name, type), ...]")
    if taken := [field[0] for field in fields if field[0] in SIMULATOR_FIELDS]:
        raise FamilyError(f"state field {taken[0]!r} is set by the simulator; give your own another name")
    try:
        return np.dtype([*fields, *((name, np.int64) for name in SIMULATOR_FIELDS)], align=True)
    except (TypeError, ValueError) as error:
        raise FamilyError(f"state_type: {fields!r} are no fields of a record: {error}") from None
