"""A small sound game, and `dig`, which makes others of it: each differs in one thing."""

# mypy: disable-error-code="arg-type"

from typing import Any

import numpy as np
from numba.extending import register_jitable

from gameagent_games import Family, Feature, Rule, Rules, Uniform, VariantSpace, state_type, uniform

NUM_CELLS = 3


@register_jitable  # so that other games can call it
def start(state: Any, variant: Any) -> None:
    state.x = 1
    state.dug[0] = 0
    state.dug[1] = 0
    state.dug[2] = 0


@register_jitable  # so that other games can call it
def step(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    if actions[0] == 1:
        rewards[0] = variant.ore[state.x]
        state.dug[state.x] += 1
    else:
        state.x = min(max(state.x + actions[0] - 1, 0), NUM_CELLS - 1)
    return uniform(state) < 0.2


@register_jitable  # so that other games can call it
def observe(state: Any, variant: Any, seat: int, observation: Any) -> None:
    for cell in range(NUM_CELLS):
        observation[cell] = 1.0 if state.x == cell else 0.0


def legal(state: Any, variant: Any, seat: int, mask: Any) -> None:
    mask[0] = state.x > 0
    mask[1] = True
    mask[2] = state.x < NUM_CELLS - 1


STATE = state_type([("x", np.int64), ("dug", np.int64, (NUM_CELLS,))])


def dig(**changes: Any) -> Family:
    """The game with other rules (by their names) or other fields of the family."""
    rules = {"start": start, "step": step, "observe": observe}
    rules |= {
        name: changes.pop(name) for name in ("start", "step", "observe", "legal", "turn", "state") if name in changes
    }
    fields: dict[str, Any] = {
        "name": "digging",
        "summary": "dig for ore",
        "source": Rules(**({"state": STATE} | rules)),
        "space": VariantSpace(
            (Rule("ore", Uniform((-1.0, 1.0), shape=(NUM_CELLS,))), Rule("luck", Uniform((0.0, 1.0))))
        ),
        "features": (Feature("cell", NUM_CELLS, 0.0, 1.0),),
        "actions": ("left", "dig", "right"),
        "max_steps": 8,
        "num_episodes": 3,
    }
    return Family(**(fields | changes))


DIGGING = dig()
