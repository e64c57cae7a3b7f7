"""Files that are as much work as the check lets through: what is the longest that an accepted file may take?

Each builder makes a bundle with a number of nodes; `largest_accepted` finds the greatest number that is accepted.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from gameagent_sdk import Bundle, BundleError
from sdk.hostile.onnx_writer import INT64, attribute, floats, ints, node, tensor
from sdk.hostile.sound import bundle, detour

Builder = Callable[[int], bytes]

MOST_NODES = 4_000
WIDE = 2**17


def _graph(start: tuple[bytes, ...], repeated: list[bytes], last: str, *initializers: bytes) -> bytes:
    """A bundle that makes something of the scores, works on it again and again, and adds the greatest of the result."""
    most = node("ReduceMax", [last], ["most"], [attribute("keepdims", 0)])
    ends = (node("Mul", ["most", "nought"], ["nothing"]), node("Add", ["scores", "nothing"], ["logits"]))
    nought = floats("nought", (), (0.0,))
    return bundle(detour(*start, *repeated, most, *ends, initializers=(nought, *initializers)))


def _spread(shape: tuple[int, ...]) -> tuple[tuple[bytes, ...], bytes]:
    """Nodes that make ``x`` of a shape, known only once the step runs; and their initializer."""
    number = node("ReduceMean", ["scores"], ["mean"], [attribute("keepdims", 0)])
    return (number, node("Expand", ["mean", "to"], ["x"])), ints("to", *shape)


def repeated(op_type: str, shape: tuple[int, ...], attributes: tuple[bytes, ...] = (), *others: str) -> Builder:
    """The same operator on the same tensor, all results thrown away but the last."""

    def build(count: int) -> bytes:
        start, to = _spread(shape)
        nodes = [node(op_type, ["x", *others], [f"y{i}"], attributes) for i in range(count)]
        # Engines drop nodes that no output depends on: let each add its greatest element.
        reduced = [node("ReduceMax", [f"y{i}"], [f"m{i}"], [attribute("keepdims", 0)]) for i in range(count)]
        summed = [
            node("Max", [f"m{i}" for i in range(j, min(j + 500, count))], [f"s{j}"]) for j in range(0, count, 500)
        ]
        joined = node("Max", [f"s{j}" for j in range(0, count, 500)], ["all"])
        used = node("Cast", ["all"], ["last"], [attribute("to", 1)])
        half = floats("half", (), (0.5,))
        return _graph(start, [*nodes, *reduced, *summed, joined, used], "last", to, half)

    return build


def chained(op_type: str, shape: tuple[int, ...], attributes: tuple[bytes, ...] = (), *others: str) -> Builder:
    """An operator on its own result, over and over."""

    def build(count: int) -> bytes:
        start, to = _spread(shape)
        names = ["x", *(f"y{i}" for i in range(count))]
        nodes = [node(op_type, [names[i], *others], [names[i + 1]], attributes) for i in range(count)]
        half = floats("half", (), (0.5,))
        return _graph(start, nodes, names[-1], to, half)

    return build


def products(rows: int, inner: int, columns: int, weight: float = 0.001) -> Builder:
    """Gemm of the scores, spread over a matrix, with a constant one that is spread as well."""

    def build(count: int) -> bytes:
        start, to = _spread((rows, inner))
        right = node("Expand", ["half", "right_to"], ["right"])
        nodes = []
        for i in range(count):
            left = "x" if i == 0 else f"x{i}"
            nodes.append(node("Gemm", [left, "right"], [f"y{i}"]))
            nodes.append(node("ReduceMean", [f"y{i}"], [f"m{i}"], [attribute("keepdims", 0)]))
            nodes.append(node("Add", ["x", f"m{i}"], [f"x{i + 1}"]))
        half = floats("half", (), (weight,))
        return _graph((*start, right), nodes, f"x{count}", to, ints("right_to", inner, columns), half)

    return build


def constants(shape: tuple[int, ...]) -> Builder:
    """Products of constants, which engines compute while loading."""

    def build(count: int) -> bytes:
        spread = node("Expand", ["half", "to"], ["c0"])
        nodes = [spread, *(node("Gemm", [f"c{i}", "c0"], [f"c{i + 1}"]) for i in range(count))]
        return _graph((), nodes, f"c{count}", ints("to", *shape), floats("half", (), (0.001,)))

    return build


def folded(op_type: str, shape: tuple[int, ...]) -> Builder:
    """An operator on constants, over and over."""

    def build(count: int) -> bytes:
        spread = node("Expand", ["half", "to"], ["c0"])
        nodes = [spread, *(node(op_type, [f"c{i}"], [f"c{i + 1}"]) for i in range(count))]
        return _graph((), nodes, f"c{count}", ints("to", *shape), floats("half", (), (0.5,)))

    return build


def gathers(count: int) -> bytes:
    """Random picks from a large tensor."""
    start, to = _spread((2**20,))
    picks = tensor("picks", (2**16,), b"".join((i * 7919 % 2**20).to_bytes(8, "little") for i in range(2**16)), INT64)
    names = ["x", *(f"y{i}" for i in range(count))]
    nodes = [node("Gather", [names[0], "picks"], [names[i + 1]]) for i in range(count)]
    nodes += [node("ReduceMax", [f"y{i}"], [f"m{i}"], [attribute("keepdims", 0)]) for i in range(count)]
    nodes.append(node("Max", [f"m{i}" for i in range(count)], ["last"]))
    return _graph(start, nodes, "last", to, picks)


def tiny(count: int) -> bytes:
    """As many nodes as there may be, each on hardly anything."""
    names = ["scores", *(f"y{i}" for i in range(count))]
    nodes = [node(("Tanh", "Sigmoid", "Neg")[i % 3], [names[i]], [names[i + 1]]) for i in range(count)]
    return _graph((), nodes, names[-1])


BUILDERS: Mapping[str, Builder] = MappingProxyType(
    {
        "gemm of a row by a wide matrix": products(64, 1, WIDE),
        "gemm, square": products(256, 256, 256),
        "gemm, square, of denormals": products(256, 256, 256, 1e-40),
        "gemm of one row": products(1, 2048, 2048),
        "gemm of one row, of denormals": products(1, 2048, 2048, 1e-40),
        "constants multiplied": constants((256, 256)),
        "constants: Exp": folded("Exp", (2**18,)),
        "constants: Transpose": folded("Transpose", (1024, 256)),
        "ReduceMax of short rows": repeated("ReduceMax", (WIDE, 2), (attribute("axes", [1]),)),
        "ReduceMean": repeated("ReduceMean", (512, 512), (attribute("axes", [0]),)),
        "ArgMax over columns": repeated("ArgMax", (2, WIDE), (attribute("axis", 0),)),
        "Softmax of short rows": chained("Softmax", (WIDE // 4, 2)),
        "Pow": chained("Pow", (WIDE,), (), "half"),
        "Tanh": chained("Tanh", (WIDE,)),
        "Transpose": chained("Transpose", (512, 513)),
        "Sign of many axes": chained("Sign", (4,) * 8),
        "picks": gathers,
        "many small nodes": tiny,
    }
)


def largest_accepted(build: Builder, most: int = MOST_NODES) -> tuple[int, bytes]:
    """The greatest number for which the SDK takes the bundle, up to a sixteenth of it; and the bundle."""
    low, high = 1, most
    while high - low > max(low // 16, 1):
        middle = (low + high) // 2
        try:
            Bundle.from_bytes(build(middle))
            low = middle
        except BundleError:
            high = middle
    return low, build(low)
