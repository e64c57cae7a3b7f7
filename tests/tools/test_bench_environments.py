"""The benchmark of environments in small: it compares every layout and writes what it measured."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "tools" / "bench_environments.py"


@pytest.mark.slow
def test_every_layout_is_compared(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", str(SCRIPT), "--games", "8", "--rounds", "2", "--seconds", "0.01"]
    command += ["--json", str(tmp_path / "speeds.json")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    figures = json.loads((tmp_path / "speeds.json").read_text())["environments"]["CartPole"]
    assert list(figures) == ["SyncVectorEnv", "this process", "one worker", "two workers"]
    assert figures["SyncVectorEnv"]["ratio"] == 1.0
    assert all(figure["microseconds"] > 0 for figure in figures.values())
