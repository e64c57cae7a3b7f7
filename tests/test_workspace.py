"""One version, one licence, one way to set up: what the three distributions share."""

# mypy: disable-error-code="no-any-return"

import ast
import importlib
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
DISTRIBUTIONS = {"gameagent-sdk": ROOT / "sdk", "gameagent-games": ROOT / "games", "gameagent": ROOT}
FOLDERS = {name: folder / name.replace("-", "_") for name, folder in DISTRIBUTIONS.items()}
DEV = ROOT / "tools" / "dev.py"


def project(name: str) -> dict[str, Any]:
    table: dict[str, Any] = tomllib.loads((DISTRIBUTIONS[name] / "pyproject.toml").read_text(encoding="utf-8"))
    return table["project"]


def requirements() -> set[tuple[str, str]]:
    """(name, the rest) of every direct requirement, extras included."""
    lines = [
        line
        for name in DISTRIBUTIONS
        for lines in (project(name)["dependencies"], *project(name).get("optional-dependencies", {}).values())
        for line in lines
    ]
    parsed = [re.fullmatch(r"([A-Za-z0-9._-]+)(?:\[[^]]*\])?([^;]*)(?:;.*)?", line) for line in lines]
    return {(match[1].lower(), match[2]) for match in parsed if match}


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return dict(line.split("==") for line in lines if line and not line.startswith("#"))


def tracked_texts() -> list[Path]:
    """The files that git knows of or would add, which are text."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split("\0")  # fmt: skip
    paths = [ROOT / name for name in listed if name]
    return [path for path in paths if path.is_file() and b"\0" not in path.read_bytes()[:8192]]


def test_one_version_everywhere() -> None:
    versions = {name: project(name)["version"] for name in DISTRIBUTIONS}
    versions |= {
        f"{folder.name}.__version__": importlib.import_module(folder.name).__version__ for folder in FOLDERS.values()
    }
    assert len(set(versions.values())) == 1, versions
    version = versions["gameagent"]
    assert f"[{version}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"\nversion: {version}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    inner = [rest for name, rest in requirements() if name in DISTRIBUTIONS]
    assert inner
    assert set(inner) == {f"=={version}"}


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_a_distribution_is_complete(name: str) -> None:
    folder, table = DISTRIBUTIONS[name], project(name)
    assert table["license"] == "MIT"
    assert (folder / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
    assert (folder / table["readme"]).read_text(encoding="utf-8").strip()
    assert table["requires-python"] == ">=3.11"
    assert (FOLDERS[name] / "py.typed").exists()


def test_constraints_pin_every_direct_requirement_within_its_range() -> None:
    pinned = pins()
    for name, specifier in requirements():
        if name in DISTRIBUTIONS:
            continue
        assert name in pinned, f"constraints.txt lacks {name}"
        low, high = (bound.strip("<>=") for bound in specifier.split(","))
        assert numbers(low) <= numbers(pinned[name]) < numbers(high), f"{name}=={pinned[name]} is outside {specifier}"


def numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def test_constraints_are_exact_and_start_with_torch() -> None:
    assert next(iter(pins())) == "torch"
    for name, version in pins().items():
        assert re.fullmatch(r"[0-9][0-9.]*", version), f"{name}=={version}: no local version, no range"


def test_dev_needs_the_standard_library_alone() -> None:
    tree = ast.parse(DEV.read_text(encoding="utf-8"))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.split(".")[0] for name in names} <= sys.stdlib_module_names


def test_dev_reaches_its_version_check_on_an_older_python() -> None:
    ast.parse(DEV.read_text(encoding="utf-8"), feature_version=(3, 8))


def test_dev_explains_itself_from_anywhere(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, DEV, "--help"], cwd=tmp_path, capture_output=True, text=True, check=True)
    for command in ("demo", "test", "lint", "docs", "bench", "setup"):
        assert f"dev.py {command}" in done.stdout


def test_ci_runs_dev() -> None:
    script = ROOT / ".ci" / "run"
    assert "tools/dev.py test" in script.read_text(encoding="utf-8")
    assert os.name == "nt" or os.access(script, os.X_OK)


def test_no_file_names_a_machine() -> None:
    """No absolute path of someone's machine and no package index: the repository works wherever it lies."""
    folders = "|".join(["home", "work", "Users", "root", "opt"])
    hosts = "|".join(["pypi", "pythonhosted", r"download\.pytorch"])
    machine = re.compile(rf"(?<![\w.~-])/(?:{folders})/[\w.]|\b(?:{hosts})\.org", re.IGNORECASE)
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in tracked_texts()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if machine.search(line) and path != Path(__file__)
    ]
    assert found == []
