"""A frozen lake with hidden holes: four of the 14 cells between start and goal swallow the player.

The lake has 4 x 4 cells and no slipping; a way to the goal always exists. Falling ends an episode with nothing, the
goal ends it and pays 1. The holes stay where they are through a trial of five episodes, and nothing shows them: each
has to be met once, remembered, and walked around.

Bayes-optimal play, which at each step onto an unknown cell weighs its risk and what it tells, earns 3.5456 in a trial,
by dynamic programming over the layouts that are left. Who knows the holes earns 5, uniformly random play 0.08.
The 76 layouts of the test split are a little harder than all 757: the same player earns 3.46 there.
"""

from functools import cache
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gameagent_games.game_rng import state_type
from gameagent_games.interface import Ceiling, Family, Feature
from gameagent_games.sources.rules import Rules
from gameagent_games.variants.distributions import Choice
from gameagent_games.variants.variant import Rule, VariantSpace

SIZE = 4  # cells per side
NUM_HOLES = 4
NUM_BETWEEN = SIZE * SIZE - 2  # cells that may be holes: all but the first, the start, and the last, the goal
MAX_STEPS = 20
UP, RIGHT, DOWN, LEFT = range(4)


def start(state: Any, variant: Any) -> None:
    """Puts the player onto the first cell."""
    state.x = 0
    state.y = 0


def step(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    """Walks one cell; a hole and the goal end the episode."""
    action = actions[0]
    if action == UP:
        state.y = min(state.y + 1, SIZE - 1)
    elif action == RIGHT:
        state.x = min(state.x + 1, SIZE - 1)
    elif action == DOWN:
        state.y = max(state.y - 1, 0)
    else:
        state.x = max(state.x - 1, 0)
    between = state.y * SIZE + state.x - 1
    if between == NUM_BETWEEN:
        rewards[0] = 1.0
        return True
    return between >= 0 and variant.holes[between] == 1  # type: ignore[no-any-return]


def observe(state: Any, variant: Any, seat: int, observation: Any) -> None:
    """Fills in the own cell."""
    for cell in range(SIZE):
        observation[cell] = 1.0 if state.x == cell else 0.0
        observation[SIZE + cell] = 1.0 if state.y == cell else 0.0


class Holes(Choice):
    """A flag for each cell between start and goal: `NUM_HOLES` of them are set, and leave a way to the goal."""

    def draw(self, generator: np.random.Generator, num: int, beyond: bool = False) -> NDArray[Any]:
        """Draws ``(num, NUM_BETWEEN)`` flags, every layout equally likely."""
        return np.asarray(layouts()[generator.integers(len(layouts()), size=num)])

    def contains(self, stored: NDArray[Any]) -> NDArray[np.bool_]:
        """Whether each value is one of the layouts: ``(num,)``."""
        return np.array([flags in layout_set() for flags in map(tuple, stored.tolist())], np.bool_)

    def store(self, value: Any) -> NDArray[Any]:
        """Turns a person's flags into the stored form; raises ValueError."""
        stored = super().store(value)
        if not self.contains(stored[None])[0]:
            raise ValueError(f"got {value}, expected {NUM_HOLES} holes that leave a way to the goal")
        return stored

    @property
    def num_values(self) -> int:
        """Number of layouts."""
        return len(layouts())

    def all_values(self) -> tuple[NDArray[Any], NDArray[np.float64]]:
        """Every layout, and its probability."""
        return layouts(), np.full(len(layouts()), 1.0 / len(layouts()))


@cache
def layouts() -> NDArray[np.int64]:
    """All layouts with a way to the goal, as flags ``(layouts, NUM_BETWEEN)``."""
    found = [holes for holes in combinations(range(NUM_BETWEEN), NUM_HOLES) if has_way({hole + 1 for hole in holes})]
    flags = np.zeros((len(found), NUM_BETWEEN), np.int64)
    np.put_along_axis(flags, np.array(found), 1, axis=1)
    return flags


@cache
def layout_set() -> frozenset[tuple[int, ...]]:
    """The layouts, to look one up."""
    return frozenset(map(tuple, layouts().tolist()))


def has_way(holes: set[int]) -> bool:
    """Whether the goal can be reached around these cells (row by row from the start, 0)."""
    reached, last = [0], SIZE * SIZE - 1
    for cell in reached:  # grows meanwhile
        x = cell % SIZE
        beside = [cell + SIZE, cell - SIZE, *([cell + 1] if x < SIZE - 1 else []), *([cell - 1] if x > 0 else [])]
        reached += [one for one in beside if 0 <= one <= last and one not in holes and one not in reached]
    return last in reached


LAKE = Family(
    name="lake",
    summary="cross a frozen lake whose four holes are hidden",
    source=Rules(start, step, observe, state=state_type([("x", np.int64), ("y", np.int64)])),
    space=VariantSpace(
        (
            Rule(
                "holes",
                Holes((0, 1), shape=(NUM_BETWEEN,)),
                unit="flag",
                meaning="1 for each cell between start and goal, row by row, that is a hole",
            ),
        )
    ),
    features=(
        Feature("column", SIZE, kind="flags", meaning="1 at the own column"),
        Feature("row", SIZE, kind="flags", meaning="1 at the own row"),
    ),
    actions=("up", "right", "down", "left"),
    max_steps=MAX_STEPS,
    num_episodes=5,
    ceiling=Ceiling(
        3.5456, (0.1664, 0.5363, 0.8587, 0.9841, 1.0), 5, "Bayes-optimal play, exact by dynamic programming"
    ),
)
"""Five crossings of the same lake."""
