"""Follows the tensors' shapes through a graph, without computing any, to see what an engine would allocate.

A graph is followed for two numbers of rows, so that an axis that only happens to fit one of them is found out.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

from gameagent_sdk.errors import shown
from gameagent_sdk.onnx_file.findings import EXPORT_AGAIN, Findings
from gameagent_sdk.onnx_file.limits import MAX_ALL_ELEMENTS, MAX_ELEMENTS, MAX_RANK
from gameagent_sdk.onnx_file.model import Model, Node
from gameagent_sdk.onnx_file.reader import Content, Declared, node_place
from gameagent_sdk.onnx_file.tensors import DTYPES
from gameagent_sdk.operators import Operator, Spec, evaluate
from gameagent_sdk.signature import Port

NUM_ROWS = (2, 3)

_SMALLER = (
    f"use a smaller policy: {MAX_ELEMENTS} elements of a tensor on {MAX_RANK} axes, "
    f"and {MAX_ALL_ELEMENTS} elements in all, are the most"
)

_DTYPES = {dtype.name: dtype for dtype in DTYPES.values()}

Specs = dict[str, Spec]
Constants = dict[str, NDArray[Any]]


def check_shapes(
    content: Content,
    nodes: Sequence[tuple[int, Node]],
    inputs: Sequence[Port],
    outputs: Sequence[Port],
    findings: Findings,
    operators: Mapping[str, Operator],
) -> None:
    """Compares the shapes that the operators make with those that the file declares, and caps them.

    Args:
        content: of the file.
        nodes: with their positions: those whose operator is known and that fit it; others are passed over, and
            so are the nodes behind them.
        inputs: what the manifest promises; empty where there is no manifest to go by.
        outputs: likewise.
        findings: where what is wrong is noted.
        operators: by name.

    Raises:
        CheckStopped: there are too many findings.
    """
    model = content.model
    constants = _constants(model, nodes, operators)
    inputs = [_completed(port, inputs) for port in model.inputs]
    outputs = [_completed(port, outputs) for port in model.outputs]
    for port in inputs:
        if None in port.shape[1:]:
            findings.add(f"not all of its sizes are fixed: {port}", f"input {shown(port.name)}", EXPORT_AGAIN)
    for rows in NUM_ROWS:
        num_findings = len(findings.found)
        walk = _Walk(model, constants, findings, operators, rows)
        walk.start(inputs)
        for index, node in nodes:
            walk.follow(index, node)
        walk.compare(outputs, content.value_info)
        if len(findings.found) > num_findings:
            return  # the other number of rows would say the same again


class _Walk:
    """One pass through the graph for one number of rows. A tensor without a spec is one that could not be told."""

    def __init__(
        self,
        model: Model,
        constants: Constants,
        findings: Findings,
        operators: Mapping[str, Operator],
        rows: int,
    ) -> None:
        self._model = model
        self._constants = constants
        self._findings = findings
        self._operators = operators
        self._rows = rows
        self._specs: Specs = {}
        self._num_elements = 0

    def start(self, inputs: Sequence[Port]) -> None:
        """Notes the specs of inputs and initializers."""
        for name, array in self._model.initializers.items():
            for what in self._note(name, Spec(array.dtype, array.shape)):
                self._findings.add(what, f"initializer {shown(name)}", _SMALLER)
        for port in inputs:
            if port.dtype in _DTYPES and None not in port.shape[1:]:
                shape = tuple(self._rows if size is None else size for size in port.shape)
                for what in self._note(port.name, Spec(_DTYPES[port.dtype], shape)):
                    self._findings.add(what, f"input {shown(port.name)}", _SMALLER)

    def follow(self, index: int, node: Node) -> None:
        """Notes the specs of a node's outputs."""
        specs = [self._specs.get(name) for name in node.inputs]
        if None in specs and any(name and name not in self._specs for name in node.inputs):
            return  # something before it was refused
        constants = [self._constants.get(name) for name in node.inputs]
        for what, advice in self._faults(node, specs, constants):
            self._findings.add(what, node_place(index, node.name, node.op_type), advice)

    def _faults(
        self, node: Node, specs: Sequence[Spec | None], constants: Sequence[NDArray[Any] | None]
    ) -> Iterator[tuple[str, str]]:
        """What is wrong with a node, and what to do; notes the specs of its outputs on the way."""
        operator = self._operators[node.op_type]
        for position in operator.constant_inputs:
            if position < len(constants) and node.inputs[position] and constants[position] is None:
                what = f"its input {position} ({shown(node.inputs[position])}) must be constant"
                yield what, "export with fixed sizes, the number of rows apart"
                return
        try:
            made = operator.infer(node, specs, constants, self._model.opset)
        except Exception as error:  # a ValueError by contract, but the node is not trusted to lead to no other
            reason = str(error) if isinstance(error, ValueError) else repr(error)
            yield f"it is impossible ({shown(reason, 200)})", EXPORT_AGAIN
            return
        if len(made) != len(node.outputs):
            yield f"it makes {len(made)} outputs, but names {len(node.outputs)}", EXPORT_AGAIN
        for name, spec in zip(node.outputs, made, strict=False):
            for what in self._note(name, spec):
                yield what, _SMALLER

    def compare(self, outputs: Sequence[Port], value_info: Sequence[Declared]) -> None:
        """Compares what the file declares of tensors with what the operators make of them."""
        for port in outputs:
            shape = (self._rows, *port.shape[1:]) if port.shape[:1] == (None,) else port.shape
            self._compare(Declared(port.name, port.dtype, shape), "output")
        for declared in value_info:
            self._compare(declared, "tensor")

    def _compare(self, declared: Declared, kind: str) -> None:
        name, dtype, shape = declared
        spec = self._specs.get(name)
        if spec is None or _fits(spec, dtype, shape):
            return
        said = " ".join([*([dtype] if dtype else []), *([_shown(shape)] if shape is not None else [])])
        what = f"it is declared {said}, but with {self._rows} rows it is {spec.dtype} {_shown(spec.shape)}"
        self._findings.add(what, f"{kind} {shown(name)}", EXPORT_AGAIN)

    def _note(self, name: str, spec: Spec) -> Sequence[str]:
        """Notes a tensor's spec; says what is wrong with it."""
        size = math.prod(spec.shape)
        if len(spec.shape) > MAX_RANK or size > MAX_ELEMENTS or (spec.shape and min(spec.shape) < 0):
            return [f"the tensor {shown(name)} would be {_shown(spec.shape)}"]
        if name:
            self._specs[name] = spec
        before, self._num_elements = self._num_elements, self._num_elements + size
        if self._num_elements > MAX_ALL_ELEMENTS >= before:
            return [f"the tensors up to here hold {self._num_elements} elements together"]
        return ()


