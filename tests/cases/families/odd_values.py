"""A game for two that now and then gives what is no number: which, and to whom, is a hidden rule."""

# mypy: disable-error-code="no-any-return"

import math
from typing import Any

import numpy as np

from gameagent_games import Family, Feature, Fixed, Integers, Rule, Rules, VariantSpace, state_type, uniform

REWARD_NAN, REWARD_INFINITE, REWARD_HUGE, SEES_NAN, SEES_HUGE, SOUND = range(6)
CHANCE = 0.3


def start(state: Any, variant: Any) -> None:
    state.step = 0
    state.odd = False


def step(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    state.step += 1
    state.odd = uniform(state) < CHANCE
    rewards[0] = 0.5
    if state.odd:
        if variant.kind == REWARD_NAN:
            rewards[variant.seat] = math.nan
        elif variant.kind == REWARD_INFINITE:
            rewards[variant.seat] = -math.inf
        elif variant.kind == REWARD_HUGE:
            rewards[variant.seat] = 1e39  # no float32
    return state.step == 3


def observe(state: Any, variant: Any, seat: int, observation: Any) -> None:
    observation[0] = state.step / 3
    observation[1] = 0.0
    observation[2] = 0.0
    if seat == variant.seat and state.odd:
        if variant.kind == SEES_NAN:
            observation[2] = math.nan
        elif variant.kind == SEES_HUGE:
            observation[2] = 3e38


def odd_values(kind: int, num_seats: int = 2) -> Family:
    """The family of one kind."""
    return Family(
        name="odd_values",
        summary="gives what is no number",
        source=Rules(start, step, observe, state=state_type([("step", np.int64), ("odd", np.bool_)])),
        space=VariantSpace(
            (Rule("kind", Fixed(kind)), Rule("seat", Fixed(num_seats - 1)), Rule("colour", Integers(0, 999)))
        ),
        features=(Feature("clock", low=0.0), Feature("gaze", 2)),
        actions=("left", "right"),
        max_steps=5,
        num_episodes=3,
        num_seats=num_seats,
    )


NAN_REWARD = odd_values(REWARD_NAN)
HUGE_SIGHT = odd_values(SEES_HUGE)
ALONE = odd_values(SEES_HUGE, num_seats=1)
SOUND_GAME = odd_values(SOUND)
