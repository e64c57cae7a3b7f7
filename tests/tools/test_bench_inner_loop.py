"""The benchmark of the inner loop in small: all contestants compute the same gradient, and the figures are written."""

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "tools" / "bench_inner_loop.py"


def test_quick(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", str(SCRIPT), "--quick", "--json", str(tmp_path / "figures.json")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=100)
    assert "loop with autograd.grad" in done.stdout
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures.keys() == {"gaussian", "categorical"}
    for rows in figures.values():
        assert rows["one call"]["ratio"] == 1.0
        assert all(row["ms_per_task"] > 0 and row["ratio"] > 0 for row in rows.values())
