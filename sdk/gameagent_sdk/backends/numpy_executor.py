"""The numpy engine: runs a bundle's graph if there is no onnxruntime, as in a browser.

All shapes are known once the caller's arrays are, so `NumpyBackend.bind` gives every tensor a buffer of its own
and ties every node's function to its buffers. Nodes that only rearrange elements (slices, reshapes) become
numpy views and cost nothing in the step. The operators' code is in ``gameagent_sdk.operators``.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from gameagent_sdk.errors import BundleError
from gameagent_sdk.graph import Model, Node, Port
from gameagent_sdk.operators import OPERATORS, Operator, Spec, as_tuple, evaluate, spec_of

Array = NDArray[Any]

_FAILURES = (ArithmeticError, LookupError, MemoryError, TypeError, ValueError)  # numpy's, on work that cannot be done


@dataclass(frozen=True)
class _Instruction:
    """A node that depends on the step's inputs.

    Attributes:
        node: Of the graph.
        operator: The node's.
        function: What the operator built for the node.
        constants: The inputs that are constant, None elsewhere.
        inputs: Slots of the tensors it reads; None if an optional one is left out.
        outputs: Slots of the tensors it makes.
    """

    node: Node
    operator: Operator
    function: Callable[..., Any]
    constants: Sequence[Array | None]
    inputs: tuple[int | None, ...]
    outputs: tuple[int, ...]


class NumpyBackend:
    """A policy step in numpy, on the calling thread.

    numpy hands matrix products to its BLAS, which may have threads of its own. For products as small as a policy's
    they slow it down: set OMP_NUM_THREADS=1 (OPENBLAS_NUM_THREADS, MKL_NUM_THREADS) before numpy is first imported.
    That is left to the game, as it holds for the whole process.
    """

    def __init__(self, model: Model) -> None:
        """Compiles a graph: constants are computed, and nodes on which no output depends are dropped.

        Args:
            model: Of a file that was checked; its nodes stand in an order in which they can run.

        Raises:
            BundleError: numpy cannot run a node.
        """
        self._inputs = model.inputs  # of which those that adapt by gradient have initial values: see PolicyStep
        self._outputs = model.outputs
        self._opset = model.opset
        self._slots: dict[str, int] = {}
        self._constants: list[Array | None] = []  # by slot; None if a tensor depends on the step's inputs
        self._instructions: list[_Instruction] = []
        for port in self._inputs:
            self._new_slot(port.name)
        nodes = needed_nodes(model)
        read = {name for node in nodes for name in node.inputs} | {port.name for port in model.outputs}
        for name in sorted(read & (model.initializers.keys() - self._slots.keys())):
            # A file holds tensors at any byte, but numpy is slow on numbers that are not aligned.
            self._new_slot(name, np.require(model.initializers[name], requirements=("C", "A")))
        for node in nodes:
            with _failures_of(node):
                self._compile(node)
        if missing := [port.name for port in model.outputs if port.name not in self._slots]:
            raise BundleError(f"no node makes the output {missing[0]}: export again")

    @property
    def name(self) -> Literal["numpy"]:
        """Which engine it is."""
        return "numpy"

    @property
    def inputs(self) -> tuple[Port, ...]:
        """What `bind` takes."""
        return self._inputs

    @property
    def outputs(self) -> tuple[Port, ...]:
        """What the step writes."""
        return self._outputs

    def bind(self, inputs: Mapping[str, Array], outputs: Mapping[str, Array]) -> Callable[[], None]:
        """Ties the graph to the caller's arrays, all with the same leading axis of N rows.

        Args:
            inputs: A C-contiguous array for each input port; the step reads what they hold when it runs.
            outputs: A C-contiguous array for each output port, which the step overwrites. They may be arrays of
                ``inputs`` too, which then are read before they change.

        Returns:
            The step. It raises BundleError if the graph cannot go on with the values of the inputs, and may then have
            written some of the outputs. If it meets a NaN that engines treat differently, all outputs are NaN. Its
            buffers are its own, so only one thread at a time may use it.

        Raises:
            BundleError: An array does not fit its port, two outputs share memory, or the graph cannot run on arrays of
                these shapes.
        """
        _check_arrays("input", self._inputs, inputs)
        _check_arrays("output", self._outputs, outputs)
        _check_rows([*self._inputs, *self._outputs], {**outputs, **inputs})
        _check_apart(outputs)
        arrays = list(self._constants)
        for port in self._inputs:
            arrays[self._slots[port.name]] = inputs[port.name]
        tasks = _Tasks(arrays, self._opset)
        for port in self._outputs:
            if not any(np.may_share_memory(outputs[port.name], array) for array in inputs.values()):
                tasks.destinations[self._slots[port.name]] = outputs[port.name]
        for instruction in self._instructions:
            with _failures_of(instruction.node):
                tasks.add(instruction)
        tasks.add_copies({name: arrays[self._slots[name]] for name in outputs}, outputs)
        return tasks.step([array for array in outputs.values() if array.dtype == np.float32])

    def _new_slot(self, name: str, constant: Array | None = None) -> int:
        self._slots[name] = len(self._constants)
        self._constants.append(constant)
        return self._slots[name]

    def _compile(self, node: Node) -> None:
        if node.op_type not in OPERATORS:
            raise ValueError("there is no such operator in this SDK")
        operator = OPERATORS[node.op_type]
        inputs = tuple(self._slots[name] if name else None for name in node.inputs)
        constants = [None if slot is None else self._constants[slot] for slot in inputs]
        if all(slot is None or self._constants[slot] is not None for slot in inputs):
            for name, array in zip(node.outputs, evaluate(operator, node, constants, self._opset), strict=True):
                self._new_slot(name, array)
            return
        function = operator.build(node, constants, self._opset)
        outputs = tuple(self._new_slot(name) for name in node.outputs)
        self._instructions.append(_Instruction(node, operator, function, constants, inputs, outputs))


class _Tasks:
    """The work of one binding's step, collected while every slot gets its array.

    Attributes:
        arrays: By slot; None if no instruction has made one yet.
        destinations: The caller's arrays that may be written at once, by slot.
    """

    def __init__(self, arrays: list[Array | None], opset: int) -> None:
        self.arrays = arrays
        self.destinations: dict[int, Array] = {}
        self._opset = opset
        self._tasks: list[Callable[[], Any]] = []
        self._origins: list[str] = []

    def add(self, instruction: _Instruction) -> None:
        """Gives the instruction's outputs their arrays, and adds the work that fills them, if there is any."""
        inputs = [None if slot is None else self.arrays[slot] for slot in instruction.inputs]
        node, operator = instruction.node, instruction.operator
        specs = operator.infer(node, [spec_of(array) for array in inputs], instruction.constants, self._opset)
        results = self._views(instruction, inputs) if operator.view else self._computed(instruction, inputs, specs[0])
        for slot, array in zip(instruction.outputs, results, strict=True):
            self.arrays[slot] = array

    def _views(self, instruction: _Instruction, inputs: list[Array | None]) -> tuple[Array, ...]:
        source = inputs[0]
        assert source is not None, "a view operator looks at its first input"
        results = as_tuple(instruction.function(*inputs))
        if all(result.size == 0 or np.may_share_memory(result, source) for result in results):
            return results
        compact = np.empty(source.shape, source.dtype)  # numpy could not but copy: so do it anew at every step
        self._append(_describe(instruction.node), partial(np.copyto, compact, source))
        return as_tuple(instruction.function(compact, *inputs[1:]))

    def _computed(self, instruction: _Instruction, inputs: list[Array | None], spec: Spec) -> tuple[Array]:
        destination = self.destinations.get(instruction.outputs[0])
        if destination is not None and spec_of(destination) == spec:
            out = destination
        else:
            out = np.empty(spec.shape, spec.dtype)
        written = out
        if instruction.operator.elementwise:  # numpy takes twice as long where shapes differ, if only by single entries
            written = _without_single_axes(out, out)
            inputs = [None if array is None else _without_single_axes(array, out) for array in inputs]
        self._append(_describe(instruction.node), partial(instruction.function, *inputs, out=written))
        return (out,)

    def add_copies(self, sources: Mapping[str, Array | None], outputs: Mapping[str, Array]) -> None:
        """Adds what brings to the caller's arrays those outputs that no instruction writes there."""
        copies = []
        for name, out in outputs.items():
            source = sources[name]
            if source is None or spec_of(source) != spec_of(out):
                raise BundleError(f"the graph makes the output {name} as {spec_of(source)}, not {spec_of(out)}")
            if source is out:
                continue
            if any(np.may_share_memory(source, other) for other in outputs.values()):
                kept = np.empty_like(source)  # another output's copy may overwrite the source first
                self._append(name, partial(np.copyto, kept, source))
                source = kept
            copies.append((f"output {name}", partial(np.copyto, out, source)))
        for origin, copy in copies:
            self._append(origin, copy)

    def _append(self, origin: str, task: Callable[[], Any]) -> None:
        self._origins.append(origin)
        self._tasks.append(task)

    def step(self, outputs: Sequence[Array]) -> Callable[[], None]:
        """All the work so far as one function, for these outputs."""
        tasks, origins = tuple(self._tasks), tuple(self._origins)

        def run() -> None:
            with np.errstate(all="ignore"):  # infinities are silent in ONNX, whatever the game has set
                try:
                    for task in tasks:
                        task()
                except FloatingPointError:
                    for out in outputs:
                        out.fill(np.nan)
                except _FAILURES as error:
                    raise BundleError(f"numpy failed on {origins[tasks.index(task)]}: {error}") from error

        return run


