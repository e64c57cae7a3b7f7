"""The protobuf messages of an ONNX file, as far as bundles may use them.

Field numbers and types are those of onnx.proto. Messages nest to a fixed depth here, as the only ones that hold
themselves (graphs in attributes, types in types) are refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from gameagent_sdk.onnx_file.findings import EXPORT_AGAIN
from gameagent_sdk.onnx_file.wire import BYTES, FIXED32, FIXED64, VARINT

# What the reader makes of a field. The names of tensors and operators are short, other texts are longer.
INT64, INT32, FLOAT, PACKED_INT64, PACKED_INT32, NUMBER_BYTES, NAME, TEXT, LONG_TEXT, SPAN, MESSAGE = range(11)

_WIRE_TYPES = {INT64: VARINT, INT32: VARINT, FLOAT: FIXED32}  # all others are BYTES


class FieldSpec(NamedTuple):
    """How to read one field.

    Attributes:
        name: In the schema.
        kind: INT64 to MESSAGE.
        many: Whether the field is repeated.
        size: Bytes of one of NUMBER_BYTES.
        schema: Of the MESSAGE.
    """

    name: str
    kind: int
    many: bool = False
    size: int = 0
    schema: "Schema | None" = None


@dataclass(frozen=True, eq=False)  # without eq, a schema is itself alone, and hashable
class Schema:
    """One kind of message.

    Attributes:
        fields: By tag, which is a field's number and wire type in one: 8 * number + wire type.
        refused: Name and advice by number, of fields that exist but that no bundle may use.
        oneof: Names of fields of which a message may have one at most.
        recurs: Whether files hold many messages with the same content, so that it is worthwhile to recognise them.
    """

    fields: Mapping[int, FieldSpec]
    refused: Mapping[int, tuple[str, str]]
    oneof: frozenset[str] = frozenset()
    recurs: bool = False


def _one(number: int, name: str, kind: int, schema: Schema | None = None) -> dict[int, FieldSpec]:
    return {number << 3 | _WIRE_TYPES.get(kind, BYTES): FieldSpec(name, kind, schema=schema)}


def _many(number: int, name: str, kind: int, schema: Schema | None = None) -> dict[int, FieldSpec]:
    return {number << 3 | _WIRE_TYPES.get(kind, BYTES): FieldSpec(name, kind, many=True, schema=schema)}


def _ints(number: int, name: str, kind: int = INT64) -> dict[int, FieldSpec]:
    """Whole numbers, one to a field or packed into one."""
    packed = {INT64: PACKED_INT64, INT32: PACKED_INT32}[kind]
    return {
        number << 3 | VARINT: FieldSpec(name, kind, many=True),
        number << 3 | BYTES: FieldSpec(name, packed, many=True),
    }


def _floats(number: int, name: str, size: int) -> dict[int, FieldSpec]:
    """Floating point numbers of 4 or 8 bytes, one to a field or packed into one."""
    return {
        number << 3 | {4: FIXED32, 8: FIXED64}[size]: FieldSpec(name, NUMBER_BYTES, many=True, size=size),
        number << 3 | BYTES: FieldSpec(name, NUMBER_BYTES, many=True, size=size),
    }


_PLAIN = f"only dense tensors of plain numbers are read, {EXPORT_AGAIN}"
_NO_SUBGRAPHS = "write the step without If, Loop and Scan"
_INSIDE = "save the weights inside the file (external_data=False)"
_NO_FUNCTIONS = "inline local functions before saving"
_NO_DEVICES = "save without device placement"

ENTRY = Schema(_one(1, "key", TEXT) | _one(2, "value", TEXT), {}, recurs=True)
_LONG_ENTRY = Schema(_one(1, "key", NAME) | _one(2, "value", LONG_TEXT), {})

_DIMENSION = Schema(
    _one(1, "dim_value", INT64) | _one(2, "dim_param", NAME) | _one(3, "denotation", NAME),
    {},
    frozenset({"dim_value", "dim_param"}),
)
_SHAPE = Schema(_many(1, "dim", MESSAGE, _DIMENSION), {})
_TENSOR_TYPE = Schema(_one(1, "elem_type", INT32) | _one(2, "shape", MESSAGE, _SHAPE), {})
_TYPE = Schema(
    _one(1, "tensor_type", MESSAGE, _TENSOR_TYPE) | _one(6, "denotation", NAME),
    {
        4: ("sequence_type", _PLAIN),
        5: ("map_type", _PLAIN),
        7: ("opaque_type", _PLAIN),
        8: ("sparse_tensor_type", _PLAIN),
        9: ("optional_type", _PLAIN),
    },
    recurs=True,
)
_VALUE_INFO = Schema(
    _one(1, "name", NAME)
    | _one(2, "type", MESSAGE, _TYPE)
    | _one(3, "doc_string", TEXT)
    | _many(4, "metadata_props", MESSAGE, ENTRY),
    {},
)
_TENSOR = Schema(
    _ints(1, "dims")
    | _one(2, "data_type", INT32)
    | _floats(4, "float_data", 4)
    | _ints(5, "int32_data", INT32)
    | _ints(7, "int64_data")
    | _one(8, "name", NAME)
    | _one(9, "raw_data", SPAN)
    | _floats(10, "double_data", 8)
    | _one(12, "doc_string", TEXT)
    | _one(14, "data_location", INT32)
    | _many(16, "metadata_props", MESSAGE, ENTRY),
    {
        3: ("segment", _PLAIN),
        6: ("string_data", _PLAIN),
        11: ("uint64_data", _PLAIN),
        13: ("external_data", _INSIDE),
    },
)
_ATTRIBUTE = Schema(
    _one(1, "name", NAME)
    | _one(2, "f", FLOAT)
    | _one(3, "i", INT64)
    | _one(4, "s", TEXT)
    | _one(5, "t", MESSAGE, _TENSOR)
    | _floats(7, "floats", 4)
    | _ints(8, "ints")
    | _many(9, "strings", TEXT)
    | _one(13, "doc_string", TEXT)
    | _one(20, "type", INT32),
    {
        6: ("g", _NO_SUBGRAPHS),
        10: ("tensors", _PLAIN),
        11: ("graphs", _NO_SUBGRAPHS),
        14: ("tp", _PLAIN),
        15: ("type_protos", _PLAIN),
        21: ("ref_attr_name", _NO_FUNCTIONS),
        22: ("sparse_tensor", _PLAIN),
        23: ("sparse_tensors", _PLAIN),
    },
)
_NODE = Schema(
    _many(1, "input", NAME)
    | _many(2, "output", NAME)
    | _one(3, "name", NAME)
    | _one(4, "op_type", NAME)
    | _many(5, "attribute", MESSAGE, _ATTRIBUTE)
    | _one(6, "doc_string", TEXT)
    | _one(7, "domain", NAME)
    | _many(9, "metadata_props", MESSAGE, ENTRY),
    {8: ("overload", _NO_FUNCTIONS), 10: ("device_configurations", _NO_DEVICES)},
)
GRAPH = Schema(
    _many(1, "node", MESSAGE, _NODE)
    | _one(2, "name", TEXT)
    | _many(5, "initializer", MESSAGE, _TENSOR)
    | _one(10, "doc_string", TEXT)
    | _many(11, "input", MESSAGE, _VALUE_INFO)
    | _many(12, "output", MESSAGE, _VALUE_INFO)
    | _many(13, "value_info", MESSAGE, _VALUE_INFO)
    | _many(16, "metadata_props", MESSAGE, ENTRY),
    {
        14: ("quantization_annotation", "export without quantization"),
        15: ("sparse_initializer", _PLAIN),
    },
)
MODEL = Schema(
    _one(1, "ir_version", INT64)
    | _one(2, "producer_name", TEXT)
    | _one(3, "producer_version", TEXT)
    | _one(4, "domain", TEXT)
    | _one(5, "model_version", INT64)
    | _one(6, "doc_string", TEXT)
    | _one(7, "graph", SPAN)
    | _many(8, "opset_import", MESSAGE, Schema(_one(1, "domain", NAME) | _one(2, "version", INT64), {}))
    | _many(14, "metadata_props", MESSAGE, _LONG_ENTRY),
    {
        20: ("training_info", "save the policy's step alone, without training graphs"),
        25: ("functions", _NO_FUNCTIONS),
        26: ("configuration", _NO_DEVICES),
    },
)
