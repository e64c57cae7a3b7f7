"""The terms of the training objective, as functions of tensors. Every mean is over valid steps.

Invalid steps are replaced *before* anything is computed from them, not multiplied by zero afterwards: infinity times
zero is NaN, and so would its gradient be. Steps past a row's end may therefore hold anything and have no effect.

Leading axes beyond those named are tasks; each task has its own loss.
"""

import torch
from torch import Tensor


def masked(values: Tensor, valid: Tensor, instead: float = 0.0) -> Tensor:
    """``values`` where ``valid``, and elsewhere a constant without a gradient.

    Args:
        values: ``(T, B)`` or ``(T, B, …)``.
        valid: bool ``(T, B)``.
        instead: The constant.
    """
    return torch.where(valid.reshape(valid.shape + (1,) * (values.dim() - valid.dim())), values, instead)


def masked_mean(values: Tensor, valid: Tensor, count: Tensor | None = None) -> Tensor:
    """Mean of ``values`` where ``valid`` (both ``(T, B)``).

    Args:
        values: May hold anything where not valid.
        valid: bool.
        count: The divisor, if these are only some of the steps of the mean: the number of valid steps of all
            processes, so that the sum over processes is the mean. Default: the number of valid steps here.
    """
    count = valid.sum((-2, -1)) if count is None else count
    return masked(values, valid).sum((-2, -1)) / count.clamp(min=1)


def clipped_policy_loss(
    log_probs: Tensor,
    old_log_probs: Tensor,
    advantages: Tensor,
    valid: Tensor,
    clip_ratio: float,
    count: Tensor | None = None,
) -> Tensor:
    """PPO's clipped surrogate (Schulman et al. 2017, eq. 7), as a loss; all ``(T, B)``.

    For ``count`` see `masked_mean`.
    """
    ratio = torch.exp(masked(log_probs - old_log_probs, valid))
    clipped = ratio.clamp(1.0 - clip_ratio, 1.0 + clip_ratio)
    advantages = masked(advantages, valid)
    return -masked_mean(torch.minimum(ratio * advantages, clipped * advantages), valid, count)


def approximate_kl(log_probs: Tensor, old_log_probs: Tensor, valid: Tensor, count: Tensor | None = None) -> Tensor:
    """KL divergence of the policy that played from the policy now, in nats a step, estimated from what was played.

    The mean of r - 1 - log r with r = pi / pi_old, which is never negative; all ``(T, B)``. For ``count`` see
    `masked_mean`.
    """
    log_ratio = masked(log_probs - old_log_probs, valid)
    return masked_mean(torch.expm1(log_ratio) - log_ratio, valid, count)


def value_loss(values: Tensor, returns: Tensor, valid: Tensor, count: Tensor | None = None) -> Tensor:
    """Half the squared error of values; all ``(T, B)``. For ``count`` see `masked_mean`."""
    return 0.5 * masked_mean(masked(values - returns, valid) ** 2, valid, count)


def dice_loss(
    log_probs: Tensor, old_log_probs: Tensor, advantages: Tensor, valid: Tensor, dice_lambda: float
) -> Tensor:
    """Loaded DiCE (Farquhar et al. 2019, Algorithm 1), as a loss: a policy gradient that may be differentiated again.

    Plain REINFORCE, log pi * A, has the right gradient but not the right second derivative: automatic differentiation
    takes the sampled actions for constants, so the term in which the parameters change *which* actions are sampled,
    grad log pi (grad log pi)^T A, is lost. Here every action is an importance ratio pi / pi_old, 1 in value, whose
    second derivative brings that term back.

    The objective at step t is (ratio of actions up to t - ratio of those before t) * A_t. Earlier actions count
    with weight lambda per step: 1 is unbiased to every order (DiCE, Foerster et al. 2018, with a baseline) where
    advantages are; 0 forgets earlier actions, which is LVC (Rothfuss et al. 2019, sec. 5.1): far lower variance, exact
    for episodes of one step, and otherwise without the terms in which one action's gradient meets a later one's.

    Args:
        log_probs: ``(T, B)``, under the parameters to differentiate in.
        old_log_probs: ``(T, B)``, under those that played; with other values than ``log_probs`` the ratios correct for
            the difference.
        advantages: ``(T, B)``.
        valid: bool ``(T, B)``; False past an episode's end, where the others may hold anything.
        dice_lambda: lambda.

    Returns:
        A scalar: minus the sum over steps, mean over episodes, over T. T is the padded length, the same for whatever
        is played: the number of valid steps depends on the actions, and dividing by it would bias the gradient.
    """
    own = masked(log_probs - old_log_probs, valid)
    if dice_lambda > 0.0:
        step = torch.arange(own.shape[-2], dtype=own.dtype)
        age = step.unsqueeze(1) - step
        before = torch.where(age > 0, dice_lambda ** age.clamp(min=0.0), 0.0) @ own
        objective = torch.exp(before) * torch.expm1(own)
    else:
        objective = torch.expm1(own)  # 0 where not valid
    return -(objective * masked(advantages, valid)).mean((-2, -1))


def squared_error(predictions: Tensor, targets: Tensor) -> Tensor:
    """Mean squared error, ``(points, outputs)``: the loss of supervised tasks (Finn et al. 2017, eq. 2, as a mean)."""
    return ((predictions - targets) ** 2).mean((-2, -1))
