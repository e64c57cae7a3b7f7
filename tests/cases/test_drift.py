"""Rules that vary within a trial: a two-armed bandit whose arms drift from episode to episode."""

# mypy: disable-error-code="index"

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from gameagent_games import (
    Family,
    FamilyError,
    Feature,
    Rule,
    Rules,
    Simulator,
    Uniform,
    VariantSpace,
    check_family,
    state_type,
    trial_uniform,
    uniform,
)
from gameagent_games.game_rng import MASK_32, begin_episode, episode_key

K = 12


def start(state: Any, variant: Any) -> None:
    state.chance = variant.chance
    for earlier in range(state.episode):
        state.chance += variant.drift * (2.0 * trial_uniform(state, earlier) - 1.0)
    state.chance = min(max(state.chance, 0.0), 1.0)


def step(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    chance = state.chance if actions[0] == 0 else 1.0 - state.chance
    rewards[0] = 1.0 if uniform(state) < chance else 0.0
    return True


def observe(state: Any, variant: Any, seat: int, observation: Any) -> None:
    observation[0] = 1.0


DRIFTING = Family(
    name="drifting",
    summary="two arms that pay with p and 1 - p, where p drifts",
    source=Rules(start, step, observe, state=state_type([("chance", np.float64)])),
    space=VariantSpace((Rule("chance", Uniform((0.2, 0.8))), Rule("drift", Uniform((0.0, 0.3))))),
    features=(Feature("constant", low=0.0, high=1.0),),
    actions=("first", "second"),
    max_steps=1,
    num_episodes=K,
)


def played(num: int, arm: int | None, compiled: bool = True, seed: int = 0) -> tuple[np.ndarray, ...]:
    """Chances before each pull and what it paid, ``(num, K)``; arm None is the better one."""
    games = Simulator(DRIFTING, num, compiled=compiled)
    variants = DRIFTING.space.sample(num, 1, "all")
    games.reset(variants, np.arange(num) + seed)
    chances, pay = np.zeros((num, K)), np.zeros((num, K))
    for pull in range(K):
        chances[:, pull] = games.states["chance"]
        chosen = np.where(chances[:, pull] < 0.5, 1, 0) if arm is None else np.full(num, arm)
        games.step(chosen[:, None])
        pay[:, pull] = games.rewards[:, 0]
    assert games.finished.all()
    return variants, chances, pay


@pytest.mark.slow
def test_it_keeps_the_contract() -> None:
    check_family(DRIFTING).raise_for_failures()


@pytest.mark.parametrize("compiled", [False, True])
def test_a_path_depends_on_variant_and_seed_alone(compiled: bool) -> None:
    _, first, _ = played(20, 0, compiled)
    assert (first == played(20, 1)[1]).all()
    assert not (first[:, 1] == played(20, 0, seed=1000)[1][:, 1]).any()
    assert (first[:, 0] == played(20, 0, seed=1000)[1][:, 0]).all()  # the first episode is as the variant says


def test_steps_of_the_walk_are_uniform_and_independent() -> None:
    variants, chances, _ = played(20_000, 0)
    inner = (chances > 0.0) & (chances < 1.0)
    steps = np.diff(chances, axis=1)[:, :2] / variants["drift"][:, None]
    kept = inner[:, :3].all(axis=1) & (variants["drift"] < 0.1)  # too far from the ends to reach them in two steps
    ranks = np.sort((steps[kept][:, 0] + 1.0) / 2.0)
    assert np.abs(ranks - (np.arange(len(ranks)) + 0.5) / len(ranks)).max() < 2.23 / np.sqrt(len(ranks))
    assert abs(np.corrcoef(steps[kept].T)[0, 1]) < 4.5 / np.sqrt(kept.sum())


def test_knowing_the_chances_earns_what_a_walk_of_ones_own_says() -> None:
    """The oracle draws walks with numpy: expected pay of the better arm, pull by pull."""
    generator, num = np.random.default_rng(3), 40_000
    walk = generator.uniform(0.2, 0.8, num)
    drift = generator.uniform(0.0, 0.3, num)
    expected = np.zeros(K)
    for pull in range(K):
        chance = np.clip(walk, 0.0, 1.0)
        expected[pull] = np.maximum(chance, 1.0 - chance).mean()
        walk = walk + drift * generator.uniform(-1.0, 1.0, num)
    pay = played(num, None)[2].mean(axis=0)
    assert (np.abs(pay - expected) < 4.5 * np.sqrt(0.25 / num) * np.sqrt(2)).all()
    assert pay[-1] > pay[0] + 0.05  # drift leads away from the middle


def test_one_trial_may_be_played_side_by_side() -> None:
    variants, chances, _ = played(5, 0)
    games = Simulator(DRIFTING, 5 * K, num_episodes=1)
    games.reset(np.repeat(variants, K), np.repeat(np.arange(5), K), np.tile(np.arange(K), 5))
    assert (games.states["chance"].reshape(5, K) == chances).all()
    games.step(np.zeros((5 * K, 1), np.int64))
    assert games.finished.all()


def test_draws_of_a_trial_are_uniform_and_apart_from_its_episodes() -> None:
    states = [SimpleNamespace() for _ in range(2000)]
    for seed, state in enumerate(states):
        begin_episode(state, seed, 3)
        assert state.trial_key not in {episode_key(seed, episode) for episode in range(5)}
        assert (state.episode, state.random_counter, state.trial_key) == (3, 0, episode_key(seed, MASK_32))
    drawn = np.array([[trial_uniform(state, index) for index in range(20)] for state in states])
    again = np.array([[trial_uniform(state, index) for index in range(20)] for state in states])
    assert (drawn == again).all()
    ranks = np.sort(drawn.reshape(-1))
    assert np.abs(ranks - (np.arange(ranks.size) + 0.5) / ranks.size).max() < 2.23 / np.sqrt(ranks.size)
    own = np.array([[uniform(state) for _ in range(20)] for state in states])
    for first, second in ((drawn, own), (drawn[:, 1:], drawn[:, :-1]), (drawn[1:], drawn[:-1])):
        assert abs(np.corrcoef(first.reshape(-1), second.reshape(-1))[0, 1]) < 4.5 / np.sqrt(first.size)


@pytest.mark.parametrize("name", ["episode", "trial_key", "random_key"])
def test_a_state_field_of_the_simulators_is_refused(name: str) -> None:
    with pytest.raises(FamilyError, match=f"state field '{name}' is set by the simulator"):
        state_type([(name, np.int64)])


def test_learning_by_gradient_plays_a_trials_episodes() -> None:
    """All rollouts of a task, through all its gradient steps, are one trial's episodes in order."""
    import torch

    from gameagent.config import make_config
    from gameagent.inner_loop import for_tasks
    from gameagent.playing.episodes import EpisodeSampler

    config = make_config(DRIFTING, {"algorithm": "maml", "hidden_size": 4})
    policy = config.method.make_policy(config, DRIFTING)
    sampler = EpisodeSampler(DRIFTING, policy.network, 3, K // 3)
    draw = np.random.default_rng(0)
    variants = DRIFTING.space.sample(3, draw)
    sampler.set_tasks(variants, draw, torch.Generator().manual_seed(0))
    games, chances = sampler._simulator, []
    seeds = []
    for _ in range(3):
        sampler.collect(for_tasks(policy.initialisation, 3))
        chances.append(games.states["chance"].reshape(3, -1).copy())
        seeds.append(games.seeds.reshape(3, -1)[:, 0].copy())
    alone = Simulator(DRIFTING, 3)
    alone.reset(variants, seeds[0])
    for pull in range(K):
        assert (alone.states["chance"] == np.concatenate(chances, axis=1)[:, pull]).all()
        alone.step(np.zeros((3, 1), np.int64))
    assert len(set(seeds[0].tolist())) == 3
