"""Operators that rearrange, pick and join elements without computing with them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np

from gameagent_sdk.graph import Node
from gameagent_sdk.operators.contract import (
    ANY,
    FLOAT32,
    INT32,
    INT64,
    VARIADIC,
    Array,
    Build,
    Compute,
    Constants,
    Infer,
    Operator,
    Spec,
    axes_in,
    axis_in,
    broadcast,
    constant_integers,
    flag,
    integer,
    integers,
    taken,
)
from gameagent_sdk.operators.work import of_copies

Shape = tuple[int, ...]

_INDICES = frozenset({INT32, INT64})


def _identity(x: Array) -> Array:
    return x


def _infer_identity(node: Node, specs: Sequence[Spec | None], constants: Constants, opset: int) -> list[Spec]:
    return [taken(node, specs, 0, ANY)]


def _build_identity(node: Node, constants: Constants, opset: int) -> Compute:
    return _identity


def _constant(node: Node) -> Array:
    """A Constant node's value, from whichever attribute holds it."""
    if len(node.attributes) != 1:
        raise ValueError("Constant needs exactly one value")
    ((name, value),) = node.attributes.items()
    if name == "value":
        array = np.asarray(value)
    else:
        array = np.asarray(value, FLOAT32 if name in ("value_float", "value_floats") else INT64)
    if array.dtype not in ANY:
        raise ValueError(f"Constant holds {array.dtype}, which no operator here takes")
    return array


def _infer_constant(node: Node, specs: Sequence[Spec | None], constants: Constants, opset: int) -> list[Spec]:
    array = _constant(node)
    return [Spec(array.dtype, array.shape)]


def _build_constant(node: Node, constants: Constants, opset: int) -> Compute:
    array = _constant(node)
    return lambda: array


