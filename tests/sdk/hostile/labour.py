"""Small files whose tensors are modest, but that ask for hours of work on them, or for more the more rows there are."""

import struct
from collections.abc import Sequence

from sdk.hostile.explosions import in_a_row, through
from sdk.hostile.kinds import BUNDLES, REFUSED
from sdk.hostile.onnx_writer import attribute, data, floats, integer, ints, metadata, node, tensor
from sdk.hostile.sound import adaptation, adapting, bundle, detour

HALF = floats("half", (), (0.5,))
KEPT = attribute("keepdims", 0)


def add(name: str, attack: str, file: bytes) -> None:
    BUNDLES.add_bytes(name, attack, REFUSED, lambda: file)


def greatest_of(nodes: Sequence[bytes], names: Sequence[str]) -> list[bytes]:
    """The nodes, and others that make ``big`` the greatest number in any of the tensors."""
    reduced = [node("ReduceMean", [name], [f"m_{name}"], [KEPT]) for name in names]
    groups = [names[start : start + 500] for start in range(0, len(names), 500)]
    joined = [node("Max", [f"m_{name}" for name in group], [f"g{i}"]) for i, group in enumerate(groups)]
    return [*nodes, *reduced, *joined, node("Max", [f"g{i}" for i in range(len(groups))], ["big"])]


def spread(start: str, *shape: int) -> tuple[list[bytes], bytes]:
    """Nodes that expand the mean of a tensor to ``x`` of a shape, and the initializer that they need."""
    return [node("ReduceMean", [start], ["mean"], [KEPT]), node("Expand", ["mean", "to"], ["x"])], ints("to", *shape)


def on_spread(op_type: str, count: int, shape: Sequence[int], attributes: Sequence[bytes] = (), *more: str) -> bytes:
    """A bundle with an operator ``count`` times on one tensor that the step makes."""
    start, to = spread("scores", *shape)
    cast = node("Cast", ["big"], ["number"], [attribute("to", 1)])
    names = [f"y{i}" for i in range(count)]
    nodes = [node(op_type, ["x", *more], [name], attributes) for name in names]
    if op_type in ("ArgMax", "Greater"):  # of which there is no mean
        nodes = [node(op_type, ["x", *more], [f"{name}_"], attributes) for name in names]
        nodes += [node("Cast", [f"{name}_"], [name], [attribute("to", 1)]) for name in names]
    added = node("Add", ["scores", "number"], ["logits"])
    return bundle(detour(*start, *greatest_of(nodes, names), cast, added, initializers=(to, HALF)))


def on_constants(op_type: str, count: int, shape: Sequence[int], *more: str) -> bytes:
    """The same on a constant: engines compute it while loading."""
    names = ["x", *(f"y{i}" for i in range(count))]
    nodes = [node("Expand", ["half", "to"], ["x"])]
    nodes += [node(op_type, [names[i], *more], [names[i + 1]]) for i in range(count)]
    nodes.append(node("Identity", [names[-1]], ["big"]))
    return through(*nodes, initializers=(ints("to", *shape), HALF))


def gemms(count: int, rows: int, inner: int, columns: int, constant: bool) -> bytes:
    """Products of a (rows, inner) by an (inner, columns) matrix."""
    start, to = spread("scores", rows, inner)
    if constant:
        start = [node("Expand", ["half", "to"], ["x"])]
    start.append(node("Expand", ["half", "right_to"], ["right"]))
    names = [f"y{i}" for i in range(count)]
    left = ["x", *(f"x{i}" for i in range(1, count))]
    nodes = []
    for i, name in enumerate(names):
        if i:  # engines know equal nodes again
            nodes.append(node("Add", ["x", f"m_{names[i - 1]}"], [left[i]]))
        nodes.append(node("Gemm", [left[i], "right"], [name]))
        nodes.append(node("ReduceMean", [name], [f"m_{name}"], [KEPT]))
    last = node("Identity", [f"m_{names[-1]}"], ["big"])
    added = node("Add", ["scores", "big"], ["logits"])
    parts = (to, ints("right_to", inner, columns), HALF)
    return bundle(detour(*start, *nodes, last, added, initializers=parts))


