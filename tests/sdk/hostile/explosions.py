"""Small files that ask for much memory or time when they are run, or when their constants are folded."""

import struct

from sdk.hostile.kinds import BUNDLES
from sdk.hostile.onnx_writer import INT64, attribute, floats, ints, node, tensor, tensor_attribute
from sdk.hostile.sound import bundle, detour

ZERO, TRILLION = floats("zero", (1,), (0.0,)), 10**12


def through(*nodes: bytes, initializers: tuple[bytes, ...] = ()) -> bytes:
    """A bundle that makes ``big`` by ``nodes``, and adds its greatest number to the scores."""
    most = node("ReduceMax", ["big"], ["most"], [attribute("keepdims", 0)])
    return bundle(detour(*nodes, most, node("Add", ["scores", "most"], ["logits"]), initializers=(ZERO, *initializers)))


def in_a_row(*nodes: bytes, initializers: tuple[bytes, ...] = ()) -> bytes:
    """The same within a row: ``big`` (N, anything) is reduced over its second axis."""
    most = node("ReduceMax", ["big"], ["most"], [attribute("axes", [1])])
    return bundle(detour(*nodes, most, node("Add", ["scores", "most"], ["logits"]), initializers=(ZERO, *initializers)))


@BUNDLES.refused
def reshape_to_a_trillion() -> bytes:
    """a shape of 10^12 numbers for two of them."""
    return in_a_row(node("Reshape", ["scores", "to"], ["big"]), initializers=(ints("to", -1, TRILLION),))


@BUNDLES.refused
def expand_to_a_trillion() -> bytes:
    """one number expanded to 10^12 of them."""
    return through(node("Expand", ["zero", "to"], ["big"]), initializers=(ints("to", 10**6, 10**6),))


@BUNDLES.refused
def expand_in_a_row() -> bytes:
    """every row expanded to 10^12 numbers."""
    flat = node("ReduceMean", ["scores"], ["flat"], [attribute("axes", [1])])
    return in_a_row(flat, node("Expand", ["flat", "to"], ["big"]), initializers=(ints("to", 1, TRILLION),))


@BUNDLES.refused
def tile_a_trillion_times() -> bytes:
    """a row repeated 10^12 times."""
    return in_a_row(node("Tile", ["scores", "times"], ["big"]), initializers=(ints("times", 1, TRILLION),))


@BUNDLES.refused
def tile_until_it_overflows() -> bytes:
    """repeated so often that the size overflows to a small one."""
    return in_a_row(node("Tile", ["scores", "times"], ["big"]), initializers=(ints("times", 1, 2**63 - 1),))


@BUNDLES.refused
def pad_by_a_trillion() -> bytes:
    """10^12 zeros put around."""
    return in_a_row(node("Pad", ["scores", "pads"], ["big"]), initializers=(ints("pads", 0, 0, 0, TRILLION),))


@BUNDLES.refused
def pad_below_nothing() -> bytes:
    """more taken away than there is."""
    return in_a_row(node("Pad", ["scores", "pads"], ["big"]), initializers=(ints("pads", 0, 0, 0, -(2**62)),))


@BUNDLES.refused
def constant_of_a_huge_shape() -> bytes:
    """a constant of 10^12 zeros made while loading."""
    return through(node("ConstantOfShape", ["shape"], ["big"]), initializers=(ints("shape", 10**6, 10**6),))


@BUNDLES.refused
def range_of_a_trillion() -> bytes:
    """all the numbers to 10^12."""
    numbers = node("Range", ["from", "to", "by"], ["integers"])
    cast = node("Cast", ["integers"], ["big"], [attribute("to", 1)])
    scalars = tuple(
        tensor(name, (), struct.pack("<q", value), INT64) for name, value in (("from", 0), ("to", TRILLION), ("by", 1))
    )
    return through(numbers, cast, initializers=scalars)


@BUNDLES.refused
def range_without_end() -> bytes:
    """a range in steps of zero."""
    scalars = tuple(floats(name, (), (value,)) for name, value in (("from", 0.0), ("to", 1.0), ("by", 0.0)))
    return through(node("Range", ["from", "to", "by"], ["big"]), initializers=scalars)


@BUNDLES.refused
def random_numbers_by_the_trillion() -> bytes:
    """10^12 random numbers."""
    return through(node("RandomNormal", [], ["big"], [attribute("shape", [10**6, 10**6])]))


@BUNDLES.refused
def one_hot_of_a_billion() -> bytes:
    """one-hot rows of 10^9 numbers."""
    hot = node("OneHot", ["where", "depth", "values"], ["big"])
    parts = (ints("where", 1, 2), ints("depth", 10**9), floats("values", (2,), (0.0, 1.0)))
    return through(hot, initializers=parts)


