"""Files that are not bundles, or were changed after export, never reach the engine."""

# mypy: disable-error-code="arg-type"

import hashlib
import json
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gameagent_sdk import Agent, Bundle, BundleError, Manifest, ManifestError
from gameagent_sdk.authoring import attach_manifest
from gameagent_sdk.bundle.file import MANIFEST_KEY, graph_sha256
from gameagent_sdk.bundle.specs import ActionSpec, FeatureSpec, TensorSpec

KEY = MANIFEST_KEY.encode()


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Any]:
    """Writes bytes to a file and gives its path."""

    def to_file(data: Any) -> Path:
        path = tmp_path / "game.onnx"
        path.write_bytes(data)
        return path

    return to_file


@pytest.fixture
def no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes reaching the engine a failure."""
    monkeypatch.setattr("gameagent_sdk.engine.policy.load_backend", lambda *_: pytest.fail("the engine saw the file"))


def test_reading_gives_manifest_and_hash(any_path: Path) -> None:
    bundle = Bundle.read(any_path)
    assert bundle.manifest.name == f"fixture-{any_path.stem}"
    assert bundle.bundle_hash == hashlib.sha256(any_path.read_bytes()).hexdigest()
    assert bundle.manifest.graph_sha256 == graph_sha256(bundle.data)
    assert str(len(bundle.data)) not in repr(bundle) and len(repr(bundle)) < 10_000


def test_bundles_in_memory_are_read_too(path_of: Callable[[str], Path]) -> None:
    data = path_of("masked").read_bytes()
    assert Bundle.from_bytes(data).bundle_hash == Bundle.read(path_of("masked")).bundle_hash


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00",
        b"\xff" * 100,
        b"version https://git-lfs.github.com/spec/v1\n",
        b"Once upon a time there was a paddle.\n" * 50,
        b"PK\x03\x04" + bytes(200),
        b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",  # a length of 2**64 - 1
        b"\x3a\x00\x3a\x00",  # two empty graphs
        b"\x38\x01",  # a graph that is a number
        b"\x08\x01" * 200_000,
    ],
    ids=["empty", "zero", "ones", "pointer", "text", "zip", "length", "graphs", "number", "many"],
)
def test_what_is_no_onnx_file_is_refused(data: bytes, write: Callable[..., Any], no_engine: None) -> None:
    with pytest.raises(BundleError, match=r"game\.onnx is not a usable bundle"):
        Agent.load(write(data))


def test_random_bytes_are_refused(write: Callable[..., Any], no_engine: None) -> None:
    noise = random.Random(0)
    for size in (1, 10, 100, 1000) * 50:
        with pytest.raises(BundleError):
            Agent.load(write(noise.randbytes(size)))


def test_every_truncation_is_refused(
    path_of: Callable[[str], Path], write: Callable[..., Any], no_engine: None
) -> None:
    data = path_of("masked").read_bytes()
    for length in range(len(data)):
        with pytest.raises(BundleError):
            Agent.load(write(data[:length]))


def test_missing_paths_and_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="No such file"):
        Agent.load(tmp_path / "missing.onnx")
    with pytest.raises(BundleError, match="cannot be read"):
        Agent.load(tmp_path)
    with pytest.raises(BundleError, match="cannot be read"):
        Agent.load("nul\0byte.onnx")


def without_manifest(data: bytes) -> bytes:
    """The model that an ordinary exporter would have written."""
    start = data.rindex(b"\x72", 0, data.index(KEY))  # field 14 stands last
    return data[:start]


def test_an_ordinary_onnx_model_is_distinguished_from_a_bundle(
    path_of: Callable[[str], Path], write: Callable[..., Any], no_engine: None
) -> None:
    with pytest.raises(ManifestError, match="an ordinary ONNX model is not a bundle"):
        Agent.load(write(without_manifest(path_of("masked").read_bytes())))


def test_two_manifests_are_refused(path_of: Callable[[str], Path], write: Callable[..., Any], no_engine: None) -> None:
    data = path_of("masked").read_bytes()
    with pytest.raises(BundleError, match="holds 2 entries"):
        Agent.load(write(data + data[len(without_manifest(data)) :]))


def test_two_graphs_are_refused(path_of: Callable[[str], Path], write: Callable[..., Any], no_engine: None) -> None:
    """Protobuf merges a field that is there twice: the second graph would run unhashed."""
    data = path_of("masked").read_bytes()
    with pytest.raises(BundleError, match="graph is given twice"):
        Agent.load(write(data + b"\x3a\x00"))


def test_a_changed_graph_is_refused(path_of: Callable[[str], Path], write: Callable[..., Any], no_engine: None) -> None:
    data = bytearray(path_of("recurrent").read_bytes())
    data[data.index(b"w_logits") + 30] ^= 1
    with pytest.raises(BundleError, match="changed after export"):
        Agent.load(write(bytes(data)))


def test_a_changed_manifest_is_refused(
    path_of: Callable[[str], Path], write: Callable[..., Any], no_engine: None
) -> None:
    data = path_of("recurrent").read_bytes()
    with pytest.raises(ManifestError, match="schema_version 7"):
        Agent.load(write(data.replace(b'"schema_version": 2', b'"schema_version": 7')))
    with pytest.raises(ManifestError, match="summary is missing"):
        Agent.load(write(data.replace(b'"summary"', b'"sammary"')))
    with pytest.raises(ManifestError, match="not valid JSON"):
        Agent.load(write(data.replace(b'{"name"', b'["name"')))
    with pytest.raises(ManifestError, match="UTF-8"):
        Agent.load(write(data.replace(b'{"name"', b'{"\xff\xff\xff\xff"')))


def test_attaching_again_replaces_the_manifest_and_nothing_else(any_path: Path) -> None:
    bundle = Bundle.read(any_path)
    assert attach_manifest(bundle.data, bundle.manifest) == bundle.data
    model = without_manifest(bundle.data)
    assert attach_manifest(model, bundle.manifest) == bundle.data


def test_attaching_fills_in_the_hash(path_of: Callable[[str], Path], bundle_of: Callable[[str], Bundle]) -> None:
    manifest = replaced(bundle_of("masked").manifest, graph_sha256="0" * 64)
    data = attach_manifest(path_of("masked").read_bytes(), manifest)
    assert Bundle.from_bytes(data).manifest == bundle_of("masked").manifest


def test_attaching_keeps_other_metadata(path_of: Callable[[str], Path], bundle_of: Callable[[str], Bundle]) -> None:
    other = b"\x72\x08\x0a\x01k\x12\x03val"  # metadata_props: k = val
    data = attach_manifest(path_of("masked").read_bytes() + other, bundle_of("masked").manifest)
    assert other in data and data.count(KEY) == 1


def test_attaching_to_what_is_no_model_is_refused(bundle_of: Callable[[str], Bundle]) -> None:
    with pytest.raises(BundleError, match="not an ONNX file"):
        attach_manifest(b"hello", bundle_of("masked").manifest)


def replaced(manifest: Manifest, **changes: Any) -> Manifest:
    return type(manifest)(**({name: getattr(manifest, name) for name in manifest.__dataclass_fields__} | changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"observation": (FeatureSpec("bonus", 5),)},
            r"input observation should be float32 \(N, 5\) but is .*\(N, 4\)",
        ),
        ({"action": ActionSpec(("a", "b", "c"), mask=True)}, r"output logits should be float32 \(N, 3\)"),
        ({"action": ActionSpec(("a", "b", "c", "d"))}, "input legal_actions is not in the manifest"),
        ({"hidden_state": ()}, "input hidden_tally is not in the manifest"),
        ({"hidden_state": (TensorSpec("hidden_h", (4,)),)}, "input hidden_h is missing"),
        ({"hidden_state": (TensorSpec("hidden_tally", (2, 2)),)}, r"next_hidden_tally should be float32 \(N, 2, 2\)"),
    ],
)
def test_a_graph_that_is_not_what_the_manifest_says_is_refused(
    changes: dict[str, Any],
    message: str,
    path_of: Callable[[str], Path],
    bundle_of: Callable[[str], Bundle],
    write: Callable[..., Any],
) -> None:
    manifest = replaced(bundle_of("masked").manifest, **changes)
    with pytest.raises(BundleError, match=message):
        Agent.load(write(attach_manifest(path_of("masked").read_bytes(), manifest)))


def test_all_mismatches_are_listed(
    path_of: Callable[[str], Path], bundle_of: Callable[[str], Bundle], write: Callable[..., Any]
) -> None:
    manifest = replaced(bundle_of("masked").manifest, action=ActionSpec(("a", "b")), observation=(FeatureSpec("x"),))
    with pytest.raises(BundleError) as error:
        Agent.load(write(attach_manifest(path_of("masked").read_bytes(), manifest)))
    for name in ("observation", "previous_action", "logits", "legal_actions"):
        assert name in str(error.value)


def test_graphs_that_do_nothing_or_are_garbage_never_reach_the_engine(
    bundle_of: Callable[[str], Bundle], write: Callable[..., Any], no_engine: None
) -> None:
    """Sound files, hash and all, but for the graph."""
    empty = b"\x08\x08\x3a\x00\x42\x04\x0a\x00\x10\x11"  # ir_version 8, graph {}, opset 17
    with pytest.raises(BundleError, match="output logits is missing"):
        Agent.load(write(attach_manifest(empty, bundle_of("masked").manifest)))
    garbage = b"\x08\x08\x3a\x04\xff\xff\xff\xff\x42\x04\x0a\x00\x10\x11"
    with pytest.raises(BundleError, match=r"graph, byte 4: no number ends"):
        Agent.load(write(attach_manifest(garbage, bundle_of("masked").manifest)))


def test_all_findings_are_listed_and_the_first_are_shown(path_of: Callable[[str], Path]) -> None:
    """One fault of the file format, one of the manifest's hash, one of each of twelve operators' names."""
    data = path_of("recurrent").read_bytes().replace(b"Sigmoid", b"Zigmoid").replace(b"MatMul", b"ZatMul")
    with pytest.raises(BundleError) as error:
        Bundle.from_bytes(data.replace(b"\x10\x11\x72", b"\x10\x63\x72"), "game.onnx")  # opset 17 becomes 99
    findings = error.value.findings
    assert [finding.what for finding in findings[:2]] == [
        "opset 99 is imported, 13 to 23 are read",
        "the graph was changed after export, its hash differs",
    ]
    assert sum("Zigmoid" in finding.what for finding in findings) == data.count(b"Zigmoid") == 4
    assert sum("ZatMul" in finding.what for finding in findings) == data.count(b"ZatMul") == 6
    lines = str(error.value).splitlines()
    assert lines[0] == f"game.onnx is not a usable bundle, for {len(findings)} reasons:"
    assert lines[1:9] == [f"  {finding}" for finding in findings[:8]]
    assert lines[9:] == [f"  and {len(findings) - 8} more in this error's findings"]


def test_the_model_is_read_along(bundle_of: Callable[[str], Bundle]) -> None:
    model = bundle_of("masked").model
    assert [node.op_type for node in model.nodes] == ["Mul", "Add", "Add", "Where"]
    assert model.initializers["never"] == np.float32(-1e9)
    assert "never" not in repr(bundle_of("masked"))


def test_bytes_that_can_change_are_copied(path_of: Callable[[str], Path]) -> None:
    data = bytearray(path_of("masked").read_bytes())
    bundle = Bundle.from_bytes(memoryview(data))
    before = bytes(data)
    data[:] = bytes(len(data))
    assert bundle.data == before and bundle.model.initializers["never"] == np.float32(-1e9)


def test_files_that_are_too_large_are_not_read_to_their_end(tmp_path: Path, no_engine: None) -> None:
    path = tmp_path / "large.onnx"
    with open(path, "wb") as file:
        file.truncate(2**40)  # sparse: takes no room
    with pytest.raises(BundleError, match=r"larger than 67108864 bytes"):
        Agent.load(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes and /dev")
def test_what_is_no_regular_file_is_refused_at_once(tmp_path: Path, no_engine: None) -> None:
    """A pipe that nobody writes to would block, and a device might never end."""
    os.mkfifo(tmp_path / "pipe.onnx")
    for path in (tmp_path / "pipe.onnx", "/dev/zero"):
        with pytest.raises(BundleError, match=r"cannot be read \(it is not a regular file\)"):
            Agent.load(path)


def test_escape_codes_in_a_file_do_not_reach_the_terminal(path_of: Callable[[str], Path]) -> None:
    data = path_of("masked").read_bytes()
    end = data.index(KEY)
    with pytest.raises(BundleError) as error:
        Bundle.from_bytes(data[:end].replace(b"hidden_tally", b"\x1b]2;owned\x07!!") + data[end:])
    assert r"\x1b]2;owned" in str(error.value)
    assert all(line.isprintable() for line in str(error.value).splitlines())


def test_manifest_json_is_in_the_standard_metadata(path_of: Callable[[str], Path]) -> None:
    """Any ONNX tool shows it: the engine's own reader does."""
    onnxruntime = pytest.importorskip("onnxruntime")
    session = onnxruntime.InferenceSession(path_of("masked").read_bytes(), providers=["CPUExecutionProvider"])
    text = session.get_modelmeta().custom_metadata_map[MANIFEST_KEY]
    assert json.loads(text)["name"] == "fixture-masked"
