"""Training on environments by rule file, from the command's function to an agent in the environment itself."""

import json
import warnings
from contextlib import closing
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest

import gameagent
import small_environments
from gameagent.run.folder import RunFolder
from gameagent_games.registry import load_family
from gameagent_sdk import Agent
from small_environments import TROUBLED

SMALL: dict[str, Any] = {"num_games": 4, "num_minibatches": 1, "hidden_size": 16, "num_processes": 1, "quiet": True}

pytestmark = pytest.mark.slow


def written(folder: Path, text: str) -> Path:
    path = folder / "rules.toml"
    path.write_text(text)
    return path


def test_an_agent_takes_the_environments_own_observations_and_gives_its_actions(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        'game = "small_environments:mixed"\nepisodes = 2\n[rules.shift]\nchoice = [0, 1, 2]\nhidden = false\n'
        "[environment]\nworkers = 0\n",
    )
    run = gameagent.train(str(path), out=tmp_path / "run", steps=200, **SMALL)
    bundle = run.export(tmp_path / "mixed.onnx", num_variants=8)
    assert bundle.manifest.name == "mixed"
    agent = Agent.load(tmp_path / "mixed.onnx", seed=0)
    env = small_environments.Mixed(2)
    agent.begin_trial(rules={"shift": 2})
    for episode in range(2):
        observation, _ = env.reset(seed=episode)
        for _ in range(3):
            action = agent.act(observation)
            assert env.action_space.contains(action)
            observation, reward, terminated, truncated, _ = env.step(action)
            agent.observe(reward, terminated, truncated)
        env.taken.clear()


def test_a_box_environment_trains_and_its_agent_plays(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        'game = "gymnasium:Pendulum-v1"\nepisodes = 1\n[rules.g]\nuniform = [5.0, 15.0]\n[environment]\nworkers = 0\n',
    )
    run = gameagent.train(str(path), out=tmp_path / "run", steps=900, **SMALL)
    run.export(tmp_path / "pendulum.onnx", num_variants=0)
    agent, env = Agent.load(tmp_path / "pendulum.onnx"), gymnasium.make("Pendulum-v1")
    agent.begin_trial()
    observation, _ = env.reset(seed=0)
    action = agent.act(observation)
    assert isinstance(action, np.ndarray)
    assert env.action_space.contains(action)


def test_a_run_survives_environments_that_exit_and_names_them(tmp_path: Path) -> None:
    path = written(tmp_path, TROUBLED.format(workers=1, megabytes=500, trouble="exit", chance=0.05))
    run = gameagent.train(str(path), out=tmp_path / "run", steps=1500, **SMALL)
    lines = [json.loads(line) for line in (run.path / "failures.jsonl").read_text().splitlines()]
    assert lines
    assert {line["kind"] for line in lines} == {"died"}
    assert f"died {len(lines)} time" in RunFolder(run.path).failures_in_words()
    assert all(np.isfinite(list(entry["episode_returns"])).all() for entry in run.metrics)
    evaluation = run.evaluate(num_variants=20)
    assert np.isfinite(evaluation.returns["agent"]).all()


def test_a_rival_is_an_exported_agent(tmp_path: Path) -> None:
    text = (
        'game = "small_multiagent:bidding"\nepisodes = 2\n[rules.prize]\nchoice = [3, 5]\n[environment]\nworkers = 0\n'
    )
    run = gameagent.train(str(written(tmp_path, text)), out=tmp_path / "run", steps=100, **SMALL)
    run.export(tmp_path / "ann.onnx", num_variants=0)
    rivals = tmp_path / "rivals"
    rivals.mkdir()
    more = f'seat = "bob"\nothers = {json.dumps(str(tmp_path / "ann.onnx"))}\n'
    family = load_family(str(written(rivals, text + more)))
    with warnings.catch_warnings(), closing(family.make_games(2)) as games:
        games.reset(family.space.sample(2, 0), np.arange(2))
        for _ in range(6):
            games.step(np.ones((2, 1), np.int64))
        assert games.finished.all()
        assert not games.take_failures()
