"""MAML: an initialisation from which few gradient steps adapt (Finn et al. 2017), for rewards and for labels.

The page follows Algorithm 3 of the paper. Three points go beyond it:

- the inner loss is `losses.dice_loss`, which is right when differentiated twice: plain REINFORCE is not;
- the outer step is PPO's, several on the same episodes, with the inner step taken anew from the new parameters by
  importance ratios (ProMP, Rothfuss et al. 2019, Algorithm 1, without its KL penalty) where the paper uses TRPO;
- step sizes may be learnt with the parameters (Meta-SGD, Li et al. 2017) or be given to the head only (ANIL).

The outer gradient is that of the return after a step along the *expected* gradient (ProMP, sec. 4, formulation I):
an episode before the step gets credit by how well its gradient agrees with the gradient after the step. With B
episodes a step the step itself is noisy, which leaves a bias of order 1 / B, as in every such method.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from gameagent.inner_loop import Loss, Parameters, StepSizes, adapt, for_tasks
from gameagent.losses import clipped_policy_loss
from gameagent.methods.gradient.meta_batch import (
    ALONE,
    Experience,
    Sampler,
    TaskPolicy,
    inner_step,
    outer_step,
    with_advantages,
)
from gameagent.workers import Workers
from gameagent_sdk.authoring import AdvantageSpec

Labelled = tuple[Tensor, Tensor]
"""Inputs and labels."""


@dataclass(frozen=True)
class MamlSettings:
    """What one update of MAML depends on, but for parameters, step sizes and the optimiser.

    Attributes:
        advantages: How advantages are computed.
        inner_steps: Gradient steps before the return counts; each on fresh episodes.
        first_order: Whether the inner gradient is taken for a constant (FOMAML, sec. 5.2).
        dice_lambda: How far the outer gradient follows the influence of earlier actions; see `losses.dice_loss`.
        every_step: Whether the return counts before and after each of the inner steps, not after the last only: the
            episodes that a step learns from judge the steps before it (Antoniou et al. 2019, sec. 4, equally weighted).
        num_epochs: Outer steps on the same episodes.
        clip_ratio: PPO's clipping of the outer probability ratio.
        max_gradient_norm: Outer gradients are scaled down to this norm.
    """

    advantages: AdvantageSpec
    inner_steps: int = 1
    first_order: bool = False
    dice_lambda: float = 0.0
    every_step: bool = False
    num_epochs: int = 5
    clip_ratio: float = 0.3
    max_gradient_norm: float = 1.0


class Adapted(NamedTuple):
    """What `play_and_adapt` gives.

    Attributes:
        supports: The experience of each gradient step.
        params_by_task: Parameters after the last step, ``(N, …)`` each, without gradients.
        returns: Mean return of each task before each step, ``(steps, N)``.
    """

    supports: list[Experience]
    params_by_task: Parameters
    returns: Tensor


def update(
    policy: TaskPolicy,
    params: Parameters,
    step_sizes: StepSizes,
    optimizer: torch.optim.Optimizer,
    sampler: Sampler,
    settings: MamlSettings,
    workers: Workers,
) -> tuple[dict[str, float], Tensor]:
    """One outer-loop update on the sampler's tasks: Algorithm 3, lines 3 to 10.

    Args:
        policy: What the parameters parametrise.
        params: theta, of one task; leaves that require gradients, changed in place by the optimiser.
        step_sizes: alpha; learnt if they require gradients and the optimiser has them.
        optimizer: Of all that is learnt.
        sampler: Plays this meta-batch's tasks.
        settings: See there.
        workers: Processes that update the same parameters on other tasks.

    Returns:
        Means over the outer steps of loss and norm, of all processes' tasks; and the mean return of each of this
        process's tasks after 0, 1, … inner steps, ``(steps + 1, N)``.
    """
    played = play_and_adapt(policy, params, step_sizes, sampler, settings, workers=workers)  # lines 4-7
    query_trajectories = sampler.collect(played.params_by_task)  # line 8
    query = with_advantages(query_trajectories, settings.advantages, workers)
    weight = workers.weight(sampler.num_tasks)
    total, norms = 0.0, []
    for _ in range(settings.num_epochs):  # line 10
        loss = weight * outer_loss(policy, params, step_sizes, played.supports, query, settings)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        norms.append(outer_step(optimizer, workers, settings.max_gradient_norm))
        total += float(loss.detach())
    metrics = workers.sum_by_name({"outer_loss": total / len(norms)}) | {"gradient_norm": sum(norms) / len(norms)}
    return metrics, torch.cat((played.returns, query_trajectories.mean_returns().unsqueeze(0)))


def play_and_adapt(
    policy: TaskPolicy,
    params: Parameters,
    step_sizes: StepSizes,
    sampler: Sampler,
    settings: MamlSettings,
    later_factor: float = 1.0,
    workers: Workers = ALONE,
) -> Adapted:
    """Plays and takes a gradient step, in turn, for all tasks side by side: lines 4 to 7.

    theta'_i = theta - alpha * grad L_i(theta), with L_i of eq. 4; ``later_factor`` is alpha's after the first step.
    """
    supports: list[Experience] = []
    returns = torch.empty(settings.inner_steps, sampler.num_tasks)
    with torch.no_grad():
        params_by_task = for_tasks(params, sampler.num_tasks)
        for step in range(settings.inner_steps):
            trajectories = sampler.collect(params_by_task)
            returns[step] = trajectories.mean_returns()
            supports.append(with_advantages(trajectories, settings.advantages, workers, returns[0]))
            params_by_task = _inner_step(policy, params_by_task, supports[-1], step_sizes, settings)
            if step == 0:
                step_sizes = {name: later_factor * size for name, size in step_sizes.items()}
    return Adapted(supports, params_by_task, returns)


def _inner_step(
    policy: TaskPolicy, params_by_task: Parameters, support: Experience, step_sizes: StepSizes, settings: MamlSettings
) -> Parameters:
    return inner_step(
        policy, params_by_task, support, step_sizes, settings.advantages,
        dice_lambda=settings.dice_lambda, first_order=settings.first_order,
    )  # fmt: skip


def outer_loss(
    policy: TaskPolicy,
    params: Parameters,
    step_sizes: StepSizes,
    supports: Sequence[Experience],
    query: Experience,
    settings: MamlSettings,
) -> Tensor:
    """The loss after adaptation (eq. 1 with eq. 4), mean over tasks and over the inner steps that count.

    It is differentiable through the inner steps.
    """

    def loss_after(params_by_task: Parameters, played: Experience) -> Tensor:
        log_probs = policy.log_probs(params_by_task, played.observations, played.actions, played.legal_actions)
        return played.weight * clipped_policy_loss(
            log_probs, played.log_probs, played.advantages, played.valid, settings.clip_ratio
        )

    params_by_task = for_tasks(params, len(query.valid))
    losses = []
    for support in supports:
        if settings.every_step:
            losses.append(loss_after(params_by_task, support).mean())
        params_by_task = _inner_step(policy, params_by_task, support, step_sizes, settings)
    losses.append(loss_after(params_by_task, query).mean())
    return torch.stack(losses).mean()


def labelled_outer_loss(
    params: Parameters,
    loss: Loss[Labelled],
    support: Labelled,
    query: Labelled,
    step_sizes: StepSizes,
    num_steps: int = 1,
    *,
    first_order: bool = False,
) -> Tensor:
    """The loss on labelled query data after gradient steps on the support data, mean over tasks: Algorithm 2.

    Args:
        params: theta, of one task.
        loss: Eq. 2 or 3 of the paper.
        support: Inputs and labels that are adapted on, ``(N, …)`` each.
        query: Inputs and labels that are judged on, ``(N, …)`` each.
        step_sizes: alpha.
        num_steps: Gradient steps, all on the same support data.
        first_order: As for `MamlSettings`.
    """
    params_by_task = for_tasks(params, len(support[0]))
    adapted = adapt(params_by_task, loss, support, step_sizes, num_steps, first_order=first_order)
    return loss(adapted, query).mean()


def adaptation_curve(
    policy: TaskPolicy,
    params: Parameters,
    step_sizes: StepSizes,
    sampler: Sampler,
    settings: MamlSettings,
    later_factor: float = 0.5,
) -> Tensor:
    """Mean return of each task after 0, 1, … ``settings.inner_steps`` gradient steps: ``(steps + 1, N)``.

    Args:
        policy: What the parameters parametrise.
        params: theta, of one task.
        step_sizes: alpha of the first step.
        sampler: Plays the tasks to judge on.
        settings: See there.
        later_factor: Factor on step sizes after the first step (the paper halves them, appendix A.2).
    """
    adapted = play_and_adapt(policy, params, step_sizes, sampler, settings, later_factor)
    last = sampler.collect(adapted.params_by_task).mean_returns()
    return torch.cat((adapted.returns, last.unsqueeze(0)))
