"""Operators that work on each element on its own, with broadcasting."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from gameagent_sdk.graph import Node
from gameagent_sdk.operators.contract import (
    ANY,
    BOOL,
    BOOLS,
    FLOAT32,
    FLOATS,
    INT32,
    INT64,
    NUMBERS,
    VARIADIC,
    Array,
    Build,
    Compute,
    Constants,
    Infer,
    Operator,
    Spec,
    broadcast,
    flag,
    integer,
    taken,
)
from gameagent_sdk.operators.work import of_elements

DTypes = frozenset[np.dtype[Any]]

# Arrays, as numpy converts a Python number at every call.
_ZERO, _ONE = np.zeros((), FLOAT32), np.ones((), FLOAT32)
_HALF = np.array(0.5, FLOAT32)
_LEAST, _GREATEST = np.array(-np.inf, FLOAT32), np.array(np.inf, FLOAT32)
_CAST_TO = {1: FLOAT32, 6: INT32, 7: INT64, 9: BOOL}  # TensorProto.DataType


def _always(function: Compute) -> Build:
    """Builds the same function whatever the node."""
    return lambda node, constants, opset: function


def _infer_same(dtypes: DTypes) -> Infer:
    def infer(node: Node, specs: Sequence[Spec | None], constants: Constants, opset: int) -> list[Spec]:
        return [taken(node, specs, 0, dtypes)]

    return infer


def _infer_joined(dtypes: DTypes, result: np.dtype[Any] | None = None) -> Infer:
    """The inputs share an element type, which is the result's unless another is given."""

    def infer(node: Node, specs: Sequence[Spec | None], constants: Constants, opset: int) -> list[Spec]:
        given = [taken(node, specs, position, dtypes) for position in range(len(specs))]
        if len({spec.dtype for spec in given}) > 1:
            raise ValueError(f"{node.op_type} mixes {' and '.join(str(spec.dtype) for spec in given)}")
        return [Spec(result or given[0].dtype, broadcast(node, *(spec.shape for spec in given)))]

    return infer


def _elementwise(inputs: tuple[int, int], infer: Infer, build: Build, weight: int = 1, **attributes: type) -> Operator:
    return Operator(inputs, (1, 1), infer, build, of_elements(weight), attributes, elementwise=True)


def _unary(function: Compute, dtypes: DTypes, weight: int = 1) -> Operator:
    return _elementwise((1, 1), _infer_same(dtypes), _always(function), weight)


def _binary(function: Compute, dtypes: DTypes, result: np.dtype[Any] | None = None, weight: int = 1) -> Operator:
    return _elementwise((2, 2), _infer_joined(dtypes, result), _always(function), weight)


def _relu(x: Array, out: Array | None = None) -> Any:
    return np.maximum(x, _ZERO, out=out)


def _sigmoid(x: Array, out: Array | None = None) -> Any:
    """1 / (1 + exp(-x)): accurate at both ends, as exp overflows to infinity only if the result is below 1e-38."""
    y = np.negative(x, out)
    y = np.exp(y, out)
    y = np.add(y, _ONE, out)
    return np.reciprocal(y, out)


def _power(x: Array, y: Array, out: Array | None = None) -> Any:
    if y.size == 1 and y == _HALF:  # which numpy takes for a root, and the root of -inf is not a number
        x = np.where(x == _LEAST, _GREATEST, x)
    return np.power(x, y.astype(FLOAT32, copy=False), out)


def _infer_power(node: Node, specs: Sequence[Spec | None], constants: Constants, opset: int) -> list[Spec]:
    base, exponent = taken(node, specs, 0, FLOATS), taken(node, specs, 1, NUMBERS)
    return [Spec(base.dtype, broadcast(node, base.shape, exponent.shape))]


def _extreme(pick: Callable[..., Any]) -> Operator:
    """Max and Min: of one or more tensors."""

    def build(node: Node, constants: Constants, opset: int) -> Compute:
        return pick if len(node.inputs) == 2 else extreme

    def extreme(first: Array, *others: Array, out: Array | None = None) -> Any:
        result = np.positive(first, out)
        for other in others:
            result = pick(result, other, out=out)
        return result

    return _elementwise((1, VARIADIC), _infer_joined(NUMBERS), build)


