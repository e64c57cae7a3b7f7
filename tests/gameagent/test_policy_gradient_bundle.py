"""Policies of MAML and Reptile in an exported file: an agent in a game takes the gradient steps that torch takes."""

# mypy: disable-error-code="arg-type, attr-defined, call-arg, union-attr"

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from gameagent.config import make_config
from gameagent.errors import ExportError
from gameagent.export.bundling import bundle_policy
from gameagent.export.engines import make_engine_file
from gameagent.inner_loop import for_tasks
from gameagent.methods.gradient.meta_batch import inner_step, with_advantages
from gameagent.playing.trajectories import Trajectories
from gameagent_games.registry import load_family
from gameagent_sdk import Agent, Policy
from gameagent_sdk.adaptation.adapter import MAX_BOUND
from gameagent_sdk.authoring import AdvantageSpec

ROLLOUTS, STEPS = 3, 6
FAMILIES = ("navigation", "forage", "masked_family:ORCHARD")  # continuous actions, choices, legal choices


def lively(name: str, **given: Any) -> Any:
    family = load_family(name)
    given = {
        "algorithm": "maml",
        "hidden_size": 8,
        "num_rollouts": ROLLOUTS,
        "inner_steps": 2,
        "inner_lr": 0.5,
        "return_scaled_steps": True,
    } | given
    config = make_config(family, given)
    torch.manual_seed(0)
    policy = config.method.make_policy(config, family)
    with torch.no_grad():
        policy.weights["head_weight"].mul_(10.0)
        policy.best_return.fill_(10.0)
        policy.pre_adaptation_return.fill_(-10.0)
    return policy, config, family


@pytest.fixture(scope="module")
def made() -> dict[Any, Any]:
    parts = {name: lively(name, return_scaled_steps=name != "forage") for name in FAMILIES}
    return {name: (*part, bundle_policy(*part, {})) for name, part in parts.items()}


def play(agent: Agent, num_episodes: int, generator: np.random.Generator) -> list[Any]:
    """Episodes of random steps: (observations, drawn actions, rewards, legal actions), ``(B, T, …)`` each."""
    spec, seen, done, told, allowed = agent.manifest.action, [], [], [], []
    for _ in range(num_episodes * STEPS):
        seen.append(generator.uniform(-1, 1, agent.manifest.observation_size).astype(np.float32))
        legal = generator.permutation(agent.manifest.num_actions) > 0 if spec.mask else np.zeros(0, bool)
        allowed.append(legal)
        action = agent.act(seen[-1], legal if spec.mask else None)
        done.append(action if isinstance(action, int) else agent._trial.tally.decision.drawn)
        told.append(float(np.float32(generator.normal())))
        agent.observe(told[-1], terminated=len(told) % STEPS == 0)
    return [np.array(part).reshape(num_episodes, STEPS, *np.shape(part[0])) for part in (seen, done, told, allowed)]


@pytest.mark.parametrize("engine", ["onnxruntime", "numpy"])
@pytest.mark.parametrize("name", FAMILIES)
def test_an_agent_takes_the_step_that_torch_takes(made: dict[Any, Any], name: str, engine: str) -> None:
    policy, config, family, bundle = made[name]
    agent = Agent(Policy(bundle, engine), seed=1)
    agent.begin_trial()
    seen, done, told, allowed = play(agent, ROLLOUTS, np.random.default_rng(2))
    agent.tick(1000.0)
    assert agent.last_adaptation.outcome == "changed" and agent.last_adaptation.num_steps == ROLLOUTS * STEPS
    scaled = done if family.box is None else (done / np.array(family.box.high)).astype(np.float32)
    assert family.box is None or np.abs(scaled).max() > 1.1  # so the bounds cut some off

    def padded(array: Any) -> torch.Tensor:  # (1, T, B, …)
        tensor = torch.from_numpy(np.ascontiguousarray(np.swapaxes(array, 0, 1))).unsqueeze(0)
        return torch.cat((tensor, tensor.new_zeros(1, family.max_steps - STEPS, *tensor.shape[2:])), 1)

    valid = padded(np.ones((ROLLOUTS, STEPS), bool))
    observations, actions = padded(seen), padded(scaled)
    start = {own: weight.detach() for own, weight in for_tasks(policy.initialisation, 1).items()}
    one = {own: weight[0] for own, weight in start.items()}
    legal = padded(allowed) | ~valid.unsqueeze(-1)
    log_probs = policy.network.log_probs(one, observations, actions, legal)
    played = Trajectories(observations, actions, log_probs, padded(told).float(), valid, legal)
    support = with_advantages(played, policy.advantages(config))
    sizes = {own: size.detach() for own, size in policy.step_sizes.items()}
    expected = inner_step(policy.network, start, support, sizes, policy.advantages(config))
    found = agent._trial.step.context.weights
    change = max(float((expected[own] - start[own]).abs().max()) for own in sizes)
    share = (found["head_bias"][0] - one["head_bias"].numpy()) / (expected["head_bias"] - start["head_bias"])[0].numpy()
    for own in sizes:  # the trust region may have cut the change back, all of it alike
        wanted = start[own][0] + float(share[0]) * (expected[own] - start[own])[0]
        np.testing.assert_allclose(found[own][0], wanted, atol=2e-5)
    assert change > 1e-3 and 0.05 < share[0] < 1.001


