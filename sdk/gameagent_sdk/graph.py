"""A bundle's graph as plain Python objects, made by the reader, for the checks and the numpy backend."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from numpy.typing import NDArray

Attribute: TypeAlias = int | float | str | tuple[int, ...] | tuple[float, ...] | tuple[str, ...] | NDArray[Any]


@dataclass(frozen=True)
class Port:
    """One input or output of the policy step.

    Attributes:
        name: Its name in the graph.
        dtype: "float32" or "bool" if the SDK knows it; else what the engine calls it.
        shape: Axis sizes; None if an axis is dynamic, as the leading one is.
    """

    name: str
    dtype: str
    shape: tuple[int | None, ...]

    def __str__(self) -> str:
        return f"{self.dtype} ({', '.join('N' if size is None else str(size) for size in self.shape)})"


@dataclass(frozen=True)
class Node:
    """One operation of the graph.

    Attributes:
        op_type: The operator's name in ONNX's own domain, such as "Gemm".
        name: The node's name, for messages; may be empty.
        inputs: Names of tensors; "" if an optional one is left out.
        outputs: Names of tensors; "" if an optional one is not wanted.
        attributes: By name, as written in the file; those left out are missing.
    """

    op_type: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Attribute]


@dataclass(frozen=True)
class Model:
    """A model file's content.

    Attributes:
        ir_version: Version of the file format.
        opset: Version of ONNX's operator set.
        inputs: The graph's inputs.
        outputs: The graph's outputs.
        initializers: Constants by name, read-only; views of the file's bytes if those are aligned.
        nodes: The nodes in the file's order.
        metadata: The model's metadata, texts by key.
    """

    ir_version: int
    opset: int
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    initializers: Mapping[str, NDArray[Any]]
    nodes: tuple[Node, ...]
    metadata: Mapping[str, str]
