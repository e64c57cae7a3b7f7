"""Distributions of actions beside torch.distributions, closed forms and frequencies."""

# mypy: disable-error-code="no-untyped-call"

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from gameagent.nets.distribution import Categorical, Gaussian
from gameagent.seeding import torch_generator
from gameagent_games.interface import Box

BOX = Box(("pull", "sway"), low=(0.0, -0.1), high=(2.0, 0.1))
MIDDLE, HALF = torch.tensor([1.0, 0.0]), torch.tensor([1.0, 0.1])


@pytest.fixture
def raw() -> torch.Tensor:
    """An actor's outputs for 50 rows, float32 ``(50, 4)``, from sure to extreme."""
    return torch.randn(50, 4, generator=torch_generator(0, "test")) * 3


def test_choices_are_drawn_by_their_probabilities() -> None:
    chances = torch.tensor([0.5, 0.25, 0.125, 0.125, 0.0])
    noise = Categorical(5).noise(40_000, torch_generator(0, "test"))
    drawn = Categorical(5).sample((torch.log(chances).expand(40_000, 5),), noise)
    frequencies = torch.bincount(drawn, minlength=5) / len(drawn)
    np.testing.assert_allclose(frequencies, chances, atol=5 * 0.5 / 200)  # five standard deviations
    assert frequencies[4] == 0


@pytest.mark.parametrize("num_actions", [2, 5, 17])
def test_entropy_of_even_choices_is_the_logarithm_of_their_number(num_actions: int) -> None:
    even = Categorical(num_actions)
    assert even.entropy(even.params(torch.zeros(3, num_actions), None)).tolist() == pytest.approx(
        [math.log(num_actions)] * 3
    )


def test_entropy_of_a_certain_choice_is_zero_and_illegal_actions_add_nothing() -> None:
    def entropy(raw: list[Any], legal: list[Any] | None = None) -> float:
        choice = Categorical(len(raw))
        return choice.entropy(choice.params(torch.tensor(raw), None if legal is None else torch.tensor(legal))).item()

    assert entropy([0.0, 0.0, 3.0, 2.0], [True, True, False, False]) == pytest.approx(math.log(2))
    assert entropy([0.0, 5.0], [True, False]) == 0.0
    assert entropy([math.log(0.75), math.log(0.25)]) == pytest.approx(-0.75 * math.log(0.75) - 0.25 * math.log(0.25))


def test_densities_and_entropy_of_vectors_are_torchs(raw: torch.Tensor) -> None:
    gaussian = Gaussian(BOX)
    params = gaussian.params(raw, None)
    reference = torch.distributions.Normal(params[0], params[1].exp())
    actions = torch.rand(50, 2, generator=torch_generator(1, "test")) * 4 - 1  # also outside the box
    torch.testing.assert_close(gaussian.log_probs(params, actions), reference.log_prob(actions).sum(-1))
    torch.testing.assert_close(gaussian.entropy(params), reference.entropy().sum(-1))


def test_vectors_spread_wider_than_at_first_are_no_more_even(raw: torch.Tensor) -> None:
    gaussian = Gaussian(BOX)
    params = gaussian.params(raw, None)
    counted = torch.distributions.Normal(params[0], torch.minimum(params[1].exp(), 0.5 * HALF))
    torch.testing.assert_close(gaussian.evenness(params), counted.entropy().sum(-1))


def test_evenness_of_choices_is_minus_the_divergence_from_even_choice_among_what_is_legal() -> None:
    choice, raw = Categorical(4), torch.tensor([[0.5, -1.0, 2.0, 0.0], [0.0, 0.0, 0.0, 9.0]])
    legal = torch.tensor([[True] * 4, [True, True, True, False]])
    params = choice.params(raw, legal)
    torch.testing.assert_close(
        choice.evenness(params),
        -torch.stack(
            (
                torch.distributions.kl_divergence(
                    torch.distributions.Categorical(torch.ones(4)), torch.distributions.Categorical(logits=raw[0])
                ),
                torch.tensor(0.0),
            )
        ),
    )


def test_a_rare_action_is_held_up_however_rare_it_is() -> None:
    choice = Categorical(3)
    for rare in (-5.0, -10.0, -30.0):
        raw = torch.tensor([0.0, 0.0, rare], requires_grad=True)
        choice.evenness(choice.params(raw, None)).backward()
        assert raw.grad is not None
        assert raw.grad[2].item() == pytest.approx(1 / 3, abs=0.01)


def test_vectors_are_drawn_around_the_mean_in_the_boxs_units() -> None:
    mean, std = torch.tensor([3.0, -0.05]), torch.tensor([0.5, 0.02])
    params = (mean.expand(40_000, 2), std.log().expand(40_000, 2))
    drawn = Gaussian(BOX).sample(params, Gaussian(BOX).noise(40_000, torch_generator(0, "test")))
    shares = (drawn - mean) / std
    assert shares.mean(0).tolist() == pytest.approx([0, 0], abs=5 / 200)  # five standard deviations
    assert shares.var(0).tolist() == pytest.approx([1, 1], abs=5 * math.sqrt(2) / 200)
    assert np.corrcoef(shares.T)[0, 1] == pytest.approx(0, abs=5 / 200)


def test_the_mean_goes_anywhere_and_the_spread_stays_within_its_bounds(raw: torch.Tensor) -> None:
    gaussian = Gaussian(BOX)
    mean, log_std = gaussian.params(raw, None)
    torch.testing.assert_close(mean, MIDDLE + HALF * raw[:, :2])
    assert ((mean < MIDDLE - HALF) | (mean > MIDDLE + HALF)).any()
    shares = gaussian.params(torch.tensor([[0.0, 0.0, -1e9, 1e9]]), None)[1].exp()[0] / HALF
    assert shares.tolist() == pytest.approx([0.01, 1.0])
    assert torch.isfinite(log_std).all()


def test_a_fresh_actor_spreads_vectors_over_most_of_the_box() -> None:
    gaussian, actor = Gaussian(BOX), nn.Linear(8, 4)
    nn.init.zeros_(actor.bias)
    gaussian.initialise(actor)
    mean, log_std = gaussian.params(actor(torch.randn(20, 8, generator=torch_generator(0, "test"))), None)
    assert ((mean - MIDDLE).abs() < 0.1 * HALF).all()
    torch.testing.assert_close(log_std.exp() / HALF, torch.full((20, 2), 0.5), atol=0.1, rtol=0)


def test_the_next_step_sees_what_the_game_made_of_an_action() -> None:
    seen = Gaussian(BOX).as_input(torch.tensor([[0.0, 0.1], [1.5, 0.0], [9.0, -7.0]]))
    torch.testing.assert_close(seen, torch.tensor([[-1.0, 1.0], [0.5, 0.0], [1.0, -1.0]]))
    assert Categorical(3).as_input(torch.tensor([2, 0])).tolist() == [[0, 0, 1], [1, 0, 0]]
