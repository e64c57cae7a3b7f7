"""Faults of ModelProto beside its graph: versions, operator sets, functions, metadata, training."""

# mypy: disable-error-code="misc"

from sdk.hostile.kinds import BUNDLES, REFUSED
from sdk.hostile.onnx_writer import data, graph, integer, metadata, node, opset
from sdk.hostile.sound import KEY, bundle, detour, policy


@BUNDLES.refused
def no_ir_version() -> bytes:
    """the version of the file format is left out."""
    return bundle(ir_version=b"")


for version in (0, 2, -1, 1000, 2**31, 2**63 - 1):
    BUNDLES.add_bytes(
        f"ir_version_{version}".replace("-", "minus_"),
        f"the file format's version {version}.",
        REFUSED,
        lambda version=version: bundle(ir_version=integer(1, version)),
    )
    BUNDLES.add_bytes(
        f"opset_{version}".replace("-", "minus_"),
        f"version {version} of the operator set.",
        REFUSED,
        lambda version=version: bundle(opsets=opset(version)),
    )


@BUNDLES.tame
def two_ir_versions() -> bytes:
    """the version given twice: the last one counts."""
    return bundle(ir_version=integer(1, 1) + integer(1, 8))


@BUNDLES.refused
def ir_version_is_bytes() -> bytes:
    """the version encoded as bytes."""
    return bundle(ir_version=data(1, b"\x08"))


@BUNDLES.refused
def no_opset() -> bytes:
    """the operator set is not named."""
    return bundle(opsets=b"")


@BUNDLES.refused
def two_opsets() -> bytes:
    """two versions of the same operator set: engines choose differently."""
    return bundle(opsets=opset(17) + opset(7))


@BUNDLES.refused
def two_names_of_one_opset() -> bytes:
    """Both "" and "ai.onnx" mean the same set: two versions of it, hidden."""
    return bundle(opsets=opset(17) + opset(7, "ai.onnx"))


@BUNDLES.refused
def opset_of_blank_domain() -> bytes:
    """the domain " ai.onnx", with a blank in front, and no other."""
    return bundle(opsets=opset(17, " ai.onnx"))


@BUNDLES.refused
def only_a_foreign_opset() -> bytes:
    """only an operator set of somebody else's."""
    return bundle(opsets=opset(1, "com.example"))


@BUNDLES.tame
def a_foreign_opset_beside() -> bytes:
    """somebody else's operator set beside ONNX's own, none of its operators used."""
    return bundle(opsets=opset(17) + opset(1, "com.microsoft"))


@BUNDLES.tame
def thirty_thousand_opsets() -> bytes:
    """many operator sets."""
    return bundle(opsets=opset(17) + b"".join(opset(1, f"d{i}") for i in range(30_000)))


def function(name: str, calls: str, domain: str = "local") -> bytes:
    """FunctionProto of one node, which may be another function's call."""
    body = node(calls, ["x"], ["y"], extra=data(7, domain) if calls != "Identity" else b"")
    parts = data(1, name) + data(4, "x") + data(5, "y") + data(7, body) + data(9, data(1, "") + integer(2, 17))
    return data(25, parts + data(9, data(1, domain) + integer(2, 1)) + data(10, domain))


def calling(name: str, functions: bytes, domain: str = "local") -> bytes:
    """A bundle with local functions, the first of which is called."""
    call = node(name, ["scores"], ["logits"], extra=data(7, domain))
    return bundle(detour(call), opsets=opset(17) + opset(1, domain), extra=functions)


@BUNDLES.refused
def a_local_function() -> bytes:
    """an operator that the file defines itself."""
    return calling("F", function("F", "Identity"))


@BUNDLES.refused
def an_unused_function() -> bytes:
    """a local function that nothing calls."""
    return bundle(extra=function("F", "Identity"))


@BUNDLES.refused
def a_chain_of_functions() -> bytes:
    """three thousand functions, each calling the next: engines that inline them overflow their stack."""
    links = [function(f"F{i}", f"F{i + 1}") for i in range(3000)]
    return calling("F0", b"".join(links) + function("F3000", "Identity"))


@BUNDLES.refused
def a_recursive_function() -> bytes:
    """a function that calls itself."""
    return calling("F", function("F", "F"))


@BUNDLES.refused
def a_function_called_add() -> bytes:
    """a local function in ONNX's own domain that gives Add another meaning."""
    return bundle(extra=function("Add", "Identity", domain=""))


@BUNDLES.refused
def training_info() -> bytes:
    """a training graph, which an engine may run at load."""
    return bundle(extra=data(20, data(1, graph([node("Identity", ["w_x"], ["w_y"])]))))


@BUNDLES.tame
def device_configuration() -> bytes:
    """a configuration for several devices."""
    return bundle(extra=data(26, data(1, "gpu") + integer(2, 2**31 - 1)))


@BUNDLES.accepted
def other_metadata() -> bytes:
    """nothing: metadata of other tools, and a description, are allowed."""
    return bundle(extra=metadata("author", "somebody") + data(6, "a description") + data(2, "some tool"))


@BUNDLES.tame
def a_lot_of_metadata() -> bytes:
    """thirty thousand entries of metadata."""
    return bundle(extra=b"".join(metadata(f"key {i}", "x") for i in range(30_000)))


@BUNDLES.tame
def metadata_that_is_no_text() -> bytes:
    """metadata that is not UTF-8."""
    return bundle(extra=metadata(b"\xff\xfe", b"\xff"))


@BUNDLES.refused
def metadata_that_is_no_pair() -> bytes:
    """an entry of metadata with a third part."""
    return bundle(extra=data(14, data(1, "a") + data(2, "b") + data(3, "c") + b"\xff"))


@BUNDLES.refused
def manifest_key_twice_in_an_entry() -> bytes:
    """an entry with two keys: the first hides a second manifest from naive readers."""
    return bundle(extra=data(14, data(1, "harmless") + data(1, KEY) + data(2, "{}")))


@BUNDLES.tame
def metadata_of_the_engine() -> bytes:
    """keys that onnxruntime itself reads settings from."""
    return bundle(extra=metadata("ort_config", '{"session_options": {"inter_op_num_threads": 5000}}'))


@BUNDLES.tame
def descriptions_of_a_megabyte() -> bytes:
    """a description of a megabyte with control codes."""
    return bundle(policy(extra=data(10, b"\x1b[2J" * 230_000)), extra=data(6, "\x00" * 1_000_000))
