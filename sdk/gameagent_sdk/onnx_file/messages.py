"""A strict reader of protobuf messages: it refuses what two parsers could understand in two ways.

Parsers merge a field that is given twice, cut numbers that are too long, and skip what they do not know. A check that
does the same may see another model than the engine does, so each of these is a finding here. The encoding is described
in https://protobuf.dev/programming-guides/encoding.
"""

from typing import Any

from gameagent_sdk.errors import shown
from gameagent_sdk.onnx_file.findings import DO_NOT_TRUST, NOT_A_BUNDLE, CheckStopped, Findings
from gameagent_sdk.onnx_file.limits import MAX_ENTRY_BYTES, MAX_FIELDS, MAX_NAME_BYTES, MAX_TEXT_BYTES
from gameagent_sdk.onnx_file.schema import (
    ENTRY,
    INT32,
    LONG_TEXT,
    NAME,
    NUMBER_BYTES,
    PACKED_INT32,
    PACKED_INT64,
    SPAN,
    TEXT,
    FieldSpec,
    Schema,
)
from gameagent_sdk.onnx_file.wire import BYTES, FIXED32, FIXED64, KEY, VALUE, VARINT

Fields = dict[str, Any]  # a message: values by field name, lists where the field is repeated

_FIXED_SIZES = {FIXED32: 4, FIXED64: 8}
_LONGEST_VARINT = 10  # bytes; seven bits in each
_MAX_TAG = 2**32
_PACKED = frozenset({PACKED_INT64, PACKED_INT32})
_TEXTS = {NAME: MAX_NAME_BYTES, TEXT: MAX_TEXT_BYTES, LONG_TEXT: MAX_ENTRY_BYTES}  # the most bytes of each
_KEY_TAG, _VALUE_TAG = KEY << 3 | BYTES, VALUE << 3 | BYTES
_TOO_LONG = "the field ends after what holds it"


