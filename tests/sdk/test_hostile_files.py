"""Every kind of hostile bundle is refused for a stated reason, or does no harm. What each tries: ``hostile/``."""

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sdk.hostile import BUNDLES, Judge

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits and watches the worker through /proc")

MAX_SECONDS = 1.0  # of the processor's time, to refuse a file or accept it
MAX_MEGABYTES = 200  # beside a few times the file
FIXTURE = Path(__file__).parent / "fixtures" / "recurrent.onnx"
PLACES = {"missing", "directory", "fifo", "endless_device", "symlink_loop", "dangling_symlink", "unix_socket"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The worker's folder, with files that hostile ones name."""
    inner = tmp_path_factory.mktemp("hostile") / "inner"
    inner.mkdir()
    for path in (inner, inner.parent):
        (path / "canary.bin").write_bytes(bytes(64))
    os.mkfifo(inner / "canary.fifo")
    return inner


@pytest.fixture(scope="module")
def judge(folder: Path) -> Iterator[Judge]:
    with Judge(folder, FIXTURE) as judge:
        yield judge


@pytest.mark.parametrize("name", BUNDLES)
def test_kind(name: str, judge: Judge, folder: Path) -> None:
    kind, path = BUNDLES[name], folder / "hostile.onnx"
    path.unlink(missing_ok=True) if not path.is_dir() else path.rmdir()
    kind.make(path)
    found = judge.show("bundle", path)
    assert found["outcome"] in kind.expected, f"{kind.attack} {found}"
    assert not found["opened"], f"{kind.attack} opened {found['opened']}"
    assert found["seconds"] < MAX_SECONDS
    if name not in PLACES:
        assert found["megabytes"] < MAX_MEGABYTES + 8 * min(path.stat().st_size, 2**26) / 2**20
    if found["outcome"] == "refused":
        check_refusal(found, content=name not in PLACES)
    else:
        assert set(found["later"]) == {"onnxruntime", "numpy"}


def check_refusal(found: dict[str, Any], content: bool) -> None:
    """The file never reached the engine, and whoever reads the error knows what, where, and what to do."""
    assert found["engine"] == 0 and not found["memory_error"]
    assert "hostile.onnx" in found["error"] and len(found["error"]) < 30_000
    assert bool(found["findings"]) or not content
    for texts in found["findings"]:
        assert len(texts) == 3 and all(text.strip() for text in texts), texts
    for text in [found["error"], *(text for texts in found["findings"] for text in texts)]:
        assert all(character.isprintable() or character == "\n" for character in text), ascii(text)


def test_there_are_many_kinds_and_each_says_what_it_tries() -> None:
    assert len(BUNDLES) >= 60
    assert len({kind.attack for kind in BUNDLES.values()}) == len(BUNDLES)
    assert all(re.fullmatch(r".{5,}[.:?!]", kind.attack) for kind in BUNDLES.values())


def test_sound_kinds_play_in_both_backends(judge: Judge, folder: Path) -> None:
    """Otherwise the refusals above would mean nothing."""
    path = folder / "sound.onnx"
    for name in ("sound", "other_metadata", "weight_stored_typed", "packed_dims"):
        BUNDLES[name].make(path)
        assert judge.show("bundle", path)["later"] == {"onnxruntime": "played", "numpy": "played"}


SEAM = "import gameagent_sdk.bundle.file as b\ntrue = b._checked\n"
OPENS = "def early(data, *rest):\n    open('canary.bin').close()\n    return true(data, *rest)\nb._checked = early"
LOADS = """
def early(data, *rest):
    with contextlib.suppress(Exception):
        onnxruntime.InferenceSession(data)
    return true(data, *rest)
b._checked = early"""
PLANTS = {
    "crashed": ("b._checked = lambda *_: os.abort()", "outcome", "crashed"),
    "hung": ("b._checked = lambda *_: time.sleep(60)", "outcome", "hung"),
    "unexpected": ("b._checked = lambda *_: 1 // 0", "outcome", "unexpected"),
    "opened": (OPENS, "opened", ["open canary.bin"]),
    "engine": (LOADS, "engine", 1),
}


@pytest.mark.parametrize("plant", PLANTS)
def test_a_planted_fault_is_noticed(plant: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sdk.hostile.judge.TIME_LIMIT", 2.0)
    code, key, expected = PLANTS[plant]
    path = folder / "planted.onnx"
    BUNDLES["two_manifests"].make(path)
    with Judge(folder, FIXTURE, SEAM + code) as judge:
        assert judge.show("bundle", path)[key] == expected
