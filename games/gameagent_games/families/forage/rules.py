"""A creature eats what it finds on a small grid; what each kind is worth must be found out by tasting.

A turn: the move is mirrored, may slip to the side, stops at walls, wraps or stops at the edge; then the
creature eats what lies in the cell it stands in, and what grows back appears somewhere else.
"""

from typing import Any

from numba.extending import register_jitable

from gameagent_games.chance import below, uniform

MAX_SIZE = 10  # cells per side of the largest grid
NUM_KINDS = 4
ITEMS_PER_KIND = 3
NUM_ITEMS = NUM_KINDS * ITEMS_PER_KIND
PILLAR_SHARE = 0.4  # chance that a cell with odd x and odd y is a wall: pillars never cut a grid in two
EMPTY, WALL = 0, -1  # contents of a cell; 1 … NUM_ITEMS is item number + 1
STAY, UP, RIGHT, DOWN, LEFT = range(5)
DX = (0, 0, 1, 0, -1)  # cells to the right, by action
DY = (0, -1, 0, 1, 0)  # cells downward, by action
MIRROR_NONE, MIRROR_HORIZONTAL, MIRROR_VERTICAL, MIRROR_BOTH = range(4)
GONE = -1  # an item's x once it is eaten for good


def start(state: Any, variant: Any) -> None:
    for y in range(variant.size):
        for x in range(variant.size):
            pillar = x % 2 == 1 and y % 2 == 1 and uniform(state) < PILLAR_SHARE
            state.cells[y, x] = WALL if pillar else EMPTY
    state.last_kind = -1
    state.x = -1
    state.y = -1
    cell = free_cell(state, variant)
    state.x = cell % MAX_SIZE
    state.y = cell // MAX_SIZE
    for item in range(NUM_ITEMS):
        place(state, variant, item)


def step(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    dx, dy = DX[actions[0]], DY[actions[0]]
    if variant.mirror == MIRROR_HORIZONTAL or variant.mirror == MIRROR_BOTH:
        dx = -dx
    if variant.mirror == MIRROR_VERTICAL or variant.mirror == MIRROR_BOTH:
        dy = -dy
    if uniform(state) < variant.slip:  # to the side: a quarter turn either way
        if uniform(state) < 0.5:
            dx, dy = dy, -dx
        else:
            dx, dy = -dy, dx
    x, y = neighbour(variant, state.x, state.y, dx, dy)
    if state.cells[y, x] != WALL:
        state.x = x
        state.y = y
    eat(state, variant, rewards)
    return False


@register_jitable  # type: ignore[untyped-decorator]
def neighbour(variant: Any, x: int, y: int, dx: int, dy: int) -> tuple[int, int]:
    """The cell reached from (x, y): across the edge where edges wrap, else held back by it."""
    x += dx
    y += dy
    last = variant.size - 1
    if variant.wrap:
        if x < 0:
            x = last
        elif x > last:
            x = 0
        if y < 0:
            y = last
        elif y > last:
            y = 0
    else:
        x = min(max(x, 0), last)
        y = min(max(y, 0), last)
    return x, y


@register_jitable  # type: ignore[untyped-decorator]
def eat(state: Any, variant: Any, rewards: Any) -> None:
    """Eats the item in the creature's cell, if there is one."""
    state.last_kind = -1
    if state.cells[state.y, state.x] == EMPTY:
        return
    item = state.cells[state.y, state.x] - 1
    kind = item // ITEMS_PER_KIND
    state.cells[state.y, state.x] = EMPTY
    state.item_x[item] = GONE
    state.last_kind = kind
    rewards[0] = variant.worth[kind]
    if variant.regrows[kind]:
        place(state, variant, item)


@register_jitable  # type: ignore[untyped-decorator]
def place(state: Any, variant: Any, item: int) -> None:
    """Lays an item into a free cell."""
    cell = free_cell(state, variant)
    x, y = cell % MAX_SIZE, cell // MAX_SIZE
    state.item_x[item] = x
    state.item_y[item] = y
    state.cells[y, x] = item + 1


@register_jitable  # type: ignore[untyped-decorator]
def free_cell(state: Any, variant: Any) -> int:
    """A random cell without wall, item or creature, as y * MAX_SIZE + x."""
    while True:
        x, y = below(state, variant.size), below(state, variant.size)
        if state.cells[y, x] == EMPTY and not (x == state.x and y == state.y):
            return y * MAX_SIZE + x


def observe(state: Any, variant: Any, seat: int, observation: Any) -> None:
    extent = variant.size - 1.0
    x, y = state.x, state.y
    for kind in range(NUM_KINDS):
        best, best_distance = -1, 2 * MAX_SIZE
        for item in range(kind * ITEMS_PER_KIND, (kind + 1) * ITEMS_PER_KIND):
            if state.item_x[item] != GONE:
                distance = abs(state.item_x[item] - x) + abs(state.item_y[item] - y)
                if distance < best_distance:
                    best, best_distance = item, distance
        column = 5 * kind
        if best < 0:
            for offset in range(5):
                observation[column + offset] = 0.0
        else:
            dx, dy = state.item_x[best] - x, state.item_y[best] - y
            observation[column] = 1.0
            observation[column + 1] = dx / extent
            observation[column + 2] = dy / extent
            observation[column + 3] = min(max(dx, -1), 1)
            observation[column + 4] = min(max(dy, -1), 1)
    column = 5 * NUM_KINDS
    for kind in range(NUM_KINDS):
        observation[column + kind] = 1.0 if state.last_kind == kind else 0.0
    column += NUM_KINDS
    observation[column] = x / extent * 2.0 - 1.0
    observation[column + 1] = y / extent * 2.0 - 1.0
    for action in range(1, 5):
        beside_x, beside_y = x + DX[action], y + DY[action]
        inside = 0 <= beside_x <= variant.size - 1 and 0 <= beside_y <= variant.size - 1
        wall = inside and state.cells[beside_y, beside_x] == WALL
        observation[column + 1 + action] = 1.0 if wall or not inside else 0.0
