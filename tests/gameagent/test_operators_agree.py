"""The SDK's operators and numpy engine against onnxruntime: node by node, and over whole exported policies."""

# mypy: disable-error-code="arg-type, assignment, attr-defined, call-overload, misc, type-var, union-attr"

import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime  # type: ignore[import-untyped]
import pytest
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from gameagent_sdk import Bundle
from gameagent_sdk.authoring import Port
from gameagent_sdk.backends.numpy_executor import NumpyBackend
from gameagent_sdk.backends.onnx_runtime import session_options
from gameagent_sdk.graph import Model, Node
from gameagent_sdk.operators import OPERATORS, Spec, evaluate, spec_of

FIXTURES = Path(__file__).parents[1] / "sdk" / "fixtures"
OPSETS = (13, 17, 20, 23)
EARLY, LATE = (13, 17), (20, 23)
ROWS = (1, 5)
FLOAT32, INT64, INT32, BOOL = np.dtype("float32"), np.dtype("int64"), np.dtype("int32"), np.dtype("bool")
N = None  # an axis of as many entries as there are rows


@dataclass(frozen=True)
class Form:
    """One way to use an operator.

    Attributes:
        op_type: the operator.
        inputs: for each a shape, or a (shape, dtype), to draw numbers for; an array or list of whole numbers is an
            initializer; None is left out.
        attributes: of the node.
        num_outputs: of the node.
        opsets: in which the form exists.
        low, high: from where numbers are drawn.
    """

    op_type: str
    inputs: tuple[Any, ...]
    attributes: dict[str, Any] = field(default_factory=dict)
    num_outputs: int = 1
    opsets: tuple[int, ...] = OPSETS
    low: float = -4.0
    high: float = 4.0

    def __str__(self) -> str:
        return f"{self.op_type}-{self.inputs}-{self.attributes}".replace(" ", "").replace("None", "N")[:80]


