"""What in a graph cannot be trusted: names, operators, and the sizes that its tensors would have."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType

from gameagent_sdk.errors import shown
from gameagent_sdk.graph import Model, Node, Port
from gameagent_sdk.onnx_file.budget import Allowance, Budget
from gameagent_sdk.onnx_file.findings import EXPORT_AGAIN, Findings
from gameagent_sdk.onnx_file.limits import MAX_WORK
from gameagent_sdk.onnx_file.reader import Content, node_place
from gameagent_sdk.onnx_file.shapes import check_shapes
from gameagent_sdk.operators import OPERATORS, Operator

NO_WEIGHTS: Mapping[str, tuple[int, ...]] = MappingProxyType({})


def check_graph(
    content: Content,
    inputs: Sequence[Port],
    outputs: Sequence[Port],
    findings: Findings,
    operators: Mapping[str, Operator] = OPERATORS,
    weights: Mapping[str, tuple[int, ...]] = NO_WEIGHTS,
    allowances: Sequence[Allowance] = (Allowance(1, MAX_WORK),),
) -> Budget:
    """Checks a graph that has been read.

    Args:
        content: The file's content.
        inputs: What the manifest promises; empty if there is no manifest to go by.
        outputs: As for ``inputs``.
        findings: Where to note what is wrong.
        operators: The allowed operators by name.
        weights: Inputs whose initial values are initializers: by name, the shape of one row without the batch axis.
        allowances: The most work that it may take, for each of these numbers of rows; its memory is compared with its
            limit for the largest of them.

    Returns:
        What running it costs, as far as the graph could be followed.

    Raises:
        CheckStopped: There are too many findings.
    """
    model = content.model
    _check_ports(model, findings, {name: (1, *shape) for name, shape in weights.items()})
    _check_order(content, findings)
    sound = [
        (index, node) for index, node in enumerate(model.nodes) if _is_sound(node, index, model, operators, findings)
    ]
    budget = Budget(allowances)
    check_shapes(content, sound, inputs, outputs, findings, operators, budget)
    budget.check(findings)
    return budget


def _check_ports(model: Model, findings: Findings, weights: Mapping[str, tuple[int, ...]]) -> None:
    for port in model.inputs:
        initial, wanted = model.initializers.get(port.name), weights.get(port.name)
        where = f"input {shown(port.name)}"
        if initial is None and wanted is not None:
            findings.add("it adapts by gradient, but has no initial values", where, EXPORT_AGAIN)
        elif initial is not None and wanted is None:
            findings.add("an initializer has the same name", where, "keep initializers constant")
        elif initial is not None and (initial.shape != wanted or initial.dtype != "float32"):
            findings.add(
                f"its initial values are {initial.dtype} {initial.shape}, not float32 {wanted}", where, EXPORT_AGAIN
            )
    for side, ports in (("input", model.inputs), ("output", model.outputs)):
        for name in _twice(port.name for port in ports):
            findings.add("the name is given twice", f"{side} {shown(name)}", EXPORT_AGAIN)
    produced = {name for node in model.nodes for name in node.outputs}
    for port in model.outputs:
        if port.name not in produced or not port.name:
            findings.add("no node produces it", f"output {shown(port.name)}", EXPORT_AGAIN)


def _check_order(content: Content, findings: Findings) -> None:
    """Checks that every name is given once, and a tensor's before it is used."""
    for name in _twice(node.name for node in content.model.nodes if node.name):
        findings.add("the name is given twice", f"node {shown(name)}", EXPORT_AGAIN)
    defined = set(content.names)
    for index, node in enumerate(content.model.nodes):
        for name in node.inputs:
            if name and name not in defined:
                where = node_place(index, node.name, node.op_type)
                findings.add(f"its input {shown(name)} is not defined before it", where, EXPORT_AGAIN)
        for name in node.outputs:
            if name and name in defined:
                where = node_place(index, node.name, node.op_type)
                findings.add(f"its output {shown(name)} is defined twice", where, EXPORT_AGAIN)
            defined.add(name)


def _is_sound(node: Node, index: int, model: Model, operators: Mapping[str, Operator], findings: Findings) -> bool:
    """Notes what is wrong with the node as its operator sees it; returns whether nothing is."""
    operator = operators.get(node.op_type)
    faults = (
        [_unknown(node)] if operator is None else [*_attribute_faults(node, operator), *_count_faults(node, operator)]
    )
    for what, advice in faults:
        findings.add(what, node_place(index, node.name, node.op_type), advice)
    return not faults


def _unknown(node: Node) -> tuple[str, str]:
    advice = "write the step with the operators of gameagent_sdk.operators, or upgrade gameagent-sdk"
    return f"the operator {shown(node.op_type)} is not one that a bundle may use", advice


def _attribute_faults(node: Node, operator: Operator) -> Iterator[tuple[str, str]]:
    for name, value in node.attributes.items():
        wanted = operator.attributes.get(name)
        if wanted is None:
            yield f"it has the attribute {shown(name)}, which its operator does not", "leave it out, or export again"
        elif not isinstance(value, wanted):
            kinds = wanted if isinstance(wanted, tuple) else (wanted,)
            expected = " or ".join(kind.__name__ for kind in kinds)
            yield f"its attribute {name} is of type {type(value).__name__} instead of {expected}", EXPORT_AGAIN


def _count_faults(node: Node, operator: Operator) -> Iterator[tuple[str, str]]:
    for side, names, (fewest, most) in (
        ("input", node.inputs, operator.inputs),
        ("output", node.outputs, operator.outputs),
    ):
        if not fewest <= len(names) <= most:
            expected = f"{fewest}" if fewest == most else f"{fewest} to {most}"
            yield f"it has {len(names)} {side}s where its operator takes {expected}", EXPORT_AGAIN
        elif "" in names[:fewest]:
            yield f"its {side} {names.index('')} is left out, but its operator needs it", EXPORT_AGAIN


def _twice(names: Iterable[str]) -> list[str]:
    seen: set[str] = set()
    return [name for name in names if name in seen or seen.add(name)]  # type: ignore[func-returns-value]
