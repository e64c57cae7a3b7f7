"""NaN that is made inside a graph: both engines refuse it, or both pass it over in the same way."""

# mypy: disable-error-code="arg-type"

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from gameagent_sdk import Agent, Bundle, BundleError, Manifest, Policy, Squad
from gameagent_sdk.authoring import ActionSpec, FeatureSpec, attach_manifest

SIZE = 6
MANIFEST = Manifest(
    name="roots", summary="Its logits depend on square roots.", observation=(FeatureSpec("number", size=SIZE),),
    action=ActionSpec(tuple("abcdef")), num_episodes=1, max_steps=5,
)  # fmt: skip
CONSTANTS = {
    "zeros": np.zeros(SIZE, np.float32), "half": np.array(0.5, np.float32), "low": np.array(0.0, np.float32),
    "high": np.array(1.0, np.float32), "axis": np.array([1], np.int64),
}  # fmt: skip


def node(op_type: str, inputs: Any, output: str, **attributes: Any) -> Any:
    return helper.make_node(op_type, inputs, [output], **attributes)


ROOTS = node("Sqrt", ["observation"], "roots")  # NaN below 0
READERS = {
    "ReduceMax of an axis": [node("ReduceMax", ["roots"], "seen", axes=[1], keepdims=1)],
    "ReduceMax of all": [node("ReduceMax", ["roots"], "most", keepdims=0), node("Add", ["most", "zeros"], "seen")],
    "ReduceMax by way of a view": [
        node("Unsqueeze", ["roots", "axis"], "wide"),
        node("ReduceMax", ["wide"], "seen", axes=[2], keepdims=0),
    ],
    "ArgMax": [
        node("ArgMax", ["roots"], "best", axis=1, keepdims=1),
        node("Cast", ["best"], "seen", to=TensorProto.FLOAT),
    ],
    "both": [
        node("ReduceMax", ["roots"], "most", axes=[1], keepdims=1),
        node("ArgMax", ["roots"], "best", axis=1, keepdims=1),
        node("Cast", ["best"], "at", to=TensorProto.FLOAT),
        node("Add", ["most", "at"], "seen"),
    ],
    "Relu": [node("Relu", ["roots"], "seen")],
    "Max": [node("Max", ["roots", "half"], "seen")],
    "Min": [node("Min", ["half", "roots"], "seen")],
    "Clip": [node("Clip", ["roots", "low", "high"], "seen")],
    "Sign": [node("Sign", ["roots"], "seen")],
    "Tanh": [node("Tanh", ["roots"], "seen")],
    "Sigmoid": [node("Sigmoid", ["roots"], "seen")],
    "Softmax": [node("Softmax", ["roots"], "seen", axis=1)],
    "to the power of 0": [node("Pow", ["roots", "low"], "seen")],
    "Where": [
        node("Greater", ["roots", "half"], "more"),
        node("Where", ["more", "roots", "half"], "seen"),
    ],
    "Cast": [node("Cast", ["roots"], "any", to=TensorProto.BOOL), node("Cast", ["any"], "seen", to=TensorProto.FLOAT)],
}
REFUSED = [name for name in READERS if name.startswith(("ReduceMax", "ArgMax", "both"))]


def bundle_of(nodes: list[Any]) -> Bundle:
    used = {name for one in nodes for name in one.input}
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes, "policy_step",
        [value("observation", TensorProto.FLOAT, ["N", SIZE]), value("previous_action", TensorProto.FLOAT, ["N", SIZE]),
         value("previous_reward", TensorProto.FLOAT, ["N", 1]), value("episode_start", TensorProto.FLOAT, ["N", 1])],
        [value("logits", TensorProto.FLOAT, ["N", SIZE])],
        [numpy_helper.from_array(array, name) for name, array in CONSTANTS.items() if name in used],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return Bundle.from_bytes(attach_manifest(model.SerializeToString(), MANIFEST))


def reading(name: str) -> Bundle:
    return bundle_of([ROOTS, *READERS[name], node("Add", ["observation", "seen"], "logits")])


def decided(bundle: Bundle, engine: str, observation: NDArray[Any]) -> NDArray[np.float64] | None:
    """The probabilities; None where the engine refuses."""
    agent = Agent(Policy(bundle, engine), seed=0, temperature=1.0)
    agent.begin_trial()
    try:
        agent.act(observation)
    except BundleError:
        return None
    return agent.probabilities


@pytest.mark.parametrize("name", READERS)
def test_engines_agree_wherever_a_nan_stands(name: str) -> None:
    bundle = reading(name)
    for at in range(-1, SIZE):
        observation = np.linspace(0.1, 0.9, SIZE, dtype=np.float32)
        if at >= 0:
            observation[at] = -1.0
        one, other = (decided(bundle, engine, observation) for engine in ("onnxruntime", "numpy"))
        assert (one is None) == (other is None)
        assert name not in REFUSED or (one is None) == (at >= 0)
        if one is not None:
            np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.mark.parametrize("engine", ["onnxruntime", "numpy"])
@pytest.mark.parametrize("name", REFUSED)
def test_the_refusal_leaves_the_agent_as_it_was(name: str, engine: str) -> None:
    policy = Policy(reading(name), engine)
    agent, squad = Agent(policy, seed=0), Squad(policy, seed=0)
    agent.begin_trial()
    members = [squad.join() for _ in range(3)]
    with pytest.raises(BundleError, match="gave logits with NaN"):
        agent.act([1.0, -1.0, 1.0, 1.0, 1.0, 1.0])
    good = np.ones(SIZE, np.float32)
    with pytest.raises(BundleError, match="gave logits with NaN"):
        squad.act(dict(zip(members, [good, good, -good], strict=True)))
    assert (agent.num_decisions, members[0].num_decisions) == (0, 0)
    agent.act(good)
    squad.act(dict.fromkeys(members, good))
    assert (agent.num_decisions, members[0].num_decisions) == (1, 1)


def test_what_no_output_depends_on_is_not_looked_at() -> None:
    bundle = bundle_of([ROOTS, node("ReduceMax", ["roots"], "most"), node("Identity", ["observation"], "logits")])
    for engine in ("onnxruntime", "numpy"):
        assert decided(bundle, engine, -np.ones(SIZE, np.float32)) is not None


def test_a_watched_tensor_that_is_an_output_is_refused_as_an_output() -> None:
    bundle = bundle_of([node("Sqrt", ["observation"], "logits"), node("ReduceMax", ["logits"], "most")])
    for engine in ("onnxruntime", "numpy"):
        assert decided(bundle, engine, -np.ones(SIZE, np.float32)) is None
        assert decided(bundle, engine, np.ones(SIZE, np.float32)) is not None
