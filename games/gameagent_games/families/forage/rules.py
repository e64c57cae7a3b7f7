"""A creature eats what it finds on a small grid; what each kind is worth must be found out by tasting.

A turn: the move is mirrored, may slip to the side, wraps at the edge or stops there, and stops at walls; then
the creature eats what lies in its cell, and what grows back appears somewhere else.

Arrays of the state are small integers, so that thousands of games fit the cache; ``int()`` on what is read
from them gives the interpreter the full width that compiled code computes in.
"""

from typing import Any

import numpy as np
from numba.extending import register_jitable

from gameagent_games.game_rng import below, uniform

MAX_SIZE = 10  # cells per side of the largest grid
NUM_KINDS = 4
ITEMS_PER_KIND = 3
NUM_ITEMS = NUM_KINDS * ITEMS_PER_KIND
PILLAR_SHARE = 0.4  # chance that a cell with odd x and odd y is a wall: pillars never cut a grid in two
EMPTY, WALL = 0, -1  # contents of a cell; 1 … NUM_ITEMS is item number + 1. All beyond the grid is wall
STAY, UP, RIGHT, DOWN, LEFT = range(5)
DX = np.array([0, 0, 1, 0, -1])  # cells to the right, by action
DY = np.array([0, -1, 0, 1, 0])  # cells downward, by action
GONE = 64  # an item's x once it is eaten for good: farther than any item that is left
FAR = 2 * MAX_SIZE  # cells; farther than any two cells of a grid lie apart


def start(state: Any, variant: Any) -> None:
    """Sets up walls, items and the creature for a new episode."""
    both = variant.mirror == "both"  # names are compared once an episode, not at every step
    state.flip_x = -1 if both or variant.mirror == "horizontal" else 1
    state.flip_y = -1 if both or variant.mirror == "vertical" else 1
    state.cells[:, :] = WALL
    for y in range(variant.size):
        for x in range(variant.size):
            pillar = x % 2 == 1 and y % 2 == 1 and uniform(state) < PILLAR_SHARE
            state.cells[y, x] = WALL if pillar else EMPTY
    state.last_kind = -1
    state.x, state.y = -1, -1
    state.x, state.y = free_cell(state, variant)
    for item in range(NUM_ITEMS):
        place(state, variant, item)


def step(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    """Moves the creature and lets it eat what it stands on."""
    dx, dy = DX[actions[0]] * int(state.flip_x), DY[actions[0]] * int(state.flip_y)
    slip = uniform(state)
    if slip < variant.slip:  # to the side: a quarter turn either way
        dx, dy = (dy, -dx) if slip < 0.5 * variant.slip else (-dy, dx)
    move(state, variant, dx, dy)
    eat(state, variant, rewards)
    return False


@register_jitable
def move(state: Any, variant: Any, dx: int, dy: int) -> None:
    """Moves one cell on unless a wall is there, and across the edge if edges wrap."""
    x, y = state.x + dx, state.y + dy
    if variant.wrap:
        last = variant.size - 1
        x = last if x < 0 else (0 if x > last else x)
        y = last if y < 0 else (0 if y > last else y)
    if state.cells[y, x] != WALL:
        state.x, state.y = x, y


@register_jitable
def eat(state: Any, variant: Any, rewards: Any) -> None:
    """Eats the item in the creature's cell, if there is one."""
    state.last_kind = -1
    item = int(state.cells[state.y, state.x]) - 1
    if item < 0:
        return
    kind = item // ITEMS_PER_KIND
    state.cells[state.y, state.x] = EMPTY
    state.item_x[item] = GONE
    state.last_kind = kind
    rewards[0] = variant.worth[kind]
    if variant.regrows[kind]:
        place(state, variant, item)


@register_jitable
def place(state: Any, variant: Any, item: int) -> None:
    """Lays an item into a free cell."""
    x, y = free_cell(state, variant)
    state.item_x[item] = x
    state.item_y[item] = y
    state.cells[y, x] = item + 1


@register_jitable
def free_cell(state: Any, variant: Any) -> tuple[int, int]:
    """A random cell (x, y) without wall, item or creature."""
    while True:
        x, y = below(state, variant.size), below(state, variant.size)
        if state.cells[y, x] == EMPTY and not (x == state.x and y == state.y):
            return x, y


def observe(state: Any, variant: Any, seat: int, observation: Any) -> None:
    """Fills in what the creature sees: the nearest item of each kind, walls and its own position."""
    widths = 1.0 / max(variant.size - 1, 1)  # grid widths per cell
    x, y = state.x, state.y
    for kind in range(NUM_KINDS):
        distance, dx, dy = nearest(state, kind)
        column = 5 * kind
        observation[column] = 1.0 if distance < FAR else 0.0
        observation[column + 1] = dx * widths
        observation[column + 2] = dy * widths
        observation[column + 3] = min(max(dx, -1), 1)
        observation[column + 4] = min(max(dy, -1), 1)
    column = 5 * NUM_KINDS
    for kind in range(NUM_KINDS):
        observation[column + kind] = 1.0 if state.last_kind == kind else 0.0
    column += NUM_KINDS
    observation[column] = 2.0 * x * widths - 1.0
    observation[column + 1] = 2.0 * y * widths - 1.0
    observation[column + 2] = 1.0 if state.cells[y - 1, x] == WALL else 0.0
    observation[column + 3] = 1.0 if state.cells[y, x + 1] == WALL else 0.0
    observation[column + 4] = 1.0 if state.cells[y + 1, x] == WALL else 0.0
    observation[column + 5] = 1.0 if state.cells[y, x - 1] == WALL else 0.0


@register_jitable
def nearest(state: Any, kind: int) -> tuple[int, int, int]:
    """Steps, cells right and cells down to the nearest item of a kind; (FAR, 0, 0) if none is left."""
    best, best_dx, best_dy = FAR, 0, 0
    for item in range(kind * ITEMS_PER_KIND, (kind + 1) * ITEMS_PER_KIND):
        dx, dy = int(state.item_x[item]) - state.x, int(state.item_y[item]) - state.y
        distance = abs(dx) + abs(dy)
        if distance < best:
            best, best_dx, best_dy = distance, dx, dy
    return best, best_dx, best_dy
