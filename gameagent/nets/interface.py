"""What a policy takes and gives at every step: the one contract for every way of learning."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor, nn

from gameagent.nets.beliefs import belief_width
from gameagent.nets.changes import num_numbers
from gameagent.nets.cores.state import HiddenState, initial_state
from gameagent.nets.distribution import ActionDistribution, ActionParams, Categorical, Gaussian
from gameagent.nets.encoders import encoded_size
from gameagent.nets.scales import NUM_REWARDS
from gameagent_games.interface import Box, Family, Feature
from gameagent_games.variants.distributions import Slot
from gameagent_sdk.authoring import TensorSpec

POSITION_SIZE = 2  # values that say where in a trial a step is
OFFSET = "belief_offset"
"""What a file calls the weights that gradient steps add to beliefs."""


class Inputs(NamedTuple):
    """Inputs of T steps of B rows (one row is one seat of one game).

    Attributes:
        observation: float32 ``(T, B, D)``.
        previous_action: float32 ``(T, B, A)``; one-hot, or -1 to 1 over the box; zeros at the trial's start.
        previous_reward: float32 ``(T, B, 1)``; zero at the trial's start.
        episode_start: float32 ``(T, B, 1)``; 1 at each episode's first step.
        legal_actions: bool ``(T, B, A)``, or None if every action is always legal.
        truth: float32 ``(B, E)``; the hidden rules in the form of a belief (see `beliefs.BeliefHead`), also for a
            policy without beliefs: its critic sees them.
        informed: float32 ``(B, 1)``; 1 in rows whose belief the truth stands in for; None if there are none.
        belief_offset: float32 ``(T, B, E)``, what gradient steps add to the belief; None for nothing.
        position: float32 ``(T, B, 2)``, which share of the trial's episodes is over, and of the steps that the episode
            may take; for the critic. From 1 to 2 in the trial that follows the first, and so on. None outside training.
    """

    observation: Tensor
    previous_action: Tensor
    previous_reward: Tensor
    episode_start: Tensor
    legal_actions: Tensor | None
    truth: Tensor
    informed: Tensor | None
    belief_offset: Tensor | None = None
    position: Tensor | None = None


class Outputs(NamedTuple):
    """Outputs of T steps of B rows.

    Attributes:
        action_params: Of the distribution of actions, see `distribution.ActionParams`; ``(T, B, A)`` each.
        situation: All that the policy acts on, ``(T, B, F)``, for its critic; F is 0 for a policy without one.
        beliefs: What the belief head predicts, ``(T, B, E)``; E may be 0.
    """

    action_params: ActionParams
    situation: Tensor
    beliefs: Tensor


class EndedEpisodes(NamedTuple):
    """The steps of B rows' last episodes, padded to L steps.

    Attributes:
        observation: float32 ``(L, B, D)``.
        previous_action: float32 ``(L, B, A)``, of the step before.
        episode_start: float32 ``(L, B, 1)``.
        beliefs: float32 ``(L, B, E)``, what the belief head predicted.
        rewards: float32 ``(L, B)``, of the step itself, in the game's units.
        valid: bool ``(L, B)``; False past a row's last step, where the others may hold anything.
    """

    observation: Tensor
    previous_action: Tensor
    episode_start: Tensor
    beliefs: Tensor
    rewards: Tensor
    valid: Tensor


@dataclass(frozen=True)
class PolicySpec:
    """What a policy must know of a game.

    Attributes:
        observation_size: D.
        num_actions: A: number of discrete actions, or of components of continuous ones.
        has_mask: Whether some actions can be illegal.
        horizon: Longest trial in steps (T), for which memory is initialised.
        belief_slots: The hidden rules that beliefs are about; empty for a policy without beliefs.
        box: Bounds of continuous actions; None if actions are discrete.
        features: The parts of an observation; empty for a policy that reads its row as it is.
        hidden_slots: The hidden rules that a critic sees.
    """

    observation_size: int
    num_actions: int
    has_mask: bool
    horizon: int
    belief_slots: tuple[Slot, ...]
    box: Box | None = None
    features: tuple[Feature, ...] = ()
    hidden_slots: tuple[Slot, ...] = ()

    @property
    def truth_size(self) -> int:
        """Width of the hidden rules in the form of a belief."""
        return sum(belief_width(slot) for slot in self.hidden_slots)

    @property
    def num_inputs(self) -> int:
        """Values that a policy sees at a step: observation, what changed, previous action and reward, episode's start.

        The observation is encoded (see `encoders`), its numbers come once more as changes (see `changes`), the reward
        in two units (see `scales.InputScales`).
        """
        seen = encoded_size(self.features) if self.features else self.observation_size
        changed = num_numbers(self.features, self.observation_size)
        return seen + NUM_REWARDS + changed + self.num_actions + 1

    @cached_property
    def distribution(self) -> ActionDistribution:
        """What actions are drawn from."""
        return Categorical(self.num_actions) if self.box is None else Gaussian(self.box)

    @classmethod
    def of(cls, family: Family, num_episodes: int, beliefs: bool) -> "PolicySpec":
        """The spec of a family's policy for trials of ``num_episodes`` episodes."""
        slots = family.space.hidden_slots if beliefs else ()
        horizon = num_episodes * family.max_steps
        return cls(
            family.observation_size, family.num_actions, family.has_mask, horizon, slots, family.box,
            family.game_features, family.space.hidden_slots,
        )  # fmt: skip


class PolicyNetwork(nn.Module, ABC):
    """A policy as the trainer sees it, whichever method trains it.

    Attributes:
        spec: What it knows of its game.
    """

    spec: PolicySpec

    @property
    def device(self) -> torch.device:
        """Where its parameters are, and what it takes and gives."""
        return next(self.parameters()).device

    @property
    def belief_size(self) -> int:
        """Width of its beliefs (E); 0 without beliefs."""
        return 0

    @property
    def situation_size(self) -> int:
        """Width of what its critic has to know of a step (F); 0 for a policy without a critic."""
        return 0

    @property
    def offset_size(self) -> int:
        """Width of the offset that it adds to its beliefs and moves after each episode; 0 if it has none."""
        return 0

    @property
    def state_specs(self) -> tuple[TensorSpec, ...]:
        """What is carried from step to step; nothing unless the policy remembers."""
        return ()

    def initial_state(self, num_rows: int) -> HiddenState:
        """The hidden state at a trial's start, of the parameters' type."""
        return initial_state(self.state_specs, num_rows, next(self.parameters()))

    @abstractmethod
    def forward(self, inputs: Inputs, hidden_state: HiddenState) -> tuple[Outputs, HiddenState]:
        """Runs T steps.

        Args:
            inputs: T steps of B rows.
            hidden_state: As `initial_state` gives it, or as the last call returned it.

        Returns:
            Outputs of the T steps, and the next hidden state.
        """

    def values(self, situation: Tensor, truth: Tensor, position: Tensor | None) -> Tensor:
        """What the critic makes of T steps of B rows.

        Args:
            situation: See `Outputs`, ``(T, B, F)``.
            truth: See `Inputs`, ``(B, E)``.
            position: See `Inputs`, ``(T, B, 2)``.

        Returns:
            Values in the critic's units, ``(T, B)``; zeros for a policy without a critic, and if there is no position.
        """
        return situation.new_zeros(situation.shape[:-1])

    def moved_offsets(self, offsets: Tensor, episodes: EndedEpisodes) -> Tensor:
        """The belief offsets ``(B, E)`` of rows after an episode, given those before it."""
        return offsets
