"""The terms of the objective, by hand."""

# mypy: disable-error-code="arg-type, call-arg, misc, no-untyped-call, union-attr"

import math
from typing import Any

import pytest
import torch

from gameagent.config import make_config
from gameagent.losses import approximate_kl, clipped_policy_loss, dice_loss, masked_mean, value_loss
from gameagent.methods.rl2.update import LEAST_BOOST, MOST_BOOST, Schedule, exploration, next_boost
from gameagent.returns import trial_advantages
from gameagent_games.registry import load_family

BANDIT = load_family("bandit")


@pytest.mark.parametrize(
    ("ratio", "advantage", "surrogate", "slope"),
    [
        (1.0, 2.0, 2.0, 2.0),  # inside the clip range the surrogate is ratio * advantage
        (1.1, 2.0, 2.2, 2.2),
        (1.5, 2.0, 2.4, 0.0),  # a good action is pushed no further than 1 + clip
        (0.5, 2.0, 1.0, 1.0),  # but is brought back from anywhere
        (0.5, -2.0, -1.6, 0.0),  # a bad one is pushed no further than 1 - clip
        (1.5, -2.0, -3.0, -3.0),
    ],
)
def test_clipping_by_hand(ratio: float, advantage: float, surrogate: float, slope: float) -> None:
    log_probs = torch.tensor([[math.log(0.3 * ratio)]], dtype=torch.float64, requires_grad=True)
    old = torch.tensor([[math.log(0.3)]], dtype=torch.float64)
    loss = clipped_policy_loss(log_probs, old, torch.tensor([[advantage]]), torch.ones(1, 1, dtype=torch.bool), 0.2)
    loss.backward()
    assert loss.item() == pytest.approx(-surrogate)
    assert log_probs.grad.item() == pytest.approx(-slope)  # d ratio / d log p = ratio


def test_means_are_over_valid_steps_only() -> None:
    values, valid = torch.tensor([[1.0, 5.0], [3.0, 1e9]]), torch.tensor([[True, True], [True, False]])
    assert masked_mean(values, valid).item() == 3.0
    assert value_loss(values, torch.zeros(2, 2), valid).item() == pytest.approx(0.5 * (1 + 25 + 9) / 3)
    assert masked_mean(values, torch.zeros(2, 2, dtype=torch.bool)).item() == 0.0


def test_the_divergence_of_actions_played_as_often_as_their_chances_say_is_the_exact_one() -> None:
    """Then the mean over steps is an expectation, in which the mean of the ratio is one."""
    played, now = (torch.tensor(p, dtype=torch.float64) for p in ((0.75, 0.25), (0.6, 0.4)))
    actions = torch.tensor([[0, 1], [0, 0], [0, 0]])  # the last step of the second row was not taken, nor that before
    valid = torch.tensor([[True, True], [True, False], [True, False]])
    exact = 0.75 * math.log(0.75 / 0.6) + 0.25 * math.log(0.25 / 0.4)
    given = now.log()[actions], played.log()[actions]
    assert approximate_kl(*given, valid).item() == pytest.approx(exact, rel=1e-12)
    assert approximate_kl(given[1], given[1], valid).item() == 0.0


@pytest.mark.parametrize("log_ratio", [-30.0, -1.0, -1e-4, 1e-9, 1e-4, 1.0, 5.0])
def test_no_step_counts_less_than_nothing_in_the_divergence(log_ratio: float) -> None:
    old, valid = torch.full((1, 1), -2.0), torch.ones(1, 1, dtype=torch.bool)
    assert approximate_kl(old + log_ratio, old, valid).item() >= 0.0
    exact = math.exp(log_ratio) - 1.0 - log_ratio
    assert approximate_kl(old.double() + log_ratio, old.double(), valid).item() == pytest.approx(exact, abs=1e-9)


def test_the_schedule_at_its_ends_and_between() -> None:
    given = {"learning_rate": 1.0, "target_kl": 0.2, "exploration_weight": 0.7}
    given |= {"informed_share": 0.8, "informed_until": 0.5, "steps": 4_000_000}
    config = make_config(BANDIT, given)
    assert Schedule.at(config, 0.0) == pytest.approx((1.0, 0.2, 0.7, 0.8))
    assert Schedule.at(config, 0.25) == pytest.approx((0.775, 0.155, 0.7 * math.exp(-1.5) * 0.75, 0.4))
    assert Schedule.at(config, 0.5) == pytest.approx((0.55, 0.11, 0.7 * math.exp(-3.0) * 0.5, 0.0))
    assert Schedule.at(config, 1.0) == pytest.approx((0.1, 0.02, 0.0, 0.0))
    assert Schedule.at(config, 1.2).exploration_weight == 0.0  # the last update may overshoot the budget


