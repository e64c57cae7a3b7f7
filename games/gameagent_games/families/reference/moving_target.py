"""Bring a cart to a target that moves from episode to episode, with a lever of hidden direction, gain and drift.

An action from -1 to 1 moves the cart by it times the gain, backwards if the lever is mirrored, and the cart drifts by
the same amount at every step. An episode ends as the cart touches the target, which pays, or leaves the field, which
costs. So does every step.

The ceiling is a bound: what a player earns who is told gain, drift and direction after the trial's first step, and
takes the best step until then. It is an integral over levers and targets, 0.618 and then 0.718 an episode. A hand-made
player who infers the lever from its first two steps earns 2.054 of 2.055. Uniformly random play earns -4.02.
"""

from typing import Any

import numpy as np

from gameagent_games.game_rng import state_type, uniform
from gameagent_games.interface import Box, Ceiling, Family, Feature
from gameagent_games.sources.rules import Rules
from gameagent_games.variants.distributions import Choice, Uniform
from gameagent_games.variants.variant import Rule, VariantSpace

REACH = 0.1  # metres between cart and target that count as a touch
FIELD = 2.0  # metres from the start to either end of the field
NEAREST, FARTHEST = 0.5, 1.5  # metres from the start to the target
LEAST_GAIN, GREATEST_GAIN = 0.25, 0.6  # metres a step
MOST_DRIFT = 0.1  # metres a step
STEP_REWARD = -0.1
TOUCH_REWARD = 1.0
LEAVE_REWARD = -1.0


def start(state: Any, variant: Any) -> None:
    """Puts the cart into the middle, and the target somewhere to its left or right."""
    state.x = 0.0
    side = -1.0 if uniform(state) < 0.5 else 1.0
    state.target = side * (NEAREST + (FARTHEST - NEAREST) * uniform(state))


def step(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    """Moves the cart; touching the target and leaving the field end the episode."""
    direction = -1.0 if variant.mirrored else 1.0
    state.x += direction * variant.gain * actions[0, 0] + variant.drift
    rewards[0] = STEP_REWARD
    if abs(state.x - state.target) <= REACH:
        rewards[0] += TOUCH_REWARD
        return True
    if abs(state.x) > FIELD:
        rewards[0] += LEAVE_REWARD
        return True
    return False


def observe(state: Any, variant: Any, seat: int, observation: Any) -> None:
    """Fills in where cart and target are."""
    observation[0] = state.x
    observation[1] = state.target


MOVING_TARGET = Family(
    name="moving_target",
    summary="bring a cart to a target with a lever of hidden direction, gain and drift",
    source=Rules(start, step, observe, state=state_type([("x", np.float64), ("target", np.float64)])),
    space=VariantSpace(
        (
            Rule("mirrored", Choice((False, True)), unit="flag", meaning="whether the lever moves the cart backwards"),
            Rule("gain", Uniform((LEAST_GAIN, GREATEST_GAIN)), unit="metres", meaning="how far an action of 1 moves"),
            Rule("drift", Uniform((-MOST_DRIFT, MOST_DRIFT)), unit="metres", meaning="how far each step drifts"),
        )
    ),
    features=(
        Feature("cart", low=-3.0, high=3.0, unit="metres", meaning="right of the middle"),
        Feature("target", low=-FARTHEST, high=FARTHEST, unit="metres", meaning="right of the middle"),
    ),
    actions=Box(("right",)),
    max_steps=20,
    num_episodes=3,
    ceiling=Ceiling(
        2.055, (0.618, 0.718, 0.718), 3, "bound: told the lever after one step; a hand-made player earns 2.054"
    ),
)
