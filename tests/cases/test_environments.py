"""Our games as Gymnasium and PettingZoo environments, in the hands of other libraries and of careless callers."""

# mypy: disable-error-code="arg-type, attr-defined, misc, var-annotated"

import copy
import pickle
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AsyncVectorEnv, SyncVectorEnv
from gymnasium.wrappers import RecordEpisodeStatistics
from gymnasium.wrappers.vector import RecordEpisodeStatistics as RecordVectorStatistics
from pettingzoo.utils.conversions import aec_to_parallel, parallel_to_aec  # type: ignore[import-untyped]

import gameagent_games
from cases.families.closures import TOSSES, make_tosses
from gameagent_games import ActionError, FamilyError, GamesError, ResetNeeded, SettingError, VariantError
from gameagent_games.envs.gymnasium_env import FamilyEnv
from gameagent_games.envs.pettingzoo_env import FamilyAECEnv, FamilyParallelEnv
from gameagent_games.envs.registration import environment_id
from gameagent_games.registry import built_in_names
from two_seat_families import NIM, THROWS, TUG

with warnings.catch_warnings():  # PettingZoo's tests import examples of its own that are deprecated
    warnings.simplefilter("ignore", DeprecationWarning)
    from pettingzoo.test import api_test, parallel_api_test  # type: ignore[import-untyped]

IDS = [environment_id(name) for name in built_in_names()]
RESERVED = {  # by Gymnasium's wrappers and vector environments, and by Stable-Baselines3
    "episode", "final_obs", "final_observation", "final_info", "terminal_observation", "TimeLimit.truncated",
    "is_success", "reset_info", "lives", "time_outs",
}  # fmt: skip
COPIES = {"pickle": lambda env: pickle.loads(pickle.dumps(env)), "deepcopy": copy.deepcopy}  # noqa: S301


@pytest.fixture(autouse=True)
def _no_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")


@dataclass(frozen=True)
class Face:
    """One way of looking at a family, played with actions drawn from its own generator."""

    make: Callable[..., Any]
    family: Any

    def __call__(self, **settings: Any) -> Any:
        return self.make(self.family, **settings)

    def actions(self, env: Any, generator: np.random.Generator) -> Any:
        """What to pass to the next step: a legal action of whoever acts."""
        drawn = self.family.random_actions(generator, 1)[0]
        if self.make is FamilyParallelEnv:
            return dict(zip(self.family.seat_names, drawn, strict=True))
        if self.make is FamilyEnv:
            return drawn[0]
        agent = env.agent_selection
        if env.terminations[agent] or env.truncations[agent]:
            return None
        seen = env.observe(agent)
        legal = np.flatnonzero(seen["action_mask"]) if isinstance(seen, dict) else []
        return int(legal[0]) if len(legal) else drawn[self.family.seat_names.index(agent)]

    def story(self, env: Any, num_steps: int) -> list[Any]:
        """All that a number of steps show, as plain values; a game that is over begins anew without a seed."""
        generator, seen = np.random.default_rng(3), []
        for _ in range(num_steps):
            told = env.step(self.actions(env, generator))
            if self.make is FamilyAECEnv:
                told = (dict(env.rewards), dict(env.terminations), dict(env.infos), env.agent_selection)
                told += tuple(env.observe(agent) for agent in env.possible_agents)
                over = not env.agents
            else:
                over = not env.agents if self.make is FamilyParallelEnv else told[2] or told[3]
            seen.append(plain(told))
            if over:
                seen.append(plain(env.reset()))
        return seen


def plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, tuple | list):
        return [plain(inner) for inner in value]
    return value.tolist() if isinstance(value, np.ndarray) else value


FACES = {
    "gymnasium": Face(FamilyEnv, gameagent_games.load_family("forage")),
    "gymnasium box": Face(FamilyEnv, gameagent_games.load_family("navigation")),
    "gymnasium closures": Face(FamilyEnv, TOSSES),
    "parallel": Face(FamilyParallelEnv, THROWS),
    "parallel box": Face(FamilyParallelEnv, TUG),
    "aec": Face(FamilyAECEnv, THROWS),
    "aec turns": Face(FamilyAECEnv, NIM),
}
every_face = pytest.mark.parametrize("face", FACES.values(), ids=FACES)


