"""From a file's bytes to a `Model`, in two steps: the envelope with the metadata, then the graph."""

import hashlib
import math
import struct
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from gameagent_sdk.errors import shown
from gameagent_sdk.graph import Attribute, Model, Node, Port
from gameagent_sdk.onnx_file import schema
from gameagent_sdk.onnx_file.findings import DO_NOT_TRUST, EXPORT_AGAIN, NOT_A_BUNDLE, Findings, Place
from gameagent_sdk.onnx_file.limits import (
    IR_VERSIONS,
    MAX_METADATA,
    MAX_NODES,
    MAX_PORTS,
    MAX_RANK,
    MAX_TENSORS,
    OPSETS,
)
from gameagent_sdk.onnx_file.messages import Fields, MessageReader
from gameagent_sdk.onnx_file.tensors import dtype_name, read_tensor

OWN_DOMAINS = ("", "ai.onnx")  # two names of ONNX's own operators
ORT_FORMAT = slice(4, 8), b"ORTM"  # where onnxruntime looks for the mark of a format of its own, and the mark
ENGINE_KEYS = frozenset({"ort_config"})  # metadata from which onnxruntime may take settings

# AttributeProto.type: the field that holds the value. The other types hold graphs, sparse tensors and the like.
_VALUE_FIELDS = {1: "f", 2: "i", 3: "s", 4: "t", 6: "floats", 7: "ints", 8: "strings"}


class Declared(NamedTuple):
    """What a file says about a tensor in the graph.

    Attributes:
        name: The tensor's name.
        dtype: As in a port; None if it is not given.
        shape: None for a dynamic axis; all None if it is not said.
    """

    name: str
    dtype: str | None
    shape: tuple[int | None, ...] | None


class Content(NamedTuple):
    """The content of a file.

    Attributes:
        model: Everything that was not refused.
        value_info: What the file says about the tensors between the nodes.
        names: Of the inputs and initializers, including those refused.
    """

    model: Model
    value_info: tuple[Declared, ...]
    names: frozenset[str]


@dataclass(frozen=True)
class Envelope:
    """Everything in a file except its graph.

    Attributes:
        ir_version: Of the file format.
        opset: Version of ONNX's operator set.
        metadata: Of the model.
        graph: Where it starts and ends in the file.
        reader: Of the file.
    """

    ir_version: int
    opset: int
    metadata: Mapping[str, str]
    graph: tuple[int, int]
    reader: MessageReader

    @property
    def graph_sha256(self) -> str:
        """The sha256, in hex, of the graph's bytes."""
        return hashlib.sha256(memoryview(self.reader.data)[slice(*self.graph)]).hexdigest()


def read_envelope(data: bytes, findings: Findings) -> Envelope:
    """Reads the file's outermost layer.

    Raises:
        CheckStopped: It is not an ONNX file, or there are too many findings.
    """
    reader = MessageReader(data, findings)
    fields = reader.read(schema.MODEL, 0, len(data))
    place, mark = ORT_FORMAT
    if data[place] == mark:
        findings.add("it bears the mark of another format, and engines may take it for that", "byte 4", DO_NOT_TRUST)
    if "graph" not in fields:
        raise findings.stop("it holds no graph", "the file", NOT_A_BUNDLE)
    ir_version = fields.get("ir_version", 0)
    if ir_version not in IR_VERSIONS:
        known = f"{IR_VERSIONS[0]} to {IR_VERSIONS[-1]}"
        findings.add(f"ir_version is {ir_version}, {known} are read", "the file", EXPORT_AGAIN)
    metadata = fields.get("metadata_props", [])
    if len(metadata) > MAX_METADATA:
        findings.add(f"it holds {len(metadata)} entries", "metadata_props", f"keep {MAX_METADATA} at most")
    for key, count in Counter(entry.get("key", "") for entry in metadata).items():
        if count > 1:
            findings.add(f"the metadata holds {count} entries {shown(key)}", "metadata_props", DO_NOT_TRUST)
        if key in ENGINE_KEYS:
            findings.add(f"the metadata holds settings for an engine, {key}", "metadata_props", "leave them out")
    opset = _opset(fields.get("opset_import", []), findings)
    entries = {entry.get("key", ""): entry.get("value", "") for entry in metadata}
    return Envelope(ir_version, opset, entries, fields["graph"], reader)


def read_graph(envelope: Envelope, findings: Findings) -> Content:
    """Reads the graph. The result leaves out what was refused.

    Raises:
        CheckStopped: It is damaged, or there are too many findings.
    """
    reader = envelope.reader
    reader.enter("graph")
    graph = reader.read(schema.GRAPH, *envelope.graph)
    for field, most in (("node", MAX_NODES), ("initializer", MAX_TENSORS), ("input", MAX_PORTS), ("output", MAX_PORTS)):
        if len(graph.get(field, ())) > most:
            raise findings.stop(f"it holds {len(graph[field])} of them", f"graph.{field}", f"keep {most} at most")
    model = Model(
        ir_version=envelope.ir_version,
        opset=envelope.opset,
        inputs=_ports("input", graph, findings),
        outputs=_ports("output", graph, findings),
        initializers=_initializers(graph.get("initializer", []), reader.data, findings),
        nodes=tuple(_node(node, i, reader.data, findings) for i, node in enumerate(graph.get("node", []))),
        metadata=envelope.metadata,
    )
    value_info = graph.get("value_info", [])
    declared = tuple(_declared(fields, f"graph.value_info[{i}]", findings) for i, fields in enumerate(value_info))
    names = frozenset(fields.get("name", "") for field in ("input", "initializer") for fields in graph.get(field, ()))
    return Content(model, declared, names)


