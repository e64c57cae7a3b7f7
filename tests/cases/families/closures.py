"""A family whose rules are defined inside a function, as a global of this module."""

from typing import Any

import numpy as np

from gameagent_games import Family, Feature, Rule, Rules, Uniform, VariantSpace, state_type, uniform


def make_tosses(name: str, num_tosses: int) -> Family:
    """A coin of unknown bias is tossed; what comes up is called in advance."""

    def start(state: Any, variant: Any) -> None:
        state.tosses = 0

    def step(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
        heads = uniform(state) < variant.bias
        rewards[0] = 1.0 if heads == (actions[0] == 0) else 0.0
        state.tosses += 1
        return state.tosses >= num_tosses  # type: ignore[no-any-return]

    def observe(state: Any, variant: Any, seat: int, observation: Any) -> None:
        observation[0] = state.tosses / num_tosses

    return Family(
        name=name,
        summary="call a coin",
        source=Rules(start, step, observe, state=state_type([("tosses", np.int64)])),
        space=VariantSpace((Rule("bias", Uniform((0.1, 0.9)), unit="probability"),)),
        features=(Feature("tosses", low=0.0, unit="share of all"),),
        actions=("heads", "tails"),
        max_steps=2 * num_tosses,
        num_episodes=3,
    )


TOSSES = make_tosses("tosses", 6)
