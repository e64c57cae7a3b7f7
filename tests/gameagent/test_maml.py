"""MAML beside exact enumeration, finite differences and formulas by hand; and that it learns."""

# mypy: disable-error-code="arg-type, call-arg, union-attr"

import importlib.util
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from gameagent.inner_loop import adapt, constant_step_sizes
from gameagent.losses import dice_loss, squared_error
from gameagent.methods.gradient import meta_batch
from gameagent.methods.gradient.meta_batch import Experience, outer_step, with_advantages
from gameagent.methods.maml import update as maml
from gameagent.methods.maml.update import (
    MamlSettings,
    adaptation_curve,
    labelled_outer_loss,
    outer_loss,
    play_and_adapt,
)
from gameagent.nets.feedforward import FeedforwardPolicy
from gameagent.playing.trajectories import Trajectories
from gameagent.returns import episode_advantages, linear_baseline
from gameagent.workers import Workers
from gameagent_sdk.adaptation.baseline import linear_baseline as sdk_baseline
from gameagent_sdk.authoring import AdvantageSpec
from tiny_tasks import JUDGED, POLICY, RecordedSampler, TinyMdp, TinySampler, random_trajectories, table

TOOLS = Path(__file__).parents[2] / "tools"
BASELINE = torch.tensor([0.7, -1.1, 0.4]).double()  # any function of the state
EXACT = MamlSettings(AdvantageSpec(1.0, 1.0, standardise=False), dice_lambda=1.0)
SHORT_SIGHTED = AdvantageSpec(0.9, 0.8, standardise=True)


def leaves(params: dict[Any, Any]) -> dict[Any, Any]:
    return {name: param.clone().requires_grad_() for name, param in params.items()}


def flat(tensors: tuple[torch.Tensor, ...]) -> torch.Tensor:
    return torch.cat([tensor.reshape(-1) for tensor in tensors]).detach()


def naive_inner_loss(policy: FeedforwardPolicy, dice_lambda: float) -> Callable[..., Any]:
    """REINFORCE as it is written for a first derivative: - log pi * A."""

    def loss(params: Any, support: Any) -> torch.Tensor:
        log_probs = policy.log_probs(params, support.observations, support.actions, support.legal_actions)
        return -torch.where(support.valid, log_probs * support.advantages, 0.0).mean()

    return loss


# -- the outer gradient through sampled episodes --


def exact_outer_gradient(mdp: TinyMdp, params: dict[Any, Any], rate: float, inner_steps: int) -> torch.Tensor:
    """Of minus the expected return after steps along the expected gradient; returns by backward induction, over T."""
    start = leaves(params)
    current = start
    for _ in range(inner_steps):
        value = mdp.expected_return(current) / mdp.num_steps
        slopes = torch.autograd.grad(value, list(current.values()), create_graph=True)
        current = {name: current[name] + rate * slope for name, slope in zip(current, slopes, strict=True)}
    value = -mdp.expected_return(current) / mdp.num_steps
    return flat(torch.autograd.grad(value, list(start.values())))


def enumerated_outer_gradient(
    mdp: TinyMdp, params: dict[Any, Any], rate: float, settings: MamlSettings
) -> torch.Tensor:
    """The estimate of `outer_loss` in the mean over all episodes that are possible."""
    step_sizes = constant_step_sizes(params, rate)
    supports, current = [], params
    for _ in range(settings.inner_steps):
        supports.append(mdp.every_episode(current, BASELINE))
        support = Experience(*(part[0] for part in supports[-1]))
        current = adapt(current, meta_batch.inner_loss(POLICY, settings.dice_lambda), support, step_sizes)
    query = mdp.every_episode(current, BASELINE)
    # The outer loss is a mean over valid steps, not over all: a constant factor where the episodes are given.
    query = query._replace(advantages=query.advantages * query.valid.double().mean())
    start = leaves(params)
    loss = outer_loss(POLICY, start, step_sizes, supports, query, settings)
    return flat(torch.autograd.grad(loss, list(start.values())))


