"""What remembers, as the policy network, the rollouts and the exporter see it."""

from abc import ABC, abstractmethod

from torch import Tensor, nn

from gameagent.nets.cores.state import HiddenState
from gameagent_sdk.authoring import TensorSpec


class CoreStep(nn.Module, ABC):
    """A core's single step in primitive operators, on the trained weights: what goes into the exported file."""

    @abstractmethod
    def forward(self, seen: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        """One step of N rows.

        Args:
            seen: ``(N, X)``.
            *state: The tensors of `Core.state_specs` in order, ``(N, …)`` each.

        Returns:
            What is remembered, ``(N, size)``; then the next state, in the same order.
        """


class Core(nn.Module, ABC):
    """Turns what is seen at each step into what is remembered of the whole trial.

    Attributes:
        size: Width of what it remembers (H); 0 for nothing.
        state_specs: Name, shape of one row, lifetime and initial value of every tensor of its hidden state.
    """

    size: int
    state_specs: tuple[TensorSpec, ...]

    @abstractmethod
    def forward(self, seen: Tensor, hidden_state: HiddenState) -> tuple[Tensor, HiddenState]:
        """Runs T steps, with whatever is fastest in training.

        Args:
            seen: ``(T, B, X)``.
            hidden_state: At the first step; the tensors of `state_specs` by name, ``(B, …)`` each.

        Returns:
            What is remembered at every step, ``(T, B, size)``, and the next hidden state.
        """

    @abstractmethod
    def step(self) -> CoreStep:
        """The single step that does the same."""

    def past(self, values: Tensor) -> Tensor:
        """What a policy with this core may see of the step before: all of it.

        Args:
            values: `Inputs.previous_action` or `Inputs.previous_reward`, ``(…, A)`` or ``(…, 1)``.
        """
        return values

    def initialise(self, horizon: int) -> None:  # most modules are fine as they are
        """Sets fresh weights that need more than what `AgentNetwork` does for every linear layer.

        Args:
            horizon: Longest trial in steps.
        """
