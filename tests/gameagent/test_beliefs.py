"""Beliefs: their layout, their loss, and that the policy's own objective leaves them alone."""

import math
from typing import Any

import numpy as np
import pytest
import torch

from gameagent.nets.beliefs import MAX_STD, MIN_STD, BeliefHead, belief_groups, truth_from_encoding
from gameagent.nets.interface import Inputs
from gameagent_games.registry import load_family
from gameagent_games.variants.distributions import Choice, Uniform
from gameagent_games.variants.variant import Rule, VariantSpace

FORAGE = load_family("forage").space
MIXED = VariantSpace(
    (Rule("wind", Uniform((0.0, 2.0))), Rule("kind", Choice(("a", "b", "c"))), Rule("shown", Choice((1, 2)), False))
)


def head_of(space: VariantSpace, features: Any = 6) -> BeliefHead:
    return BeliefHead(space.hidden_slots, features)


def test_the_layout_of_forage_by_hand() -> None:
    # worth: 4 scalars; mirror: 3 options trained and one beyond; wrap: 2; slip: a scalar; regrows: 4 of 2 options.
    groups = [tuple(group) for group in belief_groups(FORAGE.hidden_slots)]
    assert groups == [
        ("scalar", 0, 4, 2), ("categorical", 8, 1, 4), ("categorical", 12, 1, 2), ("scalar", 14, 1, 2),
        ("categorical", 16, 4, 2),
    ]  # fmt: skip
    assert head_of(FORAGE).size == 24


def test_probabilities_sum_to_one_and_deviations_stay_within_bounds() -> None:
    head = head_of(FORAGE)
    beliefs = head(torch.randn(7, 5, 6) * 30)
    assert beliefs.shape == (7, 5, 24)
    for first, width in ((8, 4), (12, 2), (16, 2), (18, 2), (20, 2), (22, 2)):
        part = beliefs[..., first : first + width]
        assert (part >= 0).all()
        np.testing.assert_allclose(part.sum(-1).detach(), 1.0, atol=1e-6)
    for std in (1, 3, 5, 7, 15):
        assert (beliefs[..., std] >= MIN_STD).all() and (beliefs[..., std] <= MAX_STD).all()


def test_the_loss_of_a_categorical_is_the_logarithm_of_what_the_truth_was_given() -> None:
    head = head_of(VariantSpace((Rule("kind", Choice(("a", "b", "c"))),)))
    beliefs = torch.tensor([[[0.2, 0.5, 0.3]], [[0.0, 1.0, 0.0]]])
    loss = head.loss(beliefs, torch.tensor([[0.0, 1.0, 0.0]]))
    assert loss[:, 0].tolist() == pytest.approx([-math.log(0.5), 0.0])


def test_the_loss_of_a_scalar_is_the_gaussian_likelihood_but_for_its_constant() -> None:
    head = head_of(VariantSpace((Rule("wind", Uniform((0.0, 1.0))),)))
    loss = head.loss(torch.tensor([[[0.3, 0.5]]]), torch.tensor([[1.1, 0.0]]))
    density = math.exp(-0.5 * (0.8 / 0.5) ** 2) / (0.5 * math.sqrt(2 * math.pi))
    assert loss.item() == pytest.approx(-math.log(density) - 0.5 * math.log(2 * math.pi))


def test_the_loss_adds_up_over_slots_and_is_least_at_the_truth() -> None:
    head = head_of(MIXED)
    truth = torch.tensor([[0.5, 0.0, 0.0, 0.0, 1.0]])
    sure = torch.tensor([[[0.5, 0.1, 0.0, 0.0, 1.0]]])
    assert head.loss(sure, truth).item() == pytest.approx(math.log(0.1))
    for other in ([0.9, 0.1, 0.0, 0.0, 1.0], [0.5, 0.1, 0.1, 0.0, 0.9], [0.5, 0.4, 0.0, 0.0, 1.0]):
        assert head.loss(torch.tensor([[other]]), truth).item() > math.log(0.1)


