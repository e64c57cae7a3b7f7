"""A family's observations and actions in the terms of Gymnasium's spaces, which PettingZoo uses too."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gameagent_games.interface import Family
from gameagent_games.variants.distributions import Integers, Slot, Uniform
from gameagent_games.variants.variant import Rule

if TYPE_CHECKING:
    from gymnasium import spaces


def action_space(family: Family) -> "spaces.Space[Any]":
    """One seat's actions: ``Discrete(A)``, or ``Box`` float32 ``(A,)`` of the family's own bounds."""
    from gymnasium import spaces

    if family.box is None:
        return spaces.Discrete(family.num_actions)
    low, high = (np.array(bounds, np.float32) for bounds in (family.box.low, family.box.high))
    return spaces.Box(low, high, dtype=np.float32)


def observation_bounds(family: Family) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Lowest and highest value of every entry of an observation: two float32 ``(D,)``.

    The family's own features come with their bounds. A shown number is bounded by its rule's range, values beyond
    the training range included; by nothing where a distribution made elsewhere does not tell its range.
    """
    own = [(feature.low, feature.high) for feature in family.features for _ in range(feature.size)]
    shown = [
        bounds
        for rule in family.space.rules
        if not rule.hidden
        for slot in rule.slots
        for bounds in [_slot_bounds(rule, slot)] * slot.size
    ]
    low, high = np.array(own + shown, np.float64).T
    return low.astype(np.float32), high.astype(np.float32)


def _slot_bounds(rule: Rule, slot: Slot) -> tuple[float, float]:
    """Lowest and highest encoded value of one slot of a shown rule."""
    distribution = rule.distribution
    if isinstance(distribution, Uniform):
        ends = np.ravel([*distribution.intervals, *distribution.beyond])
    elif isinstance(distribution, Integers):
        ends = np.ravel([distribution.low, distribution.high, *(distribution.beyond or ())])
    else:
        return slot.bounds
    return float((ends.min() - slot.center) / slot.scale), float((ends.max() - slot.center) / slot.scale)