# -- info ---------------------------------------------------------------------------------------------------------


@every_face
def test_no_key_of_ours_is_one_that_other_libraries_reserve(face: Face) -> None:
    env = face(num_episodes=2)
    keys: set[str] = set()

    def collect(infos: dict[str, Any]) -> None:
        for info in infos.values() if face.make is not FamilyEnv else [infos]:
            keys.update(info)

    told = env.reset(seed=0)
    collect(env.infos if face.make is FamilyAECEnv else told[1])
    generator = np.random.default_rng(0)
    while "episode_return" not in keys:  # told at an episode's end
        told = env.step(face.actions(env, generator))
        collect(env.infos if face.make is FamilyAECEnv else told[4])
    assert {"rules", "variant_id", "episode_index", "episode_ended", "last_observation"} <= keys
    assert not keys & RESERVED
    assert not [key for key in keys if key.startswith("_")]


@pytest.mark.parametrize("num_episodes", [1, 3])
@pytest.mark.parametrize("environment", IDS)
def test_gymnasiums_statistics_count_a_trial(environment: str, num_episodes: int) -> None:
    env = RecordEpisodeStatistics(gymnasium.make(environment, num_episodes=num_episodes))
    env.action_space.seed(0)
    env.reset(seed=0)
    total, length, over = 0.0, 0, False
    while not over:
        _, reward, terminated, truncated, info = env.step(env.action_space.sample())
        total, length, over = total + float(reward), length + 1, terminated or truncated
    assert info["episode"]["r"] == pytest.approx(total)
    assert info["episode"]["l"] == length
    assert info["episode_index"] == num_episodes - 1


def vector_env(kind: type, environment: str, **settings: Any) -> Any:
    return kind([lambda: gymnasium.make(environment, **settings)] * 2)


@pytest.mark.parametrize("environment", IDS)
def test_vector_environments_keep_statistics(environment: str) -> None:
    envs = RecordVectorStatistics(vector_env(SyncVectorEnv, environment, num_episodes=2))
    envs.action_space.seed(0)
    envs.reset(seed=[1, 2])
    for _ in range(2 * envs.env.envs[0].unwrapped.family.max_steps):
        _, _, terminated, truncated, info = envs.step(envs.action_space.sample())
        if (terminated | truncated).all():
            break
    assert info["episode"]["l"].min() >= 2
    assert info["episode_index"].tolist() == [1, 1]
    assert info["last_observation"].shape == (2, *envs.single_observation_space.shape)


def test_asynchronous_vector_environments_play_the_same() -> None:
    together, apart = (vector_env(kind, "gameagent/Forage-v0") for kind in (SyncVectorEnv, AsyncVectorEnv))
    for envs in (together, apart):
        envs.action_space.seed(0)
    np.testing.assert_array_equal(together.reset(seed=5)[0], apart.reset(seed=5)[0])
    for _ in range(40):
        actions = together.action_space.sample()
        for left, right in zip(together.step(actions)[:4], apart.step(actions)[:4], strict=True):
            np.testing.assert_array_equal(left, right)
    apart.close()


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("environment", IDS)
def test_stable_baselines3_learns_and_has_nothing_to_object_to(environment: str) -> None:
    import stable_baselines3 as sb3
    from stable_baselines3.common.env_checker import check_env as check_for_sb3

    check_for_sb3(gymnasium.make(environment, num_episodes=2))
    learner = sb3.PPO("MlpPolicy", gymnasium.make(environment), n_steps=64, batch_size=64, device="cpu").learn(256)
    assert learner.ep_info_buffer and {"r", "l"} <= set(learner.ep_info_buffer[0])


@pytest.mark.parametrize("family", [TOSSES, make_tosses("local", 3)], ids=lambda family: family.name)
def test_gymnasiums_own_check_of_a_family_without_a_view(family: Any) -> None:
    check_env(FamilyEnv(family, num_episodes=2, render_mode="rgb_array"), skip_render_check=True)  # needs a spec


