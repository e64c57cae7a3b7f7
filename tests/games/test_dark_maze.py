"""The dark maze against dynamic programming over what can be known of its walls, and walks by hand."""

from functools import cache
from itertools import product
from typing import Any

import numpy as np
import pytest

from belief_search import Outcome, play, search
from gameagent_games import Simulator
from gameagent_games.families.reference.dark_maze import DARK_MAZE

Cell = tuple[int, int]
UP, RIGHT, DOWN, LEFT = range(4)
MOVES = ((0, 1), (1, 0), (0, -1), (-1, 0))
GOALS = ((0, 0), (1, 0), (0, 1))
UNKNOWN, NORTH, EAST = range(3)
FIRST = ((3, 3), (UNKNOWN,) * 9, GOALS)  # the own cell, the open side of each cell, where the goal may be


def restart(known: Any) -> Any:
    return ((3, 3), *known[1:])


def outcomes(known: Any, action: int) -> list[Outcome]:
    (x, y), sides, goals = known
    there = (x + MOVES[action][0], y + MOVES[action][1])
    if not (0 <= there[0] < 4 and 0 <= there[1] < 4):
        return [Outcome(1.0, -0.06, known)]
    lower = min((x, y), there)  # of the two cells, the one whose open side may be the way between them
    needed = NORTH if x == there[0] else EAST
    if lower[0] == 3 or lower[1] == 3:  # the outer corridor is always open
        return arrivals(1.0, there, sides, goals)
    number = lower[1] * 3 + lower[0]
    found = []
    for side in (NORTH, EAST) if sides[number] == UNKNOWN else (sides[number],):
        chance = 0.5 if sides[number] == UNKNOWN else 1.0
        after = (*sides[:number], side, *sides[number + 1 :])
        bump = [Outcome(chance, -0.06, ((x, y), after, goals))]
        found += arrivals(chance, there, after, goals) if side == needed else bump
    return found


def arrivals(chance: float, there: Cell, sides: tuple[int, ...], goals: tuple[Cell, ...]) -> list[Outcome]:
    if there not in goals:
        return [Outcome(chance, -0.04, (there, sides, goals))]
    share, others = 1.0 / len(goals), tuple(goal for goal in goals if goal != there)
    found = [Outcome(chance * share, 0.96, (there, sides, (there,)), ended=True)]
    return found + ([Outcome(chance * (1.0 - share), -0.04, (there, sides, others))] if others else [])


@cache
def best_returns() -> tuple[float, np.ndarray]:
    found = search(FIRST, outcomes, restart, 4, DARK_MAZE.max_steps, DARK_MAZE.num_episodes)
    return found.value, play(DARK_MAZE, found, FIRST, outcomes, restart)


@pytest.mark.slow
def test_the_ceiling_is_the_value_of_bayes_optimal_play_and_is_reached() -> None:
    value, returns = best_returns()
    assert len(returns) == 3 * 2**9
    assert returns.sum(axis=1).mean() == pytest.approx(value, abs=1e-9)
    assert DARK_MAZE.ceiling is not None
    assert DARK_MAZE.ceiling.episodes is not None
    assert DARK_MAZE.ceiling.total == pytest.approx(value, abs=5e-4)
    assert returns.mean(axis=0) == pytest.approx(DARK_MAZE.ceiling.episodes, abs=5e-4)


@pytest.mark.slow
def test_held_out_mazes_are_as_hard_as_all() -> None:
    value, returns = best_returns()
    assert DARK_MAZE.space.holds_out
    every = records([(sides, goal) for sides in product((0, 1), repeat=9) for goal in GOALS])
    test = DARK_MAZE.space.split_of(every) == "test"
    assert abs(returns[test].sum(axis=1).mean() - value) < 0.03 * value


def records(mazes: list[tuple[tuple[int, ...], Cell]]) -> np.ndarray:
    return DARK_MAZE.space.records([{"opens_north": list(sides), "goal": f"{x},{y}"} for sides, (x, y) in mazes])


def test_walks_by_hand() -> None:
    # All sides to the north: the only way down a column is from the top row.
    simulator = Simulator(DARK_MAZE, 1, compiled=False)
    simulator.reset(records([((1,) * 9, (1, 0))]), np.array([0]))
    walked = []
    for action in (RIGHT, DOWN, LEFT, UP, LEFT, LEFT, DOWN, RIGHT, DOWN, DOWN):
        simulator.step(np.array([[action]]))
        walked.append((int(simulator.states["x"][0]), int(simulator.states["y"][0]), float(simulator.rewards[0, 0])))
    bump, walk = -0.06, -0.04
    assert walked[:9] == [
        (3, 3, bump), (3, 2, walk), (3, 2, bump), (3, 3, walk), (2, 3, walk), (1, 3, walk), (1, 2, walk),
        (1, 2, bump), (1, 1, walk),
    ]  # fmt: skip
    assert simulator.terminated[0]
    assert walked[9][:2] == (3, 3)  # and the next episode has started
    assert walked[9][2] == pytest.approx(0.96)
    assert simulator.observations[0, 0].tolist() == [0, 0, 0, 1, 0, 0, 0, 1]


def test_a_cell_open_to_the_east_is_entered_from_there() -> None:
    sides = [1] * 9
    sides[2] = 0  # cell (2, 0)
    simulator = Simulator(DARK_MAZE, 1, compiled=False)
    simulator.reset(records([(tuple(sides), (0, 0))]), np.array([0]))
    for action in (DOWN, DOWN, DOWN, LEFT, UP, LEFT, RIGHT):
        simulator.step(np.array([[action]]))
    assert (simulator.states["x"][0], simulator.states["y"][0]) == (3, 0)  # up and left of (2, 0) are walls
