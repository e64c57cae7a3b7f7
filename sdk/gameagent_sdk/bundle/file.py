"""The bundle: one ``.onnx`` file, its policy step in the graph and its manifest in the metadata.

Reading checks everything that can be checked without an engine, so damaged, foreign and forged files never reach native
code.
"""

import base64
import binascii
import dataclasses
import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gameagent_sdk.bundle.manifest import Manifest
from gameagent_sdk.bundle.signature import (
    adaptation_inputs,
    adaptation_outputs,
    padded_length,
    port_findings,
    signature_findings,
    step_inputs,
    step_outputs,
)
from gameagent_sdk.errors import BundleError, ManifestError, shown, shown_path
from gameagent_sdk.graph import Model
from gameagent_sdk.onnx_file import wire
from gameagent_sdk.onnx_file.budget import Allowance, Budget
from gameagent_sdk.onnx_file.check import check_graph
from gameagent_sdk.onnx_file.findings import EXPORT_AGAIN, CheckStopped, Findings
from gameagent_sdk.onnx_file.limits import (
    BATCH_ROWS,
    FEWEST_STEPS,
    MAX_BYTES,
    MAX_FILE_BYTES,
    MAX_SLICE_WORK,
    MAX_STEPS,
    MAX_TEXT_BYTES,
    MAX_WORK,
)
from gameagent_sdk.onnx_file.reader import Content, read_envelope, read_graph
from gameagent_sdk.regular_file import as_path, open_regular, reason_of

MANIFEST_KEY = "gameagent.manifest"
ADAPTATION_KEY = "gameagent.adaptation"
_KEYS = (MANIFEST_KEY.encode(), ADAPTATION_KEY.encode())


@dataclass(frozen=True)
class Bundle:
    """A bundle's bytes, read and checked; no engine is started.

    Attributes:
        path: Where it was read from.
        data: The whole file.
        manifest: What it says about itself.
        bundle_hash: sha256 of the whole file, in hex, which saved minds carry.
        model: Its graph and weights, checked.
        adaptation: The graph of its gradient steps, checked; None if it does not adapt by gradient.
        adaptation_data: That graph's file; empty if there is none.
        max_experience: How many steps an adaptation may learn from without taking much of a second; older ones are
            forgotten.
    """

    path: Path
    data: bytes = field(repr=False)
    manifest: Manifest
    bundle_hash: str
    model: Model = field(repr=False, compare=False)
    adaptation: Model | None = field(default=None, repr=False, compare=False)
    adaptation_data: bytes = field(default=b"", repr=False)
    max_experience: int = field(default=MAX_STEPS, compare=False)

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> "Bundle":
        """Reads and checks a bundle.

        Raises:
            BundleError: The file does not exist, is not an ONNX file, is cut short, was changed after export, or holds
                anything that cannot be trusted: ``error.findings`` says what, where, and what to do.
            ManifestError: It is an ONNX file, but has no manifest that can be used.
        """
        path = as_path(path)
        try:
            with open_regular(path) as file:
                data = file.read(MAX_FILE_BYTES + 1)
        except (OSError, ValueError) as error:
            raise BundleError(
                f"{shown_path(path)} cannot be read ({reason_of(error)}): give the path of a .onnx bundle"
            ) from error
        return cls.from_bytes(data, path)

    @classmethod
    def from_bytes(cls, data: bytes, path: str | os.PathLike[str] = "<memory>") -> "Bundle":
        """Checks a bundle that is already in memory, for example from a game's own archive.

        Args:
            data: The whole file.
            path: Its name in messages.

        Raises:
            BundleError: As for `read`.
            ManifestError: As for `read`.
        """
        if type(data) is not bytes:
            data = bytes(memoryview(data))  # what is checked must not change afterwards
        summary = f"{shown_path(as_path(path))} is not a usable bundle"
        manifest, model = _checked(data, summary)
        adaptation_data, adaptation, steps = _adaptation(manifest, model.metadata.get(ADAPTATION_KEY), summary)
        bundle_hash = hashlib.sha256(data).hexdigest()
        return cls(as_path(path), data, manifest, bundle_hash, model, adaptation, adaptation_data, steps)

    def without_plan(self) -> "Bundle":
        """The same bundle, its manifest's plan taken off: agents then take rows of D numbers and give indices.

        For trainers and tools, whose observations are rows already; shown rules are part of them. A bundle that has no
        plan stays as it is.
        """
        return dataclasses.replace(self, manifest=dataclasses.replace(self.manifest, plan=None))


def graph_sha256(model: bytes) -> str:
    """The sha256, in hex, of a model's graph: the raw bytes of ModelProto's field 7.

    Raises:
        BundleError: The bytes are not an ONNX model, or do not hold exactly one graph.
    """
    graphs = [part for part in wire.walk(memoryview(model)) if part.number == wire.GRAPH]
    if len(graphs) != 1 or graphs[0].wire_type != wire.BYTES:
        raise BundleError(f"it is not an ONNX file (it holds {len(graphs)} graphs, where one is expected)")
    return hashlib.sha256(graphs[0].payload).hexdigest()


