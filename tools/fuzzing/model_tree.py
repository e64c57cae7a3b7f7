"""Mutations of a model's tree of messages: blind ones at any depth, and such that a checker has to think about."""

import random
import struct
from collections.abc import Callable

from fuzzing.protobuf import BYTES, FIXED32, FIXED64, VARINT, Field, Message
from fuzzing.raw_bytes import EXTREMES

OPERATORS = (
    *("Abs", "Add", "And", "ArgMax", "Cast", "Clip", "Concat", "Constant", "ConstantOfShape", "Conv", "CumSum"),
    *("Div", "Dropout", "Einsum", "Equal", "Exp", "Expand", "Flatten", "GRU", "Gather", "GatherND", "Gemm"),
    *("Greater", "GreaterOrEqual", "Identity", "If", "LSTM", "Less", "LessOrEqual", "Log", "LogSoftmax"),
    *("Loop", "MatMul", "Max", "Min", "Mod", "Mul", "Neg", "NonZero", "Not", "OneHot", "Pad", "Pow"),
    *("RandomNormal", "Range", "Reciprocal", "ReduceMax", "ReduceMean", "ReduceSum", "Relu", "Reshape"),
    *("Resize", "Scan", "ScatterND", "Shape", "Sigmoid", "Sign", "Slice", "Softmax", "Split", "Sqrt"),
    *("Squeeze", "Sub", "Sum", "Tanh", "Tile", "TopK", "Transpose", "Trilu", "Unsqueeze", "Where"),
)  # fmt: skip
UNARY = ("Abs", "Exp", "Identity", "Log", "Neg", "Reciprocal", "Relu", "Sigmoid", "Sign", "Softmax", "Sqrt", "Tanh")
BINARY = ("Add", "Div", "Max", "Min", "Mul", "Pow", "Sub")
WHOLE = ("Add", "Div", "Div", "Max", "Min", "Mul", "Sub")  # of those, what takes whole numbers
COMPARISONS = ("Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual")
ATTRIBUTES = ("axis", "axes", "perm", "to", "alpha", "transA", "keepdims", "value", "num_outputs", "allowzero", "x")
NAMES = (b"", b"\x00", b"\xff", b"\x1b[2J", b"n" * 3000, b"observation", b"logits", b"hidden_h", b"com.microsoft")
FLOATS = (0.0, -0.0, 1.0, -1.0, 1e-40, 1e30, -3e38, 3.4e38, float("nan"), float("inf"))
DTYPES = {1: "f", 2: "B", 6: "i", 7: "q", 9: "?", 10: "e", 11: "d"}  # TensorProto.DataType: struct's letter

NODE, INITIALIZER, INPUT, OUTPUT, VALUE_INFO, GRAPH = 1, 5, 11, 12, 13, 7  # field numbers in graph and model


def mutate_model(model: Message, other: Message, rng: random.Random) -> None:
    """One to three changes, in place; ``other`` is a model to take pieces from."""
    if rng.random() < 0.3:  # on its own, so that it is often accepted and the engines get to see it
        _grow(model, other, rng)
        return
    for _ in range(rng.choice((1, 1, 2, 3))):
        rng.choice(_BLIND if rng.random() < 0.4 else _KNOWING)(model, other, rng)


# Blind: any field of any message.


def _holder(model: Message, rng: random.Random) -> Message:
    """A message that has fields, each depth as likely as the others."""
    by_kind: dict[str, list[Message]] = {}
    for message in model.walk():
        if message.fields and message.kind not in ("entry", "opset"):
            by_kind.setdefault(message.kind, []).append(message)
    return rng.choice(by_kind[rng.choice(sorted(by_kind))]) if by_kind else model


def _drop(model: Message, other: Message, rng: random.Random) -> None:
    message = _holder(model, rng)
    if message.fields:
        del message.fields[rng.randrange(len(message.fields))]


def _duplicate(model: Message, other: Message, rng: random.Random) -> None:
    message = _holder(model, rng)
    for one in rng.sample(message.fields, min(1, len(message.fields))):
        message.fields[rng.randrange(len(message.fields)) : 0] = [one] * rng.choice((1, 1, 2, 500))


def _swap(model: Message, other: Message, rng: random.Random) -> None:
    fields = _holder(model, rng).fields
    if fields:
        i, j = rng.randrange(len(fields)), rng.randrange(len(fields))
        fields[i], fields[j] = fields[j], fields[i]


