"""Continuous actions. The fixture's mean is what it sees plus what paid, its deviation is what it sees."""

# mypy: disable-error-code="arg-type"

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gameagent_sdk import (
    Agent,
    BundleError,
    CallOrderError,
    InputError,
    MindError,
    Policy,
    RecordingError,
    SdkError,
    Squad,
    replay,
)
from gameagent_sdk.authoring import ActionSpec, BoxOutput, PolicySession
from gameagent_sdk.engine.sampling import sample_box_actions

LOW, HIGH = np.array([-1.0, 0.0]), np.array([1.0, 8.0])
MIDDLE, HALF = np.array([0.0, 4.0]), np.array([1.0, 4.0])
TOLD = [0.25, 3.0, math.log(0.5), math.log(2.0)]  # mean, and the logarithm of the deviation
SPEC = ActionSpec(("steer", "throttle"), kind="box", low=(-1.0, 0.0), high=(1.0, 8.0))


@pytest.fixture(params=["onnxruntime", "numpy"])
def policy(request: pytest.FixtureRequest, path_of: Callable[[str], Path]) -> Policy:
    return Policy.load(path_of("steered"), request.param)


@pytest.fixture
def begun(policy: Policy) -> Callable[..., Any]:
    """Makes agents with a trial begun."""

    def make(seed: int = 0, **options: Any) -> Agent:
        agent = Agent(policy, seed=seed, **options)
        agent.begin_trial()
        return agent

    return make


def decide(agent: Any, seen: Any, count: int) -> NDArray[Any]:
    """Actions (count, 2) of an agent that sees the same again and again, and nothing pays."""
    actions = []
    for _ in range(count):
        actions.append(agent.act(seen))
        agent.observe(0.0)
    return np.stack(actions)


def test_actions_follow_the_gaussian_within_the_bounds(begun: Callable[..., Any]) -> None:
    """Mean and deviation of a narrow Gaussian, and the shares of a wide one that are cut off at each bound."""
    narrow = decide(begun(), [0.25, 3.0, math.log(0.05), math.log(0.1)], 4000)
    assert narrow.dtype == np.float64 and narrow.shape == (4000, 2)
    spread = np.array([0.05, 0.1])
    assert (np.abs(narrow.mean(axis=0) - [0.25, 3.0]) < 4 * spread / math.sqrt(4000)).all()
    assert (np.abs(narrow.std(axis=0) / spread - 1) < 4 / math.sqrt(2 * 4000)).all()
    wide = decide(begun(), [0.0, 4.0, 0.0, math.log(4.0)], 4000)  # both bounds are one deviation away
    outside = (1 - math.erf(1 / math.sqrt(2))) / 2
    for bound in (LOW, HIGH):
        shares = (wide == bound).mean(axis=0)
        assert (np.abs(shares - outside) < 4 * math.sqrt(outside / 4000)).all()
    assert ((wide >= LOW) & (wide <= HIGH)).all()


@pytest.mark.parametrize("numbers", [[3e38, -3e38, 0.0, 0.0], [0.0, 0.0, 3e38, -3e38], [0.0, 0.0, -3e38, 800.0]])
@pytest.mark.parametrize("temperature", [0.0, 5e-324, 1.0, 1e300])
@pytest.mark.parametrize("strength", [0.0, 0.5, 1.0])
def test_extreme_numbers_still_give_actions_within_the_bounds(
    numbers: Any, temperature: float, strength: float, begun: Callable[..., Any]
) -> None:
    agent = begun(temperature=temperature, strength=strength)
    actions = decide(agent, numbers, 8)
    assert ((actions >= LOW) & (actions <= HIGH)).all()
    assert np.isfinite(agent.distribution).all()
    gaussian = BoxOutput(np.float32([numbers[:2]]), np.float32([numbers[2:]]))
    drawn = sample_box_actions(SPEC, gaussian, temperature, np.random.default_rng(0))
    assert ((drawn >= LOW) & (drawn <= HIGH)).all()


