"""The costly hint: hand-made plays, and its ceilings by dynamic programming over what doors may hide."""

from functools import cache

import numpy as np
import pytest

from gameagent_games.families.reference.costly_hint import BASKET, COSTLY_HINT, WALK
from gameagent_games.games import Games
from reference_play import near, played, trial_returns


@cache
def best(doors: int, episodes: int, may_ask: bool) -> float:
    """Value of Bayes-optimal play with so many doors that may hide the prize, equally likely, and episodes left."""
    if episodes == 0:
        return 0.0
    found = 1 / doors
    missed = -1.0 + best(doors - 1, episodes - 1, may_ask) if doors > 1 else 0.0
    opened = found * 3.0 * episodes + (1 - found) * missed
    asked = -1.0 + 3.0 * (episodes - 1) if may_ask else -np.inf
    return max(opened, 1.0 + best(doors, episodes - 1, may_ask), asked)


def test_a_walk_by_hand() -> None:
    actions = [WALK, 5, WALK, WALK, BASKET, WALK, 2, 5, 5, 2, BASKET]
    seen = played(COSTLY_HINT, {"prize": 5}, actions)
    cost = -0.125
    assert seen == [
        (cost, [1, 0]), (cost, [1, 0]), (cost, [2, 0]), (cost, [3, 6]), (cost, [3, 6]), (cost, [3, 6]), (cost, [3, 6]),
        (cost, [0, 0]), (3.0, [0, 0]), (-1.0, [0, 0]), (1.0, [0, 0]),
    ]  # fmt: skip


def test_the_ceiling_is_that_of_bayes_optimal_play() -> None:
    assert COSTLY_HINT.ceiling is not None
    assert best(8, 8, may_ask=True) == pytest.approx(COSTLY_HINT.ceiling.total)
    assert best(8, 8, may_ask=False) == pytest.approx(10.0)


def test_players_earn_what_the_text_says() -> None:
    records = COSTLY_HINT.space.records([{"prize": prize} for prize in range(8)] * 500)
    generator, told = np.random.default_rng(0), np.zeros((len(records), 1), np.int64)

    def ask_first(games: Games) -> np.ndarray:
        told[games.observations[:, :, 1] > 0] = games.observations[games.observations[:, :, 1] > 0][:, 1] - 1
        return np.where(games.episodes[:, None] == 0, WALK, told)

    def ask_never(games: Games) -> np.ndarray:
        tried: np.ndarray = np.minimum(games.episodes, records["prize"])
        return tried[:, None]

    assert COSTLY_HINT.ceiling is not None
    assert trial_returns(COSTLY_HINT, records, ask_first).mean(axis=0) == pytest.approx(COSTLY_HINT.ceiling.episodes)
    assert trial_returns(COSTLY_HINT, records, ask_never).sum(axis=1).mean() == pytest.approx(10.0)
    random = trial_returns(COSTLY_HINT, records, lambda games: generator.integers(0, 10, (len(records), 1)))
    assert near(random.sum(axis=1), 8 * (0.1 * 3 - 0.7 + 0.1 - 0.1))
