"""The policy network: a core that remembers, beliefs about the hidden rules, an actor and a critic."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from gameagent.nets.beliefs import BeliefHead
from gameagent.nets.changes import Changes
from gameagent.nets.cores.interface import Core, CoreStep
from gameagent.nets.cores.state import HiddenState
from gameagent.nets.critic import Critic
from gameagent.nets.distribution import ActionParams
from gameagent.nets.encoders import make_encoder
from gameagent.nets.interface import POSITION_SIZE, Inputs, Outputs, PolicyNetwork, PolicySpec
from gameagent.nets.scales import NUM_REWARDS, InputScales
from gameagent.workers import Workers
from gameagent_sdk.authoring import TensorSpec

NUMBERS = "hidden_numbers"
"""Name of the hidden state that keeps an observation's numbers for the step after."""


class Decision(NamedTuple):
    """What the policy makes of a step.

    Attributes:
        action_params: Of the distribution of actions, see `distribution.ActionParams`; ``(…, A)`` each.
        beliefs: What the belief head predicts, ``(…, E)``; E may be 0.
        situation: All that the policy acts on, ``(…, F)``: what is seen, what is remembered, and the belief, which may
            be corrected, and is the truth in informed trials.
    """

    action_params: ActionParams
    beliefs: Tensor
    situation: Tensor


