"""Titles as Gymnasium environments, in worker processes too."""

from contextlib import closing
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from gameagent_games import Feature, ResetNeeded, RuleFileError, SettingError, check_family
from gameagent_games.games import Games
from gameagent_games.sources.environments.source import EnvironmentSource
from gameagent_games.titles import Title, TitleError
from gameagent_games.titles.env import TitleEnv
from small_environments import family_of, made, trace
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


STEERED_RULES = """
game = "title_descriptions:make_steered"
episodes = 2
[rules.gravity]
uniform = [0.1, 0.5]
[rules.basket_speed]
choice = [3, 4, 5]
"""


def test_a_rule_file_takes_from_a_title_what_it_says_of_itself(tmp_path: Path) -> None:
    family = family_of(tmp_path, STEERED_RULES)
    assert family.action_names == ("stay", "left", "right")
    assert (family.max_steps, family.frames_per_decision, family.num_episodes) == (40, 3, 2)
    source = family.source
    assert isinstance(source, EnvironmentSource) and source.one_per_process
    with pytest.raises(RuleFileError, match=r"toml:9: environment.workers: there can be only one .* leave it out"):
        family_of(tmp_path, STEERED_RULES + "[environment]\nworkers = 2\n")


@pytest.mark.slow
def test_titles_are_played_side_by_side_in_a_process_each(tmp_path: Path) -> None:
    family = family_of(tmp_path, STEERED_RULES)
    variants = family.space.records(
        [{"gravity": 0.2 + 0.1 * number, "basket_speed": 3 + number} for number in range(3)]
    )
    actions = np.random.default_rng(0).integers(0, 3, (200, 3, 1))

    def play(games: Games, chosen: np.ndarray[Any, Any], own: np.ndarray[Any, Any]) -> list[Any]:
        with closing(games):
            games.reset(chosen, np.arange(3)[: len(chosen)] + (0 if len(chosen) == 3 else int(own[0])))
            seen = []
            for action in actions:
                if games.finished.all():
                    break
                games.step(action[own])
                seen.append((games.observations.copy(), games.rewards.copy(), games.finished.copy()))
            assert not games.take_failures()
            return seen

    together = play(family.make_games(3), variants, np.arange(3))
    assert together[-1][2].all()
    for number in range(3):
        alone = play(family.make_games(1), variants[number : number + 1], np.array([number]))
        for (observation, reward, finished), (observations, rewards, all_finished) in zip(
            alone, together, strict=False
        ):
            np.testing.assert_array_equal(observation[0], observations[number])
            assert (reward[0], finished[0]) == (rewards[number], all_finished[number])


def test_an_environment_may_say_for_itself_that_it_is_alone(tmp_path: Path) -> None:
    text = (
        'game = "small_environments:lonely"\n[rules.speed]\nchoice = [1.0, 2.0]\n[environment]\nmax_steps = 20\n'
        "frames_per_decision = 4\n"
    )
    family = family_of(tmp_path, text)
    assert family.frames_per_decision == 4
    with closing(made(family, 3)) as games:  # a second one in a process would raise
        assert len(list(trace(games))) > 3
        assert not games.take_failures()


@pytest.mark.slow
def test_a_title_keeps_the_contract_of_games_and_shows_its_pictures(tmp_path: Path) -> None:
    family = family_of(tmp_path, STEERED_RULES.replace("make_steered", "make_seen"))
    check_family(family)
    with closing(family.make_games(1)) as games, closing(family.make_games(1)) as others:  # two at a time
        for one in (games, others):
            one.reset(family.space.sample(1, 0, "all"), np.zeros(1, np.int64))
        first = games.picture(0)
        assert first is not None and first.shape == (160, 200, 3) and first.dtype == np.uint8
        for _ in range(3):
            games.step(np.array([[2]]))
        later = games.picture(0)
        assert later is not None and (later != first).any()
        unmoved = others.picture(0)
        assert unmoved is not None
        np.testing.assert_array_equal(unmoved, first)
