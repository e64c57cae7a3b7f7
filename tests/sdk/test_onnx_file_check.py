"""The check of a graph: each kind of finding says what, where and what to do."""

# mypy: disable-error-code="arg-type, call-arg"

import contextlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gameagent_sdk import Bundle, BundleError
from gameagent_sdk.authoring import Port
from gameagent_sdk.graph import Model, Node
from gameagent_sdk.onnx_file.check import check_graph
from gameagent_sdk.onnx_file.findings import CheckStopped, Findings
from gameagent_sdk.onnx_file.reader import Content, Declared
from gameagent_sdk.operators import Operator, Spec
from sdk.hostile.onnx_writer import INT64, attribute, data, ints, node, port, tensor, tensor_attribute
from sdk.hostile.sound import bundle, detour, policy

FLOAT = np.dtype(np.float32)


def stretched(node: Any, specs: Any, constants: Any, opset: Any) -> list[Any]:
    """A vector of the constant's length after the rows; impossible for a length of 13, and worse for 14."""
    length = int(constants[1].item())
    if length == 13:
        raise ValueError("thirteen\x07 is unlucky")
    if length == 14:
        raise KeyError("\x1b fourteen")
    return [Spec(specs[0].dtype, (specs[0].shape[0], length))] * (2 if length == 15 else len(node.outputs))


def same(node: Any, specs: Any, constants: Any, opset: Any) -> list[Any]:
    return [specs[0]]


def value_of(node: Any, specs: Any, constants: Any, opset: Any) -> list[Any]:
    return [Spec(node.attributes["value"].dtype, node.attributes["value"].shape)]


def free(node: Any, inputs: Any, outputs: Any) -> int:
    return 0


def build_value(node: Any, constants: Any, opset: Any) -> Callable[..., Any]:
    return lambda out=None: node.attributes["value"]


OPERATORS = {
    "Same": Operator((1, 2), (1, 1), same, None, free, {"alpha": float, "axes": (int, tuple)}),
    "Stretch": Operator((2, 2), (1, 3), stretched, None, free, constant_inputs=frozenset({1})),
    "Constant": Operator((0, 0), (1, 1), value_of, build_value, free, {"value": np.ndarray}, view=True),
}


def op(op_type: str, inputs: str, outputs: str, name: str = "", **attributes: Any) -> Node:
    return Node(op_type, name, tuple(inputs.split()), tuple(outputs.split()), attributes)


def length(value: int) -> NDArray[Any]:
    return np.array([value], np.int64)


def findings_of(
    *nodes: Any,
    initializers: dict[Any, Any] | None = None,
    inputs: tuple[Any, ...] | None = None,
    outputs: Any = None,
    value_info: Any = (),
    promised: tuple[Any, ...] = ((), ()),
) -> list[Any]:
    """What is found in a graph from x (N, 4) to y (N, 4)."""
    initializers = initializers or {}
    inputs = (Port("x", "float32", (None, 4)),) if inputs is None else inputs
    outputs = (Port("y", "float32", (None, 4)),) if outputs is None else outputs
    names = frozenset([port.name for port in inputs] + list(initializers))
    findings = Findings()
    content = Content(Model(8, 17, inputs, outputs, initializers, nodes, {}), value_info, names)
    with contextlib.suppress(CheckStopped):
        check_graph(content, *promised, findings, OPERATORS)
    assert all(finding.advice for finding in findings.found)
    return [(finding.what, finding.where) for finding in findings.found]


def test_sound_graphs() -> None:
    constant = op("Constant", "", "n", value=length(4))
    assert findings_of(op("Same", "x", "y", alpha=0.5, axes=(1, 2))) == []
    assert findings_of(constant, op("Stretch", "x n", "y")) == []
    assert findings_of(op("Stretch", "x n", "y a b"), initializers={"n": length(4)}) == []
    assert findings_of(op("Same", "x", "y"), value_info=(Declared("x", "float32", (None, 4)),)) == []


@pytest.mark.parametrize(
    ("nodes", "expected"),
    [
        ([op("Sane", "x", "y")], ("the operator Sane is not one that a bundle may use", "node 0 (Sane)")),
        (
            [op("Same", "x", "y", "n\x1b", beta=1)],
            ("it has the attribute beta, which its operator does not", r"node 0 'n\\x1b' (Same)"),
        ),
        (
            [op("Same", "x", "y", alpha=1)],
            ("its attribute alpha is of type int instead of float", "node 0 (Same)"),
        ),
        (
            [op("Same", "x", "y", axes=0.5)],
            ("its attribute axes is of type float instead of int or tuple", "node 0 (Same)"),
        ),
        ([op("Same", "x x x", "y")], ("it has 3 inputs where its operator takes 1 to 2", "node 0 (Same)")),
        ([op("Same", "x", "y z")], ("it has 2 outputs where its operator takes 1", "node 0 (Same)")),
        (
            [Node("Same", "", ("", "x"), ("y",), {})],
            ("its input 0 is left out, but its operator needs it", "node 0 (Same)"),
        ),
        ([op("Same", "z", "y"), op("Same", "x", "z")], ("its input z is not defined before it", "node 0 (Same)")),
        ([op("Same", "x", "y"), op("Same", "x", "y")], ("its output y is defined twice", "node 1 (Same)")),
        ([op("Same", "x", "y"), op("Same", "x", "x")], ("its output x is defined twice", "node 1 (Same)")),
        ([op("Same", "x", "z")], ("no node produces it", "output y")),
        ([op("Stretch", "x x", "y")], ("its input 1 (x) must be constant", "node 0 (Stretch)")),
    ],
)
def test_nodes(nodes: list[Any], expected: tuple[Any, ...]) -> None:
    assert findings_of(*nodes) == [expected]


