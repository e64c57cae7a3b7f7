"""Runs on a rule file: the run keeps its own copy, so that what it was trained on stays what it is."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

import gameagent
from gameagent.cli import main
from gameagent.config import make_config
from gameagent.errors import ConfigError, ExportError, RunError
from gameagent.run.folder import RunFolder
from gameagent_games import load_family
from gameagent_games.errors import GamesError
from gameagent_games.play.main import play
from gameagent_games.registry import place_of
from gameagent_games.variants.files import read_variants
from gameagent_sdk import Bundle

SMALL: dict[str, Any] = {"num_games": 8, "hidden_size": 8, "num_processes": 1, "num_minibatches": 2, "steps": 192}
RULES = """\
game = "bandit"
episodes = 2
constraints = ["max(win_probability) > 0.5"]  # among others

[rules]
win_probability = { uniform = [0.1, 0.9], hidden = false }
"""


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    path = tmp_path / "rules.toml"
    path.write_text(RULES)
    return path


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run's folder and its file, whose rule file is gone."""
    folder = tmp_path_factory.mktemp("ruled")
    path = folder / "rules.toml"
    path.write_text(RULES)
    words = [word for name, value in SMALL.items() for word in ("--set", f"{name}={value}")]
    assert main(["train", str(path), "--out", str(folder / "run"), *words]) == 0
    assert main(["export", str(folder / "run"), str(folder / "agent.onnx"), "--variants", "0"]) == 0
    path.unlink()
    return folder


def weights(folder: Path) -> dict[str, torch.Tensor]:
    found: dict[str, torch.Tensor] = torch.load(folder / "checkpoint.pt", weights_only=True)["policy"]
    return found


def test_a_run_keeps_a_copy_of_its_rules_and_needs_no_other(trained: Path) -> None:
    run = gameagent.Run(trained / "run")
    assert (trained / "run" / "rules.toml").read_text() == RULES
    described = json.loads((trained / "run" / "run.json").read_text())
    assert described["config"]["family"] == str(trained / "rules.toml")
    assert (run.family.num_episodes, run.family.space.constraints) == (2, ("max(win_probability) > 0.5",))
    assert run.family.name == "bandit" and place_of(run.family) == str(trained / "run" / "rules.toml")
    assert run.evaluate(num_variants=20).num_variants == 20
    run.resume(quiet=True)  # the budget is spent: nothing is left to do


def test_a_copied_run_is_the_same_run(trained: Path, tmp_path: Path) -> None:
    shutil.copytree(trained / "run", tmp_path / "elsewhere")
    run = gameagent.Run(tmp_path / "elsewhere")
    assert run.family == gameagent.Run(trained / "run").family


def test_a_resumed_run_goes_on_with_its_own_copy(trained: Path, rules: Path, tmp_path: Path) -> None:
    def stop(progress: Any, metrics: Any) -> None:
        raise KeyboardInterrupt

    out = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        gameagent.train(str(rules), out=out, report=stop, quiet=True, **SMALL)
    moved = rules.rename(tmp_path / "moved.toml")
    gameagent.train(str(moved), out=out, resume=True, quiet=True, **SMALL)  # the same rules, wherever they are
    assert all(torch.equal(weight, weights(out)[name]) for name, weight in weights(trained / "run").items())


def test_a_run_is_not_resumed_with_other_rules(trained: Path, rules: Path) -> None:
    run = trained / "run"
    rules.write_text(RULES.replace("0.5", "0.6"))
    with pytest.raises(
        ConfigError, match=r"rules.toml is not what it was when .*run was started: resume with the run's"
    ):
        gameagent.train(str(rules), out=run, resume=True, quiet=True, **SMALL)
    with pytest.raises(ConfigError, match=r"was started with another config: family .*rules.toml', asked: 'bandit'"):
        gameagent.train("bandit", out=run, resume=True, quiet=True, **SMALL)
    rules.write_text(RULES)
    gameagent.train(str(rules), out=run, resume=True, quiet=True, **SMALL)
    gameagent.train(str(run / "rules.toml"), out=run, resume=True, quiet=True, **SMALL)


