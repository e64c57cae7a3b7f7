"""A game of few variants from training to export: nothing can be held out, and everything says so."""

# mypy: disable-error-code="index"

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from gameagent.cli import main
from gameagent.judging.evaluate import held_out
from gameagent_sdk import Bundle

FAMILY = """
import numpy as np
from gameagent_games import Choice, Family, Feature, Integers, Rule, Rules, Uniform, VariantSpace, state_type


def start(state, variant):
    state.pulls = 0


def step(state, variant, actions, rewards):
    rewards[0] = 1.0 if actions[0] == variant.best else 0.0
    return True


def observe(state, variant, seat, observation):
    observation[0] = 1.0


def make(*rules):
    return Family(
        name="few", summary="find the arm that pays", space=VariantSpace(rules),
        source=Rules(start, step, observe, state=state_type([("pulls", np.int64)])),
        features=(Feature("constant", low=0.0, high=1.0),), actions=("a", "b"), max_steps=1, num_episodes=3,
    )


TWO = make(Rule("best", Choice((0, 1))))
TEN = make(Rule("best", Choice((0, 1))), Rule("idle", Integers(1, 5)))
MANY = make(Rule("best", Choice((0, 1))), Rule("idle", Uniform((0.0, 1.0))))
"""
TINY = ["--steps", "400", "--set", "num_games=16", "--set", "hidden_size=4", "--set", "num_processes=1"]


@pytest.fixture
def ran(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs a command in a folder where ``few.py`` is, and returns what it printed."""
    (tmp_path / "few.py").write_text(FAMILY, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "few", raising=False)

    def run(*arguments: str) -> str:
        code = main(list(arguments))
        out, err = capsys.readouterr()
        assert code == 0, err
        return " ".join(out.split())

    return run


@pytest.mark.slow
@pytest.mark.parametrize(("name", "num"), [("TWO", 2), ("TEN", 10)])
def test_few_variants_are_all_used(ran: Any, tmp_path: Path, name: str, num: int) -> None:
    said = ran("train", f"few:{name}", "--out", "run", *TINY)
    assert f"has {num} variants, too few to hold any out: all of them are trained on" in said
    ran("evaluate", "run", "--variants", "20", "--json", "curve.json")
    report = json.loads((tmp_path / "curve.json").read_text())
    assert (report["split"], report["held_out"]) == ("all", "variants that training drew from, too")
    ran("export", "run", "few.onnx", "--variants", "20")
    for more in ([], ["--split", "test"]):
        ran("evaluate", "few.onnx", "--family", f"few:{name}", "--variants", "20", "--json", "curve.json", *more)
        report = json.loads((tmp_path / "curve.json").read_text())
        assert (report["split"], report["held_out"]) == ("all", "variants that training drew from, too")
    assert Bundle.read("few.onnx").manifest.evaluation["split"] == "all"


@pytest.mark.slow
def test_held_out_variants_are_said_to_be_held_out_as_in_training(ran: Any, tmp_path: Path) -> None:
    assert "too few" not in ran("train", "few:MANY", "--out", "run", *TINY)
    ran("evaluate", "run", "--variants", "20", "--json", "curve.json")
    report = json.loads((tmp_path / "curve.json").read_text())
    assert (report["split"], report["held_out"]) == ("test", "combinations of rule values that training never drew")
    description = json.loads((tmp_path / "run" / "run.json").read_text())
    assert description["splits"] == "combinations-2"
    del description["splits"]  # as a run from before the scheme was written down
    (tmp_path / "run" / "run.json").write_text(json.dumps(description))
    ran("export", "run", "old.onnx", "--variants", "0")
    import few  # type: ignore[import-not-found]

    said = held_out(Bundle.read("old.onnx"), few.MANY, "test")
    assert said == "held out differently than in training (combinations-1, now combinations-2): it met some of them"
