"""Faults of stored tensors: data in other files, sizes that do not fit, types that are not what they seem."""

# mypy: disable-error-code="misc"

import struct

from sdk.hostile.kinds import BUNDLES, REFUSED, TAME
from sdk.hostile.onnx_writer import (
    BFLOAT16,
    BOOL,
    DOUBLE,
    FLOAT,
    FLOAT8,
    FLOAT16,
    INT32,
    INT64,
    STRING,
    UINT8,
    attribute,
    data,
    each,
    floats,
    integer,
    node,
    tensor,
    tensor_attribute,
    varint,
)
from sdk.hostile.sound import WEIGHTS, bundle, detour, policy

CANARY = "canary.bin"  # lies in the worker's folder: whoever follows external data would open it
SIX = struct.pack("<6f", 0.5, -0.25, 1.0, 0.125, -1.0, 2.0)


def with_weight(weight: bytes) -> bytes:
    """A bundle whose w_x (3, 2) is another tensor."""
    return bundle(policy(initializers=(weight, WEIGHTS[1])))


def external(location: str, *more: tuple[str, str], where: int | None = 1) -> bytes:
    """The fields by which a tensor says that its data are in another file."""
    entries = [("location", location), *more]
    return each(13, [data(1, key) + data(2, value) for key, value in entries]) + (
        b"" if where is None else integer(14, where)
    )


LOCATIONS = {
    "beside_the_file": CANARY,
    "absolute": "/etc/passwd",
    "above": f"../{CANARY}",
    "far_above": "../" * 30 + "etc/passwd",
    "endless": "/dev/zero",
    "on_the_web": "http://127.0.0.1:9/weights",
    "on_a_share": r"\\server\share\weights",
    "a_pipe": "canary.fifo",
    "with_a_null": f"{CANARY}\0.png",
    "empty": "",
    "itself": "hostile.onnx",
    "memory_address": "*/_ORT_MEM_ADDR_/*",
}
for name, location in LOCATIONS.items():
    BUNDLES.add_bytes(
        f"external_data_{name}",
        f"a weight whose data are said to be in the file {location!r}.",
        REFUSED,
        lambda location=location: with_weight(
            tensor("w_x", (3, 2), None, extra=external(location, ("offset", "0"), ("length", "24")))
        ),
    )


@BUNDLES.refused
def external_data_without_saying_so() -> bytes:
    """the other file is named, and data_location left out."""
    return with_weight(tensor("w_x", (3, 2), SIX, extra=external(CANARY, where=None)))


@BUNDLES.refused
def external_data_beside_raw_data() -> bytes:
    """data in the file and in another one."""
    return with_weight(tensor("w_x", (3, 2), SIX, extra=external(CANARY)))


@BUNDLES.refused
def external_data_said_and_not_named() -> bytes:
    """data_location says elsewhere, and no file is named."""
    return with_weight(tensor("w_x", (3, 2), SIX, extra=integer(14, 1)))


@BUNDLES.refused
def external_data_of_unknown_location() -> bytes:
    """a data_location that does not exist."""
    return with_weight(tensor("w_x", (3, 2), SIX, extra=integer(14, 7)))


@BUNDLES.refused
def external_data_in_a_constant() -> bytes:
    """data in another file, in a node's attribute."""
    away = tensor("", (1, 2), None, extra=external(CANARY))
    constant = node("Constant", [], ["c"], [tensor_attribute("value", away)])
    return bundle(detour(constant, node("Add", ["scores", "c"], ["logits"])))


@BUNDLES.refused
def external_data_in_an_unused_attribute() -> bytes:
    """data in another file, in an attribute that the operator does not have."""
    away = tensor("", (1, 2), None, extra=external(CANARY))
    return bundle(detour(node("Tanh", ["scores"], ["logits"], [tensor_attribute("value", away)])))


@BUNDLES.refused
def external_data_in_an_unused_weight() -> bytes:
    """data in another file, in a weight that nothing uses."""
    away = tensor("unused", (6,), None, extra=external(CANARY))
    return bundle(policy(initializers=(*WEIGHTS, away)))


for name, shape, raw in (
    ("overflow_to_zero", (2**32, 2**32), b""),
    ("overflow_to_six", (2**63, 2, 6), SIX),
    ("too_large", (3, 2**40), SIX),
    ("larger_than_its_data", (3, 3), SIX),
    ("smaller_than_its_data", (3, 1), SIX),
    ("negative", (-3, -2), SIX),
    ("minus_one", (-1, 2), SIX),
    ("of_no_data", (3, 2), b""),
    ("of_half_a_number", (3, 2), SIX[:-2]),
    ("of_rank_1000", (3, 2, *(1,) * 998), SIX),
    ("of_rank_100000", (3, 2, *(1,) * 99_998), SIX),
    ("transposed", (2, 3), SIX),
):
    BUNDLES.add_bytes(
        f"dims_{name}",
        f"a weight of {len(shape)} axes, {shape[:3]} the first, with {len(raw)} bytes of data.",
        REFUSED,
        lambda shape=shape, raw=raw: with_weight(tensor("w_x", shape, raw)),
    )


