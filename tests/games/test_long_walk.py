"""The long walk against dynamic programming over the posts that are left."""

from typing import Any

import numpy as np
import pytest

from belief_search import Outcome, play, search
from gameagent_games import Simulator
from gameagent_games.families.reference.long_walk import LONG_WALK

POSTS = (-40, -32, -24, -16, -8, 8, 16, 24, 32, 40)
FIRST = (0, POSTS)  # the own cell, the posts that may pay


def restart(known: Any) -> Any:
    return (0, known[1])


def outcomes(known: Any, action: int) -> list[Outcome]:
    x, posts = min(max(known[0] + action - 1, -40), 40), known[1]
    if x not in posts:
        return [Outcome(1.0, 0.0, (x, posts))]
    others = tuple(post for post in posts if post != x)
    found = Outcome(1.0 / len(posts), 1.0, (x, (x,)))
    return [found, Outcome(1.0 - found.chance, 0.0, (x, others))] if others else [found]


def test_the_ceiling_is_the_value_of_bayes_optimal_play_and_is_reached() -> None:
    found = search(FIRST, outcomes, restart, 3, LONG_WALK.max_steps, LONG_WALK.num_episodes)
    returns = play(LONG_WALK, found, FIRST, outcomes, restart)
    assert len(returns) == len(POSTS)
    assert returns.sum(axis=1).mean() == pytest.approx(found.value, abs=1e-9)
    assert LONG_WALK.ceiling is not None
    assert LONG_WALK.ceiling.episodes is not None
    assert LONG_WALK.ceiling.total == pytest.approx(found.value, abs=5e-4)
    assert returns.mean(axis=0) == pytest.approx(LONG_WALK.ceiling.episodes, abs=5e-4)


def test_the_best_search_sweeps_one_side_and_then_the_other() -> None:
    # The posts of the first side are reached after 8, 16 ... 40 steps, those of the other after 88 ... 120; each step
    # from the one that arrives pays. Known posts are 8 to 40 steps away.
    assert LONG_WALK.ceiling is not None
    assert LONG_WALK.ceiling.episodes is not None
    swept = [201 - arrival for arrival in (8, 16, 24, 32, 40, 88, 96, 104, 112, 120)]
    assert LONG_WALK.ceiling.episodes[0] == pytest.approx(np.mean(swept))
    assert LONG_WALK.ceiling.episodes[1] == pytest.approx(np.mean([201 - abs(post) for post in POSTS]))


def test_positions_by_hand() -> None:
    simulator = Simulator(LONG_WALK, 2, compiled=False)
    simulator.reset(LONG_WALK.space.records([{"post": 8}, {"post": -8}]), np.array([0, 1]))
    for _ in range(8):
        assert simulator.rewards.tolist() == [[0.0], [0.0]]
        simulator.step(np.array([[2], [2]]))
    assert simulator.rewards.tolist() == [[1.0], [0.0]]
    assert simulator.observations[:, 0].tolist() == [[np.float32(0.2), 1.0]] * 2  # both posts look alike
    simulator.step(np.array([[1], [0]]))
    assert simulator.rewards.tolist() == [[1.0], [0.0]]
    assert simulator.observations[1, 0].tolist() == [np.float32(0.175), 0.0]
    for _ in range(15):
        simulator.step(np.array([[1], [0]]))
    assert simulator.states["x"].tolist() == [8, -8]
    assert simulator.rewards.tolist() == [[1.0], [1.0]]
