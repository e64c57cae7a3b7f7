"""The policy network: a core that remembers, beliefs about the hidden rules, an actor and a critic."""

import math
from typing import Any

import torch
from torch import Tensor, nn

from gameagent.nets.beliefs import BeliefHead
from gameagent.nets.cores.interface import Core
from gameagent.nets.cores.state import HiddenState
from gameagent.nets.encoders import make_encoder
from gameagent.nets.interface import Inputs, Outputs, PolicyNetwork, PolicySpec
from gameagent_sdk.authoring import TensorSpec

MOVED_INTO_CORE = ("encoder.", "lstm.", "memory_norm.")  # weights that earlier checkpoints hold beside the core


class AgentNetwork(PolicyNetwork):
    """A core, a belief head if there are hidden rules to believe something about, actor and critic.

    Actor and critic share a trunk that sees (inputs, what the core remembers, belief with its gradient stopped).

    Attributes:
        observation_encoder: Unfolds observations by their features' kinds; None if they are read as they are.
        core: What remembers.
        belief_head: Predicts the hidden rules from what the core remembers; None for a policy without beliefs.
    """

    def __init__(self, spec: PolicySpec, hidden_size: int, core: Core) -> None:
        """Fresh weights from torch's global generator.

        Args:
            spec: Of the game.
            hidden_size: Width of the trunk (H); of its first layer twice that.
            core: Takes `PolicySpec.num_inputs` values at a step.
        """
        super().__init__()
        self.spec = spec
        self.observation_encoder = make_encoder(spec.features)
        self.core = core
        self.belief_head = BeliefHead(spec.belief_slots, core.size) if spec.belief_slots else None
        num_features = spec.num_inputs + core.size + self.belief_size
        self.trunk = nn.Sequential(
            nn.Linear(num_features, 2 * hidden_size), nn.ReLU(), nn.Linear(2 * hidden_size, hidden_size), nn.ReLU()
        )
        self.actor = nn.Linear(hidden_size, spec.distribution.num_outputs)
        self.critic = nn.Linear(hidden_size, 1)
        self._initialise()
        self.register_load_state_dict_pre_hook(_into_core)  # type: ignore[no-untyped-call]

    def _initialise(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.orthogonal_(module.weight, math.sqrt(2.0))
                nn.init.zeros_(module.bias)
        self.spec.distribution.initialise(self.actor)
        nn.init.orthogonal_(self.critic.weight, 1.0)
        self.core.initialise(self.spec.horizon)

    @property
    def state_specs(self) -> tuple[TensorSpec, ...]:
        """The core's."""
        return self.core.state_specs

    @property
    def belief_size(self) -> int:
        """See `PolicyNetwork.belief_size`."""
        return 0 if self.belief_head is None else self.belief_head.size

    def separate_parts(self) -> list[list[nn.Parameter]]:
        """Parameters whose losses share nothing, so that the gradient of one must not scale down the other's."""
        return [list(self.parameters())]

    def join(self, inputs: Inputs) -> Tensor:
        """All that is seen at a step in one vector ``(…, E + A + 2)``, the observation encoded."""
        seen = inputs.observation if self.observation_encoder is None else self.observation_encoder(inputs.observation)
        return torch.cat((seen, inputs.previous_action, inputs.previous_reward, inputs.episode_start), -1)

    def forward(self, inputs: Inputs, hidden_state: HiddenState) -> tuple[Outputs, HiddenState]:
        """See `PolicyNetwork.forward`."""
        seen = self.join(inputs)
        memory, hidden_state = self.core(seen, hidden_state)
        return self.decide(seen, memory, inputs), hidden_state

    def decide(self, seen: Tensor, memory: Tensor, inputs: Inputs) -> Outputs:
        """Beliefs, the distribution of actions, and values.

        Args:
            seen: What `join` gives, ``(…, E + A + 2)``.
            memory: What the core remembers, ``(…, H)``.
            inputs: For legal actions, and for the truth if it stands in for the belief.
        """
        parts = [seen, memory] if self.core.size else [seen]
        beliefs = seen[..., :0]
        if self.belief_head is not None:
            beliefs = self.belief_head(memory)
            shown = beliefs.detach()
            if inputs.belief_offset is not None:
                shown = shown + inputs.belief_offset
            if inputs.informed is not None:
                shown = torch.lerp(shown, inputs.truth.expand_as(shown), inputs.informed)
            parts.append(shown)
        features = self.trunk(torch.cat(parts, -1))
        action_params = self.spec.distribution.params(self.actor(features), inputs.legal_actions)
        values = self.critic(features)[..., 0]
        return Outputs(action_params, values, beliefs)


def _into_core(module: nn.Module, state_dict: dict[str, Any], prefix: str, *_: Any) -> None:
    """Gives weights of a checkpoint of an earlier version the names that they have now."""
    for name in [name for name in state_dict if name.removeprefix(prefix).startswith(MOVED_INTO_CORE)]:
        state_dict[f"{prefix}core.{name.removeprefix(prefix)}"] = state_dict.pop(name)
