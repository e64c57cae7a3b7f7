"""Families as Gymnasium environments: Gymnasium's own checks, trials, refusals, rendering, registration."""

# mypy: disable-error-code="arg-type, attr-defined, union-attr"

import subprocess
import sys
from dataclasses import replace
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from gameagent_games import Family
from gameagent_games.envs.gymnasium_env import FamilyEnv
from gameagent_games.envs.registration import environment_id
from gameagent_games.errors import ActionError, FamilyError, VariantError
from gameagent_games.families.forage.family import FORAGE
from gameagent_games.families.gridnavi.family import GRIDNAVI
from gameagent_games.registry import built_in_names
from two_seat_families import NIM, THROWS

IDS = [environment_id(name) for name in built_in_names()]
UP, RIGHT = 1, 2


@pytest.fixture(autouse=True)
def _no_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")


@pytest.mark.parametrize("num_episodes", [1, 3])
@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("environment", IDS)
def test_gymnasium_finds_nothing_to_object_to(environment: str, compiled: bool, num_episodes: int) -> None:
    check_env(gymnasium.make(environment, compiled=compiled, num_episodes=num_episodes).unwrapped)


def run_fresh(code: str) -> list[str]:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_importing_the_environments_registers_every_id() -> None:
    code = "import gymnasium, gameagent_games.envs\n"
    found = run_fresh(code + "print(*(id for id in gymnasium.registry if id.startswith('gameagent/')))")
    assert set(IDS) | {"gameagent/Forage-v0"} <= set(found)


@pytest.mark.parametrize("module", ["gameagent_games.envs", "gameagent_games.envs.gymnasium_env"])
def test_make_needs_no_import_when_the_id_names_the_module(module: str) -> None:
    code = f"import gymnasium\nprint(gymnasium.make('{module}:gameagent/Forage-v0').spec.id)"
    assert run_fresh(code) == ["gameagent/Forage-v0"]


def test_importing_the_package_alone_leaves_gymnasium_and_the_import_system_alone() -> None:
    code = "import sys\nbefore = list(sys.meta_path)\nimport gameagent_games\n"
    assert run_fresh(code + "print('gymnasium' in sys.modules, sys.meta_path == before)") == ["False", "True"]


def test_without_gymnasium_the_extra_is_named() -> None:
    code = "import sys\nsys.modules['gymnasium'] = None\n"
    code += "try:\n    import gameagent_games.envs\nexcept Exception as error:\n    print(type(error).__name__, error)"
    words = run_fresh(code)
    assert words[0] == "MissingExtra"
    assert words[-1] == "'gameagent-games[gymnasium]'"


def test_ids_are_made_of_the_familys_name() -> None:
    assert environment_id("random_mdp") == "gameagent/RandomMdp-v0"


def test_a_variant_can_be_given_to_the_constructor_in_every_form() -> None:
    record = GRIDNAVI.space.sample(1, 3)
    variant = GRIDNAVI.space.variants(record)[0]
    for form in (variant, dict(variant.rules), record, record[0]):
        _, info = FamilyEnv(GRIDNAVI, variant=form).reset(seed=0)
        assert info["variant_id"] == variant.id
        assert info["rules"] == dict(variant.rules)


def test_a_variant_given_at_reset_holds_for_that_reset_only() -> None:
    env = FamilyEnv("gridnavi", variant={"goal": "4,4"})
    assert env.reset(seed=0, options={"variant": {"goal": "2,0"}})[1]["rules"] == {"goal": "2,0"}
    assert env.reset()[1]["rules"] == {"goal": "4,4"}


def test_wrong_variants_are_refused() -> None:
    with pytest.raises(VariantError, match="goal"):
        FamilyEnv("gridnavi", variant={"goal": "0,0"})
    with pytest.raises(VariantError, match="expected one record"):
        FamilyEnv("gridnavi", variant=FORAGE.space.sample(1, 0))


def test_sampled_variants_follow_the_seed_and_come_from_the_split() -> None:
    env = FamilyEnv("forage", split="test")
    ids = [env.reset(seed=seed)[1]["variant_id"] for seed in (1, 2, 1)]
    assert ids[0] == ids[2] != ids[1]
    rules = env.reset(seed=5)[1]["rules"]
    assert FORAGE.space.split_of(FORAGE.space.records([rules])).tolist() == ["test"]
    assert env.reset()[1]["variant_id"] != env.reset()[1]["variant_id"]


def test_a_time_limit_truncates_and_rules_terminate() -> None:
    env = FamilyEnv("gridnavi", variant={"goal": "2,0"})
    env.reset(seed=0)
    ends = [env.step(0)[2:4] for _ in range(15)]
    assert ends == [(False, False)] * 14 + [(False, True)]
    bandit = FamilyEnv("bandit")
    bandit.reset(seed=0)
    assert bandit.step(0)[2:4] == (True, False)