@pytest.mark.parametrize("ends", [False, True])
@pytest.mark.parametrize("inner_steps", [1, 2])
def test_the_estimate_is_unbiased_and_the_naive_one_is_not(
    monkeypatch: pytest.MonkeyPatch, inner_steps: int, ends: bool
) -> None:
    mdp, params = TinyMdp(seed=3, num_steps=3, ends=ends), table(5)
    settings = replace(EXACT, inner_steps=inner_steps)
    exact = exact_outer_gradient(mdp, params, 1.5, inner_steps)
    assert exact.norm() > 0.01
    torch.testing.assert_close(enumerated_outer_gradient(mdp, params, 1.5, settings), exact, rtol=1e-9, atol=1e-12)
    monkeypatch.setattr(meta_batch, "inner_loss", naive_inner_loss)
    assert (enumerated_outer_gradient(mdp, params, 1.5, settings) - exact).norm() > 0.1 * exact.norm()


def test_without_memory_of_earlier_actions_it_is_exact_for_one_step_and_near_for_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings, params = replace(EXACT, dice_lambda=0.0), table(5)
    for num_steps in (1, 3):
        mdp = TinyMdp(seed=3, num_steps=num_steps)
        exact = exact_outer_gradient(mdp, params, 1.5, 1)
        bias = (enumerated_outer_gradient(mdp, params, 1.5, settings) - exact).norm() / exact.norm()
        with monkeypatch.context() as patched:
            patched.setattr(meta_batch, "inner_loss", naive_inner_loss)
            naive = (enumerated_outer_gradient(mdp, params, 1.5, settings) - exact).norm() / exact.norm()
        if num_steps == 1:
            assert bias < 1e-9 and naive > 0.1
        else:
            assert 0.01 < bias < naive


def sampled_outer_gradients(mdp: TinyMdp, params: dict[Any, Any], rate: float, num_repeats: int) -> torch.Tensor:
    """Estimates from episodes that were really played, as `update` does: (repeats, parameters)."""
    step_sizes, estimates = constant_step_sizes(params, rate), []
    sampler = TinySampler(mdp, 1, 400, seed=11)
    for _ in range(num_repeats):
        played = play_and_adapt(POLICY, params, step_sizes, sampler, EXACT)
        query = with_advantages(sampler.collect(played.params_by_task), EXACT.advantages)
        start = leaves(params)
        loss = outer_loss(POLICY, start, step_sizes, played.supports, query, EXACT)
        estimates.append(flat(torch.autograd.grad(loss, list(start.values()))))
    return torch.stack(estimates)


def test_the_mean_over_played_episodes_lies_within_its_standard_error(monkeypatch: pytest.MonkeyPatch) -> None:
    mdp, params = TinyMdp(seed=3, num_steps=3), table(5)
    exact = exact_outer_gradient(mdp, params, 1.5, 1)

    def standard_errors_off() -> Any:
        estimates = sampled_outer_gradients(mdp, params, 1.5, 200)
        return ((estimates.mean(0) - exact) / (estimates.std(0) / math.sqrt(len(estimates)) + 1e-12)).abs().max()

    assert standard_errors_off() < 4.0
    monkeypatch.setattr(meta_batch, "inner_loss", naive_inner_loss)
    assert standard_errors_off() > 8.0


