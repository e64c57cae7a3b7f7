"""Rows put together by length: by hand, by what it saves, and beside a gradient that computes all rows at once."""

# mypy: disable-error-code="no-untyped-call"

from typing import Any

import numpy as np
import pytest
import torch

from gameagent.config import make_config
from gameagent.methods.learning import make_learner
from gameagent.methods.rl2 import lengths as lengths_module
from gameagent.methods.rl2 import update as rl2
from gameagent.methods.rl2.lengths import FIXED_ROWS, by_length
from gameagent.workers import Workers
from slow_training.precision import in_double, interpret_games
from small_families import RIDDLE


def parts_of(lengths: list[int]) -> list[list[int]]:
    return [part.tolist() for part in by_length(np.array(lengths, np.int64))]


@pytest.mark.parametrize("lengths", [[], [7], [5] * 300, [0, 0], [10, 9, 10, 9] * 40])
def test_rows_of_about_one_length_stay_together(lengths: list[int]) -> None:
    assert parts_of(lengths) == [list(range(len(lengths)))]


def test_few_long_rows_are_computed_apart_from_many_short_ones() -> None:
    assert parts_of([20] * 50 + [1000] * 3 + [20] * 50) == [[50, 51, 52], [*range(50), *range(53, 103)]]


def test_parts_hold_every_row_once_and_cost_less() -> None:
    def cost(rows: Any) -> int:
        return int(lengths[rows].max() * (len(rows) + FIXED_ROWS))

    lengths = np.random.default_rng(0).geometric(0.01, size=400)
    parts = by_length(lengths)
    assert sorted(np.concatenate(parts).tolist()) == list(range(400))
    assert len(parts) > 2
    assert sum(map(cost, parts)) < 0.6 * cost(np.arange(400))


@pytest.mark.parametrize("gradient", [False, True])
def test_the_gradient_is_that_of_all_rows_at_once(monkeypatch: pytest.MonkeyPatch, gradient: bool) -> None:
    interpret_games(monkeypatch)
    settings = {"num_games": 12, "hidden_size": 4, "num_minibatches": 2, "gradient": gradient}
    config = make_config(RIDDLE, {"family": RIDDLE.name} | settings)

    def trained(fixed: float, worthwhile: float) -> Any:
        monkeypatch.setattr(lengths_module, "FIXED_ROWS", fixed)
        monkeypatch.setattr(lengths_module, "WORTHWHILE", worthwhile)
        sizes = []
        objective = rl2.objective

        def noted(policy: Any, rollout: Any, *rest: Any) -> Any:
            sizes.append(len(rollout.valid))
            return objective(policy, rollout, *rest)

        with monkeypatch.context() as patch:
            patch.setattr(rl2, "objective", noted)
            learner, _ = in_double(make_learner(config, RIDDLE, Workers()))
            updates = [learner.update(number, 0.2 * number).metrics for number in range(2)]
        return learner.policy.state_dict(), updates, sizes

    whole, wanted, at_once = trained(0, 0.0)
    grouped, found, sizes = trained(0, 1.0)
    assert len(sizes) > len(at_once) and min(sizes) < min(at_once)
    for name, weight in whole.items():
        torch.testing.assert_close(grouped[name], weight, atol=1e-9, rtol=1e-7)
    for one, other in zip(found, wanted, strict=True):
        assert one["policy_loss"] == pytest.approx(other["policy_loss"], rel=1e-6)
        assert one["entropy"] == pytest.approx(other["entropy"], rel=1e-6)