class AgentNetwork(PolicyNetwork):
    """A core, a belief head if there are hidden rules to believe something about, actor and critic.

    The actor sees (inputs, what the core remembers, belief with its gradient stopped); the critic sees this and more.

    Attributes:
        scales: Bring observations and rewards to order one.
        changes: Do so with what an observation's numbers have changed by since the step before.
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
        self.distribution = spec.distribution  # a part of the policy, so that it moves to a device with it
        self.observation_encoder = make_encoder(spec.features, num_more=NUM_REWARDS)
        self.scales = InputScales(spec.observation_size, spec.features)
        self.changes = Changes(spec.features, spec.observation_size)
        self.core = core
        self.belief_head = BeliefHead(spec.belief_slots, core.size) if spec.belief_slots else None
        num_features = self.situation_size
        self.trunk = nn.Sequential(
            nn.Linear(num_features, 2 * hidden_size), nn.ReLU(), nn.Linear(2 * hidden_size, hidden_size), nn.ReLU()
        )
        self.actor = nn.Linear(hidden_size, spec.distribution.num_outputs)
        more = spec.truth_size + POSITION_SIZE + (1 if spec.belief_slots else 0)
        self.critic = Critic(num_features + more, hidden_size, spec.truth_size)
        self._initialise()

    def _initialise(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.orthogonal_(module.weight, math.sqrt(2.0))
                nn.init.zeros_(module.bias)
        self.spec.distribution.initialise(self.actor)
        nn.init.orthogonal_(self.critic.out.weight, 0.1)
        self.core.initialise(self.spec.horizon)

    @property
    def state_specs(self) -> tuple[TensorSpec, ...]:
        """The core's, and what changes are taken from."""
        if not self._sees_changes:
            return self.core.state_specs
        return (*self.core.state_specs, TensorSpec(NUMBERS, (self.changes.size,)))

    @property
    def _sees_changes(self) -> bool:
        """Whether there are numbers to change, and a core that may know the step before."""
        return self.changes.size > 0 and self.core.size > 0

    @property
    def situation_size(self) -> int:
        """See `PolicyNetwork.situation_size`."""
        return self.spec.num_inputs + self.core.size + self.belief_size

    @property
    def belief_size(self) -> int:
        """See `PolicyNetwork.belief_size`."""
        return 0 if self.belief_head is None else self.belief_head.size

    def separate_parts(self) -> dict[str, list[nn.Parameter]]:
        """Parameters by what they learn, so that a large gradient of one part does not scale down another's."""
        parts: dict[str, list[nn.Parameter]] = {"": [], "critic": []}
        for name, parameter in self.named_parameters():
            parts["critic" if name.startswith("critic.") else ""].append(parameter)
        return parts

    def matrices_and_others(self) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
        """Weights that lie between layers, and all other parameters: those of layers that give outputs, and biases."""
        inner: list[nn.Parameter] = []
        others: list[nn.Parameter] = []
        outputs = {id(layer.weight) for layer in self._output_layers()}
        for parameter in self.parameters():
            (inner if parameter.dim() == 2 and id(parameter) not in outputs else others).append(parameter)
        return inner, others

    def _output_layers(self) -> list[nn.Linear]:
        heads = [self.actor, self.critic.out]
        return heads if self.belief_head is None else [*heads, self.belief_head.out]

    def forward(self, inputs: Inputs, hidden_state: HiddenState) -> tuple[Outputs, HiddenState]:
        """See `PolicyNetwork.forward`."""
        numbers, kept = self.changes.numbers(inputs.observation), {}
        before = numbers
        if self._sees_changes:
            before, kept = torch.cat((hidden_state[NUMBERS].unsqueeze(0), numbers[:-1])), {NUMBERS: numbers[-1]}
        seen = self.join(inputs, self.changes(numbers, before, inputs.episode_start))
        memory, hidden_state = self.core(seen, hidden_state)
        decision = self.decide(seen, memory, inputs)
        return Outputs(decision.action_params, decision.situation, decision.beliefs), hidden_state | kept

    def step(self, core_step: CoreStep, inputs: Inputs, state: Sequence[Tensor]) -> tuple[Decision, list[Tensor]]:
        """One step of N rows with the core's exported form: what `forward` does, without an axis of time.

        Args:
            core_step: What `Core.step` gives.
            inputs: Of N rows, ``(N, …)``.
            state: The tensors of `state_specs` in order.

        Returns:
            What to decide by, and the next state in the same order.
        """
        numbers = self.changes.numbers(inputs.observation)
        before, kept, of_core = numbers, [], state
        if self._sees_changes:
            *of_core, before = state
            kept = [numbers]
        seen = self.join(inputs, self.changes(numbers, before, inputs.episode_start))
        memory, *next_state = core_step(seen, *of_core)
        return self.decide(seen, memory, inputs), [*next_state, *kept]

    def join(self, inputs: Inputs, changes: Tensor) -> Tensor:
        """All that is seen at a step in one vector ``(…, E + A + n + 3)``, scaled, and the observation encoded."""
        seen = self.scales(inputs.observation, self.core.past(inputs.previous_reward))
        if self.observation_encoder is not None:
            seen = self.observation_encoder(seen)
        return torch.cat((seen, changes, self.core.past(inputs.previous_action), inputs.episode_start), -1)

    def update_scales(self, inputs: Inputs, rewards: Tensor, valid: Tensor, workers: Workers) -> None:
        """Takes into account in which units an update was played.

        Args:
            inputs: ``(T, B, …)``, of this process.
            rewards: Of the same steps, ``(T, B)``.
            valid: bool ``(T, B)``; False past a row's last step.
            workers: This process among the run's processes.
        """
        self.scales.update(inputs.observation[valid], rewards[valid], workers)
        self.changes.update(inputs.observation, inputs.episode_start, valid, workers)

    def decide(self, seen: Tensor, memory: Tensor, inputs: Inputs) -> Decision:
        """Beliefs and the distribution of actions: the part of a step that is exported.

        Args:
            seen: What `join` gives, ``(…, E + A + n + 3)``.
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
        situation = torch.cat(parts, -1)
        action_params = self.spec.distribution.params(self.actor(self.trunk(situation)), inputs.legal_actions)
        return Decision(action_params, beliefs, situation)

    def values(self, situation: Tensor, truth: Tensor, position: Tensor | None) -> Tensor:
        """See `PolicyNetwork.values`."""
        if position is None:
            return super().values(situation, truth, position)
        parts = [situation, truth.expand(*situation.shape[:-1], -1), position.frac()]
        if self.belief_head is not None:
            shown = situation[..., -self.belief_size :].detach()
            parts.append(self.belief_head.loss(shown, truth).unsqueeze(-1))
        return self.critic(torch.cat(parts, -1))  # type: ignore[no-any-return]
