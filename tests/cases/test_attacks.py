"""What fell in an attack on bundles, and stands now: work, rows, other formats, single numbers, NaN."""

# mypy: disable-error-code="arg-type, union-attr"

import time
import tracemalloc
import warnings
from pathlib import Path

import numpy as np
import pytest

from gameagent_sdk import Agent, Bundle, BundleError, Policy, SdkError
from gameagent_sdk.adaptation.experience import ExperienceBuffer
from gameagent_sdk.backends import load_adaptation, load_backend
from gameagent_sdk.backends.onnx_runtime import session_options
from sdk.hostile import BUNDLES
from sdk.hostile.labour import adapting_by, gemms, step_of
from sdk.hostile.onnx_writer import attribute, data, floats, integer, ints, node, tensor
from sdk.hostile.sound import adaptation, adapting, bundle, detour
from sdk.hostile.worst import BUILDERS, largest_accepted

ENGINES = ("numpy", "onnxruntime")


def refused(file: bytes) -> str:
    """Why a bundle is refused, within a second."""
    started = time.process_time()
    with pytest.raises(BundleError) as caught:
        Bundle.from_bytes(file)
    assert time.process_time() - started < 2.0
    return str(caught.value)


def agent_of(file: bytes, engine: str) -> Agent:
    agent = Agent(Policy(Bundle.from_bytes(file), engine), seed=0)
    agent.begin_trial()
    return agent


# 1. Work


def test_two_thousand_products_are_refused_and_the_message_says_where_and_how_much() -> None:
    """It was 2,000 products of (64, 1) by (1, 2**17) that took over 20 seconds; these keep to the number of nodes."""
    message = refused(gemms(1_300, 64, 1, 2**17, constant=False))
    assert "(Gemm): a run of 1 row takes at least" in message and "33,554,432 are the most" in message


def test_the_same_of_constants_is_refused_before_anything_is_loaded() -> None:
    assert "computing with constants takes at least" in refused(gemms(1_300, 64, 1, 2**17, constant=True))


@pytest.mark.parametrize("op_type", ["ReduceSum", "ReduceMax", "ReduceMean", "ArgMax", "Softmax"])
def test_thousands_of_reductions_of_one_tensor_are_refused(op_type: str) -> None:
    by_input = op_type == "ReduceSum"
    along = [] if by_input else [attribute("axes" if op_type.startswith("Reduce") else "axis", 1)]
    if op_type in ("ReduceMax", "ReduceMean"):
        along = [attribute("axes", [1])]
    nodes = [node("Expand", ["scores", "to"], ["x"])]
    for i in range(1_000):
        nodes.append(node(op_type, ["x", *(["axis"] if by_input else [])], [f"y{i}"], along))
    parts = (ints("to", 1000, 1, 2), ints("axis", 1))
    assert "units of work" in refused(
        bundle(detour(*nodes, node("Identity", ["scores"], ["logits"]), initializers=parts))
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", BUILDERS)
def test_the_most_that_is_accepted_takes_no_time_to_speak_of(name: str) -> None:
    """The limits are about a thirtieth of a second; a machine that is busy with other things takes a few times that."""
    _, file = largest_accepted(BUILDERS[name])
    bundle = Bundle.from_bytes(file)
    for engine in ENGINES:
        started = time.process_time()
        agent = Agent(Policy(bundle, engine), seed=0)
        agent.begin_trial()
        assert time.process_time() - started < 3.0, f"loading with {engine}"
        for _ in range(2):
            started = time.process_time()
            try:
                agent.act(np.ones(3))
                agent.observe(0.0)
            except SdkError:
                break
            finally:
                assert time.process_time() - started < 1.0, f"an act of {engine}"


def longest_adaptation() -> bytes:
    """Gradient steps that are as much work as may be, on as many steps of experience as that lets through."""
    width, count = 256, 30
    nodes = [node("Expand", ["rewards", "to"], ["x0"]), node("Expand", ["half", "square"], ["w"])]
    nodes += [node("Gemm", [f"x{i}", "w"], [f"x{i + 1}"]) for i in range(count)]
    parts = (ints("to", 1, width), ints("square", width, width), floats("half", (), (0.004,)))
    return adapting_by(*nodes, step_of(f"x{count}"), initializers=parts)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES)