def _retag(model: Message, other: Message, rng: random.Random) -> None:
    for one in rng.sample(_holder(model, rng).fields, 1):
        one.number = rng.choice((*range(27), 99, 2**28, 2**40))


def _retype(model: Message, other: Message, rng: random.Random) -> None:
    for one in rng.sample(_holder(model, rng).fields, 1):
        one.wire_type = rng.choice((VARINT, FIXED64, BYTES, 3, 4, FIXED32, 6, 7))
        if one.wire_type == VARINT and not isinstance(one.value, int):
            one.value = rng.choice(EXTREMES)


def _change_value(model: Message, other: Message, rng: random.Random) -> None:
    for one in rng.sample(_holder(model, rng).fields, 1):
        if isinstance(one.value, int):
            one.value = rng.choice(EXTREMES)
        elif isinstance(one.value, bytes):
            one.value = rng.choice((*NAMES, rng.randbytes(rng.randrange(20)), one.value + one.value, one.value[:-1]))


def _transplant(model: Message, other: Message, rng: random.Random) -> None:
    """A field of another file's message in a message of the same kind, or of any."""
    target = _holder(model, rng)
    sources = [one for one in other.walk() if one.fields and (one.kind == target.kind or rng.random() < 0.05)]
    if sources:
        target.fields.insert(rng.randrange(len(target.fields) + 1), rng.choice(rng.choice(sources).fields))


def _nest(model: Message, other: Message, rng: random.Random) -> None:
    """A message within itself, many times."""
    message, depth = _holder(model, rng), rng.choice((2, 10, 300))
    number, inner = rng.randrange(1, 27), message.encode()[:2000]
    for _ in range(depth):
        inner = Message("", [Field(number, BYTES, inner)]).encode()
    message.put(number, inner)


# Knowing: of nodes, weights and ports, each change such that the rest of the file still fits, more or less.


def _tensor_names(graph: Message) -> list[bytes]:
    """Every tensor's name, in the order in which they come to be."""
    ports = [port.texts(1) for port in _messages(graph, INPUT)]
    weights = [tensor.texts(8) for tensor in _messages(graph, INITIALIZER)]
    return [name for names in (*ports, *weights, *(node.texts(2) for node in _messages(graph, NODE))) for name in names]


def _messages(graph: Message, number: int) -> list[Message]:
    return [one.value for one in graph.all(number) if isinstance(one.value, Message)]


def _change_operator(model: Message, other: Message, rng: random.Random) -> None:
    nodes = _messages(model.message(GRAPH), NODE)
    if nodes:
        node = rng.choice(nodes)
        names = [text.decode(errors="replace") for text in node.texts(4)]
        alike = next((group for group in (UNARY, BINARY, COMPARISONS) if set(names) & set(group)), OPERATORS)
        _set_text(node, 4, rng.choice(alike if rng.random() < 0.7 else OPERATORS).encode())


def _rewire(model: Message, other: Message, rng: random.Random) -> None:
    graph = model.message(GRAPH)
    nodes, names = _messages(graph, NODE), _tensor_names(graph)
    if nodes and names:
        wires = [one for one in rng.choice(nodes).fields if one.number in (1, 1, 2)]
        for wire in rng.sample(wires, min(1, len(wires))):
            wire.value = rng.choice(names) if rng.random() < 0.9 else rng.choice(NAMES)


def _change_weight(model: Message, other: Message, rng: random.Random) -> None:
    tensors = [one for one in model.walk() if one.kind == "tensor"]
    if not tensors:
        return
    tensor = rng.choice(tensors)
    match rng.randrange(5):
        case 0:
            _set_number(tensor, 2, rng.choice((*DTYPES, 0, 8, 12, 14, 16, 17, 22, 99)))
        case 1:
            for size in rng.sample(tensor.all(1), min(1, len(tensor.all(1)))):
                size.value = rng.choice(EXTREMES)
        case 2:
            for raw in tensor.texts(9):
                left, more = rng.choice((-1, -4, None)), rng.choice((0, 1, 4, 64))
                _set_text(tensor, 9, raw[:left] + rng.randbytes(more))
        case 3:
            for raw in tensor.texts(9):
                _set_text(tensor, 9, _other_numbers(raw, _number(tensor, 2), rng))
        case _:
            tensor.put(13, Message("entry", [Field(1, BYTES, b"location"), Field(2, BYTES, b"canary.bin")]))
            if rng.random() < 0.5:
                tensor.put(14, 1)


