"""Cross a river on stepping stones. In every row one of two stones sinks, the same one in every episode of a trial.

A turn: the player hops onto the left or the right stone of the next row. A stone that holds pays, and pays more if a
pearl lies on it; a stone that sinks ends the crossing. Pearls lie elsewhere in every episode and say nothing about
the stones.

The functions are written for one game, in plain numbers, arrays and loops: numba compiles them, and thousands of games
run side by side. Mark functions that they call with ``numba.extending.register_jitable``.
"""

from typing import Any

from gameagent_games import below

SIDES = ("left", "right")
MAX_ROWS = 8  # of the widest river
ROW_REWARD = 1.0
PEARL_REWARD = 0.5
ON_THE_BANK = -1  # in place of a side


def start(state: Any, variant: Any) -> None:
    """Begins an episode on the near bank. Set every field of the state here: none outlives its episode."""
    state.row = 0
    state.side = ON_THE_BANK
    state.sunk = False
    for row in range(MAX_ROWS):
        state.pearls[row] = below(state, len(SIDES))  # take all randomness from gameagent_games: below, uniform


def step(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    """Hops once, and returns whether that ends the episode. A time limit is none of its business."""
    side = actions[0]  # of seat 0, the only one: 0 is left, 1 is right, as in `actions` in family.py
    state.side = side
    if side != variant.holds[state.row]:
        state.sunk = True
        return True
    rewards[0] = ROW_REWARD
    if side == state.pearls[state.row]:
        rewards[0] += PEARL_REWARD
    state.row += 1
    return bool(state.row == variant.rows)


def observe(state: Any, variant: Any, seat: int, observation: Any) -> None:
    """Fills in what the player sees: how far it has come and where the next pearl lies, but not which stones hold."""
    for row in range(MAX_ROWS):
        observation[row] = 1.0 if state.row == row else 0.0
    river_ahead = state.row < variant.rows
    for side in range(len(SIDES)):
        observation[MAX_ROWS + side] = 1.0 if river_ahead and state.pearls[state.row] == side else 0.0
