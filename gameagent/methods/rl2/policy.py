"""The policy network of learning by memory, with or without belief correction."""

from gameagent.config import TrainConfig
from gameagent.methods.belief_correction.network import CorrectedNetwork
from gameagent.methods.rl2.config import Rl2Config
from gameagent.nets.cores.interface import Core
from gameagent.nets.cores.lstm import Lstm
from gameagent.nets.cores.none import NoMemory
from gameagent.nets.interface import PolicySpec
from gameagent.nets.network import AgentNetwork
from gameagent_games.interface import Family


def make_spec(config: TrainConfig, family: Family) -> PolicySpec:
    """What the policy must know of its game."""
    return PolicySpec.of(family, config.episodes_of_trial(family), Rl2Config.of(config).believes)


def make_core(config: TrainConfig, spec: PolicySpec) -> Core:
    """What remembers."""
    return Lstm(spec.num_inputs, config.hidden_size) if Rl2Config.of(config).memory == "lstm" else NoMemory()


def make_network(config: TrainConfig, spec: PolicySpec, core: Core) -> AgentNetwork:
    """The network around a core, with fresh weights from torch's global generator."""
    own = Rl2Config.of(config)
    if not own.gradient:
        return AgentNetwork(spec, config.hidden_size, core)
    return CorrectedNetwork(
        spec,
        config.hidden_size,
        core,
        inner_lr=own.inner_lr,
        inner_steps=own.inner_steps,
    )