@BUNDLES.refused
def resize_a_million_times() -> bytes:
    """a row scaled up a million million times."""
    scales = floats("scales", (2,), (1.0, 1e12))
    return in_a_row(node("Resize", ["scores", "", "scales"], ["big"]), initializers=(scales,))


def doublings(first: str, count: int) -> list[bytes]:
    """``count`` nodes, each of which joins a tensor with itself; the last writes ``big``."""
    names = [first, *(f"d{i}" for i in range(count - 1)), "big"]
    return [node("Concat", [names[i]] * 2, [names[i + 1]], [attribute("axis", 1)]) for i in range(count)]


@BUNDLES.refused
def concat_doubling_chain() -> bytes:
    """forty nodes that each double a row: 2^41 numbers of a file of two kilobytes."""
    return in_a_row(*doublings("scores", 40))


@BUNDLES.refused
def concat_doubling_until_it_overflows() -> bytes:
    """seventy doublings: the size overflows 64 bits to zero."""
    return in_a_row(*doublings("scores", 70))


@BUNDLES.refused
def gather_of_gathers() -> bytes:
    """every number taken 90,000 times, and of these every one 300 times, and again: 10^10 numbers."""
    first = tensor("first", (300, 300), bytes(720_000), INT64)
    names = ["scores", "g0", "g1", "big"]
    nodes = [node("Gather", [names[i], "first"], [names[i + 1]], [attribute("axis", 1)]) for i in range(3)]
    return in_a_row(*nodes, initializers=(first,))


@BUNDLES.refused
def outer_products() -> bytes:
    """outer products of constants that square the size, five times: 2^32 numbers."""
    nodes = [node("Reshape", ["seed", "as_column"], ["c0"]), node("Reshape", ["seed", "as_row"], ["r0"])]
    for i in range(4):
        nodes.append(node("MatMul", [f"c{i}", f"r{i}"], [f"m{i}"]))
        nodes.append(node("Reshape", [f"m{i}", "as_column"], [f"c{i + 1}"]))
        nodes.append(node("Reshape", [f"m{i}", "as_row"], [f"r{i + 1}"]))
    nodes.append(node("MatMul", ["c4", "r4"], ["big"]))
    parts = (floats("seed", (2,), (1.0, 1.0)), ints("as_column", -1, 1), ints("as_row", 1, -1))
    return through(*nodes, initializers=parts)


@BUNDLES.refused
def broadcast_blow_up() -> bytes:
    """a column and a row of 100,000 numbers added: 10^10 numbers of a file of 800 kB."""
    parts = (tensor("column", (100_000, 1), bytes(400_000)), tensor("row", (1, 100_000), bytes(400_000)))
    return through(node("Add", ["column", "row"], ["big"]), initializers=parts)


@BUNDLES.refused
def broadcast_of_many_axes() -> bytes:
    """eight vectors of 100 numbers, each along an axis of its own, multiplied."""
    shapes = [tuple(100 if j == i else 1 for j in range(8)) for i in range(8)]
    parts = tuple(tensor(f"v{i}", shape, bytes(400)) for i, shape in enumerate(shapes))
    names = ["v0", *(f"p{i}" for i in range(1, 7)), "big"]
    nodes = [node("Mul", [names[i], f"v{i + 1}"], [names[i + 1]]) for i in range(7)]
    return through(*nodes, initializers=parts)


@BUNDLES.refused
def rows_against_each_other() -> bytes:
    """a broadcast of all rows against all rows: memory grows with the square of N."""
    column = node("Reshape", ["scores", "as_column"], ["column"])
    row = node("Reshape", ["scores", "as_row"], ["row"])
    return in_a_row(
        column, row, node("Mul", ["column", "row"], ["big"]),
        initializers=(ints("as_column", -1, 1), ints("as_row", 1, -1)),
    )  # fmt: skip


@BUNDLES.refused
def constant_node_of_a_huge_shape() -> bytes:
    """a shape computed from constants, so that nobody sees it in the file."""
    shape = node("Constant", [], ["half"], [tensor_attribute("value", ints("", 10**6))])
    both = node("Concat", ["half", "half"], ["shape"], [attribute("axis", 0)])
    return through(shape, both, node("ConstantOfShape", ["shape"], ["big"]))


@BUNDLES.refused
def shape_times_shape() -> bytes:
    """a shape that is a product of constants."""
    nodes = [
        node("Mul", ["million", "million"], ["trillion"]),
        node("Expand", ["zero", "trillion"], ["big"]),
    ]
    return through(*nodes, initializers=(ints("million", 10**6),))


@BUNDLES.tame
def twenty_thousand_products() -> bytes:
    """twenty thousand products of 100 x 100: seconds for each step."""
    weights = tensor("w_big", (100, 100), bytes(40_000))
    names = ["w_big", *(f"p{i}" for i in range(19_999)), "big"]
    nodes = [node("MatMul", [names[i], "w_big"], [names[i + 1]]) for i in range(20_000)]
    return through(*nodes, initializers=(weights,))
