"""Episodes of the N tasks of a meta-batch: how they are played, get advantages and are learnt from by gradient.

What MAML and Reptile share around the inner loop. A task is a variant; if adaptation is by gradient, episodes are
the unit: returns stop at each episode's end, and parameters change between episodes.
"""

from collections.abc import Callable
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from gameagent.inner_loop import Parameters, StepSizes, adapt
from gameagent.losses import dice_loss
from gameagent.playing.trajectories import Trajectories
from gameagent.returns import all_alike, episode_advantages, linear_baseline
from gameagent.workers import Workers
from gameagent_sdk.adaptation.advantages import TINY, step_scale
from gameagent_sdk.authoring import AdvantageSpec

MAX_INNER_NORM = 100.0  # of a task's inner gradient, in training as in the game: far above what steps usually need
ALONE = Workers()
SCALED_NORM = 10.0  # that a gradient is brought to, times the step's scale, if returns say how long a step is


class Sampler(Protocol):
    """Plays episodes of the N tasks that it stands for."""

    num_tasks: int

    def collect(self, params_by_task: Parameters) -> Trajectories:
        """Plays fresh episodes of every task with its own parameters, ``(N, …)`` each, without gradients."""


class TaskPolicy(Protocol):
    """What gradient steps adapt: a distribution of actions, as a function of named parameters, ``(N, …)`` each."""

    def log_probs(self, params: Parameters, observations: Tensor, actions: Tensor, legal_actions: Tensor) -> Tensor:
        """Log-probabilities ``(N, T, B)`` of actions; see `gameagent.nets.feedforward.FeedforwardPolicy.log_probs`."""


class Experience(NamedTuple):
    """What a gradient step learns from: `Trajectories` with advantages for rewards.

    Attributes:
        weight: float32 ``(N,)``, what each task counts in an outer loss. Where advantages are standardised, it is their
            deviation before, over the root mean square of all tasks' (of all processes): without it, what noise is left
            in tasks that are solved would count as much as the tasks that went astray.
        step_scale: float32 ``(N,)``, how long each task's gradient step is, if returns say so; see
            `gameagent_sdk.adaptation.advantages.step_scale`.
    """

    observations: Tensor
    actions: Tensor
    log_probs: Tensor
    advantages: Tensor
    valid: Tensor
    legal_actions: Tensor
    weight: Tensor
    step_scale: Tensor


def with_advantages(
    trajectories: Trajectories, spec: AdvantageSpec, workers: Workers = ALONE, first_returns: Tensor | None = None
) -> Experience:
    """Adds advantages: how much better than usual each action went, in double precision as the SDK computes them.

    Args:
        trajectories: Episodes of N tasks.
        spec: How. Values are those of `linear_baseline`; if each task's advantages are standardised, step sizes do
            not depend on the scale of rewards.
        workers: Processes that have other tasks of the same meta-batch, all of which call this: for the weights.
        first_returns: Each task's mean return before its first gradient step, ``(N,)``; None if this is before it.
    """
    observations, actions, log_probs, rewards, valid, legal_actions = trajectories.cleared()
    exact = rewards.double()
    values = linear_baseline(observations, exact, valid, spec.discount)
    advantages = episode_advantages(exact, values, valid, spec.discount, spec.gae_lambda)
    advantages = torch.where(all_alike(exact, valid)[:, None, None], 0.0, advantages)
    weight = torch.ones(len(rewards), dtype=exact.dtype)
    if spec.standardise:
        count = valid.sum((1, 2), keepdim=True).clamp(min=1)
        mean = advantages.sum((1, 2), keepdim=True) / count
        deviations = torch.where(valid, advantages - mean, 0.0)
        spread = (deviations.square().sum((1, 2), keepdim=True) / count).sqrt()
        returns = episode_advantages(exact, torch.zeros_like(exact), valid, spec.discount, 1.0)
        tiny = TINY * returns.abs().amax((1, 2), keepdim=True).clamp(min=1.0)
        advantages = deviations / (spread + tiny)
        squares, count = workers.sum(torch.stack((spread.square().sum(), exact.new_tensor(float(len(spread))))))
        weight = (spread / (squares / count).sqrt()).flatten() if squares > 0.0 else weight
    first = None if first_returns is None else first_returns.double().numpy()
    scale = torch.from_numpy(step_scale(exact.sum(1).mean(-1).numpy(), spec, first))
    judged, weight, scale = (tensor.to(rewards.dtype) for tensor in (advantages, weight, scale))
    return Experience(observations, actions, log_probs, judged, valid, legal_actions, weight, scale)


def inner_loss(policy: TaskPolicy, dice_lambda: float) -> Callable[[Parameters, Experience], Tensor]:
    """The losses that the inner loop descends: minus each task's expected return (Finn et al. 2017, eq. 4).

    It may be differentiated twice: see `losses.dice_loss`.
    """

    def loss(params: Parameters, support: Experience) -> Tensor:
        log_probs = policy.log_probs(params, support.observations, support.actions, support.legal_actions)
        return dice_loss(log_probs, support.log_probs, support.advantages, support.valid, dice_lambda)

    return loss


def inner_step(
    policy: TaskPolicy,
    params_by_task: Parameters,
    support: Experience,
    step_sizes: StepSizes,
    spec: AdvantageSpec,
    *,
    dice_lambda: float = 0.0,
    first_order: bool = False,
) -> Parameters:
    """One gradient step of every task, as the exported file takes it.

    Args:
        policy: What the parameters parametrise.
        params_by_task: ``(N, …)`` each.
        support: What the step learns from.
        step_sizes: alpha.
        spec: That the advantages were computed by: with a best return it says how long steps are, by
            `gameagent_sdk.adaptation.advantages.step_scale`, and gradients say their direction alone.
        dice_lambda: See `losses.dice_loss`.
        first_order: As for `inner_loop.adapt`.
    """
    loss = inner_loss(policy, dice_lambda)
    norm = None if spec.best_return is None else SCALED_NORM * support.step_scale
    return adapt(params_by_task, loss, support, step_sizes, first_order=first_order, max_norm=MAX_INNER_NORM, norm=norm)


def outer_step(optimizer: torch.optim.Optimizer, workers: Workers, max_gradient_norm: float) -> float:
    """One step on gradients summed over processes and scaled down to a norm; gives the norm before scaling.

    Each process's gradient is that of its part of the mean over all tasks, see `Workers.weight`.
    """
    learnt = [tensor for group in optimizer.param_groups for tensor in group["params"]]
    workers.sum_gradients(learnt)
    norm = torch.nn.utils.clip_grad_norm_(learnt, max_gradient_norm)
    optimizer.step()
    return float(norm)