@pytest.mark.parametrize(
    "judged_by", [SHORT_SIGHTED, replace(SHORT_SIGHTED, best_return=3.0, pre_adaptation_return=-3.0)]
)
@pytest.mark.parametrize("dice_lambda", [0.0, 0.5, 1.0])
def test_outer_gradient_of_given_episodes_beside_finite_differences(dice_lambda: float, judged_by: Any) -> None:
    """Also away from the parameters that played, where later epochs of an update are."""
    settings = MamlSettings(judged_by, inner_steps=2, dice_lambda=dice_lambda, clip_ratio=10.0)
    params = leaves(table(1))
    step_sizes = leaves(constant_step_sizes(params, 0.3))
    supports = [with_advantages(random_trajectories(2, seed), judged_by) for seed in (1, 2)]
    query = with_advantages(random_trajectories(2, 3), judged_by)
    learnt = [*params.values(), *step_sizes.values()]
    gradients = torch.autograd.grad(outer_loss(POLICY, params, step_sizes, supports, query, settings), learnt)
    for tensor, gradient in zip(learnt, gradients, strict=True):
        for index in np.ndindex(*tensor.shape):
            ends = []
            with torch.no_grad():
                for change in (1e-5, -2e-5):
                    tensor[index] += change
                    ends.append(outer_loss(POLICY, params, step_sizes, supports, query, settings).item())
                tensor[index] += 1e-5
            assert gradient[index].item() == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-5, abs=1e-8)


def algorithm_one(log_probs: Any, old: Any, advantages: Any, decay: Any) -> float:
    """Loaded DiCE of one episode as its paper's loop, with the box written as a ratio."""
    objective, w = 0.0, 0.0
    for t in range(len(log_probs)):
        w = decay * w + (log_probs[t] - old[t])
        v = w - (log_probs[t] - old[t])
        objective += (math.exp(w) - math.exp(v)) * advantages[t]
    return objective


@pytest.mark.parametrize("dice_lambda", [0.0, 0.3, 1.0])
def test_dice_loss_is_the_papers_loop(dice_lambda: float) -> None:
    generator = np.random.default_rng(0)
    log_probs, old, advantages = generator.normal(size=(3, 5, 2))
    valid = torch.tensor([[True, True], [True, True], [True, True], [True, False], [True, False]])
    got = dice_loss(*map(torch.tensor, (log_probs, old, advantages)), valid, dice_lambda)
    episodes = [(log_probs[:n, b], old[:n, b], advantages[:n, b], dice_lambda) for b, n in enumerate((5, 3))]
    assert got.item() == pytest.approx(-sum(algorithm_one(*episode) for episode in episodes) / (5 * 2))


# -- an update --


def test_one_task_and_zero_inner_rate_is_plain_policy_gradient() -> None:
    params = leaves(table(1))
    support, query = random_trajectories(1, 1, played_by=params), random_trajectories(1, 2, played_by=params)
    before = {name: param.detach().clone() for name, param in params.items()}
    settings = MamlSettings(JUDGED, num_epochs=1, max_gradient_norm=math.inf, dice_lambda=1.0)
    step_sizes = constant_step_sizes(params, 0.0)
    optimizer = torch.optim.SGD(params.values(), lr=0.5)
    metrics, found = maml.update(
        POLICY, params, step_sizes, optimizer, RecordedSampler(support, query), settings, Workers()
    )
    # The score of a softmax by hand: d log pi(a | s) / d logits = one-hot(a) - pi.
    experience = with_advantages(query, settings.advantages)
    seen, actions = query.observations[0].numpy(), query.actions[0].numpy()
    logits = seen @ before["head_weight"].numpy().T + before["head_bias"].numpy()
    chances = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    scores = (np.eye(2)[actions] - chances) * experience.advantages[0].numpy()[..., None]
    scores[~query.valid[0].numpy()] = 0.0
    num_valid = query.valid.sum().item()
    rise = {
        "head_weight": np.einsum("tba,tbs->as", scores, seen) / num_valid,
        "head_bias": scores.sum((0, 1)) / num_valid,
    }
    for name, slope in rise.items():
        np.testing.assert_allclose((params[name] - before[name]).detach(), 0.5 * slope, rtol=1e-9)
    assert metrics["gradient_norm"] == pytest.approx(math.sqrt(sum((slope**2).sum() for slope in rise.values())))
    returns = query.rewards.sum().item() / query.rewards.shape[2]
    assert found[-1].tolist() == pytest.approx([returns])


