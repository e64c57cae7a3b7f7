"""The inner loop of MAML and Reptile: gradient steps on one task, and on all tasks of a meta-batch in one call.

`adapt` is written for one task, as a pure function of a flat dict of named parameters, so that ``torch.func`` can
differentiate it (twice, or once) and run it for all tasks at once; `adapt_tasks` is that call. What adapts and how
fast is one dict of step sizes: a parameter without a step size stays as it is. That covers

- plain gradient descent: every step size is the same constant;
- Meta-SGD (Li et al. 2017, eq. 2): step sizes have their parameter's shape, require gradients and are learnt;
- ANIL, ``head_only`` (Raghu et al. 2020, sec. 4): only the head's parameters have step sizes.
"""

import math
from collections.abc import Callable, Collection
from functools import partial
from typing import TypeVar

import torch
from torch import Tensor
from torch.func import grad, vmap

Parameters = dict[str, Tensor]
"""Named parameters of one task, or ``(N, …)`` each: those of N tasks."""

StepSizes = dict[str, Tensor]
"""A step size by name of each parameter that adapts: a scalar, or of the parameter's shape."""

Data = TypeVar("Data")
"""Any nesting of tuples, lists and dicts of tensors: what a loss is taken on. ``(N, …)`` each for N tasks."""

Loss = Callable[[Parameters, Data], Tensor]
"""The loss of one task, a scalar; made of operations that ``torch.func`` knows."""


def constant_step_sizes(params: Parameters, inner_lr: float, adapting: Collection[str] | None = None) -> StepSizes:
    """The same step size for every number that adapts, in each parameter's shape, ready to be learnt or not.

    Args:
        params: The parameters of one task.
        inner_lr: The step size.
        adapting: Names of the parameters that adapt; None for all.

    Raises:
        KeyError: A name that is no parameter's.
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
) -> Parameters:
    """Takes gradient steps on one task: theta' = theta - alpha * grad L(theta) (Finn et al. 2017, sec. 2.2).

    Args:
        params: Where the steps start. The result is differentiable in them.
        loss: The task's loss; a function of all parameters, also of those that stay.
        data: What every step's loss is taken on.
        step_sizes: The step size of each parameter that adapts. The result is differentiable in them.
        num_steps: How many steps.
        first_order: Whether gradients are taken for constants where the result is differentiated (FOMAML, sec. 5.2).
        max_norm: Each step's gradient, of all that adapts together, is scaled down to this norm.

    Returns:
        All parameters by name; those that do not adapt are the tensors that were given.

    Raises:
        KeyError: A step size whose name is no parameter's.
    """
    moving = {name: params[name] for name in step_sizes}
    staying = {name: param for name, param in params.items() if name not in step_sizes}
    loss_of_moving = lambda moving: loss({**staying, **moving}, data)  # noqa: E731
    for _ in range(num_steps if moving else 0):
        gradients = grad(loss_of_moving)(moving)
        if first_order:
            gradients = {name: gradient.detach() for name, gradient in gradients.items()}
        if max_norm < math.inf:
            gradients = scale_down(gradients, max_norm)
        moving = {
            name: torch.addcmul(param, step_sizes[name], gradients[name], value=-1.0) for name, param in moving.items()
        }
    return {name: moving.get(name, param) for name, param in params.items()}


def scale_down(gradients: Parameters, max_norm: float) -> Parameters:
    """Gradients that together have at most a norm, in their direction; differentiable, also where all are zero."""
    square = sum((gradient * gradient).sum() for gradient in gradients.values())
    factor = max_norm / torch.sqrt(torch.clamp(torch.as_tensor(square), min=max_norm * max_norm))
    return {name: factor * gradient for name, gradient in gradients.items()}


def adapt_tasks(
    params: Parameters,
    loss: Loss[Data],
    data: Data,
    step_sizes: StepSizes,
    num_steps: int = 1,
    *,
    first_order: bool = False,
    max_norm: float = math.inf,
) -> Parameters:
    """`adapt` for N tasks in one vectorised call.

    Args:
        params: ``(N, …)`` each, where every task's steps start; see `for_tasks`.
        loss: The loss of one task.
        data: ``(N, …)`` each.
        step_sizes: Of one task; all tasks share them.
        num_steps: How many steps.
        first_order: As for `adapt`.
        max_norm: As for `adapt`.

    Returns:
        ``(N, …)`` each.
    """
    steps = partial(adapt, loss=loss, num_steps=num_steps, first_order=first_order, max_norm=max_norm)
    adapted: Parameters = vmap(lambda own, own_data: steps(own, data=own_data, step_sizes=step_sizes))(params, data)
    return adapted


def for_tasks(params: Parameters, num_tasks: int) -> Parameters:
    """The same parameters for each of N tasks, ``(N, …)`` each, without a copy."""
    return {name: param.expand(num_tasks, *param.shape) for name, param in params.items()}


def task_losses(params_by_task: Parameters, loss: Loss[Data], data: Data) -> Tensor:
    """The loss of each of N tasks under its own parameters: ``(N,)``."""
    losses: Tensor = vmap(loss)(params_by_task, data)
    return losses
