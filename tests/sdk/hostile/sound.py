"""A small sound bundle from scratch, which the hostile ones are changed from, one thing at a time."""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from sdk.hostile.onnx_writer import attribute, data, floats, graph, integer, metadata, node, opset, port

KEY = "gameagent.manifest"
INPUTS = (
    port("observation", ("N", 3)),
    port("previous_action", ("N", 2)),
    port("previous_reward", ("N", 1)),
    port("episode_start", ("N", 1)),
    port("hidden_h", ("N", 2)),
)
OUTPUTS = (port("logits", ("N", 2)), port("next_hidden_h", ("N", 2)))
WEIGHTS = (floats("w_x", (3, 2), (0.5, -0.25, 1.0, 0.125, -1.0, 2.0)), floats("w_out", (2, 2), (1.0, 0.5, -0.5, 2.0)))
MEMORY = (
    node("MatMul", ["observation", "w_x"], ["from_x"]),
    node("Add", ["from_x", "hidden_h"], ["mixed"]),
    node("Tanh", ["mixed"], ["next_hidden_h"]),
)
MANIFEST: dict[str, Any] = {
    "name": "hostile",
    "summary": "A cell of two units.",
    "observation": [
        {"name": "place", "size": 3, "low": None, "high": None, "unit": "", "meaning": ""},
    ],
    "action": {"names": ["left", "right"], "mask": False, "kind": "discrete"},
    "hidden_state": [{"name": "hidden_h", "shape": [2], "dtype": "float32"}],
    "beliefs": [],
    "num_episodes": 2,
    "max_steps": 10,
    "temperature": 1.0,
    "adaptation": ["memory"],
    "training": {},
    "evaluation": None,
    "parity": None,
    "schema_version": 2,
}


def policy(
    nodes: Sequence[bytes] | None = None,
    initializers: Sequence[bytes] = WEIGHTS,
    inputs: Sequence[bytes] = INPUTS,
    outputs: Sequence[bytes] = OUTPUTS,
    extra: bytes = b"",
) -> bytes:
    """The sound graph, or one with parts of it exchanged."""
    nodes = (*MEMORY, node("MatMul", ["next_hidden_h", "w_out"], ["logits"])) if nodes is None else nodes
    return graph(nodes, initializers, inputs, outputs, extra)


def detour(*nodes: bytes, initializers: Sequence[bytes] = (), extra: bytes = b"") -> bytes:
    """The sound graph with ``nodes`` between ``scores`` (N, 2), the sound logits, and ``logits``."""
    score = node("MatMul", ["next_hidden_h", "w_out"], ["scores"])
    return policy((*MEMORY, score, *nodes), (*WEIGHTS, *initializers), extra=extra)


def bundle(
    graph_bytes: bytes | None = None,
    *,
    ir_version: bytes = integer(1, 8),
    opsets: bytes = opset(17),
    extra: bytes = b"",
    manifest: Mapping[str, Any] | None = None,
) -> bytes:
    """A bundle whose manifest has the right hash of the graph, whatever the graph is.

    Args:
        graph_bytes: of GraphProto; None for the sound one.
        ir_version: the field, encoded.
        opsets: the fields, encoded.
        extra: further fields of ModelProto.
        manifest: fields other than the sound manifest's.
    """
    graph_bytes = policy() if graph_bytes is None else graph_bytes
    text = json.dumps(MANIFEST | {"graph_sha256": sha256(graph_bytes)} | dict(manifest or {}))
    return ir_version + opsets + data(7, graph_bytes) + extra + metadata(KEY, text)


def sha256(graph_bytes: bytes) -> str:
    """What a manifest's ``graph_sha256`` has to be."""
    return hashlib.sha256(graph_bytes).hexdigest()


def with_text(text: str | bytes, graph_bytes: bytes | None = None) -> bytes:
    """A bundle whose manifest is a text of any kind."""
    return integer(1, 8) + opset(17) + data(7, policy() if graph_bytes is None else graph_bytes) + metadata(KEY, text)


# A bundle that adapts: a bias of the logits, which gradient steps move towards the actions that were taken.

ADAPTATION_KEY = "gameagent.adaptation"
BIAS = port("bias", ("N", 2))
EXPERIENCE = (
    port("bias", (1, 2)),
    port("observations", ("T", 3)),
    port("actions", ("T", 2)),
    port("rewards", ("T", 1)),
    port("episode_end", ("T", 1)),
)
GRADIENT: dict[str, Any] = {
    "weights": [{"name": "bias", "shape": [2], "dtype": "float32"}],
    "episodes_per_step": 1,
    "max_kl": 1.0,
    "rollback_margin": 1.0,
    "learns_from": "rewards",
}


def adaptation(*nodes: bytes, initializers: Sequence[bytes] = (), extra: bytes = b"") -> bytes:
    """The gradient steps as a model: ``nodes`` may make ``step`` (1, 2) otherwise than as the mean of the actions."""
    nodes = nodes or (node("ReduceMean", ["actions"], ["step"], [attribute("axes", [0])]),)
    steps = (*nodes, node("Add", ["bias", "step"], ["next_bias"]))
    steps_graph = graph(steps, initializers, EXPERIENCE, (port("next_bias", (1, 2)),))
    return integer(1, 8) + extra + opset(17) + data(7, steps_graph)


def adapting(steps: bytes | None = None, **manifest: Any) -> bytes:
    """A bundle that adapts by gradient.

    Args:
        steps: the model of its gradient steps; None for the sound one.
        manifest: fields other than the sound manifest's.
    """
    steps = adaptation() if steps is None else steps
    score = node("MatMul", ["next_hidden_h", "w_out"], ["scores"])
    nodes = (*MEMORY, score, node("Add", ["scores", "bias"], ["logits"]))
    graph_bytes = policy(nodes, (*WEIGHTS, floats("bias", (1, 2), (0.0, 0.0))), (*INPUTS, BIAS))
    gradient = GRADIENT | {"graph_sha256": hashlib.sha256(steps).hexdigest()}
    fields = {"adaptation": ["memory", "gradient"], "gradient": gradient} | manifest
    extra = metadata(ADAPTATION_KEY, base64.b64encode(steps))
    return bundle(graph_bytes, extra=extra, manifest=fields)
