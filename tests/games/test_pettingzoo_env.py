"""Families as PettingZoo environments: PettingZoo's own tests, order of play, rewards, refusals."""

# mypy: disable-error-code="attr-defined, call-overload, union-attr"

import warnings
from typing import Any

import numpy as np
import pytest

from gameagent_games import Family
from gameagent_games.envs.pettingzoo_env import FamilyAECEnv, FamilyParallelEnv
from gameagent_games.errors import ActionError, FamilyError
from two_seat_families import NIM, THROWS, TUG

with warnings.catch_warnings():  # PettingZoo's tests import examples of its own that are deprecated
    warnings.simplefilter("ignore", DeprecationWarning)
    from pettingzoo.test import api_test, parallel_api_test, parallel_seed_test, seed_test  # type: ignore[import-untyped]

# PettingZoo asks for action masks in a dict, and warns of every dict but those of its own games.
about_dicts = pytest.mark.filterwarnings(
    "ignore:Observation is not a NumPy array:UserWarning",
    "ignore:Observation space for each agent probably should be:UserWarning",
)
all_families = pytest.mark.parametrize("family", [THROWS, NIM, TUG], ids=lambda family: family.name)
at_once = pytest.mark.parametrize("family", [THROWS, TUG], ids=lambda family: family.name)
both_ways = pytest.mark.parametrize("compiled", [False, True])

PAYS = {"prize": [0.5, 0.75, 1.25], "tie_break": 0.5, "rounds": 3}
ROCK, PAPER, SCISSORS = range(3)
FIRST, SECOND = THROWS.seat_names


@both_ways
@at_once
@pytest.mark.parametrize("num_episodes", [1, 3])
def test_parallel_api(family: Family, compiled: Any, num_episodes: int) -> None:
    parallel_api_test(FamilyParallelEnv(family, compiled=compiled, num_episodes=num_episodes))


@at_once
def test_parallel_seeds(family: Family) -> None:
    parallel_seed_test(lambda: FamilyParallelEnv(family, num_episodes=20))


@about_dicts
@both_ways
@all_families
@pytest.mark.parametrize("num_episodes", [1, 3])
def test_aec_api(family: Family, compiled: Any, num_episodes: int) -> None:
    api_test(FamilyAECEnv(family, compiled=compiled, num_episodes=num_episodes))


@all_families
def test_aec_seeds(family: Family) -> None:
    seed_test(lambda: FamilyAECEnv(family, num_episodes=20))


def test_parallel_rewards_go_to_their_seats() -> None:
    env = FamilyParallelEnv(THROWS, variant=PAYS)
    observations, infos = env.reset(seed=0)
    assert infos[FIRST]["rules"] == PAYS
    assert observations[FIRST].dtype == np.float32
    played = [env.step({FIRST: a, SECOND: b}) for a, b in [(ROCK, SCISSORS), (ROCK, PAPER), (SCISSORS, PAPER)]]
    assert [step[1] for step in played] == [
        {FIRST: 0.5, SECOND: -0.5},
        {FIRST: -0.75, SECOND: 0.75},
        {FIRST: 1.25, SECOND: -1.25},
    ]
    assert [step[2][FIRST] for step in played] == [False, False, True]  # three rounds: the rules end it
    assert not any(step[3][FIRST] for step in played)
    assert played[-1][4][SECOND]["episode_return"] == -0.5 + 0.75 - 1.25
    assert env.agents == []


def test_a_time_limit_truncates_every_agent() -> None:
    env = FamilyParallelEnv(THROWS, variant=PAYS | {"rounds": 6})
    env.reset(seed=0)
    for _ in range(THROWS.max_steps):
        _, _, terminated, truncated, _ = env.step({FIRST: ROCK, SECOND: PAPER})
    assert terminated == {FIRST: False, SECOND: False}
    assert truncated == {FIRST: True, SECOND: True}


def test_a_variant_can_be_given_at_reset() -> None:
    env = FamilyParallelEnv(THROWS)
    _, infos = env.reset(seed=0, options={"variant": PAYS})
    assert infos[SECOND]["rules"] == PAYS


