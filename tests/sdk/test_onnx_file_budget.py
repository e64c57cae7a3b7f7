"""What a graph takes by its number of rows: counted as worked out by hand, and held against the limits."""

# mypy: disable-error-code="attr-defined"

import contextlib
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gameagent_sdk import Bundle, BundleError
from gameagent_sdk.adaptation.adapter import NUM_PROBES
from gameagent_sdk.authoring import Port
from gameagent_sdk.bundle.signature import padded_length
from gameagent_sdk.graph import Model, Node
from gameagent_sdk.onnx_file import limits
from gameagent_sdk.onnx_file.budget import Allowance, Budget
from gameagent_sdk.onnx_file.check import check_graph
from gameagent_sdk.onnx_file.findings import CheckStopped, Findings
from gameagent_sdk.onnx_file.limits import MAX_STEPS
from gameagent_sdk.onnx_file.reader import Content
from gameagent_sdk.onnx_file.shapes import FEW_ROWS, MANY_ROWS
from gameagent_sdk.operators import OPERATORS, PER_NODE, PER_TENSOR, Spec
from sdk.hostile.labour import adapting_by, step_of
from sdk.hostile.onnx_writer import attribute, ints, node

FLOAT32, INT64 = np.dtype(np.float32), np.dtype(np.int64)
X, Y = (Port("x", "float32", (None, 4)),), (Port("y", "float32", (None, 4)),)
START = 512  # units to start a product with
UNLIMITED = (Allowance(1, 10**18),)


def op(op_type: str, inputs: str, outputs: str, **attributes: Any) -> Node:
    return Node(op_type, "", tuple(inputs.split()), tuple(outputs.split()), attributes)


def checked(
    *nodes: Any,
    initializers: dict[Any, Any] | None = None,
    allowances: Any = UNLIMITED,
    inputs: tuple[Any, ...] = X,
    outputs: tuple[Port] = Y,
    opset: Any = 17,
) -> Any:
    """The budget and the findings of a graph from x to y."""
    initializers = initializers or {}
    names = frozenset([port.name for port in inputs] + list(initializers))
    findings, budget = Findings(), Budget(())
    content = Content(Model(8, opset, inputs, outputs, initializers, nodes, {}), (), names)
    with contextlib.suppress(CheckStopped):
        budget = check_graph(content, (), (), findings, allowances=allowances)
    return budget, [(finding.what, finding.where) for finding in findings.found]


def evenly(account: Any) -> Any:
    return account.fixed, account.each_row


def constant(*values: Any) -> NDArray[Any]:
    return np.array(values, np.int64)


# Counting


def test_memory_is_that_of_all_tensors() -> None:
    """x and y take 16 bytes a row each, the weights 64; a reduction to (1, 4) takes 16 however many rows there are."""
    weights = {"w": np.zeros((4, 4), np.float32)}
    budget, found = checked(op("MatMul", "x w", "y"), op("ReduceMean", "y", "m", axes=(0,)), initializers=weights)
    assert found == []
    assert evenly(budget.memory) == (64 + 16, 2 * 16)


