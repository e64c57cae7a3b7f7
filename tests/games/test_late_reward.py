"""Late reward: a year by hand, and its ceiling by dynamic programming and by play over all variants."""

from itertools import product

import numpy as np
import pytest

from gameagent_games.families.reference.late_reward import LATE_REWARD, SELL, SURVEY
from gameagent_games.games import Games
from reference_play import near, played, trial_returns

VARIANTS = LATE_REWARD.space.records([{"grows": list(grows)} for grows in product(range(4), repeat=5)])


def best(years: int, known: bool, may_survey: bool) -> float:
    """Value of Bayes-optimal play with so many years left, where this year's seed is known or not."""
    if years == 0:
        return 0.0
    sold = 0.25 + best(years - 1, False, may_survey)
    surveyed = best(years - 1, True, may_survey) if may_survey else 0.0
    return (1.0 if known else 0.25) + max(sold, surveyed)


def test_two_years_by_hand() -> None:
    wait = 0
    actions = [2, SURVEY, *[wait] * 30, 1, SELL, *[SURVEY] * 30, 3]
    seen = played(LATE_REWARD, {"grows": [2, 1, 0, 3, 3]}, actions)
    assert [reward for reward, _ in seen] == [1.0, *[0.0] * 31, 1.0, 0.25, *[0.0] * 30, 0.0]
    assert [seen[day][1] for day in (0, 1, 2, 30, 31, 32, 33)] == [
        [1 / 32, 1, 0], [2 / 32, 2, 2], [3 / 32, 2, 2], [31 / 32, 2, 2], [0, 0, 0], [1 / 32, 1, 0], [2 / 32, 2, 0],
    ]  # fmt: skip


def test_the_ceiling_is_that_of_bayes_optimal_play() -> None:
    assert LATE_REWARD.ceiling is not None
    assert best(5, known=False, may_survey=True) == pytest.approx(LATE_REWARD.ceiling.total)
    assert best(5, known=False, may_survey=False) == pytest.approx(2.5)


def test_players_earn_what_the_text_says() -> None:
    """Over all 1,024 variants, so exactly."""
    told = np.zeros((len(VARIANTS), 1), np.int64)

    def survey(games: Games) -> np.ndarray:
        phase, sign = games.observations[:, :, 1], games.observations[:, :, 2]
        told[sign > 0] = sign[sign > 0] - 1
        chosen = SELL if games.episodes[0] == 4 else SURVEY
        return np.where(phase == 0, told, chosen)

    def take_the_bait(games: Games) -> np.ndarray:
        return np.where(games.observations[:, :, 1] == 0, 0, SELL)

    assert LATE_REWARD.ceiling is not None
    assert trial_returns(LATE_REWARD, VARIANTS, survey).mean(axis=0) == pytest.approx(LATE_REWARD.ceiling.episodes)
    assert trial_returns(LATE_REWARD, VARIANTS, take_the_bait).mean(axis=0) == pytest.approx([0.5] * 5)
    generator = np.random.default_rng(0)
    random = trial_returns(LATE_REWARD, VARIANTS, lambda games: generator.integers(0, 6, (len(VARIANTS), 1)))
    assert near(random.sum(axis=1), 5 * (1 / 6 + 1 / 24))
