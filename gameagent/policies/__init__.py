"""Policies: networks that map inputs and hidden state to outputs and the next hidden state."""

from gameagent.config import TrainConfig
from gameagent.policies.interface import PolicySpec
from gameagent.policies.network import AgentNetwork
from gameagent.policies.transitions import BeliefCorrection, TransitionModel
from gameagent_games.interface import Family


def make_policy(config: TrainConfig, family: Family) -> AgentNetwork:
    """The policy that a config asks for, with fresh weights from torch's global generator."""
    num_episodes = config.num_episodes or family.num_episodes
    spec = PolicySpec.of(family, num_episodes, beliefs=config.beliefs and config.memory == "lstm")
    policy = AgentNetwork(spec, config.hidden_size, recurrent=config.memory == "lstm")
    if config.gradient and policy.belief_head is not None:
        sizes = spec.observation_size, spec.num_actions, policy.belief_head.size, config.hidden_size
        model = TransitionModel(*sizes, reward_scale=config.reward_scale)
        policy.correction = BeliefCorrection(model, config.inner_lr, config.inner_steps)
    return policy
