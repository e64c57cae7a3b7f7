"""The batch loop beside a slow loop for one game, and the borders of episodes and trials."""

# mypy: disable-error-code="arg-type, attr-defined"

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gameagent_games import Family
from gameagent_games.errors import ActionError, VariantError
from gameagent_games.families.bandit.family import BANDIT
from gameagent_games.families.forage.family import FORAGE
from gameagent_games.families.gridnavi.family import GRIDNAVI
from gameagent_games.families.navigation.family import NAVIGATION
from gameagent_games.game_rng import episode_key
from gameagent_games.sources.simulator import Simulator
from two_seat_families import NIM, THROWS, TUG

FAMILIES = [BANDIT, GRIDNAVI, FORAGE, THROWS, NIM, NAVIGATION, TUG]
ARRAYS = (
    "observations", "legal_actions", "acting", "rewards", "terminated", "truncated", "finished", "episodes", "steps",
)  # fmt: skip
NAMES = st.sampled_from([family.name for family in FAMILIES])
BY_NAME = {family.name: family for family in FAMILIES}
each_family = pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)


class Fields:
    """A record as a plain object: what one game needs, and nothing of the simulator's."""

    def __init__(self, record: Any) -> None:
        for name in record.dtype.names:
            value = record[name]
            setattr(self, name, np.array(value) if np.ndim(value) else value.item())


def slow_game(
    family: Family, record: Any, seed: int, actions: Any, num_episodes: int
) -> Iterator[tuple[Any, ...] | None]:
    """One game of one trial as a person would loop over it; yields what should be seen after every step."""
    rules, num_seats = family.source, family.num_seats
    variant, state = Fields(record), Fields(np.zeros((), family.source.state))
    shown = family.space.encode(record.reshape(1), hidden=False)[0]

    def start(episode: int) -> None:
        state.random_key, state.random_counter, state.episode = episode_key(seed, episode), 0, episode
        state.trial_key = episode_key(seed, 2**32 - 1)
        rules.start(state, variant)

    def look() -> Any:
        observations = np.zeros((num_seats, family.own_size), np.float32)
        masks = np.ones((num_seats, family.num_actions), bool)
        for seat in range(num_seats):
            rules.observe(state, variant, seat, observations[seat])
            if rules.legal:
                rules.legal(state, variant, seat, masks[seat])
        mover = rules.turn(state, variant) if rules.turn else -1
        acting = np.array([mover in (-1, seat) for seat in range(num_seats)])
        return np.concatenate([observations, np.tile(shown, (num_seats, 1))], axis=1), masks, acting

    episode, steps = 0, 0
    start(0)
    yield (*look(), np.zeros(num_seats), False, False, False, 0, 0)
    for taken in actions:
        rewards = np.zeros(num_seats)
        if family.box:
            taken = np.maximum(np.minimum(taken, family.box.high), family.box.low)
        terminated = rules.step(state, variant, taken, rewards)
        steps += 1
        truncated = steps == family.max_steps and not terminated
        if terminated or truncated:
            episode, steps = episode + 1, 0
            if episode < num_episodes:
                start(episode)
        yield (*look(), rewards, terminated, truncated, episode == num_episodes, episode, steps)
        if episode == num_episodes:
            return


def make(family: Family, num_games: int, seed: int, compiled: bool = False, **options: Any) -> Simulator:
    simulator = Simulator(family, num_games, compiled=compiled, **options)
    simulator.reset(family.space.sample(num_games, seed), np.arange(num_games) + seed)
    return simulator


def random_actions(family: Family, num_steps: int, num_games: int, seed: int) -> Any:
    generator, shape = np.random.default_rng(seed), (num_steps, num_games, family.num_seats)
    if family.box:  # half as wide again as the box, so that a third of the numbers is clipped
        low, high = np.array([family.box.low, family.box.high])
        return (low + high) / 2 + (high - low) * generator.uniform(-0.75, 0.75, (*shape, family.num_actions))
    return generator.integers(family.num_actions, size=shape)


