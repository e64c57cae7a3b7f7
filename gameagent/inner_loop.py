"""The inner loop of MAML and Reptile: gradient steps on all tasks of a meta-batch in one call.

`adapt` is a pure function of a flat dict of named parameters, so that ``torch.func`` can differentiate it (twice, or
once). Parameters and data of N tasks have a leading axis of N, and a loss gives a number for each task; as no task's
loss depends on another's parameters, the gradient of their sum holds every task's own gradient. (``vmap`` over a loss
of one task computes the same, but takes a quarter more time on small networks.) Without that axis they are those of
one task.

What adapts and how fast is one dict of step sizes: a parameter without a step size stays as it is. That covers

- plain gradient descent: every step size is the same constant;
- Meta-SGD (Li et al. 2017, eq. 2): step sizes have their parameter's shape, require gradients and are learnt;
- ANIL, ``head_only`` (Raghu et al. 2020, sec. 4): only the head's parameters have step sizes.
"""

import math
from collections.abc import Callable, Collection
from typing import TypeVar

import torch
from torch import Tensor
from torch.func import grad

Parameters = dict[str, Tensor]
"""Named parameters of one task, or ``(N, …)`` each: those of N tasks."""

StepSizes = dict[str, Tensor]
"""A step size by name of each parameter that adapts: a scalar, or of the parameter's shape."""

Data = TypeVar("Data")
"""What a loss is taken on; of N tasks or of one."""

LEAST_NORM = 0.1  # of a gradient that has a direction to speak of

Loss = Callable[[Parameters, Data], Tensor]
"""The losses of N tasks, ``(N,)``, each of its own parameters and data alone; of one task a scalar."""


def constant_step_sizes(params: Parameters, inner_lr: float, adapting: Collection[str] | None = None) -> StepSizes:
    """The same step size for every number that adapts, in each parameter's shape, ready to be learnt or not.

    Args:
        params: The parameters of one task.
        inner_lr: The step size.
        adapting: Names of the parameters that adapt; None for all.

    Raises:
        KeyError: A name that is not a parameter's.
    """
    names = params if adapting is None else adapting
    return {name: torch.full_like(params[name], inner_lr, requires_grad=False) for name in names}


def adapt(
    params: Parameters,
    loss: Loss[Data],
    data: Data,
    step_sizes: StepSizes,
    num_steps: int = 1,
    *,
    first_order: bool = False,
    max_norm: float = math.inf,
    norm: Tensor | None = None,
) -> Parameters:
    """Takes gradient steps on every task: theta' = theta - alpha * grad L(theta) (Finn et al. 2017, sec. 2.2).

    Args:
        params: Where the steps start, ``(N, …)`` each (see `for_tasks`), or of one task. The result is differentiable
            in them.
        loss: The tasks' losses; a function of all parameters, also of those that stay.
        data: What every step's loss is taken on.
        step_sizes: The step size of each parameter that adapts, the same for all tasks. The result is differentiable
            in them.
        num_steps: How many steps.
        first_order: Whether gradients are taken for constants when the result is differentiated (FOMAML, sec. 5.2).
        max_norm: Each step's gradient, of all that adapts in a task together, is scaled down to this norm.
        norm: Where given, it is brought to this norm instead, ``(N,)`` or for one task a scalar.

    Returns:
        All parameters by name; those that do not adapt are the tensors that were given.

    Raises:
        KeyError: A step size whose name is not a parameter's.
    """
    moving = {name: params[name] for name in step_sizes}
    staying = {name: param for name, param in params.items() if name not in step_sizes}

    def total(moving: Parameters) -> tuple[Tensor, Tensor]:
        losses = loss({**staying, **moving}, data)
        return losses.sum(), losses

    for _ in range(num_steps if moving else 0):
        gradients, losses = grad(total, has_aux=True)(moving)
        if first_order:
            gradients = {name: gradient.detach() for name, gradient in gradients.items()}
        if norm is not None:
            gradients = bring_to(gradients, norm)
        elif max_norm < math.inf:
            gradients = scale_down(gradients, max_norm, losses.dim())
        moving = {
            name: torch.addcmul(param, step_sizes[name], gradients[name], value=-1.0) for name, param in moving.items()
        }
    return {name: moving.get(name, param) for name, param in params.items()}


def scale_down(gradients: Parameters, max_norm: float, task_axes: int = 0) -> Parameters:
    """Gradients that together have at most a norm, in their direction; differentiable even if all are zero.

    Args:
        gradients: By parameter's name.
        max_norm: Of all of a task's gradients.
        task_axes: How many leading axes tell tasks apart: 1 for ``(N, …)``, 0 for one task.
    """
    return _times(max_norm / torch.sqrt(torch.clamp(_square(gradients, task_axes), min=max_norm * max_norm)), gradients)


def bring_to(gradients: Parameters, norm: Tensor) -> Parameters:
    """Gradients that together have a norm, in their direction, and less if they are as small as `LEAST_NORM`.

    Args:
        gradients: By parameter's name.
        norm: Of all of a task's gradients, ``(N,)`` or of one task a scalar.
    """
    return _times(norm / torch.sqrt(_square(gradients, norm.dim()) + LEAST_NORM * LEAST_NORM), gradients)


def _square(gradients: Parameters, task_axes: int) -> Tensor:
    """The square of the norm of each task's gradients together."""
    rows = [gradient.flatten(task_axes) if gradient.dim() > task_axes else gradient for gradient in gradients.values()]
    return torch.stack([(row * row).sum(-1) if row.dim() > task_axes else row * row for row in rows]).sum(0)


def _times(factors: Tensor, gradients: Parameters) -> Parameters:
    """Every task's gradients times its own factor."""
    axes = factors.dim()
    return {
        name: factors.reshape(factors.shape + (1,) * (gradient.dim() - axes)) * gradient
        for name, gradient in gradients.items()
    }


def for_tasks(params: Parameters, num_tasks: int) -> Parameters:
    """The same parameters for each of N tasks, ``(N, …)`` each, without a copy."""
    return {name: param.expand(num_tasks, *param.shape) for name, param in params.items()}
