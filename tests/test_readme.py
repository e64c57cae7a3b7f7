"""What the documents tell a reader to type works: commands and code are taken from them and run.

Commands run in a folder of their own, in the order of the document, as written but for `SHORTENED`: a reader's
training budget and window are swapped for small ones. Commands in `ELSEWHERE` are run by the place that is named.
"""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
CONTRIBUTING = ROOT / "CONTRIBUTING.md"

SHORTENED = (
    (r"--steps \S+", "--steps 60k"),  # enough for an update or two
    (r"^(gameagent (?:evaluate|export) (?!.*--(?:profile|variants)).*)$", r"\1 --variants 40"),
    (r"^(gameagent play .*)$", r"\1 --headless --episodes 1"),  # no window, and an end
)
ELSEWHERE = {
    "python tools/dev.py demo": ("tests/tools/test_dev.py", "test_the_demo_in_small"),
    "python tools/dev.py test": (".ci/run", "tools/dev.py test"),
    "python tools/dev.py lint": ("tools/dev.py", "    lint()"),  # a part of `test`
}


def blocks(document: Path, *languages: str) -> list[str]:
    """The fenced blocks of a document in some languages, in order."""
    text = document.read_text(encoding="utf-8")
    return [body for language, body in re.findall(r"^```(\w+)\n(.*?)^```", text, re.M | re.S) if language in languages]


def commands(document: Path) -> list[str]:
    """What a reader types: the lines that start with ``$ ``."""
    lines = [line for block in blocks(document, "console", "bash") for line in block.splitlines()]
    return [line.removeprefix("$ ").split("  #")[0].strip() for line in lines if line.startswith("$ ")]


def named_files(document: Path) -> dict[str, str]:
    """Blocks that begin with a path in a comment are files of that path."""
    found = {}
    for block in blocks(document, "python", "toml"):
        if named := re.match(r"# ([\w/-]+\.(?:py|toml))\n", block):
            found[named[1]] = block
    return found


def snippets(document: Path) -> list[str]:
    """The other Python blocks."""
    return [block for block in blocks(document, "python") if block not in named_files(document).values()]


def run(command: list[str], folder: Path) -> str:
    environment = os.environ | {
        "SDL_VIDEODRIVER": "dummy",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
    }
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, f"{shlex.join(command)}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


def write_files(document: Path, folder: Path) -> None:
    for name, text in named_files(document).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def test_every_command_is_run_somewhere() -> None:
    for document in (README, CONTRIBUTING):
        for command in commands(document):
            if command in ELSEWHERE:
                path, proof = ELSEWHERE[command]
                assert proof in (ROOT / path).read_text(encoding="utf-8"), command
            else:
                assert shlex.split(command)[0] in ("gameagent", "python", "torchrun"), f"{command!r} is run by nobody"


@pytest.mark.slow
@pytest.mark.parametrize("document", [README, CONTRIBUTING], ids=lambda path: path.name)
def test_a_documents_commands_and_code_run(document: Path, tmp_path: Path) -> None:
    write_files(document, tmp_path)
    for command in commands(document):
        if command in ELSEWHERE:
            continue
        for pattern, replacement in SHORTENED:
            command = re.sub(pattern, replacement, command)
        run(shlex.split(command), tmp_path)
    for snippet in snippets(document):
        run([sys.executable, "-c", snippet], tmp_path)


@pytest.mark.parametrize("document", sorted(ROOT.glob("*.md")), ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)[^)]*\)", document.read_text(encoding="utf-8"))
    missing = [target for target in targets if "://" not in target and not (document.parent / target).exists()]
    assert missing == []


def test_architecture_names_files_that_exist() -> None:
    table = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8").split("## Where to look")[1]
    for line in table.splitlines():
        folder = ROOT
        for name in re.findall(
            r"`([^`]+)`", line.split("|")[-2] if "|" in line else ""
        ):  # a bare one lies beside the last
            beside = folder / name
            path = beside if beside.exists() else ROOT / name
            assert path.exists(), f"{name} in: {line}"
            folder = path.parent