def test_work_grows_evenly_with_the_rows() -> None:
    """A product of (N, 4) by (4, 4): for each row 16 multiply-adds, and four numbers read and four written twice."""
    weights = {"w": np.zeros((4, 4), np.float32)}
    budget, _ = checked(op("MatMul", "x w", "y"), initializers=weights)
    assert evenly(budget.work) == (PER_NODE + 3 * PER_TENSOR + START + 16, 16 // 4 + 4 + 2 * 4)
    assert budget.work.of(10) == budget.work.fixed + 10 * budget.work.each_row


def test_work_on_constants_is_counted_apart() -> None:
    weights = {"w": np.zeros((64, 64), np.float32)}
    once, _ = checked(op("MatMul", "w w", "v"), op("Relu", "x", "y"), initializers=weights)
    assert once.folded.fixed == PER_NODE + 3 * PER_TENSOR + START + 64**3 // 4 + 4 * 64**2
    assert once.work.fixed < PER_NODE + 3 * PER_TENSOR


def test_what_cannot_be_known_before_is_no_constant() -> None:
    """The weights that adapt are initializers and inputs at once."""
    inputs = (*X, Port("w", "float32", (1, 4)))
    budget, _ = checked(
        op("Tanh", "w", "v"), op("Add", "x v", "y"),
        inputs=inputs, initializers={"w": np.zeros((1, 4), np.float32)},
    )  # fmt: skip
    assert budget.folded.fixed == 0 < budget.work.fixed


def test_elements_that_lie_apart_cost_more() -> None:
    weights = {"w": np.zeros((256, 256), np.float32)}
    inputs = (*X, Port("m", "float32", (256, 256)))
    joined = (op("ReduceMean", "v", "n", keepdims=0), op("Add", "x n", "y"))
    straight, _ = checked(op("Relu", "m", "t"), op("Tanh", "t", "v"), *joined, inputs=inputs, initializers=weights)
    turned, _ = checked(op("Transpose", "m", "t"), op("Tanh", "t", "v"), *joined, inputs=inputs, initializers=weights)
    moved = 256 * 256
    assert turned.work.of(1) - straight.work.of(1) > 8 * moved


SHAPES = (
    ("Add", ((64, 64), (64, 64)), (64, 64)),
    ("ReduceSum", ((4, 10**6),), (4, 1)),
    ("Softmax", ((4, 10**6),), (4, 10**6)),
    ("ArgMax", ((4, 10**6),), (4, 1)),
    ("Gather", ((4, 4), (1000,)), (1000, 4)),
    ("Concat", ((64, 64), (64, 64)), (128, 64)),
    ("Slice", ((64, 64),), (32, 64)),
    ("Conv", ((4, 2, 64, 64), (1, 2, 64, 64)), (4, 1, 1, 1)),
    ("Conv", ((4, 1, 8, 8), (64, 1, 8, 8)), (4, 64, 8, 8)),
    ("Expand", ((1, 1),), (64, 64)),
)


@pytest.mark.parametrize(("op_type", "given", "made"), SHAPES)
def test_an_operator_costs_what_it_reads_and_writes_at_least(
    op_type: str, given: tuple[Any, ...], made: tuple[int, int]
) -> None:
    specs, out = [Spec(FLOAT32, shape) for shape in given], Spec(FLOAT32, made)
    names = " ".join(f"x{i}" for i in range(len(given)))
    work = OPERATORS[op_type].work(op(op_type, names, "y"), specs, [out])
    assert work >= max(np.prod(made), max(np.prod(shape) for shape in given) if op_type != "Slice" else 0)


def test_a_convolution_costs_its_products_and_the_windows_that_are_copied() -> None:
    """In memory, these are what numpy takes beside the tensors: 100 cells of 9 numbers of each of 6 channels."""

    def work(filters: int, rows: int, side: int = 10) -> Any:
        specs = [Spec(FLOAT32, shape) for shape in ((rows, 6, 10, 10), (filters, 6, 3, 3))]
        made = Spec(FLOAT32, (rows, filters, side, side))
        return OPERATORS["Conv"].work(op("Conv", "x w", "y", pads=(1, 1, 1, 1)), specs, [made])

    assert work(32, 1) - work(16, 1) >= 16 * 100 * 54 // 4
    assert work(1, 1) - work(1, 1, side=5) >= 75 * 54
    assert work(1, 9) - work(1, 8) == work(1, 8) - work(1, 7) >= 100 * 54


def test_a_convolution_that_would_take_all_memory_is_refused() -> None:
    """The tensors are small, but the windows are 4,000,000 of 256 x 256 cells."""
    weights = {"w": np.zeros((1, 1, 256, 256), np.float32), "wide": np.zeros((4, 2000 * 2000), np.float32)}
    shapes = {"image": constant(-1, 1, 2000, 2000), "flat": constant(-1, 1745 * 1745)}
    back = {"narrow": np.zeros((1745 * 1745, 4), np.float32)}
    ((what, where),) = checked(
        op("MatMul", "x wide", "r"), op("Reshape", "r image", "i"), op("Conv", "i w", "c"),
        op("Reshape", "c flat", "f"), op("MatMul", "f narrow", "y"),
        initializers=weights | shapes | back, allowances=[Allowance(1, limits.MAX_WORK)],
    )[1]  # fmt: skip
    assert what.startswith("a run of 1 row takes at least") and where == "node 2 (Conv)"


def test_every_operator_says_what_it_costs_and_only_constants_are_free() -> None:
    for name, operator in OPERATORS.items():
        spec = Spec(INT64 if name == "ArgMax" else FLOAT32, (100, 100))
        work = operator.work(op(name, "x x", "y"), [spec, spec], [spec])
        assert (work == 0) == (name == "Constant"), name


# Limits


def test_work_beyond_the_limit_is_refused_at_the_node_that_takes_most() -> None:
    """Ten products of 4 by 4 and one of 512 by 512, for a limit that the small ones keep."""
    weights = {"w": np.zeros((4, 4), np.float32), "up": np.zeros((4, 512), np.float32)}
    weights |= {"large": np.zeros((512, 512), np.float32), "down": np.zeros((512, 4), np.float32)}
    small = [op("MatMul", f"{f't{i}' if i else 'x'} w", f"t{i + 1}") for i in range(10)]
    ends = op("MatMul", "u large", "v"), op("MatMul", "v down", "y")
    nodes = *small, op("MatMul", "t10 up", "u"), *ends
    budget, found = checked(*nodes, initializers=weights)
    assert found == []
    total = budget.work.of(1)
    assert checked(*nodes, initializers=weights, allowances=[Allowance(1, total)])[1] == []
    ((what, where),) = checked(*nodes, initializers=weights, allowances=[Allowance(1, total - 1)])[1]
    assert where == "node 11 (MatMul)"
    assert what == (
        f"a run of 1 row takes at least {total:,} units of work, the largest share of them here, "
        f"{total - 1:,} are the most"
    )


def test_the_limit_holds_for_every_number_of_rows_that_is_named() -> None:
    budget, _ = checked(op("Tanh", "x", "y"))
    allowances = [Allowance(1, budget.work.of(1)), Allowance(100, budget.work.of(100) - 1)]
    ((what, _),) = checked(op("Tanh", "x", "y"), allowances=allowances)[1]
    assert what.startswith("a run of 100 rows takes")


def test_constants_have_a_limit_of_their_own() -> None:
    weights = {"w": np.zeros((256, 256), np.float32)}
    products = [op("MatMul", f"{f'c{i}' if i else 'w'} w", f"c{i + 1}") for i in range(20)]
    each = 256**3 // 4
    assert 10 * each < limits.MAX_FOLDED_WORK < 20 * each
    assert checked(*products[:10], op("Relu", "x", "y"), initializers=weights)[1] == []
    ((what, where),) = checked(*products, op("Relu", "x", "y"), initializers=weights)[1]
    assert what.startswith("computing with constants takes at least") and where.endswith("(MatMul)")


def test_all_tensors_together_are_capped() -> None:
    """Each of a quarter of the limit for sixteen rows: with x and y, four of them are too much."""
    width = limits.MAX_BYTES // 4 // 16 // 4
    shape = {"to": constant(1, width)}
    means = op("ReduceMean", "x", "m", axes=(1,))
    nodes = [op("Expand", "m to", f"t{i}") for i in range(4)]
    rows = [Allowance(16, 10**18)]
    assert checked(means, *nodes[:3], op("Relu", "x", "y"), initializers=shape, allowances=rows)[1] == []
    ((what, where),) = checked(means, *nodes, op("Relu", "x", "y"), initializers=shape, allowances=rows)[1]
    assert what.startswith("keeping the tensors of 16 rows takes at least") and where == "tensor t0"


# Rows


def test_one_axis_alone_may_depend_on_the_rows() -> None:
    to = {"as_row": constant(1, -1), "as_column": constant(-1, 1)}
    turned = op("Reshape", "x as_row", "r"), op("Reshape", "x as_column", "c")
    found = checked(*turned, op("Mul", "c r", "s"), op("Relu", "x", "y"), initializers=to)[1]
    what = "the tensor s does not grow evenly with the rows, "
    what += "it would be (8, 8) for 2 rows, (4194340, 4194340) for 1048585"
    assert found == [(what, "node 2 (Mul)")]


@pytest.mark.parametrize("count", [1, 2, 3, 100, 2**20])
def test_slices_that_stop_growing_are_refused(count: int) -> None:
    """The first ``count`` rows are the same number of rows from then on, and fewer before."""
    bounds = {"zero": constant(0), "end": constant(count)}
    found = checked(op("Slice", "x zero end zero", "s"), op("Relu", "x", "y"), initializers=bounds)[1]
    if count <= 2:
        assert found == []  # of two rows and more they are always as many
    else:
        assert "does not grow evenly" in found[0][0]


@pytest.mark.parametrize("start", [1, 2, 3, 100, 2**20])
def test_slices_that_are_empty_at_first_are_refused(start: int) -> None:
    bounds = {"start": constant(start), "end": constant(2**62), "zero": constant(0)}
    found = checked(op("Slice", "x start end zero", "s"), op("Relu", "x", "y"), initializers=bounds)[1]
    assert (found == []) == (start == 1)


def test_a_slice_whose_bound_lies_on_the_line_between_few_rows_and_many_is_refused() -> None:
    """Of ten times the rows, as many as two rows and a very large number have in common with one more for each row."""
    bounds = {"zero": constant(0), "end": constant(20 + MANY_ROWS - FEW_ROWS)}
    ten = op("Concat", " ".join(["x"] * 10), "ten", axis=0)
    found = checked(ten, op("Slice", "ten zero end zero", "s"), op("Relu", "x", "y"), initializers=bounds)[1]
    what = "the tensor s does not grow evenly with the rows, it would be (20, 4) for 2 rows, (30, 4) for 3"
    assert found == [(what, "node 1 (Slice)")]


def test_honest_graphs_over_rows_pass() -> None:
    """What gradient steps are made of: neighbours in time, products over time, and means."""
    bounds = {"one": constant(1), "zero": constant(0), "last": constant(-1), "end": constant(2**62)}
    nodes = (
        op("Slice", "x one end zero", "later"),
        op("Slice", "x zero last zero", "earlier"),
        op("Sub", "later earlier", "change"),
        op("Transpose", "earlier", "turned", perm=(1, 0)),
        op("MatMul", "turned change", "square"),
        op("MatMul", "x square", "y"),
        op("Concat", "x x", "double", axis=0),
        op("Reshape", "double flat", "long"),
        op("ReduceSum", "long zero", "sum"),
    )
    budget, found = checked(*nodes, initializers=bounds | {"flat": constant(-1)})
    assert found == []
    assert budget.memory.of(10) == sum(map(np.prod, ((10, 4), (9, 4), (9, 4), (9, 4), (4, 9), (4, 4), (10, 4)))) * 4 + (
        (20 * 4 + 20 * 4 + 1) * 4 + 5 * 8
    )


# Gradient steps


def spread_steps(width: int, **manifest: Any) -> bytes:
    """Gradient steps that spread every step of experience to this many numbers."""
    spread = node("Expand", ["rewards", "to"], ["wide"])
    return adapting_by(spread, step_of("wide"), initializers=(ints("to", 1, width),), **manifest)


def test_the_states_that_judge_a_step_are_within_the_batch_that_is_checked() -> None:
    assert NUM_PROBES <= limits.BATCH_ROWS


def test_the_more_a_step_of_experience_takes_the_fewer_are_kept() -> None:
    kept = [Bundle.from_bytes(spread_steps(width)).max_experience for width in (1, 2**14, 2**16)]
    assert kept[0] == MAX_STEPS
    assert kept[1] / kept[2] == pytest.approx(4, rel=0.01)
    assert padded_length(kept[2]) * 2**16 * 4 <= limits.MAX_BYTES


def test_a_whole_episode_need_not_be_kept_unless_advantages_are_of_it() -> None:
    """One that learns from advantages must learn from all steps of its episodes; otherwise the last steps suffice."""
    Bundle.from_bytes(spread_steps(2**16, max_steps=10**6))
    with pytest.raises(BundleError, match="keeping the tensors of 64 rows takes at least"):
        Bundle.from_bytes(spread_steps(2**21, max_steps=10**6))


def test_reductions_over_steps_pass_however_many_there_are() -> None:
    mean = node("ReduceMean", ["actions"], ["step"], [attribute("axes", [0])])
    assert Bundle.from_bytes(adapting_by(mean, max_steps=10**6)).max_experience == MAX_STEPS
