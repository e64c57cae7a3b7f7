"""The measurement of learning in small: it trains, evaluates through the file, and writes its figures."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "tools" / "measure_learning.py"


@pytest.mark.slow
def test_it_writes_a_figure_for_each_seed(tmp_path: Path) -> None:
    settings = ["steps=20k", "num_games=64", "num_processes=1"]
    words = [word for setting in settings for word in ("--set", setting)]
    command = [sys.executable, str(SCRIPT), "bandit", "--seeds", "0", "1", "--out", str(tmp_path), *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    figures = json.loads((tmp_path / "bandit.json").read_text(encoding="utf-8"))
    assert [figure["seed"] for figure in figures] == [0, 1]
    for figure in figures:
        assert figure["test"]["num_variants"] == 20_000
        assert 4.9 < figure["test"]["baselines"]["random"]["total_mean"] < 5.1
        assert f"seed {figure['seed']} test: total {figure['test']['total_mean']:.3f}" in done.stdout