@pytest.mark.parametrize(
    ("value", "what"),
    [
        (13, r"it is impossible (thirteen\x07 is unlucky)"),
        (14, r"it is impossible (KeyError('\x1b fourteen'))"),
        (15, "it makes 2 outputs, but names 1"),
        (-1, "the tensor y would be (2, -1)"),
        (2**24, "the tensor y would be (2, 16777216)"),
    ],
)
def test_what_inference_finds(value: int, what: str) -> None:
    found = findings_of(op("Stretch", "x n", "y", "s"), initializers={"n": length(value)})
    assert found[0] == (what, "node 0 's' (Stretch)")


def test_declared_sizes_are_those_that_are_made() -> None:
    declared = (Declared("x", "float32", (None, 5)), Declared("t", "int64", None), Declared("u", None, (None, 2, 2)))
    found = findings_of(
        op("Same", "x", "t"), op("Same", "x", "u"), op("Stretch", "x n", "y"),
        initializers={"n": length(3)},
        value_info=declared,
    )  # fmt: skip
    assert found == [
        ("it is declared float32 (2, 4), but with 2 rows it is float32 (2, 3)", "output y"),
        ("it is declared float32 (?, 5), but with 2 rows it is float32 (2, 4)", "tensor x"),
        ("it is declared int64, but with 2 rows it is float32 (2, 4)", "tensor t"),
        ("it is declared (?, 2, 2), but with 2 rows it is float32 (2, 4)", "tensor u"),
    ]


def test_a_size_that_fits_two_rows_by_chance_is_found_out() -> None:
    found = findings_of(op("Same", "x", "y"), value_info=(Declared("x", None, (2, 4)),))
    assert found == [("it is declared (2, 4), but with 3 rows it is float32 (3, 4)", "tensor x")]


def test_the_manifest_fills_in_what_the_graph_leaves_open() -> None:
    open_ports = (Port("x", "float32", (None, None)),)
    made = op("Same", "x", "y")
    promised = (Port("x", "float32", (None, 5)),)
    found = findings_of(made, inputs=open_ports, promised=(promised, ()))
    assert found == [("it is declared float32 (2, 4), but with 2 rows it is float32 (2, 5)", "output y")]
    assert findings_of(made, inputs=open_ports) == [("not all of its sizes are fixed: float32 (N, N)", "input x")]


def test_ports() -> None:
    double = (Port("x", "float32", (None, 4)),) * 2
    assert findings_of(op("Same", "x", "y"), inputs=double)[0] == ("the name is given twice", "input x")
    found = findings_of(op("Same", "x", "y"), outputs=(Port("y", "float32", (None, 4)),) * 2)
    assert found == [("the name is given twice", "output y")]
    found = findings_of(op("Same", "x", "y"), initializers={"x": np.zeros((2, 4), np.float32)})
    assert ("an initializer has the same name", "input x") in found


def test_nothing_is_said_of_what_hangs_on_a_refused_node() -> None:
    chain = [op("Sane", "x", "a"), op("Same", "a", "b"), op("Stretch", "b n", "y")]
    assert len(findings_of(*chain, initializers={"n": length(4)})) == 1


# With the real operators, through Bundle.from_bytes


def test_the_sound_bundle_passes() -> None:
    model = Bundle.from_bytes(bundle()).model
    assert [node.op_type for node in model.nodes] == ["MatMul", "Add", "Tanh", "MatMul"]


@pytest.mark.parametrize(
    ("graph_bytes", "message"),
    [
        (
            detour(node("MatMul", ["observation", "w_out"], ["logits"], extra=data(3, "oops"))),
            r"node 4 'oops' \(MatMul\): it is impossible \(.*MatMul.*\): export the bundle again",
        ),
        (
            detour(node("Einsum", ["scores", "w_out"], ["logits"])),
            r"node 4 \(Einsum\): the operator Einsum is not one that a bundle may use: write the step with",
        ),
        (
            detour(node("Reshape", ["scores", "to"], ["logits"]), initializers=[ints("to", -1, 4)]),
            r"node 4 \(Reshape\): it is impossible with many rows \(Reshape cannot make \(524292, 4\) of .1048585, 2",
        ),
        (
            detour(node("Reshape", ["scores", "scores"], ["logits"])),
            r"node 4 \(Reshape\): its input 1 \(scores\) must be constant",
        ),
        (
            detour(node("Relu", ["scores"], ["logits"], [attribute("alpha", 1)])),
            r"node 4 \(Relu\): it has the attribute alpha, which its operator does not",
        ),
        (
            policy(inputs=(port("observation", ("N", 3)), port("hidden_h", ("N", 2)))),
            "input previous_action is missing",
        ),
    ],
)
def test_findings_in_a_bundle(graph_bytes: bytes, message: str) -> None:
    with pytest.raises(BundleError, match=message):
        Bundle.from_bytes(bundle(graph_bytes))


def test_a_constant_node_counts_as_a_constant() -> None:
    shape = tensor("", (2,), np.array([-1, 2], "<i8").tobytes(), INT64)
    constant = node("Constant", [], ["to"], [tensor_attribute("value", shape)])
    Bundle.from_bytes(bundle(detour(constant, node("Reshape", ["scores", "to"], ["logits"]))))
