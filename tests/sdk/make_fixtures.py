"""Writes the tiny bundles in ``fixtures/``. Run by hand where onnx is installed: ``python tests/sdk/make_fixtures.py``.

Deterministic: the weights of the recurrent policy are sines, so that the tests can work out its numbers on their own.
"""

# mypy: disable-error-code="no-any-return"

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from gameagent_sdk import Manifest
from gameagent_sdk.authoring import (
    ActionSpec,
    BeliefSpec,
    FeatureSpec,
    GradientSpec,
    NativeActionSpec,
    PartSpec,
    PlanSpec,
    Port,
    TensorSpec,
    adaptation_inputs,
    adaptation_outputs,
    attach_manifest,
    step_inputs,
    step_outputs,
)

FIXTURES = Path(__file__).parent / "fixtures"
OPSET, IR_VERSION = 17, 8  # old enough for every onnxruntime the SDK allows
ELEMENT_TYPES = {"float32": TensorProto.FLOAT, "bool": TensorProto.BOOL}

NUM_UNITS = 4
MOST_STEPS = 2**62

RECURRENT = Manifest(
    name="fixture-recurrent",
    summary="An LSTM of four units with beliefs.",
    observation=(
        FeatureSpec("position", size=2, low=-1.0, high=1.0, unit="m", meaning="where the agent is"),
        FeatureSpec("signal", meaning="what it hears"),
    ),
    action=ActionSpec(("left", "stay", "right")),
    hidden_state=(TensorSpec("hidden_h", (NUM_UNITS,)), TensorSpec("hidden_c", (NUM_UNITS,))),
    beliefs=(
        BeliefSpec("gravity", "categorical", options=("low", "mid", "high"), values=(1.0, 4.0, 10.0), unit="m/s2"),
        BeliefSpec("worth", "scalar", index=0, center=0.5, scale=2.0, unit="points"),
        BeliefSpec("worth", "scalar", index=1, center=0.5, scale=2.0, unit="points"),
    ),
    num_episodes=4,
    max_steps=15,
    adaptation=("memory",),
    training={"family_version": 1, "algorithm": "none", "seed": 0, "steps": 0},
)

MASKED = Manifest(
    name="fixture-masked",
    summary="Adds up the reward of each action; its logits are these sums plus the observation.",
    observation=(FeatureSpec("bonus", size=4),),
    action=ActionSpec(("north", "east", "south", "west"), mask=True),
    hidden_state=(TensorSpec("hidden_tally", (4,)),),
    num_episodes=3,
    max_steps=20,
    temperature=0.5,
    adaptation=("memory",),
)

MEMORYLESS = Manifest(
    name="fixture-memoryless",
    summary="Its logits are the observation.",
    observation=(FeatureSpec("first"), FeatureSpec("second")),
    action=ActionSpec(("a", "b")),
    num_episodes=1,
    max_steps=5,
    temperature=0.0,
)

PRIMED = replace(
    MASKED,
    name="fixture-primed",
    summary="As fixture-masked, but its sums do not start from zero.",
    hidden_state=(TensorSpec("hidden_tally", (4,), initial=0.5),),
)

STEERED = Manifest(
    name="fixture-steered",
    summary="Adds up reward times action; its mean is these sums plus what it is told, its deviation is told.",
    observation=(FeatureSpec("push", size=2), FeatureSpec("log_deviation", size=2)),
    action=ActionSpec(("steer", "throttle"), kind="box", low=(-1.0, 0.0), high=(1.0, 8.0), unit="m/s"),
    hidden_state=(TensorSpec("hidden_sum", (2,)),),
    num_episodes=3,
    max_steps=20,
    adaptation=("memory",),
)


ADAPTING = Manifest(
    name="fixture-adapting",
    summary="Its logits are weights times the observation; a gradient step fits them to the actions that paid.",
    observation=(FeatureSpec("seen", size=3),),
    action=ActionSpec(("wait", "go")),
    num_episodes=4,
    max_steps=20,
    adaptation=("gradient",),
    gradient=GradientSpec(
        weights=(TensorSpec("head", (3, 2)),), max_kl=1.0, rollback_margin=5.0, learns_from="rewards"
    ),
)

