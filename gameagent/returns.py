"""Returns and advantages over whole trials."""

import torch
from torch import Tensor


def trial_advantages(rewards: Tensor, values: Tensor, valid: Tensor, discount: float, gae_lambda: float) -> Tensor:
    """Generalised advantage estimation (Schulman et al. 2016, eq. 16) over trials.

    Episodes' ends do not cut it: what is learnt in one episode pays in the next (Duan et al. 2016, sec. 2.2).
    It stops at a trial's end, after which nothing follows.

    Args:
        rewards: ``(T, B)``.
        values: ``(T, B)``; the value after a trial's last step is zero.
        valid: bool ``(T, B)``; False behind a row's last step.
        discount: gamma.
        gae_lambda: lambda.

    Returns:
        ``(T, B)``; zero where not valid.
    """
    advantages = torch.zeros_like(rewards)
    running = torch.zeros_like(rewards[0])
    next_value = torch.zeros_like(rewards[0])
    for t in range(len(rewards) - 1, -1, -1):
        delta = rewards[t] + discount * next_value - values[t]
        running = (delta + discount * gae_lambda * running) * valid[t]
        advantages[t] = running
        next_value = values[t] * valid[t]
    return advantages
