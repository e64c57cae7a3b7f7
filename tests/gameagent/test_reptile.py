"""Reptile's step beside its formula, with inner loops written as plain loops."""

# mypy: disable-error-code="no-untyped-call"

import math

import numpy as np
import pytest
import torch

from gameagent.inner_loop import adapt, constant_step_sizes, for_tasks
from gameagent.methods.gradient.meta_batch import Experience, with_advantages
from gameagent.methods.reptile import update as reptile
from gameagent.methods.reptile.update import ReptileSettings, set_gradients
from gameagent.workers import Workers
from tiny_tasks import JUDGED, POLICY, RecordedSampler, random_trajectories, table


def test_the_step_of_a_quadratic_by_hand() -> None:
    """phi~ = c + (1 - alpha h)^k (phi - c): phi moves by epsilon times the mean of (1 - (1 - alpha h)^k) (c - phi)."""
    centers, curvatures = (
        np.array([[1.0, -2.0], [4.0, 0.5], [0.0, 3.0]]),
        np.array([[1.0, 2.0], [0.5, 0.1], [3.0, 1.0]]),
    )
    params = {"phi": torch.tensor([0.3, -0.7], dtype=torch.float64, requires_grad=True)}
    loss = lambda params, data: 0.5 * (data[1] * (params["phi"] - data[0]) ** 2).sum(-1)  # noqa: E731
    start = params["phi"].detach().numpy().copy()
    with torch.no_grad():
        data = torch.tensor(centers), torch.tensor(curvatures)
        adapted = adapt(for_tasks(params, 3), loss, data, constant_step_sizes(params, 0.2), 4)
    set_gradients(params, adapted)
    torch.optim.SGD(params.values(), lr=0.6).step()
    moves = (1 - (1 - 0.2 * curvatures) ** 4) * (centers - start)
    np.testing.assert_allclose(params["phi"].detach(), start + 0.6 * moves.mean(0), rtol=1e-12)


@pytest.mark.parametrize("head_only", [False, True])
def test_an_update_equals_the_formula_with_a_loop_over_tasks(head_only: bool) -> None:
    start = table(1)
    params = {name: param.clone().requires_grad_() for name, param in start.items()}
    played = [random_trajectories(3, seed, played_by=start if seed == 0 else None) for seed in range(2)]
    sampler = RecordedSampler(*played)
    settings = ReptileSettings(JUDGED, inner_steps=2)
    step_sizes = constant_step_sizes(start, 0.3, ["head_bias"] if head_only else None)
    optimizer = torch.optim.SGD(params.values(), lr=0.7)
    metrics, returns = reptile.update(POLICY, params, step_sizes, optimizer, sampler, settings, Workers())

    ends = []
    for task in range(3):
        own = {name: param.clone().requires_grad_() for name, param in start.items()}
        for step in range(2):
            support = Experience(*(part[task] for part in with_advantages(played[step], JUDGED)))
            log_probs = POLICY.log_probs(own, support.observations, support.actions, support.legal_actions)
            ratios = torch.exp(log_probs - support.log_probs)
            (-(ratios * support.advantages * support.valid).sum() / support.valid.numel()).backward()
            with torch.no_grad():
                for name in step_sizes:
                    own[name] -= 0.3 * own[name].grad
                for param in own.values():
                    param.grad = None
        ends.append(own)
    moved = 0.0
    for name in params:
        mean = torch.stack([end[name].detach() for end in ends]).mean(0)
        torch.testing.assert_close(params[name].detach(), start[name] + 0.7 * (mean - start[name]))
        moved += float((mean - start[name]).square().sum())
    assert (params["head_weight"] == start["head_weight"]).all() == head_only
    assert metrics["gradient_norm"] == pytest.approx(math.sqrt(moved))
    expected = [batch.rewards.sum((1, 2)) / 4 for batch in played]
    torch.testing.assert_close(returns, torch.stack(expected))
