"""A vault behind a row of doors: the pay lies behind the last one, and a wrong key leads back to the first.

Each door takes one of eight keys, the same in every vault; in half of the vaults all keys are the other way round,
which the first door tells. How many doors there are, 1 to 24, differs from vault to vault and is hidden; what a vault
pays, 0.5 to 1.5, is shown. There is nothing to be had before the last door: chance opens a few doors in an episode of
40 steps, so most vaults teach nothing to a player who does not know the doors before. Short ones are steps to long
ones, as they begin with the same doors.

Who knows the keys opens every vault: in the longest with a wrong key at the first door at most, after 25 steps. That
earns 1 an episode, the mean pay, and 2 in a trial. Uniformly random play opens two doors in an episode with
probability 0.43, four with 0.008 and six with 0.0001, and earns 0.124 in a trial (by the Markov chain of doors). Who
knows the first n doors alone earns n / 12 and a little more.
"""

from typing import Any

import numpy as np

from gameagent_games.game_rng import state_type
from gameagent_games.interface import Ceiling, Family, Feature
from gameagent_games.sources.rules import Rules
from gameagent_games.variants.distributions import Choice, Integers, Uniform
from gameagent_games.variants.variant import Rule, VariantSpace

NUM_KEYS = 8
MAX_DOORS = 24
MAX_STEPS = 40
KEYS = (2, 7, 4, 0, 5, 5, 1, 6, 3, 0, 7, 2, 6, 1, 4, 3, 0, 5, 2, 7, 3, 1, 6, 4)  # of each door, in every vault
REVERSED = NUM_KEYS - 1  # less the key: that of a vault whose keys are the other way round


def start(state: Any, variant: Any) -> None:
    """Puts the player before the first door."""
    state.door = 0


def step(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    """Tries a key; the last door pays and ends the episode."""
    key = KEYS[state.door]
    if variant.reversed:
        key = REVERSED - key
    if actions[0] != key:
        state.door = 0
        return False
    state.door += 1
    if state.door == variant.doors:
        state.door = 0
        rewards[0] = variant.pay
        return True
    return False


def observe(state: Any, variant: Any, seat: int, observation: Any) -> None:
    """Fills in the door ahead."""
    for door in range(MAX_DOORS):
        observation[door] = 1.0 if state.door == door else 0.0


VAULT = Family(
    name="vault",
    summary="open a row of doors whose number is hidden, one key after the other",
    source=Rules(start, step, observe, state=state_type([("door", np.int64)])),
    space=VariantSpace(
        (
            Rule("doors", Integers(1, MAX_DOORS), unit="door", meaning="the doors before the pay"),
            Rule("reversed", Choice((False, True)), meaning="whether all keys are the other way round"),
            Rule("pay", Uniform((0.5, 1.5)), hidden=False, meaning="what lies behind the last door"),
        )
    ),
    features=(Feature("door", MAX_DOORS, kind="flags", meaning="1 at the door ahead"),),
    actions=tuple(f"key_{key}" for key in range(NUM_KEYS)),
    max_steps=MAX_STEPS,
    num_episodes=2,
    ceiling=Ceiling(2.0, (1.0, 1.0), 2, "every vault opened, exact"),
)
"""Rewards that chance reaches in few variants, which are steps to all others."""
