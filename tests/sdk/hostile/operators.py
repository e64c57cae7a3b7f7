"""Operators that are used wrongly, mix the rows of different agents, or divide by zero in native code."""

import struct
from collections.abc import Sequence

from sdk.hostile.kinds import BUNDLES, REFUSED, TAME
from sdk.hostile.onnx_writer import (
    BOOL,
    INT64,
    attribute,
    data,
    floats,
    graph,
    graph_attribute,
    integer,
    ints,
    node,
    real,
    tensor,
)
from sdk.hostile.sound import bundle, detour

AXIS0, AXIS1 = attribute("axis", 0), attribute("axis", 1)


def one(op_type: str, attributes: Sequence[bytes] = (), *constants: bytes) -> bytes:
    """A bundle with one operator between scores (N, 2) and logits; its further inputs are constants c0, c1, ..."""
    names = [f"c{i}" for i in range(len(constants))]
    return bundle(detour(node(op_type, ["scores", *names], ["logits"], attributes), initializers=constants))


def on_integers(op_type: str, left: int, right: int, attributes: Sequence[bytes] = ()) -> bytes:
    """A bundle that computes with two int64 constants, which engines do while loading, and adds the result."""
    nodes = [
        node(op_type, ["c0", "c1"], ["c"], attributes),
        node("Cast", ["c"], ["f"], [attribute("to", 1)]),
        node("Add", ["scores", "f"], ["logits"]),
    ]
    return bundle(detour(*nodes, initializers=[ints("c0", left), ints("c1", right)]))


def convolved(kernel: int, *attributes: bytes) -> bytes:
    """A bundle that takes scores for a 1 x 2 image, convolved, and adds its mean to them."""
    nodes = [
        node("Reshape", ["scores", "to"], ["image"]),
        node("Conv", ["image", "c0"], ["made"], attributes),
        node("ReduceMean", ["made"], ["mean"], [attribute("axes", [1, 2]), attribute("keepdims", 0)]),
        node("Add", ["scores", "mean"], ["logits"]),
    ]
    weights = floats("c0", (1, 1, kernel, kernel), (1.0,) * kernel**2)
    return bundle(detour(*nodes, initializers=[ints("to", -1, 1, 1, 2), weights]))


def add(name: str, attack: str, file: bytes, expected: frozenset[str] = REFUSED) -> None:
    BUNDLES.add_bytes(name, attack, expected, lambda: file)


# Attributes.

add("attribute_unknown", "an attribute that the operator does not have.", one("Tanh", [attribute("alpha", 1.0)]))
add("attribute_twice", "the same attribute twice.", one("Softmax", [AXIS1, AXIS0]))
add("attribute_of_wrong_type", "an axis that is a text.", one("Softmax", [attribute("axis", "1")]))
add("attribute_float_for_int", "an axis that is 1.0.", one("Softmax", [attribute("axis", 1.0)]))
add(
    "attribute_without_type",
    "an attribute that does not say its type.",
    one("Softmax", [data(1, "axis") + integer(3, 1)]),
)
add("attribute_without_name", "an attribute without a name.", one("Softmax", [integer(3, 1) + integer(20, 2)]))
add(
    "attribute_says_otherwise",
    "an attribute that says it is a float and holds an integer.",
    one("Softmax", [data(1, "axis") + integer(3, 1) + integer(20, 1)]),
)
add(
    "attribute_with_two_values",
    "an attribute that holds an integer and a float.",
    one("Softmax", [attribute("axis", 1, real(2, 0.0))]),
)
add(
    "attribute_by_reference",
    "an attribute that refers to a function's.",
    one("Softmax", [attribute("axis", 1, data(21, "a"))]),
)
add("axis_100", "an axis that is not there.", one("Softmax", [attribute("axis", 100)]))
add("axis_least", "the least axis that fits into 64 bits.", one("Softmax", [attribute("axis", -(2**63))]))
add("concat_axis_9", "joined along an axis that is not there.", one("Concat", [attribute("axis", 9)]))
add("concat_without_axis", "joined along no axis.", one("Concat"))
add("perm_twice", "a permutation that names an axis twice.", one("Transpose", [attribute("perm", [0, 0])]))
add("perm_7", "a permutation of axes that are not there.", one("Transpose", [attribute("perm", [0, 7])]))
add("cast_to_999", "a cast to a type that does not exist.", one("Cast", [attribute("to", 999)]))
add("cast_to_text", "a cast to texts.", one("Cast", [attribute("to", 8)]))
add("cast_to_double", "logits that are float64.", one("Cast", [attribute("to", 11)]))
add(
    "gemm_alpha_nan",
    "a factor that is NaN.",
    one("Gemm", [attribute("alpha", float("nan"))], floats("c0", (2, 2), (1.0,) * 4)),
    TAME,
)
add("sub_graph_in_softmax", "a sub-graph in an attribute.", one("Softmax", [graph_attribute("axis", graph([]))]))

