"""What a guard makes of the returns around changes of weights."""

from typing import Any

import numpy as np
import pytest

from gameagent_sdk.adaptation.guard import LEAST_TRUST, RollbackGuard, first_look, margin_at, possible


def play(guard: RollbackGuard, *returns: Any) -> list[int]:
    """Episodes, each followed by a change of weights unless it is taken back; gives the indices of those that were."""
    taken_back = []
    for episode, value in enumerate(returns):
        if guard.returned(value):
            taken_back.append(episode)
            guard.taken_back()
        else:
            guard.changed()
    return taken_back


def batch(guard: RollbackGuard, *returns: Any) -> int | None:
    """Episodes of one change's length, no change after it; gives the number of episodes until a rollback, or None."""
    for count, value in enumerate(returns, 1):
        if guard.returned(value):
            guard.taken_back()
            return count
    return None


def test_a_fall_is_compared_with_what_the_weights_before_returned_not_with_all_the_trial() -> None:
    """The mean of -39, -2.1 and -1.6 is -14.2: compared with that, a fall to -15 is none."""
    assert play(RollbackGuard(5.0, 1, by_returns=True), -39.0, -2.1, -1.6, -15.0) == [3]
    assert play(RollbackGuard(5.0, 1, by_returns=True), -39.0, -2.1, -1.6, -6.0) == []
    assert play(RollbackGuard(5.0, 1, by_returns=True), 10.0, 20.0, 16.0, 12.0) == []  # 4 each time


def test_a_change_of_many_episodes_is_looked_at_early_and_at_its_end() -> None:
    def falling(*returns: Any) -> int | None:
        guard = RollbackGuard(1.0, 20, by_returns=True)
        assert batch(guard, *[10.0] * 20) is None
        guard.changed()
        return batch(guard, *returns)

    assert first_look(20) == 5 and first_look(3) == 3 and first_look(1) == 1
    assert falling(*[8.9] * 20) == 5
    assert falling(0.0, *[10.3] * 19) == 5  # -1.76 on average after five
    assert falling(*[10.0] * 5, *[9.0] * 15) == 20  # -0.75, of which 0.63 are allowed
    assert falling(*[10.0] * 5, *[9.3] * 15) is None  # -0.53
    assert falling(*[9.1] * 5, *[10.0] * 15) is None


def test_margins_scale_as_deviations_of_means_do() -> None:
    assert margin_at(2.0, 1, 1, 1) == 2.0 and margin_at(2.0, 20, 20, 5) == 2.0
    generator = np.random.default_rng(0)
    spread = {n: generator.normal(size=(20_000, n)).mean(1) for n in (5, 20, 60)}
    usual = (spread[20] - spread[5]).std()
    for before, after in ((20, 20), (60, 5), (60, 20)):
        expected = (generator.permutation(spread[before]) - spread[after]).std() / usual
        assert margin_at(1.0, 20, before, after) == pytest.approx(expected, rel=0.03)


def test_luck_alone_is_rarely_taken_for_harm() -> None:
    margin, generator = 2.326 * np.sqrt(2.0), np.random.default_rng(1)  # 99 % of differences of two normal returns
    guard = RollbackGuard(margin, 1, by_returns=False)
    falls = len(play(guard, *generator.normal(size=4000)))
    assert 20 <= falls <= 60


def test_what_was_rolled_back_shortens_the_steps_that_follow_until_they_hold() -> None:
    guard = RollbackGuard(1.0, 1, by_returns=False)
    trust = []
    for value in (5.0, 5.0, 1.0, 5.0, 5.0, 5.0, 5.0):
        play(guard, value)
        trust.append(guard.trust)
    assert trust == [1.0, 1.0, 0.25, 0.25, 0.5, 1.0, 1.0]


def test_steps_vanish_if_returns_no_longer_improve() -> None:
    """As at a task's own optimum: by chance one of some episodes is the best so far, but ever more rarely."""
    generator, ends = np.random.default_rng(2), []
    for _ in range(50):
        guard = RollbackGuard(100.0, 1, by_returns=True)
        play(guard, *(3.0 + 0.5 * generator.normal(size=40)))
        ends.append(guard.trust)
    assert np.median(ends) < 1e-3 and max(ends) < 0.3
    improving = RollbackGuard(100.0, 1, by_returns=True)
    play(improving, *np.arange(40.0))
    assert improving.trust == 1.0
    other = RollbackGuard(100.0, 1, by_returns=False)  # beliefs that get better need not pay at once
    play(other, *(3.0 + 0.5 * generator.normal(size=40)))
    assert other.trust == 1.0


def test_one_lucky_return_does_not_count_for_ever() -> None:
    guard = RollbackGuard(1e6, 1, by_returns=True)
    play(guard, 1.0, 1.0, 30.0, *[2.0] * 6)
    low = guard.trust
    assert low < 0.05
    play(guard, *np.linspace(2.0, 20.0, 60))
    assert guard.trust > low


def test_weights_that_did_better_before_say_that_the_game_changed() -> None:
    guard = RollbackGuard(1.0, 1, by_returns=True)
    assert play(guard, 1.0, 5.0, 1.0) == [2]
    assert guard.trust == 0.25
    assert play(guard, 1.0) == []  # the weights that returned 5 return 1 now
    assert guard.trust == 1.0
    assert play(guard, 2.0, 3.0) == []


def test_what_comes_from_outside_is_not_judged() -> None:
    guard = RollbackGuard(1.0, 1, by_returns=True)
    play(guard, 5.0)
    guard.pause()
    assert play(guard, 1.0) == [] and guard.first == 5.0
    guard.clear()
    assert guard.first is None and guard.trust == 1.0


def test_it_remembers_what_episodes_returned_before_the_first_change() -> None:
    guard = RollbackGuard(1.0, 3, by_returns=True)
    assert guard.first is None
    for values in ([1.0, 2.0, 6.0], [9.0, 9.0, 9.0]):
        batch(guard, *values)
        guard.changed()
    assert guard.first == 3.0


@pytest.mark.parametrize("num_episodes", [0, 1, 7, 20, 24, 43])
@pytest.mark.parametrize("per_step", [1, 20])
def test_a_guard_goes_on_from_its_state(num_episodes: int, per_step: int) -> None:
    def run(guard: Any, returns: Any) -> Any:
        said = []
        for episode, value in enumerate(returns):
            said.append(guard.returned(value))
            if said[-1]:
                guard.taken_back()
            elif episode % per_step == per_step - 1:
                guard.changed()
        return said, guard.trust, guard.first

    returns = np.random.default_rng(3).normal(size=num_episodes + 60).tolist()
    guard, other = (RollbackGuard(0.3, per_step, by_returns=True) for _ in range(2))
    run(guard, returns[:num_episodes])
    assert possible(guard.state())
    other.take_over(guard.state())
    assert run(other, returns[num_episodes:]) == run(guard, returns[num_episodes:])


@pytest.mark.parametrize(
    ("place", "value"),
    [(0, 0.0), (0, 1.5), (0, LEAST_TRUST / 2), (1, 2.0), (1, 1.0), (2, 0.5), (4, -1.0), (7, 0.5), (9, -1.0)],
)
def test_an_impossible_state_is_distinguished_from_a_possible_one(place: int, value: Any) -> None:
    state = RollbackGuard(1.0, 1, by_returns=True).state()
    assert possible(state)
    state[place] = value
    assert not possible(state)
