"""A model file as a tree of fields that can be changed at any depth and written again, faults and all.

Which fields hold messages is told by ``SCHEMA``, after onnx.proto; the rest of the file is taken as it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
SCHEMA: dict[str, dict[int, str]] = {
    "model": {7: "graph", 8: "opset", 14: "entry"},
    "graph": {1: "node", 5: "tensor", 11: "port", 12: "port", 13: "port"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph"},
    "port": {2: "type"},
    "type": {1: "tensor type"},
    "tensor type": {2: "shape"},
    "shape": {1: "dim"},
}


@dataclass
class Field:
    """One field; ``value`` is a number, the bytes of a fixed-width number or of a text, or a message."""

    number: int
    wire_type: int
    value: int | bytes | Message


@dataclass
class Message:
    """A message's fields in the file's order. ``kind`` is a key of SCHEMA, or a name without an entry there."""

    kind: str
    fields: list[Field] = field(default_factory=list)

    @classmethod
    def parse(cls, data: bytes, kind: str = "model") -> Message:
        """Reads sound bytes; those of unsound messages are kept as texts by the caller.

        Raises:
            ValueError: the bytes are no message.
        """
        message, position = cls(kind), 0
        while position < len(data):
            tag, position = _read_varint(data, position)
            number, wire_type = tag >> 3, tag & 7
            value: int | bytes | Message
            if wire_type == VARINT:
                value, position = _read_varint(data, position)
            else:
                size, position = _read_varint(data, position) if wire_type == BYTES else (_width(wire_type), position)
                value, position = data[position : position + size], position + size
                inner = SCHEMA.get(kind, {}).get(number)
                value = cls.parse(value, inner) if inner else value
            if position > len(data):
                raise ValueError("a field ends behind its message")
            message.fields.append(Field(number, wire_type, value))
        return message

    def encode(self) -> bytes:
        """The bytes; a field whose wire type and value do not belong together is written as far as it can be."""
        return b"".join(_encoded(one) for one in self.fields)

    def walk(self) -> Iterator[Message]:
        """This message and all those below it."""
        yield self
        for one in self.fields:
            if isinstance(one.value, Message):
                yield from one.value.walk()

    def all(self, number: int) -> list[Field]:
        """The fields of a number."""
        return [one for one in self.fields if one.number == number]

    def message(self, number: int) -> Message:
        """The first message of a number, an empty one where there is none."""
        found = [one.value for one in self.fields if one.number == number and isinstance(one.value, Message)]
        return found[0] if found else Message("")

    def texts(self, number: int) -> list[bytes]:
        """The bytes of a number's fields."""
        return [one.value for one in self.fields if one.number == number and isinstance(one.value, bytes)]

    def put(self, number: int, value: int | bytes | str | Message) -> None:
        """Appends a field."""
        value = value.encode() if isinstance(value, str) else value
        self.fields.append(Field(number, VARINT if isinstance(value, int) else BYTES, value))


def _encoded(one: Field) -> bytes:
    tag = varint(one.number << 3 | one.wire_type)
    if isinstance(one.value, int):
        return tag + (
            varint(one.value) if one.wire_type == VARINT else one.value.to_bytes(16, "little", signed=True)[:8]
        )
    payload = one.value.encode() if isinstance(one.value, Message) else one.value
    return tag + (varint(len(payload)) if one.wire_type == BYTES else b"") + payload


def varint(value: int) -> bytes:
    """A number as protobuf writes it."""
    value &= 2**64 - 1
    groups = []
    while value >= 0x80:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*groups, value])


def _width(wire_type: int) -> int:
    if wire_type not in (FIXED32, FIXED64):
        raise ValueError(f"wire type {wire_type}")
    return 4 if wire_type == FIXED32 else 8


def _read_varint(data: bytes, position: int) -> tuple[int, int]:
    value = 0
    for i, byte in enumerate(data[position : position + 10]):
        value |= (byte & 0x7F) << (7 * i)
        if byte < 0x80:
            return value, position + i + 1
    raise ValueError("a number does not end")
