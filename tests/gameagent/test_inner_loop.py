"""The inner loop beside equations written down by hand, finite differences and a plain loop over tasks."""

# mypy: disable-error-code="no-untyped-call"

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from gameagent.inner_loop import adapt, constant_step_sizes, for_tasks

NAMES = {"a": 2, "b": 1}  # two named parameters, coupled by the quadratic
SIZE = sum(NAMES.values())


def join(params: Any) -> torch.Tensor:
    return torch.cat([params[name] for name in NAMES], -1)


def split(vector: Any) -> dict[Any, Any]:
    return dict(zip(NAMES, torch.tensor(vector, dtype=torch.float64).split(list(NAMES.values())), strict=True))


def quadratic(params: dict[str, torch.Tensor], data: tuple[Any, ...]) -> Any:
    """0.5 (theta - c)^T H (theta - c)."""
    center, curvature = data
    offset = join(params) - center
    return 0.5 * (offset.unsqueeze(-2) @ curvature @ offset.unsqueeze(-1)).squeeze((-2, -1))


@pytest.fixture
def problem() -> Any:
    """A starting point, and for each of three tasks a support and a query quadratic."""
    generator = np.random.default_rng(4)
    roots = generator.normal(size=(2, 3, SIZE, SIZE))
    curvatures = 0.5 * np.einsum("...ij,...kj->...ik", roots, roots)
    centers = generator.normal(size=(2, 3, SIZE))
    return generator.normal(size=SIZE), centers, curvatures


def by_hand(
    theta: Any, rates: NDArray[Any], support: tuple[Any, Any], query: tuple[Any, Any], num_steps: int, first_order: bool
) -> Any:
    """The outer loss of one task, and its gradients in the parameters and in the rates, in numpy.

    theta_{i+1} = theta_i - D H (theta_i - c), so d theta_k / d theta_0 = (1 - D H)^k, and a rate acts at every step.
    """
    (center, curvature), (goal, query_curvature) = support, query
    transfer = np.eye(SIZE) if first_order else np.eye(SIZE) - np.diag(rates) @ curvature
    current, in_theta, in_rates = theta, np.eye(SIZE), np.zeros((SIZE, SIZE))
    for _ in range(num_steps):
        gradient = curvature @ (current - center)
        in_rates = transfer @ in_rates - np.diag(gradient)
        in_theta = transfer @ in_theta
        current = current - rates * gradient
    slope = query_curvature @ (current - goal)
    return 0.5 * (current - goal) @ slope, in_theta.T @ slope, in_rates.T @ slope


def tensors(pair: tuple[Any, Any]) -> tuple[Any, ...]:
    return tuple(torch.tensor(part) for part in pair)


