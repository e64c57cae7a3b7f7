"""The optimizer of learning by memory, beside those of torch."""

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from gameagent.config import make_config
from gameagent.methods.rl2.muon import Muon, orthogonalised
from gameagent.methods.rl2.policy import make_core, make_network, make_spec
from gameagent_games import load_family
from gameagent_games.interface import Family

BANDIT = load_family("bandit")
MATRICES: list[tuple[int, ...]] = [(8, 5), (6, 12), (1, 4)]
OTHERS: list[tuple[int, ...]] = [(7,), (2, 3)]


def parameters(shapes: list[tuple[int, ...]], generator: torch.Generator) -> list[nn.Parameter]:
    return [nn.Parameter(torch.randn(shape, generator=generator)) for shape in shapes]


def copies(params: list[nn.Parameter]) -> list[nn.Parameter]:
    return [nn.Parameter(one.detach().clone()) for one in params]


def give_gradients(generator: torch.Generator, *groups: list[nn.Parameter], scale: float = 1.0) -> None:
    """The same gradients to each group, drawn anew."""
    for same in zip(*groups, strict=True):
        gradient = torch.randn(same[0].shape, generator=generator) * scale
        for one in same:
            one.grad = gradient.clone()


def test_steps_are_those_of_torchs_muon_and_adam() -> None:
    generator = torch.Generator().manual_seed(0)
    matrices, others = parameters(MATRICES, generator), parameters(OTHERS, generator)
    matrices_of_torch, others_of_torch, before = copies(matrices), copies(others), copies(matrices)
    optimizer = Muon(matrices, others, 1e-2)
    torchs = (
        torch.optim.Muon(matrices_of_torch, 1e-2, weight_decay=0.0, adjust_lr_fn="match_rms_adamw"),
        torch.optim.Adam(others_of_torch, 1e-2, eps=1e-5),
    )
    for _ in range(20):
        give_gradients(generator, [*matrices, *others], [*matrices_of_torch, *others_of_torch])
        optimizer.step()
        for one in torchs:
            one.step()  # type: ignore[no-untyped-call]
    torch.testing.assert_close(others, others_of_torch)
    for ours, theirs, start in zip(matrices, matrices_of_torch, before, strict=True):
        assert (ours - theirs).norm() < 0.02 * (theirs - start).norm()  # theirs computes with bfloat16


@pytest.mark.parametrize("shape", [(16, 16), (5, 40), (40, 5), (1, 9)])
def test_singular_values_become_alike_and_directions_stay(shape: tuple[int, int]) -> None:
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    left, values, right = torch.linalg.svd(matrix, full_matrices=False)
    given = torch.linalg.multi_dot((left.T, orthogonalised(matrix), right.T))
    along = given.diagonal()
    assert (given - along.diag()).abs().max() < 1e-4
    assert ((along > 0.65) & (along < 1.25))[values > 0.02 * values.norm()].all()


@pytest.mark.parametrize(("scale", "most"), [(1e-8, 2e-3), (1e-12, 1e-6), (0.0, 0.0)])
def test_what_is_rounding_moves_nothing(scale: float, most: float) -> None:
    generator = torch.Generator().manual_seed(2)
    matrices, others = parameters(MATRICES, generator), parameters(OTHERS, generator)
    before = copies([*matrices, *others])
    give_gradients(generator, [*matrices, *others], scale=scale)
    Muon(matrices, others, 1.0).step()
    moved = [
        float((now - then).detach().square().mean().sqrt())
        for now, then in zip([*matrices, *others], before, strict=True)
    ]
    assert max(moved) <= most


def test_parameters_without_a_gradient_stay() -> None:
    generator = torch.Generator().manual_seed(3)
    matrices, others = parameters(MATRICES, generator), parameters(OTHERS, generator)
    before = copies([*matrices, *others])
    Muon(matrices, others, 1.0).step()
    torch.testing.assert_close([*matrices, *others], before, rtol=0, atol=0)


def test_a_saved_state_goes_on_with_the_same_steps() -> None:
    generator = torch.Generator().manual_seed(4)
    one = parameters(MATRICES, generator), parameters(OTHERS, generator)
    first = Muon(*one, 1e-2)
    give_gradients(generator, [*one[0], *one[1]])
    first.step()
    other = copies(one[0]), copies(one[1])
    second = Muon(*other, 1.0)
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    give_gradients(generator, [*one[0], *one[1]], [*other[0], *other[1]])
    first.step()
    second.step()
    torch.testing.assert_close([*one[0], *one[1]], [*other[0], *other[1]], rtol=0, atol=0)


@pytest.mark.parametrize("given", [{}, {"gradient": True}, {"memory": "none"}])
def test_every_parameter_is_learnt_by_one_of_both_and_outputs_by_adam(given: dict[str, Any]) -> None:
    network = network_of(BANDIT, given)
    matrices, others = network.matrices_and_others()
    names = {id(one): name for name, one in network.named_parameters()}
    assert sorted(map(id, [*matrices, *others])) == sorted(names)
    assert all(one.dim() == 2 for one in matrices)
    by_adam = {names[id(one)] for one in others if one.dim() == 2}
    outputs = {"actor.weight", "critic.out.weight", "belief_head.out.weight", "correction.model.out.weight"}
    assert by_adam == outputs & set(names.values())


def network_of(family: Family, given: dict[str, Any]) -> Any:
    config = make_config(family, given)
    spec = make_spec(config, family)
    return make_network(config, spec, make_core(config, spec))


def test_a_large_direction_does_not_hide_a_small_one() -> None:
    """What Muon is for: two directions of a linear fit whose gradients differ by a factor of a hundred."""
    inputs = torch.tensor([[1.0, 0.0], [0.0, 0.1]])

    def error_after(make: Any) -> float:
        weight = nn.Parameter(torch.zeros(2, 2))
        optimizer = make(weight)
        for _ in range(60):
            optimizer.zero_grad()
            error: Tensor = (inputs @ weight - inputs @ torch.tensor([[0.5, -0.5], [0.5, 0.5]])).square().sum()
            error.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        return float((weight[1] - torch.tensor([0.5, 0.5])).norm().detach())

    by_gradient = error_after(lambda weight: torch.optim.SGD([weight], 0.1))
    assert error_after(lambda weight: Muon([weight], [], 0.05)) < 0.3 * by_gradient
