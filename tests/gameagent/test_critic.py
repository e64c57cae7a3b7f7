"""PopArt: when the critic's units move its values stay, and returns of any size are learnt alike; variants' pay."""

import math
from typing import Any

import numpy as np
import pytest
import torch

from gameagent.nets.critic import Critic, Pay
from gameagent.workers import Workers
from slow_training.threads import together

ALONE = Workers()
FEATURES = torch.randn(50, 4, generator=torch.Generator().manual_seed(0))


def fresh() -> Critic:
    torch.manual_seed(0)
    return Critic(4, 8, 0)


def returns_of(mean: float, std: float, seed: int = 1, num: int = 300) -> torch.Tensor:
    return mean + std * torch.randn(num, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).float()


@torch.no_grad()
def values_of(critic: Critic) -> torch.Tensor:
    return critic.values(critic(FEATURES).double())


@pytest.mark.parametrize("unit", [1e-3, 1.0, 1e6])
def test_values_stay_when_the_units_move(unit: float) -> None:
    critic = fresh()
    critic.update(returns_of(2.0 * unit, unit), ALONE)
    before = values_of(critic)
    assert before.std() > 0.01 * unit
    for mean, std in ((-30.0, 1.0), (5.0, 100.0), (5.0, 0.01), (5.0, 0.0)):
        critic.update(returns_of(mean * unit, std * unit), ALONE)
        torch.testing.assert_close(values_of(critic), before, rtol=1e-4, atol=1e-4 * unit)


def test_units_are_the_running_mean_and_deviation_of_returns() -> None:
    critic = fresh()
    critic.update(torch.tensor([1.0, 3.0]), ALONE)
    torch.testing.assert_close(critic.normalised(torch.tensor([1.0, 2.0, 5.0])), torch.tensor([-1.0, 0.0, 3.0]))
    torch.testing.assert_close(critic.values(torch.tensor([-1.0, 0.0, 3.0])), torch.tensor([1.0, 2.0, 5.0]))
    critic.update(torch.tensor([6.0, 6.0]), ALONE)  # mean 4, mean of squares (5 + 36) / 2
    torch.testing.assert_close(critic.normalised(torch.tensor([4.0, 4.0 + 4.5**0.5])), torch.tensor([0.0, 1.0]))


