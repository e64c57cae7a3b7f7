"""Follows the tensors' shapes through a graph, without computing any, to see what an engine would allocate and do.

A graph is followed for two numbers of rows at once, a small one and a very large one. At most one axis of a tensor may
depend on the rows, and then it grows evenly with them, so what a graph takes is known for any number of rows. Sizes are
sums and whole multiples of each other, except if a slice's bounds cut them; then a third number of rows is tried.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

from gameagent_sdk.errors import shown
from gameagent_sdk.graph import Model, Node, Port
from gameagent_sdk.onnx_file.budget import Budget
from gameagent_sdk.onnx_file.findings import EXPORT_AGAIN, Findings
from gameagent_sdk.onnx_file.limits import MAX_ELEMENTS, MAX_RANK
from gameagent_sdk.onnx_file.reader import Content, Declared, node_place
from gameagent_sdk.onnx_file.tensors import DTYPES
from gameagent_sdk.operators import PER_NODE, PER_SCATTERED, PER_TENSOR, Operator, Spec, evaluate

FEW_ROWS = 2
MANY_ROWS = 1_048_585  # odd, and the difference is a prime: sizes that are rounded do not grow evenly by chance
NUM_ROWS = (FEW_ROWS, MANY_ROWS)
CHECKED_EVERY = 4  # nodes: whether the budget is spent

_SMALLER = f"use a smaller policy: {MAX_ELEMENTS} elements of a tensor on {MAX_RANK} axes are the most"
_EVENLY = "let one axis alone depend on the number of rows, in proportion to it"

_DTYPES = {dtype.name: dtype for dtype in DTYPES.values()}

Specs = tuple[Spec, ...]  # of a tensor: for each of NUM_ROWS, or a single one if the rows do not matter
Constants = dict[str, NDArray[Any]]


def check_shapes(
    content: Content,
    nodes: Sequence[tuple[int, Node]],
    inputs: Sequence[Port],
    outputs: Sequence[Port],
    findings: Findings,
    operators: Mapping[str, Operator],
    budget: Budget,
) -> None:
    """Compares the shapes that the operators make with those that the file declares, and adds up what they take.

    Args:
        content: Of the file.
        nodes: With their positions: those whose operator is known and that fit it; others are skipped, and so are
            the nodes that depend on them.
        inputs: What the manifest promises; empty if there is no manifest to go by.
        outputs: Likewise.
        findings: Where to note what is wrong.
        operators: By name.
        budget: Where the graph's cost is added up, until it is spent.

    Raises:
        CheckStopped: There are too many findings.
    """
    model = content.model
    inputs = [_completed(port, inputs) for port in model.inputs]
    outputs = [_completed(port, outputs) for port in model.outputs]
    for port in inputs:
        if None in port.shape[1:]:
            findings.add(f"not all of its sizes are fixed: {port}", f"input {shown(port.name)}", EXPORT_AGAIN)
    walk = _Walk(model, _constants(model, nodes, operators), findings, operators, budget)
    walk.start(inputs)
    for position, (index, node) in enumerate(nodes):
        if position % CHECKED_EVERY == 0 and budget.is_spent:
            return
        walk.follow(index, node)
    walk.compare(outputs, content.value_info)


class _Walk:
    """The pass through the graph. A tensor without specs is one whose shape could not be found."""

    def __init__(
        self,
        model: Model,
        constants: Constants,
        findings: Findings,
        operators: Mapping[str, Operator],
        budget: Budget,
    ) -> None:
        self._model = model
        self._constants = constants
        self._findings = findings
        self._operators = operators
        self._budget = budget
        self._specs: dict[str, Specs] = {}
        self._folded = set(constants)  # names of the tensors that are known before the graph runs
        self._scattered: set[str] = set()  # of those whose elements lie apart in memory

    def start(self, inputs: Sequence[Port]) -> None:
        """Notes the specs of inputs and initializers."""
        for name, array in self._model.initializers.items():
            for what, advice in self._note(name, (Spec(array.dtype, array.shape),)):
                self._findings.add(what, f"initializer {shown(name)}", advice)
        for port in inputs:
            if port.dtype in _DTYPES and None not in port.shape[1:]:
                shapes = [tuple(rows if size is None else size for size in port.shape) for rows in NUM_ROWS]
                for what, advice in self._note(port.name, _joined(*(Spec(_DTYPES[port.dtype], s) for s in shapes))):
                    self._findings.add(what, f"input {shown(port.name)}", advice)

    def follow(self, index: int, node: Node) -> None:
        """Notes the specs of a node's outputs, and what it takes."""
        known = self._specs
        given = [known.get(name) for name in node.inputs]
        if None in given and any(name and name not in known for name in node.inputs):
            return  # something before it was refused
        for what, advice in self._faults(index, node, given):
            self._findings.add(what, node_place(index, node.name, node.op_type), advice)

    def _faults(self, index: int, node: Node, given: Sequence[Specs | None]) -> Iterator[tuple[str, str]]:
        """What is wrong with a node, and what to do; notes the specs of its outputs on the way."""
        operator = self._operators[node.op_type]
        constants = [self._constants.get(name) for name in node.inputs]
        for position in operator.constant_inputs:
            if position < len(constants) and node.inputs[position] and constants[position] is None:
                what = f"its input {position} ({shown(node.inputs[position])}) must be constant"
                yield what, "export with fixed sizes, the number of rows apart"
                return
        varies = any(specs is not None and len(specs) > 1 for specs in given)
        taken = [[None if specs is None else specs[0] for specs in given]]
        if varies:
            taken.append([None if specs is None else specs[-1] for specs in given])
        made: list[list[Spec]] = []
        try:
            for specs in taken:
                made.append(operator.infer(node, specs, constants, self._model.opset))
            cut: Sequence[Spec] = ()
            if varies and operator.clamps:
                three = [None if specs is None else _with(specs, 3) for specs in given]
                cut = operator.infer(node, three, constants, self._model.opset)
        except Exception as error:  # a ValueError by contract, but the node is not trusted to lead to no other
            reason = str(error) if isinstance(error, ValueError) else repr(error)
            yield f"it is impossible{' with many rows' * len(made)} ({shown(reason, 200)})", EXPORT_AGAIN
            return
        if len(made[0]) != len(node.outputs):
            yield f"it makes {len(made[0])} outputs, but names {len(node.outputs)}", EXPORT_AGAIN
        self._count(index, node, operator, taken, made)
        for name, *both in zip(node.outputs, *made, strict=False):
            yield from self._note(name, _joined(*both), cut)

    def _count(
        self,
        index: int,
        node: Node,
        operator: Operator,
        taken: Sequence[Sequence[Spec | None]],
        made: Sequence[Sequence[Spec]],
    ) -> None:
        """Counts a node's work."""
        inputs = node.inputs
        constant = len(made) == 1 and self._folded.issuperset(filter(None, inputs))
        if constant:
            self._folded.update(node.outputs)
        scattered = self._scattered
        slow = [position for position, name in enumerate(inputs) if name in scattered] if scattered else ()
        if operator.scatters or (operator.view and slow):
            scattered.update(node.outputs)
        own = PER_NODE + PER_TENSOR * (len(inputs) + len(node.outputs))
        work = [own + operator.work(node, specs, results) for specs, results in zip(taken, made, strict=True)]
        for position in slow:
            for k, specs in enumerate(taken):
                spec = specs[position]
                work[k] += PER_SCATTERED * math.prod(spec.shape) if spec is not None else 0
        account = self._budget.folded if constant else self._budget.work
        account.add(*_evenly(*work), node_place, index, node.name, node.op_type)

    def compare(self, outputs: Sequence[Port], value_info: Sequence[Declared]) -> None:
        """Compares what the file declares of tensors with what the operators make of them."""
        for port in outputs:
            self._compare(Declared(port.name, port.dtype, port.shape), "output", by_rows=port.shape[:1] == (None,))
        for declared in value_info:
            self._compare(declared, "tensor", by_rows=False)

    def _compare(self, declared: Declared, kind: str, by_rows: bool) -> None:
        name, dtype, shape = declared
        for spec, rows in zip(self._specs.get(name, ()), NUM_ROWS, strict=False):
            if not _fits(spec, dtype, (rows, *shape[1:]) if by_rows and shape is not None else shape):
                self._misfit(declared, kind, by_rows, rows if rows == FEW_ROWS else 3)
                return

    def _misfit(self, declared: Declared, kind: str, by_rows: bool, rows: int) -> None:
        """Notes that a tensor is declared otherwise than it is made for some number of rows."""
        name, dtype, shape = declared
        spec = _with(self._specs[name], rows)
        wanted = (rows, *shape[1:]) if by_rows and shape is not None else shape
        said = " ".join([*([dtype] if dtype else []), *([_shown(wanted)] if wanted is not None else [])])
        what = f"it is declared {said}, but with {rows} rows it is {spec.dtype} {_shown(spec.shape)}"
        self._findings.add(what, f"{kind} {shown(name)}", EXPORT_AGAIN)

    def _note(self, name: str, specs: Specs, cut: Sequence[Spec] = ()) -> Sequence[tuple[str, str]]:
        """Notes a tensor's specs, of which ``cut`` is the one for three rows; says what is wrong, and what to do."""
        dtype, shape = specs[0]
        size = math.prod(shape)
        if len(shape) > MAX_RANK or size > MAX_ELEMENTS or (shape and min(shape) < 0):
            return [(f"the tensor {shown(name)} would be {_shown(shape)}", _SMALLER)]
        if not _grows_evenly(specs) or (cut and cut[0] != _with(specs, 3)):
            rows, other = (3, cut[0]) if cut else (MANY_ROWS, specs[-1])
            sizes = f"{_shown(shape)} for {FEW_ROWS} rows, {_shown(other.shape)} for {rows}"
            return [(f"the tensor {shown(name)} does not grow evenly with the rows, it would be {sizes}", _EVENLY)]
        if name:
            self._specs[name] = specs
        many = math.prod(specs[1].shape) if len(specs) > 1 else size
        self._budget.memory.add(*_evenly(size * dtype.itemsize, many * dtype.itemsize), _tensor_place, name)
        return ()


