"""Files that are no model, or whose outermost layer is damaged or forged."""

# mypy: disable-error-code="misc"

import pickle
import zipfile
import zlib
from io import BytesIO

from sdk.hostile.kinds import BUNDLES, REFUSED
from sdk.hostile.onnx_writer import data, integer, metadata, opset, varint
from sdk.hostile.sound import KEY, MEMORY, bundle, policy, with_text


@BUNDLES.accepted
def sound() -> bytes:
    """nothing: the bundle that the others are changed from; were it refused, their refusal would mean nothing."""
    return bundle()


@BUNDLES.refused
def empty_file() -> bytes:
    """no bytes at all."""
    return b""


@BUNDLES.refused
def text_file() -> bytes:
    """prose."""
    return b"Once upon a time there was a paddle.\n" * 100


@BUNDLES.refused
def picture() -> bytes:
    """a PNG's beginning."""
    return b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(500)


@BUNDLES.refused
def archive() -> bytes:
    """a ZIP that holds a sound bundle."""
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("agent.onnx", bundle())
    return buffer.getvalue()


@BUNDLES.refused
def compressed() -> bytes:
    """a sound bundle, compressed."""
    return zlib.compress(bundle())


@BUNDLES.refused
def pickled() -> bytes:
    """a pickle that would call a function."""

    class Call:
        def __reduce__(self) -> tuple[object, ...]:
            return (print, ("unpickled",))

    return pickle.dumps(Call())


@BUNDLES.refused
def zeros() -> bytes:
    """a million zero bytes."""
    return bytes(1_000_000)


@BUNDLES.refused
def ones() -> bytes:
    """a million bytes of 255: a number that never ends."""
    return b"\xff" * 1_000_000


for tenth in range(1, 10):
    BUNDLES.add_bytes(
        f"cut_at_{tenth}_tenths",
        f"a sound bundle cut after {tenth} tenths.",
        REFUSED,
        lambda tenth=tenth: bundle()[: len(bundle()) * tenth // 10],
    )


@BUNDLES.refused
def cut_by_one_byte() -> bytes:
    """the last byte is gone."""
    return bundle()[:-1]


@BUNDLES.refused
def trailing_garbage() -> bytes:
    """a sound bundle with noise behind it."""
    return bundle() + b"\xde\xad\xbe\xef" * 10


@BUNDLES.refused
def trailing_zero() -> bytes:
    """a sound bundle with one zero behind it: a field of number zero."""
    return bundle() + b"\x00"


@BUNDLES.refused
def two_bundles() -> bytes:
    """two sound bundles one behind the other: protobuf says that this is one model, merged."""
    return bundle() + bundle()


@BUNDLES.refused
def graph_in_two_pieces() -> bytes:
    """the graph cut in two fields, which protobuf readers merge and a naive hash misses."""
    rest = policy(initializers=())
    return bundle() + data(7, rest)


@BUNDLES.refused
def no_graph() -> bytes:
    """a manifest and no graph."""
    return integer(1, 8) + opset(17) + metadata(KEY, "{}")


@BUNDLES.refused
def graph_is_a_number() -> bytes:
    """the graph's field holds a number."""
    return integer(1, 8) + opset(17) + integer(7, 5) + metadata(KEY, "{}")


@BUNDLES.refused
def empty_graph() -> bytes:
    """a graph of no bytes."""
    return bundle(b"")


@BUNDLES.refused
def graph_of_noise() -> bytes:
    """a graph that is no message, with the right hash."""
    return bundle(b"\xff" * 64)


@BUNDLES.tame
def stretched_number() -> bytes:
    """ir_version 8 written with ten bytes, which protobuf allows."""
    return bundle(ir_version=b"\x08\x88" + b"\x80" * 8 + b"\x00")


@BUNDLES.refused
def eleven_byte_number() -> bytes:
    """a number with more bytes than 64 bits need."""
    return bundle(ir_version=b"\x08\x88" + b"\x80" * 9 + b"\x00")


@BUNDLES.refused
def number_of_70_bits() -> bytes:
    """ten bytes that hold more than 64 bits: readers disagree on what is left of it."""
    return bundle(ir_version=b"\x08" + b"\xff" * 9 + b"\x7f")


for size in (2**31 - 1, 2**32, 2**63 - 1, 2**63, 2**64 - 1):
    BUNDLES.add_bytes(
        f"length_{size:x}",
        f"a field that claims {size} bytes.",
        REFUSED,
        lambda size=size: bundle() + varint(6 << 3 | 2) + varint(size) + b"x",
    )
    BUNDLES.add_bytes(
        f"length_{size:x}_in_the_graph",
        f"a field of the graph that claims {size} bytes.",
        REFUSED,
        lambda size=size: bundle(policy(extra=varint(10 << 3 | 2) + varint(size) + b"x")),
    )


@BUNDLES.refused
def groups() -> bytes:
    """the obsolete group encoding, at the top."""
    return bundle(extra=varint(99 << 3 | 3) + integer(1, 1) + varint(99 << 3 | 4))


@BUNDLES.refused
def groups_in_the_graph() -> bytes:
    """a hundred thousand groups opened within the graph, for readers that recurse."""
    return bundle(policy(extra=varint(99 << 3 | 3) * 100_000))


@BUNDLES.refused
def wire_type_seven() -> bytes:
    """a way of encoding that does not exist."""
    return bundle(extra=varint(99 << 3 | 7) + b"\x00")


@BUNDLES.refused
def field_number_zero_in_a_node() -> bytes:
    """field number zero, three messages deep."""
    return bundle(policy((MEMORY[0] + b"\x02\x00", *MEMORY[1:])))


@BUNDLES.tame
def huge_field_number() -> bytes:
    """a field number above protobuf's limit."""
    return bundle(extra=varint(2**40 << 3) + b"\x00")


@BUNDLES.tame
def unknown_field() -> bytes:
    """a field that no version of the format has."""
    return bundle(extra=data(999, b"hello"))


@BUNDLES.tame
def unknown_fields_everywhere() -> bytes:
    """unknown fields in the graph and in its nodes, for a newer engine to find a meaning in."""
    return bundle(policy((*(one + data(999, b"x") for one in MEMORY),), extra=data(999, b"x")))


@BUNDLES.refused
def a_million_unknown_fields() -> bytes:
    """two megabytes that unfold into a million objects."""
    return bundle(extra=integer(15, 1) * 1_000_000)


@BUNDLES.tame
def deep_unknown_message() -> bytes:
    """an unknown field nested ten thousand deep."""
    nested = b""
    for _ in range(10_000):
        nested = data(999, nested)
    return bundle(extra=nested)


@BUNDLES.refused
def manifest_before_a_second_model() -> bytes:
    """a sound bundle's outer layer with a second graph hidden at the end of the file."""
    return with_text("{}") + data(7, policy())
