#!/usr/bin/env python3
"""One command for everything: set up, check, measure, show. Needs Python 3.11 or newer and nothing else.

    python tools/dev.py demo     train an agent in minutes, export it, watch it learn without torch
    python tools/dev.py test     all checks: ruff, mypy, pytest; what follows goes to pytest, such as -k simulator
    python tools/dev.py test --fast    the quick part of them: some four minutes on two cores
    python tools/dev.py lint     ruff and mypy alone
    python tools/dev.py docs     build the documentation site into build/site
    python tools/dev.py bench    the benchmarks in tools/bench_*.py
    python tools/dev.py setup    make .venv and install

Every command sets up first: it makes .venv beside this repository's pyproject.toml and installs the three packages
there, editable, under constraints.txt. That is skipped while none of these files has changed.
"""

from __future__ import annotations  # so that an older Python gets as far as being told that it is too old

import argparse
import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
SCRIPTS = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = SCRIPTS / ("python.exe" if os.name == "nt" else "python")
STAMP = VENV / ".gameagent-setup"  # written last, so that a setup cut short is done again
CONSTRAINTS = ROOT / "constraints.txt"
PYPROJECTS = tuple(ROOT / folder / "pyproject.toml" for folder in ("sdk", "games", "."))
OLDEST_PYTHON = (3, 11)
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
INTERRUPTED = 130  # the exit status of a command ended by Ctrl-C
GRACE = 60.0  # seconds that an interrupted child has to save its work

DEMO = ROOT / "runs" / "demo"
DEMO_STEPS = "3M"  # three to five minutes on two cores
DEMO_VARIANTS = 1000


class DevError(Exception):
    """What went wrong and what to do about it, in a line or two."""


# -- running children -----------------------------------------------------------------------------------------


def run(*command: str | Path) -> int:
    """Runs a command from the repository's root and returns its exit status.

    On Ctrl-C the child has got the same signal: it is given time to save its work.
    """
    process = subprocess.Popen([str(word) for word in command], cwd=ROOT, env=environment())
    try:
        return process.wait()
    except KeyboardInterrupt:
        with contextlib.suppress(subprocess.TimeoutExpired):
            try:
                process.wait(GRACE)
            finally:  # where it took too long, or Ctrl-C came a second time
                process.kill()
        raise


def environment() -> dict[str, str]:
    """This process's environment with one thread for each numeric library: our processes are the parallelism."""
    return dict.fromkeys(THREADS, "1") | dict(os.environ) | {"PYTHONUTF8": "1", "NO_MKDOCS_2_WARNING": "1"}


def available_cores() -> int:
    """Cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on every platform
        return os.cpu_count() or 1


def must(*command: str | Path) -> None:
    """Runs a command that the next one depends on.

    Raises:
        SystemExit: with the command's own exit status, as it has said itself what is wrong.
    """
    if status := run(*command):
        raise SystemExit(status)


def say(text: str) -> None:
    """Prints a line at once, in order with what child processes print."""
    print(text, flush=True)


# -- setup ----------------------------------------------------------------------------------------------------


def setup() -> None:
    """Makes .venv and installs into it, unless that is done already."""
    if not python_works():
        make_venv()
    fingerprint = setup_fingerprint()
    if STAMP.is_file() and STAMP.read_text(encoding="utf-8") == fingerprint:
        return
    STAMP.unlink(missing_ok=True)
    torch = next(line for line in CONSTRAINTS.read_text(encoding="utf-8").splitlines() if line.startswith("torch=="))
    say(f"Installing into {VENV}: first {torch} (some minutes the first time), then the rest.")
    pip_install(torch)  # on its own: no other requirement gets a say in which build of it is taken
    pip_install("-e", "./sdk", "-e", "./games", "-e", ".[all,dev,docs]")
    STAMP.write_text(fingerprint, encoding="utf-8")
    say("Installed.")


def python_works() -> bool:
    """Whether .venv has a Python that starts (one made by a Python that is gone does not) and has pip."""
    try:
        done = subprocess.run([PYTHON, "-c", "import pip"], capture_output=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def make_venv() -> None:
    """Makes .venv with the Python that runs this file."""
    try:
        import ensurepip  # noqa: F401  (Debian and Ubuntu leave it out of python3)
        import venv
    except ImportError:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        raise DevError(
            f"{sys.executable} cannot make virtual environments (no venv or ensurepip module): "
            f"install them, on Debian or Ubuntu with 'apt install python{version}-venv', and try again"
        ) from None
    say(f"Making {VENV} with Python {sys.version.split()[0]}.")
    try:
        venv.create(VENV, clear=True, with_pip=True, symlinks=os.name != "nt")
    except (OSError, subprocess.CalledProcessError) as error:
        raise DevError(f"{VENV} could not be made ({error}): remove that folder and try again") from None


def pip_install(*requirements: str) -> None:
    """Installs under the constraints; says little where nobody watches."""
    quiet = () if sys.stdout.isatty() else ("--quiet",)
    pip = (PYTHON, "-m", "pip", "--disable-pip-version-check", "--no-input")
    if run(*pip, "install", *quiet, "-c", CONSTRAINTS, *requirements):
        raise DevError(
            f"pip could not install {' '.join(requirements)}; its own message stands above. Is there a network and "
            "some free disk? Is this Python newer than the pinned packages know? Then run the same command again: "
            "it goes on where it stopped."
        )


def setup_fingerprint() -> str:
    """A hash of all that decides what is installed; pyvenv.cfg names the Python."""
    digest = hashlib.sha256()
    for path in (*PYPROJECTS, CONSTRAINTS, VENV / "pyvenv.cfg"):
        digest.update(path.read_bytes())
    return digest.hexdigest()


# -- commands -------------------------------------------------------------------------------------------------


def lint() -> None:
    """Ruff's checks, its formatting, and mypy."""
    must(PYTHON, "-m", "ruff", "check", ".")
    must(PYTHON, "-m", "ruff", "format", "--check", ".")
    must(PYTHON, "-m", "mypy")