@each_family
@pytest.mark.parametrize("compiled", [False, True])
def test_every_game_of_a_batch_goes_as_a_slow_loop_has_it(family: Family, compiled: bool) -> None:
    num_games, num_episodes = 5, 3
    actions = random_actions(family, num_episodes * family.max_steps + 2, num_games, 1)
    simulator = make(family, num_games, 11, compiled, num_episodes=num_episodes)
    moments = [{name: getattr(simulator, name).copy() for name in ARRAYS}]
    for taken in actions:
        simulator.step(taken)
        moments.append({name: getattr(simulator, name).copy() for name in ARRAYS})
    assert simulator.finished.all()
    for game in range(num_games):
        record, seed = simulator.variants[game], int(simulator.seeds[game])
        slow = slow_game(family, record, seed, actions[:, game], num_episodes)
        for moment, expected in zip(moments, slow, strict=False):
            for name, value in zip(ARRAYS, expected, strict=True):
                np.testing.assert_array_equal(moment[name][game], value, err_msg=name)


@settings(max_examples=40, deadline=None)
@given(
    name=NAMES, seed=st.integers(0, 2**62 - 10), num_games=st.integers(1, 4), split=st.sampled_from(["train", "test"])
)
def test_compiled_and_uncompiled_rules_give_the_same_bits(name: str, seed: int, num_games: int, split: str) -> None:
    family = BY_NAME[name]
    variants = family.space.sample(num_games, seed, split)
    simulators = [Simulator(family, num_games, compiled=compiled) for compiled in (False, True)]
    for simulator in simulators:
        simulator.reset(variants, np.arange(num_games) + seed)
    plain, fast = simulators
    for taken in random_actions(family, 40, num_games, seed):
        for array in ARRAYS:
            assert getattr(plain, array).tobytes() == getattr(fast, array).tobytes(), array
        for field in family.source.state.names:
            assert plain.states[field].tobytes() == fast.states[field].tobytes(), field
        for simulator in simulators:
            simulator.step(taken)


@each_family
def test_the_same_seeds_give_the_same_trial_again(family: Family) -> None:
    simulator = make(family, 3, 5)
    actions = random_actions(family, 30, 3, 2)
    traces: list[Any] = []
    for _ in range(2):
        simulator.reset(simulator.variants.copy(), simulator.seeds.copy())
        traces.append([])
        for taken in actions:
            simulator.step(taken)
            traces[-1].append((simulator.observations.tobytes(), simulator.rewards.tobytes()))
    assert traces[0] == traces[1]


