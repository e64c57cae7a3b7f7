"""A 4 x 4 maze in the dark: walls and goal are hidden, and a player sees its own cell only.

Each cell of the lower left 3 x 3 is open either to the north or to the east (a binary-tree maze), so every cell has
exactly one way to the corner where the player starts, and the nine sides are independent rules. Episodes of a trial
have the same walls and goal: who remembers the dead ends of the first walks straight in the later ones.

Bayes-optimal play of the trial earns 0.041, 0.763 and 0.787 in its episodes, by dynamic programming over what can be
known: the own cell, each of the nine sides (north, east or unknown) and the goals that are left. The best
play of a single episode earns 0.043, so who forgets at its end earns 0.129 in a trial; uniformly random play -2.74.
"""

from typing import Any

import numpy as np
from numba.extending import register_jitable

from gameagent_games.game_rng import state_type
from gameagent_games.interface import Ceiling, Family, Feature
from gameagent_games.sources.rules import Rules
from gameagent_games.variants.distributions import Choice
from gameagent_games.variants.variant import Rule, VariantSpace

SIZE = 4  # cells per side
INNER = SIZE - 1  # cells per side of those whose open side is a rule
GOALS = ((0, 0), (1, 0), (0, 1))  # x, y; y counts upwards, and the start is the opposite corner
GOAL_NAMES = tuple(f"{x},{y}" for x, y in GOALS)  # as variants name them
MAX_STEPS = 20
GOAL_REWARD = 1.0
STEP_REWARD = -0.04
BUMP_REWARD = -0.06  # a step into a wall
UP, RIGHT, DOWN, LEFT = range(4)


@register_jitable
def opens_north(variant: Any, x: int, y: int) -> bool:
    """Whether the way from a cell towards the start leads north; else it leads east."""
    if x == SIZE - 1:
        return y < SIZE - 1
    return y < SIZE - 1 and variant.opens_north[y * INNER + x] == 1


@register_jitable
def passage(variant: Any, x: int, y: int, action: int) -> bool:
    """Whether one can walk from cell (x, y) in a direction."""
    if action == UP:
        return y < SIZE - 1 and opens_north(variant, x, y)
    if action == RIGHT:
        return x < SIZE - 1 and not opens_north(variant, x, y)
    if action == DOWN:
        return y > 0 and opens_north(variant, x, y - 1)
    return x > 0 and not opens_north(variant, x - 1, y)


def start(state: Any, variant: Any) -> None:
    """Puts the player into the upper right corner and looks up the goal."""
    state.x = SIZE - 1
    state.y = SIZE - 1
    for goal in range(len(GOALS)):
        if variant.goal == GOAL_NAMES[goal]:
            state.goal_x, state.goal_y = GOALS[goal]
            break


def step(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    """Walks one cell, or bumps into a wall; the goal ends the episode."""
    action = actions[0]
    if not passage(variant, state.x, state.y, action):
        rewards[0] = BUMP_REWARD
        return False
    state.x += 1 if action == RIGHT else -1 if action == LEFT else 0
    state.y += 1 if action == UP else -1 if action == DOWN else 0
    rewards[0] = STEP_REWARD
    if state.x == state.goal_x and state.y == state.goal_y:
        rewards[0] += GOAL_REWARD
        return True
    return False


def observe(state: Any, variant: Any, seat: int, observation: Any) -> None:
    """Fills in the own cell."""
    for cell in range(SIZE):
        observation[cell] = 1.0 if state.x == cell else 0.0
        observation[SIZE + cell] = 1.0 if state.y == cell else 0.0


DARK_MAZE = Family(
    name="dark_maze",
    summary="find a hidden goal in a maze without seeing its walls, then walk straight to it",
    source=Rules(
        start,
        step,
        observe,
        state=state_type([("x", np.int64), ("y", np.int64), ("goal_x", np.int64), ("goal_y", np.int64)]),
    ),
    space=VariantSpace(
        (
            Rule(
                "opens_north",
                Choice((0, 1), shape=(INNER * INNER,)),
                unit="flag",
                meaning="whether each cell left of and below the edges, row by row from below, is open to the north",
            ),
            Rule("goal", Choice(GOAL_NAMES), unit="cell x,y", meaning="the cell that ends the episode"),
        )
    ),
    features=(
        Feature("column", SIZE, kind="flags", meaning="1 at the own column"),
        Feature("row", SIZE, kind="flags", meaning="1 at the own row, from below"),
    ),
    actions=("up", "right", "down", "left"),
    max_steps=MAX_STEPS,
    num_episodes=3,
    ceiling=Ceiling(1.5905, (0.0410, 0.7628, 0.7867), 3, "Bayes-optimal play, exact by dynamic programming"),
)
