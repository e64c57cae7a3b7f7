"""No memory: every decision depends on what is observed at its step alone."""

from torch import Tensor

from gameagent.nets.cores.interface import Core, CoreStep
from gameagent.nets.cores.state import HiddenState


class NoMemory(Core):
    """Remembers nothing."""

    size = 0
    state_specs = ()

    def forward(self, seen: Tensor, hidden_state: HiddenState) -> tuple[Tensor, HiddenState]:
        """See `Core.forward`."""
        return seen[..., :0], hidden_state

    def past(self, values: Tensor) -> Tensor:
        """See `Core.past`: zeros, since the step before would be a memory, too.

        What an action did shows in the next observation, and that tells mirrored controls from others.
        """
        return values * 0.0

    def step(self) -> CoreStep:
        """See `Core.step`."""
        return NoMemoryStep()


class NoMemoryStep(CoreStep):
    """The same for one step."""

    def forward(self, seen: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        """See `CoreStep.forward`."""
        return (seen[..., :0],)
