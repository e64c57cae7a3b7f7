"""Measures the inner loop with its second-order outer gradient: all tasks in one call, beside loops over tasks.

    python tools/bench_inner_loop.py --repeats 15

20 tasks, 5 policy-gradient steps each on 100 transitions, a network of 64 × 64, one thread. The others: a loop over
tasks with ``torch.autograd.grad``, and `higher` and `torchopt` where they are installed. All of them compute the same
gradient, which is checked first. Every repeat times each of them in turn; the ratio is the median over repeats of
(theirs / ours).
"""

import argparse
import importlib
import importlib.util
import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn

from gameagent.inner_loop import Parameters, adapt, constant_step_sizes, for_tasks
from gameagent.losses import dice_loss
from gameagent.methods.gradient.meta_batch import Experience, inner_loss
from gameagent.nets.feedforward import LOG_SQRT_TWO_PI, FeedforwardPolicy

INNER_LR = 0.1
HIDDEN = (64, 64)


class Workload(NamedTuple):
    """The same meta-batch for every contestant."""

    policy: FeedforwardPolicy
    params: Parameters
    support: Experience
    query: Experience
    num_steps: int


Contestant = Callable[[Workload], list[Tensor]]
"""Computes the outer gradient, in the order of the parameters."""


def make_workload(
    actions: Literal["gaussian", "categorical"], num_tasks: int, num_steps: int, num_transitions: int
) -> Workload:
    """Episodes of random observations: as in navigation (2 numbers seen, 2 done), or 8 seen and 4 choices."""
    sizes = (2, 2) if actions == "gaussian" else (8, 4)
    policy = FeedforwardPolicy(*sizes, actions, HIDDEN)
    generator = torch.Generator().manual_seed(0)
    params = policy.initial_parameters(generator)

    def play() -> Experience:
        seen = torch.randn(num_tasks, num_transitions, sizes[0], generator=generator)
        every = torch.ones(num_tasks, num_transitions, 0, dtype=torch.bool)
        noise = policy.noise(num_tasks * num_transitions, generator).reshape(num_tasks, num_transitions, -1)
        chosen, log_probs = policy.sample(for_tasks(params, num_tasks), seen, every, noise)
        advantages = torch.randn(log_probs.shape, generator=generator)
        valid = torch.ones(log_probs.shape, dtype=torch.bool)
        parts = [tensor.unsqueeze(2) for tensor in (seen, chosen, log_probs, advantages, valid, every)]
        return Experience._make([*parts, torch.ones(num_tasks), torch.ones(num_tasks)])

    return Workload(policy, params, play(), play(), num_steps)


class PlainNetwork(nn.Module):
    """The same policy as an ordinary module."""

    def __init__(self, policy: FeedforwardPolicy, params: Parameters) -> None:
        super().__init__()
        sizes = (policy.observation_size, *policy.hidden_sizes, policy.action_size)
        self.layers = nn.ModuleList(nn.Linear(*pair) for pair in pairwise(sizes))
        if policy.actions == "gaussian":
            self.log_std = nn.Parameter(torch.zeros(policy.action_size))
        named = [*self.layers.parameters(), *([self.log_std] if policy.actions == "gaussian" else [])]
        with torch.no_grad():
            for own, given in zip(named, params.values(), strict=True):
                own.copy_(given)
        self.ordered = [name for wanted in named for name, own in self.named_parameters() if own is wanted]

    def forward(self, data: Experience) -> Tensor:
        """The inner loss of one task."""
        named = dict(self.named_parameters())
        return plain_loss([named[name] for name in self.ordered], data)


def plain_loss(params: list[Tensor], data: Experience) -> Tensor:
    """The inner loss of one task as one would write it for ``torch.autograd``; parameters in the policy's order."""
    gaussian = len(params) % 2 == 1
    features = data.observations
    num_layers = len(params) // 2
    for layer in range(num_layers):
        features = nn.functional.linear(features, params[2 * layer], params[2 * layer + 1])
        if layer < num_layers - 1:
            features = torch.relu(features)
    if gaussian:
        deviation = (data.actions - features) * torch.exp(-params[-1])
        log_probs = -0.5 * (deviation * deviation).sum(-1) - (params[-1] + LOG_SQRT_TWO_PI).sum()
    else:
        log_probs = torch.log_softmax(features, -1).gather(-1, data.actions.unsqueeze(-1)).squeeze(-1)
    return dice_loss(log_probs, data.log_probs, data.advantages, data.valid, 0.0)


def one_call(work: Workload) -> list[Tensor]:
    """Ours: every task in one vectorised call."""
    params = {name: param.clone().requires_grad_() for name, param in work.params.items()}
    loss, step_sizes = inner_loss(work.policy, 0.0), constant_step_sizes(params, INNER_LR)
    start = for_tasks(params, len(work.support.valid))
    adapted = adapt(start, loss, work.support, step_sizes, work.num_steps)
    return list(torch.autograd.grad(loss(adapted, work.query).mean(), list(params.values())))


