"""The strict reader: what it makes of a file's bytes, and what it says of those it refuses."""

import struct
from typing import Any

import numpy as np
import pytest

from gameagent_sdk import BundleError
from gameagent_sdk.authoring import Port
from gameagent_sdk.onnx_file import limits
from gameagent_sdk.onnx_file.findings import CheckStopped, Findings
from gameagent_sdk.onnx_file.reader import read_envelope, read_graph
from sdk.hostile.onnx_writer import (
    BOOL,
    DOUBLE,
    FLOAT,
    FLOAT16,
    INT32,
    INT64,
    attribute,
    data,
    graph,
    integer,
    metadata,
    node,
    opset,
    port,
    real,
    tensor,
    tensor_attribute,
    varint,
)

HEAD = integer(1, 8) + opset(17)


def read(graph_bytes: bytes, head: bytes = HEAD) -> Any:
    """The content and the findings of a file; None for content where reading stopped."""
    findings = Findings()
    try:
        content = read_graph(read_envelope(head + data(7, graph_bytes), findings), findings)
    except CheckStopped:
        content = None
    return content, findings.found


def weights(*tensors: Any) -> Any:
    """The initializers of a file that is sound otherwise."""
    content, found = read(graph([], tensors))
    assert found == []
    return content.model.initializers


def the_finding(graph_bytes: bytes, head: bytes = HEAD) -> Any:
    """What, where, advice of the one finding."""
    _, found = read(graph_bytes, head)
    assert len(found) == 1, found
    assert found[0].advice
    return found[0].what, found[0].where


# What it reads


def test_a_model_is_read() -> None:
    nodes = [
        node("Gemm", ["x", "w", ""], ["y", ""], [attribute("alpha", 0.5), attribute("transB", -1)], data(3, "first")),
        node("Made", [], [], [attribute("text", "até"), attribute("list", [3, -(2**63)]), attribute("none", [])]),
    ]
    content, found = read(graph(nodes, [], [port("x", ("N", 3, None))], [port("y", (0, 2), BOOL)]))
    assert found == []
    model = content.model
    assert (model.ir_version, model.opset) == (8, 17)
    assert model.inputs == (Port("x", "float32", (None, 3, None)),)
    assert model.outputs == (Port("y", "bool", (0, 2)),)
    first, second = model.nodes
    assert (first.op_type, first.name, first.inputs, first.outputs) == ("Gemm", "first", ("x", "w", ""), ("y", ""))
    assert first.attributes == {"alpha": 0.5, "transB": -1}
    assert second.attributes == {"text": "até", "list": (3, -(2**63)), "none": ()}


def test_attributes_that_hold_nothing_have_protobuf_s_defaults() -> None:
    empty = [data(1, name) + integer(20, kind) for name, kind in (("f", 1), ("i", 2), ("s", 3), ("floats", 6))]
    content, found = read(graph([node("Made", [], [], empty)]))
    assert found == [] and content.model.nodes[0].attributes == {"f": 0.0, "i": 0, "s": "", "floats": ()}


def test_lists_of_floats_and_texts_and_tensors_in_attributes() -> None:
    attributes = [
        data(1, "unpacked") + real(7, 0.5) + real(7, -2.0) + integer(20, 6),
        data(1, "packed") + data(7, struct.pack("<2f", 0.5, -2.0)) + integer(20, 6),
        data(1, "texts") + data(9, "a") + data(9, "") + integer(20, 8),
        tensor_attribute("value", tensor("", (2,), struct.pack("<2f", 1, 2))),
    ]
    content, found = read(graph([node("Made", [], [], attributes)]))
    assert found == []
    values = dict(content.model.nodes[0].attributes)
    np.testing.assert_array_equal(values.pop("value"), np.array([1, 2], np.float32))
    assert values == {"unpacked": (0.5, -2.0), "packed": (0.5, -2.0), "texts": ("a", "")}


