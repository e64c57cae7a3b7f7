"""The integrator's five calls: what they do, and what they say when used wrongly."""

# mypy: disable-error-code="arg-type, comparison-overlap, index, union-attr"

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gameagent_sdk import Agent, Bundle, CallOrderError, InputError

OBSERVATION = [0.1, -0.2, 0.3]
NOTHING = [0.0, 0.0, 0.0, 0.0]
ALL = [True] * 4


def test_it_learns_within_a_trial_and_forgets_between_trials(agent_of: Callable[..., Agent]) -> None:
    """The masked fixture adds up rewards by action: it comes to prefer what paid, across episode ends."""
    agent = agent_of("masked", temperature=0.0)
    agent.act(NOTHING, [False, False, True, False])
    agent.observe(1.0, terminated=True)
    assert agent.act(NOTHING, ALL) == 2
    agent.observe(-3.0, truncated=True)
    assert agent.act(NOTHING, [False, True, True, False]) == 1
    agent.begin_trial()
    assert agent.act(NOTHING, ALL) == 0  # the first of equals


def test_what_was_really_done_is_what_it_remembers(agent_of: Callable[..., Agent]) -> None:
    """A person took over: the reward is booked to the person's action, not to the agent's choice."""
    agent = agent_of("masked", temperature=0.0)
    agent.act(NOTHING, [True, False, False, False])
    agent.observe(1.0, action=3)
    assert agent.act(NOTHING, ALL) == 3
    with pytest.raises(InputError):
        agent.observe(1.0, action=4)


def test_chances_are_those_of_the_policy(agent_of: Callable[..., Agent]) -> None:
    agent = agent_of("masked")  # recommends temperature 0.5
    agent.act(np.log([1.0, 2.0, 3.0, 4.0]), [True, True, True, False])
    np.testing.assert_allclose(agent.probabilities, np.array([1, 4, 9, 0]) / 14, rtol=1e-5)


def test_episode_ends_reach_the_policy_and_keep_the_memory(agent_of: Callable[..., Agent]) -> None:
    def second_step(**ends: Any) -> float:
        agent = agent_of("recurrent")
        agent.act(OBSERVATION)
        agent.observe(0.5, **ends)
        context = agent._trial.step.context
        assert context.hidden_state["hidden_h"].any()
        return context.episode_start.item()

    assert second_step() == 0.0
    assert second_step(terminated=True) == 1.0
    assert second_step(truncated=True) == 1.0
    assert second_step(terminated=np.bool_(True), truncated=np.bool_(True)) == 1.0


def test_what_the_policy_is_fed(agent_of: Callable[..., Agent]) -> None:
    agent = agent_of("recurrent", temperature=0.0)
    context = agent._trial.step.context
    assert not context.previous_action.any() and not context.previous_reward.any()
    assert context.episode_start.item() == 1.0
    action = agent.act(OBSERVATION)
    agent.observe(0.25)
    np.testing.assert_array_equal(context.previous_action[0], np.eye(3)[action])
    assert context.previous_reward.item() == 0.25


def test_counters_for_overlays(agent_of: Callable[..., Agent]) -> None:
    agent = agent_of("recurrent")
    for reward, ended in [(1.0, False), (2.0, True), (4.0, False)]:
        agent.act(OBSERVATION)
        agent.observe(reward, terminated=ended)
    assert (agent.episode, agent.step, agent.returns, agent.episode_return) == (1, 1, (3.0,), 4.0)
    agent.begin_trial()
    assert (agent.episode, agent.step, agent.returns, agent.episode_return) == (0, 0, (), 0.0)


def test_seeds_repeat_and_differ(agent_of: Callable[..., Agent]) -> None:
    def actions(seed: int) -> list[Any]:
        agent = agent_of("recurrent", seed=seed)
        chosen = []
        for _ in range(50):
            chosen.append(agent.act(OBSERVATION))
            agent.observe(0.0)
        return chosen

    assert actions(1) == actions(1)
    assert actions(1) != actions(2)
    assert set(actions(1)) == {0, 1, 2}


