"""The SDK's own reader of ONNX files and onnx's parser understand the same, or the SDK refuses the file."""

# mypy: disable-error-code="return-value, union-attr"

import random
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from gameagent_sdk.onnx_file.findings import CheckStopped, Findings
from gameagent_sdk.onnx_file.reader import Declared, read_envelope, read_graph

FIXTURES = Path(__file__).parents[1] / "sdk" / "fixtures"
DTYPES = {1: "float32", 6: "int32", 7: "int64", 9: "bool", 11: "float64"}


def read(data: Any) -> Declared | None | None:
    """The model and its value_info; None where there are findings."""
    findings = Findings()
    try:
        content = read_graph(read_envelope(data, findings), findings)
    except CheckStopped:
        return None
    return None if findings.found else content


def attribute_of(proto: Any) -> Any:
    if proto.type == onnx.AttributeProto.TENSOR:
        return numpy_helper.to_array(proto.t)
    value = helper.get_attribute_value(proto)
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, (int, float)):
        return value
    return tuple(entry.decode() if isinstance(entry, bytes) else entry for entry in value)


def port_of(proto: Any) -> Any:
    tensor = proto.type.tensor_type
    sizes = tuple(dim.dim_value if dim.HasField("dim_value") else None for dim in tensor.shape.dim)
    dtype = DTYPES.get(tensor.elem_type, f"element type {tensor.elem_type}") if tensor.HasField("elem_type") else None
    return proto.name, dtype, sizes if tensor.HasField("shape") else None


def assert_same(content: Declared | Declared | None, proto: Any) -> None:
    """What the SDK read is what onnx's parser read."""
    model, graph = content.model, proto.graph
    assert (model.ir_version, model.opset) == (proto.ir_version, proto.opset_import[0].version)
    assert dict(model.metadata) == {entry.key: entry.value for entry in proto.metadata_props}
    assert [(port.name, port.dtype, port.shape) for port in model.inputs] == list(map(port_of, graph.input))
    assert [(port.name, port.dtype, port.shape) for port in model.outputs] == list(map(port_of, graph.output))
    assert [tuple(declared) for declared in content.value_info] == list(map(port_of, graph.value_info))
    assert list(model.initializers) == [tensor.name for tensor in graph.initializer]
    for tensor in graph.initializer:
        array, expected = model.initializers[tensor.name], numpy_helper.to_array(tensor)
        assert array.dtype == expected.dtype and array.shape == expected.shape
        np.testing.assert_array_equal(array, expected)
    assert len(model.nodes) == len(graph.node)
    for node, wanted in zip(model.nodes, graph.node, strict=True):
        assert (node.op_type, node.name) == (wanted.op_type, wanted.name)
        assert (node.inputs, node.outputs) == (tuple(wanted.input), tuple(wanted.output))
        assert list(node.attributes) == [attribute.name for attribute in wanted.attribute]
        for attribute in wanted.attribute:
            np.testing.assert_array_equal(node.attributes[attribute.name], attribute_of(attribute), strict=False)


@pytest.mark.parametrize("name", ["masked", "memoryless", "recurrent"])
def test_fixtures(name: str) -> None:
    data = (FIXTURES / f"{name}.onnx").read_bytes()
    assert_same(read(data), onnx.load_model_from_string(data))


def test_an_exported_policy(bundle_of: Any) -> None:
    bundle, _, _ = bundle_of("bandit")
    assert len(bundle.model.nodes) > 20
    assert_same(read(bundle.data), onnx.load_model_from_string(bundle.data))


def test_damaged_files_are_refused_or_understood_alike() -> None:
    """Random bytes changed, put in, taken out: whatever the SDK still accepts, onnx must see in it too."""
    data = (FIXTURES / "recurrent.onnx").read_bytes()
    noise = random.Random(0)
    num_accepted = 0
    for _ in range(3000):
        damaged = bytearray(data)
        for _ in range(noise.randint(1, 3)):
            position = noise.randrange(len(data) - 1300)  # the manifest's text stands behind
            kind = noise.choice(["change", "change", "change", "put in", "take out"])
            damaged[position : position + (kind != "put in")] = noise.randbytes(kind != "take out")
        content = read(bytes(damaged))
        if content is not None:
            num_accepted += 1
            assert_same(content, onnx.load_model_from_string(bytes(damaged)))
    assert 300 < num_accepted < 2700  # weights and names may change, sizes and types may not


NAMES = st.text(max_size=8)
INTEGERS = st.integers(-(2**63), 2**63 - 1)
REALS = st.floats(width=32, allow_nan=False, allow_infinity=False)
VALUES = st.one_of(
    INTEGERS, REALS, NAMES, *(st.lists(kind, min_size=1, max_size=5) for kind in (INTEGERS, REALS, NAMES))
)
SHAPES = st.lists(st.integers(0, 3), max_size=3)


@st.composite
def tensors(draw: Any) -> TensorProto:
    """A TensorProto of any of the element types, raw or not."""
    kind, elements = draw(
        st.sampled_from(
            [
                (TensorProto.FLOAT, REALS),
                (TensorProto.DOUBLE, st.floats(allow_nan=False, allow_infinity=False)),
                (TensorProto.INT32, st.integers(-(2**31), 2**31 - 1)),
                (TensorProto.INT64, INTEGERS),
                (TensorProto.BOOL, st.booleans()),
            ]
        )
    )
    shape = draw(SHAPES)
    size = int(np.prod(shape, dtype=int))
    values = draw(st.lists(elements, min_size=size, max_size=size))
    if draw(st.booleans()):
        return numpy_helper.from_array(np.array(values, DTYPES[kind]).reshape(shape))
    return helper.make_tensor("", kind, shape, values)


@st.composite
def models(draw: Any) -> Any:
    weights = draw(st.lists(tensors(), max_size=4))
    for i, weight in enumerate(weights):
        weight.name = f"w{i}"
    nodes = []
    for _ in range(draw(st.integers(0, 4))):
        names = (draw(NAMES), draw(st.lists(NAMES, max_size=3)), draw(st.lists(NAMES, max_size=3)), draw(NAMES))
        attributes = draw(st.dictionaries(NAMES.filter(bool), st.one_of(VALUES, tensors()), max_size=3))
        node = helper.make_node(*names)
        node.attribute.extend(helper.make_attribute(key, value) for key, value in attributes.items())
        nodes.append(node)
    ports = [
        helper.make_tensor_value_info(draw(NAMES), draw(st.sampled_from(list(DTYPES))), draw(axes))
        for axes in [st.lists(st.one_of(st.none(), st.just("N"), st.integers(0, 2**40)), max_size=4)] * 3
    ]
    graph = helper.make_graph(nodes, "graph", ports[:1], ports[1:2], weights, value_info=ports[2:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, draw(st.dictionaries(NAMES, NAMES, max_size=3)))
    return model


@settings(max_examples=200, deadline=None)
@given(models())
def test_any_model_within_the_rules_is_read_as_onnx_reads_it(model: Any) -> None:
    content = read(model.SerializeToString())
    assert content is not None
    assert_same(content, model)