# Shapes and indices that are wrong.

add(
    "slice_step_zero",
    "a slice with steps of zero.",
    one("Slice", [], ints("c0", 0), ints("c1", 2), ints("c2", 1), ints("c3", 0)),
)
add(
    "slice_least_step",
    "a slice with the least step that fits into 64 bits.",
    one("Slice", [], ints("c0", 0), ints("c1", 2), ints("c2", 1), ints("c3", -(2**63))),
)
add(
    "slice_axis_99",
    "a slice of an axis that is not there.",
    one("Slice", [], ints("c0", 0), ints("c1", 2), ints("c2", 99)),
)
add(
    "slice_axes_twice",
    "a slice that names an axis twice.",
    one("Slice", [], ints("c0", 0, 0), ints("c1", 2, 1), ints("c2", 1, 1)),
)
add(
    "slice_lengths_differ",
    "a slice with two starts and one end.",
    one("Slice", [], ints("c0", 0, 0), ints("c1", 2), ints("c2", 1)),
)
add("gather_far", "an index far outside.", one("Gather", [AXIS1], ints("c0", 0, 2**40)))
add("gather_negative", "an index far below.", one("Gather", [AXIS1], ints("c0", -3, -(2**63))))
add(
    "gather_elements_far",
    "element indices far outside.",
    one("GatherElements", [AXIS1], tensor("c0", (1, 2), struct.pack("<2q", 0, 2**40), INT64)),
)
add(
    "scatter_far",
    "written far outside.",
    one(
        "ScatterElements", [AXIS1], tensor("c0", (1, 1), struct.pack("<q", 2**40), INT64), floats("c1", (1, 1), (1.0,))
    ),
)
add("reshape_two_unknowns", "a shape with two unknown sizes.", one("Reshape", [], ints("c0", -1, -1)))
add("reshape_minus_two", "a shape with a negative size.", one("Reshape", [], ints("c0", -2, 2)))
add("reshape_one_row", "a shape that fixes the rows to one.", one("Reshape", [], ints("c0", 1, 2)))
add("reshape_folds_rows", "a shape that moves numbers between rows.", one("Reshape", [], ints("c0", 2, -1)))
add("reshape_overflow", "a shape whose size overflows 64 bits.", one("Reshape", [], ints("c0", 2**32, 2**32, -1)))
add("reshape_to_nothing", "a shape with a size of zero.", one("Reshape", [], ints("c0", 0, 2, 0)))
add("squeeze_two", "an axis of size two squeezed away.", one("Squeeze", [], ints("c0", 1)))
add("squeeze_rows", "the rows squeezed away.", one("Squeeze", [], ints("c0", 0)))
add("unsqueeze_9", "an axis put where none can be.", one("Unsqueeze", [], ints("c0", 9)))
add("unsqueeze_twice", "the same axis put twice.", one("Unsqueeze", [], ints("c0", 1, 1)))
add("reduce_axis_huge", "a reduction over axis 10^18.", one("ReduceMean", [attribute("axes", [10**18])]))
add("matmul_misfit", "a product of shapes that do not fit.", one("MatMul", [], floats("c0", (3, 2), (1.0,) * 6)))
add("matmul_scalar", "a product with a number.", one("MatMul", [], floats("c0", (), (1.0,))))
add("add_misfit", "a sum of shapes that do not fit.", one("Add", [], floats("c0", (3,), (1.0,) * 3)))
add("add_integers", "float32 and int64 added.", one("Add", [], ints("c0", 1, 2)))
add("add_bools", "float32 and bool added.", one("Add", [], tensor("c0", (2,), b"\x01\x00", BOOL)))
add("where_on_floats", "a choice by numbers.", bundle(detour(node("Where", ["scores"] * 3, ["logits"]))))
add("not_on_floats", "Not of numbers.", one("Not"))
add("topk_too_many", "the best 99 of two.", one("TopK", [AXIS1], ints("c0", 99)))
add("topk_negative", "the best -1.", one("TopK", [AXIS1], ints("c0", -1)))
add(
    "split_does_not_add_up",
    "parts that do not add up.",
    bundle(
        detour(
            node("Split", ["scores", "sizes"], ["a", "b"], [AXIS1]),
            node("Concat", ["a", "b"], ["logits"], [AXIS1]),
            initializers=[ints("sizes", 1, 5)],
        )
    ),
)
add(
    "split_negative",
    "a part of negative size.",
    bundle(
        detour(
            node("Split", ["scores", "sizes"], ["a", "b"], [AXIS1]),
            node("Concat", ["a", "b"], ["logits"], [AXIS1]),
            initializers=[ints("sizes", 3, -1)],
        )
    ),
)
add(
    "split_rows",
    "the rows split into two halves.",
    bundle(detour(node("Split", ["scores"], ["a", "b"], [AXIS0]), node("Concat", ["a", "b"], ["logits"], [AXIS0]))),
)

