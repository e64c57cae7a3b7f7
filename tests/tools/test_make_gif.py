"""The moving picture of the README: its frames show the trial from its start to its end."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

Image = pytest.importorskip("PIL.Image", reason="the tool writes with Pillow, which comes with the plot extra")

SCRIPT = Path(__file__).parents[2] / "tools" / "make_gif.py"


def run(*argv: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"SDL_VIDEODRIVER": "dummy"}
    command = [sys.executable, str(SCRIPT), *argv]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


def test_it_lasts_as_long_as_its_episodes(tmp_path: Path) -> None:
    path = tmp_path / "new" / "forage.gif"
    done = run(str(path), "--episodes", "1", "--size", "160")
    assert done.returncode == 0, done.stderr
    milliseconds = 0
    with Image.open(path) as film:
        assert film.size == (160 + 102, 160)
        for frame in range(film.n_frames):
            film.seek(frame)
            milliseconds += film.info["duration"]
    assert milliseconds == pytest.approx(32 * 200 + 3000, abs=100)  # 32 decisions, five a second; then it rests


def test_a_game_without_an_agent_needs_one_to_be_named(tmp_path: Path) -> None:
    done = run(str(tmp_path / "bandit.gif"), "--family", "bandit")
    assert done.returncode == 1
    assert done.stderr == "make_gif.py: no agent comes with 'bandit': give one with --agent FILE\n"