add("gemm_by_a_wide_matrix", "1,300 products of (64, 1) by (1, 2^17).", gemms(1300, 64, 1, 2**17, constant=False))
add("gemm_of_constants", "the same of constants, while loading.", gemms(1300, 64, 1, 2**17, constant=True))
add("gemm_square", "200 products of 512 x 512.", gemms(200, 512, 512, 512, constant=False))
add("reductions_by_the_thousand", "2,000 means of one tensor.", on_spread("ReduceMean", 2000, (512, 512)))
add("arg_max_by_the_thousand", "1,300 ArgMax of one tensor.", on_spread("ArgMax", 1300, (2, 2**17)))
add("maxima_of_short_rows", "ten reductions of 2^19 rows of two.", on_spread("Softmax", 10, (2**19, 2)))
add("powers", "30 powers of 2^20 numbers.", on_spread("Pow", 30, (2**20,), (), "half"))
add("comparisons", "500 comparisons of 2^18 numbers.", on_spread("Greater", 500, (2**18,), (), "half"))
add("transposes", "100 transposes of 512 x 512 numbers.", on_spread("Transpose", 100, (512, 512)))
add("hyperbolas_of_constants", "1,000 Tanh of constants, while loading.", on_constants("Tanh", 1000, (2**18,)))
add("sums_of_constants", "2,000 sums of constants, while loading.", on_constants("Add", 2000, (2**18,), "half"))


@BUNDLES.refused
def picks_by_the_million() -> bytes:
    """one row picked a million times, three hundred times over."""
    picks = tensor("picks", (1000, 1000), bytes(8_000_000), 7)
    names = [f"y{i}" for i in range(300)]
    nodes = [node("Gather", ["scores", "picks"], [name], [attribute("axis", 1)]) for name in names]
    return through(*greatest_of(nodes, names), initializers=(picks,))


@BUNDLES.refused
def joins_of_a_thousand() -> bytes:
    """240 joins of a thousand tensors each: a quarter of a million of them."""
    nodes = [node("Max", ["scores"] * 1000, [f"y{i}"]) for i in range(240)]
    return through(*greatest_of(nodes, [f"y{i}" for i in range(240)]))


@BUNDLES.refused
def squad_of_gigabytes() -> bytes:
    """ten million numbers for each agent: no harm to one, gigabytes for a squad."""
    wide = [node("ReduceMean", ["scores"], ["flat"], [attribute("axes", [1])]), node("Expand", ["flat", "to"], ["big"])]
    return in_a_row(*wide, initializers=(ints("to", 1, 5_000_000),))


# Gradient steps: rows are steps of experience.


def adapting_by(*nodes: bytes, initializers: Sequence[bytes] = (), **manifest: object) -> bytes:
    return adapting(adaptation(*nodes, initializers=initializers), **manifest)


def step_of(name: str) -> bytes:
    """The mean of a tensor as the step."""
    return node("ReduceMean", [name], ["step"], [KEPT])


def products_of_experience(count: int, width: int) -> bytes:
    wide = node("Expand", ["rewards", "to"], ["x0"])
    nodes = [wide, node("Expand", ["half", "square"], ["w"])]
    nodes += [node("Gemm", [f"x{i}", "w"], [f"x{i + 1}"]) for i in range(count)]
    parts = (ints("to", 1, width), ints("square", width, width), HALF)
    return adapting_by(*nodes, step_of(f"x{count}"), initializers=parts)


add("gemm_in_gradient_steps", "900 products of every step of experience.", products_of_experience(900, 512))


def power_of_rows(axes: int) -> list[bytes]:
    """Nodes that multiply the rewards by themselves, each time along an axis of its own."""
    nodes = []
    for i in range(axes):
        shape = [1] * axes
        shape[i] = -1
        nodes.append(node("Reshape", ["rewards", f"to{i}"], [f"r{i}"]))
    nodes += [node("Mul", [f"p{i}" if i else "r0", f"r{i + 1}"], [f"p{i + 1}"]) for i in range(axes - 1)]
    return nodes


def column_shapes(axes: int) -> list[bytes]:
    return [ints(f"to{i}", *(-1 if j == i else 1 for j in range(axes))) for i in range(axes)]


add(
    "steps_to_the_eighth",
    "a tensor of T x T x ... x T numbers of a file of two kilobytes.",
    adapting_by(*power_of_rows(8), step_of("p7"), initializers=column_shapes(8)),
)
add(
    "steps_squared",
    "every step of experience against every other.",
    adapting_by(*power_of_rows(2), step_of("p1"), initializers=column_shapes(2)),
)
add(
    "steps_squared_by_a_product",
    "a matrix of T x T that is multiplied away at once.",
    adapting_by(
        node("Transpose", ["rewards"], ["t"]),
        node("MatMul", ["rewards", "t"], ["s"]),
        node("MatMul", ["s", "actions"], ["a"]),
        node("ReduceMean", ["a"], ["step"], [attribute("axes", [0])]),
    ),
)
add(
    "agents_squared",
    "all agents of a squad against each other, then averaged.",
    bundle(
        detour(
            node("ReduceMean", ["scores"], ["flat"], [attribute("axes", [1])]),
            node("Transpose", ["flat"], ["t"]),
            node("MatMul", ["flat", "t"], ["s"]),
            node("ReduceMean", ["s"], ["m"], [attribute("axes", [1])]),
            node("Add", ["scores", "m"], ["logits"]),
        )
    ),
)


