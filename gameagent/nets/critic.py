"""The critic: what the rest of a trial is going to bring. It exists in training only.

It knows what the policy knows, and also what the policy has to find out: the hidden rules, how far the policy's belief
is from them, and how much of the trial is over. Given both the history and the hidden state, the policy gradient stays
unbiased (Baisero and Amato 2022, sec. 4), and what a variant is worth by itself no longer drowns what an action is
worth. A belief that sharpens raises the value at once, as in informed trials, where the truth stands in for the belief:
so an action that informs is credited when it is taken, not when the knowledge pays.
"""

import torch
from torch import Tensor, nn

from gameagent.nets.scales import RunningMoments
from gameagent.workers import Workers


class Critic(nn.Module):
    """A multi-layer perceptron whose outputs are in units of the returns' running mean and deviation.

    When these move, the last layer is rescaled so that no value does: returns of any size are learnt alike (PopArt, van
    Hasselt et al. 2016, sec. 2.2).
    """

    def __init__(self, num_inputs: int, hidden_size: int) -> None:
        """Fresh weights.

        Args:
            num_inputs: F.
            hidden_size: Width of the second layer (H); of the first twice that.
        """
        super().__init__()
        self.body = nn.Sequential(
            nn.Linear(num_inputs, 2 * hidden_size), nn.ReLU(), nn.Linear(2 * hidden_size, hidden_size), nn.ReLU()
        )
        self.out = nn.Linear(hidden_size, 1)
        self.moments = RunningMoments(1)

    def forward(self, features: Tensor) -> Tensor:
        """Normalised values ``(…)`` of features ``(…, F)``."""
        normalised: Tensor = self.out(self.body(features))[..., 0]
        return normalised

    def values(self, normalised: Tensor) -> Tensor:
        """Values in the game's units of reward; the mean return, and 0 at first, until returns have varied."""
        mean, std = self._units
        return normalised * std + mean

    def normalised(self, returns: Tensor) -> Tensor:
        """Returns, in the game's units of reward, as `forward` is to give them."""
        mean, std = self._units
        return (returns - mean) / (std or 1.0)

    @torch.no_grad()
    def update(self, returns: Tensor, workers: Workers) -> None:
        """Takes the returns ``(n,)`` of an update into account, those of all processes; every value stays as it is."""
        mean, std = self._units
        self.moments.update(returns.unsqueeze(1), workers)
        new_mean, new_std = self._units
        if std > 0.0 and new_std > 0.0:  # otherwise what `forward` gives has had no meaning so far
            self.out.weight.mul_(std / new_std)
            self.out.bias.mul_(std).add_(mean - new_mean).div_(new_std)

    @property
    def _units(self) -> tuple[float, float]:
        return float(self.moments.mean), float(self.moments.std)
