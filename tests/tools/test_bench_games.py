"""The benchmark of games in small: it measures what was asked for and writes it."""

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "tools" / "bench_games.py"


def test_one_family(tmp_path: Path) -> None:
    arguments = ["--family", "bandit", "--games", "16", "--repeats", "1", "--json", str(tmp_path / "speeds.json")]
    command = [
        sys.executable,
        "-W",
        "error",
        str(SCRIPT),
        *arguments,
    ]  # a process of its own: it binds itself to a core
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=100)
    assert "bandit" in done.stdout
    figures = json.loads((tmp_path / "speeds.json").read_text())["families"]
    assert list(figures) == ["bandit"]
    assert figures["bandit"].keys() == {"steps_per_second", "uncompiled_steps_per_second", "variants_per_second"}
    assert min(figures["bandit"].values()) > 0