def test_temperature_multiplies_the_deviation_and_0_takes_the_mean(begun: Callable[..., Any]) -> None:
    agent = begun(temperature=0.0)
    np.testing.assert_array_equal(decide(agent, TOLD, 3), [TOLD[:2]] * 3)
    np.testing.assert_array_equal(agent.act([-7.0, 9.5, 0.0, 0.0]), [-1.0, 8.0])
    mean, std = agent.distribution
    np.testing.assert_array_equal((mean, std), ([-7.0, 9.5], [0.0, 0.0]))
    agent.observe(0.0)
    agent.temperature = 0.5
    agent.act(TOLD)
    np.testing.assert_allclose(agent.distribution[1], [0.25, 1.0], rtol=1e-6)
    one, half = begun(seed=4, temperature=1.0).act([0, 4, -5, -5]), begun(seed=4, temperature=0.5).act([0, 4, -5, -5])
    np.testing.assert_allclose(one - MIDDLE, 2 * (half - MIDDLE), rtol=1e-5)


def test_at_strength_0_actions_are_uniform_and_between_a_mixture(begun: Callable[..., Any]) -> None:
    seen = [0.5, 6.0, -30.0, -30.0]
    uniform = decide(begun(strength=0.0), seen, 3000)
    shares = (uniform - LOW) / (HIGH - LOW)
    assert (np.abs(shares.mean(axis=0) - 0.5) < 4 / math.sqrt(12 * 3000)).all()
    assert (np.abs(shares.var(axis=0) - 1 / 12) < 0.01).all()
    assert abs(np.corrcoef(shares.T)[0, 1]) < 0.08
    mixed = decide(begun(strength=0.3), seen, 3000)
    own = np.isclose(mixed, [0.5, 6.0]).all(axis=1).mean()
    assert abs(own - 0.3) < 4 * math.sqrt(0.21 / 3000)


def test_seeds_repeat_and_differ(begun: Callable[..., Any]) -> None:
    np.testing.assert_array_equal(decide(begun(1), TOLD, 20), decide(begun(1), TOLD, 20))
    assert (decide(begun(1), TOLD, 20) != decide(begun(2), TOLD, 20)).any()


def test_the_policy_gets_actions_scaled_to_minus_1_to_1_and_remembers_them(begun: Callable[..., Any]) -> None:
    agent = begun(temperature=0.0)
    previous = agent._trial.step.context.previous_action
    assert not previous.any()
    agent.act([0.5, 8.0, 0.0, 0.0])
    agent.observe(0.5)
    np.testing.assert_array_equal(previous, [[0.5, 1.0]])
    np.testing.assert_array_equal(agent.act([0.0, 0.0, 0.0, 0.0]), [0.25, 0.5])  # reward times action
    agent.observe(0.0, action=[3.0, -40.0])  # a person took over; the game cuts it to the bounds
    np.testing.assert_array_equal(previous, [[1.0, -1.0]])


def test_what_the_game_does_with_an_action_does_not_reach_the_agent(begun: Callable[..., Any]) -> None:
    agent = begun(temperature=0.0)
    action = agent.act([0.5, 6.0, 0.0, 0.0])
    action *= 100.0
    agent.observe(0.0)
    np.testing.assert_array_equal(agent._trial.step.context.previous_action, [[0.5, 0.5]])
    agent.distribution[0][:] = 9.0
    np.testing.assert_array_equal(agent.distribution[0], [0.5, 6.0])


@pytest.mark.parametrize(
    ("action", "message"),
    [
        ([0.0], r"action must be finite numbers of shape \(2,\), one for each of steer, throttle: given shape \(1,\)"),
        ([[0.0, 0.0]], r"given shape \(1, 2\)"),
        (1, r"given shape \(\)"),
        ([0.0, float("nan")], "action must be finite numbers .* given nan"),
        ([-math.inf, 0.0], "given -inf"),
        ([True, False], "dtype bool"),
        (["0", "1"], "dtype <U1"),
        ([0.0, None], "dtype object"),
    ],
)
def test_given_actions_that_are_none_are_refused_and_can_be_given_again(
    action: int | list[Any], message: str, begun: Callable[..., Any]
) -> None:
    agent = begun()
    agent.act(TOLD)
    with pytest.raises(InputError, match=message):
        agent.observe(1.0, action=action)
    assert (agent.phase, agent.episode_return) == ("observe", 0.0)
    agent.observe(1.0, action=(1, 4))
    np.testing.assert_array_equal(agent._trial.step.context.previous_action, [[1.0, 0.0]])


