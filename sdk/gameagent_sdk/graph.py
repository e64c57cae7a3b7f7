"""A bundle's graph as plain Python: what the reader makes of a file, and the checks and the numpy backend use."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from numpy.typing import NDArray

Attribute: TypeAlias = int | float | str | tuple[int, ...] | tuple[float, ...] | tuple[str, ...] | NDArray[Any]


@dataclass(frozen=True)
class Port:
    """One input or output of the policy step.

    Attributes:
        name: in the graph.
        dtype: "float32" or "bool" where the SDK knows it; else what the engine calls it.
        shape: axis sizes; None where an axis is dynamic, as the leading one is.
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
        op_type: the operator's name in ONNX's own domain, such as "Gemm".
        name: of the node, for messages; may be empty.
        inputs: names of tensors; "" where an optional one is left out.
        outputs: names of tensors; "" where an optional one is not wanted.
        attributes: by name, as written in the file; those left out are not there.
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
        ir_version: of the file format.
        opset: version of ONNX's operator set.
        inputs: of the graph.
        outputs: of the graph.
        initializers: constants by name, read-only, and views of the file's bytes where those are aligned.
        nodes: in the file's order.
        metadata: of the model, texts by key.
    """

    ir_version: int
    opset: int
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    initializers: Mapping[str, NDArray[Any]]
    nodes: tuple[Node, ...]
    metadata: Mapping[str, str]