def needed_nodes(model: Model) -> list[Node]:
    """The nodes on which a graph's outputs depend, in the file's order."""
    wanted = {port.name for port in model.outputs}
    nodes = []
    for node in reversed(model.nodes):
        if not wanted.isdisjoint(node.outputs):
            nodes.append(node)
            wanted.update(node.inputs)
    return nodes[::-1]


def _without_single_axes(array: Array, out: Array) -> Array:
    """A view of what broadcasts to ``out``, without the axes along which that has one entry, or without any axis."""
    if array.size == 1:
        return array.reshape(())
    single = [axis - out.ndim for axis, size in enumerate(out.shape) if size == 1]  # counted from the back
    return array.squeeze(tuple(axis for axis in single if axis >= -array.ndim))


def _describe(node: Node) -> str:
    return f"{node.op_type} {node.name}".rstrip()


@contextmanager
def _failures_of(node: Node) -> Iterator[None]:
    """Turns errors within into a BundleError that names the node."""
    try:
        yield
    except _FAILURES as error:
        raise BundleError(f"numpy cannot run {_describe(node)}: {error}: export again") from error


def _check_arrays(side: str, ports: Sequence[Port], arrays: Mapping[str, Array]) -> None:
    if {port.name for port in ports} != arrays.keys():
        raise BundleError(f"the {side}s must be {', '.join(port.name for port in ports)}, not {', '.join(arrays)}")
    for port in ports:
        array = arrays[port.name]
        fits = array.dtype == port.dtype and len(array.shape) == len(port.shape) and array.flags.c_contiguous
        if not fits or any(wanted not in (None, size) for wanted, size in zip(port.shape, array.shape, strict=True)):
            raise BundleError(f"{side} {port.name} must be {port} in one piece, not {array.dtype} {array.shape}")


def _check_rows(ports: Sequence[Port], arrays: Mapping[str, Array]) -> None:
    rows = {len(arrays[port.name]) for port in ports if port.shape[:1] == (None,)}
    if len(rows) > 1:
        raise BundleError(f"the arrays must all have as many rows, not {' and '.join(map(str, sorted(rows)))}")


def _check_apart(outputs: Mapping[str, Array]) -> None:
    names = sorted(outputs)
    for position, name in enumerate(names):
        for other in names[:position]:
            if np.may_share_memory(outputs[name], outputs[other]):
                raise BundleError(f"the outputs {other} and {name} must not share memory")
