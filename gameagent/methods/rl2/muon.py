"""The optimizer of learning by memory: Muon for what lies between layers, Adam for all else."""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.optim.adam import adam

MOMENTUM = 0.95
STEP_LENGTH = 0.2  # root mean square of a step beside the step size: what Adam's usually is (Liu et al. 2025, sec. 2.2)
QUINTIC = (3.4445, -4.7750, 2.0315)  # a x + b x³ + c x⁵ (Jordan et al. 2024)
NUM_ITERATIONS = 5
BETAS, EPS = (0.9, 0.999), 1e-5  # of Adam; gradients far below EPS are taken for rounding by both


class Muon(torch.optim.Optimizer):
    """Moves matrices along their momentum with all singular values alike, and other parameters by Adam.

    A gradient of a recurrent network is dominated by a few directions; here all that it has are followed alike (Muon,
    Jordan et al. 2024). In few gradient steps that learns much more than Adam. torch has a Muon of its own, from which
    this one differs in computing with float32: it is faster on CPUs, and what rounding makes of the same gradients,
    summed in another order by more processes or on a GPU, stays small.
    """

    def __init__(self, matrices: Sequence[nn.Parameter], others: Sequence[nn.Parameter], lr: float) -> None:
        """Starts without momentum.

        Args:
            matrices: Parameters of two axes.
            others: Parameters of any shape.
            lr: Step size; each group's may be changed between steps, as in any optimizer.
        """
        super().__init__([{"params": list(matrices)}, {"params": list(others)}], {"lr": lr})

    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Takes a step; parameters without a gradient stay as they are.

        Args:
            closure: Is not called: gradients are there already.
        """
        matrices, others = ([one for one in group["params"] if one.grad is not None] for group in self.param_groups)
        with torch.no_grad():
            for matrix in matrices:
                momentum = self._state_of(matrix, "momentum")
                momentum.lerp_(matrix.grad, 1.0 - MOMENTUM)
                ahead = torch.lerp(matrix.grad, momentum, MOMENTUM)
                length = STEP_LENGTH * math.sqrt(max(matrix.shape))
                matrix.sub_(orthogonalised(ahead), alpha=length * self.param_groups[0]["lr"])
            if others:
                self._step_by_adam(others, self.param_groups[1]["lr"])

    def _step_by_adam(self, params: list[nn.Parameter], lr: float) -> None:
        means, squares = ([self._state_of(one, name) for one in params] for name in ("mean", "square"))
        # Steps so far are read at every step, so they stay on the CPU.
        counts = [self.state[one].setdefault("step", torch.zeros(())) for one in params]
        gradients = [one.grad for one in params if one.grad is not None]
        adam(
            [*params], gradients, means, squares, [], counts, amsgrad=False, beta1=BETAS[0], beta2=BETAS[1], lr=lr,
            weight_decay=0.0, eps=EPS, maximize=False, foreach=False,
        )  # fmt: skip

    def _state_of(self, param: nn.Parameter, name: str) -> Tensor:
        state = self.state[param]
        if name not in state:
            state[name] = torch.zeros_like(param)
        return state[name]  # type: ignore[no-any-return]


def orthogonalised(matrix: Tensor) -> Tensor:
    """The matrix with all its singular values brought near to one, between 0.7 and 1.2; small ones fall short.

    By Newton and Schulz's iteration with the coefficients of Jordan et al. (2024). A matrix whose entries are far below
    `EPS` is rounding, and comes out small.

    Args:
        matrix: ``(M, N)``.

    Returns:
        ``(M, N)``.
    """
    size = matrix.norm()
    wide = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    x: Tensor = wide / size.clamp(min=torch.finfo(wide.dtype).tiny)
    a, b, c = QUINTIC
    for _ in range(NUM_ITERATIONS):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    x *= size / (size + EPS * math.sqrt(matrix.numel()))
    return x if wide is matrix else x.T
