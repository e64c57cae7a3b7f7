"""Five levers, each of which may be mirrored: bring the offsets that are shown to zero.

Bayes-optimal play takes a first step as small as can be seen: it tells all the signs, and as costs grow with an
offset at a rate that never falls, a longer one loses in the mean at least what it wins. So the ceiling is that of a
player who knows the signs, one step late: per lever with offset d the sum over steps of max(d - step / 4, 0) and, in
the first episode, d once more. For d uniform from 0 to 1 these are 7/16 and 1/2.

From then on the right action is the offset times the sign of its lever, a product that a network conditioned by
concatenation finds hard (Beck et al. 2023, hypernetworks). Doing nothing earns -12, uniformly random play -13.11.
"""

from typing import Any

import numpy as np

from gameagent_games.game_rng import state_type, uniform
from gameagent_games.interface import Box, Ceiling, Family, Feature
from gameagent_games.sources.rules import Rules
from gameagent_games.variants.distributions import Choice
from gameagent_games.variants.variant import Rule, VariantSpace

NUM_LEVERS = 5
LONGEST_MOVE = 0.25  # of an offset in one step
MAX_STEPS = 8
NUM_EPISODES = 3
FARTHEST = 1.0 + MAX_STEPS * LONGEST_MOVE  # an offset that only grew


def start(state: Any, variant: Any) -> None:
    """Draws the offsets from -1 to 1."""
    for lever in range(NUM_LEVERS):
        state.offset[lever] = 2.0 * uniform(state) - 1.0


def step(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    """Moves every offset; pays minus the mean of what is left."""
    left = 0.0
    for lever in range(NUM_LEVERS):
        sign = -1.0 if variant.mirrored[lever] == 1 else 1.0
        state.offset[lever] += sign * actions[0, lever] * LONGEST_MOVE
        left += abs(state.offset[lever])
    rewards[0] = -left / NUM_LEVERS
    return False


def observe(state: Any, variant: Any, seat: int, observation: Any) -> None:
    """Fills in the offsets."""
    for lever in range(NUM_LEVERS):
        observation[lever] = state.offset[lever]


MIRRORED = Family(
    name="mirrored",
    summary="bring five offsets to zero with levers that may be mirrored",
    source=Rules(start, step, observe, state=state_type([("offset", np.float64, (NUM_LEVERS,))])),
    space=VariantSpace(
        (
            Rule(
                "mirrored",
                Choice((0, 1), shape=(NUM_LEVERS,)),
                unit="flag",
                meaning="1 for a lever that moves its offset the other way",
            ),
        )
    ),
    features=(Feature("offset", NUM_LEVERS, -FARTHEST, FARTHEST, meaning="what is to be brought to zero"),),
    actions=Box(tuple(f"lever_{lever}" for lever in range(NUM_LEVERS))),
    max_steps=MAX_STEPS,
    num_episodes=NUM_EPISODES,
    ceiling=Ceiling(-1.8125, (-0.9375, -0.4375, -0.4375), NUM_EPISODES, "Bayes-optimal play, closed form"),
)
