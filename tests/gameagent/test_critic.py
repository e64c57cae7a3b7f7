"""PopArt: when the critic's units move its values stay, and returns of any size are learnt alike."""

from typing import Any

import pytest
import torch

from gameagent.nets.critic import Critic
from gameagent.workers import Workers
from slow_training.threads import together

ALONE = Workers()
FEATURES = torch.randn(50, 4, generator=torch.Generator().manual_seed(0))


def fresh() -> Critic:
    torch.manual_seed(0)
    return Critic(4, 8)


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
