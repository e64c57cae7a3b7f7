"""Reports reach a reader whatever their terminal can show."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

BANDIT = Path(__file__).parents[2] / "sdk" / "examples" / "browser" / "bandit.onnx"


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_the_report_is_shown_and_written_in_any_encoding(encoding: str, tmp_path: Path) -> None:
    words = ["evaluate", str(BANDIT), "--variants", "8", "--json", "out.json"]
    done = subprocess.run(
        [sys.executable, "-m", "gameagent", *words], cwd=tmp_path, capture_output=True, timeout=300, check=False,
        env=os.environ | {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0", "COLUMNS": "100"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    shown = done.stdout.decode(encoding)
    found = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    first = found["episodes"][0]
    sign = "+/-" if encoding == "ascii" else "±"
    assert f"{first['mean']:.2f}{sign}{(first['ci95'][1] - first['ci95'][0]) / 2:.2f}" in shown
    assert "vs random" in shown
