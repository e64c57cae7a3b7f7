"""Each operator against examples worked out by hand from the ONNX specification, and laws that hold for all numbers."""

# mypy: disable-error-code="arg-type, union-attr, var-annotated"

import itertools
import math
import warnings
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from gameagent_sdk.graph import Node
from gameagent_sdk.operators import OPERATORS, as_tuple, evaluate, spec_of

INF, NAN, HUGE = math.inf, math.nan, 2**63 - 1
FLOAT, INT32, INT64, BOOL = 1, 6, 7, 9  # TensorProto.DataType


@dataclass(frozen=True)
class Case:
    """One node with its inputs and what it must give. Python floats stand for float32, ints for int64."""

    op_type: str
    inputs: tuple[Any, ...]
    expected: Any
    attributes: dict[str, Any] = field(default_factory=dict)
    opset: int = 17

    def __str__(self) -> str:
        return f"{self.op_type}-{self.inputs}-{self.attributes}".replace(" ", "")[:70]


def tensor(value: Any) -> np.ndarray | None:
    if value is None or isinstance(value, np.ndarray):
        return value
    array = np.array(value)
    return array.astype(np.float32) if array.dtype == np.float64 else array


def node_of(
    op_type: str,
    num_inputs: int,
    num_outputs: int = 1,
    left_out: tuple[int, ...] = (),
    attributes: dict[Any, Any] | None = None,
) -> Node:
    inputs = tuple("" if i in left_out else f"x{i}" for i in range(num_inputs))
    return Node(op_type, "", inputs, tuple(f"y{i}" for i in range(num_outputs)), attributes or {})


def compute(
    op_type: str, inputs: Any, attributes: dict[Any, Any] | None = None, opset: int = 17, num_outputs: int = 1
) -> tuple[np.ndarray, ...]:
    arrays = [tensor(value) for value in inputs]
    left_out = tuple(i for i, array in enumerate(arrays) if array is None)
    node = node_of(op_type, len(arrays), num_outputs, left_out, attributes)
    return evaluate(OPERATORS[op_type], node, arrays, opset)


I32 = np.array([7, -7], np.int32)
SQUARE = [[1.0, 2.0], [3.0, 4.0]]
CUBE = [[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0], [7.0, 8.0]]]
COUNT = [0.0, 1.0, 2.0, 3.0, 4.0]
IMAGE = [[[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]]]]
CROSS = [[[[0.0, 1.0, 0.0], [1.0, 10.0, 1.0], [0.0, 1.0, 0.0]]]]
CHANNELS = [[[[1.0, 2.0]], [[3.0, 4.0]]], [[[5.0, 6.0]], [[7.0, 8.0]]]]  # two rows of two channels, 1 x 2 cells