# Rows are different agents, or different players: none may see another's. An agent in a game
# has one row, which none of these harms; those that give another number of rows have to be refused.

MEAN_OF_ROWS, MEAN_COUNTING_BACK = (node("ReduceMean", ["scores"], ["m"], [attribute("axes", [i])]) for i in (0, -2))
PLUS_MEAN = node("Add", ["scores", "m"], ["logits"])
TRANSPOSED = (
    node("Transpose", ["scores"], ["t"]),
    node("MatMul", ["scores", "t"], ["s"]),
    node("MatMul", ["s", "scores"], ["logits"]),
)
BACKWARDS = (ints("c0", -1), ints("c1", -(2**62)), ints("c2", 0), ints("c3", -1))
add("rows_softmax", "a softmax over the rows.", one("Softmax", [AXIS0]), TAME)
add("rows_reduced", "the mean of all rows in each.", bundle(detour(MEAN_OF_ROWS, PLUS_MEAN)), TAME)
add("rows_reduced_back", "the mean over axis -2: the rows.", bundle(detour(MEAN_COUNTING_BACK, PLUS_MEAN)), TAME)
add("rows_reduced_all", "no axes named: all.", bundle(detour(node("ReduceMax", ["scores"], ["m"]), PLUS_MEAN)), TAME)
add("rows_transposed", "rows become columns.", bundle(detour(*TRANSPOSED)), TAME)
add("rows_reversed", "rows in the reverse order.", one("Slice", [], *BACKWARDS), TAME)
add("rows_cumulated", "each row adds those before it.", one("CumSum", [], ints("c0", 0)))
add("rows_gathered", "every row is the first one.", one("Gather", [AXIS0], ints("c0", 0)))
add("rows_sliced", "only the first row is left.", one("Slice", [], ints("c0", 0), ints("c1", 1), ints("c2", 0)))
add("rows_doubled", "every row twice.", bundle(detour(node("Concat", ["scores", "scores"], ["logits"], [AXIS0]))))
add("rows_flattened", "all rows in one.", one("Flatten", [attribute("axis", 0)]))

# Native code: traps, stack and undefined behaviour.

