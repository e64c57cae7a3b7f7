"""Policies: networks that map inputs and hidden state to outputs and the next hidden state."""

from typing import TypeAlias

from gameagent.config import TrainConfig
from gameagent.methods.belief_correction.correction import BeliefCorrection, TransitionModel
from gameagent.methods.gradient.policy import GradientPolicy
from gameagent.nets.interface import PolicySpec
from gameagent.nets.network import AgentNetwork
from gameagent_games.interface import Family

TrainedPolicy: TypeAlias = AgentNetwork | GradientPolicy
"""What a run trains."""


def make_policy(config: TrainConfig, family: Family) -> TrainedPolicy:
    """The policy that a config asks for, with fresh weights from torch's global generator."""
    return make_network(config, family) if config.algorithm == "rl2" else make_gradient_policy(config, family)


def make_network(config: TrainConfig, family: Family) -> AgentNetwork:
    """A policy that adapts by memory, or not at all."""
    beliefs = config.beliefs and config.memory == "lstm"
    spec = PolicySpec.of(family, config.episodes_of_trial(family), beliefs)
    policy = AgentNetwork(spec, config.hidden_size, recurrent=config.memory == "lstm")
    if config.gradient and policy.belief_head is not None:
        sizes = spec.observation_size, spec.num_actions, policy.belief_head.size, config.hidden_size
        model = TransitionModel(*sizes, reward_scale=config.reward_scale)
        policy.correction = BeliefCorrection(model, config.inner_lr, config.inner_steps)
    return policy


def make_gradient_policy(config: TrainConfig, family: Family) -> GradientPolicy:
    """A policy that adapts by gradient steps alone."""
    spec = PolicySpec.of(family, config.episodes_of_trial(family), beliefs=False)
    return GradientPolicy(spec, config.hidden_size, config.inner_lr, head_only=config.head_only)