def test_the_adaptation_curve_halves_the_later_steps() -> None:
    params, played = table(1), [random_trajectories(3, seed) for seed in range(3)]
    sampler = RecordedSampler(*played)
    settings = MamlSettings(JUDGED, inner_steps=2)
    curve = adaptation_curve(POLICY, params, constant_step_sizes(params, 0.4), sampler, settings)
    returns = [[float(batch.rewards[task].sum()) / 4 for task in range(3)] for batch in played]
    np.testing.assert_allclose(curve, returns, rtol=1e-6)
    for task in range(3):
        current = params
        for step, rate in enumerate((0.4, 0.2)):
            experience = with_advantages(played[step], settings.advantages)
            own = Experience(*(part[task] for part in experience))
            # The gradient by REINFORCE, where other parameters played than those that learn.
            log_probs = POLICY.log_probs(current, own.observations, own.actions, own.legal_actions)
            weighted = own._replace(advantages=own.advantages * torch.exp(log_probs - own.log_probs))
            slopes = torch.func.grad(naive_inner_loss(POLICY, 0.0))(current, weighted)
            current = {name: current[name] - rate * slopes[name] for name in current}
            for name, param in sampler.asked[step + 1].items():
                torch.testing.assert_close(param[task], current[name])


class Arms:
    """One pull of one of two arms, of which the one that pays is the task; float32."""

    def __init__(self, good_arms: Any, seed: int) -> None:
        self.good_arms, self.num_tasks = good_arms, len(good_arms)
        self.generator = torch.Generator().manual_seed(seed)

    def collect(self, params_by_task: Any) -> Trajectories:
        seen = torch.ones(self.num_tasks, 1, 20, 1)
        legal = torch.ones(self.num_tasks, 1, 20, 0, dtype=torch.bool)
        flat_seen, flat_legal = seen[:, 0], legal[:, 0]
        noise = ARMS_POLICY.noise(self.num_tasks * 20, self.generator).reshape(self.num_tasks, 20, -1)
        actions, log_probs = ARMS_POLICY.sample(params_by_task, flat_seen, flat_legal, noise)
        rewards = (actions == self.good_arms.unsqueeze(1)).float()
        valid = torch.ones(self.num_tasks, 1, 20, dtype=torch.bool)
        return Trajectories(seen, actions.unsqueeze(1), log_probs.unsqueeze(1), rewards.unsqueeze(1), valid, legal)


ARMS_POLICY = FeedforwardPolicy(1, 2, "categorical", (16,), "tanh")


@pytest.mark.parametrize("first_order", [False, True])
@pytest.mark.parametrize("learnt_rates", [False, True])
def test_learns_to_find_the_arm_in_one_step(first_order: bool, learnt_rates: bool) -> None:
    params = leaves(ARMS_POLICY.initial_parameters(torch.Generator().manual_seed(0)))
    step_sizes = constant_step_sizes(params, 0.1)
    if learnt_rates:
        step_sizes = leaves(step_sizes)
    learnt = [*params.values(), *(step_sizes.values() if learnt_rates else [])]
    optimizer = torch.optim.Adam(learnt, lr=0.02)
    settings = MamlSettings(JUDGED, first_order=first_order, num_epochs=2)
    good_arms = torch.arange(10) % 2
    returns = []
    for iteration in range(80):
        _, found = maml.update(
            ARMS_POLICY, params, step_sizes, optimizer, Arms(good_arms, iteration), settings, Workers()
        )
        returns.append(found[-1].mean().item())
    assert returns[0] < 0.7
    assert np.mean(returns[-10:]) > (0.9 if learnt_rates else 0.75)
    assert found[0].mean().item() == pytest.approx(0.5, abs=0.15)  # nobody can know before the first pull


class TwoWorkers(Workers):
    """As if a second process had a gradient of ones."""

    def __init__(self) -> None:
        super().__init__(0, 2)

    def sum(self, values: Any) -> Any:
        return values + 1.0


