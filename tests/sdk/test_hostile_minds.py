"""Every kind of hostile mind is refused, the agent left as it was, or does no harm. What each tries: ``hostile/``."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sdk.hostile import BUNDLES, MINDS, Judge

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits and watches the worker through /proc")

MAX_SECONDS = 1.0  # of the processor's time
MAX_MEGABYTES = 350  # an agent may save up to 256 MiB, which are read before they are looked at


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("minds")


@pytest.fixture(scope="module")
def bundle(folder: Path) -> Path:
    """The bundle whose minds they pretend to be."""
    BUNDLES["sound"].make(folder / "sound.onnx")
    return folder / "sound.onnx"


@pytest.fixture(scope="module")
def judge(folder: Path, bundle: Path) -> Iterator[Judge]:
    with Judge(folder, bundle) as judge:
        yield judge


@pytest.mark.parametrize("name", MINDS)
def test_kind(name: str, judge: Judge, folder: Path, bundle: Path) -> None:
    kind, path = MINDS[name], folder / "hostile.mind"
    path.unlink(missing_ok=True) if not path.is_dir() else path.rmdir()
    kind.make(path)
    found = judge.show("mind", path, bundle)
    assert found["outcome"] in kind.expected, f"{kind.attack} {found}"
    assert not found["opened"], f"{kind.attack} opened {found['opened']}"
    assert found["seconds"] < MAX_SECONDS and found["megabytes"] < MAX_MEGABYTES
    assert not (folder / "unpickled").exists() and not (folder / "owned").exists()
    if found["outcome"] == "refused":
        assert found["unchanged"] and not found["memory_error"]
        assert "hostile.mind" in found["error"] and len(found["error"]) < 10_000
        assert all(character.isprintable() or character == "\n" for character in found["error"]), ascii(found["error"])


def test_there_are_many_kinds_and_each_says_what_it_tries() -> None:
    assert len(MINDS) >= 25
    assert len({kind.attack for kind in MINDS.values()}) == len(MINDS)
    assert all(re.fullmatch(r".{5,}[.:?!]", kind.attack) for kind in MINDS.values())


def test_a_sound_mind_plays_on(judge: Judge, folder: Path, bundle: Path) -> None:
    """Otherwise the refusals above would mean nothing."""
    for name in ("sound_mind", "rewritten_mind"):
        MINDS[name].make(folder / "sound.mind")
        assert judge.show("mind", folder / "sound.mind", bundle)["later"] == {"restored": "played"}


def test_a_refusal_that_changes_the_agent_is_noticed(folder: Path, bundle: Path) -> None:
    plant = """
true = Agent.restore
def hasty(agent, path):
    agent.begin_trial()
    true(agent, path)
Agent.restore = hasty"""
    MINDS["no_archive"].make(folder / "planted.mind")
    with Judge(folder, bundle, plant) as judge:
        found = judge.show("mind", folder / "planted.mind", bundle)
    assert found["outcome"] == "refused" and not found["unchanged"]