CASES = (
    Case("Abs", ([-2.0, 3.0],), [2.0, 3.0]),
    Case("Abs", ([-2, 3],), [2, 3]),
    Case("Add", (SQUARE, [10.0, 20.0]), [[11.0, 22.0], [13.0, 24.0]]),
    Case("Add", ([[1], [2]], [10, 20]), [[11, 21], [12, 22]]),
    Case("And", ([True, True, False], [True, False, False]), [True, False, False]),
    Case("ArgMax", ([[1.0, 3.0, 3.0], [9.0, 2.0, 9.0]],), [[1], [0]], {"axis": 1}),
    Case("ArgMax", ([[1.0, 3.0, 3.0], [9.0, 2.0, 9.0]],), [2, 2], {"axis": -1, "keepdims": 0, "select_last_index": 1}),
    Case("ArgMax", ([[1.0, 3.0], [9.0, 2.0]],), [[1, 0]]),
    Case("Cast", ([-1.9, 0.0, 2.9],), [-1, 0, 2], {"to": INT64}),
    Case("Cast", ([-1.9, 0.0, NAN],), [True, False, True], {"to": BOOL}),
    Case("Cast", ([True, False],), [1.0, 0.0], {"to": FLOAT, "saturate": 1}, 19),
    Case("Cast", ([2**40 + 3],), np.array([3], np.int32), {"to": INT32}),
    Case("Clip", ([-2.0, 0.5, 7.0], -1.0, 1.0), [-1.0, 0.5, 1.0]),
    Case("Clip", ([-2, 7], None, 3), [-2, 3]),
    Case("Clip", ([-2.0, 7.0], 0.0), [0.0, 7.0]),
    Case("Clip", ([-2.0, 7.0],), [-2.0, 7.0]),
    Case("Clip", ([-2.0, 7.0], 3.0, 1.0), [1.0, 1.0]),
    Case("Concat", ([[1.0], [2.0]], [[3.0, 4.0], [5.0, 6.0]]), [[1.0, 3.0, 4.0], [2.0, 5.0, 6.0]], {"axis": -1}),
    Case("Concat", ([[1, 2]], [[3, 4]]), [[1, 2], [3, 4]], {"axis": 0}),
    Case("Constant", (), [1, 2], {"value_ints": (1, 2)}),
    Case("Constant", (), 1.5, {"value_float": 1.5}),
    Case("Constant", (), 3, {"value_int": 3}),
    Case("Constant", (), [0.5, 1.5], {"value_floats": (0.5, 1.5)}),
    Case("Constant", (), [[True]], {"value": np.array([[True]])}),
    Case("Conv", (IMAGE, CROSS), [[[[70.0]]]]),
    Case("Conv", (IMAGE, CROSS, [0.5]), [[[[70.5]]]], {"kernel_shape": (3, 3), "auto_pad": "NOTSET", "group": 1}),
    Case(
        "Conv",
        (IMAGE, CROSS),
        [[[[16.0, 29.0, 38.0], [53.0, 70.0, 77.0], [82.0, 101.0, 104.0]]]],
        {"pads": (1, 1, 1, 1)},
    ),
    Case("Conv", (IMAGE, CROSS), [[[[16.0, 38.0], [82.0, 104.0]]]], {"pads": (1, 1, 1, 1), "strides": (2, 2)}),
    Case("Conv", (IMAGE, [[[[1.0, 2.0]]]]), [[[[5.0, 8.0], [23.0, 26.0]]]], {"strides": (2, 1)}),
    Case(
        "Conv",
        (IMAGE, [[[[1.0, 2.0]]]]),
        [[[[2.0, 8.0], [8.0, 17.0], [14.0, 26.0]]]],
        {"strides": (1, 2), "pads": (0, 1, 0, 0)},
    ),
    Case(
        "Conv",
        (IMAGE, [[[[1.0], [2.0]]]]),
        [[[[9.0, 12.0, 15.0], [18.0, 21.0, 24.0], [7.0, 8.0, 9.0]]]],
        {"pads": (0, 0, 1, 0), "dilations": (1, 1)},
    ),
    Case(
        "Conv",
        (CHANNELS, [[[[1.0]], [[10.0]]], [[[0.0]], [[-1.0]]]], [0.0, 100.0]),
        [[[[31.0, 42.0]], [[97.0, 96.0]]], [[[75.0, 86.0]], [[93.0, 92.0]]]],
    ),
    Case("Div", ([1.0, -1.0, 0.0], 0.0), [INF, -INF, NAN]),
    Case("Div", ([7.0, -7.0], [2.0, 2.0]), [3.5, -3.5]),
    Case("Equal", ([1, 2], 2), [False, True]),
    Case("Equal", ([True, False], [True, True]), [True, False]),
    Case("Equal", ([NAN, 0.0], [NAN, -0.0]), [False, True]),
    Case("Exp", ([0.0, 1.0, -INF, 1000.0],), [1.0, math.e, 0.0, INF]),
    Case("Expand", ([[1.0], [2.0]], [2, 1, 3]), [[[1.0] * 3, [2.0] * 3]] * 2),
    Case("Expand", (CUBE, [2]), CUBE),
    Case("Gather", ([[1.0, 2.0, 3.0]], [2, -3]), [[3.0, 1.0]], {"axis": 1}),
    Case("Gather", (SQUARE, [[1], [0]]), [[[3.0, 4.0]], [[1.0, 2.0]]]),
    Case("Gather", (SQUARE, 1), [2.0, 4.0], {"axis": -1}),
    Case("Gemm", (SQUARE, SQUARE, [1.0, 2.0]), [[8.0, 12.0], [16.0, 24.0]]),
    Case("Gemm", ([[1.0, 2.0]], [[3.0, 4.0]]), [[11.0]], {"transB": 1}),
    Case("Gemm", ([[1.0, 2.0]], [[3.0, 4.0]]), [[3.0, 4.0], [6.0, 8.0]], {"transA": 1}),
    Case("Gemm", ([[1.0, 2.0]], [[3.0], [4.0]], 10.0), [[-25.5]], {"alpha": 0.5, "beta": -3.1}),
    Case("Greater", ([1.0, 2.0, NAN], 1.0), [False, True, False]),
    Case("GreaterOrEqual", ([1, 2, 0], 1), [True, True, False]),
    Case("Identity", ([[True]],), [[True]]),
    Case("Less", ([1.0, 0.0], 1.0), [False, True]),
    Case("LessOrEqual", ([1, 2, 0], 1), [True, False, True]),
    Case("Log", ([1.0, 0.0, -1.0],), [0.0, -INF, NAN]),
    Case("LogSoftmax", ([[0.0, 0.0], [1000.0, 0.0]],), [[-math.log(2.0)] * 2, [0.0, -1000.0]]),
    Case("LogSoftmax", ([[0.0], [0.0]],), [[-math.log(2.0)]] * 2, {"axis": 0}),
    Case("MatMul", (SQUARE, SQUARE), [[7.0, 10.0], [15.0, 22.0]]),
    Case("MatMul", (CUBE, [1.0, 10.0]), [[21.0, 43.0], [65.0, 87.0]]),
    Case("MatMul", ([1.0, 10.0], SQUARE), [31.0, 42.0]),
    Case("MatMul", ([1.0, 10.0], [3.0, 4.0]), 43.0),
    Case("MatMul", (CUBE, SQUARE), [[[7.0, 10.0], [15.0, 22.0]], [[23.0, 34.0], [31.0, 46.0]]]),
    Case("Max", ([1.0, 5.0], [[2.0], [9.0]], 3.0), [[3.0, 5.0], [9.0, 9.0]]),
    Case("Max", ([1, 5], [2, 2]), [2, 5]),
    Case("Max", ([1.0, NAN],), [1.0, NAN]),
    Case("Min", ([1.0, 5.0], [[2.0], [9.0]], 3.0), [[1.0, 2.0], [1.0, 3.0]]),
    Case("Min", (I32, np.array([0, 0], np.int32)), np.array([0, -7], np.int32)),
    Case("Mul", ([[2.0], [3.0]], [[5.0, 7.0]]), [[10.0, 14.0], [15.0, 21.0]]),
    Case("Mul", (I32, np.array(2, np.int32)), np.array([14, -14], np.int32)),
    Case("Neg", ([1.0, -2.0],), [-1.0, 2.0]),
    Case("Not", ([True, False],), [False, True]),
    Case("Pow", ([2.0, 9.0, -2.0], [3.0, 0.5, 2.0]), [8.0, 3.0, 4.0]),
    Case("Pow", ([[2.0, 3.0]], 2), [[4.0, 9.0]]),
    Case("Reciprocal", ([4.0, 0.0],), [0.25, INF]),
    Case("ReduceMax", ([[1.0, 5.0], [3.0, 4.0]],), [[5.0], [4.0]], {"axes": (1,)}),
    Case("ReduceMax", ([[1, 5], [3, 4]], [0]), [3, 5], {"keepdims": 0}, 18),
    Case("ReduceMean", (CUBE,), [[[2.5]], [[6.5]]], {"axes": (1, -1)}),
    Case("ReduceMean", (CUBE,), 4.5, {"keepdims": 0}),
    Case("ReduceMean", (SQUARE, [-1]), [[1.5], [3.5]], {"noop_with_empty_axes": 0}, 18),
    Case("ReduceMean", (SQUARE, None), SQUARE, {"noop_with_empty_axes": 1}, 20),
    Case("ReduceSum", (SQUARE, [0]), [[4.0, 6.0]], {}, 13),
    Case("ReduceSum", (SQUARE,), [[10.0]], {}, 13),
    Case("ReduceSum", (I32,), np.array(0, np.int32), {"keepdims": 0}, 13),
    Case("ReduceSum", (SQUARE, np.zeros(0, np.int64)), SQUARE, {"noop_with_empty_axes": 1}, 13),
    Case("ReduceSum", (np.zeros((2, 0), np.float32), [1]), [[0.0], [0.0]], {}, 13),
    Case("Relu", ([-1.0, 0.0, 2.0],), [0.0, 0.0, 2.0]),
    Case("Reshape", (CUBE, [0, -1]), [[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]]),
    Case("Reshape", (np.zeros((0, 3), np.float32), [3, 0]), np.zeros((3, 0), np.float32), {"allowzero": 1}),
    Case("Reshape", ([[7]], np.zeros(0, np.int64)), 7),
    Case("Sigmoid", ([0.0, math.log(3.0), -INF, INF],), [0.5, 0.75, 0.0, 1.0]),
    Case("Sign", ([-3.0, 0.0, 2.0],), [-1.0, 0.0, 1.0]),
    Case("Sign", ([-3, 0, 2],), [-1, 0, 1]),
    Case("Slice", (COUNT, [1], [4]), [1.0, 2.0, 3.0]),
    Case("Slice", (COUNT, [-2], [HUGE]), [3.0, 4.0]),
    Case("Slice", (COUNT, [HUGE], [-HUGE - 1], [0], [-2]), [4.0, 2.0, 0.0]),
    Case("Slice", (COUNT, [3], [0], [-1], [-1]), [3.0, 2.0, 1.0]),
    Case("Slice", (COUNT, [-9], [2], [0], [HUGE]), [0.0]),
    Case("Slice", (COUNT, [4], [2]), np.zeros(0, np.float32)),
    Case("Slice", (CUBE, [1, 0], [2, 1], [2, 0]), [[[2.0], [4.0]]]),
    Case("Softmax", ([[0.0, math.log(3.0)], [1000.0, 0.0]],), [[0.25, 0.75], [1.0, 0.0]]),
    Case("Softmax", ([[0.0], [math.log(3.0)]],), [[0.25], [0.75]], {"axis": 0}),
    Case("Split", ([[1.0, 2.0, 3.0]], [1, 2]), ([[1.0]], [[2.0, 3.0]]), {"axis": 1}),
    Case("Split", ([1, 2, 3, 4],), ([1, 2], [3, 4])),
    Case("Split", (COUNT,), ([0.0, 1.0], [2.0, 3.0], [4.0]), {"num_outputs": 3}, 18),
    Case("Sqrt", ([9.0, -1.0],), [3.0, NAN]),
    Case("Squeeze", ([[[5.0]], [[6.0]]], [-1]), [[5.0], [6.0]]),
    Case("Squeeze", ([[[5.0]], [[6.0]]],), [5.0, 6.0]),
    Case("Sub", (SQUARE, [[1.0], [2.0]]), [[0.0, 1.0], [1.0, 2.0]]),
    Case("Tanh", ([0.0, math.atanh(0.5), INF],), [0.0, 0.5, 1.0]),
    Case("Transpose", (SQUARE,), [[1.0, 3.0], [2.0, 4.0]]),
    Case("Transpose", (CUBE,), [[[1.0, 2.0], [5.0, 6.0]], [[3.0, 4.0], [7.0, 8.0]]], {"perm": (1, 0, 2)}),
    Case("Unsqueeze", ([5.0, 6.0], [0, -1]), [[[5.0], [6.0]]]),
    Case("Where", ([[True], [False]], [1.0, 2.0], 0.0), [[1.0, 2.0], [0.0, 0.0]]),
    Case("Where", ([True, False], [1, 2], [3, 4]), [1, 4]),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_an_operator_gives_what_was_worked_out_by_hand(case: Case) -> None:
    wanted = [tensor(value) for value in (case.expected if isinstance(case.expected, tuple) else (case.expected,))]
    results = compute(case.op_type, case.inputs, case.attributes, case.opset, len(wanted))
    assert [(result.dtype, result.shape) for result in results] == [(array.dtype, array.shape) for array in wanted]
    for result, array in zip(results, wanted, strict=True):
        np.testing.assert_allclose(result, array, rtol=2e-6, atol=1e-7)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_an_operator_allows_what_its_example_holds_and_works_without_an_array_to_write_to(case: Case) -> None:
    operator, arrays = OPERATORS[case.op_type], [tensor(value) for value in case.inputs]
    left_out = tuple(i for i, array in enumerate(arrays) if array is None)
    num_outputs = len(case.expected) if isinstance(case.expected, tuple) else 1
    node = node_of(case.op_type, len(arrays), num_outputs, left_out, case.attributes)
    assert operator.inputs[0] <= len(arrays) <= operator.inputs[1]
    assert operator.outputs[0] <= num_outputs <= operator.outputs[1]
    for name, value in case.attributes.items():
        assert isinstance(value, operator.attributes[name])
    constants = [array if i in operator.constant_inputs else None for i, array in enumerate(arrays)]
    specs = operator.infer(node, [spec_of(array) for array in arrays], constants, case.opset)
    with np.errstate(all="ignore"):
        results = as_tuple(operator.build(node, constants, case.opset)(*arrays))
    assert [(result.dtype, result.shape) for result in results] == specs


def test_every_operator_has_an_example() -> None:
    assert {case.op_type for case in CASES} == set(OPERATORS)


FLOATS_23, WHOLE = np.zeros((2, 3), np.float32), np.zeros(3, np.int64)
IMPOSSIBLE = (
    ("Add", (FLOATS_23, np.zeros(2, np.float32)), {}, "shapes"),
    ("Add", (FLOATS_23, WHOLE), {}, "mixes"),
    ("Add", (np.zeros(3), np.zeros(3)), {}, "float64"),
    ("Exp", (WHOLE,), {}, "int64"),
    ("Not", (WHOLE,), {}, "int64"),
    ("Pow", (WHOLE, WHOLE), {}, "int64"),
    ("Div", ([1, 2], [1, 0]), {}, "int64"),
    ("Clip", (FLOATS_23, [0.0]), {}, "single numbers"),
    ("Where", (FLOATS_23, FLOATS_23, FLOATS_23), {}, "float32"),
    ("Where", ([True], [1.0], [1]), {}, "mixes"),
    ("Cast", (WHOLE,), {"to": 11}, "goes to"),
    ("Cast", (WHOLE,), {}, "goes to"),
    ("MatMul", (FLOATS_23, FLOATS_23), {}, "multiply"),
    ("MatMul", (FLOATS_23, 1.0), {}, "axis"),
    ("Gemm", (FLOATS_23, FLOATS_23), {}, "multiply"),
    ("Gemm", (FLOATS_23, FLOATS_23[0]), {}, "matrices"),
    ("Gemm", (FLOATS_23, FLOATS_23, np.zeros((3, 2), np.float32)), {"transB": 1}, "join"),
    ("Conv", (FLOATS_23, FLOATS_23), {}, r"images .* not \(2, 3\) and \(2, 3\)"),
    ("Conv", (IMAGE, CHANNELS), {}, "weights for 2 channels, not for 1"),
    ("Conv", (CHANNELS, [[[[1.0, 2.0, 3.0]], [[1.0, 2.0, 3.0]]]]), {}, "larger than the image"),
    ("Conv", (IMAGE, CROSS, [1.0, 2.0]), {}, "one number to each of 1 filters"),
    ("Conv", (IMAGE, np.zeros((1, 1, 0, 3), np.float32)), {}, "images"),
    ("Conv", (IMAGE, CROSS), {"group": 0}, "without groups"),
    ("Conv", (IMAGE, CROSS), {"dilations": (1, 2)}, "dilations"),
    ("Conv", (IMAGE, CROSS), {"auto_pad": "SAME_UPPER"}, "not by auto_pad"),
    ("Conv", (IMAGE, CROSS), {"kernel_shape": (3, 2)}, "kernel_shape says"),
    ("Conv", (IMAGE, CROSS), {"strides": (0, 1)}, "strides"),
    ("Conv", (IMAGE, CROSS), {"strides": (1, HUGE)}, "strides of .* larger than the image"),
    ("Conv", (IMAGE, CROSS), {"strides": (1,)}, "strides"),
    ("Conv", (IMAGE, CROSS), {"pads": (1, 1)}, "4 pads"),
    ("Conv", (IMAGE, CROSS), {"pads": (0, 0, 0, -1)}, "0 or more"),
    ("Conv", (IMAGE, CROSS), {"pads": (3, 0, 0, 0)}, "fewer than its kernel"),
    ("Conv", (WHOLE[None, None, None], CROSS), {}, "takes no int64"),
    ("Concat", (FLOATS_23, FLOATS_23[0]), {"axis": 0}, "join"),
    ("Concat", (FLOATS_23, WHOLE[None]), {"axis": 0}, "join"),
    ("Concat", (FLOATS_23,), {}, "axis"),
    ("Constant", (), {}, "one value"),
    ("Constant", (), {"value_int": 1, "value_float": 1.0}, "one value"),
    ("Constant", (), {"value": np.zeros(2)}, "float64"),
    ("Expand", (FLOATS_23, [2, 2]), {}, "shapes"),
    ("Expand", (FLOATS_23, [-1]), {}, "shape"),
    ("Gather", (FLOATS_23, [3]), {"axis": 1}, "beyond"),
    ("Gather", (FLOATS_23, [-4]), {"axis": 1}, "beyond"),
    ("Gather", (FLOATS_23, [0.0]), {}, "float32"),
    ("Gather", (FLOATS_23, [0]), {"axis": 2}, "no axis 2"),
    ("Reshape", (FLOATS_23, [4]), {}, "cannot"),
    ("Reshape", (FLOATS_23, [4, -1]), {}, "cannot"),
    ("Reshape", (FLOATS_23, [-1, -1]), {}, "cannot"),
    ("Reshape", (FLOATS_23, [-2, -3]), {}, "cannot"),
    ("Reshape", (FLOATS_23, [0, 3, 0]), {}, "does not have"),
    ("Reshape", (FLOATS_23, [0, -1]), {"allowzero": 1}, "cannot"),
    ("Reshape", (FLOATS_23, [2.0, 3.0]), {}, "whole numbers"),
    ("Slice", (FLOATS_23, [0], [1], [0], [0]), {}, "steps"),
    ("Slice", (FLOATS_23, [0, 0], [1, 1], [0, -2]), {}, "twice"),
    ("Slice", (FLOATS_23, [0, 0], [1]), {}, "cannot go"),
    ("Slice", (FLOATS_23, [0], [1], [2]), {}, "no axis 2"),
    ("Split", (FLOATS_23, [1, 1]), {"axis": 1}, "cannot cut"),
    ("Split", (FLOATS_23, [4, -1]), {"axis": 1}, "cannot cut"),
    ("Split", (FLOATS_23,), {"axis": 1}, "cannot cut"),
    ("Squeeze", (FLOATS_23, [0]), {}, "cannot drop"),
    ("Unsqueeze", (FLOATS_23, [0, 0]), {}, "twice"),
    ("Unsqueeze", (FLOATS_23, [4]), {}, "no axis 4"),
    ("Transpose", (FLOATS_23,), {"perm": (0,)}, "orders"),
    ("Transpose", (FLOATS_23,), {"perm": (0, 0)}, "twice"),
    ("ReduceMean", (FLOATS_23,), {"axes": (2,)}, "no axis 2"),
    ("ReduceMean", (FLOATS_23, [1]), {}, "attribute in opset 17"),
    ("ReduceSum", (FLOATS_23,), {"axes": (1,)}, "input in opset 17"),
    ("ReduceMax", (FLOATS_23[:0],), {}, "nothing"),
    ("ArgMax", (FLOATS_23[:0],), {}, "nothing"),
    ("Softmax", (FLOATS_23,), {"axis": 2}, "no axis 2"),
)


@pytest.mark.parametrize(("op_type", "inputs", "attributes", "reason"), IMPOSSIBLE, ids=lambda value: str(value)[:30])
def test_what_has_no_result_is_refused_with_a_reason(
    op_type: str, inputs: tuple[Any, ...], attributes: dict[Any, Any], reason: str
) -> None:
    with pytest.raises((ValueError, ZeroDivisionError), match=reason):
        compute(op_type, inputs, attributes, num_outputs=2 if op_type == "Split" else 1)


@pytest.mark.parametrize("op_type", [name for name, operator in OPERATORS.items() if operator.constant_inputs])
def test_a_shape_that_is_not_constant_is_refused(op_type: Any) -> None:
    opset = 18 if op_type.startswith("Reduce") else 17
    inputs = [FLOATS_23, np.array([1]), np.array([2])][: 3 if op_type == "Slice" else 2]
    node = node_of(op_type, len(inputs))
    with pytest.raises(ValueError, match="must be a constant"):
        OPERATORS[op_type].infer(node, [spec_of(array) for array in inputs], [None] * len(inputs), opset)


def test_split_in_opset_18_says_how_it_cuts_in_exactly_one_way() -> None:
    for inputs, attributes in (((COUNT,), {}), ((COUNT, [3, 2]), {"num_outputs": 2})):
        with pytest.raises(ValueError, match="either"):
            compute("Split", inputs, attributes, 18, num_outputs=2)
    with pytest.raises(ValueError, match="no num_outputs"):
        compute("Split", ([1, 2],), {"num_outputs": 2}, 17, num_outputs=2)


def test_an_index_that_is_found_out_of_range_late_raises_and_reads_nothing() -> None:
    node = node_of("Gather", 2, attributes={"axis": 1})
    gather = OPERATORS["Gather"].build(node, [None, None], 17)
    for index in (3, -4, 2**40):
        with pytest.raises(IndexError, match="out of bounds"):
            gather(FLOATS_23, np.array([index]), out=np.empty((2, 1), np.float32))


def exact_slice(size: int, start: int, end: int, step: int) -> list[int]:
    """The specification's words: add the size to what is negative, clamp, then walk."""
    start, end = (bound + size if bound < 0 else bound for bound in (start, end))
    low, high, first = (0, size, 0) if step > 0 else (-1, size - 1, 0)
    position, end = min(max(start, first), high), min(max(end, low), high)
    walked = []
    while 0 <= position < size and (position < end if step > 0 else position > end):
        walked.append(position)
        position += step
    return walked


@pytest.mark.parametrize("size", [0, 1, 4])
def test_slice_picks_what_a_walk_along_the_axis_picks(size: int) -> None:
    bounds = (-HUGE - 1, -6, -4, -1, 0, 1, 3, 5, HUGE)
    for start, end, step in itertools.product(bounds, bounds, (-HUGE, -3, -1, 1, 2, HUGE)):
        (result,) = compute("Slice", (np.arange(size), [start], [end], [0], [step]))
        assert result.tolist() == exact_slice(size, start, end, step), (start, end, step)


def test_sigmoid_is_accurate_wherever_a_float32_can_tell_it_from_zero() -> None:
    x = np.linspace(-85.0, 40.0, 4001, dtype=np.float32)
    (result,) = compute("Sigmoid", (x,))
    exact = [1.0 / (1.0 + math.exp(-float(value))) for value in x]
    np.testing.assert_allclose(result, exact, rtol=6e-7)
    (ends,) = compute("Sigmoid", ([-3e38, -90.0, 90.0, 3e38],))
    assert 0.0 <= ends[0] <= ends[1] < 1e-38 and ends[2] == ends[3] == 1.0


@pytest.mark.parametrize("spread", [0.1, 10.0, 1e4, 1e38])
def test_softmax_is_a_distribution_and_log_softmax_its_logarithm(spread: float) -> None:
    x = np.random.default_rng(3).uniform(-spread, spread, (50, 7)).astype(np.float32)
    ((p,), (log_p,)) = compute("Softmax", (x,)), compute("LogSoftmax", (x,))
    exact = x.astype(np.float64) - x.max(axis=1, keepdims=True).astype(np.float64)
    exact -= np.log(np.exp(exact).sum(axis=1, keepdims=True))
    np.testing.assert_allclose(p, np.exp(exact), rtol=3e-6, atol=1e-37)
    np.testing.assert_allclose(log_p, exact, rtol=1e-6, atol=1e-6)


def test_nothing_warns_even_if_numpy_is_set_to_warn() -> None:
    values = np.array([-INF, -3e38, -1.0, 0.0, 1.0, 3e38, INF, NAN], np.float32)
    with warnings.catch_warnings(), np.errstate(all="raise"):
        warnings.simplefilter("error")
        for op_type in ("Exp", "Log", "Sqrt", "Sigmoid", "Tanh", "Softmax", "LogSoftmax", "Reciprocal", "Relu", "Abs"):
            assert compute(op_type, (values,))[0].dtype == np.float32
        for op_type in ("Add", "Sub", "Mul", "Div", "Pow", "Max", "Min"):
            assert compute(op_type, (values, values[::-1].copy()))[0].dtype == np.float32
        assert compute("Cast", (values,), {"to": INT64})[0].dtype == np.int64


def test_what_split_cuts_concat_joins() -> None:
    x = np.random.default_rng(4).normal(size=(3, 10, 2)).astype(np.float32)
    parts = compute("Split", (x, [4, 0, 5, 1]), {"axis": 1}, num_outputs=4)
    assert [part.shape[1] for part in parts] == [4, 0, 5, 1]
    (joined,) = compute("Concat", parts, {"axis": -2})
    np.testing.assert_array_equal(joined, x)


def test_views_share_the_memory_of_what_they_show() -> None:
    x = np.arange(24, dtype=np.float32).reshape(2, 12)
    for op_type, inputs in (
        ("Slice", (x, [3], [9], [1])),
        ("Reshape", (x, [2, 3, 4])),
        ("Transpose", (x,)),
        ("Unsqueeze", (x, [1])),
        ("Expand", (x, [5, 2, 12])),
        ("Identity", (x,)),
    ):
        assert OPERATORS[op_type].view
        assert np.shares_memory(compute(op_type, inputs)[0], x), op_type