def test_what_the_game_did_instead_is_learnt_from_as_it_was_done(made: dict[Any, Any]) -> None:
    agent = Agent(Policy(made["navigation"][-1]), seed=1)
    agent.begin_trial()
    for _ in range(4):
        agent.act([0.0, 0.0])
        agent.observe(0.0, action=[0.1, -0.05])
    actions = agent._trial.adapter._experience.tensors()["actions"]
    np.testing.assert_allclose(actions, np.tile([1.0, -0.5], (4, 1)), atol=1e-6)


def test_the_manifest_says_how_it_learns(made: dict[Any, Any]) -> None:
    policy, config, _, bundle = made["navigation"]
    gradient = bundle.manifest.gradient
    assert bundle.manifest.adaptation == ("gradient",) and bundle.manifest.training == {}
    assert bundle.manifest.num_episodes == ROLLOUTS * 3 and gradient.episodes_per_step == ROLLOUTS
    assert [weight.name for weight in gradient.weights] == list(policy.step_sizes)
    assert gradient.advantages == AdvantageSpec(config.discount, config.gae_lambda, True, 10.0, -10.0)
    for result in bundle.manifest.parity.values():
        assert result["weights"] <= 1e-5 and result["probabilities"] <= 1e-5


def test_where_the_head_alone_adapts_the_body_is_in_the_graph() -> None:
    policy, config, family = lively("navigation", head_only=True)
    bundle = bundle_policy(policy, config, family, {})
    assert {weight.name for weight in bundle.manifest.gradient.weights} == {"head_weight", "head_bias", "head_log_std"}


@pytest.mark.parametrize("reward", [0.0, 1e30, -3e38])
def test_a_broken_reward_stream_leaves_a_working_agent(made: dict[Any, Any], reward: float) -> None:
    agent = Agent(made["navigation"][3], seed=3)
    agent.begin_trial()
    generator = np.random.default_rng(4)
    for step in range(4 * ROLLOUTS * STEPS):
        action = agent.act(generator.uniform(-1, 1, 2).astype(np.float32))
        assert np.isfinite(action).all()
        agent.observe(reward if step % 5 else 0.5, terminated=step % STEPS == STEPS - 1)
        agent.tick(0.1)
    assert all(np.isfinite(array).all() for array in agent._trial.step.context.weights.values())


def test_a_restored_agent_goes_on_bit_for_bit(made: dict[Any, Any], tmp_path: Path) -> None:
    agents = [Agent(made["forage"][3], seed=5) for _ in range(2)]
    agents[0].begin_trial()
    play(agents[0], ROLLOUTS + 1, np.random.default_rng(6))
    agents[0].save(tmp_path / "one.mind")
    agents[1].restore(tmp_path / "one.mind")
    later = [play(agent, ROLLOUTS, np.random.default_rng(7))[1] for agent in agents]
    assert (later[0] == later[1]).all()
    for name, weight in agents[0]._trial.step.context.weights.items():
        assert (weight == agents[1]._trial.step.context.weights[name]).all()


@pytest.mark.parametrize("engine", ["onnxruntime", "numpy"])
def test_lengths_of_experience_come_and_go_without_an_influence_on_one_another(
    made: dict[Any, Any], engine: str
) -> None:
    """As many bindings are kept as lengths recur; one that was used before gives what a fresh one gives."""
    policy, lengths = Policy(made["forage"][3], engine), [6, 9, 17, 33, 70, 6, 150, 6]

    def adapted(agent: Agent, length: int) -> dict[Any, Any]:
        agent.begin_trial()
        generator = np.random.default_rng(length)
        for step in range(ROLLOUTS * length):
            agent.act(generator.uniform(-1, 1, agent.manifest.observation_size).astype(np.float32))
            agent.observe(float(generator.normal()), terminated=step % length == length - 1)
        agent.tick(1000.0)
        assert len(agent._trial.adapter._bound) <= MAX_BOUND
        return {name: array.copy() for name, array in agent._trial.step.context.weights.items()}

    used = Agent(policy, seed=1, temperature=0.0)
    for length in lengths:
        fresh = Agent(policy, seed=1, temperature=0.0)
        for name, array in adapted(used, length).items():
            np.testing.assert_array_equal(array, adapted(fresh, length)[name])


def test_engines_files_are_refused(made: dict[Any, Any]) -> None:
    policy, config, family, _ = made["forage"]
    with pytest.raises(ExportError, match="maml adapts by gradient steps alone, and files for engines carry none"):
        make_engine_file(policy, config, family, {}, "godot")
