"""The unit does not matter: the same game with other units of reward and observation is learnt by the same steps."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numba.extending import register_jitable

from gameagent.config import TrainConfig, make_config
from gameagent.export.bundling import bundle_policy
from gameagent.methods.learning import make_learner
from gameagent.methods.rl2.update import learning_targets, next_boost
from gameagent.workers import Workers
from gameagent_games import Family
from gameagent_games.families.reference.pay import MIXED_PAY, PAYS, make_pay
from gameagent_games.interface import Feature
from gameagent_sdk import Policy
from gameagent_sdk.authoring import PolicySession
from slow_training.precision import interpret_games
from small_families import DIAL, RIDDLE

GIVEN = {"hidden_size": 8, "num_processes": 1, "num_games": 12, "num_minibatches": 2, "learning_rate": 0.01}
UNIT, OFFSET = 250.0, -3.0  # of the first feature, in its own unit


@pytest.fixture(autouse=True)
def _interpreted(monkeypatch: pytest.MonkeyPatch) -> None:
    interpret_games(monkeypatch)


def in_other_units(family: Family) -> Family:
    """The same game whose one observed number is given in another unit, from another zero."""
    source: Any = family.source
    plain: Callable[..., None] = register_jitable(source.observe)

    def observe(state: Any, variant: Any, seat: int, observation: Any) -> None:
        plain(state, variant, seat, observation)
        observation[0] = UNIT * (observation[0] + OFFSET)

    return replace(family, source=replace(source, observe=observe), features=(Feature("step"),))


def trained(family: Family, **given: Any) -> tuple[Any, TrainConfig]:
    """The policy after two updates."""
    config = make_config(family, GIVEN | given)
    learner = make_learner(config, family, Workers())
    for number, done in enumerate((0.0, 0.5)):
        learner.update(number, done)
    return learner.policy, config


@pytest.mark.parametrize("family", [RIDDLE, DIAL], ids=lambda family: family.name)
@pytest.mark.parametrize(
    "changed", [lambda family: make_pay(family, 1000.0), lambda family: make_pay(family, 0.01), in_other_units],
    ids=["paid 1000 times", "paid a hundredth", "observed in other units"],
)  # fmt: skip
@pytest.mark.parametrize("given", [{}, {"gradient": True}], ids=["memory", "memory and gradient"])
def test_two_updates_give_the_same_weights(family: Family, changed: Callable[[Family], Family], given: Any) -> None:
    plain, _ = trained(family, **given)
    other, _ = trained(changed(family), **given)
    fresh = make_learner(make_config(family, GIVEN | given), family, Workers()).policy
    weights, start = dict(plain.named_parameters()), dict(fresh.named_parameters())
    assert max(float((weights[name] - start[name]).detach().abs().max()) for name in weights) > 0.01  # it did learn
    for name, weight in other.named_parameters():
        assert float((weight - weights[name]).detach().abs().max()) < 2e-4, name


@pytest.mark.slow
def test_exported_files_act_alike_each_in_its_own_units() -> None:
    kilo = in_other_units(make_pay(RIDDLE, 1000.0))
    plain, other = (_session(family) for family in (RIDDLE, kilo))
    generator, legal = np.random.default_rng(0), np.ones((3, 3), bool)
    for t in range(6):
        observation = generator.integers(0, 3, (3, 1)).astype(np.float32) / 3.0
        chances = plain.step(observation, legal), other.step(UNIT * (observation + OFFSET), legal)
        np.testing.assert_allclose(chances[0], chances[1], atol=2e-4)
        np.testing.assert_allclose(plain.beliefs, other.beliefs, atol=2e-4)
        rewards, ended = generator.uniform(-1, 1, 3).astype(np.float32), np.full(3, t == 2)
        plain.observe(np.array([0, 1, 2]), rewards, ended)
        other.observe(np.array([0, 1, 2]), 1000.0 * rewards, ended)
        assert np.ptp(plain.beliefs[:, 0]) > 1e-3 or t == 0  # what was seen and paid does matter


def _session(family: Family) -> Any:
    policy, config = trained(family)
    session = PolicySession(Policy(bundle_policy(policy.eval(), config, family, {}), "numpy"))
    session.reset(3)
    return session


# -- what is learnt from --


def played(pay: float = 1.0, family: Family = RIDDLE) -> Any:
    """A fresh policy whose critic knows its units, a rollout, and the run's config."""
    paid = make_pay(family, pay)
    config = make_config(paid, GIVEN)
    learner: Any = make_learner(config, paid, Workers())
    learner.update(0, 0.0)
    rollout = learner._play(learner._usual, 1, _schedule(config)).cleared()
    return learner.policy, rollout, config


