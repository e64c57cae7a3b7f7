"""The one loop: who is asked, what counts for whose decision, and who plays which seat."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from gameagent_games.game_rng import state_type
from gameagent_games.games import Games
from gameagent_games.interface import Family, Feature
from gameagent_games.loop import Match, play_trials
from gameagent_games.players import Outcome, RandomPlayer, Sight
from gameagent_games.sources.rules import Rules
from gameagent_games.variants.distributions import Uniform
from gameagent_games.variants.variant import Rule, VariantSpace
from two_seat_families import NIM, THROWS, TUG


def start_relay(state: Any, variant: Any) -> None:
    state.step = 0


def step_relay(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    rewards[0] = 2**state.step
    rewards[1] = 100 * 2**state.step
    state.step += 1
    return state.step == 5  # type: ignore[no-any-return]


def observe_relay(state: Any, variant: Any, seat: int, observation: Any) -> None:
    observation[0] = state.step
    observation[1] = seat


def turn_relay(state: Any, variant: Any) -> int:
    return 0 if state.step in (0, 3) else 1


RELAY = Family(
    name="relay",
    summary="seats 0, 1, 1, 0, 1 decide; both are paid at every step, 1, 2, 4, 8, 16 and a hundred times as much",
    source=Rules(start_relay, step_relay, observe_relay, None, turn_relay, state=state_type([("step", np.int64)])),
    space=VariantSpace((Rule("unused", Uniform((0.0, 1.0))),)),
    features=(Feature("step", low=0.0, high=5.0), Feature("seat", low=0.0, high=1.0)),
    actions=("low", "high"),
    max_steps=9,
    num_episodes=2,
    num_seats=2,
)


@dataclass
class Scripted:
    """Always takes the same action, and keeps what it was told of its first row."""

    action: int = 1
    asked: list[tuple[float, ...]] = field(default_factory=list)
    told: list[tuple[float, bool]] = field(default_factory=list)
    num_rows: int = 0

    def begin(self, num_rows: int) -> None:
        self.num_rows = num_rows

    def act(self, sight: Sight) -> np.ndarray:
        assert sight.observations.shape == (self.num_rows, 2) and sight.legal_actions is None
        if sight.deciding[0]:
            self.asked.append(tuple(sight.observations[0].tolist()))
        return np.full(self.num_rows, self.action)

    def observe(self, outcome: Outcome) -> None:
        assert outcome.rewards.shape == outcome.ended.shape == outcome.started.shape == (self.num_rows,)
        if outcome.reported[0]:
            assert outcome.actions[0] == self.action and outcome.started[0]
            self.told.append((float(outcome.rewards[0]), bool(outcome.terminated[0])))


def games_of(family: Family, num_games: int = 3, seed: int = 5) -> Games:
    games = family.make_games(num_games, compiled=False)
    games.reset(family.space.sample(num_games, seed, "all"), np.arange(num_games))
    return games


def test_a_waiting_seat_is_told_all_that_it_was_rewarded_when_it_decides_again_or_the_episode_ends() -> None:
    first, second = Scripted(0), Scripted(1)
    returns = play_trials(games_of(RELAY), {0: first, 1: second})
    assert first.asked == [(0.0, 0.0), (3.0, 0.0)] * 2 and second.asked == [(1.0, 1.0), (2.0, 1.0), (4.0, 1.0)] * 2
    assert first.told == [(1 + 2 + 4, False), (8 + 16, True)] * 2
    # The first 100 come before any decision; those of the second episode count for the last one of the first.
    own = [(200, False), (400 + 800, False), (1600, True)]
    assert second.told == [*own, (1600 + 100, True), *own]
    np.testing.assert_array_equal(returns, np.broadcast_to([31.0, 3100.0], (3, 2, 2)))


def test_time_limits_truncate() -> None:
    games = games_of(THROWS, 1)
    games.reset(THROWS.space.records([{"prize": [1.0] * 3, "tie_break": 0.5, "rounds": 6}]), np.zeros(1, np.int64))
    match = Match(games, {})
    match.begin()
    ends = []
    for _ in range(THROWS.max_steps):
        match.advance(np.zeros((1, 2), np.int64))
        ends.append(bool(match.ended[0]))
    assert ends == [False] * 4 + [True] and match.num_ended.tolist() == [1]


def test_a_player_of_both_seats_has_them_as_rows_of_its_own_game_by_game() -> None:
    apart, one, both = Scripted(), Scripted(), Scripted()
    expected = play_trials(games_of(RELAY), {0: Scripted(), 1: apart})
    np.testing.assert_array_equal(play_trials(games_of(RELAY), {1: one, 0: one}), expected)
    np.testing.assert_array_equal(play_trials(games_of(RELAY), both), expected)
    assert (apart.num_rows, one.num_rows, both.num_rows) == (3, 6, 6)
    assert one.told == apart.told and both.asked[0] == (0.0, 0.0) and one.asked[0] == (1.0, 1.0)


def test_what_is_executed_is_told_also_if_it_is_not_what_was_decided() -> None:
    heard: list[int] = []

    class Overruled(Scripted):
        def observe(self, outcome: Outcome) -> None:
            heard.extend(outcome.actions[outcome.reported].tolist())

    match = Match(games_of(RELAY, 1), {0: Overruled(0)})
    match.begin()
    assert match.decide().tolist() == [[0, 0]]
    for _ in range(3):
        match.advance(np.array([[1, 0]]))
    assert heard == [1]


def test_a_seat_that_the_family_does_not_have_is_refused() -> None:
    with pytest.raises(ValueError, match=r"players for seats \[0, 2\], but 'nim' has 2 seats"):
        Match(games_of(NIM), {0: RandomPlayer(NIM, np.random.default_rng(0)), 2: Scripted()})


def test_random_play_is_uniform_over_what_is_legal() -> None:
    """A pile of 7 to 9, at most three at a time: the first move is 1, 2 or 3, each in a third of the games."""
    games = NIM.make_games(3000)
    games.reset(NIM.space.records([{"last_loses": False, "max_take": 3, "pile": 7}] * 3000), np.arange(3000))
    match = Match(games, RandomPlayer(NIM, np.random.default_rng(0)))
    match.begin()
    chosen = match.decide()[games.acting]
    assert np.abs(np.bincount(chosen, minlength=4) / 3000 - np.array([1, 1, 1, 0]) / 3).max() < 0.03


def test_random_play_fills_the_box() -> None:
    match = Match(games_of(TUG, 2000), RandomPlayer(TUG, np.random.default_rng(0)))
    match.begin()
    actions = match.decide()
    assert actions.shape == (2000, 2, 2)
    np.testing.assert_allclose(actions.mean((0, 1)), [1.0, 0.0], atol=0.05)
    np.testing.assert_allclose(actions.std((0, 1)), np.array([2.0, 2.0]) / np.sqrt(12), rtol=0.05)


def test_a_new_trial_forgets_the_last_one() -> None:
    games, player = games_of(RELAY, 1), Scripted()
    for _ in range(2):
        player.told.clear()
        games.reset(games.variants.copy(), games.seeds.copy())
        play_trials(games, {0: Scripted(), 1: player})
        assert player.told[0] == (200, False)