def test_a_larger_budget_explores_longer_but_for_a_smaller_part() -> None:
    small, large = 1_000_000, 16_000_000
    assert exploration(0.0, small) == exploration(0.0, large) == 1.0
    assert exploration(0.1, large) < exploration(0.1, small)
    assert exploration(1e6 / large, large) > exploration(1.0 - 1e-9, small)  # after a million decisions each
    assert exploration(1 / 3, small) == pytest.approx(math.exp(-1.0) * 2 / 3)


@pytest.mark.parametrize("start", [0.1, 1.0, 3.9])
@pytest.mark.parametrize("distance", [0.02, 0.3])  # nats at a factor of 1, which grow with its square
def test_the_step_size_comes_to_where_updates_move_the_policy_by_the_target_and_stays(
    start: float, distance: float
) -> None:
    target, boost = 0.04, start
    for _ in range(30):
        boost = next_boost(boost, distance * boost**2, target)
    assert target / 1.5 <= distance * boost**2 <= target * 1.5
    assert next_boost(boost, distance * boost**2, target) == boost


def test_the_step_size_stays_within_bounds_and_is_left_alone_without_a_target() -> None:
    boosts = dict.fromkeys((0.0, 100.0), 1.0)
    for _ in range(60):
        boosts = {kl: next_boost(boost, kl, 0.01) for kl, boost in boosts.items()}
    assert boosts == {0.0: MOST_BOOST, 100.0: LEAST_BOOST}
    assert next_boost(0.3, 100.0, 0.0) == 1.0


@pytest.mark.parametrize("given", [{"beliefs": False}, {"memory": "none"}, {"reveal": True}, {"informed_until": 0.0}])
def test_no_trial_is_informed_if_there_is_no_belief_to_replace(given: Any) -> None:
    assert Schedule.at(make_config(BANDIT, {"informed_share": 0.8} | given), 0.0).informed_share == 0.0


# -- past a row's end there may be anything --

VALID = torch.tensor([[True, True], [True, False], [True, False]])
BAD = [math.nan, math.inf, -math.inf, 1e30]


def numbers(seed: int) -> torch.Tensor:
    return torch.randn(3, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


TERMS = {
    "policy": lambda a, b, c: clipped_policy_loss(a, b, c, VALID, 0.2),
    "value": lambda a, b, c: value_loss(a, b, VALID) + value_loss(c, b, VALID),
    "divergence": lambda a, b, c: approximate_kl(a, b, VALID) + value_loss(c, b, VALID),
    "mean": lambda a, b, c: masked_mean(a, VALID) * masked_mean(b, VALID) + masked_mean(c, VALID),
    "dice": lambda a, b, c: dice_loss(a, b, c, VALID, 0.0),
    "dice of earlier actions": lambda a, b, c: dice_loss(a, b, c, VALID, 0.7),
    "advantages": lambda a, b, c: (trial_advantages(a, b, VALID, 0.9, 0.8) * torch.where(VALID, c, 0.0)).sum(),
}


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("term", TERMS)
def test_neither_a_term_nor_its_gradient_looks_past_a_rows_end(term: str, bad: float) -> None:
    clean = [torch.where(VALID, numbers(seed), 0.0).requires_grad_() for seed in range(3)]
    spoilt = [torch.where(VALID, numbers(seed), bad).requires_grad_() for seed in range(3)]
    expected, found = TERMS[term](*clean), TERMS[term](*spoilt)
    assert expected.isfinite() and found == expected
    slopes = torch.autograd.grad(expected, clean), torch.autograd.grad(found, spoilt)
    for slope, other in zip(*slopes, strict=True):
        assert torch.equal(other, slope) and (other[~VALID] == 0.0).all()


def test_parts_that_are_divided_by_the_count_of_all_add_up_to_the_mean_of_all() -> None:
    a, b, c = (numbers(seed) for seed in range(3))
    count = VALID.sum()
    columns = [[part[:, n : n + 1] for part in (a, b, c, VALID)] for n in range(2)]
    policy = sum(clipped_policy_loss(*parts, 0.2, count) for parts in columns)
    torch.testing.assert_close(policy, clipped_policy_loss(a, b, c, VALID, 0.2))
    divergence = sum(approximate_kl(x, y, valid, count) for x, y, _, valid in columns)
    torch.testing.assert_close(divergence, approximate_kl(a, b, VALID))
    torch.testing.assert_close(
        sum(value_loss(x, y, valid, count) for x, y, _, valid in columns), value_loss(a, b, VALID)
    )
    torch.testing.assert_close(sum(masked_mean(x, valid, count) for x, *_, valid in columns), masked_mean(a, VALID))