def attach_manifest(model: bytes, manifest: Manifest, adaptation: bytes = b"") -> bytes:
    """Makes a bundle from a serialised ONNX model: the last step of an export.

    The graphs' hashes are filled into the manifest, which replaces any manifest in the model. All other bytes stay as
    they are.

    Args:
        model: A serialised ModelProto whose main graph is the policy step.
        manifest: What the bundle says about itself; its hashes need not be set.
        adaptation: A serialised ModelProto of the gradient steps, if ``manifest.gradient`` is given.

    Returns:
        The bytes to write as the ``.onnx`` file.

    Raises:
        BundleError: The bytes are not an ONNX model.
        ManifestError: The manifest does not survive a round trip through JSON.
    """
    manifest = dataclasses.replace(manifest, graph_sha256=graph_sha256(model))
    if manifest.gradient is not None:
        hashed = dataclasses.replace(manifest.gradient, graph_sha256=hashlib.sha256(adaptation).hexdigest())
        manifest = dataclasses.replace(manifest, gradient=hashed)
    texts = [manifest.to_json().encode(), *([base64.b64encode(adaptation)] if adaptation else [])]
    kept = [bytes(part.whole) for part in wire.walk(memoryview(model)) if not _is_ours(part)]
    return b"".join([*kept, *map(wire.encode_metadata_entry, _KEYS, texts)])


def _is_ours(part: wire.Field) -> bool:
    return part.number == wire.METADATA_PROPS and wire.metadata_entry(part)[0] in _KEYS


def _adaptation(manifest: Manifest, text: str | None, summary: str) -> tuple[bytes, Model | None, int]:
    """The adaptation graph, checked like the main graph: its file, its content, and how many steps it may learn from.

    Raises:
        BundleError: Lists what was found.
    """
    if manifest.gradient is None and text is None:
        return b"", None, MAX_STEPS
    findings = Findings()
    content, data, steps = None, b"", 0
    try:
        if manifest.gradient is None or text is None:
            raise findings.stop(
                "the manifest and the file disagree on whether it is there", ADAPTATION_KEY, EXPORT_AGAIN
            )
        try:
            data = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            raise findings.stop("it is not base64", ADAPTATION_KEY, EXPORT_AGAIN) from None
        if hashlib.sha256(data).hexdigest() != manifest.gradient.graph_sha256:
            raise findings.stop("the graph was changed after export, its hash differs", ADAPTATION_KEY, EXPORT_AGAIN)
        content = read_graph(read_envelope(data, findings), findings)
        expected = adaptation_inputs(manifest), adaptation_outputs(manifest)
        for finding in port_findings(expected, (content.model.inputs, content.model.outputs)):
            findings.add(finding.what, ADAPTATION_KEY, finding.advice)
        needed = [Allowance(_needed_steps(manifest), MAX_SLICE_WORK)]
        budget = check_graph(content, *expected, findings, allowances=needed)
        steps = _affordable_steps(budget)
    except CheckStopped:  # what stopped it is the last of the findings
        pass
    if findings.found or content is None:
        raise BundleError.listing(f"{summary}: in its adaptation graph", findings.found)
    return data, content.model, steps


def _needed_steps(manifest: Manifest) -> int:
    """From how many steps of experience an adaptation must be able to learn, including padding.

    Beliefs may be corrected from an episode's last steps only; advantages need whole episodes.
    """
    assert manifest.gradient is not None, "only for bundles that adapt by gradient"
    most = MAX_STEPS if manifest.gradient.learns_from == "advantages" else FEWEST_STEPS
    return padded_length(min(manifest.max_steps * manifest.gradient.episodes_per_step, most))


def _affordable_steps(budget: Budget) -> int:
    """How many steps of experience an adaptation may learn from, including padding."""
    padded = min(
        budget.work.rows_within(MAX_SLICE_WORK, 2 * MAX_STEPS), budget.memory.rows_within(MAX_BYTES, 2 * MAX_STEPS)
    )
    return min(MAX_STEPS, padded * 4 // 5)


def _checked(data: bytes, summary: str) -> tuple[Manifest, Model]:
    """The content of a file.

    Raises:
        BundleError: Lists what was found; ManifestError if the file is ONNX but its manifest is unusable.
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
    ports = step_inputs(manifest), step_outputs(manifest)
    judging = [Allowance(BATCH_ROWS, MAX_SLICE_WORK)] if manifest.gradient is not None else []
    allowances = [Allowance(1, MAX_WORK), Allowance(BATCH_ROWS, BATCH_ROWS * MAX_WORK), *judging]
    weights = {tensor.name: tensor.shape for tensor in manifest.adapting_weights}
    check_graph(content, *ports, findings, weights=weights, allowances=allowances)


def _read_manifest(metadata: Mapping[str, str], findings: Findings) -> Manifest | None:
    """The manifest; None, and a finding, where it is unusable."""
    text = metadata.get(MANIFEST_KEY)
    if text is None:
        what = f"its metadata holds no entry {MANIFEST_KEY}, an ordinary ONNX model is not a bundle"
        findings.add(what, "metadata_props", "export one with gameagent")
        return None
    if len(text) > MAX_TEXT_BYTES:
        findings.add(
            f"the manifest is {len(text)} characters long, {MAX_TEXT_BYTES} are the most", MANIFEST_KEY, EXPORT_AGAIN
        )
        return None
    try:
        return Manifest.from_json(text)
    except ManifestError as error:
        what = str(error).removesuffix(": export the bundle again")
        findings.add(shown(what, 300), MANIFEST_KEY, EXPORT_AGAIN)
        return None
