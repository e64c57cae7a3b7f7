"""What an ONNX operator is in this SDK, and the building blocks with which the operators are written.

The meaning of each operator is that of https://onnx.ai/onnx/operators/ for the operator sets 13 to 23.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from gameagent_sdk.graph import Node

Array: TypeAlias = NDArray[Any]
Constants: TypeAlias = Sequence[Array | None]
Compute: TypeAlias = Callable[..., Any]

FLOAT32, INT32, INT64, BOOL = map(np.dtype, (np.float32, np.int32, np.int64, np.bool_))
FLOATS = frozenset({FLOAT32})
NUMBERS = frozenset({FLOAT32, INT32, INT64})
BOOLS = frozenset({BOOL})
ANY = NUMBERS | BOOLS

VARIADIC = 1_000  # ONNX has no limit; the files of real policies stay far below


class Spec(NamedTuple):
    """Element type and axis sizes of a tensor."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.dtype} {self.shape}"


Infer: TypeAlias = Callable[[Node, Sequence[Spec | None], Constants, int], list[Spec]]
Build: TypeAlias = Callable[[Node, Constants, int], Compute]
Work: TypeAlias = Callable[[Node, Sequence[Spec | None], Sequence[Spec]], int]


@dataclass(frozen=True)
class Operator:
    """One operator: what a node of it may look like, and how numpy computes it.

    Attributes:
        inputs: The fewest and the most.
        outputs: The fewest and the most.
        attributes: The Python type of each that is allowed, by name.
        constant_inputs: Positions of tensors that must be known before the graph runs.
        infer: (node, specs of the inputs, values of the constant inputs, opset) -> specs of the outputs. A spec is
            None if an optional input is left out, a value is None if an input is not constant. Raises
            ValueError with a sentence if these inputs have no result.
        build: (node, values of the constant inputs, opset) -> function of the input arrays (None if one is left
            out) that gives the output array, or the tuple of them if ``view``. Without ``view`` the function also
            takes ``out``, a C-contiguous array of the inferred spec that overlaps no input, writes the result there
            and returns it. It may raise IndexError, ValueError or ZeroDivisionError on the values of its inputs,
            FloatingPointError on a NaN that engines treat differently, and
            warns like numpy: call it under ``np.errstate(all="ignore")`` for the silent infinities of ONNX.
        work: (node, specs of the inputs, specs of the outputs) -> how much work it is, see ``work.py`` for the unit.
        view: The outputs only rearrange the first input's elements; if numpy's strides allow it they share its memory.
        elementwise: Each element of the output is made of one element of each input, under broadcasting, so that the
            function may as well be called without the axes along which the output has one entry.
        clamps: Sizes of the outputs are cut at bounds, so that they need not grow evenly even if those of inputs do.
        scatters: The outputs are views whose neighbouring elements lie apart in memory, so that reading them is slow.
    """

    inputs: tuple[int, int]
    outputs: tuple[int, int]
    infer: Infer
    build: Build
    work: Work
    attributes: Mapping[str, type | tuple[type, ...]] = field(default_factory=dict)
    constant_inputs: frozenset[int] = frozenset()
    view: bool = False
    elementwise: bool = False
    clamps: bool = False
    scatters: bool = False


def evaluate(operator: Operator, node: Node, inputs: Sequence[Array | None], opset: int) -> tuple[Array, ...]:
    """Computes a node from constant inputs.

    Args:
        operator: The node's operator.
        node: It has as many inputs, outputs and attributes as the operator allows.
        inputs: The arrays; None if an optional one is left out.
        opset: Version of ONNX's operator set.

    Returns:
        One array per output; a view operator's may share memory with the inputs.

    Raises:
        ValueError, IndexError, ZeroDivisionError, FloatingPointError: these inputs have no result.
    """
    specs = operator.infer(node, [spec_of(array) for array in inputs], inputs, opset)
    function = operator.build(node, inputs, opset)
    with np.errstate(all="ignore"):
        if operator.view:
            return as_tuple(function(*inputs))
        out = np.empty(specs[0].shape, specs[0].dtype)
        function(*inputs, out=out)
        return (out,)