def test_the_outer_step_sums_over_processes_and_scales_down() -> None:
    used, unused = torch.zeros(2, requires_grad=True), torch.zeros(2, requires_grad=True)
    optimizer = torch.optim.SGD([used, unused], lr=1.0)
    used.grad = torch.tensor([5.0, 7.0])
    norm = outer_step(optimizer, TwoWorkers(), 2.0)
    expected = torch.tensor([6.0, 8.0, 1.0, 1.0])
    assert norm == pytest.approx(expected.norm().item())
    torch.testing.assert_close(torch.cat((used, unused)).detach(), -2.0 * expected / expected.norm())


# -- returns and their baseline --


def test_episode_advantages_are_those_of_every_episode_alone() -> None:
    trajectories = random_trajectories(3, 0, num_steps=5)
    rewards, valid = trajectories.rewards, trajectories.valid
    values = torch.randn(rewards.shape, generator=torch.Generator().manual_seed(1)).double()
    got = episode_advantages(rewards, values, valid, 0.9, 0.7)
    for task, row in np.ndindex(3, 4):
        length = int(valid[task, :, row].sum())
        reward, value = rewards[task, :length, row], torch.cat((values[task, :length, row], torch.zeros(1)))
        deltas = reward + 0.9 * value[1:] - value[:-1]
        expected = [sum((0.63**k) * deltas[t + k] for k in range(length - t)) for t in range(length)]
        torch.testing.assert_close(got[task, :length, row], torch.stack(expected))
        assert (got[task, length:, row] == 0).all()


@pytest.mark.parametrize(("num_steps", "num_episodes"), [(6, 30), (12, 2), (9, 1), (1, 4), (2, 1)])
def test_the_baseline_is_that_of_each_task_alone_as_the_runtime_fits_it(num_steps: int, num_episodes: int) -> None:
    trajectories = random_trajectories(4, 0, num_steps=num_steps, num_episodes=num_episodes)
    rewards = trajectories.rewards.double()
    rewards[0] += 5.0 * trajectories.observations[0, ..., 0]
    rewards[1] = 7.0
    got = linear_baseline(trajectories.observations, rewards, trajectories.valid, 0.9)
    for task in range(4):
        seen, returns, places = [], [], []
        for t, b in np.ndindex(num_steps, num_episodes):
            if trajectories.valid[task, t, b]:
                seen.append(trajectories.observations[task, t, b].numpy())
                paid = rewards[task, t:, b][trajectories.valid[task, t:, b]].tolist()
                returns.append(sum(0.9**k * reward for k, reward in enumerate(paid)))
                places.append((task, t, b))
        time = np.array([t for _, t, _ in places])
        expected = sdk_baseline(np.array(seen, np.float64), time, np.array(returns))
        np.testing.assert_allclose([got[place] for place in places], expected, rtol=1e-10, atol=1e-11)
    assert (got[~trajectories.valid] == 0).all()


def test_standardised_advantages_have_mean_zero_and_deviation_one_in_each_task() -> None:
    trajectories = random_trajectories(3, 0, num_steps=6, num_episodes=30)
    advantages = with_advantages(trajectories, AdvantageSpec(0.9, 0.9, standardise=True)).advantages
    for task in range(3):
        own = advantages[task][trajectories.valid[task]]
        assert own.mean().item() == pytest.approx(0.0, abs=1e-9) and own.std(correction=0).item() == pytest.approx(1.0)
    raw = with_advantages(trajectories, AdvantageSpec(0.9, 0.9, standardise=False)).advantages[0][trajectories.valid[0]]
    own = advantages[0][trajectories.valid[0]]
    torch.testing.assert_close(own, (raw - raw.mean()) / raw.std(correction=0))


def test_a_reward_that_never_changes_teaches_nothing() -> None:
    trajectories = random_trajectories(2, 0)
    still = trajectories._replace(rewards=torch.zeros_like(trajectories.rewards))
    assert (with_advantages(still, SHORT_SIGHTED).advantages == 0).all()


# -- labels --


