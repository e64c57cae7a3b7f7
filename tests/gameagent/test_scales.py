"""Running scales: moments beside numpy's, and that what a policy sees of its game does not depend on the units."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gameagent.nets.scales import LEAST_SHARE, InputScales, RunningMoments, symlog
from gameagent.workers import Workers
from gameagent_games.interface import Feature
from slow_training.threads import together

ALONE = Workers()


def moments_of(updates: Any, size: int = 1) -> RunningMoments:
    moments = RunningMoments(size)
    for values in updates:
        moments.update(torch.as_tensor(values, dtype=torch.float32).reshape(-1, size), ALONE)
    return moments


def test_equal_updates_count_alike_as_if_all_values_had_come_at_once() -> None:
    values = np.random.default_rng(0).normal([3.0, -40.0, 0.0], [0.1, 20.0, 1.0], (5, 200, 3)).astype(np.float32)
    moments = moments_of(values, 3)
    everything = values.reshape(-1, 3).astype(np.float64)
    np.testing.assert_allclose(moments.mean, everything.mean(0), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(moments.std, everything.std(0), rtol=1e-6)


def test_hand_made_numbers() -> None:
    moments = moments_of([[1.0, 3.0]])
    assert (float(moments.mean), float(moments.std)) == (2.0, 1.0)
    moments = moments_of([[1.0, 3.0], [6.0]])  # an update counts as one, however many values it has
    assert float(moments.mean) == 4.0
    assert float(moments.square) == (5.0 + 36.0) / 2
    assert float(moments.std) == pytest.approx(math.sqrt(20.5 - 16.0))


def test_a_late_update_counts_two_percent_and_what_came_before_fades() -> None:
    assert LEAST_SHARE == 0.02
    moments = moments_of([[0.0]] * 100 + [[1.0]] * 3)
    assert float(moments.mean) == pytest.approx(1.0 - 0.98**3)
    assert float(moments_of([[0.0]] * 9 + [[1.0]]).mean) == pytest.approx(0.1)


@given(st.floats(-1e8, 1e8, width=32), st.integers(1, 40))
def test_what_is_always_the_same_does_not_vary(value: float, num_updates: int) -> None:
    moments = moments_of([np.full(37, value)] * num_updates)
    assert float(moments.std) == 0.0
    assert float(moments.mean) == pytest.approx(value)


@pytest.mark.parametrize(("offset", "size"), [(1e6, 1.0), (-1e6, 10.0), (0.0, 1e-8), (0.0, 1e8), (1e8, 1e8)])
def test_deviations_are_found_in_any_unit_and_beside_huge_offsets(offset: float, size: float) -> None:
    noise = np.random.default_rng(1).standard_normal((20, 500))
    values = (offset + size * noise).astype(np.float32)
    moments = moments_of(values)
    assert float(moments.std) == pytest.approx(values.astype(np.float64).std(), rel=1e-3)
    assert float(moments.mean) == pytest.approx(values.astype(np.float64).mean(), rel=1e-9)


def test_two_processes_find_what_one_finds() -> None:
    values = torch.randn(3, 30, 2, generator=torch.Generator().manual_seed(0)) * 7.0 + 100.0
    cut = 11  # the processes have different numbers of values

    def work(member: Any) -> Any:
        workers, moments = member
        part = slice(0, cut) if workers.rank == 0 else slice(cut, None)
        for update in values:
            moments.update(update[part], workers)
        return moments

    alone = moments_of(values, 2)
    for moments in together(2, lambda workers: (workers, RunningMoments(2)), work):
        assert isinstance(moments, RunningMoments)
        torch.testing.assert_close(moments.mean, alone.mean, rtol=1e-12, atol=0)
        torch.testing.assert_close(moments.std, alone.std, rtol=1e-9, atol=0)


def test_pictures_have_as_many_moments_as_values() -> None:
    values = np.random.default_rng(2).uniform(0.0, 255.0, (9, 1300)).astype(np.float32)
    moments = moments_of([values], 1300)
    np.testing.assert_allclose(moments.mean, values.astype(np.float64).mean(0), rtol=1e-12)
    np.testing.assert_allclose(moments.std, values.astype(np.float64).std(0), rtol=1e-9)


@given(st.floats(-(2.0**100), 2.0**100, width=32))
def test_symlog_is_the_logarithm_of_one_more_with_the_values_sign(value: float) -> None:
    found = float(symlog(torch.tensor(value, dtype=torch.float64)))
    assert found == pytest.approx(math.copysign(math.log1p(abs(value)), value), rel=1e-9, abs=1e-15)
    assert float(symlog(torch.tensor(value))) == pytest.approx(found, rel=1e-6, abs=1.2e-7)


# -- what a policy sees --

FEATURES = (
    Feature("place", 2),
    Feature("open", 1, kind="flags"),
    Feature("kind", 1, low=0.0, high=6.0, kind="category"),
)


def some_play(unit: float = 1.0, offset: float = 0.0, pay: float = 1.0) -> tuple[torch.Tensor, torch.Tensor]:
    """400 observations of `FEATURES`, and rewards, that are the same but for the units of places and rewards."""
    generator = np.random.default_rng(3)
    places = generator.normal([1.0, -2.0], [1.0, 0.5], (400, 2)) * unit + offset
    rest = np.column_stack([generator.random(400) < 0.3, generator.integers(7, size=400)])
    rewards = generator.normal(size=400) * (generator.random(400) < 0.2) * pay
    return torch.tensor(np.hstack([places, rest]), dtype=torch.float32), torch.tensor(rewards, dtype=torch.float32)


def scales_of(observations: torch.Tensor, rewards: torch.Tensor) -> InputScales:
    scales = InputScales(4, FEATURES)
    scales.update(observations, rewards, ALONE)
    return scales


def test_numbers_come_by_mean_and_deviation_rewards_by_their_size_and_the_rest_as_it_is() -> None:
    observations, rewards = some_play()
    found = scales_of(observations, rewards)(observations, rewards.unsqueeze(1)).double().numpy()
    seen, paid = observations.double().numpy(), rewards.double().numpy()
    places = (seen[:, :2] - seen[:, :2].mean(0)) / seen[:, :2].std(0)
    np.testing.assert_allclose(found[:, :2], np.sign(places) * np.log1p(abs(places)), atol=1e-5)
    np.testing.assert_array_equal(found[:, 2:4], seen[:, 2:4])
    sizes = paid / np.sqrt((paid**2).mean())
    np.testing.assert_allclose(found[:, 4], np.sign(sizes) * np.log1p(abs(sizes)), atol=1e-5)
    sizes = np.log(abs(paid[paid != 0.0]))
    least, spread = np.exp(sizes.mean() - 2.0 * sizes.std()), 2.0 * sizes.std()
    assert spread > 1.0
    np.testing.assert_allclose(found[:, 5], np.sign(paid) * np.log1p(abs(paid) / least) / spread, atol=1e-5)
    assert (found[paid == 0.0, 4:] == 0.0).all() and (paid == 0.0).any()


def test_pay_of_sizes_orders_apart_is_seen_and_told_apart() -> None:
    sizes = torch.tensor([0.01, 1.0, 100.0, 1000.0])
    rewards = torch.cat((sizes, -sizes, torch.zeros(8)))
    scales = scales_of(torch.zeros(16, 4), rewards)
    seen = scales(torch.zeros(4, 4), sizes.unsqueeze(1))[:, -1]
    assert seen[0] > 0.1 and seen[-1] < 2.0
    assert (seen.diff() > 0.2).all()
    torch.testing.assert_close(scales(torch.zeros(4, 4), -sizes.unsqueeze(1))[:, -1], -seen)


def test_updates_without_any_reward_leave_what_is_known_of_their_sizes() -> None:
    observations, rewards = some_play()
    scales = scales_of(observations, rewards)
    before = scales(observations, rewards.unsqueeze(1))[:, 5]
    scales.update(observations, torch.zeros_like(rewards), ALONE)
    torch.testing.assert_close(scales(observations, rewards.unsqueeze(1))[:, 5], before, atol=0, rtol=0)


@pytest.mark.parametrize(
    ("unit", "offset", "pay"), [(1e-8, 0.0, 1e-3), (1e8, 0.0, 1e8), (0.01, 5.0, 1e6), (-3.0, 1e3, 1.0)]
)
def test_a_policy_sees_the_same_whatever_the_units(unit: float, offset: float, pay: float) -> None:
    observations, rewards = some_play()
    expected = scales_of(observations, rewards)(observations, rewards.unsqueeze(1))
    if unit < 0:
        expected[:, :2] *= -1.0
    observations, rewards = some_play(unit, offset, pay)
    given = scales_of(observations, rewards)(observations, rewards.unsqueeze(1))
    torch.testing.assert_close(given, expected, atol=3e-4, rtol=1e-4)


def test_what_never_varied_is_seen_as_zero_and_stays_finite_when_it_does() -> None:
    observations, rewards = some_play()
    observations[:, 0] = 0.1
    scales = scales_of(observations, torch.zeros_like(rewards))
    changed = observations.clone()
    changed[:, 0] = 1e30
    seen = scales(changed, rewards.unsqueeze(1))
    assert (seen[:, 0] == 0.0).all() and (seen[:, 4:] == 0.0).all()  # nobody can say how large a reward this is
    assert seen[:, 1].abs().amax() > 0.5


def test_hidden_numbers_are_zeros_until_the_next_update() -> None:
    observations, rewards = some_play()
    scales = InputScales(4, FEATURES)
    assert not scales.known
    scales.hide()
    seen = scales(observations, rewards.unsqueeze(1))
    assert (seen[:, [0, 1, 4, 5]] == 0.0).all()
    torch.testing.assert_close(seen[:, 2:4], observations[:, 2:4], atol=0, rtol=0)
    scales.update(observations, rewards, ALONE)
    assert scales.known
    torch.testing.assert_close(
        scales(observations, rewards.unsqueeze(1)),
        scales_of(observations, rewards)(observations, rewards.unsqueeze(1)),
        atol=0, rtol=0,
    )  # fmt: skip


def test_a_game_of_flags_alone_is_seen_as_it_is() -> None:
    scales = InputScales(3, (Feature("open", 3, kind="flags"),))
    flags = torch.eye(3)
    scales.update(flags, torch.ones(3), ALONE)
    torch.testing.assert_close(scales(flags, torch.zeros(3, 1))[:, :3], flags, atol=0, rtol=0)