NATIVE = Manifest(
    name="fixture-native",
    summary="Its logits are weights times what its environment shows and tells it, plus the sums of rewards.",
    observation=(
        FeatureSpec("camera", 12, 0.0, 1.0, kind="grid", shape=(2, 2, 3)),
        FeatureSpec("gear", 1, 0.0, 2.0, kind="category"),
        FeatureSpec("place", 2, -1.0, 1.0, "m"),
        FeatureSpec("speed"),
        FeatureSpec("rule_gravity"),
        FeatureSpec("rule_colour", 3, 0.0, 1.0),
        FeatureSpec("rule_wind[0]"),
        FeatureSpec("rule_wind[1]"),
    ),
    action=ActionSpec(("left slow", "left mid", "left fast", "right slow", "right mid", "right fast"), mask=True),
    hidden_state=(TensorSpec("hidden_tally", (6,)),),
    plan=PlanSpec(
        parts=(
            PartSpec(("camera",), (4, 6, 2), axes=(2, 0, 1), pool=2, scale=1 / 255),
            PartSpec(("gear",), (), offset=1.0),
            PartSpec(("body", "0"), (2,)),
            PartSpec(("body", "1"), ()),
        ),
        action=NativeActionSpec((2,), "int64", tuple((side, pace) for side in range(2) for pace in range(3))),
        mask=("mask",),
        rules=(
            BeliefSpec("gravity", "scalar", center=10.0, scale=5.0, unit="m/s2"),
            BeliefSpec("colour", "categorical", options=("red", "green", "blue"), values=(1.0, 2.5, 4.0)),
            BeliefSpec("wind", "scalar", index=0, scale=2.0),
            BeliefSpec("wind", "scalar", index=1, scale=2.0),
        ),
    ),
    num_episodes=3,
    max_steps=20,
    temperature=0.0,
    adaptation=("memory",),
)


def sines(*shape: int) -> np.ndarray:
    """Weights that anyone can work out: 0.8 sin(1), 0.8 sin(2), ..."""
    return (0.8 * np.sin(np.arange(1, np.prod(shape) + 1))).astype(np.float32).reshape(shape)


def recurrent_nodes() -> tuple[list[Any], dict[str, np.ndarray]]:
    """The LSTM in primitive operators; gates in the order input, forget, cell, output."""
    num_inputs = 3 + 3 + 1 + 1
    weights = {
        "w_x": sines(num_inputs, 4 * NUM_UNITS),
        "w_h": sines(NUM_UNITS, 4 * NUM_UNITS),
        "w_logits": sines(NUM_UNITS, 3),
        "w_gravity": sines(NUM_UNITS, 3),
        "w_worth": sines(NUM_UNITS, 2),
        "w_spread": sines(NUM_UNITS, 2),
    }
    node = helper.make_node
    nodes = [
        node("Concat", ["observation", "previous_action", "previous_reward", "episode_start"], ["x"], axis=1),
        node("MatMul", ["x", "w_x"], ["from_x"]),
        node("MatMul", ["hidden_h", "w_h"], ["from_h"]),
        node("Add", ["from_x", "from_h"], ["gates"]),
        node("Split", ["gates"], ["i", "f", "g", "o"], axis=1),
        *(node("Sigmoid", [gate], [f"{gate}_open"]) for gate in "ifo"),
        node("Tanh", ["g"], ["g_value"]),
        node("Mul", ["f_open", "hidden_c"], ["kept"]),
        node("Mul", ["i_open", "g_value"], ["written"]),
        node("Add", ["kept", "written"], ["next_hidden_c"]),
        node("Tanh", ["next_hidden_c"], ["c_value"]),
        node("Mul", ["o_open", "c_value"], ["next_hidden_h"]),
        node("MatMul", ["next_hidden_h", "w_logits"], ["logits"]),
        node("MatMul", ["next_hidden_h", "w_gravity"], ["gravity_logits"]),
        node("Softmax", ["gravity_logits"], ["gravity"], axis=1),
        node("MatMul", ["next_hidden_h", "w_worth"], ["worth_mean"]),
        node("MatMul", ["next_hidden_h", "w_spread"], ["spread_logits"]),
        node("Sigmoid", ["spread_logits"], ["worth_std"]),
        node("Concat", ["worth_mean", "worth_std"], ["mean_mean_std_std"], axis=1),
        node("Gather", ["mean_mean_std_std", "interleave"], ["worth"], axis=1),
        node("Concat", ["gravity", "worth"], ["beliefs"], axis=1),
    ]
    return nodes, weights | {"interleave": np.array([0, 2, 1, 3], np.int64)}


def masked_nodes() -> tuple[list[Any], dict[str, np.ndarray]]:
    node = helper.make_node
    nodes = [
        node("Mul", ["previous_action", "previous_reward"], ["gain"]),
        node("Add", ["hidden_tally", "gain"], ["next_hidden_tally"]),
        node("Add", ["next_hidden_tally", "observation"], ["scores"]),
        node("Where", ["legal_actions", "scores", "never"], ["logits"]),
    ]
    return nodes, {"never": np.array(-1e9, np.float32)}


