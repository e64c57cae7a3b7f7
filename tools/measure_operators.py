"""Compares what the SDK takes an operator's work for with the clock, in both engines, on tensors of awkward shapes.

    python tools/measure_operators.py                 the table: nanoseconds by unit of work, the worst first
    python tools/measure_operators.py --only Pow

A bundle is refused by these units (``gameagent_sdk/operators/work.py``). Where a line is far above 1, an accepted file
may take that many times longer than its limit says; where all of an operator's are far below, honest files may be
refused.
"""

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from gameagent_sdk.authoring import Port
from gameagent_sdk.backends.numpy_executor import NumpyBackend
from gameagent_sdk.backends.onnx_runtime import OnnxRuntimeBackend
from gameagent_sdk.graph import Model, Node
from gameagent_sdk.operators import OPERATORS, PER_NODE, PER_SCATTERED, PER_TENSOR, Spec
from gameagent_sdk.operators.work import size

OPSET = 17
COUNT = 2**20  # elements of the largest input, about
SHAPES = ((COUNT,), (2, COUNT // 2), (COUNT // 2, 2), (1024, 1024), (COUNT // 32, 32), (COUNT // 2, 1, 2), (8, 2) * 4)
UNARY = ("Abs", "Exp", "Log", "Neg", "Reciprocal", "Relu", "Sigmoid", "Sign", "Sqrt", "Tanh")
BINARY = ("Add", "Div", "Greater", "Max", "Min", "Mul", "Pow", "Sub")
REDUCED = ("ReduceMax", "ReduceMean", "ReduceSum")
PRODUCTS = (
    (1, 2048, 2048),
    (16, 1024, 1024),
    (512, 512, 512),
    (2**18, 2, 2),
    (2**20, 1, 1),
    (2, 2**18, 2),
    (1024, 1, 1024),
)

CONVOLUTIONS: tuple[tuple[tuple[int, int, int, int], int, int, int], ...] = (  # images; filters, kernel, stride
    ((1, 1, 1024, 1024), 1, 3, 1),
    ((1, 16, 128, 128), 16, 3, 1),
    ((1, 1, 84, 84), 16, 7, 4),
    ((1, 3, 48, 48), 16, 7, 4),
    ((512, 6, 10, 10), 16, 3, 1),
    ((2**16, 1, 3, 3), 4, 3, 2),
    ((1, 2**16, 3, 3), 1, 3, 1),
    ((1, 1, 512, 512), 4, 31, 16),
    ((1, 1, 2**16, 4), 16, 3, 1),
    ((1, 1, 4, 2**16), 16, 3, 1),
    ((1, 1, 2, 2), 1, 1000, 1000),
    ((1, 1, 2, 2), 1, 64, 1),
)

Array = NDArray[Any]
Case = tuple[str, list[Array], dict[str, Any], bool]  # operator, inputs, attributes, whether they are transposed views


def cases() -> Iterator[Case]:
    """What is measured."""
    rng = np.random.default_rng(0)

    def floats(*shape: int) -> Array:
        return rng.uniform(0.5, 2.0, shape).astype(np.float32)

    for shape in SHAPES:
        x = floats(*shape)
        partners = [x, floats(*shape[:-1], 1), floats(*[1] * (len(shape) - 1), shape[-1]), floats()]
        for transposed in (False, True):
            yield from ((name, [x], {}, transposed) for name in UNARY)
            yield from ((name, [x, y], {}, transposed) for name in BINARY for y in partners)
            yield from (("Where", [x > 1.0, x, y], {}, transposed) for y in partners)
            yield from (("Cast", [x], {"to": to}, transposed) for to in (6, 7, 9))
            yield "Clip", [x, floats(), floats()], {}, transposed
            for axis in range(min(len(shape), 3)):
                yield from ((name, [x], {"axis": axis}, transposed) for name in ("Softmax", "LogSoftmax", "ArgMax"))
                yield "ArgMax", [x], {"axis": axis, "select_last_index": 1}, transposed
                yield "ReduceSum", [x, np.array([axis])], {}, transposed
                yield from ((name, [x], {"axes": [axis]}, transposed) for name in REDUCED if name != "ReduceSum")
                yield "Concat", [x, x], {"axis": axis}, transposed
                yield "Gather", [x, rng.integers(0, shape[axis], min(shape[axis], 64))], {"axis": axis}, transposed
                yield "Gather", [x, np.arange(shape[axis])[::-1].copy()], {"axis": axis}, transposed
                bounds = [np.array([value]) for value in (shape[axis], -shape[axis] - 1, axis, -1)]
                yield "Slice", [x, *bounds], {}, transposed
                if shape[axis] % 2 == 0:
                    yield "Split", [x, np.array([shape[axis] // 2] * 2)], {"axis": axis}, transposed
            yield "Reshape", [x, np.array([-1])], {}, transposed
            yield "Transpose", [x], {}, transposed
        yield "ReduceMax", [x], {"axes": list(range(0, len(shape), 2))}, True
    for width in (2, 1024):
        yield "Expand", [floats(COUNT // width, 1), np.array([1, width])], {}, False
        yield "Expand", [floats(1, COUNT // width), np.array([width, 1])], {}, False
    for rows, inner, columns in PRODUCTS:
        left, right = floats(rows, inner), floats(inner, columns)
        yield "MatMul", [left, right], {}, False
        yield "Gemm", [left, right, floats(columns)], {}, False
        yield "Gemm", [left.T.copy(), right.T.copy(), floats(rows, 1)], {"transA": 1, "transB": 1}, False
    for matrices, rows, inner, columns in ((2**16, 1, 1, 1), (2**14, 4, 4, 4), (2**8, 64, 64, 64), (2**15, 1, 16, 1)):
        left, right = floats(matrices, rows, inner), floats(matrices, inner, columns)
        yield "MatMul", [left, right], {}, False
        yield "MatMul", [left, right[0]], {}, False
        yield "MatMul", [left[0], right], {}, False
    for image, filters, kernel, stride in CONVOLUTIONS:
        written = {"strides": [stride] * 2, "pads": [kernel // 2] * 4}
        for transposed in (False, True):
            weights = floats(filters, image[1], kernel, kernel)
            yield "Conv", [floats(*image), weights, floats(filters)], written, transposed


def graph_of(case: Case) -> tuple[list[Node], dict[str, Array], dict[str, Array]]:
    """Nodes from x0, x1, ... to y0, y1, ...; the inputs that a step takes; and those that are constants."""
    op_type, arrays, attributes, transposed = case
    operator = OPERATORS[op_type]
    nodes, feeds, constants, names = [], {}, {}, []
    for i, array in enumerate(arrays):
        name = f"x{i}"
        if i in operator.constant_inputs:
            constants[name] = array
        elif transposed and array.ndim > 1:
            feeds[name] = np.ascontiguousarray(array.T)
            nodes.append(Node("Transpose", "", (name,), (f"t{i}",), {}))
            name = f"t{i}"
        else:
            feeds[name] = array
        names.append(name)
    outputs = tuple(f"y{i}" for i in range(2 if op_type == "Split" else 1))
    written = {key: tuple(value) if isinstance(value, list) else value for key, value in attributes.items()}
    return [*nodes, Node(op_type, "", tuple(names), outputs, written)], feeds, constants


def units(nodes: Sequence[Node], specs: dict[str, Spec], constants: dict[str, Array]) -> int:
    """The work of the nodes, as the check of a bundle counts it; notes the specs of what they make."""
    total = 0
    scattered: set[str] = set()
    for node in nodes:
        operator = OPERATORS[node.op_type]
        given = [specs[name] for name in node.inputs]
        made = operator.infer(node, given, [constants.get(name) for name in node.inputs], OPSET)
        specs.update(zip(node.outputs, made, strict=True))
        slow = scattered.intersection(node.inputs)
        if operator.scatters or (operator.view and slow):
            scattered.update(node.outputs)
        total += operator.work(node, given, made) + PER_NODE + PER_TENSOR * (len(given) + len(made))
        total += sum(PER_SCATTERED * size(specs[name]) for name in node.inputs if name in slow)
    return total


def timed(function: Callable[[], Any], repeats: int) -> float:
    """Nanoseconds of the fastest of a few calls."""
    function()
    best = float("inf")
    for _ in range(repeats):
        started = time.perf_counter_ns()
        function()
        best = min(best, time.perf_counter_ns() - started)
    return best


def measure(case: Case, repeats: int) -> tuple[int, float, float]:
    """Units of work, and nanoseconds in numpy and in onnxruntime."""
    nodes, feeds, constants = graph_of(case)
    specs = {name: Spec(array.dtype, array.shape) for name, array in (feeds | constants).items()}
    work = units(nodes, specs, constants)
    made = {name: np.empty(specs[name].shape, specs[name].dtype) for name in nodes[-1].outputs}
    inputs, outputs = (
        tuple(Port(name, array.dtype.name, array.shape) for name, array in side.items()) for side in (feeds, made)
    )
    step = NumpyBackend(Model(8, OPSET, inputs, outputs, constants, tuple(nodes), {})).bind(feeds, made)
    run = OnnxRuntimeBackend(_model(nodes, inputs, outputs, constants)).bind(feeds, made)
    return work, timed(step, repeats), timed(run, repeats)


def _model(
    nodes: Sequence[Node], inputs: Sequence[Port], outputs: Sequence[Port], constants: dict[str, Array]
) -> bytes:
    protos = []
    for node in nodes:
        attributes: dict[str, Any] = dict(node.attributes)
        protos.append(helper.make_node(node.op_type, node.inputs, node.outputs, **attributes))
    taken, given = (
        [
            helper.make_tensor_value_info(port.name, helper.np_dtype_to_tensor_dtype(np.dtype(port.dtype)), port.shape)
            for port in side
        ]
        for side in (inputs, outputs)
    )
    initializers = [numpy_helper.from_array(array, name) for name, array in constants.items()]
    graph = helper.make_graph(protos, "one", taken, given, initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
    return bytes(model.SerializeToString())


def main() -> None:
    """Measures, prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--only", default="", metavar="OPERATOR")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--lines", type=int, default=60, help="of the table")
    args = parser.parse_args()
    lines, errors = [], []
    for case in cases():
        if args.only not in ("", case[0]):
            continue
        called = f"{case[0]} {[a.shape for a in case[1] if a.size > 4]} {case[2]}{' transposed' * case[3]}"
        try:
            work, in_numpy, in_onnxruntime = measure(case, args.repeats)
        except Exception as error:  # a form that an engine does not have
            errors.append(f"{called}: {str(error)[:100]}")
            continue
        lines.append((max(in_numpy, in_onnxruntime) / work, in_numpy / work, in_onnxruntime / work, work, called))
    print(f"{'numpy':>8}{'onnxrt':>8}{'units':>12}   nanoseconds by unit of work")
    for _, in_numpy, in_onnxruntime, work, called in sorted(lines, reverse=True)[: args.lines]:
        print(f"{in_numpy:8.2f}{in_onnxruntime:8.2f}{work:12}   {called}")
    print(f"{len(lines)} measured, {len(errors)} not possible", *errors[:8], sep="\n  ")


if __name__ == "__main__":
    main()