def spec_of(array: Array | None) -> Spec | None:
    """The spec of an array; None for none."""
    return None if array is None else Spec(array.dtype, array.shape)


def as_tuple(result: Array | tuple[Array, ...]) -> tuple[Array, ...]:
    """One array, or several, as a tuple."""
    return result if isinstance(result, tuple) else (result,)


def taken(node: Node, specs: Sequence[Spec | None], position: int, dtypes: frozenset[np.dtype[Any]]) -> Spec:
    """The spec of an input that must be there, with one of these element types."""
    spec = specs[position] if position < len(specs) else None
    if spec is None:
        raise ValueError(f"{node.op_type} needs at least {position + 1} inputs")
    if spec.dtype not in dtypes:
        raise ValueError(f"{node.op_type} takes no {spec.dtype} as input {position + 1}")
    return spec


def broadcast(node: Node, *shapes: tuple[int, ...]) -> tuple[int, ...]:
    """The shape to which these stretch.

    Raises:
        ValueError: They do not fit together.
    """
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError as error:
        raise ValueError(f"{node.op_type} cannot join the shapes {', '.join(map(str, shapes))}") from error


def integer(node: Node, name: str, default: int) -> int:
    """An attribute that is one whole number."""
    value = node.attributes.get(name, default)
    if not isinstance(value, int):
        raise ValueError(f"{name} of {node.op_type} must be a whole number")
    return value


def flag(node: Node, name: str, default: bool = False) -> bool:
    """An attribute that is 0 or 1; engines treat other numbers differently."""
    value = integer(node, name, default)
    if value not in (0, 1):
        raise ValueError(f"{name} of {node.op_type} must be 0 or 1, not {value}")
    return value == 1


def number(node: Node, name: str, default: float) -> float:
    """An attribute that is one number."""
    value = node.attributes.get(name, default)
    if not isinstance(value, (int, float)):
        raise ValueError(f"{name} of {node.op_type} must be a number")
    return value


def integers(node: Node, name: str) -> tuple[int, ...] | None:
    """An attribute that is a list of whole numbers, or None if it is left out."""
    value = node.attributes.get(name)
    if value is None:
        return None
    if not isinstance(value, tuple) or not all(isinstance(entry, int) for entry in value):
        raise ValueError(f"{name} of {node.op_type} must be whole numbers")
    return tuple(int(entry) for entry in value)


def constant_integers(
    node: Node, constants: Constants, position: int, dtypes: frozenset[np.dtype[Any]] = frozenset({INT64})
) -> tuple[int, ...] | None:
    """A constant input's whole numbers, or None if it is left out.

    Raises:
        ValueError: It is not constant, or is not a vector of whole numbers: engines refuse single numbers there, and
            any other element type.
    """
    if position >= len(node.inputs) or not node.inputs[position]:
        return None
    value = constants[position]
    if value is None:
        raise ValueError(f"input {position + 1} of {node.op_type} must be a constant")
    if value.dtype not in dtypes or value.ndim != 1:
        wanted = " or ".join(sorted(map(str, dtypes)))
        raise ValueError(
            f"input {position + 1} of {node.op_type} must be a vector of whole numbers ({wanted}), not {spec_of(value)}"
        )
    return tuple(value.tolist())


def axis_in(node: Node, axis: int, rank: int) -> int:
    """The axis counted from the front.

    Raises:
        ValueError: A tensor of this rank has no such axis.
    """
    if not -rank <= axis < rank:
        raise ValueError(f"{node.op_type} has no axis {axis} among {rank}")
    return axis % rank


def axes_in(node: Node, axes: Sequence[int], rank: int) -> tuple[int, ...]:
    """The axes counted from the front.

    Raises:
        ValueError: A tensor of this rank has no such axis, or one is named twice.
    """
    found = tuple(axis_in(node, axis, rank) for axis in axes)
    if len(set(found)) < len(found):
        raise ValueError(f"{node.op_type} names an axis twice in {tuple(axes)}")
    return found
