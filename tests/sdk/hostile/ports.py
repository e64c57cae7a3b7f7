"""Faults of what goes into the graph and comes out of it, and names that are made to do harm where they are shown."""

# mypy: disable-error-code="misc"

from sdk.hostile.kinds import BUNDLES, REFUSED
from sdk.hostile.onnx_writer import (
    BOOL,
    DOUBLE,
    FLOAT,
    INT64,
    STRING,
    data,
    floats,
    integer,
    node,
    port,
    typed_port,
)
from sdk.hostile.sound import INPUTS, MEMORY, OUTPUTS, WEIGHTS, bundle, detour, policy


@BUNDLES.refused
def input_twice() -> bytes:
    """two inputs of one name."""
    return bundle(policy(inputs=(*INPUTS, INPUTS[0])))


@BUNDLES.refused
def output_twice() -> bytes:
    """two outputs of one name."""
    return bundle(policy(outputs=(*OUTPUTS, OUTPUTS[0])))


@BUNDLES.refused
def extra_input() -> bytes:
    """an input that the manifest does not know."""
    return bundle(policy(inputs=(*INPUTS, port("secret", ("N", 1)))))


@BUNDLES.refused
def missing_input() -> bytes:
    """an input of the manifest's that the graph lacks."""
    return bundle(policy(inputs=INPUTS[:-1]))


@BUNDLES.refused
def extra_output() -> bytes:
    """an output that the manifest does not know."""
    return bundle(policy(outputs=(*OUTPUTS, port("mixed", ("N", 2)))))


@BUNDLES.refused
def missing_output() -> bytes:
    """an output of the manifest's that the graph lacks."""
    return bundle(policy(outputs=OUTPUTS[:1]))


@BUNDLES.refused
def output_that_nothing_writes() -> bytes:
    """an output that no node computes."""
    return bundle(policy(MEMORY))


@BUNDLES.tame
def output_that_is_an_input() -> bytes:
    """an output that is an input, handed through."""
    return bundle(policy(outputs=(OUTPUTS[1], port("previous_action", ("N", 2)))))


@BUNDLES.refused
def output_that_is_a_weight() -> bytes:
    """an output that is a weight: always two rows, whatever N is."""
    weight = floats("logits", (2, 2), (0.0,) * 4)
    return bundle(policy(MEMORY, (*WEIGHTS, weight)))


for name, shape, dtype in (
    ("fixed_rows", (1, 2), FLOAT),
    ("rank_zero", (), FLOAT),
    ("rank_three", ("N", 2, 1), FLOAT),
    ("too_wide", ("N", 4), FLOAT),
    ("negative", ("N", -2), FLOAT),
    ("huge", ("N", 2**62), FLOAT),
    ("double", ("N", 2), DOUBLE),
    ("integer", ("N", 2), INT64),
    ("bool", ("N", 2), BOOL),
    ("text", ("N", 2), STRING),
    ("of_no_known_type", ("N", 2), 77),
    ("of_type_zero", ("N", 2), 0),
):
    BUNDLES.add_bytes(
        f"logits_declared_{name}",
        f"logits declared as data type {dtype} of shape {shape}, and computed as float32 (N, 2).",
        REFUSED,
        lambda shape=shape, dtype=dtype: bundle(policy(outputs=(port("logits", shape, dtype), OUTPUTS[1]))),
    )
    BUNDLES.add_bytes(
        f"observation_declared_{name}",
        f"the observation declared as data type {dtype} of shape {shape}.",
        REFUSED,
        lambda shape=shape, dtype=dtype: bundle(policy(inputs=(port("observation", shape, dtype), *INPUTS[1:]))),
    )


@BUNDLES.tame
def ports_of_unknown_shape() -> bytes:
    """inputs and outputs of which the axes are not said."""
    return bundle(policy(inputs=(port("observation", (None, None)), *INPUTS[1:])))


@BUNDLES.refused
def port_without_a_type() -> bytes:
    """an input of no type."""
    return bundle(policy(inputs=(data(1, "observation"), *INPUTS[1:])))


def nested(kind: int, depth: int) -> bytes:
    """TypeProto of a sequence (4) or an optional (9), nested."""
    inner = data(1, integer(1, FLOAT))
    for _ in range(depth):
        inner = data(kind, data(1, inner))
    return inner


for name, type_proto in (
    ("sequence", nested(4, 1)),
    ("optional", nested(9, 1)),
    ("map", data(5, integer(1, INT64) + data(2, data(1, integer(1, FLOAT))))),
    ("sparse_tensor", data(8, integer(1, FLOAT))),
    ("sequence_of_5000_sequences", nested(4, 5000)),
):
    BUNDLES.add_bytes(
        f"input_is_a_{name}",
        f"an input that is a {name.replace('_', ' ')}.",
        REFUSED,
        lambda type_proto=type_proto: bundle(policy(inputs=(typed_port("observation", type_proto), *INPUTS[1:]))),
    )


NASTY_NAMES = {
    "terminal_codes": b"\x1b[2J\x1b]0;owned\x07",
    "a_null": b"a\x00b",
    "invalid_utf8": b"\xff\xfe\xc0\x80",
    "a_line_break": b"a\nBundle accepted\n",
    "right_to_left_marks": "\u202egnirts".encode(),
    "a_surrogate": b"\xed\xa0\x80",
    "format_codes": b"%s%n{0.__class__}",
    "a_path": b"../../etc/passwd",
    "a_megabyte": b"n" * 1_000_000,
}
for name, text in NASTY_NAMES.items():
    BUNDLES.add_bytes(
        f"tensor_named_with_{name}",
        f"a tensor whose name has {name.replace('_', ' ')}, in a fault that is reported with it.",
        REFUSED,
        lambda text=text: bundle(detour(node("Tanh", [text], ["logits"], extra=data(3, text)))),
    )
    BUNDLES.add_bytes(
        f"operator_named_with_{name}",
        f"an operator whose name has {name.replace('_', ' ')}.",
        REFUSED,
        lambda text=text: bundle(detour(data(1, "scores") + data(2, "logits") + data(4, text))),
    )
