"""Measures few-shot regression of sinusoids, the first experiment of MAML (Finn et al. 2017, sec. 5.1).

    python tools/measure_sinusoids.py --iterations 20000 --seeds 0 1 2

Prints the squared error on fresh tasks after 0 to 10 gradient steps on 10 labelled points, with a 95 % interval over
tasks: MAML, MAML of the first order, Reptile, and the paper's baseline, a network trained on all tasks together.
"""

import argparse
from collections.abc import Callable

import torch
from torch import Tensor

from gameagent.inner_loop import (
    Parameters,
    StepSizes,
    adapt,
    constant_step_sizes,
    for_tasks,
)
from gameagent.losses import squared_error
from gameagent.methods.maml.update import Labelled, labelled_outer_loss
from gameagent.methods.reptile.update import set_gradients
from gameagent.nets.feedforward import FeedforwardPolicy

NETWORK = FeedforwardPolicy(observation_size=1, action_size=1, hidden_sizes=(40, 40))
INNER_LR = 0.01
META_BATCH_SIZE = 25
NUM_SHOTS = 10
METHODS = ("maml", "first_order", "reptile", "pretrained")


def sinusoids(num_tasks: int, num_points: int, generator: torch.Generator) -> Labelled:
    """Points of sinusoids: amplitude in [0.1, 5], phase in [0, pi], x in [-5, 5]; ``(N, points, 1)`` each."""
    amplitude = 0.1 + 4.9 * torch.rand(num_tasks, 1, 1, generator=generator)
    phase = torch.pi * torch.rand(num_tasks, 1, 1, generator=generator)
    x = 10.0 * torch.rand(num_tasks, num_points, 1, generator=generator) - 5.0
    return x, amplitude * torch.sin(x - phase)


def regression_loss(params: Parameters, data: Labelled) -> Tensor:
    """The squared error of each task: ``(N,)``."""
    return squared_error(NETWORK.outputs(params, data[0]), data[1])


def train(method: str, iterations: int, seed: int, outer_lr: float = 1e-3, inner_steps: int = 1) -> Parameters:
    """Trains an initialisation by one of `METHODS`, with Adam; its rate falls to a tenth at the end."""
    generator = torch.Generator().manual_seed(seed)
    params = {name: param.requires_grad_() for name, param in NETWORK.initial_parameters(generator).items()}
    step_sizes = constant_step_sizes(params, INNER_LR)
    optimizer = torch.optim.Adam(params.values(), lr=outer_lr)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.1, iterations)
    set_outer_gradients = _outer_gradients(method, params, step_sizes, inner_steps)
    for _ in range(iterations):
        x, y = sinusoids(META_BATCH_SIZE, 2 * NUM_SHOTS, generator)
        optimizer.zero_grad()
        set_outer_gradients((x[:, :NUM_SHOTS], y[:, :NUM_SHOTS]), (x[:, NUM_SHOTS:], y[:, NUM_SHOTS:]))
        optimizer.step()
        schedule.step()
    return {name: param.detach() for name, param in params.items()}


def _outer_gradients(
    method: str, params: Parameters, step_sizes: StepSizes, inner_steps: int
) -> Callable[[Labelled, Labelled], None]:
    def by_loss(support: Labelled, query: Labelled) -> None:
        sizes = {} if method == "pretrained" else step_sizes  # without a step size nothing adapts
        loss = labelled_outer_loss(
            params, regression_loss, support, query, sizes, inner_steps, first_order=method == "first_order"
        )
        loss.backward()  # type: ignore[no-untyped-call]

    def by_reptile(support: Labelled, query: Labelled) -> None:
        both = torch.cat((support[0], query[0]), 1), torch.cat((support[1], query[1]), 1)
        with torch.no_grad():
            start = for_tasks(params, META_BATCH_SIZE)
            set_gradients(params, adapt(start, regression_loss, both, step_sizes, max(inner_steps, 8)))

    return by_reptile if method == "reptile" else by_loss


def errors_by_step(params: Parameters, num_steps: int, num_tasks: int, seed: int) -> Tensor:
    """Squared error on 100 fresh points after 0 … ``num_steps`` gradient steps on 10: ``(steps + 1, N)``."""
    generator = torch.Generator().manual_seed(seed)
    x, y = sinusoids(num_tasks, NUM_SHOTS + 100, generator)
    support, query = (x[:, :NUM_SHOTS], y[:, :NUM_SHOTS]), (x[:, NUM_SHOTS:], y[:, NUM_SHOTS:])
    step_sizes = constant_step_sizes(params, INNER_LR)
    current = for_tasks(params, num_tasks)
    errors = [regression_loss(current, query)]
    for _ in range(num_steps):
        current = adapt(current, regression_loss, support, step_sizes)
        errors.append(regression_loss(current, query))
    return torch.stack(errors)


def main() -> None:
    """Reads the arguments, trains by every method, prints the table."""
    parser = argparse.ArgumentParser(description="Measures few-shot regression of sinusoids.")
    parser.add_argument("--iterations", type=int, default=20_000, help="outer steps (default: %(default)s)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="seeds of training (default: 0)")
    parser.add_argument("--inner-steps", type=int, default=1, help="steps in training (default: %(default)s)")
    parser.add_argument("--outer-lr", type=float, default=1e-3, help="Adam's rate (default: %(default)s)")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS, help="which (default: all)")
    args = parser.parse_args()
    torch.set_num_threads(1)
    steps = (0, 1, 2, 3, 5, 10)
    print(f"squared error after {', '.join(map(str, steps))} gradient steps on {NUM_SHOTS} points")
    for method in args.methods:
        curves = []
        for seed in args.seeds:
            params = train(method, args.iterations, seed, args.outer_lr, args.inner_steps)
            curves.append(errors_by_step(params, 10, 600, 10_000 + seed))
        errors = torch.cat(curves, 1)[list(steps)]
        means, margins = errors.mean(1), 1.96 * errors.std(1) / errors.shape[1] ** 0.5
        cells = [f"{mean:.2f} ±{margin:.2f}" for mean, margin in zip(means.tolist(), margins.tolist(), strict=True)]
        print(f"{method:12s} " + "  ".join(cells), flush=True)


if __name__ == "__main__":
    main()
