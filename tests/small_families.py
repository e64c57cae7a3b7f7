"""Families as small as can be that have all that a training objective must handle."""

from typing import Any

import numpy as np

from gameagent_games.game_rng import state_type, uniform
from gameagent_games.interface import Box, Family, Feature
from gameagent_games.sources.rules import Rules
from gameagent_games.variants.distributions import Choice, Fixed, Uniform
from gameagent_games.variants.variant import Rule, VariantSpace

# -- riddle: one of three answers is right and one is not allowed now; episodes, and trials, differ in length ------


def start_riddle(state: Any, variant: Any) -> None:
    state.step = 0
    state.closed = int(3.0 * uniform(state))


def step_riddle(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    rewards[0] = variant.pay[actions[0]]
    state.step += 1
    state.closed = int(3.0 * uniform(state))
    return uniform(state) < 0.3


def observe_riddle(state: Any, variant: Any, seat: int, observation: Any) -> None:
    observation[0] = state.step / 3.0


def legal_riddle(state: Any, variant: Any, seat: int, mask: Any) -> None:
    for answer in range(3):
        mask[answer] = answer != state.closed


HIDDEN = (Rule("pay", Uniform((-1.0, 1.0), shape=(3,))), Rule("colour", Choice((0, 1, 2))))

RIDDLE = Family(
    name="riddle",
    summary="which answers pay is hidden, and so is a colour that nobody needs",
    source=Rules(
        start_riddle,
        step_riddle,
        observe_riddle,
        legal_riddle,
        state=state_type([("step", np.int64), ("closed", np.int64)]),
    ),
    space=VariantSpace(HIDDEN),
    features=(Feature("step", low=0.0),),
    actions=("one", "two", "three"),
    max_steps=3,
    num_episodes=2,
)


# -- dial: turn two dials to hidden places; the same ends ----------------------------------------------------------


def start_dial(state: Any, variant: Any) -> None:
    state.step = 0


def step_dial(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    rewards[0] = -((actions[0, 0] - variant.place[0]) ** 2) - (actions[0, 1] - variant.place[1]) ** 2
    state.step += 1
    return uniform(state) < 0.3


def observe_dial(state: Any, variant: Any, seat: int, observation: Any) -> None:
    observation[0] = state.step / 3.0


DIAL = Family(
    name="dial",
    summary="turn two dials to hidden places",
    source=Rules(start_dial, step_dial, observe_dial, state=state_type([("step", np.int64)])),
    space=VariantSpace((Rule("place", Uniform((-1.0, 1.0), shape=(2,))),)),
    features=(Feature("step", low=0.0),),
    actions=Box(("left", "right"), low=(-1.0, 0.0), high=(1.0, 4.0)),
    max_steps=3,
    num_episodes=2,
)


# -- stroll: the best action is the same in every variant ------------------------------------------------------------


def start_stroll(state: Any, variant: Any) -> None:
    state.x = 0


def step_stroll(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    state.x += 2 * actions[0] - 1
    rewards[0] = variant.scenery + state.x
    return False


def observe_stroll(state: Any, variant: Any, seat: int, observation: Any) -> None:
    observation[0] = state.x / 8.0


STROLL = Family(
    name="stroll",
    summary="right is always right; the scenery pays by itself",
    source=Rules(start_stroll, step_stroll, observe_stroll, state=state_type([("x", np.int64)])),
    space=VariantSpace((Rule("scenery", Uniform((-1.0, 1.0))), Rule("weather", Fixed(1.0)))),
    features=(Feature("x"),),
    actions=("left", "right"),
    max_steps=8,
    num_episodes=2,
)