def shaped(dtype: np.dtype, *shapes: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple((shape, dtype) for shape in shapes)


JOINED = (((N, 4), (N, 4)), ((N, 4), (4,)), ((N, 1), (1, 4)), ((3,), (N, 2, 1)), ((N, 4), ()))


def binary(op_type: str, dtypes: tuple[Any, ...] = (FLOAT32, INT64, INT32), **options: Any) -> list[Form]:
    return [Form(op_type, shaped(dtype, *pair), **options) for dtype in dtypes for pair in JOINED]


def unary(op_type: str, dtypes: tuple[Any, ...] = (FLOAT32,), **options: Any) -> list[Form]:
    return [Form(op_type, shaped(dtype, shape), **options) for dtype in dtypes for shape in ((N, 70), (2, N, 3), ())]


def reduction(
    op_type: str, dtypes: tuple[Any, ...] = (FLOAT32,), early: tuple[Any, ...] = EARLY, late: tuple[Any, ...] = LATE
) -> list[Form]:
    forms = []
    for dtype, keepdims in itertools.product(dtypes, (0, 1)):
        x, keep = ((N, 3, 4), dtype), {"keepdims": keepdims}
        for axes in ((0,), (-1,), (1, -1), (2, 0, 1)):
            if early:
                forms.append(Form(op_type, (x,), keep | {"axes": axes}, opsets=early))
            forms.append(Form(op_type, (x, list(axes)), keep, opsets=late))
        forms.append(Form(op_type, (x,), keep))
        forms.append(Form(op_type, (x,), keep | {"noop_with_empty_axes": 1}, opsets=late))
        forms.append(Form(op_type, (x, []), keep | {"noop_with_empty_axes": 1}, opsets=late))
    return forms


FORMS = [
    *unary("Abs", (FLOAT32, INT64, INT32)),
    *binary("Add"),
    *binary("And", (BOOL,)),
    *(
        Form("ArgMax", (((N, 3, 4), dtype),), {"axis": axis, "keepdims": keepdims, "select_last_index": last})
        for dtype in (FLOAT32, INT32)
        for axis, keepdims, last in itertools.product((0, 1, -1), (0, 1), (0, 1))
    ),
    Form("ArgMax", ((N, 4),)),
    *(
        Form("Cast", (((N, 4), dtype),), {"to": to})
        for dtype, to in itertools.product((FLOAT32, INT64, INT32, BOOL), (1, 6, 7, 9))
    ),
    *(
        Form("Clip", (((N, 4), dtype), *bounds))
        for dtype in (FLOAT32, INT64)
        for bounds in (
            (),
            (np.array(-1, dtype),),
            (None, np.array(2, dtype)),
            (np.array(1, dtype), np.array(-1, dtype)),
        )
    ),
    Form("Clip", ((N, 4), (), ())),
    *(Form("Concat", shaped(dtype, (N, 3), (N, 1), (N, 3)), {"axis": -1}) for dtype in (FLOAT32, INT64, BOOL)),
    Form("Concat", ((N, 3), (2, 3)), {"axis": 0}),
    Form("Concat", ((2, N, 3), (2, N, 3)), {"axis": 2}),
    Form("Concat", ((N, 3),), {"axis": 1}),
    Form("Constant", (), {"value_ints": (3, -4)}),
    Form("Constant", (), {"value_floats": (0.5,)}),
    Form("Constant", (), {"value": np.array([[True, False]])}),
    Form("Constant", (), {"value_int": 3}),
    Form("Constant", (), {"value_float": 2.5}),
    *(
        Form("Conv", ((N, 3, 7, 6), kernel, *bias), {"strides": strides, "pads": pads}, low=-1.0, high=1.0)
        for kernel, pads in (((4, 3, 3, 3), (1, 1, 1, 1)), ((2, 3, 1, 1), (0, 0, 0, 0)), ((1, 3, 7, 2), (3, 1, 6, 0)))
        for strides in ((1, 1), (2, 2), (4, 1))
        for bias in ((), ((kernel[0],),))
    ),
    Form("Conv", ((N, 1, 12, 12), np.linspace(-1, 1, 98, dtype=FLOAT32).reshape(2, 1, 7, 7), np.ones(2, FLOAT32))),
    *binary("Div", (FLOAT32,)),
    *binary("Equal", (FLOAT32, INT64, INT32, BOOL)),
    *unary("Exp"),
    *(Form("Expand", ((N, 1), shape)) for shape in ([4], [1, 4], [3, 1, 4], [1])),
    *(Form("Gather", ((N, 4, 3), [0, 2, -1]), {"axis": axis}) for axis in (1, -1)),
    Form("Gather", ((5, 3), ((N, 2), INT64)), low=-5, high=5),
    Form("Gather", ((5, 3), ((N,), INT32)), low=-5, high=5),
    Form("Gather", ((N, 3), np.array(-1)), {"axis": 1}),
    *(
        Form("Gemm", (*pair, *addend), {"transA": turn_a, "transB": turn_b, "alpha": alpha, "beta": beta})
        for (turn_a, turn_b, pair), addend, (alpha, beta) in itertools.product(
            [
                (0, 0, ((N, 3), (3, 4))),
                (0, 1, ((N, 3), (4, 3))),
                (1, 0, ((3, N), (3, 4))),
                (1, 1, ((3, N), (4, 3))),
            ],
            [(), ((4,),), ((N, 1),), ((),), ((N, 4),)],
            [(1.0, 1.0), (0.5, -2.0)],
        )
    ),
    Form("Gemm", ((N, 3), np.linspace(-1, 1, 12, dtype=FLOAT32).reshape(4, 3), np.ones(4, FLOAT32)), {"transB": 1}),
    Form("Gemm", ((N, 3), (3, 4), np.ones(4, FLOAT32)), {"beta": 0.25}),
    *binary("Greater"),
    *binary("GreaterOrEqual"),
    *unary("Identity", (FLOAT32, INT64, BOOL)),
    *binary("Less"),
    *binary("LessOrEqual"),
    *unary("Log", low=0.01, high=9.0),
    *(Form(name, ((N, 3, 4),), attributes) for name in ("LogSoftmax", "Softmax") for attributes in ({}, {"axis": 1})),
    *(Form(name, ((2, N),), {"axis": -2}, low=-200, high=200) for name in ("LogSoftmax", "Softmax")),
    *(
        Form("MatMul", pair)
        for pair in (
            ((N, 64), (64, 5)),
            ((N, 3), (3,)),
            ((3,), (3, N)),
            ((3,), (3,)),
            ((N, 2, 3), (3, 4)),
            ((N, 1, 2, 3), (2, 3, 4)),
        )
    ),
    *(
        Form(name, shaped(dtype, *shapes))
        for name in ("Max", "Min")
        for dtype in (FLOAT32, INT64, INT32)
        for shapes in [*JOINED, ((N, 3),), ((N, 1), (3,), (2, 1, 1))]
    ),
    *binary("Mul"),
    *unary("Neg", (FLOAT32, INT64, INT32)),
    *unary("Not", (BOOL,)),
    *(Form("Pow", ((N, 4), np.array(exponent, dtype))) for exponent, dtype in ((2, FLOAT32), (3, INT64), (2, INT32))),
    Form("Pow", ((N, 4), (4,)), low=0.1, high=3.0),
    *unary("Reciprocal"),
    *reduction("ReduceMax", (FLOAT32, INT64, INT32)),
    *reduction("ReduceMean"),
    *reduction("ReduceSum", (FLOAT32, INT64, INT32), early=(), late=OPSETS),
    *unary("Relu"),
    *(Form("Reshape", ((N, 6), shape)) for shape in ([-1, 2, 3], [0, 3, -1], [0, 0], [-1])),
    Form("Reshape", ((N, 6), [-1, 3]), {"allowzero": 1}, opsets=(17, 20, 23)),
    Form("Reshape", ((N, 0), [0, 4]), {"allowzero": 1}, opsets=(17, 20, 23)),
    *unary("Sigmoid", low=-20.0, high=20.0),
    *unary("Sign", (FLOAT32, INT64, INT32)),
    *(
        Form("Slice", ((N, 7, 3), *bounds))
        for bounds in (
            ([0, 2], [9, 5]),
            ([2], [2**63 - 1], [1]),
            ([-3], [-1], [-2]),
            ([1, 0], [-1, 2], [1, 2], [3, 1]),
            ([2**63 - 1], [-(2**63)], [1], [-2]),
            ([5], [1], [1], [-1]),
            ([4], [2], [1]),
        )
    ),
    Form("Slice", (((N, 7), INT64), np.array([1], INT32), np.array([4], INT32), np.array([1], INT32))),
    Form("Split", ((N, 6),), {"axis": 1}, 3, (13, 17)),
    Form("Split", ((N, 6),), {"axis": -1, "num_outputs": 3}, 3, LATE),
    Form("Split", ((N, 7),), {"axis": 1, "num_outputs": 3}, 3, LATE),
    Form("Split", ((N, 7), [1, 4, 2]), {"axis": 1}, 3),
    Form("Split", ((4, N),), {}, 2, (13, 17)),
    *unary("Sqrt", low=0.0, high=9.0),
    Form("Squeeze", ((N, 1, 3, 1), [1, -1])),
    Form("Squeeze", ((N, 1, 3, 1), [3])),
    Form("Squeeze", ((2, 1, 3),)),
    *binary("Sub"),
    *unary("Tanh"),
    *(Form("Transpose", ((N, 2, 3),), attributes) for attributes in ({}, {"perm": (0, 2, 1)}, {"perm": (2, 0, 1)})),
    *(Form("Unsqueeze", ((N, 3), axes)) for axes in ([0], [-1], [1, 3], [-1, 0])),
    *(
        Form("Where", ((condition, BOOL), (x, dtype), (y, dtype)))
        for condition, x, y in (((N, 4), (N, 4), ()), ((N, 1), (4,), (1, 4)), ((4,), (), (N, 4)))
        for dtype in (FLOAT32, INT64, INT32)
    ),
]


def test_every_operator_is_compared() -> None:
    assert {form.op_type for form in FORMS} == set(OPERATORS)


def draw(rng: np.random.Generator, spec: Spec, low: float, high: float) -> np.ndarray:
    if spec.dtype == FLOAT32:
        return rng.uniform(low, high, spec.shape).astype(FLOAT32)
    if spec.dtype == BOOL:
        return rng.random(spec.shape) < 0.5
    return rng.integers(int(low), int(high), spec.shape).astype(spec.dtype)


def arrays_of(form: Form, rows: int) -> tuple[list[np.ndarray | None], list[bool]]:
    """The form's input arrays, and which of them are initializers."""
    rng = np.random.default_rng(rows)
    arrays: list[np.ndarray | None] = []
    constant: list[bool] = []
    for entry in form.inputs:
        constant.append(isinstance(entry, (list, np.ndarray)))
        if entry is None:
            arrays.append(None)
        elif constant[-1]:
            arrays.append(np.array(entry, INT64) if isinstance(entry, list) else entry)
        else:
            shape, dtype = entry if len(entry) == 2 and isinstance(entry[1], np.dtype) else (entry, FLOAT32)
            spec = Spec(dtype, tuple(rows if size is None else size for size in shape))
            arrays.append(np.asarray(draw(rng, spec, form.low, form.high), dtype))
    return arrays, constant


def node_of(form: Form, arrays: list[np.ndarray | None], prefix: str = "") -> Node:
    names = tuple("" if array is None else f"{prefix}x{i}" for i, array in enumerate(arrays))
    return Node(form.op_type, "", names, tuple(f"{prefix}y{i}" for i in range(form.num_outputs)), form.attributes)


class OneGraph:
    """Nodes of many forms side by side in one ONNX model: an engine's start for each would take minutes."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []
        self._initializers: list[onnx.TensorProto] = []
        self._feeds: dict[str, np.ndarray] = {}

    def add(self, form: Form, prefix: str, rows: int) -> None:
        arrays, constant = arrays_of(form, rows)
        node = node_of(form, arrays, prefix)
        attributes = {
            name: numpy_helper.from_array(value) if isinstance(value, np.ndarray) else value
            for name, value in form.attributes.items()
        }
        self._nodes.append(helper.make_node(form.op_type, node.inputs, node.outputs, **attributes))
        self._outputs += [onnx.ValueInfoProto(name=name) for name in node.outputs]
        for name, array, fixed in zip(node.inputs, arrays, constant, strict=True):
            if fixed:
                self._initializers.append(numpy_helper.from_array(array, name))
            elif name:
                dtype = helper.np_dtype_to_tensor_dtype(array.dtype)
                self._inputs.append(helper.make_tensor_value_info(name, dtype, array.shape))
                self._feeds[name] = array

    def run(self, opset: int) -> dict[str, np.ndarray]:
        graph = helper.make_graph(self._nodes, "forms", self._inputs, self._outputs, self._initializers)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
        names = [output.name for output in self._outputs]
        session = onnxruntime.InferenceSession(model.SerializeToString(), session_options(), ["CPUExecutionProvider"])
        return dict(zip(names, session.run(names, self._feeds), strict=True))


@pytest.fixture(scope="module")
def wanted_of() -> Callable[..., list[NDArray[Any]]]:
    """What onnxruntime makes of a form: (form, opset, rows) -> arrays."""
    results: dict[tuple[int, int], dict[str, np.ndarray]] = {}

    def run_all(opset: int, rows: int) -> dict[str, np.ndarray]:
        graph = OneGraph()
        for number, form in enumerate(FORMS):
            if opset in form.opsets:
                graph.add(form, f"{number}_", rows)
        return graph.run(opset)

    def look_up(form: Form, opset: int, rows: int) -> list[np.ndarray]:
        if (opset, rows) not in results:
            results[opset, rows] = run_all(opset, rows)
        number = next(i for i, other in enumerate(FORMS) if other is form)
        return [results[opset, rows][f"{number}_y{i}"] for i in range(form.num_outputs)]

    return look_up


def assert_agree(found: Iterable[np.ndarray], wanted: list[np.ndarray]) -> None:
    for array, other in zip(found, wanted, strict=True):
        assert (array.dtype, array.shape) == (other.dtype, other.shape)
        if array.dtype == FLOAT32:
            np.testing.assert_allclose(array, other, rtol=2e-6, atol=2e-6)
        else:
            np.testing.assert_array_equal(array, other)


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_an_operator_agrees_with_onnxruntime(form: Form, wanted_of: Callable[..., list[NDArray[Any]]]) -> None:
    for opset, rows in itertools.product(form.opsets, ROWS):
        arrays, constant = arrays_of(form, rows)
        wanted, node, operator = wanted_of(form, opset, rows), node_of(form, arrays), OPERATORS[form.op_type]
        constants = [array if fixed else None for array, fixed in zip(arrays, constant, strict=True)]
        specs = operator.infer(node, [spec_of(array) for array in arrays], constants, opset)
        assert specs == [Spec(array.dtype, array.shape) for array in wanted]
        assert_agree(evaluate(operator, node, arrays, opset), wanted)
        assert_agree(run_numpy(node, arrays, constants, wanted, opset), wanted)


def run_numpy(
    node: Node, arrays: list[Any], constants: list[Any], like: list[np.ndarray], opset: int
) -> list[np.ndarray]:
    """The node as a whole graph in the numpy engine."""
    initializers = {name: array for name, array in zip(node.inputs, constants, strict=True) if array is not None}
    feeds = {name: array for name, array in zip(node.inputs, arrays, strict=True) if name and name not in initializers}
    inputs = tuple(Port(name, array.dtype.name, array.shape) for name, array in feeds.items())
    outputs = tuple(Port(name, array.dtype.name, array.shape) for name, array in zip(node.outputs, like, strict=True))
    backend = NumpyBackend(Model(8, opset, inputs, outputs, initializers, (node,), {}))
    made = {port.name: np.ones(port.shape, port.dtype) for port in outputs}
    backend.bind(feeds, made)()
    return list(made.values())


# -- whole policies -----------------------------------------------------------------------------------------------


def play(bundle: Bundle, step_of: Callable[..., Any], rows: int, num_steps: int = 100) -> list[dict[str, np.ndarray]]:
    """Outputs of a recurrent loop on random inputs, the hidden state carried by the engine itself."""
    rng = np.random.default_rng(11)
    inputs = {port.name: np.zeros((rows, *port.shape[1:]), port.dtype) for port in bundle.model.inputs}
    outputs = {port.name: np.zeros((rows, *port.shape[1:]), port.dtype) for port in bundle.model.outputs}
    step, played = step_of(inputs, outputs), []
    for _ in range(num_steps):
        for name, array in inputs.items():
            if f"next_{name}" in outputs:
                array[:] = outputs[f"next_{name}"]
            else:
                array[:] = rng.random(array.shape) < 0.5 if array.dtype == BOOL else rng.normal(size=array.shape)
        step()
        played.append({name: array.copy() for name, array in outputs.items()})
    return played


def assert_policies_agree(bundle: Bundle) -> None:
    session = onnxruntime.InferenceSession(bundle.data, session_options(), ["CPUExecutionProvider"])

    def bind_onnxruntime(inputs: Any, outputs: Any) -> Callable[..., None]:
        def step() -> None:
            for name, array in zip(outputs, session.run(list(outputs), inputs), strict=True):
                outputs[name][:] = array

        return step

    for rows in ROWS:
        found = play(bundle, NumpyBackend(bundle.model).bind, rows)
        wanted = play(bundle, bind_onnxruntime, rows)
        for step, other in zip(found, wanted, strict=True):
            for name in step:
                np.testing.assert_allclose(step[name], other[name], rtol=1e-5, atol=1e-5, err_msg=name)
        logits = np.stack([step["logits"] for step in found])
        assert np.ptp(logits, axis=0).min() > 0.1  # the policies are alive


@pytest.mark.parametrize("name", ["masked", "memoryless", "recurrent"])
def test_a_fixture_plays_alike_in_both_engines(name: str) -> None:
    assert_policies_agree(Bundle.read(FIXTURES / f"{name}.onnx"))


def test_an_exported_policy_plays_alike_in_both_engines(bundle_of: Any) -> None:
    assert_policies_agree(bundle_of("bandit")[0])


# -- what is refused ----------------------------------------------------------------------------------------------

TOLD = {  # by operator: what it is told by constants, attributes, the number of outputs
    "Reshape": ([([-1],), ([4, 6],)], {}, 1),
    "Expand": ([([1],), ([2, 3, 4, 2],)], {}, 1),
    "Squeeze": ([([3],), ([-1],), ([],)], {}, 1),
    "Unsqueeze": ([([0],), ([0, 1],), ([],)], {}, 1),
    "Slice": ([([1], [3]), ([1], [3], [2]), ([1], [3], [2], [1])], {}, 1),
    "Split": ([([1, 2],), ([3, 0],)], {"axis": 1}, 2),
    "ReduceSum": ([([1],), ([],)], {}, 1),
    "ReduceMax": ([([1],), ([1, 2],)], {}, 1),
    "ReduceMean": ([([1],), ([],)], {}, 1),
}
WRITTEN = {  # by operator: values of attributes, sound ones and others
    "Transpose": [{"perm": perm} for perm in ((3, 2, 1, 0), (-1, 0, 1, 2), (0, 1, 2, -1))],
    "Cast": [{"to": 1, "saturate": flag} for flag in (0, 1)],
    "ArgMax": [{"keepdims": flag} for flag in (0, 1, 2, -1)] + [{"select_last_index": flag} for flag in (1, 2)],
    "ReduceSum": [{"keepdims": flag} for flag in (0, 1, 2)] + [{"noop_with_empty_axes": 3}],
    "Where": [{}],
    "Conv": [
        *({"strides": strides} for strides in ((1, 1), (2, 3), (9, 9), (0, 1), (1, -1), (1,), (1, 1, 1))),
        *({"pads": pads} for pads in ((1, 0, 1, 0), (1, 1, 1, 1), (2, 0, 0, 0), (-1, 0, 0, 0), (1, 1), (0,) * 6)),
        *({"group": group} for group in (1, 0, 2, 3)),
        *({"dilations": dilations} for dilations in ((1, 1), (1,), (2, 1), (0, 0))),
        *({"kernel_shape": kernel} for kernel in ((2, 1), (1, 2), (2,), (0, 0))),
        *({"auto_pad": pad} for pad in ("NOTSET", "VALID", "SAME_UPPER", "", "nonsense")),
    ],
}


def told_otherwise(told: tuple[list[int], ...]) -> Iterable[list[np.ndarray]]:
    """What an operator is told as vectors, and with one or all of them of another rank or element type."""
    for rank, dtype, which in itertools.product((0, 1, 2), (INT64, INT32, FLOAT32), range(len(told) + 1)):
        arrays = [np.array(values, INT64) for values in told]
        for position, array in enumerate(arrays):
            if which in (position, len(told)) and (rank or array.size == 1):
                shape = {0: (), 1: (-1,), 2: (1, -1)}[rank]
                arrays[position] = array.astype(dtype).reshape(shape if array.size else (0,) * max(rank, 1))
        yield arrays


def run_onnxruntime(node: Node, x: np.ndarray, constants: list[np.ndarray], opset: int) -> list[np.ndarray]:
    declared = [helper.make_tensor_value_info("x0", helper.np_dtype_to_tensor_dtype(x.dtype), x.shape)]
    initializers = [numpy_helper.from_array(array, f"x{i + 1}") for i, array in enumerate(constants)]
    made = helper.make_node(node.op_type, node.inputs, node.outputs, **node.attributes)
    outputs = [onnx.ValueInfoProto(name=name) for name in node.outputs]
    graph = helper.make_graph([made], "one", declared, outputs, initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    session = onnxruntime.InferenceSession(model.SerializeToString(), session_options(), ["CPUExecutionProvider"])
    results: list[np.ndarray] = session.run(None, {"x0": x})
    return results


@pytest.mark.parametrize("opset", [13, 18, 23])
@pytest.mark.parametrize("op_type", [*TOLD, *(f"{name}, written" for name in WRITTEN)])
def test_what_is_accepted_runs_in_onnxruntime_with_the_same_result(op_type: Any, opset: int) -> None:
    """A node that passes here and fails there would be a bundle that is checked, and then does not load."""
    x = np.arange(24, dtype=FLOAT32).reshape(2, 3, 4, 1)
    name = op_type.removesuffix(", written")
    forms = [
        (x, constants, TOLD[name][1]) for told in TOLD.get(op_type, ([],))[0] for constants in told_otherwise(told)
    ]
    if op_type != name:
        more = {"Where": [x > 3.0, x < 5.0], "Conv": [np.ones((2, 3, 2, 1), FLOAT32)]}.get(name, [])
        forms = [(x > 7.0 if name == "Where" else x, more, attributes) for attributes in WRITTEN[name]]
    accepted = 0
    for first, constants, attributes in forms:
        num_outputs = TOLD[name][2] if op_type == name else 1
        node = Node(
            name, "", tuple(f"x{i}" for i in range(len(constants) + 1)), tuple(f"y{i}" for i in range(num_outputs)),
            attributes,
        )  # fmt: skip
        try:
            found = evaluate(OPERATORS[name], node, [first, *constants], opset)
        except ValueError:
            continue
        accepted += 1
        for array, other in zip(found, run_onnxruntime(node, first, constants, opset), strict=True):
            np.testing.assert_array_equal(array, other)
    late = opset >= {"Cast": 19, "ReduceMax": 18, "ReduceMean": 18}.get(name, 13)
    assert (accepted > 0) == (late and name != "Where")
