"""Whole trials in both engines of the SDK, for every kind of policy that is exported: the same actions."""

# mypy: disable-error-code="arg-type"

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gameagent_games import Family, Simulator
from gameagent_sdk import Agent, Policy

KINDS = {
    "memory with beliefs": ("forage", {}),
    "memory without beliefs": ("gridnavi", {"beliefs": False}),
    "memoryless": ("gridnavi", {"memory": "none", "beliefs": False}),
    "oracle": ("bandit", {"reveal": True}),
    "masked, in turns": ("two_seat_families:NIM", {}),
    "large": ("bandit", {"hidden_size": 128}),
}


def play(policy: Policy, family: Family, variant: Any, seed: int) -> list[tuple[Any, NDArray[np.float64], Any]]:
    """A trial of one game, an agent deciding for whoever moves: the actions, chances and beliefs of every decision."""
    agent = Agent(policy, seed=seed)
    agent.begin_trial()
    game = Simulator(family, 1, num_episodes=family.num_episodes)
    game.reset(variant, np.array([seed]))
    decisions = []
    while not game.finished[0]:
        seat = int(game.acting[0].argmax())
        legal = game.legal_actions[0, seat] if family.has_mask else None
        action = agent.act(game.observations[0, seat], legal)
        decisions.append((action, agent.probabilities, agent._trial.step.beliefs[0].copy()))
        game.step(np.full((1, family.num_seats), action))
        agent.observe(float(game.rewards[0, seat]), bool(game.terminated[0]), bool(game.truncated[0]))
    return decisions


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_actions_for_whole_trials(kind: str, bundle_of: Any) -> None:
    name, given = KINDS[kind]
    bundle, _, family = bundle_of(name, **given)
    policies = [Policy(bundle, engine) for engine in ("onnxruntime", "numpy")]
    for seed in range(4):
        variant = family.space.sample(1, seed, "test" if name != "gridnavi" else "all")
        first, second = (play(policy, family, variant, seed) for policy in policies)
        assert len(first) >= family.num_episodes
        assert [decision[0] for decision in first] == [decision[0] for decision in second]
        for (_, chances, beliefs), (_, other_chances, other_beliefs) in zip(first, second, strict=True):
            np.testing.assert_allclose(chances, other_chances, rtol=0, atol=1e-5)
            np.testing.assert_allclose(beliefs, other_beliefs, rtol=0, atol=1e-5)
