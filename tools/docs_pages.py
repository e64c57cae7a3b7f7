"""Which files the documentation site shows, and the pages that are made from code: the hooks of ``mkdocs.yml``.

Every page keeps its place in the repository: ``README.md`` is the home page, ``sdk/README.md`` lies in ``sdk/``. So a
text exists once, and its relative links work in an editor, on a repository's web page and on the site.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from gameagent.commands.settings_help import explain_settings

ROOT = Path(__file__).resolve().parents[1]
SETTINGS = "<!-- settings -->"
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
    if SETTINGS not in markdown:
        return markdown
    return markdown.replace(SETTINGS, "\n".join(("```text", *explain_settings(), "```")))