@pytest.mark.parametrize("temperature", [None, 0.0, 1e-6, 1.0, 100.0])
def test_only_legal_actions_are_returned(agent_of: Callable[..., Agent], temperature: float | None) -> None:
    agent = agent_of("masked", temperature=temperature)
    rng = np.random.default_rng(0)
    for _ in range(200):
        legal = rng.random(4) < 0.4
        legal[rng.integers(4)] = True
        action = agent.act(rng.normal(size=4) * 100, legal)
        assert type(action) is int and legal[action]
        agent.observe(rng.normal())


@pytest.mark.parametrize(
    "observation",
    [
        [0, 1, -1],
        (True, False, True),
        np.zeros(3, np.float64),
        np.zeros(3, np.float16),
        np.arange(3, dtype=np.uint8),
        np.zeros((3, 2), np.float32)[:, 0],
        np.zeros(3, ">f4"),
    ],
)
def test_numbers_of_every_kind_are_taken(
    observation: list[int] | tuple[bool, bool, bool] | NDArray[Any], agent_of: Callable[..., Agent]
) -> None:
    assert agent_of("recurrent").act(observation) in (0, 1, 2)


@pytest.mark.parametrize(
    ("observation", "message"),
    [
        ([0.0, 0.0], r"shape \(3,\), the features position \(2\), signal \(1\): given shape \(2,\)"),
        ([OBSERVATION], r"given shape \(1, 3\)"),
        (0.0, r"given shape \(\)"),
        ([0.0, 0.0, float("nan")], r"observation\[2\] \(signal\) must be a finite number, given nan"),
        ([0.0, -np.inf, 0.0], r"observation\[1\] \(position\) .* -inf"),
        ([0.0, 1e300, 0.0], r"observation\[1\] \(position\) .* 1e\+300"),
        (["0", "1", "2"], "given list of dtype <U1"),
        ([None, 0.0, 0.0], "given list of dtype object"),
        ([1j, 0, 0], "complex128"),
        ({"position": 1}, "given dict"),
        ([[0.0], [0.0, 1.0]], "given what does not make an array"),
    ],
)
def test_wrong_observations_are_refused_and_change_nothing(
    observation: float | dict[str, int] | list[Any], message: str, agent_of: Callable[..., Agent]
) -> None:
    agent, other = agent_of("recurrent"), agent_of("recurrent")
    with pytest.raises(InputError, match=message):
        agent.act(observation)
    for _ in range(10):
        assert agent.act(OBSERVATION) == other.act(OBSERVATION)
        agent.observe(0.0)
        other.observe(0.0)


@pytest.mark.parametrize(
    ("legal_actions", "message"),
    [
        (None, r"legal_actions is needed at every decision, of shape \(4,\)"),
        ([False] * 4, "at least one action must be legal"),
        ([True] * 3, r"for each of north, east, south, west: given shape \(3,\)"),
        ([0, 2], "not an index"),
        ([0, 1, 2, 3], "given the value 2"),
        ([0.0, 1.0, 0.0, 0.0], "float64"),
    ],
)
def test_wrong_masks_are_refused(legal_actions: list[Any] | None, message: str, agent_of: Callable[..., Agent]) -> None:
    with pytest.raises(InputError, match=message):
        agent_of("masked").act(NOTHING, legal_actions)


def test_a_mask_is_refused_if_the_policy_takes_none(agent_of: Callable[..., Agent]) -> None:
    with pytest.raises(InputError, match="leave legal_actions out"):
        agent_of("recurrent").act(OBSERVATION, [True] * 3)


@pytest.mark.parametrize(
    ("outcome", "message"),
    [
        ((float("nan"),), "reward must be a finite number, given nan"),
        ((1e300,), "given 1e"),
        (("1",), "reward must be a finite number: given str"),
        ((None,), "given NoneType"),
        (([1.0],), r"given shape \(1,\)"),
        ((1.0, 1), "terminated must be True or False: given int"),
        ((1.0, False, {}), "truncated must be True or False: given dict"),
    ],
)
def test_wrong_outcomes_are_refused_and_can_be_repeated(
    outcome: tuple[Any, ...], message: str, agent_of: Callable[..., Agent]
) -> None:
    agent = agent_of("recurrent")
    agent.act(OBSERVATION)
    with pytest.raises(InputError, match=message):
        agent.observe(*outcome)
    assert agent.returns == () and agent.episode_return == 0.0
    agent.observe(np.float32(1.5), np.bool_(True))
    assert agent.returns == (1.5,)


