"""The bundle: one ``.onnx`` file, its policy step in the graph and its manifest in the metadata.

Reading checks all that can be checked without an engine, so damaged and foreign files never reach native code.
"""

import dataclasses
import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path

from gameagent_sdk.onnx_file import wire
from gameagent_sdk.errors import BundleError, ManifestError
from gameagent_sdk.manifest import Manifest

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
    """

    path: Path
    data: bytes = field(repr=False)
    manifest: Manifest
    bundle_hash: str

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> "Bundle":
        """Reads and checks a bundle.

        Raises:
            BundleError: no such file, not an ONNX file, cut short, or changed after export.
            ManifestError: it is ONNX but has no manifest, or one that cannot be used.
        """
        path = Path(path)
        try:
            data = path.read_bytes()
        except (OSError, ValueError) as error:  # ValueError: a null byte in the path
            reason = getattr(error, "strerror", None) or error
            raise BundleError(f"{path} cannot be read ({reason}): give the path of a .onnx bundle") from error
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
        try:
            manifest, graph_hash = _read_manifest(data), graph_sha256(data)
        except BundleError as error:
            raise type(error)(f"{path} is no usable bundle: {error}") from error
        if manifest.graph_sha256 != graph_hash:
            raise BundleError(f"{path}: the graph was changed after export, its hash differs: export again")
        return cls(Path(path), data, manifest, hashlib.sha256(data).hexdigest())


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


def _read_manifest(model: bytes) -> Manifest:
    parts = list(wire.walk(memoryview(model)))
    if not any(part.number == wire.GRAPH for part in parts):
        raise BundleError("it is not an ONNX file (it holds no graph)")
    texts = [wire.metadata_entry(part)[1] for part in parts if _holds_manifest(part)]
    if len(texts) != 1:
        raise ManifestError(
            f"its metadata holds {len(texts)} entries {MANIFEST_KEY}, where one is expected: "
            "an ordinary ONNX model is no bundle, export one with gameagent"
        )
    try:
        return Manifest.from_json(texts[0].decode())
    except UnicodeDecodeError as error:
        raise ManifestError("its manifest is not UTF-8 text: export the bundle again") from error