def _schedule(config: TrainConfig) -> Any:
    from gameagent.methods.rl2.update import Schedule

    return Schedule.at(config, 0.0)


def test_advantages_have_mean_zero_and_deviation_one_in_any_unit() -> None:
    found = {}
    for pay in (1.0, 1000.0, 1e-8):
        policy, rollout, config = played(pay)
        advantages, returns, _ = learning_targets(policy, rollout, config, Workers())
        own = advantages[rollout.valid].double()
        assert float(own.mean()) == pytest.approx(0.0, abs=1e-5)
        assert float(own.std(correction=0)) == pytest.approx(1.0, abs=1e-5)
        assert (advantages[~rollout.valid] == 0.0).all() and (returns[~rollout.valid] == 0.0).all()
        assert float(returns[rollout.valid].abs().max()) < 20.0
        found[pay] = advantages, returns
    for pay in (1000.0, 1e-8):
        for given, expected in zip(found[pay], found[1.0], strict=True):
            torch.testing.assert_close(given, expected, atol=2e-3, rtol=0)


def test_variants_of_any_pay_are_learnt_from_alike() -> None:
    config = make_config(MIXED_PAY, GIVEN | {"num_games": 200})
    learner: Any = make_learner(config, MIXED_PAY, Workers())
    rollout = learner._play(learner._usual, 1, _schedule(config)).cleared()
    advantages, returns, _ = learning_targets(learner.policy, rollout, config, Workers())
    paid = rollout.inputs.truth[:, -len(PAYS) :].argmax(1)
    for part in (advantages, returns):
        by_pay = [float(part[:, paid == n].std()) for n in range(len(PAYS))]
        assert max(by_pay) < 1.3 * min(by_pay)


@pytest.mark.parametrize("reward", [0.0, 0.1, 1e6])
def test_rewards_that_are_all_the_same_blow_up_no_rounding(reward: float) -> None:
    policy, rollout, config = played()
    policy.critic.moments.__init__(1)  # as in a run that has only ever been paid this
    policy.critic.pay.products.__init__(policy.critic.pay.size**2)
    only_last = torch.zeros_like(rollout.rewards)
    last = rollout.valid.sum(0) - 1
    only_last[last, torch.arange(len(last))] = reward
    alike = replace(rollout, rewards=only_last, valid=rollout.valid & (only_last >= 0))
    alike = replace(alike, valid=torch.zeros_like(alike.valid).scatter(0, last.unsqueeze(0), True))
    for _ in range(3):
        advantages, returns, explained = learning_targets(policy, alike, config, Workers())
        assert float(advantages.abs().max()) < 0.5
        assert torch.isfinite(returns).all() and explained <= 1.0


def test_the_step_size_follows_the_divergence_within_bounds() -> None:
    assert next_boost(1.0, 0.5, 0.0) == 1.0
    assert next_boost(3.0, 0.5, 0.0) == 1.0
    assert next_boost(1.0, 0.01, 0.01) == 1.0
    assert next_boost(1.0, 0.014, 0.01) == next_boost(1.0, 0.007, 0.01) == 1.0
    assert next_boost(1.0, 0.016, 0.01) == pytest.approx(1 / 1.2)
    assert next_boost(1.0, 0.006, 0.01) == pytest.approx(1.2)
    small = large = 1.0
    for _ in range(100):
        small, large = next_boost(small, 1.0, 0.01), next_boost(large, 0.0, 0.01)
    assert (small, large) == (0.05, 4.0)