def _clip(x: Array, low: Array | None = None, high: Array | None = None, out: Array | None = None) -> Any:
    """A bound that is NaN does not bind, as in onnxruntime; an element that is NaN stays one."""
    if x.dtype == FLOAT32:
        low = low if low is None else np.fmax(low, _LEAST)
        high = high if high is None else np.fmin(high, _GREATEST)
    y = np.positive(x, out) if low is None else np.maximum(x, low, out=out)
    return y if high is None else np.minimum(y, high, out=out)


def _infer_clip(node: Node, specs: Sequence[Spec | None], constants: Constants, opset: int) -> list[Spec]:
    x = taken(node, specs, 0, NUMBERS)
    for bound in specs[1:]:
        if bound is not None and bound != (x.dtype, ()):
            raise ValueError(f"the bounds of Clip must be single numbers of type {x.dtype}")
    return [x]


def _where(condition: Array, x: Array, y: Array, out: Array | None = None) -> Any:
    if out is None:
        return np.where(condition, x, y)
    np.copyto(out, y)
    np.copyto(out, x, where=condition)
    return out


def _infer_where(node: Node, specs: Sequence[Spec | None], constants: Constants, opset: int) -> list[Spec]:
    condition = taken(node, specs, 0, BOOLS)
    x, y = taken(node, specs, 1, NUMBERS), taken(node, specs, 2, NUMBERS)  # onnxruntime has none of bools
    if x.dtype != y.dtype:
        raise ValueError(f"Where mixes {x.dtype} and {y.dtype}")
    return [Spec(x.dtype, broadcast(node, condition.shape, x.shape, y.shape))]


def _cast_target(node: Node) -> np.dtype[Any]:
    target = _CAST_TO.get(integer(node, "to", 0))
    if target is None:
        raise ValueError("Cast goes to float32, int32, int64 or bool only")
    return target


def _infer_cast(node: Node, specs: Sequence[Spec | None], constants: Constants, opset: int) -> list[Spec]:
    if "saturate" in node.attributes and (opset < 19 or not flag(node, "saturate")):  # it is about 8-bit floats
        raise ValueError("Cast can only say that it saturates, and that from opset 19")
    return [Spec(_cast_target(node), taken(node, specs, 0, ANY).shape)]


def _build_cast(node: Node, constants: Constants, opset: int) -> Compute:
    target = _cast_target(node)

    def cast(x: Array, out: Array | None = None) -> Any:
        if out is None:
            return x.astype(target)
        np.copyto(out, x, casting="unsafe")
        return out

    return cast


ELEMENTWISE: Mapping[str, Operator] = {
    "Abs": _unary(np.absolute, NUMBERS),
    "Add": _binary(np.add, NUMBERS),
    "And": _binary(np.logical_and, BOOLS),
    "Cast": _elementwise((1, 1), _infer_cast, _build_cast, to=int, saturate=int),
    "Clip": _elementwise((1, 3), _infer_clip, _always(_clip)),
    # Of floats only: whole numbers can stop the process (by zero, or -2**63 by -1).
    "Div": _binary(np.divide, FLOATS, weight=4),
    "Equal": _binary(np.equal, ANY, BOOL),
    "Exp": _unary(np.exp, FLOATS, weight=8),
    "Greater": _binary(np.greater, NUMBERS, BOOL),
    "GreaterOrEqual": _binary(np.greater_equal, NUMBERS, BOOL),
    "Less": _binary(np.less, NUMBERS, BOOL),
    "LessOrEqual": _binary(np.less_equal, NUMBERS, BOOL),
    "Log": _unary(np.log, FLOATS, weight=8),
    "Max": _extreme(np.maximum),
    "Min": _extreme(np.minimum),
    "Mul": _binary(np.multiply, NUMBERS),
    "Neg": _unary(np.negative, NUMBERS),
    "Not": _unary(np.logical_not, BOOLS),
    "Pow": _elementwise((2, 2), _infer_power, _always(_power), weight=64),
    "Reciprocal": _unary(np.reciprocal, FLOATS, weight=4),
    "Relu": _unary(_relu, FLOATS),
    "Sigmoid": _unary(_sigmoid, FLOATS, weight=12),
    "Sign": _unary(np.sign, NUMBERS, weight=8),
    "Sqrt": _unary(np.sqrt, FLOATS, weight=4),
    "Sub": _binary(np.subtract, NUMBERS),
    "Tanh": _unary(np.tanh, FLOATS, weight=8),
    "Where": _elementwise((3, 3), _infer_where, _always(_where), weight=12),
}
