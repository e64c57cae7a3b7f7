"""Gradient steps in an exported file: an agent in a game takes the steps that torch takes, and is never harmed."""

# mypy: disable-error-code="attr-defined, type-var, union-attr"

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime  # type: ignore[import-untyped]
import pytest
import torch

from gameagent.config import make_config
from gameagent.export.bundling import bundle_policy
from gameagent.methods.belief_correction.correction import OFFSET, Transitions
from gameagent_games.registry import load_family
from gameagent_sdk import Agent, Bundle, BundleError, InputError, MindError, Policy, Squad, replay
from gameagent_sdk.authoring import attach_manifest

STEPS = 6  # of an episode in these tests


@pytest.fixture(scope="module")
def made() -> Any:
    """A policy that was not trained, whose beliefs and corrections are as lively as random weights make them."""
    family = load_family("forage")
    config = make_config(family, {"hidden_size": 16, "gradient": True, "inner_lr": 0.05, "num_episodes": 2})
    torch.manual_seed(0)
    policy = config.method.make_policy(config, family).eval()
    with torch.no_grad():
        policy.actor.weight.mul_(100.0)  # so that actions depend on beliefs
        policy.trunk[0].weight[:, -policy.belief_head.size :].mul_(10.0)
    return policy, bundle_policy(policy, config, family, {})


def test_measuring_what_rounding_makes_leaves_the_policy_as_it_was(made: Any) -> None:
    """Its scales are shared by memory and correction."""
    policy, _ = made
    fresh = policy.state_dict()
    assert {name: tensor.dtype for name, tensor in fresh.items() if tensor.dtype == torch.float64}.keys() == {
        name for name in fresh if name.split(".")[-1] in ("mean", "square", "count", "products")
    }


@pytest.fixture(params=["onnxruntime", "numpy"])
def runtime(made: Any, request: pytest.FixtureRequest) -> Policy:
    return Policy(made[1], request.param)


def with_gradient(bundle: Bundle, **changes: Any) -> Bundle:
    """The same file with other bounds."""
    manifest = bundle.manifest
    gradient = dataclasses.replace(manifest.gradient, **changes)
    return Bundle.from_bytes(
        attach_manifest(bundle.data, dataclasses.replace(manifest, gradient=gradient), bundle.adaptation_data)
    )


def play(
    agent: Agent, num_episodes: int, generator: np.random.Generator, reward: float | None = None, ticks: float = 0.0
) -> Any:
    """Episodes of random observations; gives the actions and what was observed."""
    actions, seen = [], []
    for _ in range(num_episodes):
        for step in range(STEPS):
            observation = generator.uniform(-1, 1, agent.manifest.observation_size).astype(np.float32)
            action = agent.act(observation)
            value = float(generator.normal()) if reward is None else reward
            agent.observe(value, terminated=step == STEPS - 1)
            agent.tick(ticks)
            actions.append(action)
            seen.append((observation, action, value, agent._trial.step.beliefs[0].copy()))
    return actions, seen


def weights(agent: Any) -> Any:
    agent._trial.adapter.finish()
    return agent._trial.step.context.weights[OFFSET].copy()


def test_an_agent_takes_the_steps_that_torch_takes(made: Any, runtime: Policy) -> None:
    policy = made[0]
    agent = Agent(runtime, seed=1)
    agent.begin_trial()
    offset, generator = torch.zeros(1, policy.belief_head.size), np.random.default_rng(2)
    for _ in range(4):
        _, seen = play(agent, 1, generator)
        observations, actions, rewards, beliefs = (torch.tensor(np.array(part)) for part in zip(*seen, strict=True))
        one_hot = torch.nn.functional.one_hot(actions, 5).float()
        taught = Transitions(
            observations[:-1], one_hot[:-1], beliefs[:-1], observations[1:], rewards[:-1, None].float(),
            torch.ones(STEPS - 1, dtype=torch.bool),
        )  # fmt: skip
        with torch.no_grad():
            offset = policy.correction.correct(offset, Transitions(*(part.unsqueeze(0) for part in taught)))
        np.testing.assert_allclose(weights(agent), offset.numpy(), atol=1e-5)
        assert agent.last_adaptation.outcome == "changed"
        assert agent.last_adaptation.num_steps == STEPS
    assert np.abs(offset.numpy()).max() > 0.01


def test_what_an_agent_does_does_not_depend_on_ticks(runtime: Policy) -> None:
    runs = []
    for ticks in (0.0, 0.001, 50.0):
        agent = Agent(runtime, seed=1)
        agent.begin_trial()
        runs.append(play(agent, 4, np.random.default_rng(3), ticks=ticks)[0])
        assert agent.num_pending <= 1  # also where nobody ever ticks
    assert runs[0] == runs[1] == runs[2]


