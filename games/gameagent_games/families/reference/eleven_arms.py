"""Eleven arms, one of which tells which other one pays (Wang et al. 2016, "Learning to reinforcement learn", 3.1.2).

One of the first ten arms, the target, pays 5 and the other nine pay 1.1. The eleventh pays a tenth of the target's
number, 0.1 to 1.0: less than any other arm, but it names the target. One pull is one episode, and a trial has five.

Ceilings, by backward induction over the number of arms that may be the target and the pulls left, V(m, n):

- Bayes-optimal: ask, then pull the target: 0.55 + 4 · 5 = 20.55. By episode 0.55, 5, 5, 5, 5.
- Never asking: try arm after arm, and stay with the target once it is found:
  V(m, n) = 5n / m + (1 - 1 / m) (1.1 + V(m - 1, n - 1)), V(10, 5) = 11.35.
- No memory: any of the ten arms each time, 5 (5 + 9 · 1.1) / 10 = 7.45. Uniformly random play earns 7.02.
"""

from typing import Any

import numpy as np

from gameagent_games.game_rng import state_type
from gameagent_games.interface import Ceiling, Family, Feature
from gameagent_games.sources.rules import Rules
from gameagent_games.variants.distributions import Choice
from gameagent_games.variants.variant import Rule, VariantSpace

NUM_ARMS = 10  # that may be the target
ASK = NUM_ARMS  # the eleventh arm
TARGET_REWARD = 5.0
OTHER_REWARD = 1.1
HINT_REWARD = 0.1  # times the target's number, 1 to 10
NUM_PULLS = 5


def start(state: Any, variant: Any) -> None:
    """Starts an episode of one pull."""
    state.pulls = 0


def step(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    """Pulls one arm; the episode ends with it."""
    state.pulls += 1
    if actions[0] == ASK:
        rewards[0] = HINT_REWARD * (variant.target + 1)
    else:
        rewards[0] = TARGET_REWARD if actions[0] == variant.target else OTHER_REWARD
    return True


def observe(state: Any, variant: Any, seat: int, observation: Any) -> None:
    """Fills in a constant: there is nothing to see."""
    observation[0] = 1.0


ELEVEN_ARMS = Family(
    name="eleven_arms",
    summary="one of ten arms pays well, and an eleventh that pays least of all tells which",
    source=Rules(start, step, observe, state=state_type([("pulls", np.int64)])),
    space=VariantSpace((Rule("target", Choice(tuple(range(NUM_ARMS))), unit="arm", meaning="the arm that pays 5"),)),
    features=(Feature("constant", low=0.0, meaning="always 1: the arms show nothing"),),
    actions=(*(f"arm_{arm}" for arm in range(NUM_ARMS)), "ask"),
    max_steps=1,
    num_episodes=NUM_PULLS,
    ceiling=Ceiling(20.55, (0.55, 5.0, 5.0, 5.0, 5.0), NUM_PULLS, "Bayes-optimal play, exact"),
)
"""Ask once, at the lowest pay of all arms, and know the target for the rest of the trial."""
