"""A small game for one with legal moves: pick the fruit that ripens; which tastes best is hidden."""

from typing import Any

import numpy as np

from gameagent_games.game_rng import below, state_type
from gameagent_games.interface import Family, Feature
from gameagent_games.sources.rules import Rules
from gameagent_games.variants.distributions import Uniform
from gameagent_games.variants.variant import Rule, VariantSpace

NUM_TREES = 4


def start(state: Any, variant: Any) -> None:
    state.bare = below(state, NUM_TREES)


def step(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    if actions[0] == state.bare:  # illegal
        rewards[0] = -9.0
        return True
    rewards[0] = variant.taste[actions[0]]
    state.bare = below(state, NUM_TREES)
    return False


def observe(state: Any, variant: Any, seat: int, observation: Any) -> None:
    observation[0] = state.bare / NUM_TREES


def legal(state: Any, variant: Any, seat: int, mask: Any) -> None:
    for tree in range(NUM_TREES):
        mask[tree] = tree != state.bare


ORCHARD = Family(
    name="orchard",
    summary="pick from trees, one of which is bare; which fruit tastes best is hidden",
    source=Rules(start, step, observe, legal, state=state_type([("bare", np.int64)])),
    space=VariantSpace((Rule("taste", Uniform((0.0, 1.0), shape=(NUM_TREES,), beyond=((1.0, 2.0),)), unit="reward"),)),
    features=(Feature("bare", low=0.0, meaning="share of the trees before the bare one"),),
    actions=tuple(f"tree_{tree}" for tree in range(NUM_TREES)),
    max_steps=12,
    num_episodes=2,
)
