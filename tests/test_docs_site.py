"""The documentation site builds without a warning, needs no network, and shows every public name and setting."""

import importlib
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from gameagent.config import settings_by_name
from gameagent.methods.registry import METHODS

ROOT = Path(__file__).parents[1]
REFERENCE = {"gameagent": "gameagent", "gameagent_games": "games", "gameagent_sdk": "sdk"}

pytestmark = pytest.mark.slow


class Page(HTMLParser):
    """What a built page holds: the anchors it has, the links it makes, and the files it loads."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value for name, value in attrs if value}
        self.anchors.update(found[name] for name in ("id", "name") if name in found)
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        if tag in ("link", "script", "img"):
            self.loads.extend(found[name] for name in ("src", "href") if name in found)


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The built site's folder, and what the builder printed."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT, env=os.environ | {"NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return folder, done.stderr


@pytest.fixture(scope="module")
def pages(build: tuple[Path, str]) -> dict[Path, Page]:
    return {path: Page(path) for path in build[0].rglob("*.html") if path.name != "404.html"}


def test_the_site_builds_without_a_warning(build: tuple[Path, str], pages: dict[Path, Page]) -> None:
    assert "WARNING" not in build[1]
    assert len(pages) > 15


def test_every_internal_link_leads_to_a_page_and_an_anchor(pages: dict[Path, Page]) -> None:
    broken = []
    for path, page in pages.items():
        for link in page.links:
            target, _, anchor = link.partition("#")
            if re.match(r"\w+:", target):
                continue
            there = (path.parent / target).resolve() if target else path
            if there.is_dir():
                there /= "index.html"
            if not there.is_file() or (anchor and there in pages and anchor not in pages[there].anchors):
                broken.append(f"{path.name}: {link}")
    assert broken == []


def test_a_reader_without_a_network_misses_nothing(pages: dict[Path, Page]) -> None:
    missing = [
        f"{path.name}: {name}"
        for path, page in pages.items()
        for name in page.loads
        if re.match(r"(\w+:)?//", name) or not (path.parent / name.partition("?")[0]).is_file()
    ]
    assert missing == []


@pytest.mark.parametrize("package", REFERENCE)
def test_the_reference_has_every_public_name(package: str, build: tuple[Path, str], pages: dict[Path, Page]) -> None:
    page = pages[build[0] / "docs" / "reference" / f"{REFERENCE[package]}.html"]
    names = [name for name in importlib.import_module(package).__all__ if not name.startswith("__")]
    assert [name for name in names if f"{package}.{name}" not in page.anchors] == []


def test_the_settings_page_explains_every_setting(build: tuple[Path, str]) -> None:
    text = (build[0] / "docs" / "reference" / "settings.html").read_text(encoding="utf-8")
    names = {name for method in METHODS for name in settings_by_name(method)} - {"family"}
    assert len(names) > 30
    assert [name for name in sorted(names) if f"<code>{name}</code>" not in text] == []


def test_the_commands_page_has_the_help_of_every_command(pages: dict[Path, Page], build: tuple[Path, str]) -> None:
    page = pages[build[0] / "docs" / "reference" / "commands.html"]
    names = {"families", "variants", "check", "train", "evaluate", "export", "inspect", "bench", "play", "new"}
    assert names <= page.anchors


def test_docstrings_name_things_in_backticks_alone(build: tuple[Path, str]) -> None:
    reference = (build[0] / "docs" / "reference").glob("*.html")
    assert [
        path.name for path in reference if re.search(r":(class|func|meth|mod|attr|data):", path.read_text("utf-8"))
    ] == []
