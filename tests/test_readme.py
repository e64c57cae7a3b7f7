"""What the documents tell a reader to type works where it stands, in the order it stands.

A document is walked block by block in an empty folder. A Python block that begins with a path in a comment is written
to that file; any other one is executed, sharing its names with those before it. The lines of a console block that
start with ``$ `` are run as commands, and ``cd`` changes the folder for all that follow. A diff that names its files
is applied. Nothing is changed but for `SHORTENED`, and nothing is left out but for `ELSEWHERE`, whose entries name the
test that runs them.
"""

import os
import re
import shlex
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from gameagent.settings import parse_count
from gameagent_games.registry import built_in_names, family_folder
from gameagent_sdk import Bundle
from site_folder import make_site_folder
from test_imports import ROOMS

ROOT = Path(__file__).parents[1]

INSTALLED = "installed"  # folder of a walk whose packages its commands find, as if installed beside the others
PIP_INSTALL = f"python -m pip install --no-deps --no-build-isolation --target ../{INSTALLED} -e ."
SHORTENED = (
    (r"--steps \S+", "--steps 20k"),  # training budgets: an update or two
    (r'steps="\w+"', 'steps="20k"'),
    (r"(?m)^(gameagent (?:evaluate|export) (?!.*--(?:profile|variants)).*)$", r"\1 --variants 40"),
    (r"run\.evaluate\(\)", "run.evaluate(num_variants=40)"),
    (r'run\.export\("([\w.-]+)"\)', r'run.export("\1", num_variants=40)'),
    (r"(?m)^(gameagent play (?!.*--headless).*)$", r"\1 --headless --episodes 1"),  # no window, and an end
    (r"^pip install -e \.$", PIP_INSTALL),
)
ELSEWHERE = {
    "python tools/dev.py demo": ("tests/tools/test_dev.py", "test_the_demo_in_small"),
    "python tools/dev.py test": (".ci/run", "tools/dev.py test"),
    "python tools/dev.py lint": ("tools/dev.py", "    lint()"),  # a part of `test`
    "python tools/dev.py setup": ("tools/dev.py", "        setup()"),  # comes before every other command
    "gameagent play my_game --by-hand": ("tests/games/test_scaffold.py", "test_a_person_plays_it_with_arrow_keys"),
    "python tools/dev.py docs": ("tests/test_docs_site.py", "test_the_site_builds_without_a_warning"),
    "sdk/README.md": ("tests/sdk/test_public_names.py", "test_the_readme_s_examples_run"),
    "games/gameagent_games/scaffold/template/README.md": (
        "tests/test_readme.py",
        "test_a_new_games_page_says_what_the_tutorial_does",
    ),
    "sdk/examples/spot_kick/README.md": ("tests/examples/test_spot_kick.py", "test_the_agent_costs_ten_lines"),
}
ELSEWHERE |= {
    f"games/gameagent_games/families/{name}/README.md": (
        "tests/test_readme.py",
        "test_a_familys_page_has_the_commands_that_made_its_agent",
    )
    for name in built_in_names()
    if (family_folder(name) / "agent.onnx").is_file()
}
WALKED = (
    "README.md", "CONTRIBUTING.md", "docs/quickstart.md", "docs/first-game.md", "docs/designing.md",
    "docs/rule-files.md", "docs/titles.md", "docs/environments.md", "docs/training.md", "docs/engines.md",
    "games/README.md",
)  # fmt: skip


def documents() -> list[str]:
    """Every Markdown file that git knows of or would add."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    return [name for name in listed if (ROOT / name).is_file()]


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(name: str) -> list[tuple[str, str]]:
    """The language and text of a document's fenced blocks, in order."""
    return re.findall(r"^```(\w+)\n(.*?)^```", read(name), re.M | re.S)


def commands(block: str) -> list[str]:
    """What a reader types: the lines that start with ``$ ``, without comments."""
    return [line[2:].split("  #")[0].strip() for line in block.splitlines() if line.startswith("$ ")]


def shortened(text: str) -> str:
    for pattern, replacement in SHORTENED:
        text = re.sub(pattern, replacement, text)
    return text