@BUNDLES.tame
def dims_of_zero() -> bytes:
    """an unused weight with no elements and huge other axes."""
    return bundle(policy(initializers=(*WEIGHTS, tensor("hollow", (0, 2**62, 2**62), b""))))


@BUNDLES.refused
def weight_without_data() -> bytes:
    """a weight that stores nothing at all."""
    return with_weight(tensor("w_x", (3, 2)))


@BUNDLES.refused
def weight_stored_twice() -> bytes:
    """raw and typed data both: engines choose differently."""
    return with_weight(tensor("w_x", (3, 2), SIX, extra=data(4, SIX)))


@BUNDLES.refused
def weight_stored_in_the_wrong_field() -> bytes:
    """float32 numbers in the field of int64."""
    return with_weight(tensor("w_x", (3, 2), extra=data(7, varint(1) * 6)))


@BUNDLES.accepted
def weight_stored_typed() -> bytes:
    """nothing: numbers in the typed field are as good as raw ones."""
    return with_weight(tensor("w_x", (3, 2), extra=data(4, SIX)))


@BUNDLES.refused
def weight_in_segments() -> bytes:
    """a weight of which this is only a part."""
    return with_weight(tensor("w_x", (3, 2), SIX, extra=data(3, integer(1, 0) + integer(2, 24))))


@BUNDLES.refused
def texts_as_weights() -> bytes:
    """a weight of texts."""
    return with_weight(tensor("w_x", (3, 2), None, STRING, each(6, ["x"] * 6)))


for name, dtype, width in (
    ("undefined", 0, 4),
    ("int32", INT32, 4),
    ("int64", INT64, 8),
    ("uint8", UINT8, 1),
    ("bool", BOOL, 1),
    ("float16", FLOAT16, 2),
    ("double", DOUBLE, 8),
    ("bfloat16", BFLOAT16, 2),
    ("float8", FLOAT8, 1),
    ("int4", 22, 1),
    ("complex64", 14, 8),
    ("unknown", 99, 4),
    ("negative", -1, 4),
):
    BUNDLES.add_bytes(
        f"weight_of_type_{name}",
        f"a weight of data type {dtype} where the observation is float32.",
        REFUSED,
        lambda dtype=dtype, width=width: with_weight(tensor("w_x", (3, 2), bytes(6 * width), dtype)),
    )
    BUNDLES.add_bytes(
        f"unused_weight_of_type_{name}",
        f"a weight of data type {dtype} that nothing uses.",
        TAME,
        lambda dtype=dtype, width=width: bundle(
            policy(initializers=(*WEIGHTS, tensor("unused", (6,), bytes(6 * width), dtype)))
        ),
    )


@BUNDLES.refused
def data_type_twice() -> bytes:
    """the data type given twice, the second one twice as wide."""
    return with_weight(tensor("w_x", (3, 2), SIX, extra=integer(2, DOUBLE)))


for name, number in (("nan", "nan"), ("infinite", "inf")):
    BUNDLES.add_bytes(
        f"weight_{name}",
        f"a weight that is {number}.",
        TAME,
        lambda number=number: with_weight(floats("w_x", (3, 2), (float(number),) * 6)),
    )


@BUNDLES.tame
def denormal_weights() -> bytes:
    """numbers so small that processors take a hundred times longer."""
    return with_weight(floats("w_x", (3, 2), (1e-40,) * 6))


@BUNDLES.tame
def huge_weights() -> bytes:
    """finite numbers whose products are not."""
    return with_weight(floats("w_x", (3, 2), (3e38,) * 6))


@BUNDLES.tame
def bool_that_is_seven() -> bytes:
    """a bool stored as 7: compilers assume that there is 0 and 1 alone."""
    pick = node("Where", ["seven", "scores", "scores"], ["logits"])
    return bundle(detour(pick, initializers=[tensor("seven", (1, 2), b"\x07\xff", BOOL)]))


@BUNDLES.tame
def unused_megabytes() -> bytes:
    """a weight of 20 megabytes that nothing uses."""
    return bundle(policy(initializers=(*WEIGHTS, tensor("unused", (5_000_000,), bytes(20_000_000)))))


@BUNDLES.refused
def packed_dims_that_end_early() -> bytes:
    """dims packed into a field that ends within a number."""
    weight = data(1, b"\x83\x80") + integer(2, FLOAT) + data(8, "w_x") + data(9, SIX)
    return with_weight(weight)


@BUNDLES.accepted
def packed_dims() -> bytes:
    """nothing: dims may be packed into one field."""
    return with_weight(data(1, b"\x03\x02") + integer(2, FLOAT) + data(8, "w_x") + data(9, SIX))


@BUNDLES.refused
def constant_with_two_values() -> bytes:
    """a constant that is a tensor and a number."""
    values = [tensor_attribute("value", floats("", (1, 2), (1.0, 2.0))), attribute("value_float", 3.0)]
    return bundle(detour(node("Constant", [], ["c"], values), node("Add", ["scores", "c"], ["logits"])))
