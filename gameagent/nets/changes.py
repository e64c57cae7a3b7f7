"""What the numbers of an observation have changed by since the step before.

How a game moves tells most about hidden dynamics, and moves are small beside what is seen: a pole falls by a hundredth
of the angles that occur. A recurrent layer would have to keep what it saw to many digits and to subtract. So the
difference is taken for it, in units of its own.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from gameagent.nets.scales import CONSTANT, RunningMoments, symlog
from gameagent.workers import Workers
from gameagent_games.interface import Feature


def num_numbers(features: Sequence[Feature], observation_size: int) -> int:
    """How many values of an observation are numbers (n): those of vectors, and all if no features are known."""
    return sum(feature.size for feature in features if feature.kind == "vector") if features else observation_size


class Changes(nn.Module):
    """Brings changes of an observation's numbers to order one."""

    factor: Tensor  # float32 (n,); 0 for what has not changed yet

    def __init__(self, features: Sequence[Feature], observation_size: int) -> None:
        """Nothing has changed yet.

        Args:
            features: The parts of an observation; empty if all values are numbers.
            observation_size: D.
        """
        super().__init__()
        self.size = num_numbers(features, observation_size)
        self._parts = [(feature.size, feature.kind == "vector") for feature in features] or [(observation_size, True)]
        self.register_buffer("factor", torch.zeros(self.size))
        self.moments = RunningMoments(2 * self.size)  # of changes, and of the numbers themselves

    def numbers(self, observation: Tensor) -> Tensor:
        """The numbers of observations ``(…, D)`` in units of their usual change, ``(…, n)``; a tensor of its own."""
        return self._numbers_of(observation) * self.factor

    def forward(self, numbers: Tensor, before: Tensor, episode_start: Tensor) -> Tensor:
        """What has changed, ``(…, n)``; nothing at an episode's first step.

        Args:
            numbers: ``(…, n)``, as `numbers` gives them.
            before: The same of the step before.
            episode_start: 1 at an episode's first step, ``(…, 1)``.
        """
        return symlog((numbers - before) * (1.0 - episode_start))

    @torch.no_grad()
    def update(self, observations: Tensor, episode_start: Tensor, valid: Tensor, workers: Workers) -> None:
        """Takes what an update played into account.

        Args:
            observations: ``(T, B, D)``, of this process.
            episode_start: ``(T, B, 1)``.
            valid: bool ``(T, B)``; False past a row's last step.
            workers: This process among the run's processes.
        """
        going_on = valid[1:] & (episode_start[1:, :, 0] == 0.0)
        numbers = self._numbers_of(observations)
        both = torch.cat((numbers[1:] - numbers[:-1], numbers[1:]), -1)
        self.moments.update(both[going_on], workers)
        change, size = self.moments.square.sqrt().chunk(2)
        self.factor.copy_(torch.where(change > CONSTANT * size, 1.0 / change, 0.0))  # less is float32 rounding

    def _numbers_of(self, observation: Tensor) -> Tensor:
        if self.size == observation.shape[-1]:
            return observation
        parts = torch.split(observation, [size for size, _ in self._parts], -1)
        kept = [part for part, (_, is_number) in zip(parts, self._parts, strict=True) if is_number]
        return torch.cat(kept, -1) if kept else observation[..., :0]