def test_a_copy_that_was_edited_is_noticed(trained: Path, tmp_path: Path) -> None:
    shutil.copytree(trained / "run", tmp_path / "run")
    copied = tmp_path / "run" / "rules.toml"
    copied.write_text(RULES.replace("0.5", "0.6"))
    with pytest.raises(RunError, match=r"rules.toml is not what the run was started with .*: put it back"):
        gameagent.Run(tmp_path / "run")
    copied.unlink()
    with pytest.raises(RunError, match=r"rules.toml: cannot be read: No such file"):
        gameagent.Run(tmp_path / "run")


def test_a_run_without_an_update_leaves_no_copy(rules: Path, tmp_path: Path) -> None:
    family = load_family(str(rules))
    folder = RunFolder(tmp_path / "run")
    folder.create(make_config(family, SMALL | {"family": str(rules)}), family)
    assert folder.rules.exists()
    folder.discard()
    assert not any(folder.path.iterdir())


def test_an_exported_file_is_judged_on_the_rules_that_are_named(trained: Path, rules: Path) -> None:
    agent = trained / "agent.onnx"
    training = Bundle.read(agent).manifest.training
    assert training["rules"] == load_family(str(rules)).rule_file.digest  # type: ignore[union-attr]
    assert training["shown_rules"]["win_probability[4]"] == [0.5, 0.4]  # the middle of 0.1 to 0.9, and half the width
    with pytest.raises(ConfigError, match=r"was trained on the rules of .*rules.toml': say on which rules to judge it"):
        gameagent.evaluate(agent)
    rules.write_text(RULES.replace("0.5", "0.7"))
    assert gameagent.evaluate(agent, family=str(rules), num_variants=8).num_variants == 8
    rules.write_text(RULES.replace("0.9", "1.0"))
    message = r"the shown rule win_probability\[0\] is given as \[0.55, 0.45\] .*and was given as \[0.5, 0.4\]"
    for family, words in ((str(rules), message), ("bandit", "is not shown .*and was given as")):
        with pytest.raises(ExportError, match=words):
            gameagent.evaluate(agent, family=family, num_variants=8)


def test_every_command_takes_a_rule_file(
    trained: Path, rules: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def works(*argv: Any) -> str:
        assert main([str(word) for word in argv]) == 0
        return capsys.readouterr().out

    assert works("variants", rules, "-n", 3, "--out", tmp_path / "v.json").count("win_probability=") == 3
    assert len(read_variants(tmp_path / "v.json", load_family(str(rules)).space, "bandit")) == 3
    assert "passed  name_is_free" in works("check", rules, "--quick")
    assert "test" in works("evaluate", trained / "agent.onnx", "--family", rules, "--variants", 6)
    assert "episode 2" in works("play", rules, "--agent", trained / "agent.onnx", "--headless")
    rules.write_text(RULES.replace("uniform", "unifrom"))
    assert main(["variants", str(rules)]) == 1
    error = capsys.readouterr().err
    assert f"{rules}:6: rules.win_probability.unifrom: unknown key 'unifrom'; did you mean 'uniform'?" in error


def test_an_agent_does_not_play_rules_that_it_reads_otherwise(trained: Path, rules: Path) -> None:
    rules.write_text(RULES.replace("0.9", "1.0"))
    with pytest.raises(
        GamesError, match=r"agent.onnx cannot play these rules of 'bandit': the shown rule win_probability"
    ):
        play([str(rules), "--agent", str(trained / "agent.onnx"), "--headless"])


def test_a_family_from_a_rule_file_trains_from_python(rules: Path, trained: Path, tmp_path: Path) -> None:
    run = gameagent.train(load_family(str(rules)), out=tmp_path / "run", quiet=True, **SMALL)
    assert all(torch.equal(weight, weights(run.path)[name]) for name, weight in weights(trained / "run").items())