def _tensor_place(name: str) -> str:
    return f"tensor {shown(name)}"


def _joined(few: Spec, many: Spec | None = None) -> Specs:
    """One spec if they are the same."""
    return (few,) if many is None or many == few else (few, many)


def _evenly(few: int, many: int | None = None) -> tuple[int, int]:
    """The fixed part of what is this much for each of `NUM_ROWS`, or always, and what each row adds."""
    if many is None or many == few:
        return few, 0
    each_row = -((few - many) // (MANY_ROWS - FEW_ROWS))
    return few - FEW_ROWS * each_row, each_row


def _grows_evenly(specs: Specs) -> bool:
    """Whether at most one axis depends on the rows, and grows by the same with each of them."""
    if len(specs) == 1:
        return True
    (dtype, few), (other, many) = specs
    if dtype != other or len(few) != len(many):
        return False
    growing = 0
    for size, large in zip(few, many, strict=True):
        if size != large:
            growing += 1
            if size == 0 or (large - size) % (MANY_ROWS - FEW_ROWS):
                return False
    return growing == 1


def _with(specs: Specs, rows: int) -> Spec:
    """The spec for another number of rows."""
    if len(specs) == 1:
        return specs[0]
    sizes = zip(specs[0].shape, specs[1].shape, strict=True)
    shape = [few + (many - few) // (MANY_ROWS - FEW_ROWS) * (rows - FEW_ROWS) for few, many in sizes]
    return Spec(specs[0].dtype, tuple(shape))


def _fits(spec: Spec, dtype: str | None, shape: tuple[int | None, ...] | None) -> bool:
    """Whether the spec agrees with what is declared; None fits anything."""
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
    """The port with the manifest's sizes for axes, after the first, that the graph leaves dynamic."""
    for other in promised:
        if other.name == port.name and len(other.shape) == len(port.shape):
            sizes = zip(port.shape, other.shape, strict=True)
            return Port(port.name, port.dtype, tuple(wanted if size is None else size for size, wanted in sizes))
    return port


def _shown(shape: Sequence[int | None]) -> str:
    sizes = ", ".join("?" if size is None else str(size) for size in shape[: MAX_RANK + 1])
    return f"({sizes})" if len(shape) <= MAX_RANK else f"({sizes}, ...)"