def test_seats_that_act_at_once_do_not_see_each_other_choose() -> None:
    env = FamilyAECEnv(THROWS, variant=PAYS)
    env.reset(seed=0)
    before = env.observe(SECOND)
    assert env.agent_selection == FIRST
    env.step(ROCK)
    assert env.agent_selection == SECOND
    np.testing.assert_array_equal(env.observe(SECOND), before)
    assert env.rewards == {FIRST: 0.0, SECOND: 0.0}
    env.step(SCISSORS)
    assert env.rewards == {FIRST: 0.5, SECOND: -0.5}
    assert (env.observe(SECOND) != before).any()


@all_families
def test_parallel_and_aec_tell_the_same_story(family: Family) -> None:
    if family is NIM:
        with pytest.raises(FamilyError, match="AEC"):
            FamilyParallelEnv(family)
        return
    parallel, aec = FamilyParallelEnv(family, num_episodes=4), FamilyAECEnv(family, num_episodes=4)
    parallel.reset(seed=3)
    aec.reset(seed=3)
    generator = np.random.default_rng(0)
    while parallel.agents:
        actions = dict(zip(parallel.agents, family.random_actions(generator, 1)[0], strict=True))
        observations, rewards, terminated, truncated, _ = parallel.step(actions)
        for action in actions.values():
            aec.step(action)
        assert (aec.rewards, aec.terminations, aec.truncations) == (rewards, terminated, truncated)
        for agent, observation in observations.items():
            np.testing.assert_array_equal(aec.observe(agent), observation)


def test_nim_is_won_by_the_hand_that_takes_the_last() -> None:
    env = FamilyAECEnv(NIM, variant={"last_loses": False, "max_take": 4, "pile": 7})
    env.reset(seed=1)
    first, pile = env.agent_selection, round(float(env.observe(env.agent_selection)["observation"][0]) * 18)
    assert 7 <= pile <= 9
    movers = []
    while pile > 0:
        movers.append(env.agent_selection)
        take = min(4, pile)
        env.step(take - 1)
        pile -= take
    assert movers == [first, *(agent for agent in env.possible_agents if agent != first), first][: len(movers)]
    assert env.rewards[movers[-1]] == 1.0
    assert sum(env.rewards.values()) == 0.0
    assert all(env.terminations.values())


def test_illegal_actions_are_refused_and_change_nothing() -> None:
    env = FamilyAECEnv(NIM, variant={"last_loses": True, "max_take": 2, "pile": 8})
    env.reset(seed=0)
    agent = env.agent_selection
    before = env.observe(agent)
    assert before["action_mask"].tolist() == [1, 1, 0, 0]
    with pytest.raises(ActionError, match=r"action 2 \(take_3\) is illegal now; legal: 0 \(take_1\), 1 \(take_2\)"):
        env.step(2)
    assert env.agent_selection == agent
    np.testing.assert_array_equal(env.observe(agent)["observation"], before["observation"])
    env.step(1)
    assert env.agent_selection != agent


@pytest.mark.parametrize("actions", [{FIRST: 0}, {FIRST: 0, SECOND: 0, "seat_2": 0}, {FIRST: 0, SECOND: 3}])
def test_missing_unknown_and_wrong_actions_are_refused(actions: Any) -> None:
    env = FamilyParallelEnv(THROWS)
    env.reset(seed=0)
    with pytest.raises(ActionError, match="expected"):
        env.step(actions)
    env.step({FIRST: 0, SECOND: 0})


def test_continuous_actions_are_a_box_with_bounds_for_each_component() -> None:
    env = FamilyParallelEnv(TUG)
    space = env.action_space(FIRST)
    assert space.low.tolist() == [0.0, -1.0]
    assert space.high.tolist() == [2.0, 1.0]
    env.reset(seed=0)
    with pytest.raises(ActionError, match=r"seat 'seat_1' got .* expected 2 finite numbers: pull, sway"):
        env.step({FIRST: [0.0, 0.0], SECOND: [0.0, np.nan]})
    _, rewards, _, _, _ = env.step({FIRST: [7.0, 1.0], SECOND: np.array([1.0, 1.0], np.float32)})
    assert rewards == pytest.approx({FIRST: -0.02, SECOND: -0.01})  # 7 counts as 2
