"""Running scales: observations and rewards in any unit, brought to order one inside the network.

They are part of the exported step, so a game hands over its own units. The statistics are of what was played in
training. Each update counts for less than the one before it, so the policy does not have to follow for long.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from gameagent.workers import Workers
from gameagent_games.interface import Feature

CONSTANT = 1e-6  # a deviation this small beside the values themselves is rounding: the value does not vary
LEAST_SHARE = 0.02  # of the statistics that an update replaces: they can still follow a policy that changes late
UNSCALED = (
    "flags",
    "category",
)  # kinds of features that are of order one, and whose values have a meaning of their own


def symlog(values: Tensor) -> Tensor:
    """sign(x) log(1 + abs(x)): about x near zero, while outliers stay within reach (Hafner et al. 2023, eq. 9)."""
    return torch.sign(values) * torch.log(1.0 + values.abs())


class RunningMoments(nn.Module):
    """Mean and deviation of D values over the updates so far."""

    mean: Tensor  # float64 (D,)
    square: Tensor  # float64 (D,): mean of the squares
    count: Tensor  # float64 (): updates

    def __init__(self, size: int) -> None:
        """Moments of ``size`` values (D), none of which has been seen."""
        super().__init__()
        for name, start in (("mean", torch.zeros(size)), ("square", torch.ones(size)), ("count", torch.zeros(()))):
            self.register_buffer(name, start.double())

    @property
    def std(self) -> Tensor:
        """Standard deviation, float64 ``(D,)``; 0 for a value that does not vary, 1 before anything has been seen."""
        std = (self.square - self.mean.square()).clamp(min=0.0).sqrt()
        return torch.where(std > CONSTANT * self.square.sqrt(), std, 0.0)

    @torch.no_grad()
    def update(self, values: Tensor, workers: Workers) -> None:
        """Takes an update's values ``(n, D)`` into account, those of all processes."""
        numbers = values.double()
        sums = torch.cat((numbers.new_tensor([len(numbers)]), numbers.sum(0), numbers.square().sum(0)))
        total, first, second = torch.split(workers.sum(sums), [1, values.shape[1], values.shape[1]])
        self.count += 1.0
        share = max(1.0 / float(self.count), LEAST_SHARE)
        self.mean.lerp_(first / total, share)
        self.square.lerp_(second / total, share)


class InputScales(nn.Module):
    """Brings what a policy sees to order one: observations by mean and deviation, rewards by their size.

    Flags and categories pass through as they are.
    """

    shift: Tensor  # float32 (D,)
    factor: Tensor  # float32 (D,); 0 for what does not vary
    reward_factor: Tensor  # float32 (1,)
    scaled: Tensor  # bool (D,); False for flags and categories

    def __init__(self, size: int, features: Sequence[Feature]) -> None:
        """Scales of one.

        Args:
            size: Values of an observation (D).
            features: Its parts; empty if all values are numbers.
        """
        super().__init__()
        kinds = [feature.kind for feature in features for _ in range(feature.size)] or ["vector"] * size
        self.register_buffer("scaled", torch.tensor([kind not in UNSCALED for kind in kinds]), persistent=False)
        self.register_buffer("shift", torch.zeros(size))
        self.register_buffer("factor", torch.ones(size))
        self.register_buffer("reward_factor", torch.ones(1))
        self.observations, self.rewards = RunningMoments(size), RunningMoments(1)
        self._num_scaled = int(self.scaled.sum())

    @property
    def known(self) -> bool:
        """Whether anything has been played."""
        return bool(self.rewards.count)

    def observation(self, observation: Tensor) -> Tensor:
        """Observations ``(…, D)`` in units of order one."""
        if self._num_scaled == 0:
            return observation
        scaled = symlog((observation - self.shift) * self.factor)
        return scaled if self._num_scaled == len(self.scaled) else torch.where(self.scaled, scaled, observation)

    def reward(self, reward: Tensor) -> Tensor:
        """Rewards ``(…, 1)`` in units of order one; no reward stays 0."""
        return symlog(reward * self.reward_factor)

    @torch.no_grad()
    def update(self, observations: Tensor, rewards: Tensor, workers: Workers) -> None:
        """Takes what an update played into account.

        Args:
            observations: ``(n, D)``, of this process.
            rewards: ``(n,)``, of the same steps.
            workers: This process among the run's processes.
        """
        self.observations.update(observations, workers)
        self.rewards.update(rewards.unsqueeze(1), workers)
        std, size = self.observations.std, self.rewards.square.sqrt()
        self.shift.copy_(self.observations.mean)
        self.factor.copy_(torch.where(std > 0.0, 1.0 / torch.where(std > 0.0, std, 1.0), 0.0))
        self.reward_factor.copy_(torch.where(size > 0.0, 1.0 / torch.where(size > 0.0, size, 1.0), 1.0))
