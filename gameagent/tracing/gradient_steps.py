"""Functions that differentiate within themselves, as ONNX graphs of plain operators that take any number of steps."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.fx.experimental.proxy_tensor import make_fx

from gameagent.tracing.graph import finish, options, quiet
from gameagent_sdk.authoring import Port

MIN_STEPS = 3  # a graph traced for fewer steps takes their number for a constant
TRACED_STEPS = 7


def trace_gradient_steps(
    steps: Callable[..., Tensor | tuple[Tensor, ...]], inputs: tuple[Port, ...], outputs: tuple[Port, ...]
) -> bytes:
    """Traces a function that differentiates within itself to a serialised ONNX model.

    ``torch.export`` alone refuses gradients within a function; traced first, they are plain operators.

    Args:
        steps: Takes and returns tensors in the ports' order; may use ``torch.func``.
        inputs: A leading axis of None is T, dynamic, the same for all and at least `MIN_STEPS`.
        outputs: Only their names are used.
    """
    example = tuple(
        torch.zeros([TRACED_STEPS if size is None else size for size in port.shape], dtype=getattr(torch, port.dtype))
        for port in inputs
    )
    with quiet(), torch.no_grad():
        traced = make_fx(steps, tracing_mode="symbolic", _allow_non_fake_inputs=True)(*example)
        time = torch.export.Dim("T", min=MIN_STEPS)
        axes = tuple({0: time} if port.shape[0] is None else {} for port in inputs)
        program = torch.export.export(_Function(traced), example, dynamic_shapes=(axes,), strict=False)
        model = finish(torch.onnx.export(program, **options(inputs, outputs)))
    return bytes(model.SerializeToString())


class _Function(nn.Module):
    """A traced function as a module, the only thing that ``torch.export`` takes."""

    def __init__(self, function: nn.Module) -> None:
        super().__init__()
        self.function = function

    def forward(self, *tensors: Tensor) -> Tensor | tuple[Tensor, ...]:
        result: Tensor | tuple[Tensor, ...] = self.function(*tensors)
        return result
