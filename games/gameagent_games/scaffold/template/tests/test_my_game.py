"""The game keeps the contract, pays what its rules say, and is the same game whenever it is played again."""

import numpy as np
import pytest
from gameagent_games import Games, check_family
from numpy.typing import NDArray

from my_game.family import MY_GAME


def begin(pearls: str, seed: int = 0) -> Games:
    """A game at its start. With ``compiled=False``, a breakpoint in rules.py stops there."""
    variant = {
        "holds": ["left", "right", "right", "left", "left", "left", "left", "left"],
        "rows": 5,
    }
    games = MY_GAME.make_games(1, auto_start=False, compiled=False)
    games.reset(MY_GAME.space.records([variant]), np.array([seed]))
    assert games.states is not None
    for row, side in enumerate(pearls):
        games.states["pearls"][0, row] = "LR".index(side)
    return games


def play(games: Games, hops: str) -> list[float]:
    """The reward of each hop."""
    rewards = []
    for side in hops:
        games.step(np.array([["LR".index(side)]]))
        rewards.append(float(games.rewards[0, 0]))
    return rewards


def test_the_contract_is_kept() -> None:
    check_family(MY_GAME).raise_for_failures()


@pytest.mark.parametrize(
    ("hops", "rewards", "ended"),
    [
        ("L", [1.0], False),  # it holds
        ("R", [0.0], True),  # it sinks, and takes the pearl with it
        ("LRR", [1.0, 1.5, 1.5], False),  # with two pearls
        ("LRRLL", [1.0, 1.5, 1.5, 1.0, 1.0], True),  # on the far bank
    ],
)
def test_stones_pay(hops: str, rewards: list[float], ended: bool) -> None:
    games = begin(pearls="RRRRR")
    assert play(games, hops) == rewards
    assert games.terminated[0] == ended


def test_the_player_sees_how_far_it_has_come_and_the_next_pearl() -> None:
    games = begin(pearls="LRLLL")
    play(games, "L")
    row, pearl = np.split(games.observations[0, 0, :10], [8])
    assert row.tolist() == [0, 1, 0, 0, 0, 0, 0, 0]
    assert pearl.tolist() == [0, 1]


def test_seed_and_hops_make_the_game() -> None:
    def seen(seed: int) -> NDArray[np.float32]:
        games = begin(pearls="", seed=seed)
        sights = []
        for side in "LRRL":
            sights.append(games.observations.copy())
            play(games, side)
        return np.array(sights)

    assert np.array_equal(seen(1), seen(1))
    assert not np.array_equal(seen(1), seen(2))  # the pearls lie elsewhere
