"""Walk a plane to a goal that is never seen; every step costs the distance that is left."""

import math
from typing import Any

from numba.extending import register_jitable

GOAL_RANGE = 0.5  # training goals lie within this of the start, along each axis
FARTHEST_GOAL = 0.8  # along each axis, out of range
LONGEST_MOVE = 0.1  # along each axis, in one step
REACH = 0.01  # a goal nearer than this along both axes is reached
MAX_STEPS = 100


@register_jitable
def reached(state: Any, variant: Any) -> bool:
    """Whether the goal is within reach."""
    return max(abs(state.x - variant.goal[0]), abs(state.y - variant.goal[1])) < REACH  # type: ignore[no-any-return]


@register_jitable
def remember(state: Any) -> None:
    """Writes the position into the path, which pictures are drawn from."""
    if state.num_moves < len(state.path):
        state.path[state.num_moves, 0] = state.x
        state.path[state.num_moves, 1] = state.y


def start(state: Any, variant: Any) -> None:
    """Puts the point at the origin."""
    state.x = 0.0
    state.y = 0.0
    state.num_moves = 0
    remember(state)


def step(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    """Moves the point; pays minus its distance from the goal."""
    state.x += actions[0, 0]
    state.y += actions[0, 1]
    state.num_moves += 1
    remember(state)
    across, up = state.x - variant.goal[0], state.y - variant.goal[1]
    rewards[0] = -math.sqrt(across * across + up * up)
    return reached(state, variant)


def observe(state: Any, variant: Any, seat: int, observation: Any) -> None:
    """Fills in the position alone."""
    observation[0] = state.x
    observation[1] = state.y
