"""Whether a file is one that the engine's loader takes: names, dtypes, shapes, versions, operators."""

from collections.abc import Iterator, Sequence

import onnx

from gameagent.errors import ExportError
from gameagent.export.engines.profiles import Profile
from gameagent_sdk.authoring import Port


def check_structure(model: onnx.ModelProto, profile: Profile) -> None:
    """Checks a file against its profile without running it.

    Raises:
        ExportError: Lists everything that the engine would stumble over.
    """
    try:
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise ExportError(f"nothing was written: the {profile.name} file is not valid ONNX: {error}") from None
    problems = [
        *_versions(model, profile),
        *_operators(model, profile),
        *_ports("input", profile.inputs, model.graph.input),
        *_ports("output", profile.outputs, model.graph.output),
    ]
    if problems:
        raise ExportError(f"nothing was written: {profile.engine} could not run the file: {'; '.join(problems)}")


def _versions(model: onnx.ModelProto, profile: Profile) -> Iterator[str]:
    for used in model.opset_import:
        if used.domain not in ("", "ai.onnx"):
            yield f"it has operators of {used.domain!r}, which the engine does not know"
        elif used.version > profile.max_opset:
            yield f"its opset is {used.version}, the engine reads {profile.max_opset} at most"
    if model.ir_version > profile.max_ir_version:
        yield f"its IR version is {model.ir_version}, the engine reads {profile.max_ir_version} at most"
    if model.functions:
        yield "it has functions of its own"
    if any(tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in model.graph.initializer):
        yield "its weights are in another file"


def _operators(model: onnx.ModelProto, profile: Profile) -> Iterator[str]:
    if profile.operators is not None:
        for name in sorted({node.op_type for node in model.graph.node} - profile.operators):
            yield f"operator {name} is not among those known to work in the engine"


def _ports(side: str, expected: Sequence[Port], found: Sequence[onnx.ValueInfoProto]) -> Iterator[str]:
    given = {value.name: _port(value) for value in found}
    for port in expected:
        one = given.pop(port.name, None)
        if one is None:
            yield f"{side} {port.name} is missing"
        elif one != port:
            yield f"{side} {port.name} should be {port} but is {one}"
    for name in given:
        yield f"{side} {name} is unknown to the engine"


def _port(value: onnx.ValueInfoProto) -> Port:
    """A port as the file declares it; an axis is dynamic if it has a name or nothing at all."""
    tensor = value.type.tensor_type
    dtype = onnx.TensorProto.DataType.Name(tensor.elem_type).lower()
    shape = tuple(axis.dim_value if axis.HasField("dim_value") else None for axis in tensor.shape.dim)
    return Port(value.name, {"float": "float32"}.get(dtype, dtype), shape)