def _other_numbers(raw: bytes, dtype: int, rng: random.Random) -> bytes:
    """As many numbers of the type, some of them extreme."""
    letter = "q" if dtype == 7 else "f"
    count = len(raw) // struct.calcsize(letter)
    old = struct.unpack(f"<{count}{letter}", raw[: count * struct.calcsize(letter)])
    values, share = EXTREMES if letter == "q" else FLOATS, rng.choice((0.02, 1.0))
    picked = [_fitting(letter, rng.choice(values)) if rng.random() < share else one for one in old]
    return struct.pack(f"<{count}{letter}", *picked)


def _change_port(model: Message, other: Message, rng: random.Random) -> None:
    graph = model.message(GRAPH)
    ports = [port for number in (INPUT, OUTPUT, VALUE_INFO) for port in _messages(graph, number)]
    if not ports:
        return
    inner = [one for one in rng.choice(ports).walk() if one.kind in ("tensor type", "dim", "port")]
    chosen = rng.choice(inner)
    if chosen.kind == "dim":
        chosen.fields = [
            rng.choice((Field(1, VARINT, rng.choice(EXTREMES)), Field(2, BYTES, rng.choice((b"N", b"M")))))
        ]
    elif chosen.kind == "tensor type":
        _set_number(chosen, 1, rng.choice((*DTYPES, 8, 16, 99)))
    else:
        _set_text(chosen, 1, rng.choice(_tensor_names(graph) or [b""]))


def _change_attribute(model: Message, other: Message, rng: random.Random) -> None:
    nodes = _messages(model.message(GRAPH), NODE)
    if not nodes:
        return
    node = rng.choice(nodes)
    found = _messages(node, 5)
    if found and rng.random() < 0.6:
        for one in rng.choice(found).fields:
            if isinstance(one.value, int) and rng.random() < 0.5:
                one.value = rng.choice(EXTREMES)
    else:
        node.put(5, attribute(rng.choice(ATTRIBUTES), rng.choice(EXTREMES)))


def _change_version(model: Message, other: Message, rng: random.Random) -> None:
    opsets = [one.value for one in model.all(8) if isinstance(one.value, Message)]
    if opsets and rng.random() < 0.7:
        _set_number(rng.choice(opsets), 2, rng.choice((7, 11, 13, 18, 19, 21, 23, 24, *EXTREMES)))
    else:
        _set_number(model, 1, rng.choice((3, 4, 7, 10, 11, 13, 14, *EXTREMES)))


def _grow(model: Message, other: Message, rng: random.Random) -> None:
    """A few new nodes between a tensor and a node that reads it, mostly such that the shape stays."""
    graph = model.message(GRAPH)
    readers = [(i, one) for i, one in enumerate(graph.fields) if one.number == NODE and isinstance(one.value, Message)]
    if not readers:
        return
    place, reader = rng.choice(readers)
    wires = [one for one in reader.value.fields if one.number == 1 and isinstance(one.value, bytes)]  # type: ignore[union-attr]
    if not wires:
        return
    wire = rng.choice(wires)
    names = _Names(graph, rng)
    new, last = _chain(bytes(wire.value), names, rng)  # type: ignore[arg-type]
    wire.value = last
    graph.fields[place:place] = [Field(NODE, BYTES, node) for node in new]


class _Names:
    """Gives new tensors names and adds constants to a graph."""

    def __init__(self, graph: Message, rng: random.Random) -> None:
        self._graph, self._rng = graph, rng

    def number(self) -> bytes:
        """A constant float32, mostly a finite one."""
        return self.constant(1, [self._rng.choice(FLOATS if self._rng.random() < 0.1 else FLOATS[:-2])])

    def new(self) -> bytes:
        return b"new_%d" % self._rng.randrange(10**9)

    def constant(self, dtype: int, values: list[float], *dims: int) -> bytes:
        """An initializer; ``dims`` may be anything."""
        letter, name = DTYPES[dtype], self.new()
        tensor = Message("tensor", [Field(1, VARINT, size) for size in dims])
        tensor.put(2, dtype)
        tensor.put(8, name)
        tensor.put(9, struct.pack(f"<{len(values)}{letter}", *(_fitting(letter, value) for value in values)))
        self._graph.put(INITIALIZER, tensor)
        return name