# -- copies -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", COPIES)
@pytest.mark.parametrize("render_mode", [None, "rgb_array"])
@every_face
def test_a_copy_goes_on_equally(face: Face, render_mode: str | None, how: str) -> None:
    env = face(num_episodes=2, render_mode=render_mode)
    env.reset(seed=7)
    face.story(env, 3)
    twin = COPIES[how](env)
    expected = face.story(env, 50)  # over several resets without a seed: the generator is part of the copy
    assert face.story(twin, 50) == expected
    assert face.story(env, 5) == face.story(twin, 5)
    if render_mode:
        np.testing.assert_array_equal(env.render(), twin.render())


@pytest.mark.parametrize("how", COPIES)
def test_a_copy_of_one_that_was_never_reset_starts_like_it(how: str) -> None:
    env = FamilyEnv("forage", split="test", num_episodes=3)
    twin = COPIES[how](env)
    np.testing.assert_array_equal(env.reset(seed=1)[0], twin.reset(seed=1)[0])
    with pytest.raises(ResetNeeded):
        COPIES[how](FamilyEnv("forage")).step(0)


@pytest.mark.slow
@pytest.mark.parametrize("how", COPIES)
@pytest.mark.parametrize("settings", [{}, {"compiled": True, "num_episodes": 2}])
def test_what_gymnasium_made_can_be_copied(settings: dict[str, Any], how: str) -> None:
    env = RecordEpisodeStatistics(gymnasium.make("gameagent/Forage-v0", **settings))
    env.reset(seed=3)
    env.step(1)
    twin = COPIES[how](env)
    for action in (1, 2, 3, 4, 0):
        assert plain(env.step(action)) == plain(twin.step(action))


def test_a_vector_of_copies_goes_on_in_other_processes() -> None:
    env = gymnasium.make("gameagent/Gridnavi-v0")
    env.reset(seed=4)
    envs = AsyncVectorEnv([lambda: copy.deepcopy(env)] * 2, context="spawn")
    observations, infos = envs.reset()
    expected, info = env.reset()
    np.testing.assert_array_equal(observations, [expected, expected])
    assert infos["variant_id"].tolist() == [info["variant_id"]] * 2
    envs.close()


# -- before reset, after the end, after close ---------------------------------------------------------------------


CALLS: dict[str, list[Callable[[Any, Any], Any]]] = {
    "gymnasium": [lambda env, action: env.step(action), lambda env, action: env.render()],
    "parallel": [
        lambda env, action: env.step(action),
        lambda env, action: env.step({}),
        lambda env, action: env.render(),
    ],
    "aec": [
        lambda env, action: env.step(action),
        lambda env, action: env.step(None),
        lambda env, action: env.render(),
        lambda env, action: env.observe(env.possible_agents[-1]),
        lambda env, action: env.last(),
        lambda env, action: env.last(observe=False),
        lambda env, action: list(env.agent_iter()),
    ],
}
MADE_BY_RESET = ("agent_selection", "rewards", "terminations", "truncations", "infos")


@pytest.mark.parametrize("render_mode", [None, "rgb_array", "human"])
@pytest.mark.parametrize("when", ["never begun", "closed", "closed twice", "a copy of a closed one"])
@pytest.mark.parametrize("name", FACES)
def test_every_call_asks_for_a_reset_first(name: str, when: str, render_mode: str | None) -> None:
    face = FACES[name]
    env = face(render_mode=render_mode)
    env.reset(seed=0)
    action = face.actions(env, np.random.default_rng(0))
    if when == "never begun":
        env = face(render_mode=render_mode)
    for _ in range(("closed", "closed twice").index(when) + 1 if when.startswith("closed") else 0):
        env.close()
    if when.startswith("a copy"):
        env.close()
        env = copy.deepcopy(env)
    for call in CALLS[name.split()[0]]:
        with pytest.raises(ResetNeeded, match=r"call reset\(\) first"):
            call(env, action)
    env.reset(seed=0)
    face.story(env, 3)


