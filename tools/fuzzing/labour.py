"""Mutations that ask for much work, or for more the more rows there are, by nodes that are each quite in order."""

import random
import struct

from fuzzing.model_tree import GRAPH, INITIALIZER, INPUT, NODE, OUTPUT, attribute, node_message
from fuzzing.protobuf import BYTES, VARINT, Field, Message

SIZES = (1, 2, 3, 7, 64, 1000, 2**14, 2**17, 2**20, 2**23)
COUNTS = (1, 2, 10, 100, 1000, 3000)
UNARY = ("Abs", "Exp", "Log", "Neg", "Relu", "Sigmoid", "Sign", "Softmax", "Sqrt", "Tanh", "Transpose")
REDUCED = ("ReduceMax", "ReduceMean", "ReduceSum")


def add_labour(model: Message, rng: random.Random) -> None:
    """Puts a tensor of some size, made of another or of a constant, before the last node, and many nodes that use it.

    What they make is multiplied by zero and added to an output, so that no engine can leave it out.
    """
    graph = model.message(GRAPH)
    labour = _Labour(graph, rng)
    start = labour.start()
    last = rng.choice((labour.chain, labour.fan, labour.products, labour.rows))(start, rng.choice(COUNTS))
    labour.use(last)


class _Labour:
    """The nodes that are added to a graph."""

    def __init__(self, graph: Message, rng: random.Random) -> None:
        self._graph, self._rng = graph, rng
        self._nodes: list[Message] = []

    def start(self) -> bytes:
        """A tensor of some shape: spread from a number that is constant, or known only once the graph runs."""
        inputs = [one.value for one in self._graph.all(INPUT) if isinstance(one.value, Message)]
        source = self._floats(0.5)
        if self._rng.random() < 0.8:
            given = self._rng.choice(inputs).texts(1)[0]
            source = self._add("ReduceMean", self._add("Cast", given, to=1), keepdims=0)
        shape = [self._rng.choice(SIZES) for _ in range(self._rng.choice((1, 2, 2, 3)))]
        return self._add("Expand", source, self._whole(shape))

    def chain(self, start: bytes, count: int) -> bytes:
        """An operator on its own result."""
        op_type = self._rng.choice((*UNARY, "Pow", "Add", "Where"))
        name, half = start, self._floats(0.5)
        for _ in range(count):
            more = {"Pow": [half], "Add": [half], "Where": [name, half]}.get(op_type, [])
            first = self._add("Greater", name, half) if op_type == "Where" else name
            name = self._add(op_type, first, *more)
        return name

    def fan(self, start: bytes, count: int) -> bytes:
        """The same reduction of the same tensor again and again."""
        op_type = self._rng.choice((*REDUCED, "ArgMax"))
        made = [self._add(op_type, start) for _ in range(count)]
        joined = [self._add("Max", *made[at : at + 500]) for at in range(0, count, 500)]
        return self._add("Cast", self._add("Max", *joined), to=1)

    def products(self, start: bytes, count: int) -> bytes:
        """Products with a square matrix."""
        width = self._rng.choice(SIZES[2:6])
        right = self._add("Expand", self._floats(self._rng.choice((0.001, 1e-40))), self._whole([width, width]))
        name = self._add("Expand", self._add("ReduceMean", start, keepdims=0), self._whole([width, width]))
        for _ in range(count):
            name = self._add("MatMul", name, right)
        return name

    def rows(self, start: bytes, count: int) -> bytes:
        """The rows of an input against themselves, cut, doubled or picked."""
        given = self._rng.choice([one.value for one in self._graph.all(INPUT) if isinstance(one.value, Message)])
        column = self._add("Reshape", self._add("Cast", given.texts(1)[0], to=1), self._whole([-1, 1]))
        match self._rng.randrange(4):
            case 0:
                return self._add("Mul", column, self._add("Transpose", column))
            case 1:
                bounds = [self._whole([self._rng.choice((*SIZES, 0, -1))]) for _ in range(2)]
                return self._add("Mul", self._add("Slice", column, *bounds, self._whole([0])), self._floats(0.5))
            case 2:
                return self._add("Concat", *[column] * min(count, 900), axis=0)
            case _:
                return self._add("MatMul", self._add("Transpose", column), column)

    def use(self, name: bytes) -> None:
        """Adds nothing times the mean of a tensor to one of the outputs, and puts all nodes in their place."""
        outputs = [one.value for one in self._graph.all(OUTPUT) if isinstance(one.value, Message)]
        wanted = self._rng.choice(outputs).texts(1)[0]
        maker = next((one.value for one in self._graph.all(NODE) if wanted in _texts(one.value, 2)), None)
        nothing = self._add("Mul", self._add("ReduceMean", name, keepdims=0), self._floats(0.0))
        if isinstance(maker, Message):
            for one in maker.fields:
                if one.number == 2 and one.value == wanted:
                    one.value = b"before_labour"
        self._nodes.append(node_message("Add", (b"before_labour", nothing), wanted, ()))
        self._graph.fields += [Field(NODE, BYTES, one) for one in self._nodes]

    def _add(self, op_type: str, *inputs: bytes, **attributes: int) -> bytes:
        name = b"labour_%d" % len(self._nodes)
        written = tuple(attribute(key, value) for key, value in attributes.items())
        self._nodes.append(node_message(op_type, inputs, name, written))
        return name

    def _whole(self, values: list[int]) -> bytes:
        raw = b"".join(value.to_bytes(8, "little", signed=True) for value in values)
        return self._constant(7, [len(values)], raw)

    def _floats(self, value: float) -> bytes:
        return self._constant(1, [], struct.pack("<f", value))

    def _constant(self, dtype: int, dims: list[int], raw: bytes) -> bytes:
        name = b"labour_constant_%d" % len(self._graph.fields)
        tensor = Message("tensor", [Field(1, VARINT, size) for size in dims])
        tensor.put(2, dtype)
        tensor.put(8, name)
        tensor.put(9, raw)
        self._graph.put(INITIALIZER, tensor)
        return name


def _texts(message: object, number: int) -> list[bytes]:
    return message.texts(number) if isinstance(message, Message) else []
