"""The numpy engine on graphs written by hand."""

# mypy: disable-error-code="type-var"

import gc
import tracemalloc
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gameagent_sdk import BundleError
from gameagent_sdk.authoring import Port
from gameagent_sdk.backends.numpy_executor import NumpyBackend
from gameagent_sdk.graph import Model, Node


def node(op_type: str, inputs: str, outputs: str, name: str = "", **attributes: Any) -> Node:
    return Node(op_type, name, tuple(inputs.split()), tuple(outputs.split()), attributes)


def floats(name: str, *sizes: Any) -> Port:
    return Port(name, "float32", (None, *sizes))


def backend_of(nodes: list[Any], inputs: list[Any], outputs: Any, opset: Any = 17, **constants: Any) -> NumpyBackend:
    initializers = {name: np.asarray(value) for name, value in constants.items()}
    return NumpyBackend(Model(8, opset, tuple(inputs), tuple(outputs), initializers, tuple(nodes), {}))


def row(*values: Any) -> NDArray[Any]:
    return np.array([values], np.float32)


def run(backend: NumpyBackend, **inputs: Any) -> dict[Any, NDArray[Any]]:
    """One step, with outputs of as many rows as the inputs have, and of the ports' sizes."""
    (rows,) = {len(array) for array in inputs.values()}
    outputs = {port.name: np.full((rows, *port.shape[1:]), 99, port.dtype) for port in backend.outputs}
    backend.bind(inputs, outputs)()
    return outputs


TWO_BY_TWO = np.array([[1.0, 2.0], [3.0, 4.0]], np.float32)


@pytest.fixture
def line() -> NumpyBackend:
    """y = tanh(x W + b), logits = softmax(y), next_h = h + y."""
    return backend_of(
        [
            node("MatMul", "x w", "product"),
            node("Add", "product b", "sum"),
            node("Tanh", "sum", "y"),
            node("Softmax", "y", "logits"),
            node("Add", "h y", "next_h"),
        ],
        [floats("x", 2), floats("h", 2)],
        [floats("logits", 2), floats("next_h", 2)],
        w=TWO_BY_TWO,
        b=np.array([0.5, -0.5], np.float32),
    )


def expected_of_line(x: NDArray[Any], h: NDArray[Any]) -> Any:
    y = np.tanh(x.astype(np.float64) @ TWO_BY_TWO + [0.5, -0.5])
    p = np.exp(y)
    return p / p.sum(axis=1, keepdims=True), h + y


@pytest.mark.parametrize("rows", [1, 5])
def test_a_step_computes_the_graph(line: NumpyBackend, rows: int) -> None:
    rng = np.random.default_rng(rows)
    x, h = (rng.normal(scale=0.3, size=(rows, 2)).astype(np.float32) for _ in range(2))
    found = run(line, x=x, h=h)
    logits, next_h = expected_of_line(x, h)
    np.testing.assert_allclose(found["logits"], logits, rtol=1e-6)
    np.testing.assert_allclose(found["next_h"], next_h, rtol=1e-6)
    assert found["logits"].dtype == np.float32
    for i in range(rows):  # each row is an agent of its own
        alone = run(line, x=x[i : i + 1], h=h[i : i + 1])
        np.testing.assert_allclose(alone["next_h"][0], found["next_h"][i], rtol=1e-6)


def test_a_binding_reads_its_inputs_at_every_step_and_writes_its_outputs_in_place(line: NumpyBackend) -> None:
    x, h = row(0.1, 0.2), row(0.0, 0.0)
    logits, next_h = row(0, 0), row(0, 0)
    step = line.bind({"x": x, "h": h}, {"logits": logits, "next_h": next_h})
    for value in (0.3, -0.7):
        x[:] = value
        step()
        np.testing.assert_allclose(logits, expected_of_line(x, h)[0], rtol=1e-6)
        np.testing.assert_allclose(next_h, expected_of_line(x, h)[1], rtol=1e-6)


def test_outputs_may_be_the_inputs_themselves(line: NumpyBackend) -> None:
    x, h, logits = row(0.1, 0.2), row(0.0, 1.0), row(0, 0)
    step = line.bind({"x": x, "h": h}, {"logits": logits, "next_h": h})
    wanted = h.copy()
    for _ in range(3):
        wanted = expected_of_line(x, wanted)[1]
        step()
    np.testing.assert_allclose(h, wanted, rtol=1e-6)


