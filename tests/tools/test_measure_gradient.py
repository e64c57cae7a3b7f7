"""The measurement of gradient steps in small, through a file that is trained for it."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gameagent.export.bundling import export_run
from gameagent.launch import launch, prepare_run
from gameagent.run.folder import RunFolder

SCRIPT = Path(__file__).parents[2] / "tools" / "measure_gradient.py"


def measure(*words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(scope="module")
def bandit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = RunFolder(tmp_path_factory.mktemp("bandit") / "run")
    settings = {"algorithm": "maml", "num_rollouts": 4, "inner_steps": 1, "hidden_size": 8, "num_processes": 1}
    prepare_run(folder, {"family": "bandit", "steps": 1, **settings}, resume=False)
    launch(folder, lambda progress, metrics: None)
    export_run(folder, folder.path / "bandit.onnx")
    return folder.path / "bandit.onnx"


def test_it_says_the_return_after_each_number_of_steps(bandit: Path) -> None:
    done = measure("protocol", bandit, "--rollouts", "6", "--steps", "2", "--variants", "20")
    assert done.returncode == 0, done.stderr
    first, *rows = done.stdout.splitlines()
    assert first.endswith("mean return of 20 variants of 'test', 6 episodes a step")
    assert [row.split()[1] for row in rows] == ["0", "1", "2"]
    assert all(0.0 <= float(row.split()[3]) <= 1.0 for row in rows)


def test_it_says_what_the_steps_cost_in_both_engines(bandit: Path) -> None:
    done = measure("cost", bandit, "--steps", "8", "--repeats", "2")
    assert done.returncode == 0, done.stderr
    rows = [line.split() for line in done.stdout.splitlines()[1:]]
    assert [row[0] for row in rows] == ["onnxruntime"] * 2 + ["numpy"] * 2
    assert all(float(row[row.index("ms") - 1]) > 0.0 for row in rows)


def test_it_compares_with_no_gradient_steps(bandit: Path) -> None:
    done = measure("against", bandit, "--variants", "20", "--episodes", "8")
    assert done.returncode == 0, done.stderr
    mine, theirs, gain = (float(line.split()[0]) for line in done.stdout.splitlines()[1:4])
    assert np.isclose(gain, mine - theirs, atol=2e-3)


def test_a_file_that_takes_no_steps_is_refused(tmp_path: Path) -> None:
    done = measure("protocol", tmp_path / "none.onnx")
    assert done.returncode == 1 and done.stderr.startswith("measure_gradient: ")
