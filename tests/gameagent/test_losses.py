"""The terms of the objective, by hand."""

import math

import pytest
import torch

from gameagent.algorithms.rl2 import Schedule
from gameagent.config import TrainConfig
from gameagent.losses import clipped_policy_loss, masked_mean, value_loss


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
def test_clipping_by_hand(ratio, advantage, surrogate, slope):
    log_probs = torch.tensor([[math.log(0.3 * ratio)]], dtype=torch.float64, requires_grad=True)
    old = torch.tensor([[math.log(0.3)]], dtype=torch.float64)
    loss = clipped_policy_loss(log_probs, old, torch.tensor([[advantage]]), torch.ones(1, 1, dtype=torch.bool), 0.2)
    loss.backward()
    assert loss.item() == pytest.approx(-surrogate)
    assert log_probs.grad.item() == pytest.approx(-slope)  # d ratio / d log p = ratio


def test_means_are_over_valid_steps_only():
    values, valid = torch.tensor([[1.0, 5.0], [3.0, 1e9]]), torch.tensor([[True, True], [True, False]])
    assert masked_mean(values, valid).item() == 3.0
    assert value_loss(values, torch.zeros(2, 2), valid).item() == pytest.approx(0.5 * (1 + 25 + 9) / 3)
    assert masked_mean(values, torch.zeros(2, 2, dtype=torch.bool)).item() == 0.0


def test_the_schedule_at_its_ends_and_between():
    config = TrainConfig(
        "bandit", learning_rate=1.0, entropy_start=0.4, entropy_end=0.2, told_share=0.8, told_until=0.5
    )
    assert Schedule.at(config, 0.0) == pytest.approx((1.0, 0.4, 0.8))
    assert Schedule.at(config, 0.25) == pytest.approx((0.775, 0.35, 0.4))
    assert Schedule.at(config, 0.5) == pytest.approx((0.55, 0.3, 0.0))
    assert Schedule.at(config, 1.0) == pytest.approx((0.1, 0.2, 0.0))


@pytest.mark.parametrize("given", [{"beliefs": False}, {"memory": "none"}, {"reveal": True}, {"told_until": 0.0}])
def test_nobody_is_told_where_there_is_no_belief_to_replace(given):
    assert Schedule.at(TrainConfig("bandit", told_share=0.8, **given), 0.0).told_share == 0.0