def late_steps(first: int, width: int) -> bytes:
    """What stands behind the first steps, spread: nothing of few steps, gigabytes of many."""
    cut = node("Slice", ["rewards", "first", "last", "zero"], ["late"])
    nodes = [cut, node("Expand", ["late", "to"], ["wide"]), node("ReduceSum", ["wide"], ["sum"], [KEPT])]
    parts = (ints("first", first), ints("last", 2**62), ints("zero", 0), ints("to", 1, width))
    return adapting_by(*nodes, node("Identity", ["sum"], ["step"]), initializers=parts)


add("steps_behind_the_hundredth", "a slice that is empty until the hundredth step.", late_steps(100, 2**24))
add("steps_behind_the_second", "a slice that is empty for two steps.", late_steps(2, 2**12))


def early_steps(count: int, width: int) -> bytes:
    cut = node("Slice", ["rewards", "first", "last", "zero"], ["early"])
    nodes = [cut, node("Expand", ["early", "to"], ["wide"]), step_of("wide")]
    parts = (ints("first", 0), ints("last", count), ints("zero", 0), ints("to", 1, width))
    return adapting_by(*nodes, initializers=parts)


add("first_hundred_steps", "a slice that stops growing at the hundredth step.", early_steps(100, 4))
add(
    "steps_of_megabytes",
    "four million numbers for each step of experience.",
    adapting_by(
        node("Expand", ["rewards", "to"], ["wide"]),
        step_of("wide"),
        initializers=(ints("to", 1, 2**22),),
        max_steps=100,
    ),
)


# What engines take for something else than was checked.


@BUNDLES.refused
def mark_of_another_format() -> bytes:
    """bytes 4 to 8 are those by which onnxruntime knows its own format, and reads past all that was checked."""
    return bundle(ir_version=integer(1, 8) + data(2, "ORTM"))


@BUNDLES.refused
def mark_in_the_gradient_steps() -> bytes:
    """the same mark in the graph of the gradient steps."""
    steps = adaptation(extra=data(2, "ORTM"))
    assert steps[4:8] == b"ORTM"
    return adapting(steps)


@BUNDLES.refused
def settings_for_the_engine() -> bytes:
    """settings that onnxruntime takes from a model where a variable of the system tells it to."""
    settings = '{"session_options": {"inter_op_num_threads": 64, "enable_profiling": 1}}'
    return bundle(extra=metadata("ort_config", settings))


@BUNDLES.refused
def gradient_steps_of_twenty_megabytes() -> bytes:
    """a second graph that is larger than any text."""
    unused = tensor("unused", (4_000_000,), bytes(16_000_000))
    mean = node("ReduceMean", ["actions"], ["step"], [attribute("axes", [0])])
    return adapting(adaptation(mean, initializers=(unused,)))


@BUNDLES.accepted
def sound_gradient_steps() -> bytes:
    """nothing: they take the mean of the actions."""
    return adapting()


@BUNDLES.accepted
def gradient_steps_of_megabytes() -> bytes:
    """nothing: a policy of 512 units has such, and their text is longer than a mebibyte."""
    weights = tensor("w", (2, 250_000), bytes(2_000_000))
    nodes = [
        node("MatMul", ["actions", "w"], ["wide"]),
        node("ReduceMean", ["wide"], ["mean"], [KEPT]),
        node("Expand", ["mean", "to"], ["step"]),
    ]
    return adapting(adaptation(*nodes, initializers=(weights, ints("to", 1, 2))))


# Axes, shapes and the like that are single numbers: vectors are asked for.

for op_type, inputs, attributes in (
    ("Reshape", [("c0", (-1,))], ()),
    ("Expand", [("c0", (2,))], ()),
    ("Slice", [("c0", (0,)), ("c1", (2,)), ("c2", (1,))], ()),
    ("Unsqueeze", [("c0", (0,))], ()),
    ("ReduceSum", [("c0", (1,))], ()),
):
    scalars = [tensor(name, (), struct.pack("<q", *value), 7) for name, value in inputs]
    used = node(op_type, ["scores", *(name for name, _ in inputs)], ["used"], attributes)
    mean = node("ReduceMean", ["used"], ["mean"], [KEPT])
    add(
        f"{op_type.lower()}_by_single_numbers",
        f"{op_type} told by single numbers, which one engine takes and the other refuses.",
        bundle(detour(used, mean, node("Add", ["scores", "mean"], ["logits"]), initializers=scalars)),
    )