def test(pytest_arguments: Sequence[str]) -> None:
    """The cheap checks first; pytest's summary is the last line.

    Without arguments the tests run side by side, one process for each core; those that measure time follow alone. So
    do those that --fast chooses (see tests/conftest.py). Other arguments go to a single process.
    """
    lint()
    side_by_side = ("-n", str(available_cores()), "--dist", "worksteal")
    if list(pytest_arguments) == ["--fast"]:
        must(PYTHON, "-m", "pytest", *side_by_side, "--fast")
    elif pytest_arguments:
        must(PYTHON, "-m", "pytest", *pytest_arguments)
    else:
        must(PYTHON, "-m", "pytest", *side_by_side, "-m", "not quiet")
        must(PYTHON, "-m", "pytest", "-m", "quiet")


def bench() -> None:
    """Runs every tools/bench_*.py."""
    for script in sorted((ROOT / "tools").glob("bench_*.py")):
        say(f"\n{script.name}")
        must(PYTHON, script)


def docs() -> None:
    """Builds the documentation site; a warning or a broken link is an error."""
    must(PYTHON, "-m", "mkdocs", "build", "--strict")
    say("\nOpen build/site/index.html, or, to search it too: python -m http.server --directory build/site")


def demo(steps: str, num_variants: int, fresh: bool) -> None:
    """Trains forage, exports it, and lets it play variants it has never seen in a process without torch."""
    gameagent = SCRIPTS / ("gameagent.exe" if os.name == "nt" else "gameagent")
    bundle, plot, picture = DEMO / "forage.onnx", DEMO / "adaptation.png", DEMO / "forage.png"
    if fresh:
        shutil.rmtree(DEMO, ignore_errors=True)
    resume = ["--resume"] if (DEMO / "run.json").exists() else []
    if resume:
        say(f"{DEMO} holds a run already: it goes on from there. 'dev.py demo --fresh' starts over.")
    say("\n1/3  Train: a creature that must taste to learn what is food and what is poison.")
    must(gameagent, "train", "forage", "--out", DEMO, "--steps", steps, "--seed", "0", *resume)
    say("\n2/3  Export: one file, checked against torch on whole trials.")
    must(gameagent, "export", DEMO, bundle)
    say("\n3/3  Play variants that training never saw, in a process without torch.")
    must(PYTHON, ROOT / "tools" / "demo_play.py", bundle, "--variants", str(num_variants), "--plot", plot)
    play = ("-m", "gameagent_games.play.main", "forage", "--agent", bundle, "--headless", "--episodes", "4")
    must(PYTHON, *play, "--screenshot", picture)
    say(what_next(bundle, plot, picture))


def what_next(bundle: Path, plot: Path, picture: Path) -> str:
    """The demo's last words: what it made and what to type."""
    gameagent, short = (os.path.relpath(path, ROOT) for path in (SCRIPTS / "gameagent", bundle))
    return f"""
The agent      {bundle}
The curve      {plot}
A screenshot   {picture}

What to type next, in {ROOT}:

  {gameagent} play forage --agent {short}
      watch it in a window, or take over with the arrow keys
  {gameagent} evaluate {short}
      the whole report on held-out variants
  {gameagent} inspect {short}
      what the file says about itself
  {gameagent} train forage --out runs/forage --baselines
      a better agent, beside its baselines"""


def parse(arguments: Sequence[str] | None) -> tuple[argparse.Namespace, list[str]]:
    """The command, its options, and arguments meant for pytest."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("setup", help="make .venv and install")
    commands.add_parser("test", help="all checks, or --fast ones; further arguments go to pytest", add_help=False)
    commands.add_parser("lint", help="ruff and mypy")
    commands.add_parser("docs", help="the documentation site, in build/site")
    commands.add_parser("bench", help="the benchmarks in tools/bench_*.py")
    demo_parser = commands.add_parser("demo", help="train, export, play")
    demo_parser.add_argument("--steps", default=DEMO_STEPS, help="training steps (default: %(default)s)")
    demo_parser.add_argument("--variants", type=int, default=DEMO_VARIANTS, help="to play (default: %(default)s)")
    demo_parser.add_argument("--fresh", action="store_true", help="remove runs/demo and train from the start")
    options, rest = parser.parse_known_args(arguments)
    if rest and options.command != "test":
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    return options, rest


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command and returns the exit status."""
    options, rest = parse(arguments)
    try:
        if sys.version_info < OLDEST_PYTHON:
            oldest = ".".join(map(str, OLDEST_PYTHON))
            raise DevError(f"Python {oldest} or newer is needed, this is {sys.version.split()[0]}: install one")
        setup()
        if options.command == "test":
            test(rest)
        elif options.command == "lint":
            lint()
        elif options.command == "docs":
            docs()
        elif options.command == "bench":
            bench()
        elif options.command == "demo":
            demo(options.steps, options.variants, options.fresh)
    except DevError as error:
        print(f"dev.py: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ndev.py: interrupted; the same command goes on from here.", file=sys.stderr)
        return INTERRUPTED
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
