"""The bundle: one ``.onnx`` file, its policy step in the graph and its manifest in the metadata.

Reading checks all that can be checked without an engine, so damaged, foreign and forged files never reach native code.
"""

import dataclasses
import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gameagent_sdk.errors import BundleError, ManifestError, shown
from gameagent_sdk.manifest import Manifest
from gameagent_sdk.onnx_file import wire
from gameagent_sdk.onnx_file.check import check_graph
from gameagent_sdk.onnx_file.findings import EXPORT_AGAIN, CheckStopped, Findings
from gameagent_sdk.onnx_file.limits import MAX_FILE_BYTES
from gameagent_sdk.onnx_file.model import Model
from gameagent_sdk.onnx_file.reader import Content, read_envelope, read_graph
from gameagent_sdk.regular_file import open_regular, reason_of
from gameagent_sdk.signature import signature_findings, step_inputs, step_outputs

MANIFEST_KEY = "gameagent.manifest"
_KEY = MANIFEST_KEY.encode()


@dataclass(frozen=True)
class Bundle:
    """A bundle's bytes, read and checked; no engine has been started.

    Attributes:
        path: where it was read from.
        data: the whole file.
        manifest: what it says about itself.
        bundle_hash: sha256 of the whole file, in hex: saved minds carry it.
        model: its graph and weights, checked.
    """

    path: Path
    data: bytes = field(repr=False)
    manifest: Manifest
    bundle_hash: str
    model: Model = field(repr=False, compare=False)

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> "Bundle":
        """Reads and checks a bundle.

        Raises:
            BundleError: no such file, not an ONNX file, cut short, changed after export, or with anything in it that
                is not to be trusted: ``error.findings`` says what, where, and what to do.
            ManifestError: it is ONNX but has no manifest, or one that cannot be used.
        """
        path = Path(path)
        try:
            with open_regular(path) as file:
                data = file.read(MAX_FILE_BYTES + 1)
        except (OSError, ValueError) as error:
            raise BundleError(f"{path} cannot be read ({reason_of(error)}): give the path of a .onnx bundle") from error
        return cls.from_bytes(data, path)

    @classmethod
    def from_bytes(cls, data: bytes, path: str | os.PathLike[str] = "<memory>") -> "Bundle":
        """Checks a bundle that is in memory already, such as one packed into a game's own archive.

        Args:
            data: the whole file.
            path: what messages call it.

        Raises:
            BundleError: as for :meth:`read`.
            ManifestError: as for :meth:`read`.
        """
        if type(data) is not bytes:
            data = bytes(memoryview(data))  # what is checked must not change afterwards
        manifest, model = _checked(data, f"{path} is no usable bundle")
        return cls(Path(path), data, manifest, hashlib.sha256(data).hexdigest(), model)


def graph_sha256(model: bytes) -> str:
    """The sha256, in hex, of a model's graph: the raw bytes of ModelProto's field 7.

    Raises:
        BundleError: the bytes are no ONNX model, or hold not exactly one graph.
    """
    graphs = [part for part in wire.walk(memoryview(model)) if part.number == wire.GRAPH]
    if len(graphs) != 1 or graphs[0].wire_type != wire.BYTES:
        raise BundleError(f"it is not an ONNX file (it holds {len(graphs)} graphs, where one is expected)")
    return hashlib.sha256(graphs[0].payload).hexdigest()


def attach_manifest(model: bytes, manifest: Manifest) -> bytes:
    """Makes a bundle of a serialised ONNX model: the last step of an export.

    The graph's hash is filled into the manifest, and the manifest replaces any that the model carries. All other
    bytes stay as they are.

    Args:
        model: a serialised ModelProto whose main graph is the policy step.
        manifest: what the bundle says about itself; its ``graph_sha256`` need not be set.

    Returns:
        The bytes to write as the ``.onnx`` file.

    Raises:
        BundleError: the bytes are no ONNX model.
        ManifestError: the manifest does not survive the way through JSON.
    """
    manifest = dataclasses.replace(manifest, graph_sha256=graph_sha256(model))
    kept = [bytes(part.whole) for part in wire.walk(memoryview(model)) if not _holds_manifest(part)]
    return b"".join([*kept, wire.encode_metadata_entry(_KEY, manifest.to_json().encode())])


def _holds_manifest(part: wire.Field) -> bool:
    return part.number == wire.METADATA_PROPS and wire.metadata_entry(part)[0] == _KEY


def _checked(data: bytes, summary: str) -> tuple[Manifest, Model]:
    """What is in the file.

    Raises:
        BundleError: lists what was found; ManifestError where the file is ONNX but its manifest is of no use.
    """
    findings = Findings()
    envelope = manifest = content = None
    try:
        if len(data) > MAX_FILE_BYTES:
            raise findings.stop(f"it is larger than {MAX_FILE_BYTES} bytes", "the file", "use a smaller policy")
        envelope = read_envelope(data, findings)
        manifest = _read_manifest(envelope.metadata, findings)
        if manifest is not None and manifest.graph_sha256 != envelope.graph_sha256:
            findings.add("the graph was changed after export, its hash differs", MANIFEST_KEY, EXPORT_AGAIN)
        content = read_graph(envelope, findings)
        _check_content(content, manifest, findings)
    except CheckStopped:  # what stopped it is the last of the findings
        pass
    if findings.found or manifest is None or content is None:
        kind = ManifestError if envelope is not None and manifest is None else BundleError
        raise kind.listing(summary, findings.found)
    return manifest, content.model


def _check_content(content: Content, manifest: Manifest | None, findings: Findings) -> None:
    if manifest is None:
        check_graph(content, (), (), findings)
        return
    for finding in signature_findings(manifest, content.model.inputs, content.model.outputs):
        findings.add(finding.what, finding.where, finding.advice)
    check_graph(content, step_inputs(manifest), step_outputs(manifest), findings)


def _read_manifest(metadata: Mapping[str, str], findings: Findings) -> Manifest | None:
    """The manifest; None, and a finding, where it is of no use."""
    text = metadata.get(MANIFEST_KEY)
    if text is None:
        what = f"its metadata holds no entry {MANIFEST_KEY}, an ordinary ONNX model is no bundle"
        findings.add(what, "metadata_props", "export one with gameagent")
        return None
    try:
        return Manifest.from_json(text)
    except ManifestError as error:
        what = str(error).removesuffix(": export the bundle again")
        findings.add(shown(what, 300), MANIFEST_KEY, EXPORT_AGAIN)
        return None