class MessageReader:
    """Reads the messages of one file.

    Whole numbers become int, texts str, single floats and packed ones the bytes they are stored in, spans
    (start, stop) in the file, messages dictionaries.
    """

    def __init__(self, data: bytes, findings: Findings) -> None:
        self.data = data
        self._findings = findings
        self._path: list[tuple[FieldSpec, Fields]] = []  # the fields being read, with the messages that hold them
        self._num_fields = 0
        self._known: dict[tuple[Schema, bytes], Fields] = {}

    def enter(self, name: str) -> None:
        """Notes that what is read from now on is in this field of the message read before."""
        self._path.append((FieldSpec(name, SPAN), {}))

    def read(self, schema: Schema, start: int, stop: int) -> Fields:
        """Reads the message in ``data[start:stop]``.

        Written out for speed: the loop runs some thousand times for a small policy.

        Raises:
            CheckStopped: The bytes are not a protobuf message, or there are too many findings.
        """
        data, fields = self.data, schema.fields
        values: Fields = {}
        value: Any
        position = start
        while position < stop:
            self._num_fields += 1
            if self._num_fields > MAX_FIELDS:
                raise self._damaged(f"there are more than {MAX_FIELDS} fields", position)
            tag = data[position]
            position += 1
            if tag > 0x7F:
                tag, position = self._varint(position - 1, stop)
            spec = fields.get(tag)
            if spec is None:
                self._refuse(schema, tag, position)
                position = self._skip(tag, position, stop)
                continue
            name, kind, many, _, inner = spec
            if tag & 7 == BYTES:
                if position < stop and data[position] < 0x80:
                    begin = position + 1
                    position = begin + data[position]
                else:
                    length, begin = self._varint(position, stop)
                    position = begin + length
                if position > stop:
                    raise self._damaged(_TOO_LONG, begin)
                if inner is None:
                    value = self._content(spec, begin, position)
                else:
                    self._path.append((spec, values))
                    read = self._recall if inner.recurs else self.read
                    value = read(inner, begin, position)
                    self._path.pop()
            else:
                value, position = self._number(spec, tag & 7, position, stop)
            if many:
                items = values.setdefault(name, [])
                items.extend(value) if kind in _PACKED else items.append(value)
            elif name in values:
                self._add(f"{name} is given twice, and parsers differ in what they make of that", DO_NOT_TRUST)
            else:
                values[name] = value
        if schema.oneof and len(schema.oneof.intersection(values)) > 1:
            self._add(f"{' and '.join(sorted(schema.oneof.intersection(values)))} exclude each other", DO_NOT_TRUST)
        return values

    def _recall(self, schema: Schema, start: int, stop: int) -> Fields:
        """Reads a message, or knows it again. Its fields and findings then count once."""
        content = self.data[start:stop]
        message = self._known.get((schema, content))
        if message is None:
            message = _plain_entry(content) if schema is ENTRY else None
            if message is None:
                message = self.read(schema, start, stop)
            self._known[schema, content] = message
        return message

    def _content(self, spec: FieldSpec, start: int, stop: int) -> Any:
        """The value of a field that is stored as bytes and is not a message."""
        name, kind, _, size, _ = spec
        if kind in _TEXTS:
            most = _TEXTS[kind]
            if stop - start > most:
                what = f"{name} is {stop - start} bytes long, {most} at most are read"
                self._add(what, "shorten it, or export again")
                return ""
            try:
                return self.data[start:stop].decode()
            except UnicodeDecodeError:
                self._add(f"{name} is not UTF-8 text", DO_NOT_TRUST)
                return ""
        if kind == SPAN:
            return start, stop
        if kind == NUMBER_BYTES:
            if (stop - start) % size:
                raise self._damaged(f"{name} holds a part of a number", start)
            return self.data[start:stop]
        return self._packed_integers(spec, start, stop)

    def _number(self, spec: FieldSpec, wire_type: int, position: int, stop: int) -> tuple[Any, int]:
        """One number, and where it ends."""
        if wire_type == VARINT:
            return self._integer(spec, position, stop)
        end = self._fixed_end(wire_type, position, stop)
        return self.data[position:end], end

    def _packed_integers(self, spec: FieldSpec, start: int, stop: int) -> list[int]:
        numbers = []
        position = start
        while position < stop:
            self._num_fields += 1
            if self._num_fields > MAX_FIELDS:
                raise self._damaged(f"there are more than {MAX_FIELDS} numbers that are not raw", position)
            number, position = self._integer(spec, position, stop)
            numbers.append(number)
        return numbers

    def _integer(self, spec: FieldSpec, position: int, stop: int) -> tuple[int, int]:
        """A signed number, and where it ends."""
        if position < stop and self.data[position] < 0x80:
            return self.data[position], position + 1
        value, end = self._varint(position, stop)
        if value >= 2**63:
            value -= 2**64
        if spec.kind in (INT32, PACKED_INT32) and not -(2**31) <= value < 2**31:
            self._add(f"{spec.name} is {value}, which is not a 32-bit number", DO_NOT_TRUST)
            value = 0
        return value, end

    def _varint(self, position: int, stop: int) -> tuple[int, int]:
        """The number at ``position``, 0 to 2**64 - 1, and where it ends."""
        value = 0
        for i, byte in enumerate(self.data[position : min(position + _LONGEST_VARINT, stop)]):
            value |= (byte & 0x7F) << (7 * i)
            if byte < 0x80:
                if (byte == 0 and i) or value >= 2**64:
                    raise self._damaged("a number is written longer than it needs to be", position)
                return value, position + i + 1
        raise self._damaged("no number ends", position)

    def _fixed_end(self, wire_type: int, position: int, stop: int) -> int:
        end = position + _FIXED_SIZES[wire_type]
        if end > stop:
            raise self._damaged(_TOO_LONG, position)
        return end

    def _refuse(self, schema: Schema, tag: int, position: int) -> None:
        """Notes what is wrong with a field that the schema does not allow."""
        number, wire_type = tag >> 3, tag & 7
        if number == 0 or tag >= _MAX_TAG or wire_type not in (VARINT, FIXED64, BYTES, FIXED32):
            raise self._damaged("no protobuf field starts", position - 1)
        known = next((spec.name for other, spec in schema.fields.items() if other >> 3 == number), None)
        if number in schema.refused:
            name, advice = schema.refused[number]
            self._add(f"it holds {name}, which no bundle may use", advice)
        elif known is not None:
            self._add(f"{known} is stored as another type than it has", DO_NOT_TRUST)
        else:
            self._add(f"it holds a field with the unknown number {number}", "upgrade gameagent-sdk, or export again")

    def _skip(self, tag: int, position: int, stop: int) -> int:
        """Where a refused field ends."""
        wire_type = tag & 7
        if wire_type == VARINT:
            return self._varint(position, stop)[1]
        if wire_type == BYTES:
            length, start = self._varint(position, stop)
            if start + length > stop:
                raise self._damaged(_TOO_LONG, start)
            return start + length
        return self._fixed_end(wire_type, position, stop)

    def _where(self) -> str:
        """The field being read, such as graph.node[2].attribute[0]."""
        parts = (spec.name + (f"[{len(held.get(spec.name, ()))}]" if spec.many else "") for spec, held in self._path)
        return ".".join(parts) or "the file"

    def _add(self, what: str, advice: str) -> None:
        self._findings.add(shown(what, 200), self._where(), advice)

    def _damaged(self, what: str, position: int) -> CheckStopped:
        return self._findings.stop(what, f"{self._where()}, byte {position}", NOT_A_BUNDLE)


def _plain_entry(content: bytes) -> Fields | None:
    """A short metadata entry in the usual layout, key then value; None if it is anything else.

    Entries hold half of all the fields in a file of torch's: this is only for speed.
    """
    size = len(content)
    if size < 4 or content[0] != _KEY_TAG or content[1] > 0x7F:
        return None
    end = 2 + content[1]
    if size < end + 2 or content[end] != _VALUE_TAG:
        return None
    length, start = content[end + 1], end + 2
    if length > 0x7F and start < size:
        if not 0 < content[start] < 0x80:
            return None
        length, start = length & 0x7F | content[start] << 7, start + 1
    if start + length != size:
        return None
    try:
        return {"key": content[2:end].decode(), "value": content[start:].decode()}
    except UnicodeDecodeError:
        return None
