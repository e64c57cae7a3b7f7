"""Which files the documentation site shows, and the pages that are made from code: the hooks of ``mkdocs.yml``.

Every page keeps its place in the repository: ``README.md`` is the home page, ``sdk/README.md`` lies in ``sdk/``. So a
text exists once, and its relative links work in an editor, on a repository's web page and on the site.
"""

import contextlib
import io
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from gameagent.cli import main
from gameagent.commands.settings_help import allowed_values, as_typed, own_settings
from gameagent.config import shared_settings

ROOT = Path(__file__).resolve().parents[1]
LINK = re.compile(r"\]\(([^)#\s]+)")


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Replaces the files of ``docs/`` by the pages that the navigation names and the files that they link to."""
    theme = [file for file in files if file.src_dir != config.docs_dir]
    pages = list(page_names(config.nav))
    linked = {name for page in pages for name in linked_files(page)}
    styles = [name for name in config.extra_css if name.startswith("docs/")]  # the others are a plugin's own
    names = [*pages, *sorted(linked), *styles]
    made = [File.generated(config, name, abs_src_path=str(ROOT / name)) for name in names]
    return Files([*theme, *made])


def page_names(nav: Any) -> Iterator[str]:
    """Yields the paths of all pages in the navigation, in order."""
    if isinstance(nav, str):
        yield nav
    for entry in nav.values() if isinstance(nav, dict) else nav if isinstance(nav, list) else ():
        yield from page_names(entry)


def linked_files(page: str) -> Iterator[str]:
    """Yields the files other than pages that a page links to, such as pictures, by their paths in the repository."""
    for target in LINK.findall((ROOT / page).read_text(encoding="utf-8")):
        path = (ROOT / page).parent / target
        if "://" not in target and path.suffix != ".md" and path.is_file():
            yield path.resolve().relative_to(ROOT).as_posix()


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Puts what is written in code into the pages that have a mark for it; single pages need no list of pages."""
    if page.parent is None:
        page.meta["hide"] = ["navigation"]
    for mark, made in MADE.items():
        if mark in markdown:
            markdown = markdown.replace(mark, "\n".join(made()))
    return markdown


def settings_page() -> Iterator[str]:
    """Yields a table of the settings of every method, and one for each group of methods that share some."""
    shared = [one for name, one in shared_settings().items() if name != "family"]  # an argument of its own
    for title, group in (("Every method", shared), *((" and ".join(names), own) for names, own in own_settings())):
        yield from ("", f"## {title}", "", "| setting | values | default | meaning |", "| --- | --- | --- | --- |")
        for one in group:
            cells = (f"`{one.name}`", allowed_values(one), f"`{as_typed(one.default)}`", one.setting.meaning)
            yield f"| {' | '.join(cells)} |"


def commands_page() -> Iterator[str]:
    """Yields a section for each command of the command line: its own help."""
    overview = help_text()
    yield from ("```text", overview, "```")
    for command in re.findall(r"^    (\w+) +\S", overview, re.M):
        yield from ("", f"## {command}", "", "```text", help_text(command), "```")


def help_text(*command: str) -> str:
    """Returns what a command prints for ``--help``, in lines that fit the page."""
    os.environ["COLUMNS"] = "88"
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
        main([*command, "--help"])
    return printed.getvalue().rstrip()


MADE = {"<!-- settings -->": settings_page, "<!-- commands -->": commands_page}
"""What makes a page's text, by its mark."""
