"""The policy of belief correction: memory's network, with an inner loop that moves its beliefs between episodes."""

from torch import Tensor, nn

from gameagent.methods.belief_correction.correction import BeliefCorrection, TransitionModel, Transitions
from gameagent.nets.cores.interface import Core
from gameagent.nets.interface import EndedEpisodes, PolicySpec
from gameagent.nets.network import AgentNetwork


class CorrectedNetwork(AgentNetwork):
    """An `AgentNetwork` with memory and beliefs that gradient steps correct after each episode.

    Attributes:
        correction: The inner loop.
    """

    def __init__(self, spec: PolicySpec, hidden_size: int, core: Core, *, inner_lr: float, inner_steps: int) -> None:
        """Makes the network with fresh weights.

        Args:
            spec: Of the game, with belief slots.
            hidden_size: Width of the trunk and of the transition model (H).
            core: What remembers.
            inner_lr: Step size of every part of the belief, to start with.
            inner_steps: Gradient steps after an episode.
        """
        super().__init__(spec, hidden_size, core)
        sizes = spec.observation_size, spec.num_actions, self.belief_size, hidden_size
        model = TransitionModel(*sizes, self.scales)
        self.correction = BeliefCorrection(model, inner_lr, inner_steps)

    @property
    def offset_size(self) -> int:
        """Every part of the belief has an offset."""
        return self.belief_size

    def separate_parts(self) -> dict[str, list[nn.Parameter]]:
        """The correction learns from a loss of its own."""
        correcting = list(self.correction.parameters())
        parts = super().separate_parts()
        parts[""] = [own for own in parts[""] if not any(own is one for one in correcting)]
        return parts | {"correction": correcting}

    def _output_layers(self) -> list[nn.Linear]:
        return [*super()._output_layers(), self.correction.model.out]

    def moved_offsets(self, offsets: Tensor, episodes: EndedEpisodes) -> Tensor:
        """The offsets after gradient steps on what the episodes taught."""
        return self.correction.correct(offsets, Transitions.of(*episodes))