@pytest.mark.parametrize("first_order", [False, True])
@pytest.mark.parametrize("num_steps", [0, 1, 2, 5])
@pytest.mark.parametrize("rates", [[0.1, 0.1, 0.1], [0.05, 0.2, 0.01], [0.0, 0.0, 0.3]])
def test_outer_gradient_of_quadratics_by_hand(problem: Any, num_steps: int, first_order: bool, rates: Any) -> None:
    theta, centers, curvatures = problem
    support, query = [(centers[i], curvatures[i]) for i in range(2)]
    params = {name: part.requires_grad_() for name, part in split(theta).items()}
    step_sizes = {name: part.requires_grad_() for name, part in split(rates).items()}
    adapted = adapt(for_tasks(params, 3), quadratic, tensors(support), step_sizes, num_steps, first_order=first_order)
    loss = quadratic(adapted, tensors(query)).mean()
    got = torch.autograd.grad(loss, [*params.values(), *step_sizes.values()], materialize_grads=True)
    expected = []
    for task in range(3):
        own_support, own_query = [(part[0][task], part[1][task]) for part in (support, query)]
        expected.append(by_hand(theta, np.array(rates), own_support, own_query, num_steps, first_order))
    for mine, theirs in zip(
        (loss.detach(), torch.cat(got[:2]), torch.cat(got[2:])), zip(*expected, strict=True), strict=True
    ):
        np.testing.assert_allclose(mine, np.mean(theirs, 0), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("first_order", [False, True])
def test_scalar_step_sizes_and_torch_funcs_own_outer_gradient(problem: Any, first_order: bool) -> None:
    theta, centers, curvatures = problem
    support, query = [(centers[i, 0], curvatures[i, 0]) for i in range(2)]
    step_sizes = {name: torch.tensor(0.07) for name in NAMES}

    def outer(params: Any) -> Any:
        adapted = adapt(params, quadratic, tensors(support), step_sizes, 3, first_order=first_order)
        return quadratic(adapted, tensors(query))

    got = join(torch.func.grad(outer)(split(theta)))
    np.testing.assert_allclose(got, by_hand(theta, np.full(3, 0.07), support, query, 3, first_order)[1], rtol=1e-6)


@pytest.mark.parametrize("first_order", [False, True])
def test_what_has_no_step_size_stays_and_has_the_right_gradient(problem: Any, first_order: bool) -> None:
    theta, centers, curvatures = problem
    support, query = [(centers[i, 0], curvatures[i, 0]) for i in range(2)]
    params = {name: part.requires_grad_() for name, part in split(theta).items()}
    step_sizes = constant_step_sizes(params, 0.1, ["b"])
    assert step_sizes.keys() == {"b"} and not step_sizes["b"].requires_grad
    adapted = adapt(params, quadratic, tensors(support), step_sizes, 2, first_order=first_order)
    assert adapted["a"] is params["a"] and (adapted["b"] != params["b"]).all()
    assert list(adapted) == list(params)
    got = torch.autograd.grad(quadratic(adapted, tensors(query)), [*params.values()])
    _, expected, _ = by_hand(theta, np.array([0.0, 0.0, 0.1]), support, query, 2, first_order)
    np.testing.assert_allclose(torch.cat(got), expected, rtol=1e-6)
    # b's step depends on a, which only the second order sees: a's gradient differs from the query loss's own.
    own = query[1] @ (join(adapted).detach().numpy() - query[0])
    assert np.allclose(got[0], own[:2]) == first_order


def test_a_step_size_without_a_parameter_is_refused(problem: Any) -> None:
    theta, centers, curvatures = problem
    data = tensors((centers[0, 0], curvatures[0, 0]))
    with pytest.raises(KeyError, match="c"):
        adapt(split(theta), quadratic, data, {"c": torch.tensor(0.1)})
    with pytest.raises(KeyError, match="c"):
        constant_step_sizes(split(theta), 0.1, ["c"])


def small_network(params: Any, data: Any) -> Any:
    inputs, targets = data
    return ((torch.tanh(inputs @ params["hidden"]) @ params["out"] - targets) ** 2).mean((-2, -1))


@pytest.fixture
def regression() -> Any:
    generator = torch.Generator().manual_seed(7)
    normal = lambda *shape: torch.randn(*shape, generator=generator, dtype=torch.float64)  # noqa: E731
    params = {"hidden": normal(2, 5), "out": normal(5, 1)}
    return params, (normal(4, 6, 2), normal(4, 6, 1)), (normal(4, 6, 2), normal(4, 6, 1))


def test_outer_gradient_of_a_small_network_beside_finite_differences(regression: Any) -> None:
    params, support, query = regression
    step_sizes = {name: torch.full_like(param, 0.1) for name, param in params.items()}

    def outer(params: Any, step_sizes: dict[Any, torch.Tensor]) -> Any:
        adapted = adapt(for_tasks(params, 4), small_network, support, step_sizes, 3)
        return small_network(adapted, query).mean()

    learnt = {f"{kind} {name}": tensor.requires_grad_() for kind, group in (("theta", params), ("alpha", step_sizes))
              for name, tensor in group.items()}  # fmt: skip
    gradients = dict(zip(learnt, torch.autograd.grad(outer(params, step_sizes), list(learnt.values())), strict=True))
    for name, tensor in learnt.items():
        for index in np.ndindex(*tensor.shape):
            ends = []
            with torch.no_grad():
                for change in (1e-5, -2e-5):
                    tensor[index] += change
                    ends.append(outer(params, step_sizes).item())
                tensor[index] += 1e-5
            assert gradients[name][index].item() == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("first_order", [False, True])
def test_all_tasks_at_once_equal_a_loop_with_autograd(regression: Any, first_order: bool) -> None:
    params, support, query = regression
    leaves = [param.requires_grad_() for param in params.values()]
    step_sizes = {"hidden": torch.tensor(0.2).double(), "out": torch.full((5, 1), 0.05).double()}
    adapted = adapt(for_tasks(params, 4), small_network, support, step_sizes, 4, first_order=first_order)
    together = torch.autograd.grad(small_network(adapted, query).sum(), leaves)
    total = [torch.zeros_like(leaf) for leaf in leaves]
    for task in range(4):
        fast = params
        for _ in range(4):
            loss = small_network(fast, (support[0][task], support[1][task]))
            slopes = torch.autograd.grad(loss, list(fast.values()), create_graph=not first_order)
            fast = {name: fast[name] - step_sizes[name] * slope for name, slope in zip(fast, slopes, strict=True)}
        for name in params:
            torch.testing.assert_close(adapted[name][task], fast[name], rtol=1e-12, atol=1e-12)
        slopes = torch.autograd.grad(small_network(fast, (query[0][task], query[1][task])), leaves)
        total = [old + new for old, new in zip(total, slopes, strict=True)]
    torch.testing.assert_close(together, tuple(total), rtol=1e-10, atol=1e-12)


def test_no_gradient_is_needed_around_it(regression: Any) -> None:
    params, support, _ = regression
    step_sizes = constant_step_sizes(params, 0.1)
    with torch.no_grad():
        adapted = adapt(for_tasks(params, 4), small_network, support, step_sizes)
    assert not adapted["out"].requires_grad
    offset = torch.tanh(support[0][2] @ params["hidden"])
    error = offset @ params["out"] - support[1][2]
    torch.testing.assert_close(adapted["out"][2], params["out"] - 0.1 * 2 / 6 * offset.T @ error)