add(
    "integer_divided_by_zero",
    "int64 divided by zero while loading.",
    on_integers("Div", 1, 0),
    TAME,
)
add(
    "integer_quotient_overflow",
    "the least int64 divided by -1 while loading: a trap that ends the process.",
    on_integers("Div", -(2**63), -1),
)
MINUS_ONE = (  # int64, and known to nobody before the step
    node("Sub", ["scores", "scores"], ["nought"]),
    node("Exp", ["nought"], ["one"]),
    node("Neg", ["one"], ["minus"]),
    node("Cast", ["minus"], ["divisor"], [attribute("to", 7)]),
)
add(
    "integer_quotient_overflow_in_a_step",
    "the least int64 divided by a -1 that is computed in every step.",
    bundle(
        detour(
            *MINUS_ONE,
            node("Div", ["least", "divisor"], ["q"]),
            node("Cast", ["q"], ["f"], [attribute("to", 1)]),
            node("Add", ["scores", "f"], ["logits"]),
            initializers=[ints("least", -(2**63))],
        )
    ),
)
add("integer_remainder_by_zero", "the remainder of int64 by zero: a trap.", on_integers("Mod", 1, 0))
add("integer_power_negative", "zero to a negative power, in integers.", on_integers("Pow", 0, -1))
add(
    "shift_by_1000",
    "a shift by more bits than there are.",
    on_integers("BitShift", 1, 1000, [attribute("direction", "LEFT")]),
)
add(
    "conv_group_zero",
    "a convolution of zero groups.",
    one("Conv", [attribute("group", 0)], floats("c0", (2, 2, 1), (1.0,) * 4)),
)
add("conv_pads_negative", "pads that cut.", convolved(1, attribute("pads", [-1, 0, 0, 0])))
add("conv_pads_far", "pads of 2^62 cells.", convolved(3, attribute("pads", [2**62] * 4)))
add("conv_stride_zero", "windows that stay where they are.", convolved(1, attribute("strides", [0, 1])))
add("conv_stride_negative", "windows that go back.", convolved(1, attribute("strides", [1, -1])))
add("conv_stride_far", "a step of 2^62 cells.", convolved(1, attribute("strides", [2**62, 1])))
add("conv_kernel_zero", "windows of nothing.", convolved(0))
add("conv_kernel_other", "a kernel that is not that of the weights.", convolved(1, attribute("kernel_shape", [9, 9])))
add("conv_kernel_large", "windows larger than the image.", convolved(3))
add("pool_kernel_zero", "a pooling window of size zero.", one("MaxPool", [attribute("kernel_shape", [0])]))
add("blocks_of_zero", "blocks of size zero.", one("DepthToSpace", [attribute("blocksize", 0)]))
add(
    "einsum_of_nonsense",
    "an equation of ten thousand letters.",
    one("Einsum", [attribute("equation", "ab," * 5000 + "->z")]),
)
add(
    "dropout",
    "random numbers in each step.",
    one("Dropout", [attribute("seed", 1)], floats("c0", (), (0.5,)), tensor("c1", (), b"\x01", BOOL)),
)
add("random_normal_like", "logits that are random.", one("RandomNormalLike"))
add("bernoulli", "coins tossed.", one("Bernoulli"))
add("string_normalizer", "an operator on texts.", one("StringNormalizer"))
add(
    "lstm_misfit",
    "a recurrent operator whose sizes do not fit.",
    one(
        "LSTM", [attribute("hidden_size", 2**31 - 1)], floats("c0", (1, 1, 1), (1.0,)), floats("c1", (1, 1, 1), (1.0,))
    ),
)
add("non_zero", "a shape that depends on the data.", one("NonZero"))

# Sound operators whose numbers leave what a float32 holds: an error when it happens, not a crash.

for name, chain in {
    "log_of_negatives": ["Neg", "Abs", "Neg", "Log"],
    "log_of_zero": ["Relu", "Log"],
    "exponential_tower": ["Exp"] * 6,
    "reciprocal_of_zero": ["Relu", "Reciprocal"],
    "root_of_negatives": ["Abs", "Neg", "Sqrt"],
}.items():
    tensors = ["scores", *(f"t{i}" for i in range(len(chain) - 1)), "logits"]
    links = [node(op, [tensors[i]], [tensors[i + 1]]) for i, op in enumerate(chain)]
    add(name, f"the chain {' '.join(chain)}: NaN or infinite logits.", bundle(detour(*links)), TAME)
