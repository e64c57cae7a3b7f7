"""What the package's README shows works: its Python blocks run in order, as one program."""

import re
from pathlib import Path

import pytest

README = Path(__file__).parents[2] / "games" / "README.md"


def test_the_tour_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```python\n(.*?)^```", README.read_text(encoding="utf-8"), re.M | re.S)
    assert len(blocks) >= 4
    names = {"__name__": "tour"}
    for block in blocks:
        exec(compile(block, str(README), "exec"), names)


def test_every_link_and_family_is_there() -> None:
    text = README.read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#]+)\)", text)
    assert links
    for link in links:
        assert (README.parent / link).is_file(), link
