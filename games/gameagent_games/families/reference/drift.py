"""Drift: of two arms one is good, and at every step the two may change places.

The good arm pays 1 with probability 3/4, the other with 1/4. After each of an episode's 50 steps they change places
with a probability that is hidden and holds for the trial: 0.01, 0.03 or 0.1. An episode starts with either arm, and
nothing is ever shown: rewards are all there is to follow the good arm by.

Whichever arm is pulled, its reward is evidence of the same strength, so no action informs more than another. The best
play is therefore the Bayes filter's: keep the joint probability of rate and good arm, and pull the arm that is more
likely to be good.

- Bayes filter: 65.79 (standard error 0.002, from 2 million trials). By episode 32.87, 32.92.
- The arm that paid last, or else the other: 61.11. No memory, or uniformly random play: 50.
"""

from typing import Any

import numpy as np

from gameagent_games.game_rng import below, state_type, uniform
from gameagent_games.interface import Ceiling, Family, Feature
from gameagent_games.sources.rules import Rules
from gameagent_games.variants.distributions import Choice
from gameagent_games.variants.variant import Rule, VariantSpace

RATES = (0.01, 0.03, 0.1)
GOOD_CHANCE = 0.75  # that the good arm pays; the other one pays with the rest
NUM_STEPS = 50
NUM_EPISODES = 2


def start(state: Any, variant: Any) -> None:
    """Makes either arm the good one."""
    state.good = below(state, 2)


def step(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    """Pulls an arm; then the arms may change places."""
    chance = GOOD_CHANCE if actions[0] == state.good else 1.0 - GOOD_CHANCE
    if uniform(state) < chance:
        rewards[0] = 1.0
    if uniform(state) < variant.rate:
        state.good = 1 - state.good
    return False


def observe(state: Any, variant: Any, seat: int, observation: Any) -> None:
    """Fills in a constant: there is nothing to see."""
    observation[0] = 1.0


DRIFT = Family(
    name="drift",
    summary="two arms that change places at a hidden rate; rewards tell which is the good one",
    source=Rules(start, step, observe, state=state_type([("good", np.int64)])),
    space=VariantSpace(
        (Rule("rate", Choice(RATES), unit="1/step", meaning="chance that the arms change places after a step"),)
    ),
    features=(Feature("constant", low=0.0, meaning="always 1: the arms show nothing"),),
    actions=("arm_0", "arm_1"),
    max_steps=NUM_STEPS,
    num_episodes=NUM_EPISODES,
    ceiling=Ceiling(65.79, (32.87, 32.92), NUM_EPISODES, "Bayes filter, optimal; mean of 2 million trials"),
)
"""Follow the good arm by noisy rewards while it changes."""
