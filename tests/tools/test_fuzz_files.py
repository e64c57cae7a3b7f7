"""The fuzzer in small; and faults planted in the SDK, which it has to report."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits the workers through /proc")

TOOLS = Path(__file__).parents[2] / "tools"
SEAM = (
    "import contextlib, os, time, onnxruntime, gameagent_sdk.bundle.file as seam\n"
    "true = seam.check_graph\n"  # the deep check: mutants have to get there
)


def fuzz(*arguments: str) -> tuple[int, str]:
    """Exit status and what was printed."""
    command = [sys.executable, "-W", "error", str(TOOLS / "fuzz_files.py"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    assert not done.stderr, done.stderr
    return done.returncode, done.stdout


def counts(printed: str) -> dict[str, int]:
    """The table's first part."""
    return {name.strip(): int(count) for name, count in re.findall(r"^(.{24}) *(\d+)$", printed.split("\n\n")[0], re.M)}


def test_a_few_hundred_mutants() -> None:
    status, printed = fuzz("--files", "300", "--processes", "2")
    found = counts(printed)
    assert status == 0, printed
    assert found["files"] == 300 == found["refused"] + found["accepted"]
    assert found["accepted"] >= 10  # so that playing on is tried too
    assert re.search(r"\d  seconds of an act or tick", printed)
    for way in ("bytes of the file", "bytes of the graph", "manifest", "mind", "tree", "labour", "gradient steps"):
        assert re.search(rf"^  {way} +\d+ +\d+$", printed, re.M)


def test_mutants_depend_on_seed_and_index_alone(tmp_path: Path) -> None:
    for folder, seed in (("a", "3"), ("b", "3"), ("c", "4")):
        fuzz("--only", "11", "--seed", seed, "--keep", str(tmp_path / folder))
    first, again, other = (
        {path.name: path.read_bytes() for path in (tmp_path / folder).iterdir()} for folder in ("a", "b", "c")
    )
    assert len(first) == 1 and first == again
    assert not set(first.values()) & set(other.values())


PLANTS = {
    "crashed": "seam.check_graph = lambda *_, **__: os.abort()",
    "unexpected exception": "seam.check_graph = lambda *_, **__: 1 // 0",
    "foreign open": (
        "def check(*a, **b):\n  open('canary.bin').close()\n  return true(*a, **b)\nseam.check_graph = check"
    ),
    "engine saw it": (
        "def check(*a, **b):\n"
        "  with contextlib.suppress(Exception): onnxruntime.InferenceSession(b'')\n"
        "  return true(*a, **b)\n"
        "seam.check_graph = check"
    ),
    "agent changed": (
        "right = Agent.restore\n"
        "def hasty(agent, path):\n  agent.forget(1.0)\n  right(agent, path)\n"
        "Agent.restore = hasty"
    ),
    "slow": (
        "def check(*a, **b):\n"
        "  end = time.process_time() + 1.1\n"
        "  while time.process_time() < end: pass\n"
        "  return true(*a, **b)\n"
        "seam.check_graph = check"
    ),
    "slow to play": (
        "MAX_CALL_SECONDS = 0.1\n"
        "right = Agent.act\n"
        "def act(agent, *a):\n"
        "  end = time.process_time() + 0.11\n"
        "  while time.process_time() < end: pass\n"
        "  return right(agent, *a)\n"
        "Agent.act = act"
    ),
    "hung": "seam.check_graph = lambda *_, **__: time.sleep(100)",
}


@pytest.mark.parametrize("fault", PLANTS)
def test_a_planted_fault_is_reported(fault: str) -> None:
    files, limit = {"hung": ("2", "3"), "slow": ("2", "30")}.get(fault, ("10", "10"))
    status, printed = fuzz("--files", files, "--first", "100", "--time-limit", limit, "--plant", SEAM + PLANTS[fault])
    assert status == 1
    assert counts(printed)[fault] >= 1, printed
    assert re.search(rf"FAULTS.*\n +\d+  {fault}: ", printed)
