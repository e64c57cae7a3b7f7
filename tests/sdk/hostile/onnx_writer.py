"""Writes ONNX files field by field, sound ones and others; needs no protobuf library.

Field numbers are those of onnx.proto; the encoding is that of https://protobuf.dev/programming-guides/encoding.
"""

import struct
from collections.abc import Iterable, Sequence

FLOAT, UINT8, INT32, INT64, STRING, BOOL, FLOAT16, DOUBLE, BFLOAT16, FLOAT8 = 1, 2, 6, 7, 8, 9, 10, 11, 16, 17
A_FLOAT, A_INT, A_STRING, A_TENSOR, A_GRAPH, A_FLOATS, A_INTS = range(1, 8)  # AttributeProto.type


def varint(value: int) -> bytes:
    """A number as protobuf writes it; negative ones take ten bytes."""
    value &= 2**64 - 1
    groups = []
    while value >= 0x80:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*groups, value])


def integer(number: int, value: int) -> bytes:
    """A field that is a number."""
    return varint(number << 3) + varint(value)


def data(number: int, payload: bytes | str) -> bytes:
    """A field that is bytes, a text or a message."""
    payload = payload.encode() if isinstance(payload, str) else payload
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def real(number: int, value: float) -> bytes:
    """A field that is a float32."""
    return varint(number << 3 | 5) + struct.pack("<f", value)


def each(number: int, payloads: Iterable[bytes | str]) -> bytes:
    """A repeated field."""
    return b"".join(data(number, payload) for payload in payloads)


def dims(shape: Sequence[int | str | None]) -> bytes:
    """TensorShapeProto: sizes, names of dynamic axes, None for an axis of which nothing is said."""
    return b"".join(
        data(1, b"" if size is None else data(2, size) if isinstance(size, str) else integer(1, size)) for size in shape
    )


def port(name: str | bytes, shape: Sequence[int | str | None] = ("N", 1), dtype: int = FLOAT) -> bytes:
    """ValueInfoProto of a tensor."""
    return typed_port(name, data(1, integer(1, dtype) + data(2, dims(shape))))


def typed_port(name: str | bytes, type_proto: bytes) -> bytes:
    """ValueInfoProto of anything."""
    return data(1, name) + data(2, type_proto)


def tensor(name: str, shape: Sequence[int], raw: bytes | None = None, dtype: int = FLOAT, extra: bytes = b"") -> bytes:
    """TensorProto with its numbers stored raw (none where ``raw`` is None)."""
    stored = b"" if raw is None else data(9, raw)
    return b"".join(integer(1, size) for size in shape) + integer(2, dtype) + data(8, name) + stored + extra


def floats(name: str, shape: Sequence[int], values: Sequence[float]) -> bytes:
    """TensorProto of float32 numbers."""
    return tensor(name, shape, struct.pack(f"<{len(values)}f", *values))


def ints(name: str, *values: int) -> bytes:
    """TensorProto of an int64 vector: what operators take as shapes, axes and indices."""
    return tensor(name, (len(values),), struct.pack(f"<{len(values)}q", *values), INT64)


def node(
    op_type: str,
    inputs: Sequence[str | bytes],
    outputs: Sequence[str | bytes],
    attributes: Sequence[bytes] = (),
    extra: bytes = b"",
) -> bytes:
    """NodeProto."""
    return each(1, inputs) + each(2, outputs) + data(4, op_type) + each(5, attributes) + extra


def attribute(name: str, value: int | float | str | Sequence[int], extra: bytes = b"") -> bytes:
    """AttributeProto of a number, a text or a list of integers."""
    if isinstance(value, int):
        return data(1, name) + integer(3, value) + integer(20, A_INT) + extra
    if isinstance(value, float):
        return data(1, name) + real(2, value) + integer(20, A_FLOAT) + extra
    if isinstance(value, str):
        return data(1, name) + data(4, value) + integer(20, A_STRING) + extra
    return data(1, name) + b"".join(integer(8, one) for one in value) + integer(20, A_INTS) + extra


def tensor_attribute(name: str, value: bytes) -> bytes:
    """AttributeProto of a tensor."""
    return data(1, name) + data(5, value) + integer(20, A_TENSOR)


def graph_attribute(name: str, value: bytes) -> bytes:
    """AttributeProto of a sub-graph."""
    return data(1, name) + data(6, value) + integer(20, A_GRAPH)


def graph(
    nodes: Sequence[bytes],
    initializers: Sequence[bytes] = (),
    inputs: Sequence[bytes] = (),
    outputs: Sequence[bytes] = (),
    extra: bytes = b"",
) -> bytes:
    """GraphProto."""
    return (
        each(1, nodes) + data(2, "policy_step") + each(5, initializers) + each(11, inputs) + each(12, outputs) + extra
    )


def opset(version: int, domain: str = "") -> bytes:
    """ModelProto.opset_import."""
    return data(8, data(1, domain) + integer(2, version))


def metadata(key: str | bytes, value: str | bytes) -> bytes:
    """ModelProto.metadata_props."""
    return data(14, data(1, key) + data(2, value))