def test_the_truth_of_a_variant_by_hand() -> None:
    records = MIXED.records([{"wind": 2.0, "kind": "c", "shown": 2}])
    truth = truth_from_encoding(torch.from_numpy(MIXED.encode(records, hidden=True)), MIXED.hidden_slots)
    wind = MIXED.hidden_slots[0]
    assert truth.tolist()[0] == pytest.approx([(2.0 - wind.center) / wind.scale, 0.0, 0.0, 0.0, 1.0])


def test_forages_truth_gives_the_rules_back() -> None:
    records = FORAGE.sample(200, 0, "train")
    slots = FORAGE.hidden_slots
    truth = truth_from_encoding(torch.from_numpy(FORAGE.encode(records, hidden=True)), slots).numpy()
    assert truth.shape == (200, 24)
    worth = np.stack([slots[k].center + slots[k].scale * truth[:, 2 * k] for k in range(4)], 1)
    np.testing.assert_allclose(worth, records["worth"], atol=1e-5)
    assert (truth[:, [1, 3, 5, 7, 15]] == 0).all()
    assert (np.array(["none", "horizontal", "vertical", "both"])[truth[:, 8:12].argmax(1)] == records["mirror"]).all()
    assert (truth[:, 12:14].argmax(1) == records["wrap"]).all()
    np.testing.assert_allclose(slots[6].center + slots[6].scale * truth[:, 14], records["slip"], atol=1e-6)
    assert (truth[:, 16:].reshape(200, 4, 2).argmax(2) == records["regrows"]).all()
    assert (truth[:, 8:14].sum(1) == 2).all() and (truth[:, 16:].sum(1) == 4).all()


def policy_and_inputs(lively: Any, informed: float) -> Any:
    policy, _, family = lively("forage")
    generator = torch.Generator().manual_seed(1)
    T, B, E = 3, 4, policy.belief_head.size
    records = family.space.sample(B, 3)
    truth = truth_from_encoding(torch.from_numpy(family.space.encode(records, hidden=True)), family.space.hidden_slots)
    inputs = Inputs(
        torch.randn(T, B, family.observation_size, generator=generator), torch.zeros(T, B, family.num_actions),
        torch.zeros(T, B, 1), torch.zeros(T, B, 1), None, truth, torch.full((B, 1), informed),
        position=torch.zeros(T, B, 2),
    )  # fmt: skip
    assert truth.shape == (B, E)
    return policy, inputs


@pytest.mark.parametrize("informed", [0.0, 0.5, 1.0])
def test_no_gradient_of_the_policy_reaches_the_belief_head(lively: Any, informed: float) -> None:
    policy, inputs = policy_and_inputs(lively, informed)
    outputs, _ = policy(inputs, policy.initial_state(4))
    policy.zero_grad(set_to_none=True)
    values = policy.values(outputs.situation, inputs.truth, inputs.position)
    (outputs.action_params[0].square().sum() + values.sum()).backward()
    assert all(weight.grad is None for weight in policy.belief_head.parameters())
    assert policy.core.lstm.weight_hh_l0.grad.abs().sum() > 0
    outputs, _ = policy(inputs, policy.initial_state(4))
    policy.zero_grad(set_to_none=True)
    policy.belief_head.loss(outputs.beliefs, inputs.truth).sum().backward()
    assert all(weight.grad.abs().sum() > 0 for weight in policy.belief_head.parameters())
    assert policy.actor.weight.grad is None
    policy.zero_grad(set_to_none=True)


@pytest.mark.parametrize(("informed", "heeds_belief"), [(1.0, False), (0.0, True)])
def test_who_is_told_acts_on_the_truth_and_nobody_else_does(lively: Any, informed: float, heeds_belief: bool) -> None:
    policy, inputs = policy_and_inputs(lively, informed)
    state = policy.initial_state(4)
    with torch.no_grad():
        before, _ = policy(inputs, state)
        other_truth, _ = policy(inputs._replace(truth=inputs.truth.roll(1, 0)), state)
        handle = policy.belief_head.register_forward_hook(lambda module, given, beliefs: beliefs.roll(1, -1) + 0.1)
        try:
            other_belief, _ = policy(inputs, state)
        finally:
            handle.remove()
    assert torch.equal(before.action_params[0], other_belief.action_params[0]) != heeds_belief
    assert torch.equal(before.action_params[0], other_truth.action_params[0]) == heeds_belief