def test_the_time_limit_truncates_and_never_terminates() -> None:
    simulator = make(GRIDNAVI, 2, 0, num_episodes=2)
    noop = np.zeros((2, 1), np.int64)
    for step in range(1, 31):
        simulator.step(noop)
        assert not simulator.terminated.any()
        assert simulator.truncated.tolist() == [step % 15 == 0] * 2
        assert simulator.episodes.tolist() == [step // 15] * 2
        assert simulator.finished.tolist() == [step == 30] * 2


def test_an_end_by_the_rules_in_the_last_step_is_no_truncation() -> None:
    assert BANDIT.max_steps == 1
    simulator = make(BANDIT, 2, 0)
    simulator.step(np.zeros((2, 1), np.int64))
    assert simulator.terminated.all()
    assert not simulator.truncated.any()


def test_finished_games_freeze_while_others_go_on() -> None:
    variants = THROWS.space.sample(2, 0)
    variants["rounds"] = [3, 6]  # max_steps is 5: the first ends by the rules, the second by the limit
    simulator = Simulator(THROWS, 2, num_episodes=1, compiled=False)
    simulator.reset(variants, np.array([4, 5]))
    actions = np.zeros((2, 2), np.int64)
    for _ in range(3):
        simulator.step(actions)
    assert simulator.finished.tolist() == [True, False]
    assert simulator.terminated.tolist() == [True, False]
    frozen, seen = simulator.states[0].tobytes(), simulator.observations[0].copy()
    simulator.step(actions)
    assert simulator.terminated.tolist() == [False, False]
    assert simulator.rewards[0].tolist() == [0.0, 0.0]
    simulator.step(actions)
    assert simulator.truncated.tolist() == [False, True]
    assert simulator.states[0].tobytes() == frozen
    np.testing.assert_array_equal(simulator.observations[0], seen)
    assert simulator.episodes.tolist() == [1, 1]


def test_a_trial_keeps_its_variant_and_draws_a_new_level_for_each_episode() -> None:
    simulator = make(FORAGE, 1, 3, num_episodes=3)
    variant, places = simulator.variants.tobytes(), []
    for _ in range(3):
        places.append(simulator.states["item_x"].tobytes() + simulator.states["item_y"].tobytes())
        for _ in range(FORAGE.max_steps):
            simulator.step(np.zeros((1, 1), np.int64))
        assert simulator.variants.tobytes() == variant
    assert len(set(places)) == 3


def test_without_auto_start_the_last_state_of_an_episode_stays_to_be_seen() -> None:
    simulator = make(GRIDNAVI, 1, 0, auto_start=False)
    for _ in range(15):
        simulator.step(np.full((1, 1), 2))
    assert simulator.states["x"].tolist() == [4]
    assert simulator.episodes.tolist() == [1]
    simulator.next_episode()
    assert simulator.states["x"].tolist() == [0]
    assert simulator.steps.tolist() == [0]


def test_a_trial_without_end_never_finishes() -> None:
    simulator = make(BANDIT, 1, 0, num_episodes=0)
    for _ in range(50):
        simulator.step(np.zeros((1, 1), np.int64))
    assert not simulator.finished.any()
    assert simulator.episodes.tolist() == [50]


def test_seats_act_in_turn_and_only_the_movers_action_counts() -> None:
    variants = NIM.space.sample(1, 0)
    variants["max_take"], variants["pile"] = 3, 9
    simulator = Simulator(NIM, 1, num_episodes=1, compiled=False)
    simulator.reset(variants, np.array([8]))
    pile = int(simulator.states["pile"][0])
    for _ in range(3):
        mover = int(np.flatnonzero(simulator.acting[0])[0])
        assert simulator.acting.sum() == 1
        actions = np.full((1, 2), 3)  # four pieces: would lose at once
        actions[0, mover] = 0
        simulator.step(actions)
        pile -= 1
        assert simulator.states["pile"].tolist() == [pile]
        assert simulator.acting[0].tolist() == [mover == 1, mover == 0]
    assert simulator.legal_actions[0].tolist() == [[True, True, True, False]] * 2


def test_the_rules_decide_about_an_illegal_action() -> None:
    simulator = make(NIM, 1, 0, num_episodes=1)
    simulator.variants["max_take"] = 2
    mover = int(np.flatnonzero(simulator.acting[0])[0])
    simulator.step(np.full((1, 2), 3))
    assert simulator.rewards[0, mover] == -1.0
    assert simulator.rewards[0, 1 - mover] == 1.0
    assert simulator.terminated.all()


def test_all_seats_act_at_once_without_turns() -> None:
    assert make(THROWS, 3, 0).acting.all()


def test_shown_rules_end_every_observation_and_hidden_ones_do_not() -> None:
    simulator = make(THROWS, 4, 0)
    assert THROWS.observation_size == THROWS.own_size + 1
    expected = THROWS.space.encode(simulator.variants, hidden=False)
    simulator.step(np.zeros((4, 2), np.int64))
    for seat in range(2):
        np.testing.assert_array_equal(simulator.observations[:, seat, THROWS.own_size :], expected)


@pytest.mark.parametrize(
    "actions",
    [np.full((2, 1), 5), np.full((2, 1), -1), np.zeros((2, 1)), np.zeros((1, 1), np.int64), np.zeros(2, np.int64)],
)
def test_wrong_actions_are_refused(actions: Any) -> None:
    simulator = make(GRIDNAVI, 2, 0)
    with pytest.raises(ActionError, match="expected"):
        simulator.step(actions)
    assert simulator.steps.tolist() == [0, 0]


def test_wrong_variants_and_seeds_are_refused() -> None:
    simulator = Simulator(GRIDNAVI, 2, compiled=False)
    with pytest.raises(VariantError, match="expected"):
        simulator.reset(GRIDNAVI.space.sample(3, 0), np.zeros(2, np.int64))
    with pytest.raises(VariantError, match="expected"):
        simulator.reset(FORAGE.space.sample(2, 0), np.zeros(2, np.int64))
    with pytest.raises(ValueError, match=">= 0"):
        simulator.reset(GRIDNAVI.space.sample(2, 0), np.array([1, -1]))
    with pytest.raises(ValueError, match="num_games"):
        Simulator(GRIDNAVI, 0)


def test_uncompiled_rules_name_a_misspelt_field() -> None:
    simulator = make(GRIDNAVI, 1, 0)
    view = simulator._records(simulator.states)[0]
    with pytest.raises(AttributeError, match="the fields are x, y"):
        view.speed = 1
    with pytest.raises(AttributeError, match="the fields are x, y"):
        print(view.speed)