def _fits(spec: Spec, dtype: str | None, shape: tuple[int | None, ...] | None) -> bool:
    """Whether the spec is what is declared; None fits anything."""
    if dtype is not None and _DTYPES.get(dtype) != spec.dtype:
        return False
    if shape is None or shape == spec.shape:
        return True
    if len(shape) != len(spec.shape):
        return False
    return all(size is None or size == made for size, made in zip(shape, spec.shape, strict=True))


def _constants(model: Model, nodes: Sequence[tuple[int, Node]], operators: Mapping[str, Operator]) -> Constants:
    """The tensors that are known before the graph runs: initializers and what Constant nodes hold."""
    given = {port.name for port in model.inputs}
    constants = {name: array for name, array in model.initializers.items() if name not in given}
    for _, node in nodes:
        if node.op_type == "Constant":
            try:
                (value,) = evaluate(operators["Constant"], node, (), model.opset)
            except Exception:  # the walk finds it impossible, and says why
                continue
            constants.setdefault(node.outputs[0], value)
    return constants


def _completed(port: Port, promised: Sequence[Port]) -> Port:
    """The port with the manifest's sizes for axes, behind the first, that the graph leaves dynamic."""
    for other in promised:
        if other.name == port.name and len(other.shape) == len(port.shape):
            sizes = zip(port.shape, other.shape, strict=True)
            return Port(port.name, port.dtype, tuple(wanted if size is None else size for size, wanted in sizes))
    return port


def _shown(shape: Sequence[int | None]) -> str:
    sizes = ", ".join("?" if size is None else str(size) for size in shape[: MAX_RANK + 1])
    return f"({sizes})" if len(shape) <= MAX_RANK else f"({sizes}, ...)"
