"""Titles as Gymnasium environments, in worker processes too."""

from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from gameagent_games import Feature, ResetNeeded, SettingError
from gameagent_games.titles import Title, TitleError
from gameagent_games.titles.env import TitleEnv
from title_descriptions import CATCH, DODGE, FOLDER, GUESS, STEER, make_catch


@pytest.mark.filterwarnings("ignore:.*A Box observation space")  # bounds that nobody has told
def test_a_title_is_an_environment() -> None:
    env = make_catch(gravity=0.5)
    check_env(env, skip_render_check=True)
    observation, info = env.reset(seed=3)
    assert isinstance(env.observation_space, gymnasium.spaces.Dict)
    assert env.observation_space.contains(observation)
    assert info == {"frames": 0, "constants": {"GRAVITY": 0.5, "BASKET_SPEED": 4}}
    observation, reward, terminated, truncated, _ = env.step(2)
    assert observation["stone_y"] == 0.5 and observation["basket"] == 89
    assert (reward, terminated, truncated) == (0.0, False, False)
    frame = env.render()
    assert frame is not None and frame.shape == (160, 200, 3) and (frame[0, 0] == [20, 30, 60]).all()
    observation, _ = env.reset(seed=3, options={"constants": {"GRAVITY": 1.0}})
    assert env.step(0)[0]["stone_y"] == 1.0
    env.close()
    with pytest.raises(ResetNeeded):
        env.step(0)


def test_features_make_one_row_and_steps_may_be_cut() -> None:
    features = (Feature("x", low=0.0, high=200.0), Feature("y", low=0.0, high=200.0))
    title = Title(
        FOLDER / "catch.py", STEER, lambda game: [game.basket.rect.x, game.stone.y], features=features,
        frames_per_step=2, max_steps=3,
    )  # fmt: skip
    env = TitleEnv(title)
    assert env.observation_space == gymnasium.spaces.Box(0.0, 200.0, (2,), np.float32)
    assert env.reset(seed=0)[0].tolist() == [85.0, 0.0]
    steps: list[Any] = [env.step(1) for _ in range(3)]
    assert [step[0][0] for step in steps] == [77.0, 69.0, 61.0]  # 4 pixels a frame, 2 frames a step
    assert [step[3] for step in steps] == [False, False, True]
    env.close()


def test_spaces_follow_what_is_seen() -> None:
    env = TitleEnv(DODGE)
    assert env.action_space == gymnasium.spaces.MultiDiscrete([3, 3])
    env = TitleEnv(GUESS)
    assert isinstance(env.observation_space, gymnasium.spaces.Box) and env.observation_space.shape == (2,)
    env.reset(seed=1)
    with pytest.raises(TitleError, match="in hand"):
        TitleEnv(CATCH)
    env.close()
    with pytest.raises(SettingError, match="render_mode"):
        TitleEnv(CATCH, render_mode="human")


@pytest.mark.slow
def test_worker_processes_play_as_this_one_does() -> None:
    env = make_catch()
    expected = [env.reset(seed=5)[0], *(env.step(1)[0] for _ in range(30))]
    env.close()
    workers = gymnasium.vector.AsyncVectorEnv([make_catch] * 2, context="spawn")
    try:
        seen = [workers.reset(seed=[5, 6])[0], *(workers.step(np.array([1, 1]))[0] for _ in range(30))]
    finally:
        workers.close()
    for own, theirs in zip(expected, seen, strict=True):
        assert {name: values[0] for name, values in theirs.items()} == {name: float(v) for name, v in own.items()}
