"""A family that shows a map and a category: walk on a 3 × 4 map to the place that pays for the current season."""

from typing import Any

import numpy as np

from gameagent_games.game_rng import below, state_type
from gameagent_games.interface import Family, Feature
from gameagent_games.sources.rules import Rules
from gameagent_games.variants.distributions import Uniform
from gameagent_games.variants.variant import Rule, VariantSpace

HEIGHT, WIDTH, SEASONS = 3, 4, 3
MAP = 2 * HEIGHT * WIDTH  # two channels: the player, the place


def start(state: Any, variant: Any) -> None:
    state.x, state.y = 0, 0
    state.place_x, state.place_y = below(state, WIDTH), below(state, HEIGHT)
    state.season = below(state, SEASONS)


def step(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    if actions[0] == 0:
        state.x = min(state.x + 1, WIDTH - 1)
    elif actions[0] == 1:
        state.y = min(state.y + 1, HEIGHT - 1)
    reached: bool = state.x == state.place_x and state.y == state.place_y
    if reached:
        rewards[0] = variant.pay[state.season]
    return reached


def observe(state: Any, variant: Any, seat: int, observation: Any) -> None:
    for entry in range(MAP):
        observation[entry] = 0.0
    observation[state.y * WIDTH + state.x] = 1.0
    observation[HEIGHT * WIDTH + state.place_y * WIDTH + state.place_x] = 1.0
    observation[MAP] = state.season
    observation[MAP + 1] = state.x / (WIDTH - 1)


ATLAS = Family(
    name="atlas",
    summary="walk to the place that pays",
    source=Rules(
        start,
        step,
        observe,
        state=state_type([(name, np.int64) for name in ("x", "y", "place_x", "place_y", "season")]),
    ),
    space=VariantSpace((Rule("pay", Uniform((-1.0, 1.0), shape=(SEASONS,))),)),
    features=(
        Feature("map", low=0.0, shape=(2, HEIGHT, WIDTH), kind="grid"),
        Feature("season", high=SEASONS - 1, kind="category"),
        Feature("x", low=0.0),
    ),
    actions=("right", "down", "wait"),
    max_steps=6,
    num_episodes=3,
)