def test_a_trial_goes_on_over_the_ends_of_its_episodes() -> None:
    env = FamilyEnv("gridnavi", variant={"goal": "2,0"}, num_episodes=2)
    start, info = env.reset(seed=0)
    assert (info["episode_index"], info["episode_ended"]) == (0, False)
    steps = [env.step(RIGHT) for _ in range(15)]
    observation, _, terminated, truncated, info = steps[-1]
    assert not terminated
    assert not truncated
    assert info["episode_index"] == 1
    assert info["episode_ended"]
    assert info["episode_truncated"]
    assert not info["episode_terminated"]
    # cells 1, 2 (the goal), 3, 4 and the wall: by hand, one step on the goal and fourteen off it
    assert info["episode_return"] == pytest.approx(1.0 - 14 * 0.1)
    np.testing.assert_array_equal(observation, start)
    assert info["last_observation"][0] == 1.0  # stood at the right wall, not at the start
    assert not any(step[4]["episode_ended"] for step in steps[:-1])
    second = [env.step(UP) for _ in range(15)]
    assert [step[2:4] for step in second] == [(False, False)] * 14 + [(False, True)]
    assert second[-1][4]["episode_index"] == 1
    assert second[-1][4]["episode_return"] == pytest.approx(-1.5)


def test_returned_arrays_are_the_callers_to_keep() -> None:
    env = FamilyEnv("forage")
    first, info = env.reset(seed=0)
    kept = first.copy()
    info["rules"]["worth"][0] = 99.0
    _, _, _, _, later = env.step(1)
    np.testing.assert_array_equal(first, kept)
    assert later["rules"]["worth"][0] != 99.0


@pytest.mark.parametrize(("action", "message"), [(5, "0 to 4"), (-1, "0 to 4"), (1.5, "expected an integer")])
def test_wrong_actions_are_refused(action: float, message: str) -> None:
    env = FamilyEnv("gridnavi")
    env.reset(seed=0)
    with pytest.raises(ActionError, match=message):
        env.step(action)


def test_continuous_actions_are_a_box_and_are_clipped_to_it() -> None:
    env = FamilyEnv("navigation", variant={"goal": [0.4, 0.3]})
    assert env.action_space == gymnasium.spaces.Box(-0.1, 0.1, (2,), np.float32)
    env.reset(seed=0)
    observation, reward, terminated, truncated, info = env.step(np.array([5.0, -0.04], np.float32))
    np.testing.assert_allclose(observation, [0.1, -0.04], rtol=1e-6)
    assert reward == pytest.approx(-np.hypot(0.3, 0.34))
    assert not (terminated or truncated)
    assert "action_mask" not in info
    assert env.step([0.0, 0.0])[1] == pytest.approx(reward)


@pytest.mark.parametrize("action", [0.1, [0.1], [0.1, np.nan], [np.inf, 0.0], "up", None])
def test_continuous_actions_must_be_as_many_finite_numbers(action: Any) -> None:
    env = FamilyEnv("navigation")
    env.reset(seed=0)
    with pytest.raises(ActionError, match=r"'navigation', seat 'seat_0' got .* expected 2 finite numbers: right, up"):
        env.step(action)


def test_stepping_before_reset_or_after_the_end_is_refused() -> None:
    env = FamilyEnv("bandit")
    with pytest.raises(ActionError, match="reset"):
        env.step(0)
    env.reset(seed=0)
    env.step(0)
    with pytest.raises(ActionError, match="reset"):
        env.step(0)


@pytest.mark.parametrize("family", [NIM, THROWS])
def test_games_for_two_are_refused(family: Family) -> None:
    with pytest.raises(FamilyError, match="pettingzoo"):
        FamilyEnv(family)


@pytest.mark.parametrize("split", ["train", "validation", "test", "out_of_range"])
def test_bounds_are_finite_and_hold_for_shown_rules_of_every_split(split: str) -> None:
    env = FamilyEnv("forage", split=split)
    assert np.isfinite([env.observation_space.low, env.observation_space.high]).all()
    seen = np.array([env.reset(seed=seed)[0] for seed in range(60)])
    assert all(env.observation_space.contains(observation) for observation in seen)


def test_both_ends_of_a_shown_rules_range_are_reached() -> None:
    env = FamilyEnv("forage")
    rules = env.reset(seed=0)[1]["rules"]
    smallest, largest = (env.reset(options={"variant": rules | {"size": size}})[0][-1] for size in (6, 10))
    assert smallest == env.observation_space.low[-1]
    assert largest == env.observation_space.high[-1]


def test_a_family_without_a_view_is_rendered_all_the_same() -> None:
    plain = FamilyEnv(replace(GRIDNAVI, view=None), render_mode="rgb_array")
    assert plain.metadata["render_modes"] == ["human", "rgb_array"]
    plain.reset(seed=0)
    assert plain.render().shape == (480, 480, 3)


def test_frames_are_pixels_and_follow_the_game() -> None:
    env = FamilyEnv("forage", render_mode="rgb_array")
    env.reset(seed=0)
    first = env.render()
    assert first.dtype == np.uint8
    assert first.ndim == 3
    for action in (1, 2, 3, 4):
        env.step(action)
    assert (env.render() != first).any()


def test_a_window_opens_and_closes_twice() -> None:
    env = FamilyEnv("forage", render_mode="human")
    env.reset(seed=0)
    env.step(1)
    assert env.render() is None
    env.close()
    env.close()
