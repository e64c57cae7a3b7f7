"""Agents that learn by gradient, saved between a decision and its outcome: nothing is learnt from what is not known."""

# mypy: disable-error-code="arg-type, type-var"

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from gameagent.config import make_config
from gameagent.export.bundling import bundle_policy
from gameagent_games.registry import load_family
from gameagent_sdk import Agent, Bundle, MindError, Policy, replay
from gameagent_sdk.authoring import attach_manifest

STEPS = 6  # of an episode
SETTINGS = {
    "forage": {"hidden_size": 16, "gradient": True, "inner_lr": 0.05, "num_episodes": 2},
    "masked_family:ORCHARD": {
        "algorithm": "maml",
        "hidden_size": 8,
        "num_rollouts": 1,
        "inner_steps": 1,
        "inner_lr": 0.5,
    },
}


@pytest.fixture(scope="module", params=SETTINGS)
def policy(request: pytest.FixtureRequest) -> Policy:
    """A policy that was not trained, whose actions depend on what adapts as much as random weights make them."""
    family = load_family(request.param)
    config = make_config(family, SETTINGS[request.param])
    torch.manual_seed(0)
    made = config.method.make_policy(config, family)
    with torch.no_grad():
        if config.algorithm == "maml":
            made.weights["head_weight"].mul_(10.0)
        else:
            made.actor.weight.mul_(300.0)
            made.trunk[0].weight[:, -made.belief_head.size :].mul_(10.0)
    return Policy(without_rollback(bundle_policy(made, config, family, {})), "numpy")


def without_rollback(bundle: Bundle) -> Bundle:
    """The same file with a margin that no return falls below: rewards are random here."""
    gradient = dataclasses.replace(bundle.manifest.gradient, rollback_margin=1e9)
    manifest = dataclasses.replace(bundle.manifest, gradient=gradient)
    return Bundle.from_bytes(attach_manifest(bundle.data, manifest, bundle.adaptation_data))


def inputs(agent: Any, generator: np.random.Generator) -> Any:
    seen = generator.uniform(-1, 1, agent.manifest.observation_size).astype(np.float32)
    legal = generator.permutation(agent.num_actions) > 0 if agent.manifest.action.mask else None
    return seen, legal


def steps(agent: Any, count: Any, generator: np.random.Generator, begin: Any = 0) -> list[Any]:
    """Plays on; episodes end after `STEPS` steps, of which some may have been played before."""
    actions = []
    for step in range(begin, begin + count):
        actions.append(agent.act(*inputs(agent, generator)))
        agent.observe(float(generator.normal()), terminated=step % STEPS == STEPS - 1)
    return actions


def weights(agent: Any) -> dict[Any, Any]:
    agent.tick(10_000.0)
    return {name: array.copy() for name, array in agent._trial.step.context.weights.items()}


def same(one: Any, other: Any) -> bool:
    return all(np.array_equal(one[name], other[name]) for name in one)


def interrupted(policy: Policy, folder: Path, steps_before: Any) -> Any:
    """An agent that was saved with a decision open, and another that was restored from it."""
    agent, again = Agent(policy, seed=1), Agent(policy, seed=2)
    agent.begin_trial()
    steps(agent, steps_before, np.random.default_rng(3))
    agent.act(*inputs(agent, np.random.default_rng(4)))
    agent.save(folder / "player.mind")
    again.begin_trial()
    steps(again, 2, np.random.default_rng(8))  # what it saw before must leave no trace
    again.restore(folder / "player.mind")
    return agent, again


@pytest.mark.parametrize("steps_before", [0, 3, STEPS - 1, STEPS + 2])
def test_where_the_outcome_arrives_it_is_learnt_from_as_if_never_interrupted(
    policy: Policy, steps_before: Any, tmp_path: Path
) -> None:
    agent, again = interrupted(policy, tmp_path, steps_before)
    before = weights(agent)
    for player in (agent, again):
        player.observe(1.5, terminated=(steps_before + 1) % STEPS == 0)
    rest = [steps(player, 2 * STEPS, np.random.default_rng(5), steps_before + 1) for player in (agent, again)]
    assert rest[0] == rest[1]
    assert same(weights(again), weights(agent)) and not same(weights(agent), before)


def test_where_it_never_comes_the_episode_teaches_nothing_and_the_next_one_does(policy: Policy, tmp_path: Path) -> None:
    _, again = interrupted(policy, tmp_path, STEPS + 2)
    before = weights(again)
    generator = np.random.default_rng(5)
    steps(again, STEPS - 3, generator, 3)  # to the episode's end, the open decision being its third step
    assert again.returns[1:] and same(weights(again), before)
    assert len(again._trial.adapter._experience) == 0
    steps(again, STEPS, generator)
    assert not same(weights(again), before)
    assert again.last_adaptation.num_steps == STEPS


def test_saved_once_more_within_that_episode_it_still_teaches_nothing(policy: Policy, tmp_path: Path) -> None:
    _, again = interrupted(policy, tmp_path, STEPS + 2)
    generator = np.random.default_rng(5)
    steps(again, 1, generator, 3)
    again.save(tmp_path / "later.mind")
    third = Agent(policy, seed=4)
    third.restore(tmp_path / "later.mind")
    before = weights(third)
    steps(third, STEPS - 4, generator, 4)
    assert len(third.returns) == 2 and same(weights(third), before)
    steps(third, STEPS, generator)
    assert not same(weights(third), before)


def test_episodes_that_were_partly_frozen_teach_nothing(policy: Policy) -> None:
    agent = Agent(policy, seed=1)
    agent.begin_trial()
    generator = np.random.default_rng(3)
    steps(agent, STEPS, generator)
    before = weights(agent)
    steps(agent, 2, generator)
    agent.freeze()
    agent.unfreeze()
    steps(agent, STEPS - 2, generator, 2)
    agent.freeze()
    steps(agent, 2, generator)
    agent.unfreeze()
    steps(agent, STEPS - 2, generator, 2)
    assert same(weights(agent), before)
    steps(agent, STEPS, generator)
    assert not same(weights(agent), before)


def test_a_recording_that_passes_there_replays(policy: Policy, tmp_path: Path) -> None:
    _, again = interrupted(policy, tmp_path, STEPS + 2)
    again.record(tmp_path / "match.jsonl")
    actions = steps(again, 2 * STEPS - 3, np.random.default_rng(5), 3)
    again.restore(tmp_path / "player.mind")
    again.observe(2.0)
    actions += steps(again, 2 * STEPS - 3, np.random.default_rng(6), 3)
    again.stop_recording()
    told = replay(tmp_path / "match.jsonl", policy)
    assert list(told.actions) == actions and told.num_different == 0
    assert same(weights(told.agent), weights(again))


@pytest.mark.parametrize(
    ("name", "value"), [("incomplete", np.int64(2)), ("observation", 1e20), ("legal_actions", np.uint8(3))]
)
def test_forged_decisions_are_refused(policy: Policy, name: str, value: Any, tmp_path: Path) -> None:
    agent, _ = interrupted(policy, tmp_path, 2)
    with np.load(tmp_path / "player.mind") as arrays:
        kept = dict(arrays)
    if kept[name].size == 0:
        pytest.skip("this bundle has no mask")
    np.savez(tmp_path / "forged.npz", **{**kept, name: np.full_like(kept[name], value)})
    with pytest.raises(MindError, match="damaged or forged"):
        agent.restore(tmp_path / "forged.npz")