@pytest.mark.parametrize(
    ("code", "dtype", "stored", "expected"),
    [
        (FLOAT, "f4", data(9, struct.pack("<2f", 1.5, -2)), [1.5, -2]),
        (FLOAT, "f4", data(4, struct.pack("<2f", 1.5, -2)), [1.5, -2]),
        (FLOAT, "f4", real(4, 1.5) + data(4, struct.pack("<f", -2)), [1.5, -2]),
        (DOUBLE, "f8", data(9, struct.pack("<2d", 1e300, -2)), [1e300, -2]),
        (DOUBLE, "f8", data(10, struct.pack("<d", 1e300)) + b"\x51" + struct.pack("<d", -2), [1e300, -2]),
        (INT64, "i8", data(9, struct.pack("<2q", 2**62, -1)), [2**62, -1]),
        (INT64, "i8", data(7, varint(2**62) + varint(-1)), [2**62, -1]),
        (INT64, "i8", integer(7, 2**62) + integer(7, -1), [2**62, -1]),
        (INT32, "i4", data(9, struct.pack("<2i", 2**31 - 1, -1)), [2**31 - 1, -1]),
        (INT32, "i4", data(5, varint(-(2**31))) + integer(5, 127), [-(2**31), 127]),
        (BOOL, "?", data(9, b"\x00\x01"), [False, True]),
        (BOOL, "?", data(5, b"\x00\x01"), [False, True]),
    ],
)
def test_weights_are_read_however_they_are_stored(code: int, dtype: str, stored: bytes, expected: list[Any]) -> None:
    (array,) = weights(tensor("w", (2,), None, code, stored)).values()
    assert array.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(array, np.array(expected, dtype))
    assert not array.flags.writeable and array.flags.aligned and array.flags.c_contiguous


def test_shapes_of_weights() -> None:
    values = np.arange(6, dtype=np.float32)
    packed = data(1, varint(3) + varint(2)) + integer(2, FLOAT) + data(8, "packed") + data(9, values.tobytes())
    read = weights(
        tensor("matrix", (2, 3), values.tobytes()),
        packed,
        tensor("scalar", (), struct.pack("<f", 7)),
        tensor("none", (2, 0), b""),
        tensor("nowhere", (0,)),
    )
    np.testing.assert_array_equal(read["matrix"], values.reshape(2, 3))
    np.testing.assert_array_equal(read["packed"], values.reshape(3, 2))
    assert [read[name].shape for name in ("scalar", "none", "nowhere")] == [(), (2, 0), (0,)]
    assert read["scalar"] == 7


def test_aligned_weights_share_the_file_s_memory() -> None:
    """The tensor's place is moved byte by byte: one in four is aligned."""
    shared = 0
    for length in range(8):
        head = HEAD + data(2, "x" * length)
        findings = Findings()
        raw = head + data(7, graph([], [tensor("w", (2,), struct.pack("<2f", 1, 2))]))
        array = read_graph(read_envelope(raw, findings), findings).model.initializers["w"]
        np.testing.assert_array_equal(array, [1, 2])
        shared += np.shares_memory(array, np.frombuffer(raw, np.uint8))
    assert shared == 2


# What it refuses: the encoding


@pytest.mark.parametrize(
    ("graph_bytes", "what", "where"),
    [
        (data(1, data(4, "Add") + data(4, "Mul")), "op_type is given twice", "graph.node[0]"),
        (data(1, data(4, "Add")) * 2 + data(1, integer(4, 1)), "op_type is stored as another type", "graph.node[2]"),
        (integer(99, 1), "it holds a field with the unknown number 99", "graph"),
        (data(1, data(4, b"\xff")), "op_type is not UTF-8 text", "graph.node[0]"),
        (data(1, data(4, "x" * 1025)), "op_type is 1025 bytes long, 1024 at most are read", "graph.node[0]"),
        (data(10, "x" * (2**20 + 1)), "doc_string is 1048577 bytes long", "graph"),
        (
            data(5, integer(2, 2**32 + 1)),
            "data_type is 4294967297, which is not a 32-bit number",
            "graph.initializer[0]",
        ),
        (data(1, data(9, data(1, b"\xff"))), "key is not UTF-8 text", "graph.node[0].metadata_props[0]"),
        (data(1, data(9, data(1, "a") * 2)), "key is given twice", "graph.node[0].metadata_props[0]"),
        (data(15, b""), "it holds sparse_initializer, which no bundle may use", "graph"),
        (data(14, b""), "it holds quantization_annotation", "graph"),
        (data(1, data(5, data(6, b""))), "it holds g, which", "graph.node[0].attribute[0]"),
        (data(5, data(13, b"")), "it holds external_data, which", "graph.initializer[0]"),
        (data(13, data(2, data(4, b""))), "it holds sequence_type", "graph.value_info[0].type"),
        (
            data(13, data(2, data(1, data(2, data(1, integer(1, 3) + data(2, "N")))))),
            "dim_param and dim_value exclude each other",
            "graph.value_info[0].type.tensor_type.shape.dim[0]",
        ),
    ],
)
def test_one_thing_that_parsers_would_pass_over(graph_bytes: bytes, what: str, where: str) -> None:
    _, found = read(graph_bytes)
    assert found[0].what.startswith(what)
    assert found[0].where == where