def test_what_a_reset_makes_is_not_there_before_it() -> None:
    env = FamilyAECEnv(NIM)
    for name in MADE_BY_RESET:
        assert not hasattr(env, name)
        with pytest.raises(ResetNeeded, match=rf"no {name} yet: call reset\(\) first"):
            getattr(env, name)
    with pytest.raises(AttributeError, match="no attribute 'agent_selektion'"):
        _ = env.agent_selektion


@every_face
def test_steps_after_the_end_ask_for_a_reset_first(face: Face) -> None:
    env = face()
    env.reset(seed=0)
    generator, over = np.random.default_rng(0), False
    while not over:
        action = face.actions(env, generator)
        told = env.step(action)
        over = (told[2] or told[3]) if face.make is FamilyEnv else not env.agents
    with pytest.raises(ResetNeeded, match=r"over: call reset\(\) first"):
        env.step(action)
    if face.make is FamilyAECEnv:
        assert list(env.agent_iter()) == []
        with pytest.raises(ResetNeeded, match=r"over: call reset\(\) first"):
            env.last()


# -- turns --------------------------------------------------------------------------------------------------------


def test_games_with_turns_cannot_be_made_parallel() -> None:
    parallelizable = [FamilyAECEnv(family).metadata["is_parallelizable"] for family in (NIM, THROWS, TUG)]
    assert parallelizable == [False, True, True]
    with pytest.raises(AssertionError, match="not generally safe"):
        aec_to_parallel(FamilyAECEnv(NIM))


@pytest.mark.parametrize("num_episodes", [1, 2])
@pytest.mark.parametrize("family", [THROWS, TUG], ids=lambda family: family.name)
def test_games_without_turns_can_be_converted_both_ways(family: Any, num_episodes: int) -> None:
    converted = aec_to_parallel(FamilyAECEnv(family, num_episodes=num_episodes))
    direct = FamilyParallelEnv(family, num_episodes=num_episodes)
    generator = np.random.default_rng(1)
    assert plain(converted.reset(seed=6)) == plain(direct.reset(seed=6))
    while direct.agents:
        actions = dict(zip(direct.agents, family.random_actions(generator, 1)[0], strict=True))
        assert plain(converted.step(actions)[:4]) == plain(direct.step(actions)[:4])
    assert not converted.agents
    parallel_api_test(aec_to_parallel(FamilyAECEnv(family)), num_cycles=60)


@pytest.mark.filterwarnings("default")
def test_a_parallel_game_passes_as_one_with_selected_agents() -> None:
    api_test(parallel_to_aec(FamilyParallelEnv(THROWS)), num_cycles=60)


# -- settings -----------------------------------------------------------------------------------------------------


@every_face
def test_numpys_numbers_are_settings_like_any_other(face: Face) -> None:
    plainly, with_numpy = face(num_episodes=2), face(num_episodes=np.int32(2), compiled=np.bool_(False))
    assert plain(plainly.reset(seed=3)) == plain(with_numpy.reset(seed=np.int64(3)))
    assert face.story(plainly, 20) == face.story(with_numpy, 20)
    assert plain(plainly.reset(seed=2**40)) == plain(with_numpy.reset(seed=np.array(2**40)))
    assert plain(face(split=np.str_("test")).reset(seed=1)) == plain(face(split="test").reset(seed=1))


@pytest.mark.parametrize("action", [2, np.int32(2), np.int64(2), np.uint8(2), np.array(2), np.array(2, np.int16)])
def test_a_discrete_action_may_be_any_integer(action: Any) -> None:
    env = FamilyEnv("gridnavi", variant={"goal": "4,4"})
    env.reset(seed=0)
    seen = env.step(action)[0]
    assert seen[2:7].tolist() == [0.0, 1.0, 0.0, 0.0, 0.0]  # column 1: one step to the right of the corner
    assert seen[7:].tolist() == [1.0, 0.0, 0.0, 0.0, 0.0]


@pytest.mark.parametrize("action", [2.0, np.float32(2), "2", None, [2], np.array([2]), np.nan, {}])
def test_a_discrete_action_that_is_no_integer_is_refused(action: Any) -> None:
    env = FamilyEnv("gridnavi")
    env.reset(seed=0)
    with pytest.raises(ActionError, match=r"'gridnavi', seat 'seat_0' got action .* expected an integer"):
        env.step(action)


