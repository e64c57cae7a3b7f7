"""A family that shows a picture in colour: walk on a line to the pillar whose colour pays."""

from typing import Any

import numpy as np

from gameagent_games.game_rng import below, state_type
from gameagent_games.interface import Family, Feature
from gameagent_games.sources.rules import Rules
from gameagent_games.variants.distributions import Choice
from gameagent_games.variants.variant import Rule, VariantSpace

SIDE, PLACES = 48, 12
WIDTH = SIDE // PLACES  # of a place, in pixels


def start(state: Any, variant: Any) -> None:
    state.x, state.red, state.blue = PLACES // 2, below(state, PLACES // 2), PLACES // 2 + below(state, PLACES // 2)


def step(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    state.x = min(max(state.x + 2 * actions[0] - 1, 0), PLACES - 1)
    if state.x == state.red:
        rewards[0] = 1.0 if variant.paid == 0 else -1.0
    elif state.x == state.blue:
        rewards[0] = 1.0 if variant.paid == 1 else -1.0
    return bool(state.x == state.red or state.x == state.blue)


def observe(state: Any, variant: Any, seat: int, observation: Any) -> None:
    for pixel in range(SIDE * SIDE):
        place = pixel % SIDE // WIDTH
        observation[pixel] = 255.0 if place == state.red else 0.0
        observation[SIDE * SIDE + pixel] = 255.0 if place == state.x and pixel >= SIDE * SIDE // 2 else 0.0
        observation[2 * SIDE * SIDE + pixel] = 255.0 if place == state.blue else 0.0


GALLERY = Family(
    name="gallery",
    summary="walk to the pillar whose colour pays",
    source=Rules(start, step, observe, state=state_type([("x", np.int64), ("red", np.int64), ("blue", np.int64)])),
    space=VariantSpace((Rule("paid", Choice((0, 1))),)),
    features=(Feature("view", low=0.0, high=255.0, shape=(3, SIDE, SIDE), kind="grid"),),
    actions=("left", "right"),
    max_steps=6,
    num_episodes=2,
)
