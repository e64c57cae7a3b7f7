"""A whole update of each learner beside the same written slowly: see `slow_training`.

The real update runs in double precision on what was really played, and must not look past a row's end: NaN and
infinities lie there.
"""

# mypy: disable-error-code="attr-defined"

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from gameagent.config import make_config
from gameagent.methods.learning import make_learner
from gameagent.methods.rl2.update import split_rows
from gameagent.seeding import numpy_generator
from gameagent.workers import Workers
from gameagent_games import Family
from slow_training import gradient as slow
from slow_training import rl2 as slow_rl2
from slow_training.optimiser import Adam
from slow_training.precision import in_double, interpret_games
from small_families import DIAL, RIDDLE

SMALL = {"hidden_size": 2, "learning_rate": 0.02, "num_processes": 1, "max_gradient_norm": 0.3}
MEMORY = SMALL | {
    "num_games": 9, "num_minibatches": 2, "num_epochs": 2, "exploration_weight": 0.3, "target_kl": 0.01,
    "belief_weight": 0.5, "value_weight": 2.0, "discount": 0.9, "gae_lambda": 0.8, "trials_in_a_row": 2,
}  # fmt: skip


@pytest.fixture(autouse=True)
def _interpreted(monkeypatch: pytest.MonkeyPatch) -> None:
    interpret_games(monkeypatch)


def flat(config: Any) -> SimpleNamespace:
    """All settings side by side."""
    return SimpleNamespace(**config.as_dict())


def move(weights: Any, size: float) -> None:
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for weight in weights:
            weight += size * torch.randn(weight.shape, generator=generator).double()


def weights_of(policy: Any) -> dict[Any, Any]:
    return {name: weight.detach().numpy().copy() for name, weight in policy.named_parameters()}


@pytest.mark.parametrize("family", [RIDDLE, DIAL], ids=lambda family: family.name)
def test_an_update_of_meta_lstm_equals_the_slow_one(family: Family) -> None:
    config = make_config(family, {"family": family.name} | MEMORY)
    learner, played = in_double(make_learner(config, family, Workers()))
    move(learner.policy.parameters(), 0.2)  # a bias of 0 leaves layers behind dead ones on the very edge of a ReLU
    weights, carried = weights_of(learner.policy), slow_rl2.Carried()
    for number, done in ((0, 0.0), (7, 0.6)):  # the eighth update's rows have two trials each
        update = learner.update(number, done)
        if number == 0:
            carried.measure(played.rollouts[0])  # was played for its units alone
        rollout = played.rollouts[-1]
        assert len(set(rollout.valid.sum(0).tolist())) > 2  # rows of different lengths
        shuffle = numpy_generator(config.seed, "minibatches", number)
        shuffle.integers(2**63)
        assert (rollout.inputs.position[rollout.valid].amax() > 1.0) == (number == 7)
        passes = [split_rows(rollout.rows.total, 2, shuffle) for _ in range(config.own.num_epochs)]
        weights, metrics = slow_rl2.update(weights, carried, rollout, family, flat(config), done, passes)
        for name, weight in weights_of(learner.policy).items():
            np.testing.assert_allclose(weight, weights[name], atol=1e-5, err_msg=name)  # of steps of 0.02
        assert metrics.keys() <= update.metrics.keys()
        for name, value in metrics.items():
            near = 1e-3 if "norm" in name else 3e-5  # a norm's slope is as steep as finite differences are rough
            assert update.metrics[name] == pytest.approx(value, rel=near, abs=3e-5), name
        for name in ("gradient_norm", "critic_gradient_norm"):
            assert metrics[name] > config.max_gradient_norm  # clipping is not idle
        assert_carried(learner, carried)
    assert len(played.rollouts) == 3
    assert math.isclose(update.metrics["learning_rate"], 0.02 * (1 - 0.9 * 0.6))
    assert update.metrics["boost"] != 1.0  # nor is the step size that follows the divergence
    assert 0 < played.informed[1].sum() < 9 and not played.informed[2].any()


def assert_carried(learner: Any, carried: Any) -> None:
    """The next update begins where the slow one's does."""
    scales, critic = learner.policy.scales, learner.policy.critic.moments
    for given, expected in (
        (scales.shift, carried.of_inputs[0]),
        (scales.factor, 1.0 / carried.of_inputs[1]),
        (scales.gain, carried.of_inputs[2]),
        (learner.policy.changes.factor, 1.0 / np.sqrt(carried.changes.square)),
        (critic.mean, carried.returns.mean),
        (critic.std, carried.returns.std),
    ):
        np.testing.assert_allclose(given, np.reshape(expected, given.shape), rtol=1e-9)
    assert [group["boost"] for group in learner.optimizer.param_groups] == pytest.approx([carried.boost] * 2)


