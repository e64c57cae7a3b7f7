"""Training on games that used to kill it."""

import math
from typing import Any

import numpy as np
import pytest

from gameagent.config import make_config
from gameagent.methods.learning import make_learner
from gameagent.workers import Workers
from gameagent_games.game_rng import state_type, uniform
from gameagent_games.interface import Box, Family, Feature
from gameagent_games.sources.rules import Rules
from gameagent_games.variants.distributions import Uniform
from gameagent_games.variants.variant import Rule, VariantSpace
from known_settings import known_settings

NUM_VALVES = 24


def start(state: Any, variant: Any) -> None:
    state.open = 0


def step(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    missed = 0.0
    for valve in range(NUM_VALVES):
        missed += (actions[0, valve] / 0.01 - 0.5 * variant.pressure[0]) ** 2
    rewards[0] = 1.0 - missed / NUM_VALVES
    state.open += 1
    return uniform(state) < 0.1


def observe(state: Any, variant: Any, seat: int, observation: Any) -> None:
    observation[0] = state.open / 10.0


VALVES = Family(
    name="valves",
    summary="many controls, all of them narrow, in episodes that end at any time",
    source=Rules(start, step, observe, state=state_type([("open", np.int64)])),
    space=VariantSpace((Rule("pressure", Uniform((-1.0, 1.0), shape=(2,))),)),
    features=(Feature("open", low=0.0),),
    actions=Box(tuple(f"valve_{number}" for number in range(NUM_VALVES)), low=-0.01, high=0.01),
    max_steps=10,
    num_episodes=3,
)


@pytest.mark.parametrize("algorithm", ["rl2", "maml", "reptile"])
def test_densities_past_the_end_of_a_row_do_not_reach_the_loss(algorithm: str) -> None:
    """A density of 24 narrow components is e^100 and more: where a row has ended, its ratio to nothing overflows."""
    given = {"family": "valves", "algorithm": algorithm, "num_games": 16, "hidden_size": 8, "inner_steps": 1}
    config = make_config(VALVES, known_settings(given | {"meta_batch_size": 3, "num_rollouts": 4}))
    learner = make_learner(config, VALVES, Workers())
    before = [weight.clone() for weight in learner.policy.parameters()]
    for number in range(3):
        update = learner.update(number, 0.1 * number)
        assert all(math.isfinite(value) for value in update.metrics.values())
    assert all(weight.isfinite().all() for weight in learner.policy.parameters())
    assert any((weight != old).any() for weight, old in zip(learner.policy.parameters(), before, strict=True))