def test_a_squad_adapts_like_agents_alone(runtime: Policy) -> None:
    squad = Squad(runtime, seed=0)
    members = [squad.join(seed=seed) for seed in (1, 2, 3)]
    alone = [Agent(runtime, seed=seed) for seed in (1, 2, 3)]
    for agent in alone:
        agent.begin_trial()
    generator = np.random.default_rng(4)
    for step in range(3 * STEPS):
        observations = generator.uniform(-1, 1, (3, runtime.manifest.observation_size)).astype(np.float32)
        together = squad.act(dict(zip(members, observations, strict=True)))
        for member, agent, observation in zip(members, alone, observations, strict=True):
            assert agent.act(observation) == together[member]
            for one in (member, agent):
                one.observe(float(observation[0]), terminated=step % STEPS == STEPS - 1)
    for member, agent in zip(members, alone, strict=True):
        np.testing.assert_allclose(weights(member), weights(agent), atol=1e-6)
        assert np.abs(weights(agent)).max() > 0.001


@pytest.mark.parametrize("moment", [0, 3, STEPS, STEPS + 4])
def test_a_restored_agent_goes_on_bit_for_bit(runtime: Policy, tmp_path: Path, moment: Any) -> None:
    def run(agent: Agent, first: Any, last: Any) -> list[Any]:
        actions = []
        for step in range(first, last):
            observation = np.random.default_rng(step).uniform(-1, 1, agent.manifest.observation_size)
            actions.append(agent.act(observation))
            agent.observe(float(observation[1]), terminated=step % STEPS == STEPS - 1)
        return actions

    agent, other = Agent(runtime, seed=1), Agent(runtime, seed=9)
    agent.begin_trial()
    run(agent, 0, moment)
    agent.save(tmp_path / "a.mind")
    expected = run(agent, moment, 4 * STEPS)
    other.restore(tmp_path / "a.mind")
    assert run(other, moment, 4 * STEPS) == expected
    np.testing.assert_array_equal(weights(other), weights(agent))


def test_a_replay_takes_the_same_gradient_steps(runtime: Policy, tmp_path: Path) -> None:
    agent = Agent(runtime, seed=1)
    agent.begin_trial()
    play(agent, 1, np.random.default_rng(5))
    agent.record(tmp_path / "r.jsonl")
    play(agent, 2, np.random.default_rng(26), ticks=1.0)
    assert agent.rollback()
    play(agent, 2, np.random.default_rng(7))
    agent.stop_recording()
    again = replay(tmp_path / "r.jsonl", runtime)
    assert again.num_different == 0
    np.testing.assert_array_equal(weights(again.agent), weights(agent))


def test_rollback_takes_back_the_last_steps_and_only_these(runtime: Policy) -> None:
    agent = Agent(runtime, seed=1)
    agent.begin_trial()
    assert not agent.rollback()
    play(agent, 1, np.random.default_rng(8))
    first = weights(agent)
    play(agent, 1, np.random.default_rng(9))
    assert not np.array_equal(weights(agent), first)
    assert agent.rollback()
    np.testing.assert_array_equal(weights(agent), first)
    assert agent.last_adaptation.outcome == "rolled back"
    assert not agent.rollback()


def test_harm_is_taken_back(made: Any) -> None:
    agent = Agent(Policy(with_gradient(made[1], rollback_margin=1.0)), seed=1)
    agent.begin_trial()
    play(agent, 1, np.random.default_rng(1), reward=0.5)
    first = weights(agent)
    assert np.abs(first).max() > 0
    play(agent, 1, np.random.default_rng(2), reward=0.4)  # falls by 0.6: no harm, so it learns from this one
    second = weights(agent)
    assert not np.array_equal(second, first)
    play(agent, 1, np.random.default_rng(3), reward=0.0)  # 2.4 below the one before
    np.testing.assert_array_equal(agent._trial.step.context.weights[OFFSET], first)
    assert agent.last_adaptation.outcome == "rolled back"


def _adapted(bundle: Bundle) -> Agent:
    """An agent after one episode and the gradient steps on it."""
    agent = Agent(Policy(bundle), seed=1)
    agent.begin_trial()
    play(agent, 1, np.random.default_rng(1))
    weights(agent)
    return agent


def test_the_trust_region_bounds_every_change(made: Any) -> None:
    free = _adapted(made[1])
    most = free.last_adaptation.kl / 10.0
    bound = _adapted(with_gradient(made[1], max_kl=most))
    assert 0.0 < bound.last_adaptation.kl <= most
    assert 0 < bound.last_adaptation.change < free.last_adaptation.change
    before, after = bound.last_adaptation.before, bound.last_adaptation.after
    assert before.shape == after.shape == (STEPS, 5)
    assert bound.last_adaptation.kl == pytest.approx(float((before * np.log(before / after)).sum(1).mean()))


@pytest.mark.parametrize("reward", [1e30, -1e30, 3.4e38, 0.0, 7.0])
def test_a_broken_reward_stream_leaves_a_working_agent(runtime: Policy, reward: float) -> None:
    agent = Agent(runtime, seed=1)
    agent.begin_trial()
    play(agent, 3, np.random.default_rng(1), reward=1.0)
    play(agent, 4, np.random.default_rng(1), reward=reward)
    assert np.isfinite(weights(agent)).all()
    bound = 7 * 3 * 0.05 * 10.0  # adaptations, inner steps, step size, norm
    assert np.linalg.norm(weights(agent)) <= bound


