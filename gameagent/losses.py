"""The terms of the training objective, as functions of tensors. Every mean is over valid steps."""

import torch
from torch import Tensor


def masked_mean(values: Tensor, valid: Tensor) -> Tensor:
    """Mean of ``values`` where ``valid`` (both ``(T, B)``)."""
    return (values * valid).sum() / valid.sum().clamp(min=1)


def clipped_policy_loss(
    log_probs: Tensor, old_log_probs: Tensor, advantages: Tensor, valid: Tensor, clip_ratio: float
) -> Tensor:
    """PPO's clipped surrogate (Schulman et al. 2017, eq. 7), as a loss; all ``(T, B)``."""
    ratio = torch.exp(log_probs - old_log_probs)
    clipped = ratio.clamp(1.0 - clip_ratio, 1.0 + clip_ratio)
    return -masked_mean(torch.minimum(ratio * advantages, clipped * advantages), valid)


def value_loss(values: Tensor, returns: Tensor, valid: Tensor) -> Tensor:
    """Half the squared error of values; all ``(T, B)``."""
    return 0.5 * masked_mean((values - returns) ** 2, valid)


def entropy(logits: Tensor) -> Tensor:
    """Entropy in nats of categorical distributions given as normalised log-probabilities ``(…, A)``: ``(…)``."""
    return -(logits.exp() * logits).sum(-1)