def test_an_adaptation_slice_ends_within_a_second(engine: str) -> None:
    bundle = Bundle.from_bytes(longest_adaptation())
    assert 64 < bundle.max_experience < 2**14
    agent = Agent(Policy(bundle, engine), seed=0)
    agent.begin_trial()
    for step in range(bundle.max_experience + 100):
        agent.act(np.ones(3))
        agent.observe(1.0, truncated=step == bundle.max_experience + 99)
    started = time.process_time()
    agent.tick(1e-3)  # one slice
    assert time.process_time() - started < 2.0
    agent.tick(10_000)
    assert agent.last_adaptation.num_steps <= bundle.max_experience


# 2. Rows


@pytest.mark.parametrize("name", [name for name in BUNDLES if name.startswith(("steps_", "agents_", "first_hundred"))])
def test_no_two_axes_grow_with_the_rows(name: str, tmp_path: Path) -> None:
    BUNDLES[name].make(tmp_path / "file.onnx")
    message = refused((tmp_path / "file.onnx").read_bytes())
    assert "grow evenly with the rows" in message or "keeping the tensors" in message


def test_memory_grows_in_proportion_to_the_steps_of_experience() -> None:
    """What numpy's engine allocates for twice the steps is twice as much."""
    file = adapting_by(
        node("Exp", ["rewards"], ["e"]), node("Mul", ["e", "wide"], ["x"]), step_of("x"),
        initializers=(tensor("wide", (1, 1000), bytes(4000)),),
    )  # fmt: skip
    backend = load_adaptation(Bundle.from_bytes(file), "numpy")
    sizes = []
    for steps in (1000, 2000, 4000):
        tensors = {p.name: np.zeros([steps if s is None else s for s in p.shape], p.dtype) for p in backend.inputs}
        tracemalloc.start()
        run = backend.bind(tensors, {"next_bias": np.zeros((1, 2), np.float32)})
        sizes.append(tracemalloc.get_traced_memory()[0])
        tracemalloc.stop()
        run()
    assert sizes[0] > 1000 * 1000 * 4
    np.testing.assert_allclose(sizes, [sizes[0], 2 * sizes[0], 4 * sizes[0]], rtol=0.05)


# 3. Other formats


def test_a_file_with_the_mark_of_onnxruntimes_own_format_is_refused() -> None:
    marked = bundle(ir_version=integer(1, 8) + data(2, "ORTM"))
    assert marked[4:8] == b"ORTM"
    assert "bears the mark of another format" in refused(marked)
    assert "bears the mark of another format" in refused(adapting(adaptation(extra=data(2, "ORTM"))))


def test_onnxruntime_is_told_which_format_it_reads() -> None:
    options = session_options()
    assert options.get_session_config_entry("session.load_model_format") == "ONNX"
    assert options.get_session_config_entry("session.use_ort_model_bytes_directly") == "0"


def test_a_model_brings_no_settings_of_the_engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """onnxruntime takes them from the metadata where this variable is set."""
    monkeypatch.setenv("ORT_LOAD_CONFIG_FROM_MODEL", "1")
    BUNDLES["settings_for_the_engine"].make(tmp_path / "file.onnx")
    assert "settings for an engine, ort_config" in refused((tmp_path / "file.onnx").read_bytes())


# 8. Single numbers, and NaN


@pytest.mark.parametrize("name", [name for name in BUNDLES if name.endswith("_by_single_numbers")])
def test_axes_and_shapes_are_vectors(name: str, tmp_path: Path) -> None:
    BUNDLES[name].make(tmp_path / "file.onnx")
    assert "must be a vector of whole numbers" in refused((tmp_path / "file.onnx").read_bytes())


NAN = (
    node("Sub", ["scores", "scores"], ["zero"]),
    node("Div", ["zero", "zero"], ["nan"]),  # NaN, NaN
)
CLIPPED = (*NAN, node("ReduceSum", ["nan"], ["bound"], [attribute("keepdims", 0)]))
SWALLOWED = {  # NaN that a sound number comes out of in some engine
    "Clip": (*CLIPPED, node("Clip", ["scores", "bound"], ["logits"])),
    "Clip above": (*CLIPPED, node("Clip", ["scores", "low", "bound"], ["logits"])),
    "Equal": (*NAN, node("Equal", ["nan", "nan"], ["yes"]), node("Where", ["yes", "scores", "zero"], ["logits"])),
    "Greater": (*NAN, node("Greater", ["nan", "zero"], ["yes"]), node("Where", ["yes", "scores", "zero"], ["logits"])),
    "Cast": (
        *NAN,
        node("Cast", ["nan"], ["yes"], [attribute("to", 9)]),
        node("Where", ["yes", "scores", "zero"], ["logits"]),
    ),
}


