"""A source of games in plain Python, without numba and a state record, goes wherever compiled rules go."""

# mypy: disable-error-code="arg-type, list-item"

import copy
import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from corridor import CORRIDOR, LEFT, RIGHT, STAY, CorridorGames, CorridorSource
from gameagent_games.conformance import check_family, require_sound
from gameagent_games.conformance.report import CHECKS
from gameagent_games.errors import ActionError, FamilyError, VariantError
from gameagent_games.interface import Family
from gameagent_games.registry import load_family


def at(cell: int) -> list[float]:
    return [cell, np.float32(cell / 6)]


def begun(num: int = 1, goal: int = 6, family: Family = CORRIDOR, **options: bool | int) -> CorridorGames:
    games = family.make_games(num, **options)
    games.reset(family.space.records([{"goal": goal, "prize": 1.25}] * num), np.arange(num))
    assert isinstance(games, CorridorGames)
    return games


def test_a_trial_is_counted_as_worked_out_by_hand() -> None:
    """K = 2 episodes of at most 8 steps: the first is cut, the second ends at the goal."""
    games = begun(num_episodes=2)
    for step in range(8):
        assert (games.steps[0], games.episodes[0], games.finished[0]) == (step, 0, False)
        games.step(np.array([[STAY]]))
        assert games.rewards[0, 0] == 0.0
    assert games.truncated[0] and not games.terminated[0] and not games.finished[0]
    assert (games.episodes[0], games.steps[0]) == (1, 0)
    games.places[0] = 5
    games.step(np.array([[RIGHT]]))
    assert games.terminated[0] and not games.truncated[0] and games.finished[0]
    assert (games.rewards[0, 0], games.episodes[0]) == (1.25, 2)
    games.step(np.array([[LEFT]]))  # nothing happens any more
    assert (games.rewards[0, 0], games.terminated[0], games.episodes[0]) == (0.0, False, 2)
    assert games.observations[0, 0].tolist() == at(6)


def test_a_goal_in_the_last_step_ends_the_episode_naturally() -> None:
    games = begun()
    games.steps[0], games.places[0] = 7, 5
    games.step(np.array([[RIGHT]]))
    assert games.terminated[0] and not games.truncated[0]


def test_without_auto_start_the_last_state_is_seen_until_the_next_episode() -> None:
    games = begun(auto_start=False)
    games.places[0] = 5
    games.step(np.array([[RIGHT]]))
    assert games.terminated[0] and games.observations[0, 0].tolist() == at(6)
    games.next_episode()
    assert games.observations[0, 0, 0] in (2, 3, 4) and games.episodes[0] == 1


def test_some_games_start_a_new_trial_while_others_go_on() -> None:
    games = begun(3, num_episodes=1)
    games.step(np.array([[LEFT], [LEFT], [LEFT]]))
    before = games.observations[[0, 2]].copy()
    games.reset(CORRIDOR.space.records([{"goal": 0, "prize": 0.5}]), np.array([7]), 4, which=np.array([1]))
    assert games.steps.tolist() == [1, 0, 1] and games.episodes.tolist() == [0, 4, 0]
    assert games.variants["goal"].tolist() == [6, 0, 6] and games.seeds.tolist() == [0, 7, 2]
    np.testing.assert_array_equal(games.observations[[0, 2]], before)
    games.places[1] = 1
    games.step(np.array([[STAY], [LEFT], [STAY]]))
    assert games.finished.tolist() == [False, True, False] and games.rewards[:, 0].tolist() == [0.0, 0.5, 0.0]
    with pytest.raises(VariantError, match="of shape \\(1,\\)"):
        games.reset(games.variants, games.seeds, which=np.array([1]))


def test_actions_are_checked_before_the_source_sees_them() -> None:
    games = begun()
    for wrong in (np.array([[3]]), np.array([STAY]), np.array([[1.0]])):
        with pytest.raises(ActionError):
            games.step(wrong)
    assert games.steps[0] == 0


def test_the_checks_that_make_sense_run() -> None:
    report = check_family("corridor:CORRIDOR")
    report.raise_for_failures()
    assert [result.name for result in report.results] == [check.name for check in CHECKS if not check.of_rules]
    assert not [result.name for result in report.results if result.skipped and "box" in result.message]
    assert require_sound(CORRIDOR) is CORRIDOR


class Raises(CorridorGames):
    def play(self, which: Any, actions: Any) -> None:
        raise RuntimeError("the wire was cut")


def test_what_a_source_raises_is_one_line_with_its_place() -> None:
    with pytest.raises(FamilyError, match=r"test_plain_source\.py:\d+ in play\(\): raised RuntimeError: the wire was"):
        require_sound(replace(CORRIDOR, source=CorridorSource(Raises)))


def test_families_of_any_source_are_copied_and_compared() -> None:
    again = pickle.loads(pickle.dumps(CORRIDOR))  # noqa: S301
    assert again.source == CORRIDOR.source and again.name == "corridor"
    assert copy.deepcopy(CORRIDOR) is CORRIDOR and load_family("corridor:CORRIDOR") is CORRIDOR
    games = begun(2)
    for copied in (copy.deepcopy(games), pickle.loads(pickle.dumps(games))):  # noqa: S301
        copied.step(np.array([[RIGHT], [LEFT]]))
        assert not np.array_equal(copied.observations, games.observations)
        assert copied.family.source == CORRIDOR.source


def test_the_informed_player_is_shown_the_rules() -> None:
    games = begun(goal=2, family=CORRIDOR.revealed())
    shown = CORRIDOR.revealed().space.encode(games.variants, hidden=False)
    assert games.observations.shape == (1, 1, 2 + shown.shape[1])
    np.testing.assert_array_equal(games.observations[0, 0, 2:], shown[0])


@pytest.mark.parametrize("source", [CorridorSource, "corridor", None])
def test_what_is_not_a_source_is_refused(source: object) -> None:
    with pytest.raises(FamilyError, match=r"source is .*, expected Rules\(start, step, observe, state=...\), or"):
        replace(CORRIDOR, source=source)
