"""Environments as a source of games: how they are read, stepped, and reached by rules."""

from contextlib import closing
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest

import small_environments
from gameagent_games.drawing.canvas import draw_frame
from gameagent_games.errors import FamilyError, MissingExtra, RuleFileError
from gameagent_games.games import Games
from gameagent_games.loop import play_trials
from gameagent_games.players import RandomPlayer
from gameagent_games.sources.environments.lane import episode_seed
from small_environments import family_of, made, trace

LINE = """
game = "small_environments:line"
episodes = 3
[rules.speed]
choice = [1.0, 2.0]
[rules.goal]
integers = [3, 6]
[environment]
max_steps = 20
workers = 0
"""


def test_a_game_goes_as_the_environment_by_itself(tmp_path: Path) -> None:
    family = family_of(tmp_path, LINE)
    assert family.actions == ("action_0", "action_1")
    assert (family.num_episodes, family.max_steps, family.num_seats) == (3, 20, 1)
    with closing(family.make_games(1)) as games:
        games.reset(family.space.records([{"speed": 2.0, "goal": 5}]), np.array([11]))
        for episode in range(3):
            alone = small_environments.Line(2.0, 5)
            seen, _ = alone.reset(seed=episode_seed(11, episode))
            ended = False
            while not ended:
                np.testing.assert_array_equal(games.observations[0, 0], seen)
                action = int(seen[0] < 5)
                seen, reward, terminated, truncated, _ = alone.step(action)
                games.step(np.array([[action]]))
                assert games.rewards[0, 0] == reward
                assert (games.terminated[0], games.truncated[0]) == (terminated, truncated)
                ended = terminated or truncated
        assert games.finished[0]
        assert games.episodes[0] == 3


def test_every_kind_of_observation_is_read_by_its_plan(tmp_path: Path) -> None:
    family = family_of(
        tmp_path, 'game = "small_environments:mixed"\n[rules.shift]\nchoice = [0, 1, 2]\n[environment]\nworkers = 0'
    )
    kinds = {feature.name: (feature.kind, feature.shape) for feature in family.features}
    assert kinds == {
        "camera": ("grid", (3, 8, 10)),
        "map": ("grid", (1, 6, 7)),
        "card": ("category", (1,)),
        "dice": ("category", (2,)),
        "lamps": ("flags", (3,)),
        "pair_part_0": ("vector", (1,)),
        "pair_part_1": ("category", (1,)),
    }
    source: Any = family.source
    assert source.dropped == ("says (text)",)
    assert len(family.action_names) == 6
    with closing(family.make_games(1)) as games:
        games.reset(family.space.records([{"shift": 2}]), np.array([0]))
        row = games.observations[0, 0]
        expected = [*[102 / 255] * 240, 2.0, 2.0, 5.0, 1.0, 0.0, 1.0, *[2.0] * 42, 0.5, 0.0]  # Gymnasium sorts keys
        np.testing.assert_allclose(row, expected, rtol=1e-6)
        games.step(np.array([[5]]))  # the last of 2 x 3: (1, 3)
        assert games.rewards[0, 0] == 1.0


def test_rules_reach_options_attributes_and_keywords_of_other_names(tmp_path: Path) -> None:
    text = (
        'game = "small_environments:Line"\n[rules.pace]\nchoice = [1.0, 2.0]\n[rules.target]\nintegers = [3, 6]\n'
        "[rules.goal]\nchoice = [4, 5]\n[environment]\nmax_steps = 20\nworkers = 0\n"
        '[environment.reach]\npace = "keyword speed"\ntarget = "option goal"\ngoal = "attribute goal"\n'
    )
    family = family_of(tmp_path, text)
    with closing(family.make_games(1)) as games:
        games.reset(family.space.records([{"pace": 2.0, "target": 6, "goal": 4}]), np.array([1]))
        before = games.observations[0, 0, 0]
        games.step(np.array([[1]]))
        assert games.observations[0, 0, 0] == before + 2.0
        crew: Any = games
        assert crew._crew._playables[0].environment.goal == 6  # the option has the last word, as it is given at reset


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "workers = 0",
            "worker = 0",
            r"toml:10: environment.worker: unknown key 'worker'.*did you mean 'workers'",
        ),
        ("workers = 0", 'workers = "two"', r"game.toml:10: environment.workers: got 'two'"),
        ("max_steps = 20", "max_steps = -1", r"game.toml:9: environment.max_steps: max_steps is -1"),
        ("max_steps = 20", "", r"declares no time limit; say how many steps an episode may take"),
        ("workers = 0", '[environment.reach]\nsped = "option"', r"no rule 'sped'.*did you mean 'speed'"),
        ("workers = 0", '[environment.reach]\nspeed = "otion"', r"reach.speed: got 'otion', expected \"keyword\""),
        ("workers = 0", '[environment.observation]\nplace = "drop"', r"no part 'place'; its parts are observation"),
        ("small_environments:line", "small_environments:lime", r"has no 'lime'; did you mean 'line'"),
        ("small_environments:line", "smal_environments:line", r"No module named 'smal_environments'"),
        ("small_environments:line", "gymnasium:CartPoll-v1", r"CartPoll"),
        (
            "small_environments:line",
            "small_environments:odd",
            r"cannot be made with.*unexpected keyword",
        ),
        ("small_environments:line", "small_environments:TROUBLES", r"is a tuple, expected a function or class"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(FamilyError, match=message):
        family_of(tmp_path, LINE.replace(old, new))


def test_what_cannot_be_read_is_refused_by_name(tmp_path: Path) -> None:
    text = 'game = "small_environments:odd"\n[rules.speed]\nchoice = [1.0, 2.0]\n[environment]\nmax_steps = 9\n'
    with pytest.raises(FamilyError, match=r"observation part 'observation' is a Sequence space.*Wrap the environment"):
        family_of(tmp_path, text)


def test_an_all_false_mask_means_waiting(tmp_path: Path) -> None:
    text = 'game = "small_environments:masked"\n[rules.speed]\nchoice = [0.5, 0.25]\n[environment]\nmax_steps = 9\n'
    family = family_of(tmp_path, text)
    assert family.has_mask
    assert family.takes_turns
    with closing(made(family, 1)) as games:
        for step in range(9):
            assert games.acting[0, 0] == (step % 3 != 2)
            if games.acting[0, 0]:
                assert games.legal_actions[0, 0].tolist() == [True, step % 3 == 1]
            games.step(np.zeros((1, 1), np.int64))


def same(first: Games, second: Games) -> bool:
    pairs = zip(trace(first), trace(second), strict=True)
    return all(np.array_equal(a, b) for one, other in pairs for a, b in zip(one, other, strict=True))


@pytest.mark.slow
def test_workers_play_as_this_process_does(tmp_path: Path) -> None:
    here = family_of(tmp_path, LINE, "here")
    there = family_of(tmp_path, LINE.replace("workers = 0", "workers = 2"), "there")
    with closing(made(here, 7)) as first, closing(made(there, 7)) as second:
        assert same(first, second)
        second.reset(there.space.sample(7, 9), np.arange(7))
        first.reset(here.space.sample(7, 9), np.arange(7))
        assert same(first, second)


def test_packages_that_are_missing_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "gymnasium", None)
    with pytest.raises(MissingExtra, match=r"pip install 'gameagent-games\[gymnasium\]'"):
        family_of(tmp_path, 'game = "gymnasium:CartPole-v1"\n[rules.length]\nuniform = [0.3, 0.8]\n')


