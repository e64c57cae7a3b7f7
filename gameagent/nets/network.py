"""The policy network: Meta-LSTM with beliefs (Duan et al. 2016; Wang et al. 2016), or the same without memory."""

import math

import torch
from torch import Tensor, nn

from gameagent.nets.beliefs import BeliefHead
from gameagent.nets.interface import HiddenState, Inputs, Outputs, PolicyNetwork, PolicySpec


class AgentNetwork(PolicyNetwork):
    """Encoder, optional LSTM with layer norm, optional belief head, actor and critic.

    Actor and critic share a trunk that sees (inputs, recurrent output, belief with its gradient stopped).
    """

    def __init__(self, spec: PolicySpec, hidden_size: int, recurrent: bool) -> None:
        super().__init__()
        self.spec = spec
        self.hidden_size = hidden_size
        self.recurrent = recurrent
        num_inputs = spec.observation_size + spec.num_actions + 2
        self.encoder = nn.Linear(num_inputs, hidden_size) if recurrent else None
        self.lstm = nn.LSTM(hidden_size, hidden_size) if recurrent else None
        self.memory_norm = nn.LayerNorm(hidden_size) if recurrent else None
        num_features = num_inputs + hidden_size if recurrent else num_inputs
        self.belief_head = BeliefHead(spec.belief_slots, hidden_size) if spec.belief_slots else None
        num_features += self.belief_head.size if self.belief_head else 0
        self.trunk = nn.Sequential(
            nn.Linear(num_features, 2 * hidden_size), nn.ReLU(), nn.Linear(2 * hidden_size, hidden_size), nn.ReLU()
        )
        self.actor = nn.Linear(hidden_size, spec.distribution.num_outputs)
        self.critic = nn.Linear(hidden_size, 1)
        self._initialise()

    def _initialise(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.orthogonal_(module.weight, math.sqrt(2.0))
                nn.init.zeros_(module.bias)
        self.spec.distribution.initialise(self.actor)
        nn.init.orthogonal_(self.critic.weight, 1.0)
        if self.lstm is not None:
            input_weight, hidden_weight, *biases = self.lstm.parameters()
            nn.init.xavier_uniform_(input_weight)
            for gate in hidden_weight.data.chunk(4):
                nn.init.orthogonal_(gate)
            for bias in biases:
                nn.init.zeros_(bias)
            # Chrono initialisation (Tallec and Ollivier 2018, eq. 16): memory that lasts 1 … T steps from the start.
            lifetimes = torch.empty(self.hidden_size).uniform_(1.0, max(self.spec.horizon - 1.0, 2.0))
            biases[0].data[self.hidden_size : 2 * self.hidden_size] = lifetimes.log()
            biases[0].data[: self.hidden_size] = -lifetimes.log()

    def initial_state(self, num_rows: int) -> HiddenState:
        """The hidden state at a trial's start: zeros ``(num_rows, H)`` by name."""
        if not self.recurrent:
            return {}
        weight = self.actor.weight  # of whose type it is
        return {name: weight.new_zeros(num_rows, self.hidden_size) for name in ("hidden_h", "hidden_c")}

    @property
    def belief_size(self) -> int:
        """See `PolicyNetwork.belief_size`."""
        return 0 if self.belief_head is None else self.belief_head.size

    def separate_parts(self) -> list[list[nn.Parameter]]:
        """Parameters whose losses share nothing, so that the gradient of one must not scale down the other's."""
        return [list(self.parameters())]

    @staticmethod
    def join(inputs: Inputs) -> Tensor:
        """All that is seen at a step in one vector ``(…, D + A + 2)``."""
        return torch.cat((inputs.observation, inputs.previous_action, inputs.previous_reward, inputs.episode_start), -1)

    def forward(self, inputs: Inputs, hidden_state: HiddenState) -> tuple[Outputs, HiddenState]:
        """See `PolicyNetwork.forward`."""
        seen, memory = self.join(inputs), None
        if self.encoder is not None and self.lstm is not None and self.memory_norm is not None:
            start = (hidden_state["hidden_h"].unsqueeze(0), hidden_state["hidden_c"].unsqueeze(0))
            raw, (h, c) = self.lstm(torch.relu(self.encoder(seen)), start)
            memory = self.memory_norm(raw)
            hidden_state = {"hidden_h": h[0], "hidden_c": c[0]}
        return self.decide(seen, memory, inputs), hidden_state

    def decide(self, seen: Tensor, memory: Tensor | None, inputs: Inputs) -> Outputs:
        """Beliefs, the distribution of actions, and values.

        Args:
            seen: What `join` gives, ``(…, D + A + 2)``.
            memory: Recurrent output ``(…, H)``, or None for a policy without memory.
            inputs: For legal actions, and for the truth where it stands in for the belief.
        """
        parts = [seen] if memory is None else [seen, memory]
        beliefs = seen[..., :0]
        if self.belief_head is not None and memory is not None:
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
