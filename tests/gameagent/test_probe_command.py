"""The probe on the command line: at the end of ``gameagent check``, and before training."""

from pathlib import Path

import pytest

from gameagent.cli import main

WALK = """
game = "probed_environments:walk"
[rules.stride]
uniform = [0.5, 2.0]
[rules.ghost]
choice = [0.0, 1.0]
[environment]
max_steps = 8
workers = 0
[environment.reach]
ghost = "attribute"
"""


@pytest.fixture
def walk(tmp_path: Path) -> str:
    """A rule file one of whose rules does nothing."""
    path = tmp_path / "walk.toml"
    path.write_text(WALK)
    return str(path)


def test_check_names_the_rule_that_does_nothing_and_fails(walk: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", walk]) == 1
    shown = capsys.readouterr()
    rows = {line.split()[0]: line for line in shown.out.splitlines() if line}
    assert "CHANGES NOTHING" in rows["ghost"]
    assert rows["stride"].endswith("shows")
    assert "has rules that change nothing: ghost" in shown.err + shown.out
    assert main(["check", walk, "--no-probe"]) == 0
    assert "probe of family" not in capsys.readouterr().out


def test_training_is_refused_before_it_starts(walk: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", walk, "--out", str(tmp_path / "run"), "--steps", "100"]) == 1
    shown = capsys.readouterr()
    assert "rule 'ghost' changes nothing" in shown.err + shown.out
    assert not (tmp_path / "run").exists()


def test_a_rule_that_is_not_needed_is_a_remark_of_rules_of_ones_own(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "small_families:RIDDLE"]) == 0
    assert "CHANGES NOTHING" in capsys.readouterr().out
