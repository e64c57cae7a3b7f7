"""Returns and advantages over whole trials, and over single episodes where gradient steps adapt between them."""

import torch
from torch import Tensor

BASELINE_RIDGE = 1e-5


def trial_advantages(rewards: Tensor, values: Tensor, valid: Tensor, discount: float, gae_lambda: float) -> Tensor:
    """Generalised advantage estimation (Schulman et al. 2016, eq. 16) over trials.

    Episodes' ends do not cut it: what is learnt in one episode pays in the next (Duan et al. 2016, sec. 2.2).
    It stops at a trial's end, after which nothing follows.

    Args:
        rewards: ``(T, B)``.
        values: ``(T, B)``; the value after a trial's last step is zero.
        valid: bool ``(T, B)``; False past the end of a row, where rewards and values may hold anything.
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
        running = torch.where(valid[t], delta + discount * gae_lambda * running, 0.0)
        advantages[t] = running
        next_value = torch.where(valid[t], values[t], 0.0)
    return advantages


def linear_baseline(observations: Tensor, rewards: Tensor, valid: Tensor, discount: float) -> Tensor:
    """Values from a linear fit to discounted returns, one fit for each task (Duan et al. 2016).

    The features are the observation, its square and powers zero to three of time; the fit is least squares with a
    small ridge ("Benchmarking deep reinforcement learning for continuous control", as used by Finn et al. 2017). It is
    fitted to the very episodes that it is the baseline of, as there: few numbers for many steps add little bias.

    Args:
        observations: ``(N, T, B, D)``.
        rewards: ``(N, T, B)``; time runs from each episode's start.
        valid: bool ``(N, T, B)``.
        discount: gamma.

    Returns:
        ``(N, T, B)``; zero where not valid.
    """
    returns = episode_advantages(rewards, torch.zeros_like(rewards), valid, discount, 1.0)
    features = _baseline_features(observations, valid)
    rows, targets = features.flatten(1, 2), returns.double().flatten(1, 2).unsqueeze(-1)
    ridge = BASELINE_RIDGE * torch.eye(rows.shape[-1], dtype=rows.dtype)
    coefficients = torch.linalg.solve(rows.mT @ rows + ridge, rows.mT @ targets)
    values: Tensor = rows @ coefficients
    return values.reshape(rewards.shape).to(rewards.dtype)


def _baseline_features(observations: Tensor, valid: Tensor) -> Tensor:
    """``(N, T, B, 2 D + 4)`` float64; zeros where not valid, so that those steps do not count."""
    seen = observations.double().clamp(-10.0, 10.0)
    time = torch.arange(seen.shape[1], dtype=seen.dtype).reshape(-1, 1, 1) / 100.0
    powers = (time ** torch.arange(4, dtype=seen.dtype)).expand(*seen.shape[:3], 4)
    return torch.where(valid.unsqueeze(-1), torch.cat((seen, seen * seen, powers), -1), 0.0)


def episode_advantages(rewards: Tensor, values: Tensor, valid: Tensor, discount: float, gae_lambda: float) -> Tensor:
    """`trial_advantages` of N tasks' episodes, ``(N, T, B)`` each: nothing follows behind an episode's last step."""
    by_time = rewards.transpose(0, 1), values.transpose(0, 1), valid.transpose(0, 1)
    return trial_advantages(*by_time, discount, gae_lambda).transpose(0, 1)