# -- by gradient --

GRADIENT = SMALL | {"num_rollouts": 3, "inner_steps": 2, "meta_batch_size": 3, "discount": 0.9, "gae_lambda": 0.8}


def prepared(family: Family, **given: Any) -> Any:
    """A learner by gradient, what it plays, and its weights and step sizes as the slow update takes them."""
    config = make_config(family, {"family": family.name} | GRADIENT | given)
    learner, played = in_double(make_learner(config, family, Workers()))
    with torch.no_grad():
        for name, weight in learner.policy.weights.items():
            weight += 0.3 * torch.randn(weight.shape, generator=torch.Generator().manual_seed(len(name))).double()
    return config, learner, played


def parts_of(policy: Any) -> Any:
    return (
        {name: weight.detach().numpy().copy() for name, weight in part.items()}
        for part in (policy.initialisation, policy.step_sizes)
    )


def assert_close(params: Any, expected: Any) -> None:
    for name, param in params.items():
        np.testing.assert_allclose(param.detach(), expected[name], atol=1e-5, err_msg=name)


@pytest.mark.parametrize("family", [RIDDLE, DIAL], ids=lambda family: family.name)
@pytest.mark.parametrize(
    "given", [{}, {"first_order": True}, {"learn_step_sizes": False, "return_scaled_steps": True}], ids=str
)
def test_an_update_of_maml_equals_the_slow_one(family: Family, given: Any) -> None:
    lr = 3.0 if family is RIDDLE and "return_scaled_steps" not in given else 0.7  # enough for both orders to differ
    config, learner, played = prepared(family, algorithm="maml", num_epochs=2, inner_lr=lr, **given)
    theta, alpha = parts_of(learner.policy)
    spec = learner.policy.advantages(config)
    assert (spec.best_return is not None) == ("return_scaled_steps" in given)
    update = learner.update(0, 0.6)
    rate = 0.02 * (1 - 0.9 * 0.6)
    for params, steps in ((played.params[0], 0), (played.params[1], 1), (played.params[2], 2)):  # who played
        for task in range(3):
            weights = theta
            for tasks in slow.rounds_of(played.trajectories, spec)[:steps]:
                weights = slow.inner_step(weights, alpha, tasks[task])
            assert_close({name: param[task] for name, param in params.items()}, weights)
    theta, alpha, losses = slow.maml_update(theta, alpha, Adam(), played.trajectories, flat(config), spec, rate)
    assert_close(learner.policy.initialisation, theta)
    assert_close(learner.policy.step_sizes, alpha)
    assert update.metrics["outer_loss"] == pytest.approx(np.mean(losses), abs=1e-6)
    assert update.metrics["learning_rate"] == pytest.approx(rate)
    expected = [one.mean_returns().mean().item() for one in played.trajectories]
    assert update.returns == pytest.approx(expected)


def test_first_and_second_order_differ_by_far_more_than_what_is_compared() -> None:
    moved = []
    for first_order in (False, True):
        _, learner, _ = prepared(RIDDLE, algorithm="maml", num_epochs=2, inner_lr=3.0, first_order=first_order)
        learner.update(0, 0.0)
        moved.append(torch.cat([weight.flatten() for weight in learner.policy.weights.values()]))
    assert (moved[0] - moved[1]).abs().max() > 1e-3


@pytest.mark.parametrize("family", [RIDDLE, DIAL], ids=lambda family: family.name)
def test_an_update_of_reptile_equals_the_slow_one(family: Family) -> None:
    config, learner, played = prepared(family, algorithm="reptile", inner_lr=0.7)
    phi, alpha = parts_of(learner.policy)
    spec, adam = learner.policy.advantages(config), Adam()
    for number, done in enumerate((0.0, 0.6)):
        learner.update(number, done)
        rate = 0.02 * (1 - 0.9 * done)
        phi = slow.reptile_update(phi, alpha, adam, played.trajectories[-2:], flat(config), spec, rate)
        assert_close(learner.policy.initialisation, phi)
    assert_close(learner.policy.step_sizes, alpha)