def test_calls_out_of_order_say_what_to_call(path_of: Callable[[str], Path], tmp_path: Path) -> None:
    agent = Agent.load(path_of("recurrent"))
    for call in (
        lambda: agent.act(OBSERVATION),
        lambda: agent.observe(0.0),
        lambda: agent.save(tmp_path / "a.mind"),
    ):
        with pytest.raises(CallOrderError, match=r"call begin_trial\(\) first"):
            call()
    agent.begin_trial()
    for call in (lambda: agent.observe(0.0), agent.beliefs, lambda: agent.probabilities):
        with pytest.raises(CallOrderError, match=r"call act\(\) first"):
            call()
    agent.act(OBSERVATION)
    with pytest.raises(CallOrderError, match=r"call observe\(\)"):
        agent.act(OBSERVATION)
    agent.observe(0.0)
    agent.act(OBSERVATION)
    agent.begin_trial()  # any time
    agent.act(OBSERVATION)


@pytest.mark.parametrize("options", [{"seed": -1}, {"temperature": -0.1}, {"temperature": np.nan}])
def test_options_out_of_range_are_refused(options: Any, path_of: Callable[[str], Path]) -> None:
    with pytest.raises(InputError, match=next(iter(options))):
        Agent.load(path_of("recurrent"), **options)


def test_the_bundle_s_temperature_is_the_default(path_of: Callable[[str], Path]) -> None:
    assert Agent.load(path_of("masked")).temperature == 0.5
    assert Agent.load(path_of("masked"), temperature=2).temperature == 2.0


def test_a_memoryless_policy(agent_of: Callable[..., Agent]) -> None:
    agent = agent_of("memoryless")  # recommends temperature 0
    for observation in ([0.0, 1.0], [1.0, 0.0]):
        assert agent.act(observation) == int(np.argmax(observation))
        agent.observe(0.0)
    assert agent.beliefs() == {}


def test_beliefs_are_in_the_game_s_units(agent_of: Callable[..., Agent]) -> None:
    agent = agent_of("recurrent")
    agent.act(OBSERVATION)
    raw = agent._trial.step.beliefs[0]
    beliefs = agent.beliefs()
    assert list(beliefs["gravity"].probabilities) == ["low", "mid", "high"]
    np.testing.assert_allclose(list(beliefs["gravity"].probabilities.values()), raw[:3], rtol=1e-5)
    assert beliefs["worth"][1].mean == pytest.approx(0.5 + 2.0 * raw[5])
    assert beliefs["worth"][1].std == pytest.approx(2.0 * raw[6])


def test_beliefs_follow_what_happens(agent_of: Callable[..., Agent]) -> None:
    agent = agent_of("recurrent")
    agent.act(OBSERVATION)
    before = agent.beliefs()
    agent.observe(5.0)
    assert agent.beliefs() == before  # they are the last decision's
    agent.act(OBSERVATION)
    assert agent.beliefs() != before


def test_agents_on_one_bundle_do_not_share_memory(path_of: Callable[[str], Path]) -> None:
    bundle = Bundle.read(path_of("masked"))
    first, second = Agent(bundle, temperature=0.0), Agent(bundle, temperature=0.0)
    first.begin_trial()
    second.begin_trial()
    first.act(NOTHING, [False, False, False, True])
    first.observe(1.0)
    assert first.act(NOTHING, ALL) == 3
    assert second.act(NOTHING, ALL) == 0


def test_it_starts_no_thread(agent_of: Callable[..., Agent]) -> None:
    before = threading.active_count()
    agent = agent_of("recurrent")
    agent.act(OBSERVATION)
    assert threading.active_count() == before