@pytest.mark.parametrize(
    ("graph_bytes", "what", "offset"),
    [
        (b"\x0b", "no protobuf field starts", 0),  # a group
        (b"\x0f", "no protobuf field starts", 0),  # wire type 7
        (b"\x00", "no protobuf field starts", 0),  # field number 0
        (b"\x82\x00", "a number is written longer than it needs to be", 0),
        (b"\x12\x80\x00", "a number is written longer than it needs to be", 1),
        (b"\x12" + b"\xff" * 9 + b"\x02", "a number is written longer than it needs to be", 1),  # 65 bits
        (b"\x12" + b"\xff" * 10 + b"\x01", "no number ends", 1),
        (b"\x12", "no number ends", 1),
        (b"\x12\x05abc", "the field ends after what holds it", 2),
        (b"\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "the field ends after what holds it", 11),
    ],
)
def test_damage_is_located_and_ends_the_reading(graph_bytes: bytes, what: str, offset: int) -> None:
    content, found = read(graph_bytes)
    start = len(HEAD) + 2
    assert content is None
    assert [(finding.what, finding.where) for finding in found] == [(what, f"graph, byte {start + offset}")]


def test_parts_of_numbers_are_damage() -> None:
    assert the_finding(graph([], [data(4, b"\0\0\0")]))[0] == "float_data holds a part of a number"
    assert the_finding(data(1, data(5, b"\x15\0\0")))[0] == "the field ends after what holds it"


def test_millions_of_fields_are_not_read() -> None:
    for many in (integer(99, 0), data(13, b"")):
        _, found = read(many * (limits.MAX_FIELDS + 1))
        assert len(found) <= limits.MAX_FINDINGS
    assert "more than 250000 fields" in the_finding(data(13, b"") * (limits.MAX_FIELDS + 1))[0]
    numbers = tensor("w", (1,), None, INT64, data(7, b"\0" * limits.MAX_FIELDS))
    assert "more than 250000 numbers" in the_finding(graph([], [numbers]))[0]


def test_it_stops_at_fifty_findings() -> None:
    content, found = read(integer(99, 1) * 1000)
    assert content is None and len(found) == limits.MAX_FINDINGS == 50


# What it refuses: the content


@pytest.mark.parametrize(
    ("head", "what"),
    [
        (opset(17), "ir_version is 0, 4 to 13 are read"),
        (integer(1, 3) + opset(17), "ir_version is 3, 4 to 13 are read"),
        (integer(1, 8), "ONNX's operator set is imported 0 times"),
        (HEAD + opset(17, "ai.onnx"), "ONNX's operator set is imported 2 times"),
        (HEAD + opset(1, "evil\x1b"), r"operators of the domain evil\x1b are imported"),
        (integer(1, 8) + opset(12), "opset 12 is imported, 13 to 23 are read"),
        (integer(1, 8) + opset(24), "opset 24 is imported, 13 to 23 are read"),
        (HEAD + data(20, b""), "it holds training_info, which no bundle may use"),
        (HEAD + data(25, b""), "it holds functions, which no bundle may use"),
        (HEAD + metadata("a", "b") + metadata("a", "c"), "the metadata holds 2 entries a"),
        (HEAD + b"".join(metadata(str(i), "") for i in range(65)), "it holds 65 entries"),
    ],
)
def test_envelopes(head: bytes, what: str) -> None:
    assert the_finding(b"", head)[0] == what


def test_a_file_without_a_graph() -> None:
    findings = Findings()
    with pytest.raises(CheckStopped):
        read_envelope(HEAD, findings)
    assert [finding.what for finding in findings.found] == ["it holds no graph"]


@pytest.mark.parametrize(
    ("tensor_bytes", "what"),
    [
        (tensor("w", (2, 3), bytes(20)), "its shape (2, 3) of float32 takes 24 bytes, but it holds 20"),
        (tensor("w", (2, 3), bytes(28)), "its shape (2, 3) of float32 takes 24 bytes, but it holds 28"),
        (tensor("w", (2, 3)), "its shape (2, 3) of float32 takes 24 bytes, but it holds 0"),
        (tensor("w", (2,), bytes(7)), "its shape (2,) of float32 takes 8 bytes, but it holds 7"),
        (tensor("w", (3,), None, INT64, data(7, b"\0\0")), "its shape (3,) of int64 takes 24 bytes, but it holds 16"),
        (tensor("w", (-1,), bytes(4)), "its shape (-1,) is impossible or too large"),
        (tensor("w", (2**24 + 1,), b""), "its shape (16777217,) is impossible or too large"),
        (tensor("w", (2**40, 2**40, 0), b""), "its shape (1099511627776, 1099511627776, 0) is impossible"),
        (tensor("w", (1,) * 9, bytes(4)), "its shape of 9 axes is impossible or too large"),
        (tensor("w", (2,), bytes(4), FLOAT16), "its numbers are of element type 10"),
        (tensor("w", (2,), bytes(8), extra=real(4, 0)), "its numbers stand in raw_data and float_data, for float32"),
        (tensor("w", (1,), None, INT64, real(4, 0)), "its numbers stand in float_data, for int64"),
        (tensor("w", (1,), bytes(4), extra=integer(14, 1)), "its data lies in another file"),
        (tensor("w", (2,), b"\1\2", BOOL), "it holds truth values other than 0 and 1"),
        (tensor("w", (2,), None, BOOL, data(5, b"\1\2")), "it holds truth values other than 0 and 1"),
        (tensor("w", (1,), struct.pack("<f", np.nan)), "it holds NaN or infinite numbers"),
        (tensor("w", (1,), struct.pack("<d", -np.inf), DOUBLE), "it holds NaN or infinite numbers"),
    ],
)
def test_weights(tensor_bytes: bytes, what: str) -> None:
    content, found = read(graph([], [tensor("sound", (), bytes(4)), tensor_bytes]))
    assert [(f.what[: len(what)], f.where) for f in found] == [(what, "initializer 1 'w'")]
    assert list(content.model.initializers) == ["sound"]


def test_names_of_weights() -> None:
    assert the_finding(graph([], [tensor("", (), bytes(4))])) == ("it has no name", "initializer 0 ''")
    twice = graph([], [tensor("w", (), bytes(4))] * 2)
    assert the_finding(twice) == ("its name is given twice", "initializer 1 'w'")


@pytest.mark.parametrize(
    ("attribute_bytes", "what"),
    [
        (data(1, "a") + integer(3, 1), "its type is 0"),
        (data(1, "a") + integer(20, 5), "its type is 5"),
        (data(1, "a") + integer(20, 2) + real(2, 1.0), "its type promises i, but it holds f"),
        (data(1, "a") + integer(20, 2) + real(2, 1.0) + integer(3, 1), "its type promises i, but it holds f and i"),
        (data(1, "a") + integer(20, 4), "its type promises t, but it holds nothing"),
        (attribute("a", float("inf")), "it is NaN or infinite"),
        (tensor_attribute("a", tensor("", (2,), bytes(4))), "its shape (2,) of float32 takes 8 bytes, but it holds 4"),
    ],
)
def test_attributes(attribute_bytes: bytes, what: str) -> None:
    _, found = read(graph([node("Add", [], [], [attribute_bytes], data(3, "n"))]))
    assert [(finding.what, finding.where) for finding in found] == [(what, "node 0 'n' (Add), attribute 0 'a'")]


def test_attributes_given_twice_and_foreign_domains() -> None:
    twice = graph([node("Add", [], [], [attribute("a", 1)] * 2)])
    assert the_finding(twice) == ("its name is given twice", "node 0 (Add), attribute 1 'a'")
    foreign = graph([node("Add", [], [], extra=data(7, "com.evil"))])
    assert the_finding(foreign) == ("its operator is of the domain com.evil", "node 0 (Add)")


def test_ports() -> None:
    assert the_finding(graph([], inputs=[data(1, "x")]))[0] == "x is declared without element type or shape"
    assert "an axis below 0" in read(graph([], inputs=[port("x", (-1,))]))[1][0].what
    assert "over 8 axes" in read(graph([], outputs=[port("x", (1,) * 9)]))[1][0].what


def test_too_many_of_anything() -> None:
    for number, most, name in ((1, 4096, "node"), (5, 4096, "initializer"), (11, 64, "input"), (12, 64, "output")):
        _, found = read(data(number, b"") * (most + 1))
        assert [(f.what, f.where) for f in found] == [(f"it holds {most + 1} of them", f"graph.{name}")]


def test_an_error_that_lists_findings_is_one_line_for_one() -> None:
    _, found = read(integer(99, 1))
    assert str(BundleError.listing("no", found)) == (
        "no: graph: it holds a field with the unknown number 99: upgrade gameagent-sdk, or export again"
    )
