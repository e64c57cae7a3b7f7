"""Late reward: what is done in one episode pays one whole episode later.

An episode is a year of 32 steps. Its first step plants one of four seeds, which pays 1 at once if it is the one that
grows this year. Its second step either sells the day's work for 1/4, the bait, or surveys the field for nothing: then
a sign shows, until the year ends, which seed will grow *next* year. Nothing else counts. So a survey pays 31 steps and
one episode's end after it, to those who remember the sign for a single step; a discount of 0.9 leaves 4 % of it, and
0.9 with a lambda of 0.8 leaves 4e-5. Which seeds grow in the five years are five independent hidden rules, and no year
tells about another.

Ceilings, exact, as years touch one another by the sign alone: surveying is worth 1 - 1/4 and costs 1/4.

- Bayes-optimal: survey in all years but the last: (1/4) + 1 + 1 + 1 + (1 + 1/4) = 4.5.
- Taking the bait each year: 5 (1/4 + 1/4) = 2.5. Uniformly random play earns 5 (1/6 + 1/24) = 1.04.
"""

from typing import Any

import numpy as np

from gameagent_games.game_rng import state_type
from gameagent_games.interface import Ceiling, Family, Feature
from gameagent_games.sources.rules import Rules
from gameagent_games.variants.distributions import Choice
from gameagent_games.variants.variant import Rule, VariantSpace

NUM_SEEDS = 4
SURVEY, SELL = NUM_SEEDS, NUM_SEEDS + 1  # actions after those that plant a seed
PLANTING, CHOOSING, WAITING = range(3)  # phases of a year: its first step, its second, and all others
CROP_REWARD = 1.0
BAIT_REWARD = 0.25
NUM_STEPS = 32
NUM_YEARS = 5


def start(state: Any, variant: Any) -> None:
    """Starts a year."""
    state.day = 0
    state.surveyed = False


def step(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    """Plants on the first day, surveys or sells on the second; on the others nothing happens."""
    if state.day == PLANTING and actions[0] == variant.grows[state.episode % NUM_YEARS]:
        rewards[0] = CROP_REWARD
    elif state.day == CHOOSING and actions[0] == SELL:
        rewards[0] = BAIT_REWARD
    elif state.day == CHOOSING:
        state.surveyed = actions[0] == SURVEY
    state.day += 1
    return False


def observe(state: Any, variant: Any, seat: int, observation: Any) -> None:
    """Fills in the day, the phase, and the sign: 0, or next year's seed counted from 1."""
    observation[0] = state.day / NUM_STEPS
    observation[1] = min(state.day, WAITING)
    observation[2] = variant.grows[(state.episode + 1) % NUM_YEARS] + 1 if state.surveyed else 0


LATE_REWARD = Family(
    name="late_reward",
    summary="survey the field this year, instead of a small pay, to know what to plant in the next",
    source=Rules(start, step, observe, state=state_type([("day", np.int64), ("surveyed", np.bool_)])),
    space=VariantSpace(
        (
            Rule(
                "grows",
                Choice(tuple(range(NUM_SEEDS)), shape=(NUM_YEARS,)),
                unit="seed",
                meaning="the seed that grows in each year",
            ),
        )
    ),
    features=(
        Feature("day", low=0.0, unit="year", meaning="share of the year that has passed"),
        Feature("phase", high=WAITING, meaning="0 planting, 1 survey or sale, 2 nothing to do", kind="category"),
        Feature("sign", high=NUM_SEEDS, meaning="0, or after a survey next year's seed from 1", kind="category"),
    ),
    actions=(*(f"plant_{seed}" for seed in range(NUM_SEEDS)), "survey", "sell"),
    max_steps=NUM_STEPS,
    num_episodes=NUM_YEARS,
    ceiling=Ceiling(4.5, (0.25, 1.0, 1.0, 1.0, 1.25), NUM_YEARS, "Bayes-optimal play, exact"),
)
"""Leave the bait for a survey that pays in the next episode."""