def test_hidden_states_that_change_places_in_the_same_arrays_do_not_overwrite_each_other() -> None:
    backend = backend_of(
        [node("Identity", "b", "next_a"), node("Identity", "a", "next_b")],
        [floats("a", 2), floats("b", 2)],
        [floats("next_a", 2), floats("next_b", 2)],
    )
    a, b = row(1, 2), row(3, 4)
    step = backend.bind({"a": a, "b": b}, {"next_a": a, "next_b": b})
    step()
    assert (a.tolist(), b.tolist()) == ([[3, 4]], [[1, 2]])
    step()
    assert (a.tolist(), b.tolist()) == ([[1, 2]], [[3, 4]])


def test_outputs_that_no_node_computes_are_copied_at_every_step() -> None:
    backend = backend_of(
        [
            node("Add", "x x", "sum"),
            node("Identity", "sum", "same"),
            node("Identity", "x", "input"),
            node("Transpose", "x", "across"),
            node("Reshape", "across shape", "turned"),  # no view of x can show this
            node("Identity", "one", "constant"),
        ],
        [floats("x", 2)],
        [floats(name, 2) for name in ("sum", "same", "input", "turned")] + [Port("constant", "float32", (1, 2))],
        shape=np.array([2, 2]),
        one=row(1, 1),
    )
    x = TWO_BY_TWO.copy()
    outputs = {port.name: np.zeros((1 if port.name == "constant" else 2, 2), np.float32) for port in backend.outputs}
    step = backend.bind({"x": x}, outputs)
    for factor in (1, 10):
        x[:] = factor * TWO_BY_TWO
        step()
        assert outputs["sum"].tolist() == outputs["same"].tolist() == (2 * x).tolist()
        assert outputs["input"].tolist() == x.tolist()
        assert outputs["turned"].ravel().tolist() == [factor * value for value in (1, 3, 2, 4)]
        assert outputs["constant"].tolist() == [[1, 1]]


def test_shapes_may_be_worked_out_from_constants() -> None:
    backend = backend_of(
        [
            node("Constant", "", "two", value_ints=(2,)),
            node("Neg", "one", "minus_one"),
            node("Concat", "minus_one two", "shape", axis=0),
            node("Reshape", "x shape", "pairs"),
            node("ReduceSum", "pairs two_minus_one", "sums", keepdims=0),
            node("Reshape", "sums wide", "y"),
        ],
        [floats("x", 4)],
        [floats("y", 2)],
        one=np.array([1]),
        two_minus_one=np.array([1]),
        wide=np.array([-1, 2]),
    )
    assert run(backend, x=row(1, 2, 30, 40))["y"].tolist() == [[3, 70]]


def test_nodes_on_which_nothing_depends_do_not_run() -> None:
    backend = backend_of(
        [node("Gather", "x far", "nothing"), node("Unheard", "nothing", "of"), node("Neg", "x", "y")],
        [floats("x", 1)],
        [floats("y", 1)],
        far=np.array([7]),
    )
    assert run(backend, x=row(3))["y"].tolist() == [[-3]]


def test_optional_inputs_may_be_left_out() -> None:
    backend = backend_of(
        [Node("Clip", "", ("x", "", "high"), ("y",), {})], [floats("x", 2)], [floats("y", 2)], high=np.float32(2)
    )
    assert run(backend, x=row(-5, 5))["y"].tolist() == [[-5, 2]]


def test_weights_at_any_byte_of_a_file_are_read(line: NumpyBackend) -> None:
    bytes_of_file = b"x" + TWO_BY_TWO.tobytes()
    weights = np.frombuffer(bytes_of_file, np.float32, offset=1).reshape(2, 2)
    assert not weights.flags.aligned
    backend = backend_of([node("MatMul", "x w", "y")], [floats("x", 2)], [floats("y", 2)], w=weights)
    assert run(backend, x=row(1, 10))["y"].tolist() == [[31, 42]]


def test_masks_and_whole_numbers_pass_through() -> None:
    backend = backend_of(
        [
            node("Not", "mask", "closed"),
            node("Where", "closed never x", "open"),
            node("ArgMax", "open", "best", axis=-1),
            node("Cast", "best", "y", to=1),
        ],
        [floats("x", 3), Port("mask", "bool", (None, 3))],
        [floats("y", 1), Port("closed", "bool", (None, 3))],
        never=np.float32(-1e9),
    )
    found = run(backend, x=row(5, 9, 7), mask=np.array([[True, False, True]]))
    assert found["y"].tolist() == [[2]] and found["closed"].tolist() == [[False, True, False]]


def test_infinities_are_silent_whatever_the_game_has_set() -> None:
    backend = backend_of(
        [node("Log", "x", "log"), node("Exp", "x", "exp"), node("Div", "log exp", "y")],
        [floats("x", 3)],
        [floats("y", 3)],
    )
    with np.errstate(all="raise"):
        found = run(backend, x=row(0, -1, 1000))["y"]
    assert found[0, 0] == -np.inf and np.isnan(found[0, 1]) and found[0, 2] == 0


