"""From a torch module to an ONNX graph that may be shipped: traced, and stripped of what the exporter leaves behind."""

import contextlib
import inspect
import io
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import onnx.numpy_helper
import onnx.version_converter
import torch
from torch import Tensor, nn

from gameagent.errors import ExportError
from gameagent_sdk.authoring import Port

_LEFT_BEHIND = ("metadata_props", "doc_string")


def trace(module: nn.Module, inputs: Sequence[Port], outputs: Sequence[Port]) -> onnx.ModelProto:
    """A module as an ONNX model that says nothing about the machine it was made on.

    Args:
        module: Takes and gives tensors in the ports' order.
        inputs: A leading axis of None is dynamic, the same N for all; all other axes have sizes.
        outputs: For their names.
    """
    example = tuple(
        torch.zeros([2 if size is None else size for size in port.shape], dtype=getattr(torch, port.dtype))
        for port in inputs
    )
    with quiet():
        program = torch.onnx.export(
            module.eval(), example, dynamic_shapes=_dynamic_rows(module, len(inputs)), **options(inputs, outputs)
        )
    return finish(program)


def options(inputs: Sequence[Port], outputs: Sequence[Port]) -> dict[str, Any]:
    """How ``torch.onnx.export`` is called for whatever goes into a file."""
    names = {"input_names": [port.name for port in inputs], "output_names": [port.name for port in outputs]}
    return {"dynamo": True, "external_data": False, "verbose": False, **names}


def finish(program: "torch.onnx.ONNXProgram | None") -> onnx.ModelProto:
    """The model of what ``torch.onnx.export`` gave, stripped."""
    if program is None:
        raise ExportError("torch.onnx gave no program; this torch is not one that gameagent supports")
    outputs = list(program.model.graph.outputs)
    for node in program.model.graph:
        for value in node.outputs:
            if value not in outputs and value.name in [output.name for output in outputs]:
                value.name = f"{value.name}.inner"  # the exporter names a value after its operator: "mean", say
    model = program.model_proto
    strip(model)
    return model


def add_initial_values(model: onnx.ModelProto, values: Mapping[str, Tensor]) -> None:
    """Gives inputs initial values, so that an engine may leave them out: they are initializers, too.

    Args:
        model: Changed in place.
        values: By input's name, one row each, ``(1, …)``: it is the same for all rows.
    """
    for name, value in values.items():
        model.graph.initializer.append(onnx.numpy_helper.from_array(value.detach().numpy(), name))


def strip(message: Any) -> None:
    """Empties every text field that is not part of the computation, all the way down.

    The exporter notes for each node which line of which file it came from, with the call stack: four fifths of a
    small policy's file, and the folders of the machine that trained it.

    Args:
        message: A model, or any other protobuf message of ONNX; changed in place.
    """
    for field, value in message.ListFields():
        if field.name in _LEFT_BEHIND:
            message.ClearField(field.name)
        elif hasattr(value, "ListFields"):
            strip(value)
        elif field.message_type is not None:
            for inner in value:
                strip(inner)


def lower(model: onnx.ModelProto, opset: int, ir_version: int) -> onnx.ModelProto:
    """The same graph in an older version of ONNX's operators and file format, for engines that know no newer one.

    Raises:
        ExportError: An operator has no older form.
    """
    model = onnx.ModelProto.FromString(model.SerializeToString())
    _slice_instead_of_split(model.graph)
    try:
        lowered = onnx.version_converter.convert_version(model, opset)
    except RuntimeError as error:
        raise ExportError(f"the graph cannot be written in opset {opset}: {error}") from None
    for node in lowered.graph.node:
        for attribute in [one for one in node.attribute if one.name == "noop_with_empty_axes"]:
            node.attribute.remove(attribute)  # the converter keeps it, but ReduceMean has it from opset 18 on only
    lowered.ir_version = ir_version
    _give_constants_a_node(lowered.graph)
    strip(lowered)
    return lowered


def _slice_instead_of_split(graph: onnx.GraphProto) -> None:
    """Replaces each Split by Slices: the converter knows no older form of Split."""
    sizes = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    nodes = list(graph.node)
    graph.ClearField("node")
    for node in nodes:
        if node.op_type != "Split":
            graph.node.append(node)
            continue
        axis = onnx.helper.get_node_attr_value(node, "axis")
        ends = np.cumsum(sizes[node.input[1]])
        for output, start, end in zip(node.output, [0, *ends], ends, strict=False):
            names = [f"{output}.{part}" for part in ("start", "end", "axis")]
            for name, value in zip(names, (start, end, axis), strict=True):
                graph.initializer.append(onnx.numpy_helper.from_array(np.array([value], np.int64), name))
            graph.node.append(onnx.helper.make_node("Slice", [node.input[0], *names], [output], name=output))


def _give_constants_a_node(graph: onnx.GraphProto) -> None:
    """Lets every constant output come from an Identity, as in the files that older exporters wrote for engines.

    An output that is an initializer itself is valid ONNX, but no engine's importer has met it in the files it knows.
    """
    initializers = {tensor.name: tensor for tensor in graph.initializer}
    for output in graph.output:
        if output.name in initializers:
            tensor = initializers[output.name]
            tensor.name = f"{output.name}.value"
            graph.node.append(onnx.helper.make_node("Identity", [tensor.name], [output.name], name=output.name))


def _dynamic_rows(module: nn.Module, num_inputs: int) -> tuple[Any, ...]:
    """Which axes are dynamic, nested as the arguments of ``forward`` are: what ``*rest`` takes is a tuple."""
    axes = [{0: torch.export.Dim("N", min=1)}] * num_inputs
    parameters = list(inspect.signature(module.forward).parameters.values())
    if parameters[-1].kind is not inspect.Parameter.VAR_POSITIONAL:
        return tuple(axes)
    named = len(parameters) - 1
    return (*axes[:named], tuple(axes[named:]))


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keeps the exporter's own chatter from the terminal; its errors are raised all the same."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnx_ir", "onnxscript")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
