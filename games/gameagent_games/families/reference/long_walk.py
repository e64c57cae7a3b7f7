"""Long episodes: on a line with ten posts one pays, at every step that one stands on it; which one is hidden.

An episode has 200 steps, so the choice of a direction is paid up to 120 steps later, and the post, once found, is to be
held to the end and to be remembered through the whole next episode.

Bayes-optimal play sweeps one side and then the other, so posts are reached after 8 to 40 and after 88 to 120 steps, and
later episodes need 8 to 40: 137, 177 and 177. Standing on one post, whichever it is, earns at most 57.9 in a trial,
uniformly random play 3.97.
"""

from typing import Any

import numpy as np

from gameagent_games.game_rng import state_type
from gameagent_games.interface import Ceiling, Family, Feature
from gameagent_games.sources.rules import Rules
from gameagent_games.variants.distributions import Choice
from gameagent_games.variants.variant import Rule, VariantSpace

END = 40  # cells from the start to either end
SPACING = 8  # cells between posts
POSTS = tuple(post for post in range(-END, END + 1, SPACING) if post != 0)
MAX_STEPS = 200
NUM_EPISODES = 3
LEFT, STAY, RIGHT = range(3)


def start(state: Any, variant: Any) -> None:
    """Puts the player into the middle."""
    state.x = 0


def step(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    """Walks one cell or stays; pays for standing at the right post."""
    state.x = min(max(state.x + actions[0] - STAY, -END), END)
    if state.x == variant.post:
        rewards[0] = 1.0
    return False


def observe(state: Any, variant: Any, seat: int, observation: Any) -> None:
    """Fills in the position and whether a post stands there."""
    observation[0] = state.x / END
    observation[1] = 1.0 if state.x % SPACING == 0 and state.x != 0 else 0.0


LONG_WALK = Family(
    name="long_walk",
    summary="find the one of ten posts along a line that pays, and hold it for the rest of 200 steps",
    source=Rules(start, step, observe, state=state_type([("x", np.int64)])),
    space=VariantSpace((Rule("post", Choice(POSTS), unit="cells right of the start", meaning="the post that pays"),)),
    features=(
        Feature("position", meaning="cells right of the start, an end being 1"),
        Feature("post", kind="flags", meaning="1 at a post"),
    ),
    actions=("left", "stay", "right"),
    max_steps=MAX_STEPS,
    num_episodes=NUM_EPISODES,
    ceiling=Ceiling(491.0, (137.0, 177.0, 177.0), NUM_EPISODES, "Bayes-optimal play, exact by dynamic programming"),
)
