"""A costly hint: one of eight doors pays, and an oracle at the end of a corridor knows which.

An episode starts in the hall. There a door can be opened, which pays 3 if it is the prize door and -1 if not, or the
basket be taken, which pays 1; each ends the episode. Or the corridor can be walked, three steps without a way back in
this episode, each step in it at a cost of 1/8: asking costs 1, and all that the episode could have paid. Only at the
corridor's end does a sign show the prize door, which is good for the seven other episodes.

Ceilings, by backward induction over the number of doors that may hide the prize and the episodes left, V(m, k):

- Bayes-optimal: ask, then open: -1 + 7 · 3 = 20. By episode -1, 3, 3, 3, 3, 3, 3, 3.
- Never asking: open door after door: V(m, k) = 3k / m + (1 - 1 / m) (V(m - 1, k - 1) - 1), V(8, 8) = 10.
- No memory: the basket each time, 8. Uniformly random play earns 8 (-0.4) = -3.2.
"""

from typing import Any

import numpy as np

from gameagent_games.game_rng import state_type
from gameagent_games.interface import Ceiling, Family, Feature
from gameagent_games.sources.rules import Rules
from gameagent_games.variants.distributions import Choice
from gameagent_games.variants.variant import Rule, VariantSpace

NUM_DOORS = 8
BASKET, WALK = NUM_DOORS, NUM_DOORS + 1  # actions after those that open a door
ORACLE = 3  # steps from the hall
PRIZE_REWARD = 3.0
WRONG_DOOR_REWARD = -1.0
BASKET_REWARD = 1.0
CORRIDOR_REWARD = -0.125  # for each of the steps of an episode in the corridor
MAX_STEPS = 8
NUM_EPISODES = 8


def start(state: Any, variant: Any) -> None:
    """Puts the player into the hall."""
    state.place = 0


def step(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    """Walks on, or opens or takes what there is in the hall, which ends the episode."""
    action = actions[0]
    if action == WALK:
        state.place = min(state.place + 1, ORACLE)
    if state.place > 0:
        rewards[0] = CORRIDOR_REWARD
        return False
    if action == BASKET:
        rewards[0] = BASKET_REWARD
    else:
        rewards[0] = PRIZE_REWARD if action == variant.prize else WRONG_DOOR_REWARD
    return True


def observe(state: Any, variant: Any, seat: int, observation: Any) -> None:
    """Fills in the place, and the sign: 0, or from the oracle's place the prize door counted from 1."""
    observation[0] = state.place
    observation[1] = variant.prize + 1 if state.place == ORACLE else 0


COSTLY_HINT = Family(
    name="costly_hint",
    summary="one of eight doors pays; an oracle off the way, an episode's walk, knows which",
    source=Rules(start, step, observe, state=state_type([("place", np.int64)])),
    space=VariantSpace((Rule("prize", Choice(tuple(range(NUM_DOORS))), unit="door", meaning="the door that pays"),)),
    features=(
        Feature("place", high=ORACLE, unit="steps", meaning="steps from the hall", kind="category"),
        Feature("sign", high=NUM_DOORS, meaning="0, or at the oracle the prize door from 1", kind="category"),
    ),
    actions=(*(f"door_{door}" for door in range(NUM_DOORS)), "basket", "walk"),
    max_steps=MAX_STEPS,
    num_episodes=NUM_EPISODES,
    ceiling=Ceiling(20.0, (-1.0, *(3.0,) * 7), NUM_EPISODES, "Bayes-optimal play, exact"),
)
"""Give up one episode for a walk to the oracle, and know the door in all the others."""