def _new_shape(node: Node, shape: Shape, constants: Constants) -> Shape:
    """The shape that a Reshape gives, its 0 (as before, unless ``allowzero``) and -1 (what is left) worked out."""
    wanted = constant_integers(node, constants, 1)
    allow_zero = flag(node, "allowzero")
    if wanted is None or min(wanted, default=0) < -1 or wanted.count(-1) > 1 or (allow_zero and {0, -1} <= {*wanted}):
        raise ValueError(f"Reshape cannot make the shape {wanted}")
    if not allow_zero:
        if any(size == 0 for size in wanted[len(shape) :]):
            raise ValueError(f"Reshape to {wanted} keeps an axis that {shape} does not have")
        wanted = tuple(shape[axis] if size == 0 else size for axis, size in enumerate(wanted))
    known = prod(size for size in wanted if size != -1)
    if -1 in wanted and known:
        wanted = tuple(prod(shape) // known if size == -1 else size for size in wanted)
    if -1 in wanted or prod(wanted) != prod(shape):
        raise ValueError(f"Reshape cannot make {wanted} of {shape}")
    return wanted


def _infer_reshape(node: Node, specs: Sequence[Spec | None], constants: Constants, opset: int) -> list[Spec]:
    x = taken(node, specs, 0, ANY)
    if "allowzero" in node.attributes and opset < 14:
        raise ValueError(f"Reshape has no allowzero in opset {opset}")
    return [Spec(x.dtype, _new_shape(node, x.shape, constants))]


def _build_reshape(node: Node, constants: Constants, opset: int) -> Compute:
    return lambda x, _: x.reshape(_new_shape(node, x.shape, constants))


def _permutation(node: Node, rank: int) -> Shape:
    wanted = integers(node, "perm") or range(rank)[::-1]
    if min(wanted, default=0) < 0:
        raise ValueError(f"Transpose counts axes from the front, not as in {wanted}")
    found = axes_in(node, wanted, rank)
    if len(found) != rank:
        raise ValueError(f"Transpose orders {len(found)} axes of {rank}")
    return found


def _infer_transpose(node: Node, specs: Sequence[Spec | None], constants: Constants, opset: int) -> list[Spec]:
    x = taken(node, specs, 0, ANY)
    return [Spec(x.dtype, tuple(x.shape[axis] for axis in _permutation(node, len(x.shape))))]


def _build_transpose(node: Node, constants: Constants, opset: int) -> Compute:
    return lambda x: x.transpose(_permutation(node, x.ndim))


def _squeezed(node: Node, shape: Shape, constants: Constants) -> Shape:
    axes = constant_integers(node, constants, 1)
    if axes is None:
        return tuple(size for size in shape if size != 1)
    if not axes:
        raise ValueError("Squeeze along no axes is all axes to some engines: leave them out, or leave Squeeze out")
    gone = axes_in(node, axes, len(shape))
    if any(shape[axis] != 1 for axis in gone):
        raise ValueError(f"Squeeze cannot drop the axes {axes} of {shape}")
    return tuple(size for axis, size in enumerate(shape) if axis not in gone)


def _unsqueezed(node: Node, shape: Shape, constants: Constants) -> Shape:
    axes = constant_integers(node, constants, 1)
    if axes is None:
        raise ValueError("Unsqueeze needs axes")
    rank = len(shape) + len(axes)
    new, old = axes_in(node, axes, rank), iter(shape)
    return tuple(1 if axis in new else next(old) for axis in range(rank))


def _infer_squeeze(node: Node, specs: Sequence[Spec | None], constants: Constants, opset: int) -> list[Spec]:
    x = taken(node, specs, 0, ANY)
    return [Spec(x.dtype, _squeezed(node, x.shape, constants))]


def _build_squeeze(node: Node, constants: Constants, opset: int) -> Compute:
    return lambda x, axes=None: x.reshape(_squeezed(node, x.shape, constants))


def _infer_unsqueeze(node: Node, specs: Sequence[Spec | None], constants: Constants, opset: int) -> list[Spec]:
    x = taken(node, specs, 0, ANY)
    return [Spec(x.dtype, _unsqueezed(node, x.shape, constants))]


def _build_unsqueeze(node: Node, constants: Constants, opset: int) -> Compute:
    return lambda x, _: x.reshape(_unsqueezed(node, x.shape, constants))


def _expanded(node: Node, shape: Shape, constants: Constants) -> Shape:
    wanted = constant_integers(node, constants, 1)
    if wanted is None or min(wanted, default=0) < 0:
        raise ValueError(f"Expand cannot make the shape {wanted}")
    return broadcast(node, shape, wanted)


def _infer_expand(node: Node, specs: Sequence[Spec | None], constants: Constants, opset: int) -> list[Spec]:
    x = taken(node, specs, 0, ANY)
    return [Spec(x.dtype, _expanded(node, x.shape, constants))]


def _build_expand(node: Node, constants: Constants, opset: int) -> Compute:
    return lambda x, _: np.broadcast_to(x, _expanded(node, x.shape, constants))


def _section(start: int, end: int, step: int, size: int) -> slice:
    """The slice of an axis, its bounds counted from the front and clamped as ONNX clamps them."""
    start, end = (bound + size if bound < 0 else bound for bound in (start, end))
    if step > 0:
        return slice(min(max(start, 0), size), min(max(end, 0), size), step)
    start, end = min(max(start, 0), size - 1), min(max(end, -1), size - 1)
    return slice(start, None if end < 0 else end, step) if size else slice(0)


def _sections(node: Node, shape: Shape, constants: Constants) -> tuple[slice, ...]:
    starts, ends, axes, steps = (constant_integers(node, constants, i, _INDICES) for i in (1, 2, 3, 4))
    if starts is None or ends is None:
        raise ValueError("Slice needs starts and ends")
    if len({value.dtype for value in constants[1:] if value is not None}) > 1:
        raise ValueError("Slice takes bounds of one element type")
    if not shape:
        raise ValueError("Slice cannot cut a single number")
    axes = tuple(range(len(starts))) if axes is None else axes
    steps = (1,) * len(starts) if steps is None else steps
    if not len(starts) == len(ends) == len(axes) == len(steps) or 0 in steps:
        raise ValueError(f"Slice cannot go from {starts} to {ends} along the axes {axes} in steps of {steps}")
    sections = [slice(None)] * len(shape)
    for axis, start, end, step in zip(axes_in(node, axes, len(shape)), starts, ends, steps, strict=True):
        sections[axis] = _section(start, end, step, shape[axis])
    return tuple(sections)


def _infer_slice(node: Node, specs: Sequence[Spec | None], constants: Constants, opset: int) -> list[Spec]:
    x = taken(node, specs, 0, ANY)
    sections = _sections(node, x.shape, constants)
    sizes = (len(range(*section.indices(size))) for section, size in zip(sections, x.shape, strict=True))
    return [Spec(x.dtype, tuple(sizes))]


def _build_slice(node: Node, constants: Constants, opset: int) -> Compute:
    return lambda x, *bounds: x[_sections(node, x.shape, constants)]


def _parts(node: Node, shape: Shape, constants: Constants, opset: int) -> tuple[int, tuple[int, ...]]:
    """The axis that a Split cuts, and the sizes of its parts."""
    axis = axis_in(node, integer(node, "axis", 0), len(shape))
    size, num_parts = shape[axis], len(node.outputs)
    sizes = constant_integers(node, constants, 1)
    if ("num_outputs" in node.attributes) != (opset >= 18 and sizes is None):
        raise ValueError(
            f"Split in opset {opset} takes {'either sizes or' if opset >= 18 else 'sizes, but no'} num_outputs"
        )
    if sizes is None:
        largest = -(-size // num_parts) if opset >= 18 else size // num_parts
        sizes = (*[largest] * (num_parts - 1), size - largest * (num_parts - 1))
        if integer(node, "num_outputs", num_parts) != num_parts or sizes[-1] < 0 or (opset < 18 and len({*sizes}) > 1):
            raise ValueError(f"Split cannot cut {size} into {num_parts} parts")
    if len(sizes) != num_parts or min(sizes) < 0 or sum(sizes) != size:
        raise ValueError(f"Split cannot cut {size} into parts of {sizes}")
    return axis, sizes


def _infer_split(node: Node, specs: Sequence[Spec | None], constants: Constants, opset: int) -> list[Spec]:
    x = taken(node, specs, 0, ANY)
    axis, sizes = _parts(node, x.shape, constants, opset)
    return [Spec(x.dtype, (*x.shape[:axis], size, *x.shape[axis + 1 :])) for size in sizes]


def _build_split(node: Node, constants: Constants, opset: int) -> Compute:
    def split(x: Array, sizes: Array | None = None) -> tuple[Array, ...]:
        axis, parts = _parts(node, x.shape, constants, opset)
        return tuple(np.split(x, np.cumsum(parts[:-1]), axis))

    return split


def _infer_concat(node: Node, specs: Sequence[Spec | None], constants: Constants, opset: int) -> list[Spec]:
    parts = [taken(node, specs, position, ANY) for position in range(len(specs))]
    first = parts[0]
    axis = axis_in(node, _concat_axis(node), len(first.shape))
    outside = {(part.dtype, len(part.shape), part.shape[:axis], part.shape[axis + 1 :]) for part in parts}
    if len(outside) > 1:
        raise ValueError(f"Concat cannot join {', '.join(map(str, parts))}")
    return [Spec(first.dtype, (*first.shape[:axis], sum(part.shape[axis] for part in parts), *first.shape[axis + 1 :]))]


def _build_concat(node: Node, constants: Constants, opset: int) -> Compute:
    axis = _concat_axis(node)

    def concat(*parts: Array, out: Array | None = None) -> Any:
        return np.concatenate(parts, axis, out)

    return concat


def _concat_axis(node: Node) -> int:
    if "axis" not in node.attributes:
        raise ValueError("Concat needs an axis")
    return integer(node, "axis", 0)


def _infer_gather(node: Node, specs: Sequence[Spec | None], constants: Constants, opset: int) -> list[Spec]:
    x, indices = taken(node, specs, 0, ANY), taken(node, specs, 1, _INDICES)
    axis = axis_in(node, integer(node, "axis", 0), len(x.shape))
    known, size = constants[1], x.shape[axis]
    if known is not None and not ((-size <= known) & (known < size)).all():
        raise ValueError(f"Gather reaches beyond the {size} entries of an axis")
    return [Spec(x.dtype, x.shape[:axis] + indices.shape + x.shape[axis + 1 :])]


def _build_gather(node: Node, constants: Constants, opset: int) -> Compute:
    axis = integer(node, "axis", 0)
    return lambda x, indices, out=None: np.take(x, indices, axis, out)  # it checks indices, and counts back from -1


def _view(infer: Infer, build: Build, fewest: int = 1, most: int = 1, weight: int = 1, **attributes: type) -> Operator:
    """A view operator of one output, whose inputs after the first are constants."""
    constant = frozenset(range(1, most))
    return Operator((fewest, most), (1, 1), infer, build, of_copies(weight), attributes, constant, view=True)


def _scattered(infer: Infer, build: Build, fewest: int, most: int, weight: int, **attributes: type) -> Operator:
    """A view operator whose output is not a run of neighbouring elements."""
    return replace(_view(infer, build, fewest, most, weight, **attributes), scatters=True)


_CONSTANT_VALUES = {
    "value": np.ndarray,
    "value_float": float,
    "value_floats": tuple,
    "value_int": int,
    "value_ints": tuple,
}

_SPLIT_ATTRIBUTES = {"axis": int, "num_outputs": int}

SHAPING: Mapping[str, Operator] = {
    "Concat": Operator((1, VARIADIC), (1, 1), _infer_concat, _build_concat, of_copies(2), {"axis": int}),
    "Constant": Operator((0, 0), (1, 1), _infer_constant, _build_constant, of_copies(0), _CONSTANT_VALUES, view=True),
    "Expand": _view(_infer_expand, _build_expand, 2, 2, weight=4),
    "Gather": Operator((2, 2), (1, 1), _infer_gather, _build_gather, of_copies(16), {"axis": int}),
    "Identity": _view(_infer_identity, _build_identity),
    "Reshape": _view(_infer_reshape, _build_reshape, 2, 2, allowzero=int),
    "Slice": replace(_scattered(_infer_slice, _build_slice, 3, 5, weight=4), clamps=True),
    "Split": Operator(
        (1, 2),
        (1, VARIADIC),
        _infer_split,
        _build_split,
        of_copies(4),
        _SPLIT_ATTRIBUTES,
        frozenset({1}),
        view=True,
        scatters=True,
    ),
    "Squeeze": _view(_infer_squeeze, _build_squeeze, 1, 2),
    "Transpose": _scattered(_infer_transpose, _build_transpose, 1, 1, weight=16, perm=tuple),
    "Unsqueeze": _view(_infer_unsqueeze, _build_unsqueeze, 2, 2),
}
