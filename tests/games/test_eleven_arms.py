"""Eleven arms: hand-made pulls, and both ceilings by dynamic programming over what may still be the target."""

from functools import cache

import numpy as np
import pytest

from gameagent_games.families.reference.eleven_arms import ASK, ELEVEN_ARMS
from gameagent_games.games import Games
from reference_play import near, played, trial_returns


@cache
def best(candidates: int, pulls: int, may_ask: bool) -> float:
    """Value of Bayes-optimal play with so many arms that may be the target, equally likely, and pulls left."""
    if pulls == 0:
        return 0.0
    known = 5.0 * (pulls - 1)
    found = 1 / candidates
    tried = found * (5.0 + known) + ((1 - found) * (1.1 + best(candidates - 1, pulls - 1, may_ask)) if found < 1 else 0)
    avoided = 1.1 + best(candidates, pulls - 1, may_ask) if candidates < 10 else 0.0  # an arm known to be none
    return max(tried, avoided, 0.55 + known if may_ask else 0.0)


def test_pulls_by_hand() -> None:
    rewards = [reward for reward, _ in played(ELEVEN_ARMS, {"target": 3}, [0, 3, ASK, 9, 3])]
    assert rewards == pytest.approx([1.1, 5.0, 0.4, 1.1, 5.0])
    assert played(ELEVEN_ARMS, {"target": 0}, [ASK])[0][0] == pytest.approx(0.1)
    assert played(ELEVEN_ARMS, {"target": 9}, [ASK])[0][0] == pytest.approx(1.0)


def test_the_ceiling_is_that_of_bayes_optimal_play() -> None:
    assert ELEVEN_ARMS.ceiling is not None
    assert best(10, 5, may_ask=True) == pytest.approx(ELEVEN_ARMS.ceiling.total)
    assert best(10, 5, may_ask=False) == pytest.approx(11.35)


def test_players_earn_what_the_text_says() -> None:
    records = ELEVEN_ARMS.space.records([{"target": target} for target in range(10)] * 400)
    generator, told = np.random.default_rng(0), np.full((len(records), 1), ASK)

    def ask_first(games: Games) -> np.ndarray:
        if games.episodes[0] == 1:
            told[:] = np.round(10 * games.rewards) - 1
        return told

    def ask_never(games: Games) -> np.ndarray:
        tried: np.ndarray = np.minimum(games.episodes, records["target"])
        return tried[:, None]

    def random(games: Games) -> np.ndarray:
        return generator.integers(0, 11, (len(records), 1))

    assert ELEVEN_ARMS.ceiling is not None
    assert trial_returns(ELEVEN_ARMS, records, ask_first).mean(axis=0) == pytest.approx(ELEVEN_ARMS.ceiling.episodes)
    assert trial_returns(ELEVEN_ARMS, records, ask_never).sum(axis=1).mean() == pytest.approx(11.35)
    assert near(trial_returns(ELEVEN_ARMS, records, random).sum(axis=1), 7.02)
