"""The vault: doors by hand, and what players earn by the Markov chain of doors."""

import numpy as np
import pytest

from gameagent_games.families.reference.vault import KEYS, MAX_DOORS, MAX_STEPS, NUM_KEYS, VAULT
from gameagent_games.games import Games
from reference_play import near, played, trial_returns


def chance_to_open(num_doors: int) -> float:
    """That random keys open so many doors in a row within an episode."""
    chances = np.zeros(num_doors + 1)
    chances[0] = 1.0
    for _ in range(MAX_STEPS):
        after = np.zeros_like(chances)
        after[1:] = chances[:-1] / NUM_KEYS
        after[0] = chances[:-1].sum() * (1 - 1 / NUM_KEYS)
        after[-1] += chances[-1]
        chances = after
    return float(chances[-1])


def reference_trials(num_known: int) -> np.ndarray:
    """Returns of vaults of every number of doors, both ways round, to a player who knows so many doors."""
    variants = [{"doors": doors, "reversed": way, "pay": 1.5} for doors in range(1, MAX_DOORS + 1) for way in (0, 1)]
    records = VAULT.space.records([variant | {"reversed": bool(variant["reversed"])} for variant in variants])
    ways, before = np.zeros(len(records), bool), np.full(len(records), -1)

    def choose(games: Games) -> np.ndarray:
        doors = games.observations[:, 0, :MAX_DOORS].argmax(axis=1)
        ways[(before == 0) & (doors == 0) & (games.rewards[:, 0] == 0)] = True  # the first door has refused its key
        before[:] = doors
        keys = np.where(doors < num_known, np.array(KEYS)[doors], 0)
        return np.asarray(np.where(ways, NUM_KEYS - 1 - keys, keys)[:, None])

    return trial_returns(VAULT, records, choose)


def test_doors_by_hand() -> None:
    three = {"doors": 3, "reversed": False, "pay": 0.75}
    wrong = (KEYS[1] + 1) % NUM_KEYS
    seen = played(VAULT, three, [KEYS[0], wrong, *KEYS[:3], KEYS[0]])
    assert [reward for reward, _ in seen] == [0.0, 0.0, 0.0, 0.0, 0.75, 0.0]
    assert [row[:MAX_DOORS].index(1.0) for _, row in seen] == [1, 0, 1, 2, 0, 1]  # paid, and the next episode
    assert [sum(row[:MAX_DOORS]) for _, row in seen] == [1.0] * 6
    assert played(VAULT, three | {"reversed": True}, [NUM_KEYS - 1 - key for key in KEYS[:3]])[-1][0] == 0.75


def test_who_knows_the_keys_opens_every_vault() -> None:
    assert VAULT.ceiling is not None
    assert (reference_trials(MAX_DOORS) == 1.5).all()
    assert VAULT.ceiling.episodes == pytest.approx((reference_trials(MAX_DOORS) / 1.5).mean(axis=0))
    assert VAULT.space.sample(200_000, 0, "test")["pay"].mean() == pytest.approx(1.0, abs=0.01)


def test_who_knows_some_doors_opens_the_vaults_of_so_many() -> None:
    opened = reference_trials(7).reshape(MAX_DOORS, -1) > 0
    assert opened[:7].all() and not opened[8:].any()


def test_random_play_earns_what_the_text_says() -> None:
    chances = [chance_to_open(num_doors) for num_doors in range(1, MAX_DOORS + 1)]
    assert chances[0] == pytest.approx(1 - (1 - 1 / NUM_KEYS) ** MAX_STEPS)
    assert [chances[doors - 1] for doors in (2, 4, 6)] == pytest.approx([0.43, 0.008, 1e-4], rel=0.2)
    expected = 2 * float(np.mean(chances))
    assert expected == pytest.approx(0.124, abs=0.0005)
    records, generator = VAULT.space.sample(6000, 1, "all"), np.random.default_rng(0)

    def random(games: Games) -> np.ndarray:
        return generator.integers(0, NUM_KEYS, (len(records), 1))

    assert near(trial_returns(VAULT, records, random).sum(axis=1), expected)
