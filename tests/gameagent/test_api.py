"""The Python API does what the command line does, and says what it cannot do."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import gameagent
from gameagent.cli import main
from gameagent_games.errors import FamilyError
from gameagent_games.registry import load_family, place_of
from gameagent_sdk import Agent, Bundle
from small_families import DIAL, RIDDLE

SMALL: dict[str, Any] = {"num_games": 8, "hidden_size": 8, "num_processes": 1, "num_minibatches": 2, "steps": 320}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> gameagent.Run:
    """A finished run of a few updates, with its baselines."""
    out = tmp_path_factory.mktemp("api") / "bandit"
    return gameagent.train("bandit", out=out, baselines=True, quiet=True, **SMALL)


@pytest.fixture(scope="module")
def lone_run(tmp_path_factory: pytest.TempPathFactory) -> gameagent.Run:
    """The same run without baselines: quicker to judge."""
    return gameagent.train("bandit", out=tmp_path_factory.mktemp("api") / "lone", quiet=True, **SMALL)


def weights(run: gameagent.Run) -> dict[str, torch.Tensor]:
    found: dict[str, torch.Tensor] = torch.load(run.folder.checkpoint, weights_only=True)["policy"]
    return found


def test_it_trains_the_run_that_the_command_trains(run: gameagent.Run, tmp_path: Path) -> None:
    settings = [word for name, value in SMALL.items() for word in ("--set", f"{name}={value}")]
    assert main(["train", "bandit", "--out", str(tmp_path / "run"), *settings]) == 0
    other = gameagent.Run(tmp_path / "run")
    assert all(torch.equal(weight, weights(other)[name]) for name, weight in weights(run).items())
    assert run.config == other.config
    assert [line["steps"] for line in run.metrics] == [160, 240, 320]  # the first update plays twice


def test_reports_come_after_every_update_and_a_stopped_run_goes_on(run: gameagent.Run, tmp_path: Path) -> None:
    steps = []

    def stop(progress: Any, metrics: dict[str, Any]) -> None:
        steps.append(progress.steps)
        if len(steps) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        gameagent.train("bandit", out=tmp_path / "run", report=stop, quiet=True, **SMALL)
    stopped = gameagent.Run(tmp_path / "run")
    assert steps == [160, 240]
    assert not torch.equal(weights(stopped)["actor.weight"], weights(run)["actor.weight"])
    assert stopped.resume(quiet=True) is stopped
    assert all(torch.equal(weight, weights(stopped)[name]) for name, weight in weights(run).items())


def test_it_evaluates_as_the_command_does(run: gameagent.Run, tmp_path: Path) -> None:
    evaluation = run.evaluate(num_variants=12, seed=3)
    assert main(["evaluate", str(run.path), "--variants", "12", "--seed", "3", "--json", str(tmp_path / "a.json")]) == 0
    assert json.loads(json.dumps(evaluation.as_dict())) == json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
    assert set(evaluation.returns) == {"agent", "memoryless", "oracle", "random"}
    text = str(evaluation)
    assert "vs memoryless" in text
    assert f"{evaluation.returns['agent'].sum(axis=2).mean():.2f}±" in text


def test_several_agents_are_judged_together_from_runs_paths_and_files(lone_run: gameagent.Run, tmp_path: Path) -> None:
    lone_run.export(tmp_path / "agent.onnx", num_variants=0)
    one = gameagent.evaluate(lone_run.path, num_variants=10)
    both = gameagent.evaluate([lone_run, tmp_path / "agent.onnx"], num_variants=10)
    assert both.num_runs == 2
    assert np.array_equal(both.returns["agent"][0], both.returns["agent"][1])
    assert np.array_equal(both.returns["agent"][0], one.returns["agent"][0])
    with pytest.raises(gameagent.ConfigError, match="no agents"):
        gameagent.evaluate([])


def test_the_exported_file_carries_the_summary_that_was_asked_for(lone_run: gameagent.Run, tmp_path: Path) -> None:
    bundle = lone_run.export(tmp_path / "agent.onnx", num_variants=10)
    assert Bundle.read(tmp_path / "agent.onnx").data == bundle.data
    assert bundle.manifest.evaluation is not None
    assert bundle.manifest.evaluation["num_variants"] == 10
    assert lone_run.export(tmp_path / "agent.onnx", num_variants=0).manifest.evaluation is None
    Agent.load(tmp_path / "agent.onnx").begin_trial()


def test_it_plays_without_a_window(lone_run: gameagent.Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("pygame", reason="playing needs the play extra")
    lone_run.play(num_episodes=3, screenshot=tmp_path / "last.png")
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0] for line in lines if line.startswith("episode")] == [f"episode {k}" for k in (1, 2, 3)]
    assert (tmp_path / "last.png").read_bytes().startswith(b"\x89PNG")


def test_a_family_is_passed_itself_if_it_is_a_modules_global(tmp_path: Path) -> None:
    run = gameagent.train(RIDDLE, out=tmp_path / "run", quiet=True, **SMALL)
    assert run.config.family == "small_families:RIDDLE"
    assert gameagent.Run(run.path).family == RIDDLE
    assert place_of(DIAL) == "small_families:DIAL"
    assert place_of(load_family("forage")) == "forage"
    assert place_of("anything:AT_ALL") == "anything:AT_ALL"


def test_a_family_that_nobody_else_could_find_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FamilyError, match=r"'riddle' cannot be found again .* package\.module:NAME"):
        gameagent.train(RIDDLE.revealed(), out=tmp_path / "run", quiet=True, **SMALL)
    assert not (tmp_path / "run").exists()


def test_a_family_of_the_script_that_runs_is_found_by_the_scripts_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    family = RIDDLE.revealed()
    script = type(sys)("__main__")
    script.__dict__.update(OWN=family, __file__=str(tmp_path / "my_game.py"))
    monkeypatch.setitem(sys.modules, "__main__", script)
    assert place_of(family) == "my_game:OWN"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_gmaes": 4}, "num_gmaes"),
        ({"num_games": -1}, "num_games is -1"),
        ({"steps": "many"}, "steps: got 'many'"),
        ({"seed": 1, "resume": True}, "was started with another config: seed"),
        ({}, "already holds a run"),
    ],
)
def test_settings_that_cannot_be_are_refused_in_one_line(
    run: gameagent.Run, settings: dict[str, Any], message: str
) -> None:
    before = weights(run)
    with pytest.raises(gameagent.GameAgentError, match=message) as refused:
        gameagent.train("bandit", out=run.path, quiet=True, **(SMALL | settings))
    assert "\n" not in str(refused.value)
    assert all(torch.equal(weight, weights(run)[name]) for name, weight in before.items())


def test_there_must_be_a_run_to_open(tmp_path: Path) -> None:
    with pytest.raises(gameagent.RunError, match="holds no run"):
        gameagent.Run(tmp_path)


def test_the_public_names_are_all_there_and_sorted() -> None:
    assert gameagent.__all__ == sorted(gameagent.__all__)
    assert all(hasattr(gameagent, name) for name in gameagent.__all__)
    with pytest.raises(AttributeError, match="no attribute 'tarin'"):
        gameagent.tarin  # noqa: B018