def test_labelled_outer_loss_of_a_line_by_hand() -> None:
    x, y, xq, yq = np.random.default_rng(0).normal(size=(4, 3, 5, 1))
    slope, rate = 0.8, 0.3
    predict = lambda params, data: squared_error(params["slope"].reshape(-1, 1, 1) * data[0], data[1])  # noqa: E731
    params = {"slope": torch.tensor(slope, dtype=torch.float64, requires_grad=True)}
    data = [tuple(map(torch.tensor, pair)) for pair in ((x, y), (xq, yq))]
    loss = labelled_outer_loss(params, predict, *data, {"slope": torch.tensor(rate, dtype=torch.float64)})
    (gradient,) = torch.autograd.grad(loss, params["slope"])
    adapted = [slope - rate * 2 * np.mean(x[n] * (slope * x[n] - y[n])) for n in range(3)]
    losses = [np.mean((adapted[n] * xq[n] - yq[n]) ** 2) for n in range(3)]
    slopes = [(1 - 2 * rate * np.mean(x[n] ** 2)) * 2 * np.mean(xq[n] * (adapted[n] * xq[n] - yq[n])) for n in range(3)]
    assert (loss.item(), gradient.item()) == pytest.approx((np.mean(losses), np.mean(slopes)), rel=1e-7)


@pytest.mark.slow
def test_sinusoids_are_learnt_from_ten_points_in_few_steps() -> None:
    spec = importlib.util.spec_from_file_location("measure_sinusoids", TOOLS / "measure_sinusoids.py")
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    adaptive, pretrained = (
        tool.errors_by_step(tool.train(method, 2500, seed=0, outer_lr=3e-3), 5, 300, seed=1).mean(1)
        for method in ("maml", "pretrained")
    )
    assert (adaptive[1:] < adaptive[:-1]).all()
    assert adaptive[1] < 0.6 * adaptive[0] and adaptive[5] < 0.75 * adaptive[1]
    assert pretrained[0] > 3 * adaptive[5]  # the one that does not adapt
    assert pretrained[5] > 2 * adaptive[5]  # and taking the same steps does not help it much


def test_tasks_count_in_the_outer_loss_by_the_deviation_of_their_advantages() -> None:
    """What standardising takes from a task's advantages its weight gives back, but for a factor of all tasks."""
    trajectories = random_trajectories(2, seed=1)
    scale = torch.tensor([1.0, 3.0]).reshape(2, 1, 1)
    trajectories = trajectories._replace(rewards=trajectories.rewards * scale)
    raw, standard = (
        with_advantages(trajectories, AdvantageSpec(0.9, 0.8, standardise)) for standardise in (False, True)
    )
    spread = torch.stack([task[valid].std(correction=0) for task, valid in zip(raw.advantages, raw.valid, strict=True)])
    torch.testing.assert_close(standard.weight, spread / spread.square().mean().sqrt())
    assert raw.weight.tolist() == [1.0, 1.0]
    losses = []
    for weight in (standard.weight, torch.ones_like(standard.weight)):
        query = standard._replace(weight=weight, log_probs=standard.log_probs + 0.1)
        losses.append(outer_loss(POLICY, table(1), {}, [], query, MamlSettings(JUDGED, inner_steps=0)).item())
    assert losses[0] != pytest.approx(losses[1])


def test_with_every_step_the_loss_is_the_mean_of_those_before_and_after_each() -> None:
    """The support of a step judges the steps before it, so the first steps alone are problems of their own."""
    params, step_sizes = table(1), constant_step_sizes(table(1), 0.3)
    *supports, query = [with_advantages(random_trajectories(2, seed), SHORT_SIGHTED) for seed in (1, 2, 3)]
    settings = MamlSettings(JUDGED, inner_steps=2)
    last = outer_loss(POLICY, params, step_sizes, supports, query, settings)
    none = outer_loss(POLICY, params, step_sizes, [], supports[0], replace(settings, inner_steps=0))
    first = outer_loss(POLICY, params, step_sizes, supports[:1], supports[1], replace(settings, inner_steps=1))
    every = outer_loss(POLICY, params, step_sizes, supports, query, replace(settings, every_step=True))
    assert every.item() == pytest.approx((none.item() + first.item() + last.item()) / 3)
    assert every.item() != pytest.approx(last.item())
