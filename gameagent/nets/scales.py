"""Running scales: observations and rewards in any unit, brought to order one inside the network.

They are part of the exported step, so a game hands over its own units. The statistics are of what was played in
training. Each update counts for less than the one before it, so the policy does not have to follow for long.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from gameagent.workers import Workers
from gameagent_games.interface import Feature

CONSTANT = 3e-7  # a deviation this small beside the values themselves is float32 rounding: the value does not vary
VALUES_AT_ONCE = 512  # of a picture, all of which as float64 would take twice the memory of what was played
LEAST_SHARE = 0.02  # of the statistics that an update replaces: they can still follow a policy that changes late
NUM_REWARDS = 2  # values that a policy sees of a reward
UNSCALED = ("flags", "category")  # kinds of features whose values are of order one and have a meaning of their own


def log_sizes(rewards: Tensor) -> Tensor:
    """Logarithms of the sizes of those rewards that are not 0, float64."""
    return rewards[rewards != 0.0].double().abs().log()


def symlog(values: Tensor) -> Tensor:
    """sign(x) log(1 + abs(x)): about x near zero, while outliers stay within reach (Hafner et al. 2023, eq. 9).

    Written without sign and abs, which not every engine knows.
    """
    above = torch.relu(values)
    below = above - values
    return torch.log((1.0 + above) / (1.0 + below))


class RunningMoments(nn.Module):
    """Mean and deviation of D values over the updates so far."""

    mean: Tensor  # float64 (D,)
    square: Tensor  # float64 (D,): mean of the squares
    count: Tensor  # float64 (): updates

    def __init__(self, size: int) -> None:
        """Moments of ``size`` values (D), none of which has been seen."""
        super().__init__()
        for name, shape in (("mean", (size,)), ("square", (size,)), ("count", ())):
            self.register_buffer(name, torch.zeros(shape, dtype=torch.float64))

    @property
    def std(self) -> Tensor:
        """Standard deviation, float64 ``(D,)``; 0 for a value that has not varied."""
        std = (self.square - self.mean.square()).clamp(min=0.0).sqrt()
        return torch.where(std > CONSTANT * self.square.sqrt(), std, 0.0)

    @torch.no_grad()
    def update(self, values: Tensor, workers: Workers) -> None:
        """Takes an update's values ``(n, D)`` into account, those of all processes; none at all change nothing."""
        blocks = torch.split(values, VALUES_AT_ONCE, 1)
        count = torch.full((1,), len(values), dtype=torch.float64, device=values.device)
        first_sums = [block.double().sum(0) for block in blocks]
        second_sums = [block.double().square().sum(0) for block in blocks]
        sums = torch.cat((count, *first_sums, *second_sums))
        total, first, second = torch.split(workers.sum(sums), [1, values.shape[1], values.shape[1]])
        if not total:
            return
        self.count += 1.0
        share = max(1.0 / float(self.count), LEAST_SHARE)
        self.mean.lerp_(first / total, share)
        self.square.lerp_(second / total, share)


class InputScales(nn.Module):
    """Brings what a policy sees to order one: observations by mean and deviation, rewards by their size.

    Flags and categories pass through as they are. A reward comes twice: beside the size that counts in a mean of
    squares, and beside the smallest that are usual, so that it is seen in a variant that pays very little, too.
    """

    shift: Tensor  # float32 (D + 2,), of an observation's values and of the reward, twice
    factor: Tensor  # float32 (D + 2,); 0 for what has not varied yet, as nothing is known of its unit
    gain: Tensor  # float32 (D + 2,); of the logarithm
    scaled: Tensor  # bool (D + 2,); False for flags and categories

    def __init__(self, size: int, features: Sequence[Feature]) -> None:
        """Scales of one.

        Args:
            size: Values of an observation (D).
            features: Its parts; empty if all values are numbers.
        """
        super().__init__()
        kinds = [feature.kind for feature in features for _ in range(feature.size)] or ["vector"] * size
        scaled = torch.tensor([*(kind not in UNSCALED for kind in kinds), *[True] * NUM_REWARDS])
        self.register_buffer("scaled", scaled, persistent=False)
        self.register_buffer("shift", torch.zeros(size + NUM_REWARDS))
        self.register_buffer("factor", torch.ones(size + NUM_REWARDS))
        self.register_buffer("gain", torch.ones(size + NUM_REWARDS))
        self.observations, self.rewards, self.log_rewards = RunningMoments(size), RunningMoments(1), RunningMoments(1)
        self._all_scaled = bool(scaled.all())

    @property
    def known(self) -> bool:
        """Whether anything has been played."""
        return bool(self.rewards.count)

    def forward(self, observation: Tensor, reward: Tensor) -> Tensor:
        """Observations ``(…, D)`` and rewards ``(…, 1)`` side by side, ``(…, D + 2)``, in units of order one.

        No reward stays 0.
        """
        both = torch.cat((observation, reward, reward), -1)
        scaled = symlog((both - self.shift) * self.factor) * self.gain
        return scaled if self._all_scaled else torch.where(self.scaled, scaled, both)

    @torch.no_grad()
    def hide(self) -> None:
        """Shows zeros instead of numbers until the next update: while units are unknown nothing depends on them."""
        self.factor.zero_()

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
        self.log_rewards.update(log_sizes(rewards).unsqueeze(1), workers)
        self.shift[:-NUM_REWARDS] = self.observations.mean
        spread = 2.0 * self.log_rewards.std
        smallest = torch.exp(self.log_rewards.mean - spread) * self.log_rewards.count.clamp(max=1.0)
        size = torch.cat((self.observations.std, self.rewards.square.sqrt(), smallest))
        self.factor.copy_(torch.where(size > 0.0, 1.0 / size, 0.0))
        self.gain[-1:] = 1.0 / spread.clamp(min=1.0)
