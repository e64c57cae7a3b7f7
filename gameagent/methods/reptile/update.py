"""Reptile: move towards where gradient descent on each task ends (Nichol et al. 2018), on MAML's inner loop.

Nothing is differentiated twice, or through the inner steps at all. Two or more inner steps are needed: with one it is
joint training on all tasks (sec. 3 and 5.1 of the paper).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from gameagent.inner_loop import Parameters, StepSizes, for_tasks
from gameagent.methods.gradient.meta_batch import Sampler, TaskPolicy, inner_step, outer_step, with_advantages
from gameagent.workers import Workers
from gameagent_sdk.authoring import AdvantageSpec


@dataclass(frozen=True)
class ReptileSettings:
    """What one update of Reptile depends on, but for parameters, step sizes and the optimiser.

    Attributes:
        advantages: How advantages are computed.
        inner_steps: Gradient steps on each task (k in the paper); each on fresh episodes.
        max_gradient_norm: The outer direction is scaled down to this norm.
    """

    advantages: AdvantageSpec
    inner_steps: int = 3
    max_gradient_norm: float = float("inf")


def update(
    policy: TaskPolicy,
    params: Parameters,
    step_sizes: StepSizes,
    optimizer: torch.optim.Optimizer,
    sampler: Sampler,
    settings: ReptileSettings,
    workers: Workers,
) -> tuple[dict[str, float], Tensor]:
    """One outer-loop update on the sampler's tasks: Algorithm 2, the batched version.

    Args:
        policy: What the parameters parametrise.
        params: phi, of one task; leaves that require gradients, changed in place by the optimiser.
        step_sizes: Of the inner steps.
        optimizer: Of ``params``. Plain SGD with learning rate epsilon is the paper's algorithm; its sec. 2 suggests
            giving the direction to Adam as well.
        sampler: Plays this meta-batch's tasks.
        settings: See there.
        workers: Processes that update the same parameters on other tasks.

    Returns:
        The direction's norm; and the mean return of each of this process's tasks before each inner step,
        ``(steps, N)``.
    """
    returns = []
    with torch.no_grad():
        adapted = for_tasks(params, sampler.num_tasks)
        for _ in range(settings.inner_steps):
            trajectories = sampler.collect(adapted)
            returns.append(trajectories.mean_returns())
            support = with_advantages(trajectories, settings.advantages, workers, returns[0])
            adapted = inner_step(policy, adapted, support, step_sizes, settings.advantages)
    set_gradients(params, adapted, workers.weight(sampler.num_tasks))
    norm = outer_step(optimizer, workers, settings.max_gradient_norm)
    return {"gradient_norm": norm}, torch.stack(returns)


def set_gradients(params: Parameters, params_by_task: Parameters, weight: float = 1.0) -> None:
    """Sets each parameter's gradient to weight * (phi - mean over tasks of phi~).

    A step of SGD with rate epsilon is then phi <- phi + epsilon / n * (sum over tasks of phi~ - phi), Algorithm 2.

    Args:
        params: phi, of one task.
        params_by_task: phi~, where each task's inner steps ended; ``(N, …)`` each.
        weight: What these tasks count in the mean over all processes' tasks; the gradients are to be summed over them.
    """
    for name, param in params.items():
        param.grad = weight * (param - params_by_task[name]).mean(0).detach()  # exactly 0 for what did not adapt