def test_a_mask_is_refused(begun: Callable[..., Any]) -> None:
    with pytest.raises(InputError, match="leave legal_actions out"):
        begun().act(TOLD, [True, True])


def test_each_kind_of_action_says_where_its_chances_are(
    begun: Callable[..., Any], agent_of: Callable[..., Agent]
) -> None:
    agent, discrete = begun(), agent_of("recurrent")
    with pytest.raises(CallOrderError, match="no means and deviations before"):
        _ = agent.distribution
    agent.act(TOLD)
    with pytest.raises(SdkError, match=r"continuous.*agent\.distribution"):
        _ = agent.probabilities
    with pytest.raises(SdkError, match=r"discrete.*agent\.probabilities"):
        _ = discrete.distribution
    np.testing.assert_allclose(agent.distribution, ([0.25, 3.0], [0.5, 2.0]), rtol=1e-6)


def test_a_squad_s_members_act_as_if_alone(policy: Policy) -> None:
    squad, rng = Squad(policy, seed=0), np.random.default_rng(0)
    pairs = {squad.join(seed=seed): Agent(policy, seed=seed) for seed in range(5)}
    for twin in pairs.values():
        twin.begin_trial()
    for _ in range(30):
        seen = {member: rng.normal(size=4).astype(np.float32) for member in pairs if rng.random() < 0.7}
        actions = squad.act(seen)
        assert list(actions) == list(seen)
        for member, action in actions.items():
            np.testing.assert_array_equal(action, pairs[member].act(seen[member]))  # sums and products: bit for bit
            np.testing.assert_array_equal(member.distribution, pairs[member].distribution)
            reward = float(rng.normal())
            member.observe(reward)
            pairs[member].observe(reward)