def loop_with_autograd(work: Workload) -> list[Tensor]:
    """One task after the other, as most implementations of MAML do."""
    params = [param.clone().requires_grad_() for param in work.params.values()]
    total = [torch.zeros_like(param) for param in params]
    for support, query in _tasks(work):
        fast = params
        for _ in range(work.num_steps):
            slopes = torch.autograd.grad(plain_loss(fast, support), fast, create_graph=True)
            fast = [param - INNER_LR * slope for param, slope in zip(fast, slopes, strict=True)]
        for sum_, slope in zip(total, torch.autograd.grad(plain_loss(fast, query), params), strict=True):
            sum_ += slope
    return [sum_ / len(work.support.valid) for sum_ in total]


def loop_with_higher(work: Workload) -> list[Tensor]:
    """One task after the other by the library `higher`."""
    higher: Any = importlib.import_module("higher")
    network = PlainNetwork(work.policy, work.params)
    optimizer = torch.optim.SGD(network.parameters(), lr=INNER_LR)
    for support, query in _tasks(work):
        with higher.innerloop_ctx(network, optimizer, copy_initial_weights=False) as (fast, steps):
            for _ in range(work.num_steps):
                steps.step(fast(support))
            torch.autograd.backward(fast(query))
    return _gradients(network, len(work.support.valid))


def loop_with_torchopt(work: Workload) -> list[Tensor]:
    """One task after the other by the library `torchopt`."""
    torchopt: Any = importlib.import_module("torchopt")
    network = PlainNetwork(work.policy, work.params)
    optimizer = torchopt.MetaSGD(network, lr=INNER_LR)
    start, start_optimizer = torchopt.extract_state_dict(network), torchopt.extract_state_dict(optimizer)
    for support, query in _tasks(work):
        for _ in range(work.num_steps):
            optimizer.step(network(support))
        torch.autograd.backward(network(query))
        torchopt.recover_state_dict(network, start)
        torchopt.recover_state_dict(optimizer, start_optimizer)
    return _gradients(network, len(work.support.valid))


def _tasks(work: Workload) -> list[tuple[Experience, Experience]]:
    supports, queries = (map(Experience._make, zip(*data, strict=True)) for data in (work.support, work.query))
    return list(zip(supports, queries, strict=True))


def _gradients(network: PlainNetwork, num_tasks: int) -> list[Tensor]:
    named = dict(network.named_parameters())
    gradients = [named[name].grad for name in network.ordered]
    return [gradient / num_tasks for gradient in gradients if gradient is not None]


def contestants() -> dict[str, Contestant]:
    """Ours first; those whose library is not installed are left out."""
    found: dict[str, Contestant] = {"one call": one_call, "loop with autograd.grad": loop_with_autograd}
    for library, contestant in (("higher", loop_with_higher), ("torchopt", loop_with_torchopt)):
        if importlib.util.find_spec(library):
            found[f"loop with {library}"] = contestant
    return found


def measure(work: Workload, repeats: int) -> dict[str, dict[str, float]]:
    """Milliseconds per task (median) and the median ratio to ours, by contestant; gradients are compared first."""
    running = contestants()
    expected = one_call(work)
    for name, contestant in running.items():
        for mine, theirs in zip(expected, contestant(work), strict=True):
            torch.testing.assert_close(mine, theirs, rtol=1e-3, atol=1e-5, msg=f"{name} computes something else")
    seconds: dict[str, list[float]] = {name: [] for name in running}
    for _ in range(repeats):
        for name, contestant in running.items():
            start = perf_counter()
            contestant(work)
            seconds[name].append(perf_counter() - start)
    ours, num_tasks = seconds["one call"], len(work.support.valid)
    return {
        name: {
            "ms_per_task": 1000.0 * median(theirs) / num_tasks,
            "ratio": median(their / our for their, our in zip(theirs, ours, strict=True)),
        }
        for name, theirs in seconds.items()
    }


def main() -> None:
    """Reads the arguments, measures, prints a table."""
    parser = argparse.ArgumentParser(description="Measures vectorised inner loops beside loops over tasks.")
    parser.add_argument("--repeats", type=int, default=15, help="repeats (default: %(default)s)")
    parser.add_argument("--quick", action="store_true", help="3 tasks, 2 steps, 1 repeat: to see that it runs")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    args = parser.parse_args()
    torch.set_num_threads(1)
    num_tasks, num_steps, repeats = (3, 2, 1) if args.quick else (20, 5, args.repeats)
    figures = {}
    for actions in ("gaussian", "categorical"):
        figures[actions] = measure(make_workload(actions, num_tasks, num_steps, 100), repeats)
        print(f"{actions}: {num_tasks} tasks, {num_steps} steps, 100 transitions, median of {repeats}")
        for name, row in figures[actions].items():
            print(f"  {name:24s} {row['ms_per_task']:7.2f} ms per task  {row['ratio']:5.2f} × ours")
    if args.json:
        args.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
