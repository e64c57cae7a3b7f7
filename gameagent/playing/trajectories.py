"""The record of episodes that learners by gradient play: N tasks, B episodes of each."""

from typing import NamedTuple

from torch import Tensor

from gameagent.losses import masked


class Trajectories(NamedTuple):
    """B episodes of each of N tasks, padded to T steps, the most that an episode may last.

    Attributes:
        observations: float32 ``(N, T, B, D)``.
        actions: int64 ``(N, T, B)`` of choices, or float32 ``(N, T, B, A)``.
        log_probs: float32 ``(N, T, B)``, under the parameters that played.
        rewards: float32 ``(N, T, B)``.
        valid: bool ``(N, T, B)``; False past an episode's last step, where the others may hold anything.
        legal_actions: bool ``(N, T, B, A)``; ``(N, T, B, 0)`` where every action is always legal.
    """

    observations: Tensor
    actions: Tensor
    log_probs: Tensor
    rewards: Tensor
    valid: Tensor
    legal_actions: Tensor

    def mean_returns(self) -> Tensor:
        """Mean undiscounted return of an episode of each task: ``(N,)``."""
        return masked(self.rewards, self.valid).sum(1).mean(-1)

    def cleared(self) -> "Trajectories":
        """The same with zeros past each episode's last step, and every action legal there."""
        legal = masked(self.legal_actions, self.valid, instead=True)
        by_step = (masked(part, self.valid) for part in (self.observations, self.log_probs, self.rewards))
        observations, log_probs, rewards = by_step
        actions = masked(self.actions, self.valid, instead=0)
        return Trajectories(observations, actions, log_probs, rewards, self.valid, legal)