@pytest.mark.parametrize(
    "action",
    [[0.05, -0.02], (0.05, -0.02), np.array([0.05, -0.02]), np.array([0.05, -0.02], "f4"), [np.float64(0.05), -0.02]],
)  # fmt: skip
def test_a_continuous_action_may_come_in_any_form(action: Any) -> None:
    env = FamilyEnv("navigation")
    env.reset(seed=0)
    np.testing.assert_allclose(env.step(action)[0], [0.05, -0.02], rtol=1e-6)


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"num_episodes": 0}, SettingError, "num_episodes is 0, expected at least 1"),
        ({"num_episodes": 1.5}, SettingError, "num_episodes is 1.5, expected a whole number"),
        ({"num_episodes": "3"}, SettingError, "num_episodes is '3', expected a whole number"),
        ({"render_mode": "humna"}, SettingError, "render_mode is 'humna', expected one of human, rgb_array or None"),
        ({"render_mode": ["human"]}, SettingError, r"render_mode is \['human'\], expected one of human"),
        ({"split": "tset"}, VariantError, "split is 'tset', expected one of train, validation, test"),
        ({"split": None}, VariantError, "split is None, expected one of train"),
    ],
)
@every_face
def test_wrong_settings_are_one_clear_error(face: Face, settings: dict[str, Any], error: type, message: str) -> None:
    with pytest.raises(error, match=message) as caught:
        face(**settings)
    assert isinstance(caught.value, GamesError)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"seed": -1}, SettingError, "seed is -1, expected at least 0"),
        ({"seed": np.int64(-3)}, SettingError, "seed is -3, expected at least 0"),
        ({"seed": 1.0}, SettingError, "seed is 1.0, expected a whole number of at least 0"),
        ({"seed": "7"}, SettingError, "seed is '7', expected a whole number"),
        ({"options": "variant"}, SettingError, "options is 'variant', expected None or a dict"),
        ({"options": ["variant"]}, SettingError, r"options is \['variant'\], expected None or a dict"),
        ({"options": {"variant": 3}}, VariantError, "a variant is a table of rules, got 3"),
        ({"options": {"variant": "hard"}}, VariantError, "a variant is a table of rules, got 'hard'"),
        ({"options": {"variant": {"nonsense": 1}}}, VariantError, "no rule named 'nonsense'"),
    ],
)
@every_face
def test_a_wrong_reset_is_one_clear_error(face: Face, arguments: dict[str, Any], error: type, message: str) -> None:
    env = face()
    with pytest.raises(error, match=message) as caught:
        env.reset(**arguments)
    assert isinstance(caught.value, GamesError)
    env.reset(seed=0)
    face.story(env, 2)


@pytest.mark.parametrize("family", [None, 3, {}, FamilyEnv])
@pytest.mark.parametrize("make", [FamilyEnv, FamilyParallelEnv, FamilyAECEnv])
def test_what_is_no_family_is_refused(make: Any, family: Any) -> None:
    with pytest.raises(FamilyError, match=r"family is .*, expected a Family, or the name of one"):
        make(family)


@pytest.mark.parametrize("actions", [None, 3, [0, 1], {"seat_0": 1}, {"seat_0": 1, "seat_1": 0, "seat_2": 0}, {}])
def test_actions_of_other_agents_are_refused(actions: Any) -> None:
    env = FamilyParallelEnv(THROWS)
    env.reset(seed=0)
    with pytest.raises(ActionError, match="expected a dict with one of each of"):
        env.step(actions)


def test_a_family_without_a_view_is_drawn_plainly_by_every_face() -> None:
    for face in (Face(FamilyParallelEnv, THROWS), Face(FamilyAECEnv, NIM), Face(FamilyEnv, replace(TOSSES, view=None))):
        env = face(render_mode="rgb_array")
        env.reset(seed=0)
        before = env.render()
        face.story(env, 2)
        assert before.shape == (480, 480, 3)
        assert (env.render() != before).any()
