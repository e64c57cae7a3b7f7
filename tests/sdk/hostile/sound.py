"""A small sound bundle from scratch, which the hostile ones are changed from, one thing at a time."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from sdk.hostile.onnx_writer import data, floats, graph, integer, metadata, node, opset, port

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
    "schema_version": 1,
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
