"""The outermost layer of an ONNX file, read without any protobuf library.

Enough to take the graph's hash and to attach a manifest, for any model that an exporter wrote: only the top-level
fields of ModelProto are walked, with every length bounds-checked. A bundle that is to be run is read by ``reader.py``,
which is strict. The layout is described in https://protobuf.dev/programming-guides/encoding and in onnx.proto.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from gameagent_sdk.errors import BundleError

GRAPH = 7  # ModelProto.graph
GRAPH_OUTPUT, VALUE_NAME = 12, 1  # GraphProto.output, repeated ValueInfoProto, and its name
METADATA_PROPS = 14  # ModelProto.metadata_props, repeated StringStringEntryProto
KEY, VALUE = 1, 2  # of StringStringEntryProto

MAX_FIELDS = 100_000  # real models have a few dozen at the top level; a forged one must not fill the memory

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5  # wire types; groups (3, 4) are obsolete and in no ONNX file


@dataclass(frozen=True)
class Field:
    """One field of a message.

    Attributes:
        number: The field's number in the schema.
        wire_type: VARINT, FIXED64, BYTES or FIXED32.
        whole: The field's bytes, tag and length included.
        payload: The value's bytes.
    """

    number: int
    wire_type: int
    whole: memoryview
    payload: memoryview


def walk(message: memoryview) -> Iterator[Field]:
    """Yields the fields of one protobuf message, in the file's order, without going into them.

    Raises:
        BundleError: The bytes are not a protobuf message, or are cut short.
    """
    position = num_fields = 0
    while position < len(message):
        tag, start = _read_varint(message, position)
        number, wire_type = tag >> 3, tag & 7
        if wire_type == BYTES:
            length, start = _read_varint(message, start)
            end = start + length
        elif wire_type == VARINT:
            _, end = _read_varint(message, start)
        elif wire_type in (FIXED64, FIXED32):
            end = start + (8 if wire_type == FIXED64 else 4)
        else:
            raise BundleError(f"it is not an ONNX file (byte {position} starts no protobuf field)")
        if number == 0 or end > len(message):
            raise BundleError(f"it is cut short or not an ONNX file (the field at byte {position} is impossible)")
        yield Field(number, wire_type, message[position:end], message[start:end])
        position, num_fields = end, num_fields + 1
        if num_fields > MAX_FIELDS:
            raise BundleError("it is not an ONNX file (too many fields)")


def metadata_entry(field: Field) -> tuple[bytes, bytes]:
    """The key and value of a METADATA_PROPS field.

    Raises:
        BundleError: It is not a pair of texts.
    """
    entry = {KEY: b"", VALUE: b""}
    if field.wire_type != BYTES:
        raise BundleError("its metadata is damaged")
    for part in walk(field.payload):
        if part.number not in entry or part.wire_type != BYTES:
            raise BundleError("its metadata is damaged")
        entry[part.number] = bytes(part.payload)
    return entry[KEY], entry[VALUE]


def encode_metadata_entry(key: bytes, value: bytes) -> bytes:
    """A METADATA_PROPS field, tag included, to be appended to a ModelProto."""
    return _bytes_field(METADATA_PROPS, _bytes_field(KEY, key) + _bytes_field(VALUE, value))


def encode_outputs(names: Iterable[str]) -> bytes:
    """A GRAPH field with nothing but outputs, tag included, to be appended to a ModelProto: readers merge the two."""
    outputs = [_bytes_field(GRAPH_OUTPUT, _bytes_field(VALUE_NAME, name.encode())) for name in names]
    return _bytes_field(GRAPH, b"".join(outputs)) if outputs else b""


def _bytes_field(number: int, payload: bytes) -> bytes:
    return _varint(number << 3 | BYTES) + _varint(len(payload)) + payload


def _varint(value: int) -> bytes:
    groups = []
    while value >= 0x80:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*groups, value])


def _read_varint(message: memoryview, position: int) -> tuple[int, int]:
    """The number at ``position``, and where it ends. At most ten bytes hold a 64-bit number."""
    value = 0
    for i, byte in enumerate(message[position : position + 10]):
        value |= (byte & 0x7F) << (7 * i)
        if byte < 0x80:
            return value, position + i + 1
    raise BundleError(f"it is cut short or not an ONNX file (no number ends after byte {position})")