def test_sessions_give_gaussians_that_are_sampled_row_by_row(policy: Policy) -> None:
    session, rng = PolicySession(policy), np.random.default_rng(0)
    session.reset(3)
    seen = rng.normal(size=(3, 4)).astype(np.float32)
    gaussian = session.step(seen)
    assert isinstance(gaussian, BoxOutput)
    np.testing.assert_array_equal(gaussian.mean, seen[:, :2])
    np.testing.assert_array_equal(gaussian.log_std, seen[:, 2:])
    actions = sample_box_actions(session.manifest.action, gaussian, 0.5, np.random.default_rng(7))
    normal = np.random.default_rng(7).standard_normal((3, 2))
    expected = np.clip(seen[:, :2] + 0.5 * np.exp(seen[:, 2:].astype(np.float64)) * normal, LOW, HIGH)
    np.testing.assert_allclose(actions, expected, rtol=1e-12)
    for wrong in (actions[:2], actions[:, :1], [0, 1, 0], actions * np.nan):
        with pytest.raises(InputError, match=r"finite numbers of shape \(3, 2\)"):
            session.observe(wrong, np.ones(3), [False] * 3)
    session.observe(actions * 10, np.ones(3), [False] * 3)
    scaled = (np.clip(actions * 10, LOW, HIGH) - MIDDLE) / HALF
    np.testing.assert_array_equal(session.context.previous_action, scaled.astype(np.float32))
    kept = gaussian.mean.copy()
    np.testing.assert_allclose(session.step(seen).mean, seen[:, :2] + scaled, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(gaussian.mean, kept)


def test_discrete_actions_are_not_drawn_from_a_gaussian() -> None:
    gaussian = BoxOutput(np.zeros((1, 2), np.float32), np.zeros((1, 2), np.float32))
    with pytest.raises(InputError, match="discrete: draw them with sample_actions"):
        sample_box_actions(ActionSpec(("a", "b")), gaussian, 1.0, np.random.default_rng(0))


def test_temperature_0_samples_the_mean() -> None:
    gaussian = BoxOutput(np.float32([[0.5, -3.0]]), np.float32([[2.0, 3e38]]))
    np.testing.assert_array_equal(sample_box_actions(SPEC, gaussian, 0.0, np.random.default_rng(0)), [[0.5, 0.0]])


@pytest.mark.parametrize("output", ["mean", "log_std"])
def test_what_is_not_finite_is_refused(output: str, begun: Callable[..., Any]) -> None:
    agent = begun()
    agent._trial.step.outputs[output][:] = np.nan
    agent._trial.step._run = lambda: None
    with pytest.raises(BundleError, match=f"gave {output} with NaN"):
        agent.act(TOLD)
    assert agent.phase == "act"


@pytest.mark.parametrize("num_calls", [1, 8])
def test_a_mind_saved_between_act_and_observe_goes_on(
    num_calls: int, begun: Callable[..., Any], tmp_path: Path
) -> None:
    agent, restored = begun(seed=1), begun(seed=2)
    for _ in range(num_calls - 1):
        agent.act(TOLD)
        agent.observe(0.5)
    agent.act(TOLD)
    agent.save(tmp_path / "a.mind")
    restored.restore(tmp_path / "a.mind")
    assert restored.phase == "observe"
    np.testing.assert_array_equal(restored.distribution, agent.distribution)
    for one in (agent, restored):
        one.observe(-0.5)
    np.testing.assert_array_equal(decide(restored, TOLD, 5), decide(agent, TOLD, 5))


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("last_action", np.array([0.0, 9.0]), "last action lies outside the bounds"),
        ("last_action", np.array([0.0]), "last_action is float64"),
        ("last_action", np.array([0.0, math.nan]), "last_action holds NaN"),
        ("last_action", None, "arrays other than"),
        ("previous_action", np.float32([[1.5, 0.0]]), "previous action is impossible"),
        ("std", np.array([1.0, -1.0]), "deviations are below 0"),
        ("mean", np.array([math.inf, 0.0]), "mean holds NaN or infinite"),
        ("probabilities", np.zeros(2), "arrays other than"),
        ("counters", np.array([1, 1, 0, 1]), "counters .* are impossible"),
    ],
)
def test_a_forged_mind_is_refused(
    name: str, value: Any, message: str, begun: Callable[..., Any], tmp_path: Path
) -> None:
    agent = begun()
    agent.act(TOLD)
    agent.save(tmp_path / "a.mind")
    with np.load(tmp_path / "a.mind") as file:
        arrays = {**file, name: value}
    with open(tmp_path / "forged.mind", "wb") as file:
        np.savez(file, **{key: array for key, array in arrays.items() if array is not None})
    with pytest.raises(MindError, match=message):
        agent.restore(tmp_path / "forged.mind")
    agent.restore(tmp_path / "a.mind")


@pytest.mark.parametrize("action", ["[0.5]", "1", "null", "[0.5, NaN]", '["a", "b"]', "[[0.5, 6.0]]"])
def test_a_damaged_recording_is_refused(action: str, begun: Callable[..., Any], tmp_path: Path) -> None:
    agent = begun(temperature=0.0)
    agent.record(tmp_path / "match.jsonl")
    decide(agent, TOLD, 1)
    agent.stop_recording()
    text = (tmp_path / "match.jsonl").read_text()
    damaged = text.replace('"action": [0.25, 3.0]', f'"action": {action}', 1)
    assert damaged != text
    (tmp_path / "match.jsonl").write_text(damaged)
    with pytest.raises(RecordingError, match="action must be finite numbers"):
        replay(tmp_path / "match.jsonl", agent.policy)


def test_a_difference_is_counted_and_what_was_done_is_taken(begun: Callable[..., Any], tmp_path: Path) -> None:
    agent = begun(seed=3)
    agent.record(tmp_path / "match.jsonl")
    actions = decide(agent, TOLD, 4)
    agent.stop_recording()
    text = (tmp_path / "match.jsonl").read_text()
    first = f'"action": {actions[1].tolist()}'
    assert text.count(first) == 2  # of act, and of observe
    (tmp_path / "match.jsonl").write_text(text.replace(first, '"action": [0.5, 6.0]'))
    again = replay(tmp_path / "match.jsonl", agent.policy)
    assert (again.num_different, again.first_different) == (1, 1)
    np.testing.assert_array_equal(again.actions, [actions[0], [0.5, 6.0], *actions[2:]])
