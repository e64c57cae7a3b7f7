"""Matrix products."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gameagent_sdk.graph import Node
from gameagent_sdk.operators.contract import (
    FLOAT32,
    FLOATS,
    Array,
    Compute,
    Constants,
    Operator,
    Spec,
    broadcast,
    flag,
    number,
    taken,
)
from gameagent_sdk.operators.work import of_product


def _infer_matmul(node: Node, specs: Sequence[Spec | None], constants: Constants, opset: int) -> list[Spec]:
    a, b = taken(node, specs, 0, FLOATS).shape, taken(node, specs, 1, FLOATS).shape
    if not a or not b:
        raise ValueError("MatMul needs at least one axis on either side")
    rows, columns = a[-2:-1], b[-1:] if len(b) > 1 else ()  # a vector has none
    if a[-1] != (b[-2] if len(b) > 1 else b[0]):
        raise ValueError(f"MatMul cannot multiply {a} by {b}")
    return [Spec(FLOAT32, broadcast(node, a[:-2], b[:-2]) + rows + columns)]


def _matmul(a: Array, b: Array, out: Array | None = None) -> Any:
    if a.ndim == b.ndim == 2:
        return np.dot(a, b, out)  # the same product, found sooner
    return np.matmul(a, b, out)


def _build_matmul(node: Node, constants: Constants, opset: int) -> Compute:
    return _matmul


def _infer_gemm(node: Node, specs: Sequence[Spec | None], constants: Constants, opset: int) -> list[Spec]:
    a, b = taken(node, specs, 0, FLOATS).shape, taken(node, specs, 1, FLOATS).shape
    if len(a) != 2 or len(b) != 2:
        raise ValueError(f"Gemm multiplies matrices, not {a} by {b}")
    (rows, inner), (inner_b, columns) = _turned(node, "transA", a), _turned(node, "transB", b)
    if inner != inner_b:
        raise ValueError(f"Gemm cannot multiply {(rows, inner)} by {(inner_b, columns)}")
    if len(specs) > 2 and specs[2] is not None:
        added = taken(node, specs, 2, FLOATS).shape
        if broadcast(node, added, (rows, columns)) != (rows, columns):
            raise ValueError(f"Gemm cannot add {added} to {(rows, columns)}")
    return [Spec(FLOAT32, (rows, columns))]


def _turned(node: Node, attribute: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    return shape[::-1] if flag(node, attribute) else shape


def _build_gemm(node: Node, constants: Constants, opset: int) -> Compute:
    """alpha A B + beta C, in which A and B may be transposed."""
    turn_a, turn_b = flag(node, "transA"), flag(node, "transB")
    alpha, beta = (np.float32(number(node, name, 1.0)) for name in ("alpha", "beta"))
    weighted = bool(alpha != 1.0)
    addend = constants[2] if len(constants) > 2 else None
    fixed = None if addend is None else np.atleast_2d(addend * beta)  # numpy is slower if the axes differ

    def gemm(a: Array, b: Array, c: Array | None = None, out: Array | None = None) -> Any:
        y = np.dot(a.T if turn_a else a, b.T if turn_b else b, out)
        if weighted:
            y = np.multiply(y, alpha, out)
        if c is None:
            return y
        return np.add(y, c * beta if fixed is None else fixed, out)

    return gemm


PRODUCTS: Mapping[str, Operator] = {
    "Gemm": Operator(
        (2, 3),
        (1, 1),
        _infer_gemm,
        _build_gemm,
        of_product,
        attributes={"alpha": float, "beta": float, "transA": int, "transB": int},
    ),
    "MatMul": Operator((2, 2), (1, 1), _infer_matmul, _build_matmul, of_product),
}