def test_a_reward_that_is_no_number_is_refused_and_nothing_learnt_from_it(runtime: Policy) -> None:
    agent = Agent(runtime, seed=1)
    agent.begin_trial()
    play(agent, 1, np.random.default_rng(1))
    learnt = weights(agent)
    agent.act(np.zeros(agent.manifest.observation_size, np.float32))
    for reward in (np.nan, np.inf):
        with pytest.raises(InputError, match="reward"):
            agent.observe(reward, terminated=True)
    np.testing.assert_array_equal(weights(agent), learnt)


def test_a_frozen_agent_takes_no_steps_and_a_forgetful_one_goes_back(runtime: Policy) -> None:
    agent = Agent(runtime, seed=1)
    agent.begin_trial()
    play(agent, 1, np.random.default_rng(1))
    learnt = weights(agent)
    agent.freeze()
    play(agent, 2, np.random.default_rng(2))
    np.testing.assert_array_equal(weights(agent), learnt)
    agent.unfreeze()
    agent.forget(0.5)
    np.testing.assert_allclose(weights(agent), 0.5 * learnt, rtol=1e-6)
    agent.forget(1.0)
    assert not weights(agent).any()
    play(agent, 1, np.random.default_rng(2))
    assert weights(agent).any()
    agent.begin_trial()
    assert not weights(agent).any()
    assert agent.last_adaptation is None


def test_any_engine_may_leave_the_weights_out(made: Any) -> None:
    bundle = made[1]
    session = onnxruntime.InferenceSession(bundle.data)
    inputs = {
        port.name: np.zeros([3, *port.shape[1:]], np.float32) for port in session.get_inputs() if port.name != OFFSET
    }
    logits = session.run(["logits"], inputs)[0]
    agent = Agent(bundle, seed=0)
    agent.begin_trial()
    agent._trial.step.inputs["episode_start"][:] = 0.0
    agent.act(np.zeros(agent.manifest.observation_size, np.float32))
    np.testing.assert_allclose(logits[0], agent._trial.given[0], atol=1e-6)


def test_a_changed_or_missing_adaptation_graph_is_refused(made: Any) -> None:
    bundle = made[1]
    with pytest.raises(BundleError, match="changed after export"):
        Bundle.from_bytes(bundle.data.replace(b"gameagent.adaptation", b"gameagent.adaptation", 1)[:-9] + b"AAAAAAAA=")
    with pytest.raises(BundleError, match="disagree on whether it is there"):
        Bundle.from_bytes(attach_manifest(bundle.data, bundle.manifest))
    plain = dataclasses.replace(bundle.manifest, gradient=None, adaptation=("memory",))
    with pytest.raises(BundleError, match="belief_offset"):
        Bundle.from_bytes(attach_manifest(bundle.data, plain))
    with pytest.raises(BundleError, match="input observations is missing"):
        Bundle.from_bytes(attach_manifest(bundle.data, bundle.manifest, bytes(bundle.data)))


def test_a_forged_mind_is_refused(made: Any, tmp_path: Path) -> None:
    agent = Agent(made[1], seed=0)
    agent.begin_trial()
    play(agent, 1, np.random.default_rng(1))
    agent.save(tmp_path / "m.mind")
    with np.load(tmp_path / "m.mind") as file:
        arrays = dict(file)
    agent.restore(tmp_path / "m.mind")
    places = arrays["probe_places"]
    forgeries = {
        "weights." + OFFSET: arrays["weights." + OFFSET] * np.nan,
        "may_go_back": np.array(2),
        "guard": arrays["guard"] * 2.0,  # a trust of 2
        "probe_places": np.append(places[:-1], places[-1] + 2**40),
        "experience": np.zeros((2**14 + 1, arrays["experience"].shape[1]), np.float32),
        "probe.observation": np.zeros((17, arrays["probe.observation"].shape[1]), np.float32),
    }
    for name, forged in forgeries.items():
        with open(tmp_path / "f.mind", "wb") as file:
            np.savez(file, **(arrays | {name: forged}))
        with pytest.raises(MindError):
            agent.restore(tmp_path / "f.mind")


def test_a_mind_of_an_older_sdk_is_refused_in_one_clear_line(made: Any, tmp_path: Path) -> None:
    agent = Agent(made[1], seed=0)
    agent.begin_trial()
    agent.save(tmp_path / "m.mind")
    with np.load(tmp_path / "m.mind") as file:
        arrays = {name: array for name, array in file.items() if name not in ("guard", "may_go_back", "probe_places")}
    with open(tmp_path / "m.mind", "wb") as file:
        np.savez(file, **arrays, adaptation=np.array([0, 0]))
    with pytest.raises(MindError, match="saved by an older gameagent-sdk, whose gradient steps kept less: begin a new"):
        agent.restore(tmp_path / "m.mind")