def _chain(start: bytes, names: _Names, rng: random.Random) -> tuple[list[Message], bytes]:
    """Nodes that make something of the tensor ``start``, and the name of what they make."""
    nodes: list[Message] = []

    def then(op_type: str, *inputs: bytes, attributes: tuple[Message, ...] = ()) -> bytes:
        nodes.append(node_message(op_type, inputs, names.new(), attributes))
        return nodes[-1].texts(2)[0]

    name = start
    for _ in range(rng.choice((1, 1, 2, 4))):
        match rng.randrange(9):
            case 0 | 1:
                name = then(rng.choice(UNARY), name)
            case 2:
                name = then(rng.choice(BINARY), name, names.number())
            case 3:  # whole numbers: their division and their powers trap where floats give infinity
                to = rng.choice((6, 7))
                name = then("Cast", name, attributes=(attribute("to", to),))
                least = -(2**31) if to == 6 else -(2**63)
                values = EXTREMES if rng.random() < 0.2 else (-1, 0, 1, least)
                pair = [names.constant(to, [rng.choice(values)]) for _ in range(2)]
                pair[0] = rng.choice((name, pair[0]))
                name = then(
                    rng.choice((*WHOLE, *BINARY, "Mod", "BitShift") if rng.random() < 0.2 else WHOLE),
                    *rng.sample(pair, 2),
                )
                name = then("Cast", name, attributes=(attribute("to", 1),))
            case 4:
                yes = then(rng.choice(COMPARISONS), name, names.number())
                name = then("Where", yes, name, names.number())
            case 5:
                indices = [
                    rng.choice(EXTREMES if rng.random() < 0.1 else (0, 1, -1)) for _ in range(rng.choice((1, 2, 3, 4)))
                ]
                which = names.constant(7, list(indices), len(indices))
                name = then(
                    "Gather", name, which, attributes=(attribute("axis", rng.choice((1, 1, 1, 1, -1, -1, 0, 2))),)
                )
            case 6:
                bounds = [names.constant(7, [rng.choice((0, 1, 2, *EXTREMES))], 1) for _ in range(rng.choice((2, 4)))]
                name = then("Slice", name, *bounds)
            case 7:
                sizes = rng.choice(([-1, 2], [0, -1], [0, 0], [-1, 1], [rng.choice(EXTREMES), -1]))
                name = then(
                    rng.choice(("Reshape", "Reshape", "Expand", "Tile")),
                    name,
                    names.constant(7, list(sizes), len(sizes)),
                )
            case _:
                axis = attribute("axis", rng.choice((0, 1, 1, 1, -1)))
                name = then("Concat", *[name] * rng.choice((1, 2, 50)), attributes=(axis,))
    return nodes, name


def node_message(op_type: str, inputs: tuple[bytes, ...], output: bytes, attributes: tuple[Message, ...]) -> Message:
    """NodeProto."""
    node = Message("node")
    for name in inputs:
        node.put(1, name)
    node.put(2, output)
    node.put(4, op_type)
    for one in attributes:
        node.put(5, one)
    return node


def attribute(name: str, value: int) -> Message:
    """AttributeProto of an integer."""
    message = Message("attribute")
    message.put(1, name)
    message.put(3, value)
    message.put(20, 2)
    return message


def _fitting(letter: str, value: float) -> float:
    """The value as far as it fits the type of struct's letter."""
    if letter in "fed":
        return float(value) if letter != "e" else 1.0
    bits: int = {"B": 8, "i": 32, "q": 64, "?": 1}[letter]
    whole = int(value) & ((1 << bits) - 1)
    return whole - (1 << bits) if letter in "iq" and whole >= 1 << (bits - 1) else whole


def _number(message: Message, number: int) -> int:
    return next((one.value for one in message.all(number) if isinstance(one.value, int)), 0)


def _set_number(message: Message, number: int, value: int) -> None:
    message.fields = [one for one in message.fields if one.number != number]
    message.put(number, value)


def _set_text(message: Message, number: int, value: bytes) -> None:
    message.fields = [one for one in message.fields if one.number != number]
    message.put(number, value)


_Mutation = Callable[[Message, Message, random.Random], None]
_BLIND: tuple[_Mutation, ...] = (
    _drop, _drop, _duplicate, _swap, _retag, _retype, _change_value, _change_value, _transplant, _nest,
)  # fmt: skip
_KNOWING: tuple[_Mutation, ...] = (
    _change_operator, _rewire, _change_weight, _change_port, _change_attribute, _change_version, _grow, _grow, _grow,
)  # fmt: skip
