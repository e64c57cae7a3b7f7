"""Returns and advantages over whole trials, and over single episodes if gradient steps adapt between them."""

import torch
from torch import Tensor

from gameagent_sdk.adaptation.advantages import TINY
from gameagent_sdk.adaptation.baseline import (
    CONSTANT,
    COUNTED,
    MOST,
    NUM_POWERS,
    RIDGES,
    ROUNDING,
    SAME,
    TIME_UNIT,
)


def trial_advantages(
    rewards: Tensor, values: Tensor, valid: Tensor, discount: float, gae_lambda: float, trials: Tensor | None = None
) -> Tensor:
    """Generalised advantage estimation (Schulman et al. 2016, eq. 16) over trials.

    Episodes' ends do not cut it: what is learnt in one episode pays in the next (Duan et al. 2016, sec. 2.2).
    It stops at a trial's end, after which nothing follows, even if the row goes on with another trial.

    Args:
        rewards: ``(T, B)``.
        values: ``(T, B)``; the value after a trial's last step is zero.
        valid: bool ``(T, B)``; False past the end of a row, where rewards and values may hold anything.
        discount: gamma.
        gae_lambda: lambda.
        trials: The number of the trial that a step belongs to, ``(T, B)``, where a row goes on with another trial;
            None for one trial a row.

    Returns:
        ``(T, B)``; zero where not valid.
    """
    follows = valid  # on the step before, in the same trial
    if trials is not None:
        follows = valid & torch.cat((valid[:1], trials[1:] == trials[:-1]))
    advantages = torch.zeros_like(rewards)
    running = torch.zeros_like(rewards[0])
    next_value = torch.zeros_like(rewards[0])
    for t in range(len(rewards) - 1, -1, -1):
        delta = rewards[t] + discount * next_value - values[t]
        running = torch.where(valid[t], delta + discount * gae_lambda * running, 0.0)
        advantages[t] = running
        running, next_value = torch.where(follows[t], running, 0.0), torch.where(follows[t], values[t], 0.0)
    return advantages


def linear_baseline(observations: Tensor, rewards: Tensor, valid: Tensor, discount: float) -> Tensor:
    """Values from a ridge regression of discounted returns, one fit for each task (Duan et al. 2016).

    As `linear_baseline` of the SDK, which says what the features are and how the fit is chosen, but of tasks side by
    side: the runtime learns in a game by the same numbers.

    Args:
        observations: ``(N, T, B, D)``.
        rewards: ``(N, T, B)``; time runs from each episode's start.
        valid: bool ``(N, T, B)``.
        discount: gamma.

    Returns:
        ``(N, T, B)``; zero where not valid.
    """
    returns = episode_advantages(rewards, torch.zeros_like(rewards), valid, discount, 1.0)
    rows, used = _baseline_features(observations, valid), valid.flatten(1)
    count = used.sum(1, keepdim=True).clamp(min=1).double()
    given = returns.double().flatten(1)
    mean = (given * used).sum(1, keepdim=True) / count
    targets = torch.where(used, given - mean, 0.0)
    largest = (given * used).abs().amax(1, keepdim=True).clamp(min=1.0)
    values = mean + (rows @ _chosen_fit(rows, targets, count, largest).unsqueeze(-1)).squeeze(-1)
    return torch.where(used, values, 0.0).reshape(rewards.shape).to(rewards.dtype)


def _chosen_fit(rows: Tensor, targets: Tensor, count: Tensor, largest: Tensor) -> Tensor:
    """The coefficients ``(N, F)`` of each task's chosen fit.

    Args:
        rows: Features ``(N, S, F)``.
        targets: Returns less their mean, ``(N, S)``.
        count: Steps, ``(N, 1)``.
        largest: The largest return's size, at least 1, ``(N, 1)``.
    """
    products, moments = rows.mT @ rows, (targets.unsqueeze(1) @ rows).squeeze(1)
    total = targets.square().sum(1, keepdim=True)
    ridges = (torch.tensor(RIDGES, dtype=rows.dtype) * count).unsqueeze(-1)  # (N, ridges, 1)
    fits, errors, freedoms = [torch.zeros_like(moments).unsqueeze(1)], [total], [torch.ones_like(total)]
    for size in (NUM_POWERS, rows.shape[-1]):
        lengths, axes = torch.linalg.eigh(products[:, :size, :size])
        lengths = lengths.clamp(min=0.0).unsqueeze(1)
        along = moments[:, None, :size] @ axes
        shrunk = along / (lengths + ridges)
        fits.append(torch.nn.functional.pad(shrunk @ axes.mT, (0, rows.shape[-1] - size)))
        errors.append(total - (shrunk * (2.0 * along - lengths * shrunk)).sum(-1))
        freedoms.append(1.0 + (lengths / (lengths + ridges)).sum(-1))
    floor = ROUNDING * (total + count * largest.square())
    left = (1.0 - COUNTED * torch.cat(freedoms, 1) / count).clamp(min=0.0)
    scores = (torch.cat(errors, 1).clamp(min=0.0) + floor) / left.square()
    as_good = scores <= (1.0 + SAME) * scores.amin(1, keepdim=True)
    chosen = as_good.double().argmax(1)  # the first
    return torch.cat(fits, 1)[torch.arange(len(rows)), chosen]


def _baseline_features(observations: Tensor, valid: Tensor) -> Tensor:
    """``(N, T * B, 3 + 2 D)`` float64, of mean zero and deviation one or zero; zeros where not valid."""
    seen = observations.double().clamp(-MOST, MOST)
    time = torch.arange(seen.shape[1], dtype=seen.dtype).reshape(-1, 1, 1) / TIME_UNIT
    powers = (time ** torch.arange(1, NUM_POWERS + 1)).expand(*seen.shape[:3], NUM_POWERS)
    used = valid.flatten(1).unsqueeze(-1)
    rows = torch.where(used, torch.cat((powers, seen, seen * seen), -1).flatten(1, 2), 0.0)
    count = used.sum(1, keepdim=True).clamp(min=1)
    mean = rows.sum(1, keepdim=True) / count
    rows = torch.where(used, rows - mean, 0.0)
    deviation = (rows.square().sum(1, keepdim=True) / count).sqrt()
    varies = deviation > CONSTANT * mean.abs().clamp(min=1.0)
    return rows * torch.where(varies, 1.0 / torch.where(varies, deviation, 1.0), 0.0)


def all_alike(rewards: Tensor, valid: Tensor) -> Tensor:
    """Which tasks' episodes all went alike, so that they teach nothing: bool ``(N,)``.

    As `gameagent_sdk.adaptation.advantages.all_alike`, of rewards and valid ``(N, T, B)`` each.
    """
    paid, lengths = rewards * valid, valid.sum(1)
    same_length = (lengths == lengths[:, :1]).all(1)
    if rewards.shape[2] > 1:
        spread = (paid.amax(2) - paid.amin(2)).amax(1)
    else:
        low, high = (torch.where(valid, rewards, end).flatten(1) for end in (torch.inf, -torch.inf))
        spread = high.amax(1) - low.amin(1)
    return same_length & (spread <= TINY * paid.abs().amax((1, 2)).clamp(min=1.0))


def episode_advantages(rewards: Tensor, values: Tensor, valid: Tensor, discount: float, gae_lambda: float) -> Tensor:
    """`trial_advantages` of N tasks' episodes, ``(N, T, B)`` each: nothing follows an episode's last step."""
    by_time = rewards.transpose(0, 1), values.transpose(0, 1), valid.transpose(0, 1)
    return trial_advantages(*by_time, discount, gae_lambda).transpose(0, 1)
