"""The feedforward policy beside torch's own layers and distributions."""

# mypy: disable-error-code="arg-type, no-untyped-call"

import math
from typing import Any

import pytest
import torch
from torch import nn

from gameagent.inner_loop import for_tasks
from gameagent.nets.feedforward import FeedforwardPolicy


def double(policy: Any, seed: int = 1) -> dict[Any, Any]:
    generator = torch.Generator().manual_seed(seed)
    fresh = policy.initial_parameters(generator)
    return {name: torch.randn(param.shape, generator=generator).double() * 0.7 for name, param in fresh.items()}


def observe(*shape: Any, seed: int = 2) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def noise_for(policy: FeedforwardPolicy, seen: torch.Tensor) -> torch.Tensor:
    rows = seen.shape[0] * seen.shape[1]
    return policy.noise(rows, torch.Generator().manual_seed(0)).reshape(*seen.shape[:2], -1)


NO_MASK = torch.ones(7, 0, dtype=torch.bool)


@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("hidden_sizes", [(), (5,), (6, 4)])
def test_outputs_are_those_of_torchs_layers(hidden_sizes: tuple[Any, ...], activation: str) -> None:
    policy = FeedforwardPolicy(3, 2, hidden_sizes=hidden_sizes, activation=activation)
    params = double(policy)
    layers, size = [], 3
    for width in hidden_sizes:
        layers += [nn.Linear(size, width), nn.ReLU() if activation == "relu" else nn.Tanh()]
        size = width
    network = nn.Sequential(*layers, nn.Linear(size, 2)).double()
    with torch.no_grad():
        for own, theirs in zip(params.values(), network.parameters(), strict=True):
            theirs.copy_(own)
    torch.testing.assert_close(policy.outputs(params, observe(7, 3)), network(observe(7, 3)))


def test_gaussian_densities_are_torchs() -> None:
    policy = FeedforwardPolicy(3, 2, "gaussian", (5,))
    params, actions = double(policy), observe(7, 2, seed=3)
    mean, std = policy.outputs(params, observe(7, 3)), params["head_log_std"].exp()
    expected = torch.distributions.Normal(mean, std).log_prob(actions).sum(-1)
    torch.testing.assert_close(policy.log_probs(params, observe(7, 3), actions, NO_MASK), expected)


def test_a_collapsed_spread_stays_finite() -> None:
    policy = FeedforwardPolicy(3, 1, "gaussian", (5,))
    params = double(policy) | {"head_log_std": torch.tensor([-1e4]).double()}
    mean = policy.outputs(params, observe(7, 3))
    expected = -math.log(1e-6 * math.sqrt(2 * math.pi))  # the density at its peak for the least spread
    got = policy.log_probs(params, observe(7, 3), mean, NO_MASK)
    torch.testing.assert_close(got, torch.full((7,), expected).double())


@pytest.mark.parametrize("masked", [False, True])
def test_categorical_log_probabilities_are_torchs(masked: bool) -> None:
    policy = FeedforwardPolicy(3, 4, "categorical", (5,))
    params, actions = double(policy), torch.tensor([0, 1, 2, 0, 1, 2, 0])
    legal = torch.tensor([True, True, True, False]).expand(7, 4) if masked else NO_MASK
    logits = policy.outputs(params, observe(7, 3))
    possible = logits[:, :3] if masked else logits
    expected = torch.distributions.Categorical(logits=possible).log_prob(actions)
    torch.testing.assert_close(policy.log_probs(params, observe(7, 3), actions, legal), expected)


def test_every_task_samples_from_its_own_distribution() -> None:
    policy = FeedforwardPolicy(3, 4, "categorical", ())
    tasks = [double(policy, seed) for seed in (1, 2)]
    stacked = {name: torch.stack([task[name] for task in tasks]) for name in tasks[0]}
    seen = observe(1, 1, 3).expand(2, 20_000, 3)
    legal = torch.tensor([True, False, True, True]).expand(2, 20_000, 4)
    actions, log_probs = policy.sample(stacked, seen, legal, noise_for(policy, seen))
    for task in range(2):
        allowed = policy.outputs(tasks[task], seen[task, :1])[0].index_fill(0, torch.tensor([1]), -math.inf)
        expected = torch.softmax(allowed, -1)
        shares = torch.bincount(actions[task], minlength=4) / 20_000
        assert (shares - expected).abs().max() < 4 * math.sqrt(0.25 / 20_000)
        torch.testing.assert_close(log_probs[task], expected[actions[task]].log())


