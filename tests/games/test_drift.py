"""Drift: the Bayes filter against the sum over all hidden paths, and its play against the ceiling."""

# mypy: disable-error-code="no-any-return"

from itertools import product

import numpy as np
import pytest

from gameagent_games.families.reference.drift import DRIFT
from gameagent_games.games import Games
from reference_play import near, trial_returns

RATES = np.array([0.01, 0.03, 0.1])


class Filter:
    """Joint probability of rate and good arm ``(N, 3, 2)``, given what each pull has shown."""

    def __init__(self, num: int) -> None:
        self.joint = np.full((num, 3, 2), 1 / 6)

    def restart(self) -> None:
        self.joint[:] = self.joint.sum(axis=2, keepdims=True) / 2

    def take(self, shown: np.ndarray) -> None:
        """Updates on the arm that a pull spoke for, ``(N,)``: the one pulled if it paid, else the other."""
        self.joint *= np.where(np.arange(2) == shown[:, None], 0.75, 0.25)[:, None, :]
        self.joint /= self.joint.sum(axis=(1, 2), keepdims=True)
        self.joint += RATES[:, None] * (self.joint[:, :, ::-1] - self.joint)

    @property
    def likely(self) -> np.ndarray:
        return (self.joint[:, :, 1].sum(axis=1) > 0.5).astype(np.int64)

    @property
    def chance_to_win(self) -> np.ndarray:
        return 0.25 + 0.5 * self.joint.sum(axis=1).max(axis=1)


def by_paths(shown: list[int], step_of_restart: int) -> np.ndarray:
    """Joint probability of rate and good arm ``(3, 2)`` after some pulls: the sum over all that may have happened."""
    joint, num = np.zeros((3, 2)), len(shown)
    for index, rate in enumerate(RATES):
        for path in product((0, 1), repeat=num + 1):
            chance = 0.5
            for step in range(num):
                chance *= 0.75 if path[step] == shown[step] else 0.25
                restarts = step + 1 == step_of_restart
                chance *= 0.5 if restarts else rate if path[step] != path[step + 1] else 1 - rate
            joint[index, path[-1]] += chance / 3
    return joint / joint.sum()


def test_the_filter_is_bayes_rule() -> None:
    shown, restart = [0, 1, 1, 0, 1, 1, 1], 4
    filtered = Filter(1)
    for step, arm in enumerate(shown):
        if step == restart:
            filtered.restart()
        filtered.take(np.array([arm]))
    assert filtered.joint[0] == pytest.approx(by_paths(shown, restart), abs=1e-12)


def test_the_filter_earns_the_ceiling_in_a_model_of_the_game() -> None:
    num, generator = 40_000, np.random.default_rng(0)
    filtered, totals = Filter(num), np.zeros((num, 2))
    rates = RATES[generator.integers(0, 3, num)]
    for episode in range(2):
        filtered.restart()
        good = generator.integers(0, 2, num)
        for _ in range(50):
            totals[:, episode] += filtered.chance_to_win
            filtered.take(np.where(generator.random(num) < 0.75, good, 1 - good))
            good = np.where(generator.random(num) < rates, 1 - good, good)
    assert DRIFT.ceiling is not None
    assert DRIFT.ceiling.episodes is not None
    assert near(totals.sum(axis=1), DRIFT.ceiling.total)
    assert all(near(totals[:, episode], DRIFT.ceiling.episodes[episode]) for episode in range(2))


def test_players_earn_what_the_text_says() -> None:
    num = 12_000
    records = DRIFT.space.sample(num, 3, "all")
    filtered, last = Filter(num), np.zeros(num, np.int64)

    def bayes(games: Games) -> np.ndarray:
        if games.episodes[0] or games.steps[0]:
            filtered.take(np.where(games.rewards[:, 0] > 0, last, 1 - last))
        if games.steps[0] == 0:
            filtered.restart()
        last[:] = filtered.likely
        return last[:, None].copy()

    def stay_if_it_paid(games: Games) -> np.ndarray:
        last[:] = np.where(games.rewards[:, 0] > 0, last, 1 - last)
        return last[:, None].copy()

    assert DRIFT.ceiling is not None
    assert near(trial_returns(DRIFT, records, bayes).sum(axis=1), DRIFT.ceiling.total)
    assert near(trial_returns(DRIFT, records, stay_if_it_paid).sum(axis=1), 61.11)
    assert near(trial_returns(DRIFT, records, lambda games: np.zeros((num, 1), np.int64)).sum(axis=1), 50.0)


def test_arms_change_places_at_the_rate_of_the_variant() -> None:
    for rate in RATES:
        games = DRIFT.make_games(4000)
        games.reset(DRIFT.space.records([{"rate": rate}] * 4000), np.arange(4000))
        assert games.states is not None
        changes, before = np.zeros(4000), games.states["good"].copy()
        assert abs(before.mean() - 0.5) < 0.04
        for _ in range(49):
            games.step(np.zeros((4000, 1), np.int64))
            changes += games.states["good"] != before
            before[:] = games.states["good"]
        assert near(changes, 49 * rate)


def test_the_good_arm_pays_three_times_in_four() -> None:
    games = DRIFT.make_games(20_000)
    games.reset(DRIFT.space.sample(20_000, 0, "all"), np.arange(20_000))
    assert games.states is not None
    good = games.states["good"].copy()
    games.step(np.zeros((20_000, 1), np.int64))
    assert near(games.rewards[good == 0, 0], 0.75)
    assert near(games.rewards[good == 1, 0], 0.25)