def node_place(index: int, name: str, op_type: str) -> str:
    """What findings call a node."""
    return f"node {index} {shown(name)!r} ({shown(op_type)})" if name else f"node {index} ({shown(op_type)})"


def _opset(imports: Sequence[Fields], findings: Findings) -> int:
    """The version of ONNX's own operators, 0 if there is none."""
    versions = []
    for i, opset in enumerate(imports):
        domain = opset.get("domain", "")
        if domain in OWN_DOMAINS:
            versions.append(opset.get("version", 0))
        else:
            findings.add(
                f"operators of the domain {shown(domain)} are imported", f"opset_import[{i}]", "use ONNX's own alone"
            )
    if len(versions) != 1:
        findings.add(f"ONNX's operator set is imported {len(versions)} times", "opset_import", "import it once")
    elif versions[0] not in OPSETS:
        known = f"{OPSETS[0]} to {OPSETS[-1]}"
        findings.add(f"opset {versions[0]} is imported, {known} are read", "opset_import", EXPORT_AGAIN)
    return versions[0] if versions else 0


def _ports(field: str, graph: Fields, findings: Findings) -> tuple[Port, ...]:
    ports = []
    for i, fields in enumerate(graph.get(field, [])):
        where = f"graph.{field}[{i}]"
        name, dtype, shape = _declared(fields, where, findings)
        if dtype is None or shape is None:
            findings.add(f"{shown(name)} is declared without element type or shape", where, EXPORT_AGAIN)
        else:
            ports.append(Port(name, dtype, shape))
    return tuple(ports)


def _declared(fields: Fields, where: str, findings: Findings) -> Declared:
    name, tensor = fields.get("name", ""), fields.get("type", {}).get("tensor_type", {})
    code, dims = tensor.get("elem_type"), tensor.get("shape", {}).get("dim", [])
    sizes = tuple(dim.get("dim_value") for dim in dims)
    if len(sizes) > MAX_RANK or any(size is not None and size < 0 for size in sizes):
        findings.add(f"{shown(name)} has an axis below 0, or over {MAX_RANK} axes", where, EXPORT_AGAIN)
        return Declared(name, None, None)
    return Declared(name, None if code is None else dtype_name(code), sizes if "shape" in tensor else None)


def _initializers(tensors: Sequence[Fields], data: bytes, findings: Findings) -> dict[str, Any]:
    arrays = {}
    for i, tensor in enumerate(tensors):
        name = tensor.get("name", "")
        where = partial(_initializer_place, i, name)
        if not name or name in arrays:
            findings.add("it has no name" if not name else "its name is given twice", where, EXPORT_AGAIN)
        array = read_tensor(tensor, data, where, findings)
        if array is not None:
            arrays[name] = array
    return arrays


def _initializer_place(i: int, name: str) -> str:
    return f"initializer {i} {shown(name)!r}"


def _node(fields: Fields, index: int, data: bytes, findings: Findings) -> Node:
    op_type, name = fields.get("op_type", ""), fields.get("name", "")
    domain = fields.get("domain", "")
    if domain not in OWN_DOMAINS:
        place = partial(node_place, index, name, op_type)
        findings.add(f"its operator is of the domain {shown(domain)}", place, "use ONNX's own operators")
    attributes: dict[str, Attribute] = {}
    for i, attribute in enumerate(fields.get("attribute", ())):
        key = attribute.get("name", "")
        where = partial(_attribute_place, index, name, op_type, i, key)
        value = _attribute(attribute, data, where, findings)
        if not key or key in attributes:
            findings.add("it has no name" if not key else "its name is given twice", where, DO_NOT_TRUST)
        elif value is not None:
            attributes[key] = value
    return Node(op_type, name, tuple(fields.get("input", ())), tuple(fields.get("output", ())), attributes)


def _attribute_place(index: int, name: str, op_type: str, i: int, key: str) -> str:
    return f"{node_place(index, name, op_type)}, attribute {i} {shown(key)!r}"


def _attribute(fields: Fields, data: bytes, where: Place, findings: Findings) -> Attribute | None:
    """The value; None if it is refused."""
    wanted = _VALUE_FIELDS.get(fields.get("type", 0))
    stored = [field for field in _VALUE_FIELDS.values() if field in fields]
    if wanted is None:
        findings.add(f"its type is {fields.get('type', 0)}", where, "use numbers, texts, lists of them and tensors")
        return None
    if any(field != wanted for field in stored) or (wanted == "t" and not stored):
        held = " and ".join(stored) or "nothing"
        findings.add(f"its type promises {wanted}, but it holds {held}", where, DO_NOT_TRUST)
        return None
    if wanted == "t":
        return read_tensor(fields["t"], data, where, findings)
    if wanted in ("f", "floats"):
        return _finite(fields, wanted, where, findings)
    return (
        tuple(fields.get(wanted, ()))
        if wanted in ("ints", "strings")
        else fields.get(wanted, 0 if wanted == "i" else "")
    )


def _finite(fields: Fields, wanted: str, where: Place, findings: Findings) -> float | tuple[float, ...] | None:
    stored = fields.get("f", bytes(4)) if wanted == "f" else b"".join(fields.get("floats", ()))
    numbers = struct.unpack(f"<{len(stored) // 4}f", stored)
    if not all(map(math.isfinite, numbers)):
        findings.add("it is NaN or infinite", where, "use finite numbers")
        return None
    return numbers[0] if wanted == "f" else numbers
