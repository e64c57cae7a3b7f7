"""The bandit against exact dynamic programming and the known figures of hand-made players."""

# mypy: disable-error-code="no-any-return"

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest

from gameagent_games import Simulator
from gameagent_games.families.bandit.family import BANDIT, BAYES_OPTIMAL, make_bandit

Arms = tuple[tuple[int, int], ...]  # wins and losses of every arm


@cache
def best(arms: Arms, pulls_left: int) -> tuple[float, int]:
    """Value of Bayes-optimal play from here on, and the arm to pull. ``arms`` is sorted: arms are alike."""
    if pulls_left == 0:
        return 0.0, 0
    values = []
    for arm, (wins, losses) in enumerate(arms):
        if arm > 0 and arms[arm - 1] == (wins, losses):
            values.append(-1.0)
            continue
        chance = (wins + 1) / (wins + losses + 2)  # Beta(1, 1) prior
        won, lost = (
            sorted((*arms[:arm], after, *arms[arm + 1 :])) for after in ((wins + 1, losses), (wins, losses + 1))
        )
        value_won, value_lost = best(tuple(won), pulls_left - 1)[0], best(tuple(lost), pulls_left - 1)[0]
        values.append(chance * (1 + value_won) + (1 - chance) * value_lost)
    return max(values), int(np.argmax(values))


def play(num_games: int, choose: Callable[[np.ndarray, int], np.ndarray]) -> np.ndarray:
    """Total reward of each of ``num_games`` trials; ``choose`` sees wins and losses ``(num_games, arms, 2)``."""
    simulator = Simulator(BANDIT, num_games)
    simulator.reset(BANDIT.space.sample(num_games, 5, "all"), np.arange(num_games))
    counts, total = np.zeros((num_games, 5, 2), np.int64), np.zeros(num_games)
    for pull in range(10):
        arms = choose(counts, 10 - pull)
        simulator.step(arms[:, None])
        assert simulator.terminated.all()
        counts[np.arange(num_games), arms, np.where(simulator.rewards[:, 0] > 0, 0, 1)] += 1
        total += simulator.rewards[:, 0]
    assert simulator.finished.all()
    return total


def near(totals: np.ndarray, expected: float, rounding: float = 0.005) -> bool:
    return bool(abs(totals.mean() - expected) < 4 * totals.std() / np.sqrt(len(totals)) + rounding)


def test_two_arms_and_two_pulls_by_hand() -> None:
    # First pull 1/2; after a win stay, 2/3; after a loss the other arm, 1/2.
    assert best(((0, 0), (0, 0)), 2)[0] == pytest.approx(0.5 + 0.5 * 2 / 3 + 0.5 * 1 / 2)


def test_the_ceiling_is_the_value_of_bayes_optimal_play() -> None:
    assert best(((0, 0),) * 5, 10)[0] == pytest.approx(BAYES_OPTIMAL[5, 10], abs=5e-4)
    assert BANDIT.ceiling is not None
    assert BANDIT.ceiling.total == BAYES_OPTIMAL[5, 10]


def test_bayes_optimal_play_reaches_the_ceiling() -> None:
    def choose(counts: np.ndarray, pulls_left: int) -> np.ndarray:
        chosen = []
        for arms in counts.tolist():
            order = sorted(range(5), key=lambda arm: arms[arm])
            chosen.append(order[best(tuple(tuple(arms[arm]) for arm in order), pulls_left)[1]])
        return np.array(chosen)

    assert near(play(6000, choose), 6.660)


def test_the_bayes_greedy_player_earns_what_is_known() -> None:
    generator = np.random.default_rng(0)

    def choose(counts: np.ndarray, pulls_left: int) -> np.ndarray:
        mean = (counts[:, :, 0] + 1) / (counts.sum(axis=2) + 2)
        return np.argmax(mean + 1e-9 * generator.random(mean.shape), axis=1)

    assert near(play(60_000, choose), 6.63)


def test_random_play_wins_half_the_time() -> None:
    generator = np.random.default_rng(0)
    assert near(play(60_000, lambda counts, _: generator.integers(0, 5, len(counts))), 5.0)


def test_certain_arms() -> None:
    bandit = make_bandit(num_arms=3, num_pulls=4)
    simulator = Simulator(bandit, 2, compiled=False)
    simulator.reset(bandit.space.records([{"win_probability": [0, 1, 0]}] * 2), np.array([1, 2]))
    won = []
    for arm in (0, 1, 2, 1):
        simulator.step(np.array([[arm], [1]]))
        won.append(simulator.rewards[:, 0].tolist())
    assert won == [[0, 1], [1, 1], [0, 1], [1, 1]]
    assert simulator.finished.all()