def test_an_index_out_of_range_is_reported_and_the_binding_lives_on() -> None:
    backend = backend_of(
        [node("Cast", "x", "index", to=7), node("Gather", "table index", "y", name="look_up")],
        [floats("x", 1)],
        [floats("y", 1)],
        table=np.array([10, 20, 30], np.float32),
    )
    x, y = row(1), row(0)
    step = backend.bind({"x": x}, {"y": y})
    for far in (3, -4, 1e9):
        x[:] = far
        with pytest.raises(BundleError, match=r"Gather look_up.*out of bounds"):
            step()
    x[:] = -1
    step()
    assert y.tolist() == [[30]]


def test_steps_take_no_memory_that_they_keep(line: NumpyBackend) -> None:
    step = line.bind({"x": row(0.1, 0.2), "h": row(0, 0)}, {"logits": row(0, 0), "next_h": row(0, 0)})
    gc.collect()
    kept = []
    tracemalloc.start()
    try:
        for _ in range(4):
            for _ in range(500):
                step()
            kept.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert kept[-1] - kept[1] < 1_000, kept  # numpy keeps a few small blocks of its first steps for later use


def test_bindings_do_not_share_their_buffers(line: NumpyBackend) -> None:
    bound = []
    for value in (0.1, 0.2):
        x, logits = row(value, -value), row(0, 0)
        bound.append((x, logits, line.bind({"x": x, "h": row(0, 0)}, {"logits": logits, "next_h": row(0, 0)})))
    for _, _, step in bound:
        step()
    for x, logits, _ in bound:
        np.testing.assert_allclose(logits, expected_of_line(x, row(0, 0))[0], rtol=1e-6)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"x": row(1, 2, 3)}, r"input x must be float32 \(N, 2\)"),
        ({"x": row(1, 2)[0]}, r"input x must be"),
        ({"x": row(1, 2).astype(np.float64)}, "float64"),
        ({"x": np.zeros((4, 2), np.float32)[::2]}, "one piece"),
        ({"more": row(1)}, "inputs must be x, h"),
        ({"x": np.zeros((3, 2), np.float32)}, "not 1 and 3"),
    ],
)
def test_arrays_that_do_not_fit_are_refused_when_bound(
    line: NumpyBackend, changes: dict[str, Any], reason: str
) -> None:
    outputs = {"logits": row(0, 0), "next_h": row(0, 0)}
    inputs = {"x": row(1, 2), "h": row(0, 0)} | changes
    with pytest.raises(BundleError, match=reason):
        line.bind(inputs, outputs)


def test_outputs_that_share_memory_are_refused(line: NumpyBackend) -> None:
    both = row(0, 0)
    with pytest.raises(BundleError, match="logits and next_h must not share"):
        line.bind({"x": row(1, 2), "h": row(0, 0)}, {"logits": both, "next_h": both})


@pytest.mark.parametrize(
    ("nodes", "reason"),
    [
        ([node("Unheard", "x", "y", name="odd")], "cannot run Unheard odd: there is no such operator"),
        ([node("Reshape", "x x", "y")], "must be"),
        ([node("Neg", "x", "other")], "no node makes the output y"),
        ([node("Neg", "nothing", "y")], "nothing"),
    ],
)
def test_a_graph_that_numpy_cannot_run_is_refused(nodes: list[Any], reason: str) -> None:
    with pytest.raises(BundleError, match=reason):
        run(backend_of(nodes, [floats("x", 2)], [floats("y", 2)]), x=row(1, 2))


def test_a_graph_whose_shapes_do_not_fit_is_refused_when_bound() -> None:
    backend = backend_of([node("MatMul", "x w", "y")], [floats("x", 3)], [floats("y", 2)], w=TWO_BY_TWO)
    with pytest.raises(BundleError, match=r"cannot run MatMul.*\(1, 3\) by \(2, 2\)"):
        run(backend, x=row(1, 2, 3))
    backend = backend_of([node("Neg", "x", "y")], [floats("x", 3)], [floats("y", 2)])
    with pytest.raises(BundleError, match="output y"):
        run(backend, x=row(1, 2, 3))


def test_the_ports_are_the_model_s(line: NumpyBackend) -> None:
    assert line.name == "numpy"
    assert line.inputs == (floats("x", 2), floats("h", 2))
    assert line.outputs == (floats("logits", 2), floats("next_h", 2))