@pytest.mark.parametrize("unit", [1e-3, 1e6])
def test_returns_of_any_size_are_learnt_alike(unit: float) -> None:
    plain, other = fresh(), fresh()
    for seed in range(3):
        returns = returns_of(3.0 - seed, 1.0 + seed, seed)
        plain.update(returns, ALONE)
        other.update(returns * unit, ALONE)
        torch.testing.assert_close(other.normalised(returns * unit), plain.normalised(returns), rtol=1e-5, atol=1e-5)
        with torch.no_grad():
            torch.testing.assert_close(other(FEATURES), plain(FEATURES), rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(values_of(other), values_of(plain) * unit, rtol=1e-5, atol=1e-5 * unit)


def test_before_any_return_is_known_every_value_is_zero_and_the_first_returns_leave_the_weights() -> None:
    critic = fresh()
    assert (values_of(critic) == 0.0).all()
    weights = {name: weight.clone() for name, weight in critic.named_parameters()}
    critic.update(returns_of(1e6, 1e5), ALONE)
    assert all(torch.equal(weight, weights[name]) for name, weight in critic.named_parameters())


def test_returns_that_are_all_the_same_are_the_value_and_give_no_error() -> None:
    critic = fresh()
    returns = torch.full((20,), 0.1)
    for _ in range(3):
        critic.update(returns, ALONE)
        torch.testing.assert_close(values_of(critic), torch.full((50,), 0.1, dtype=torch.float64), check_dtype=False)
        assert critic.normalised(returns).abs().max() < 1e-6
    critic.update(returns_of(0.1, 5.0), ALONE)  # now they vary
    with torch.no_grad():
        assert all(torch.isfinite(weight).all() for weight in critic.parameters())
        assert critic(FEATURES).std() > 0.01  # the last layer was not lost


def test_two_processes_have_the_units_of_one() -> None:
    returns = returns_of(3.0, 2.0)

    def work(member: Any) -> Any:
        workers, critic = member
        part = slice(0, 100) if workers.rank == 0 else slice(100, None)
        critic.update(returns[part], workers)
        critic.update(returns[part] * 2.0, workers)
        return critic

    alone = fresh()
    alone.update(returns, ALONE)
    alone.update(returns * 2.0, ALONE)
    for critic in together(2, lambda workers: (workers, fresh()), work):
        assert isinstance(critic, Critic)
        torch.testing.assert_close(values_of(critic), values_of(alone))


# -- variants that pay very differently --

RULES = torch.cat(
    (torch.eye(3).repeat(40, 1), torch.rand(120, 2, generator=torch.Generator().manual_seed(5)) * 2 - 1), 1
)
"""Of 120 variants: one of three sizes of pay, and two numbers."""


def rewards_of(sizes: torch.Tensor, seed: int = 0) -> torch.Tensor:
    """Ten steps; two of three pay a variant's size, with either sign."""
    generator = torch.Generator().manual_seed(seed)
    return sizes * torch.randint(-1, 2, (10, len(sizes)), generator=generator)


def pay_of(rewards: torch.Tensor, rules: torch.Tensor = RULES) -> Pay:
    pay = Pay(rules.shape[1])
    pay.update(rules, rewards, torch.ones_like(rewards, dtype=torch.bool), ALONE)
    return pay


def sizes_by_rules(base: float) -> torch.Tensor:
    """Powers of a base by the rules: 0 to 2 by the first, and as much by a number again."""
    return base ** (RULES[:, :3] @ torch.tensor([0.0, 1.0, 2.0]) + RULES[:, 3])


@pytest.mark.parametrize("unit", [1e-4, 1.0, 1e5])
def test_pay_that_differs_by_orders_is_taken_out_whatever_its_unit(unit: float) -> None:
    sizes = sizes_by_rules(30.0) * unit
    left = pay_of(rewards_of(sizes)).factors(RULES) * sizes
    assert sizes.max() / sizes.min() > 1e4
    assert left.max() / left.min() < 1.1
    torch.testing.assert_close(left.log().mean(), sizes.log().mean(), atol=1e-3, rtol=0)  # the unit stays


@pytest.mark.parametrize("base", [1.0, 1.5, 2.5])
def test_pay_that_differs_by_less_stays(base: float) -> None:
    assert (pay_of(rewards_of(sizes_by_rules(base))).factors(RULES) == 1.0).all()


def test_between_them_pay_is_taken_out_in_part() -> None:
    sizes = sizes_by_rules(5.0)
    left = pay_of(rewards_of(sizes)).factors(RULES) * sizes
    slope = np.polyfit(sizes.log(), left.log(), 1)[0]
    spread = float(sizes.log().std(correction=0))
    assert slope == pytest.approx(2.0 - 2.0 * spread / math.log(10.0), abs=0.02)
    assert 0.2 < slope < 0.8


def test_pay_that_no_rule_decides_stays() -> None:
    chance = 1000.0 ** torch.rand(120, generator=torch.Generator().manual_seed(3))
    assert (pay_of(rewards_of(chance)).factors(RULES) == 1.0).all()


def test_rows_that_were_paid_nothing_and_steps_past_an_end_say_nothing() -> None:
    sizes = sizes_by_rules(30.0)
    rewards, valid = rewards_of(sizes), torch.ones(10, 120, dtype=torch.bool)
    expected = pay_of(rewards[:6, 60:], RULES[60:]).factors(RULES)
    rewards[:, :60] = 0.0
    rewards[6:], valid[6:] = math.nan, False
    pay = Pay(5)
    pay.update(RULES, rewards, valid, ALONE)
    torch.testing.assert_close(pay.factors(RULES), expected)
    pay.update(RULES, torch.zeros(10, 120), torch.ones_like(valid), ALONE)
    torch.testing.assert_close(pay.factors(RULES), expected)


@pytest.mark.parametrize("truth_size", [0, 5])
def test_nothing_is_taken_out_while_nothing_was_paid(truth_size: int) -> None:
    rules, nothing = RULES[:, :truth_size], torch.zeros(10, 120)
    assert (Pay(truth_size).factors(rules) == 1.0).all()
    assert (pay_of(nothing, rules).factors(rules) == 1.0).all()


def test_two_processes_know_the_pay_that_one_knows() -> None:
    rewards = rewards_of(sizes_by_rules(30.0))

    def work(member: Any) -> Any:
        workers, pay = member
        part = slice(0, 50) if workers.rank == 0 else slice(50, None)
        pay.update(RULES[part], rewards[:, part], torch.ones_like(rewards[:, part], dtype=torch.bool), workers)
        return pay

    expected = pay_of(rewards).factors(RULES)
    for pay in together(2, lambda workers: (workers, Pay(5)), work):
        assert isinstance(pay, Pay)
        torch.testing.assert_close(pay.factors(RULES), expected)
