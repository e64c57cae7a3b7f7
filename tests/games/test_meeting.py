"""The meeting against dynamic programming for both players at once.

What a player sees is its own place and the common pay. As play is deterministic, who knows the convention knows where
the other stands, so two players that cannot see each other can do as well as one who moves both.
"""

from typing import Any

import numpy as np
import pytest

from belief_search import Outcome, play, search
from gameagent_games import Simulator
from gameagent_games.families.reference.meeting import MEETING

FIRST = (0, 4, (0, 1, 2, 3, 4))  # where the two stand, where the meeting place may be


def restart(known: Any) -> Any:
    return (0, 4, known[2])


def outcomes(known: Any, action: int) -> list[Outcome]:
    left, right, possible = known
    left = min(max(left + action // 3 - 1, 0), 4)
    right = min(max(right + action % 3 - 1, 0), 4)
    if left != right or left not in possible:
        return [Outcome(1.0, 0.0, (left, right, possible))]
    others = tuple(place for place in possible if place != left)
    met = Outcome(1.0 / len(possible), 1.0, (left, right, (left,)))
    return [met, Outcome(1.0 - met.chance, 0.0, (left, right, others))] if others else [met]


def test_the_ceiling_is_the_value_of_the_best_convention_and_is_reached() -> None:
    found = search(FIRST, outcomes, restart, 9, MEETING.max_steps, MEETING.num_episodes)
    returns = play(MEETING, found, FIRST, outcomes, restart, lambda action: [action // 3, action % 3])
    assert len(returns) == 5
    assert returns.sum(axis=1).mean() == pytest.approx(found.value, abs=1e-9)
    assert MEETING.ceiling is not None
    assert MEETING.ceiling.episodes is not None
    assert MEETING.ceiling.total == pytest.approx(found.value, abs=5e-4)
    assert returns.mean(axis=0) == pytest.approx(MEETING.ceiling.episodes, abs=5e-4)


def test_the_way_to_a_known_place() -> None:
    # The farther of the two needs 2 steps to the middle, 3 beside it and 4 to an end, and the last of them pays.
    assert MEETING.ceiling is not None
    assert MEETING.ceiling.episodes is not None
    assert MEETING.ceiling.episodes[2] == pytest.approx(np.mean([12 - max(m, 4 - m) + 1 for m in range(5)]))


def test_both_are_paid_only_where_both_stand() -> None:
    simulator = Simulator(MEETING, 1, compiled=False)
    simulator.reset(MEETING.space.records([{"meeting_place": 1}]), np.array([0]))
    paid = []
    for actions in ((2, 0), (1, 0), (1, 0), (1, 1), (0, 0), (0, 2)):
        simulator.step(np.array([actions]))
        paid.append((simulator.states["place"][0].tolist(), simulator.rewards[0].tolist()))
    nothing, pay = [0.0, 0.0], [1.0, 1.0]
    assert paid == [
        ([1, 3], nothing), ([1, 2], nothing), ([1, 1], pay), ([1, 1], pay), ([0, 0], nothing), ([0, 1], nothing),
    ]  # fmt: skip
    assert simulator.observations[0].tolist() == [[1, 0, 0, 0, 0, 0], [0, 1, 0, 0, 0, 1]]