@pytest.mark.parametrize("name", SWALLOWED)
def test_both_engines_swallow_nan_alike(name: str) -> None:
    file = bundle(detour(*SWALLOWED[name], initializers=[floats("low", (), (-0.5,))]))
    observation = np.array([0.3, -0.7, 1.1], np.float32)
    given = []
    for engine in ENGINES:
        agent = agent_of(file, engine)
        agent.act(observation)
        given.append(agent.probabilities)
    np.testing.assert_allclose(given[0], given[1], atol=1e-6)


@pytest.mark.parametrize("op_type", ["Relu", "Max", "Min", "Sigmoid", "Tanh", "Softmax", "Sign", "Abs"])
def test_both_engines_hand_nan_on(op_type: str) -> None:
    inputs = ["nan", "scores"] if op_type in ("Max", "Min") else ["nan"]
    file = bundle(detour(*NAN, node(op_type, inputs, ["logits"])))
    for engine in ENGINES:
        with pytest.raises(BundleError, match="NaN or infinite"):
            agent_of(file, engine).act(np.ones(3))


@pytest.mark.parametrize("op_type", ["ReduceMax", "ArgMax"])
def test_numpy_gives_no_number_where_onnxruntimes_depends_on_where_a_nan_stands(op_type: str) -> None:
    """Of NaN among others onnxruntime finds one maximum or another; of all NaN there would be none."""
    along = [attribute("axes", [1])] if op_type == "ReduceMax" else [attribute("axis", 1)]
    picks = (
        *NAN,
        node("Concat", ["scores", "nan"], ["both"], [attribute("axis", 1)]),
        node(op_type, ["both"], ["m"], along),
    )
    ends = node("Cast", ["m"], ["f"], [attribute("to", 1)]), node("Add", ["scores", "f"], ["logits"])
    with pytest.raises(BundleError, match="NaN or infinite"):
        agent_of(bundle(detour(*picks, *ends)), "numpy").act(np.ones(3))


def test_gradient_steps_that_come_to_nan_are_dropped() -> None:
    zero = node("Sub", ["actions", "actions"], ["zero"]), node("Div", ["zero", "zero"], ["nan"])
    file = adapting_by(*zero, node("ReduceMax", ["nan"], ["step"], [attribute("axes", [0])]))
    agent = agent_of(file, "numpy")
    for step in range(4):
        agent.act(np.ones(3))
        agent.observe(1.0, terminated=step == 3)
    agent.tick(1000)
    assert agent.last_adaptation.outcome == "dropped"


def test_a_root_of_minus_infinity_is_what_onnxruntime_makes_of_it() -> None:
    """(-inf) ** 0.5 is infinite, by IEEE 754; a root would be NaN."""
    nodes = (
        node("Sub", ["scores", "scores"], ["zero"]),
        node("Log", ["zero"], ["endless"]),
        node("Pow", ["endless", "half"], ["root"]),
        node("Reciprocal", ["root"], ["nought"]),
        node("Add", ["scores", "nought"], ["logits"]),
    )
    file = bundle(detour(*nodes, initializers=[floats("half", (), (0.5,))]))
    given = []
    for engine in ENGINES:
        agent = agent_of(file, engine)
        agent.act(np.ones(3))
        given.append(agent.probabilities)
    np.testing.assert_allclose(given[0], given[1], atol=1e-6)


# Honest files


def test_a_squad_and_an_agent_of_a_sound_file_play_without_a_warning() -> None:
    for file in (bundle(), adapting()):
        for engine in ENGINES:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                agent = agent_of(file, engine)
                agent.act(np.ones(3))
                assert load_backend(Bundle.from_bytes(file), engine).name == engine


def test_the_longest_experience_is_kept_from_its_end() -> None:
    """Steps beyond the most are forgotten, the oldest first; a mind that holds more is cut as well."""
    manifest = Bundle.from_bytes(adapting()).manifest
    short, long = ExperienceBuffer(manifest, max_steps=100), ExperienceBuffer(manifest)
    for step in range(230):
        for kept in (short, long):
            kept.add(np.full(3, step, np.float32), np.ones(2, np.float32), 1.0, ended=False)
    assert 50 <= len(short) <= 100 and len(long) == 230
    assert short.rows[-1, 0] == 229 and (np.diff(short.rows[:, 0]) == 1).all()
    other = ExperienceBuffer(manifest, max_steps=100)
    other.take_over(long.rows.copy())
    assert len(other) == 100 and other.rows[0, 0] == 130