def native_nodes() -> tuple[list[Any], dict[str, np.ndarray]]:
    node = helper.make_node
    nodes = [
        node("Mul", ["previous_action", "previous_reward"], ["gain"]),
        node("Add", ["hidden_tally", "gain"], ["next_hidden_tally"]),
        node("MatMul", ["observation", "weights"], ["seen"]),
        node("Add", ["next_hidden_tally", "seen"], ["scores"]),
        node("Where", ["legal_actions", "scores", "never"], ["logits"]),
    ]
    return nodes, {"weights": sines(22, 6), "never": np.array(-1e9, np.float32)}


def memoryless_nodes() -> tuple[list[Any], dict[str, np.ndarray]]:
    return [helper.make_node("Identity", ["observation"], ["logits"])], {}


def steered_nodes() -> tuple[list[Any], dict[str, np.ndarray]]:
    node = helper.make_node
    nodes = [
        node("Mul", ["previous_action", "previous_reward"], ["gain"]),
        node("Add", ["hidden_sum", "gain"], ["next_hidden_sum"]),
        node("Split", ["observation"], ["push", "log_std"], axis=1),
        node("Add", ["next_hidden_sum", "push"], ["mean"]),
    ]
    return nodes, {}


def adapting_nodes() -> tuple[list[Any], dict[str, np.ndarray]]:
    node = helper.make_node
    nodes = [
        node("Unsqueeze", ["observation", "one"], ["row"]),
        node("MatMul", ["row", "head"], ["product"]),
        node("Squeeze", ["product", "one"], ["logits"]),
    ]
    return nodes, {"one": np.array([1]), "head": sines(1, 3, 2)}


def gradient_nodes() -> tuple[list[Any], dict[str, np.ndarray]]:
    """The change is the mean over steps, but the last, of observation times action times reward."""
    node = helper.make_node
    nodes = [
        *(node("Slice", [name, "zero", "last", "zero"], [f"{name}_but_last"]) for name in ("observations", "actions")),
        node("Slice", ["rewards", "one", "end", "zero"], ["next_rewards"]),
        node("Mul", ["actions_but_last", "next_rewards"], ["paid"]),
        node("Transpose", ["observations_but_last"], ["turned"], perm=[1, 0]),
        node("MatMul", ["turned", "paid"], ["sum"]),
        node("ReduceSum", ["episode_end", "zero"], ["episodes"], keepdims=0),
        node("Div", ["sum", "episodes"], ["change"]),
        node("Tanh", ["change"], ["bounded"]),
        node("Unsqueeze", ["bounded", "zero"], ["step"]),
        node("Add", ["head", "step"], ["next_head"]),
    ]
    numbers = {"zero": 0, "one": 1, "last": -1, "end": MOST_STEPS}
    return nodes, {name: np.array([value]) for name, value in numbers.items()}


def value_info(port: Port) -> Any:
    shape = ["N" if size is None else size for size in port.shape]
    return helper.make_tensor_value_info(port.name, ELEMENT_TYPES[port.dtype], shape)


def model_of(
    nodes: list[Any], weights: dict[str, np.ndarray], inputs: tuple[Port, ...], outputs: tuple[Port, ...]
) -> bytes:
    graph = helper.make_graph(
        nodes,
        "policy_step",
        [value_info(port) for port in inputs],
        [value_info(port) for port in outputs],
        [numpy_helper.from_array(array, key) for key, array in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    return model.SerializeToString(deterministic=True)


def write(name: str, manifest: Manifest, nodes: list[Any], weights: dict[str, np.ndarray]) -> None:
    model, steps = model_of(nodes, weights, step_inputs(manifest), step_outputs(manifest)), b""
    if manifest.gradient is not None:
        steps = model_of(*gradient_nodes(), adaptation_inputs(manifest), adaptation_outputs(manifest))
    (FIXTURES / name).write_bytes(attach_manifest(model, manifest, steps))


if __name__ == "__main__":
    FIXTURES.mkdir(exist_ok=True)
    write("recurrent.onnx", RECURRENT, *recurrent_nodes())
    write("masked.onnx", MASKED, *masked_nodes())
    write("primed.onnx", PRIMED, *masked_nodes())
    write("memoryless.onnx", MEMORYLESS, *memoryless_nodes())
    write("steered.onnx", STEERED, *steered_nodes())
    write("native.onnx", NATIVE, *native_nodes())
    write("adapting.onnx", ADAPTING, *adapting_nodes())
