"""PettingZoo's environments as a source of games: one seat among others, or all seats."""

from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gameagent_games.errors import FamilyError
from gameagent_games.games import Games
from small_environments import family_of

BIDDING = """
game = "small_multiagent:bidding"
episodes = 2
[rules.prize]
choice = [3, 5]
[rules.bid]
choice = [0, 1, 2]
[environment]
workers = 0
seat = "{seat}"
others = "{others}"
[environment.reach]
bid = "others"
"""
NIM = """
game = "small_multiagent:nim"
episodes = 2
[rules.stones]
integers = [4, 6]
[environment]
workers = 0
max_steps = 6
{more}
"""


def begun(folder: Path, text: str, **rules: Any) -> Games:
    games = family_of(folder, text).make_games(1)
    games.reset(games.family.space.records([rules]), np.array([3]))
    return games


def rewards_of(games: Games, actions: list[int]) -> list[float]:
    found = []
    for action in actions:
        games.step(np.array([[action]]))
        found.append(float(games.rewards[0, 0]))
    return found


def test_the_others_are_played_by_a_function_that_knows_the_rules(tmp_path: Path) -> None:
    text = BIDDING.format(seat="ann", others="small_multiagent:always")
    with closing(begun(tmp_path, text, prize=5, bid=1)) as games:
        assert rewards_of(games, [2, 1, 0]) == [3.0, 0.0, 0.0]
        assert games.episodes[0] == 1
        assert rewards_of(games, [2, 2, 2]) == [3.0, 3.0, 3.0]
        assert games.finished[0]


def test_a_class_plays_a_whole_trial_and_the_seat_is_chosen(tmp_path: Path) -> None:
    text = BIDDING.format(seat="bob", others="small_multiagent:Copycat")
    with closing(begun(tmp_path, text, prize=3, bid=2)) as games:
        # ann bids 2 first, then what stands first in "last": her own bid of the round before
        assert rewards_of(games, [1, 2, 0]) == [0.0, 0.0, 0.0]
        assert games.episodes[0] == 1


def test_random_others_follow_the_seed(tmp_path: Path) -> None:
    text = BIDDING.format(seat="ann", others="random")
    with pytest.raises(FamilyError, match="bid"):  # nobody takes that rule
        family_of(tmp_path, text)
    text = text.replace('[environment.reach]\nbid = "others"\n', "").replace("[rules.bid]\nchoice = [0, 1, 2]\n", "")
    seen = []
    for _ in range(2):
        with closing(begun(tmp_path, text, prize=3)) as games:
            seen.append(rewards_of(games, [1] * 6))
    assert seen[0] == seen[1]
    assert len(set(seen[0])) > 1


def test_the_agent_plays_every_seat_at_once(tmp_path: Path) -> None:
    text = (
        'game = "small_multiagent:bidding"\n[rules.prize]\nchoice = [3, 5]\n'
        '[environment]\nworkers = 0\nothers = "self"\nkeywords = { leaves = true }\n'
    )
    family = family_of(tmp_path, text)
    assert family.seat_names == ("ann", "bob")
    with closing(family.make_games(1)) as games:
        games.reset(family.space.records([{"prize": 5}]), np.array([0]))
        games.step(np.array([[1, 2]]))
        assert games.rewards[0].tolist() == [0.0, 3.0]
        assert games.acting[0].tolist() == [True, False]  # bob has left
        games.step(np.array([[1, 2]]))
        assert games.rewards[0].tolist() == [4.0, 0.0]
        games.step(np.array([[1, 2]]))
        assert games.terminated[0]
        assert games.acting[0].tolist() == [True, True]  # the next episode


def test_turns_are_taken_by_every_seat(tmp_path: Path) -> None:
    with closing(begun(tmp_path, NIM.format(more='others = "self"'), stones=4)) as games:
        assert games.acting[0].tolist() == [True, False]
        games.step(np.array([[1, 0]]))  # a takes two of four
        assert games.acting[0].tolist() == [False, True]
        assert games.observations[0, 1, 0] == 2.0
        games.step(np.array([[0, 1]]))  # b takes the others
        assert games.terminated[0]
        assert games.rewards[0].tolist() == [-1.0, 1.0]
        assert games.acting[0].tolist() == [True, False]


@pytest.mark.parametrize(("seat", "actions", "reward"), [("a", [0, 1], 1.0), ("b", [0, 0], -1.0), ("b", [0, 1], 1.0)])
def test_one_seat_takes_turns_with_another_player(tmp_path: Path, seat: str, actions: list[int], reward: float) -> None:
    more = f'seat = "{seat}"\nothers = "small_multiagent:takes_one"'
    stones = 4 if seat == "a" else 5
    with closing(begun(tmp_path, NIM.format(more=more), stones=stones)) as games:
        assert games.acting[0, 0]
        found = rewards_of(games, actions)
        assert found[-1] == reward
        assert games.terminated[0]


def test_a_misspelt_seat_is_named(tmp_path: Path) -> None:
    with pytest.raises(FamilyError, match="seat is 'c', expected one of a, b"):
        family_of(tmp_path, NIM.format(more='seat = "c"'))