def run(command: str, folder: Path, installed: Path, typed: str | None = None) -> None:
    environment = os.environ | {
        "SDL_VIDEODRIVER": "dummy",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
        "PYTHONPATH": f"{installed}{os.pathsep}{os.environ.get('PYTHONPATH', '')}".rstrip(os.pathsep),
    }
    done = subprocess.run(
        shlex.split(command), cwd=folder, env=environment, input=typed, capture_output=True, text=True, timeout=300,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"


def walk(name: str, folder: Path) -> None:
    """Does what a document says, in the current folder."""
    names: dict[str, Any] = {"__name__": "walked"}
    installed = folder / INSTALLED
    make_site_folder(installed)
    for language, block in blocks(name):
        if language in ("console", "bash"):
            for command in commands(block):
                if command.startswith("cd "):
                    folder = folder / command[3:]
                elif command not in ELSEWHERE:
                    run(shortened(command), folder, installed)
        elif language == "diff" and block.startswith("--- "):
            run("git apply", folder, installed, typed=block)
        elif named := re.match(r"# ([\w/-]+\.(?:py|toml))\n", block):
            path = folder / named[1]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(shortened(block), encoding="utf-8")
        elif language == "python":
            exec(compile(shortened(block), name, "exec"), names)


@pytest.mark.slow
@pytest.mark.parametrize("name", WALKED)
def test_a_document_does_what_it_says(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert blocks(name)
    monkeypatch.chdir(tmp_path)
    walk(name, tmp_path)


def test_every_document_with_code_is_walked() -> None:
    with_code = {name for name in documents() if {"python", "console", "bash"} & dict(blocks(name)).keys()}
    assert with_code == {*WALKED, *(name for name in ELSEWHERE if name.endswith(".md"))}


def test_what_is_run_elsewhere_is_run_there() -> None:
    typed = {command for name in WALKED for _, block in blocks(name) for command in commands(block)}
    for command, (place, proof) in ELSEWHERE.items():
        assert proof in read(place), command
        assert command in typed or (ROOT / command).is_file(), f"no document says {command!r} any more"


@pytest.mark.parametrize("name", [name for name in ELSEWHERE if "/families/" in name])
def test_a_familys_page_has_the_commands_that_made_its_agent(name: str) -> None:
    train, export = (shlex.split(command) for _, block in blocks(name) for command in commands(block))
    bundle = ROOT / name.replace("README.md", "agent.onnx")
    assert ROOT / export[-1] == bundle
    assert export[:3] == ["gameagent", "export", train[train.index("--out") + 1]]
    config = Bundle.read(bundle).manifest.training["config"]
    assert train[2] == config["family"]
    assert parse_count(train[train.index("--steps") + 1]) == config["steps"]
    assert int(train[train.index("--seed") + 1]) == config["seed"]


def test_a_new_games_page_says_what_the_tutorial_does() -> None:
    """So its commands are run where the tutorial's are, which also names a seed and a picture."""

    def typed(name: str) -> set[str]:
        lines = [command for _, block in blocks(name) for command in commands(block)]
        return {re.sub(r" --(?:seed|plot) \S+", "", line) for line in lines}

    page = typed("games/gameagent_games/scaffold/template/README.md")
    assert len(page) == 7
    assert page <= typed("docs/first-game.md")


def test_a_document_that_is_wrong_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The order counts, so a block that needs a later one fails."""
    monkeypatch.chdir(tmp_path)
    made, used = "```python\n# made.py\nprint(1)\n```\n", "```console\n$ python made.py\n```\n"
    for text, works in ((used + made, False), (made + used, True)):
        monkeypatch.setattr(sys.modules[__name__], "read", lambda name, text=text: text)
        with nullcontext() if works else pytest.raises(AssertionError, match=r"python made\.py"):
            walk("made.md", tmp_path)


def test_the_readme_is_short() -> None:
    assert len(read("README.md").splitlines()) <= 120


def test_the_readme_shows_the_ten_lines_of_the_title() -> None:
    diff = read("sdk/examples/spot_kick/agent.diff").splitlines()
    changed = [line for line in diff if line[0] in "+-" and not line.startswith(("+++", "---"))]
    assert dict(blocks("README.md"))["diff"].splitlines() == changed


@pytest.mark.parametrize("name", documents())
def test_links_lead_somewhere(name: str) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)", read(name))
    missing = [
        target for target in targets if "://" not in target and not (ROOT / name).parent.joinpath(target).exists()
    ]
    assert missing == []


@pytest.mark.parametrize("name", documents())
def test_places_in_the_repository_exist(name: str) -> None:
    """Whatever is named by its path from the root, such as ``tests/test_readme.py``, or from the document's folder."""
    tops = "|".join(("gameagent/", "games/gameagent_games/", "sdk/", "tests/", "tools/", "docs/", r"\.github/"))
    named = re.findall(rf"`((?:{tops})[\w./-]*)`", read(name))
    roots = (ROOT, (ROOT / name).parent)
    assert [place for place in named if not any((root / place).exists() for root in roots)] == []


def test_architecture_says_where_to_look() -> None:
    rows = [line for line in read("ARCHITECTURE.md").split("## Where to look")[1].splitlines() if line.startswith("| ")]
    assert len(rows) > 20
    for row in rows[2:]:
        places = re.findall(r"`([^`]+)`", row.split("|")[-2])
        assert places
        assert [place for place in places if not (ROOT / place).exists()] == [], row


def test_architecture_has_the_rooms_of_the_sdk_in_order() -> None:
    picture = read("ARCHITECTURE.md").split("The SDK's rooms")[1].split("| games |")[0]
    named = re.findall(r"(?<=← )\w+|^    \w+|(?<=, )\w+$", picture, re.M)
    modules = [room for room in ROOMS["gameagent_sdk"] if isinstance(room, str) and room]
    order = [room for room in modules if (ROOT / "sdk" / "gameagent_sdk" / room).is_dir()]
    rooms = [name.strip() for name in named if (ROOT / "sdk" / "gameagent_sdk" / name.strip()).is_dir()]
    assert rooms == order