def test_a_rule_file_needs_rules(tmp_path: Path) -> None:
    with pytest.raises(RuleFileError, match="names no rule; expected a table such as"):
        family_of(tmp_path, 'game = "gymnasium:CartPole-v1"\n')


def test_a_rule_without_a_distribution_is_not_left_out_in_silence(tmp_path: Path) -> None:
    text = LINE.replace("integers = [3, 6]", "hidden = false")
    with pytest.raises(RuleFileError, match=r"game.toml:6: rules.goal: says no distribution"):
        family_of(tmp_path, text)


def test_a_box_of_actions_keeps_its_form(tmp_path: Path) -> None:
    text = 'game = "gymnasium:Pendulum-v1"\n[rules.g]\nuniform = [5.0, 15.0]\n[environment]\nworkers = 0\n'
    family = family_of(tmp_path, text)
    assert family.box is not None
    assert (family.box.low, family.box.high) == ((-2.0,), (2.0,))
    with closing(made(family, 3)) as games:
        returns = play_trials(games, RandomPlayer(family, np.random.default_rng(0)))
    assert returns.shape == (3, 4, 1)
    assert (returns < -100).all()
    alone = gymnasium.make("Pendulum-v1", g=7.0)
    alone.reset(seed=episode_seed(4, 0))
    with closing(family.make_games(1)) as games:
        games.reset(family.space.records([{"g": 7.0}]), np.array([4]))
        for _ in range(5):
            seen, reward, *_ = alone.step(np.array([1.5], np.float32))
            games.step(np.array([[[1.5]]]))
            assert games.rewards[0, 0] == reward
            np.testing.assert_array_equal(games.observations[0, 0], seen)


def test_a_single_game_has_its_environments_own_picture(tmp_path: Path) -> None:
    text = 'game = "gymnasium:FrozenLake-v1"\n[rules.is_slippery]\nchoice = [false, true]\n'
    family = family_of(tmp_path, text)
    with closing(made(family, 1)) as games:
        picture = games.picture(0)
        assert picture is not None
        own = gymnasium.make("FrozenLake-v1", render_mode="rgb_array", is_slippery=True)
        own.reset(seed=0)
        np.testing.assert_array_equal(picture, own.render())
        frame = draw_frame(games, 200)
        assert frame.shape == (200, 200, 3)
        assert np.abs(frame.mean((0, 1)) - picture.mean((0, 1))).max() < 3  # the same picture, smaller
    with closing(made(family_of(tmp_path, LINE), 1)) as games:
        assert games.picture(0) is None


def test_a_game_that_is_over_is_paid_nothing_more(tmp_path: Path) -> None:
    family = family_of(tmp_path, LINE.replace("episodes = 3", "episodes = 1"))
    with closing(family.make_games(2)) as games:
        games.reset(family.space.records([{"speed": 2.0, "goal": 3}, {"speed": 1.0, "goal": 6}]), np.arange(2))
        ends = []
        while not games.finished.all():
            games.step(np.ones((2, 1), np.int64))
            ends.append((games.rewards[:, 0].tolist(), games.terminated.tolist()))
    paid = [rewards for rewards, _ in ends]
    assert [sum(game) for game in zip(*paid, strict=True)] == [1.0, 1.0]
    assert [sum(game) for game in zip(*(terminated for _, terminated in ends), strict=True)] == [1, 1]
    assert len(ends) > 3
