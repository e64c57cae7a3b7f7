"""The very same commands for games in plain Python: checked, trained, judged, exported, played, and as environments."""

from pathlib import Path

import numpy as np
import pytest

from corridor import CORRIDOR
from gameagent.cli import main
from gameagent_games.play.main import main as play
from gameagent_sdk import Agent

pytestmark = pytest.mark.slow
NAME = "corridor:CORRIDOR"
SETTINGS = ["--steps", "1500", "--set", "num_games=16", "--set", "hidden_size=8", "--set", "num_processes=1"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run and the file that was exported from it."""
    folder = tmp_path_factory.mktemp("corridor")
    assert main(["train", NAME, "--out", str(folder / "run"), *SETTINGS]) == 0
    assert main(["export", str(folder / "run"), str(folder / "corridor.onnx")]) == 0
    return folder


def test_it_is_checked(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", NAME]) == 0
    assert "passed  resets_are_partial" in capsys.readouterr().out


@pytest.mark.parametrize("what", ["run", "corridor.onnx"])
def test_it_is_judged(made: Path, what: str, capsys: pytest.CaptureFixture[str]) -> None:
    place = ["--family", NAME] if what.endswith(".onnx") else []  # a file never says what to import
    assert main(["evaluate", str(made / what), "--variants", "32", *place]) == 0
    assert "corridor" in capsys.readouterr().out


def test_it_is_played_by_the_exported_agent(made: Path) -> None:
    agent = Agent.load(made / "corridor.onnx")
    games = CORRIDOR.make_games(1)
    games.reset(CORRIDOR.space.records([{"goal": 5, "prize": 1.0}]), np.zeros(1, np.int64))
    agent.begin_trial()
    while not games.finished[0]:
        action = agent.act(games.observations[0, 0], games.legal_actions[0, 0])
        games.step(np.array([[action]]))
        agent.observe(float(games.rewards[0, 0]), bool(games.terminated[0]), bool(games.truncated[0]))
    assert len(agent.returns) == CORRIDOR.num_episodes


def test_it_is_drawn_as_it_is_seen(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pygame = pytest.importorskip("pygame", reason="drawing needs the render extra")
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    file, agent = made / "play.png", made / "corridor.onnx"
    assert play([NAME, "--agent", str(agent), "--headless", "--episodes", "2", "--screenshot", str(file)]) == 0
    assert len(np.unique(pygame.surfarray.array2d(pygame.image.load(str(file))))) > 20


def test_it_is_a_gymnasium_environment() -> None:
    checker = pytest.importorskip("gymnasium.utils.env_checker", reason="needs the gymnasium extra")
    from gameagent_games.envs.gymnasium_env import FamilyEnv

    checker.check_env(FamilyEnv(NAME, num_episodes=2), skip_render_check=True)
    env = FamilyEnv(NAME)
    observation, info = env.reset(seed=3, options={"variant": {"goal": 0, "prize": 0.75}})
    rewards = []
    for _ in range(int(observation[0])):
        assert info["action_mask"].tolist() == [1, 1, 1]
        observation, reward, terminated, truncated, info = env.step(0)
        rewards.append(reward)
    assert terminated and not truncated and observation.tolist() == [0.0, 0.0]
    assert rewards == [0.0] * (len(rewards) - 1) + [0.75]


def test_it_is_a_pettingzoo_environment() -> None:
    tests = pytest.importorskip("pettingzoo.test", reason="needs the pettingzoo extra")
    from gameagent_games.envs.pettingzoo_env import FamilyAECEnv, FamilyParallelEnv

    tests.parallel_api_test(FamilyParallelEnv(NAME), num_cycles=50)
    env = FamilyAECEnv(NAME)
    env.reset(seed=0)
    env.step(1)
    assert env.observe("seat_0")["action_mask"].tolist() == [1, 1, 1]  # type: ignore[call-overload]


def test_a_family_that_breaks_the_contract_is_not_trained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "cut_wire.py").write_text(
        "from dataclasses import replace\nfrom corridor import CORRIDOR, CorridorGames, CorridorSource\n"
        "class Cut(CorridorGames):\n"
        "    def play(self, which, actions):\n"
        "        raise RuntimeError('the wire was cut')\n"
        "CUT = replace(CORRIDOR, name='cut', source=CorridorSource(Cut))\n",
        encoding="utf-8",
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(tmp_path))
        assert main(["train", "cut_wire:CUT", "--out", str(tmp_path / "run")]) == 1
    assert "cut_wire.py:5 in play(): raised RuntimeError: the wire was cut (games_run)" in capsys.readouterr().err
