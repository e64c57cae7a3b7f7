"""The SDK in an environment of its own: what it brings along, and its tests without torch, onnx and the rest."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
UNWANTED = {"torch", "gymnasium", "pettingzoo", "onnx", "numba", "pygame", "pygame-ce", "gameagent", "gameagent-games"}


def run(*command: str | Path) -> str:
    done = subprocess.run([str(word) for word in command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command} failed:\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done.stdout


@pytest.mark.slow
def test_the_sdk_installs_and_passes_its_tests_alone(tmp_path: Path) -> None:
    python = tmp_path / "venv" / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    constraints = ["-c", "constraints.txt"] if (ROOT / "constraints.txt").exists() else []
    run(sys.executable, "-m", "venv", tmp_path / "venv")
    run(python, "-m", "pip", "install", "--quiet", *constraints, "./sdk", "pytest")
    installed = {package["name"].lower() for package in json.loads(run(python, "-m", "pip", "list", "--format=json"))}
    assert {"gameagent-sdk", "numpy", "onnxruntime"} <= installed
    assert not installed & UNWANTED
    run(python, "-m", "pytest", "tests/sdk", "-p", "no:cacheprovider", "-q")
