"""The overlay with pygame and with pygame-ce, each in an environment of its own: the two cannot share one."""

import base64
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]

BARS = [(158, 134, 255), (92, 190, 255), (52, 200, 176), (250, 126, 74), (48, 54, 76)]  # the last is a bar's ground

BELIEFS = 248  # where the first row of beliefs begins; each takes 30 pixels, the upper 15 for its coloured words
PLAIN = [y for y in range(78, 400) if y < BELIEFS or (y - BELIEFS) % 30 >= 15]

# Prints the drawing library's name, the size, and the pixels of a panel after a short trial, drawn on a window.
DRAWING = """
import base64, os, sys
os.environ.update(SDL_VIDEODRIVER="dummy", PYGAME_HIDE_SUPPORT_PROMPT="1")
import numpy, pygame
from gameagent_sdk import Agent
from gameagent_sdk.overlay import Overlay

screen = pygame.display.set_mode((300, 400))
screen.fill((90, 140, 60))
agent = Agent.load(sys.argv[1], seed=0, temperature=0.0)
overlay = Overlay(agent, truth={"gravity": "mid", "worth": [0.3, 1.4]})
overlay.draw(screen)
agent.begin_trial()
for step in range(40):
    agent.act(numpy.sin(numpy.arange(3) + step))
    overlay.draw(screen)
    agent.observe(step % 7 - 2.5, terminated=step % 10 == 9)
overlay.draw(screen)
print("pygame-ce" if getattr(pygame, "IS_CE", False) else "pygame", pygame.get_sdl_version()[0])
print(base64.b64encode(pygame.image.tobytes(screen, "RGB")).decode())
"""


def run(*command: str | Path) -> str:
    done = subprocess.run(
        [str(word) for word in command], cwd=ROOT, capture_output=True, text=True, check=False, timeout=900
    )
    assert done.returncode == 0, f"{command} failed:\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done.stdout


@pytest.fixture(scope="module", params=["pygame", "pygame-ce"])
def library_and_python(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """A drawing library, and the Python of an environment with it, the SDK and pytest alone."""
    folder = tmp_path_factory.mktemp("with") / "venv"
    python = folder / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    run(sys.executable, "-m", "venv", folder)
    run(python, "-m", "pip", "install", "--quiet", "-c", "constraints.txt", f"{request.param}>=2.5", "./sdk", "pytest")
    return request.param, python


def drawn(python: Path) -> tuple[str, np.ndarray]:
    """The library that drew, and the picture as float (400, 300, 3)."""
    bundle = ROOT / "tests" / "sdk" / "fixtures" / "recurrent.onnx"
    name, text = run(python, "-c", DRAWING, bundle).splitlines()[-2:]
    return name, np.frombuffer(base64.b64decode(text), np.uint8).reshape(400, 300, 3).astype(float)


@pytest.mark.slow
def test_the_overlay_s_tests_pass_with_either_library(library_and_python: tuple[str, Path]) -> None:
    _, python = library_and_python
    words = run(python, "-m", "pytest", "tests/sdk/test_overlay.py", "-p", "no:cacheprovider", "-q")
    assert "passed" in words
    assert "skipped" not in words


@pytest.mark.slow
def test_either_library_draws_what_the_one_installed_here_draws(library_and_python: tuple[str, Path]) -> None:
    library, python = library_and_python
    pytest.importorskip("pygame", reason="neither pygame nor pygame-ce is installed here to compare with")
    name, picture = drawn(python)
    _, here = drawn(Path(sys.executable))
    assert name == f"{library} 2"
    for bar in BARS:
        theirs, ours = ((pixels[PLAIN] == bar).all(axis=2) for pixels in (picture, here))
        assert ours.sum() > 30
        assert (theirs != ours).sum() < 30  # where the truth's pointers stand before a bar, by a pixel
    assert (picture != here).any(axis=2).mean() < 0.1  # letters are shaped otherwise, by a pixel
