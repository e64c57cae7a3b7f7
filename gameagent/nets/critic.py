"""The critic: what the rest of a trial is going to bring. It exists in training only.

It knows what the policy knows, and also what the policy has to find out: the hidden rules, how far the policy's belief
is from them, and how much of the trial is over. Given both the history and the hidden state, the policy gradient stays
unbiased (Baisero and Amato 2022, sec. 4), and what a variant is worth by itself no longer drowns what an action is
worth. A belief that sharpens raises the value at once, as in informed trials, where the truth stands in for the belief:
so an action that informs is credited when it is taken, not when the knowledge pays.
"""

import math

import torch
from torch import Tensor, nn

from gameagent.nets.scales import RunningMoments
from gameagent.workers import Workers

APART = math.log(10.0)  # deviation between variants of the logarithm of pay from which on pay is taken out of learning
ALIKE = APART / 2.0  # and up to which it stays; between them it is taken out in part
RIDGE = 1e-3  # beside the variance of hidden rules, which is of order one


class Pay(nn.Module):
    """How much variants pay: the logarithm of rewards' sizes as a running linear regression on the hidden rules.

    A mean of returns over variants whose pay differs by orders is a mean over the best paid. In such a game rewards are
    divided by what their variant pays before they are learnt from. Where pay differs less it is a part of the game, and
    stays.
    """

    def __init__(self, truth_size: int) -> None:
        """Nothing is known yet of variants whose hidden rules have E values."""
        super().__init__()
        self.size = truth_size + 2
        self.products = RunningMoments(self.size**2)  # of (1, hidden rules, log size) with each other

    @torch.no_grad()
    def update(self, truth: Tensor, rewards: Tensor, valid: Tensor, workers: Workers) -> None:
        """Takes rows into account, those of all processes; rows that were paid nothing say nothing.

        Args:
            truth: ``(B, E)``.
            rewards: ``(T, B)``, in the game's units.
            valid: bool ``(T, B)``.
            workers: This process among the run's processes.
        """
        paid = valid & (rewards != 0.0)
        total = torch.where(paid, rewards, 1.0).double().abs().log().sum(0)
        size = (total / paid.sum(0)).unsqueeze(1)
        rows = torch.cat((torch.ones_like(size), truth.double(), size), 1)[paid.any(0)]
        products = workers.sum(rows.T @ rows)
        mean = products / products[0, 0]  # which is the number of rows
        self.products.update(mean.reshape(1, -1)[: int(products[0, 0] > 0.0)], Workers())  # summed already

    @torch.no_grad()
    def factors(self, truth: Tensor) -> Tensor:
        """What to multiply the rewards of variants ``(B, E)`` with, ``(B,)``: one where pay is much the same."""
        products = self.products.mean.reshape(self.size, self.size)
        mean = products[0]
        covariance = products - mean.outer(mean)
        own, shared = covariance[1:-1, 1:-1], covariance[1:-1, -1:]
        slopes = torch.linalg.solve(own + RIDGE * torch.eye(len(own), dtype=own.dtype, device=own.device), shared)
        spread = float((slopes.T @ own @ slopes).clamp(min=0.0).sqrt())
        share = min(max((spread - ALIKE) / (APART - ALIKE), 0.0), 1.0)
        return torch.exp(-share * ((truth.double() - mean[1:-1]) @ slopes)).to(truth.dtype)[:, 0]


class Critic(nn.Module):
    """A multi-layer perceptron whose outputs are in units of the returns' running mean and deviation.

    When these move, the last layer is rescaled so that no value does: returns of any size are learnt alike (PopArt, van
    Hasselt et al. 2016, sec. 2.2).
    """

    def __init__(self, num_inputs: int, hidden_size: int, truth_size: int) -> None:
        """Fresh weights.

        Args:
            num_inputs: F.
            hidden_size: Width of the second layer (H); of the first twice that.
            truth_size: Width of the hidden rules in the form of a belief (E).
        """
        super().__init__()
        self.body = nn.Sequential(
            nn.Linear(num_inputs, 2 * hidden_size), nn.ReLU(), nn.Linear(2 * hidden_size, hidden_size), nn.ReLU()
        )
        self.out = nn.Linear(hidden_size, 1)
        self.moments = RunningMoments(1)
        self.pay = Pay(truth_size)

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
