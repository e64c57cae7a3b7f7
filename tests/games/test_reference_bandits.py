"""The bandit of 100 pulls: its ceiling between what the Gittins index earns and what no player can."""

import numpy as np
import pytest

from gameagent_games.families.reference.bandits import BANDIT_10_100
from gameagent_games.games import Games
from reference_play import near, trial_returns

TAXES = np.linspace(0.3, 0.999, 350)  # per pull


def one_arm(tax: float, pulls: int) -> np.ndarray:
    """Gain of an arm whose every pull is taxed, and that may be left at any time, if it is pulled once more.

    Returns:
        float64 ``(pulls + 1, wins, losses)`` by pulls left; an arm with a gain below 0 is best left.
    """
    wins, losses = np.arange(pulls + 1)[:, None], np.arange(pulls + 1)
    chance = (wins + 1) / (wins + losses + 2)  # Beta(1, 1) prior
    gains, kept = np.full((pulls + 1, pulls + 1, pulls + 1), -np.inf), np.zeros((pulls + 2, pulls + 2))
    for left in range(1, pulls + 1):
        gains[left] = chance - tax + chance * kept[1:, :-1] + (1 - chance) * kept[:-1, 1:]
        kept[:-1, :-1] = np.maximum(gains[left], 0.0)
    return gains


def gittins_indices(pulls: int) -> np.ndarray:
    """Index of an arm by pulls left, wins and losses: the highest tax at which it is still pulled."""
    indices = np.zeros((pulls + 1, pulls + 1, pulls + 1), np.float32)
    for tax in TAXES:
        indices[one_arm(tax, pulls) > 0] = tax
    return indices


def test_a_taxed_arm_by_hand() -> None:
    # Two pulls left: 1/2, and after a win 2/3 once more. Worth a tax of 5/9: (1/2 + 1/3) / (3/2).
    assert one_arm(5 / 9, 2)[2, 0, 0] == pytest.approx(0.0)
    assert one_arm(0.5, 1)[1, 0, 0] == pytest.approx(0.0)


def test_no_player_earns_more_than_those_who_may_pull_all_arms_for_a_tax() -> None:
    """Lagrange: pulling one arm at a time is replaced by a tax, which is given back for 100 pulls."""
    bound = min(100 * tax + 10 * max(one_arm(tax, 100)[100, 0, 0], 0.0) for tax in np.linspace(0.8, 0.9, 41))
    assert BANDIT_10_100.ceiling is not None
    assert BANDIT_10_100.ceiling.total <= bound < 87.0  # those who know the arms earn 1000 / 11 = 90.9


@pytest.mark.slow
def test_the_gittins_index_earns_the_ceiling() -> None:
    num, generator, index = 12_000, np.random.default_rng(0), np.arange(12_000)
    indices, counts, last = gittins_indices(100), np.zeros((num, 10, 2), np.int64), np.zeros(num, np.int64)

    def choose(games: Games) -> np.ndarray:
        if games.episodes[0]:
            counts[index, last, np.where(games.rewards[:, 0] > 0, 0, 1)] += 1
        now = indices[100 - games.episodes[0]][counts[:, :, 0], counts[:, :, 1]]
        last[:] = (now + 1e-4 * generator.random(now.shape)).argmax(axis=1)
        return last[:, None].copy()

    assert BANDIT_10_100.ceiling is not None
    totals = trial_returns(BANDIT_10_100, BANDIT_10_100.space.sample(num, 5, "all"), choose).sum(axis=1)
    assert near(totals, BANDIT_10_100.ceiling.total, 0.05)