def test_gaussian_samples_have_the_moments_and_densities_that_are_said() -> None:
    policy = FeedforwardPolicy(3, 2, "gaussian", (5,))
    tasks = [double(policy, seed) for seed in (1, 2)]
    stacked = {name: torch.stack([task[name] for task in tasks]) for name in tasks[0]}
    seen = observe(1, 1, 3).expand(2, 20_000, 3)
    legal = torch.ones(2, 20_000, 0, dtype=torch.bool)
    actions, log_probs = policy.sample(stacked, seen, legal, noise_for(policy, seen))
    for task in range(2):
        mean, std = policy.outputs(tasks[task], seen[task, 0]), tasks[task]["head_log_std"].exp()
        scores = (actions[task] - mean) / std
        assert scores.mean(0).abs().max() < 4 / math.sqrt(20_000)
        assert (scores.square().mean(0) - 1).abs().max() < 4 * math.sqrt(2 / 20_000)
        expected = torch.distributions.Normal(mean, std).log_prob(actions[task]).sum(-1)
        torch.testing.assert_close(log_probs[task], expected)


@pytest.mark.parametrize("actions", ["categorical", "gaussian"])
def test_fresh_parameters(actions: str) -> None:
    policy = FeedforwardPolicy(8, 3, actions, (256, 256), initial_std=0.5)
    params = policy.initial_parameters(torch.Generator().manual_seed(0))
    body = ["body_0_weight", "body_0_bias", "body_1_weight", "body_1_bias"]
    assert list(params) == [*body, *policy.head]
    assert params["body_1_weight"].std().item() == pytest.approx(math.sqrt(2 / 256), rel=0.05)
    outputs = policy.outputs(params, observe(100, 8).float())
    assert outputs.abs().max() < 1.0  # nearly uniform, nearly centred
    if actions == "gaussian":
        assert params["head_log_std"].exp().tolist() == pytest.approx([0.5] * 3)
    again = policy.initial_parameters(torch.Generator().manual_seed(0))
    assert all(torch.equal(params[name], again[name]) for name in params)


def test_the_same_parameters_for_every_task_give_the_same_outputs() -> None:
    policy = FeedforwardPolicy(3, 2, hidden_sizes=(5,))
    params = double(policy)
    together = policy.outputs(for_tasks(params, 4), observe(4, 7, 3))
    for task in range(4):
        torch.testing.assert_close(together[task], policy.outputs(params, observe(4, 7, 3)[task]))


def test_a_fresh_tanh_bends_in_other_places_than_at_the_mean() -> None:
    policy = FeedforwardPolicy(2, 2, hidden_sizes=(256, 256), activation="tanh")
    params = policy.initial_parameters(torch.Generator().manual_seed(0))
    assert params["body_0_bias"].std().item() == pytest.approx(1.0, rel=0.2)
    assert not params["body_1_bias"].any()


def test_whitened_parameters_see_observations_of_mean_zero_and_deviation_one() -> None:
    policy = FeedforwardPolicy(3, 2, hidden_sizes=(5,))
    params = double(policy)
    seen = observe(50, 3) * torch.tensor([0.2, 30.0, 0.0]) + torch.tensor([1.0, -7.0, 4.0])  # the last never varies
    white = (seen - seen.mean(0)) / torch.tensor([*seen.std(0, correction=0)[:2], 1.0])
    got = policy.outputs(policy.whitened(params, seen), seen)
    torch.testing.assert_close(got, policy.outputs(params, white))
    linear = FeedforwardPolicy(3, 2, hidden_sizes=())
    torch.testing.assert_close(
        linear.outputs(linear.whitened(double(linear), seen), seen), linear.outputs(double(linear), white)
    )


@pytest.mark.parametrize("actions", ["categorical", "gaussian"])
def test_tasks_side_by_side_have_the_log_probabilities_of_each_alone(actions: str) -> None:
    policy = FeedforwardPolicy(3, 2, actions, (5, 4))
    tasks = [double(policy, seed) for seed in (1, 2)]
    stacked = {name: torch.stack([task[name] for task in tasks]) for name in tasks[0]}
    seen, legal = observe(2, 7, 4, 3), torch.ones(2, 7, 4, 0, dtype=torch.bool)
    done = observe(2, 7, 4, 2, seed=3) if actions == "gaussian" else torch.ones(2, 7, 4, dtype=torch.int64)
    together = policy.log_probs(stacked, seen, done, legal)
    for task in range(2):
        torch.testing.assert_close(together[task], policy.log_probs(tasks[task], seen[task], done[task], legal[task]))
