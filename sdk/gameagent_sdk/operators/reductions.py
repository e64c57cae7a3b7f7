"""Operators that run along axes: sums, means, extremes, and what is normalised by them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gameagent_sdk.graph import Node
from gameagent_sdk.operators.contract import (
    FLOAT32,
    FLOATS,
    INT64,
    NUMBERS,
    Array,
    Build,
    Compute,
    Constants,
    Infer,
    Operator,
    Spec,
    axes_in,
    axis_in,
    constant_integers,
    flag,
    integer,
    integers,
    taken,
)
from gameagent_sdk.operators.work import of_reduction


def _axes(node: Node, constants: Constants) -> tuple[int, ...] | None:
    """The axes that a node names, as an attribute or as an input; None for all of them."""
    axes = integers(node, "axes") if "axes" in node.attributes else constant_integers(node, constants, 1)
    return axes or (() if flag(node, "noop_with_empty_axes") else None)


def _check_form(node: Node, axes_since: int, opset: int) -> None:
    """Refuses the axes, and what they may leave out, in the other opsets' form."""
    early = opset < axes_since
    if (early and (len(node.inputs) > 1 or "noop_with_empty_axes" in node.attributes)) or (
        not early and "axes" in node.attributes
    ):
        form = "an input" if not early else "an attribute"
        raise ValueError(f"the axes of {node.op_type} are {form} in opset {opset}")


def _infer_reduced(dtypes: frozenset[np.dtype[Any]], axes_since: int) -> Infer:
    def infer(node: Node, specs: Sequence[Spec | None], constants: Constants, opset: int) -> list[Spec]:
        _check_form(node, axes_since, opset)
        dtype, shape = taken(node, specs, 0, dtypes)
        axes = _axes(node, constants)
        gone = axes_in(node, range(len(shape)) if axes is None else axes, len(shape))
        if node.op_type != "ReduceSum" and 0 in shape:
            raise ValueError(f"{node.op_type} has nothing to work on in {shape}")
        return [Spec(dtype, _shape_without(shape, gone, flag(node, "keepdims", default=True)))]

    return infer


def _shape_without(shape: tuple[int, ...], gone: tuple[int, ...], keep: bool) -> tuple[int, ...]:
    if keep:
        return tuple(1 if axis in gone else size for axis, size in enumerate(shape))
    return tuple(size for axis, size in enumerate(shape) if axis not in gone)


def _build_reduced(ufunc: np.ufunc) -> Build:
    def build(node: Node, constants: Constants, opset: int) -> Compute:
        axes, keep = _axes(node, constants), flag(node, "keepdims", default=True)

        def reduce(x: Array, _: Array | None = None, out: Array | None = None) -> Any:
            return ufunc.reduce(x, axes, x.dtype, out, keepdims=keep)  # the dtype, as numpy would widen int32

        return reduce

    return build


def _build_greatest(node: Node, constants: Constants, opset: int) -> Compute:
    reduce = _build_reduced(np.maximum)(node, constants, opset)

    def greatest(x: Array, _: Array | None = None, out: Array | None = None) -> Any:
        found = reduce(x, None, out)
        _refuse_nan(node, found)
        return found

    return greatest


def _refuse_nan(node: Node, x: Array) -> None:
    """onnxruntime passes over a NaN in some places of a tensor and not in others: no result would be like its own.

    Raises:
        FloatingPointError: There is a NaN.
    """
    if x.dtype == FLOAT32 and np.isnan(np.maximum.reduce(x, None)):
        raise FloatingPointError(f"{node.op_type} is given NaN")


def _build_mean(node: Node, constants: Constants, opset: int) -> Compute:
    sum_up = _build_reduced(np.add)(node, constants, opset)

    def mean(x: Array, _: Array | None = None, out: Array | None = None) -> Any:
        total = sum_up(x, None, out)
        return np.divide(total, np.float32(x.size // total.size), out)

    return mean


def _infer_argmax(node: Node, specs: Sequence[Spec | None], constants: Constants, opset: int) -> list[Spec]:
    shape = taken(node, specs, 0, NUMBERS).shape
    axis = axis_in(node, integer(node, "axis", 0), len(shape))
    flag(node, "select_last_index")
    if shape[axis] == 0:
        raise ValueError(f"ArgMax has nothing to choose from in {shape}")
    return [Spec(INT64, _shape_without(shape, (axis,), flag(node, "keepdims", default=True)))]


def _build_argmax(node: Node, constants: Constants, opset: int) -> Compute:
    axis, keep = integer(node, "axis", 0), flag(node, "keepdims", default=True)
    last = flag(node, "select_last_index")

    def argmax(x: Array, out: Array | None = None) -> Any:
        _refuse_nan(node, x)
        if last:
            found = x.shape[axis] - 1 - np.argmax(np.flip(x, axis), axis, keepdims=keep)
        else:
            found = np.argmax(x, axis, keepdims=keep)
        if out is None:
            return found.astype(INT64)
        np.copyto(out, found)  # numpy's own indices have 32 bits in a browser
        return out

    return argmax


def _infer_normalised(node: Node, specs: Sequence[Spec | None], constants: Constants, opset: int) -> list[Spec]:
    x = taken(node, specs, 0, FLOATS)
    axis_in(node, integer(node, "axis", -1), len(x.shape))
    return [x]


def _build_softmax(node: Node, constants: Constants, opset: int) -> Compute:
    axis = integer(node, "axis", -1)

    def softmax(x: Array, out: Array | None = None) -> Any:
        y = np.subtract(x, np.maximum.reduce(x, axis, keepdims=True), out)
        y = np.exp(y, out)
        return np.divide(y, np.add.reduce(y, axis, keepdims=True), out)

    return softmax


def _build_log_softmax(node: Node, constants: Constants, opset: int) -> Compute:
    axis = integer(node, "axis", -1)

    def log_softmax(x: Array, out: Array | None = None) -> Any:
        y = np.subtract(x, np.maximum.reduce(x, axis, keepdims=True), out)
        return np.subtract(y, np.log(np.add.reduce(np.exp(y), axis, keepdims=True)), out)

    return log_softmax


def _reduction(infer: Infer, build: Build) -> Operator:
    attributes = {"axes": tuple, "keepdims": int, "noop_with_empty_axes": int}
    return Operator((1, 2), (1, 1), infer, build, of_reduction(1), attributes, frozenset({1}))


_ARGMAX_ATTRIBUTES = {"axis": int, "keepdims": int, "select_last_index": int}

REDUCTIONS: Mapping[str, Operator] = {
    "ArgMax": Operator((1, 1), (1, 1), _infer_argmax, _build_argmax, of_reduction(16), _ARGMAX_ATTRIBUTES),
    "LogSoftmax": Operator((1, 1), (1, 1), _infer_normalised, _build_log_softmax, of_reduction(12), {"axis": int}),
    "ReduceMax": _reduction(_infer_reduced(NUMBERS, axes_since=18), _build_greatest),
    "ReduceMean": _reduction(_infer_reduced(FLOATS, axes_since=18), _build_mean),
    "ReduceSum": _reduction(_infer_reduced(NUMBERS, axes_since=13), _build_reduced(np.add)),
    "Softmax": Operator((1, 1), (1, 1), _infer_normalised, _build_softmax, of_reduction(12), {"axis": int}),
}
