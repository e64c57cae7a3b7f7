"""Episodes for learners by gradient: a task is played by its own parameters; the SDK computes the same advantages."""

# mypy: disable-error-code="no-untyped-call"

from typing import Any

import numpy as np
import pytest
import torch

from gameagent.config import make_config
from gameagent.inner_loop import for_tasks
from gameagent.methods.gradient.meta_batch import with_advantages
from gameagent.playing.episodes import EpisodeSampler
from gameagent_games.families.navigation.family import NAVIGATION
from gameagent_sdk import BundleError, Manifest
from gameagent_sdk.adaptation.advantages import advantages, step_scale
from gameagent_sdk.adaptation.experience import ExperienceBuffer
from gameagent_sdk.authoring import ActionSpec, AdvantageSpec, FeatureSpec, GradientSpec, TensorSpec
from masked_family import ORCHARD


@pytest.fixture(scope="module")
def walks() -> Any:
    """Three rollouts of each of four tasks, of which the last one's policy walks to the upper right."""
    config = make_config(NAVIGATION, {"algorithm": "maml", "hidden_size": 8})
    policy = config.method.make_policy(config, NAVIGATION)
    sampler = EpisodeSampler(NAVIGATION, policy.network, 4, 3)
    draw = np.random.default_rng(0)
    goals = NAVIGATION.space.records([{"goal": [0.3, 0.3]}] * 4)
    sampler.set_tasks(goals, draw, torch.Generator().manual_seed(0))
    params = {name: weight.detach().clone() for name, weight in for_tasks(policy.initialisation, 4).items()}
    params["head_bias"][3] = 1.0
    params["head_log_std"][3] = -6.0
    params["head_weight"][3] = 0.0
    return sampler, sampler.collect(params)


def test_each_task_is_played_by_its_own_parameters(walks: Any) -> None:
    _, played = walks
    assert played.observations.shape == (4, 100, 3, 2) and played.actions.shape == (4, 100, 3, 2)
    lengths = played.valid.sum(1)
    assert (lengths[3] <= 4).all() and (lengths[:3] > 20).all()
    assert (played.mean_returns()[:3] < played.mean_returns()[3]).all()
    np.testing.assert_allclose(played.observations[3, 2, 0], [0.2, 0.2], atol=2e-3)
    assert not played.valid[3, 10:].any() and not played.rewards[3, 10:].any()  # past the end


def test_what_is_drawn_beyond_the_box_is_kept_as_drawn_and_played_at_its_edge(walks: Any) -> None:
    _, played = walks
    actions, moves = played.actions[0, :-1], np.diff(played.observations[0], axis=0)
    assert (actions.abs() > 1.0).any()
    both = (played.valid[0, 1:] & played.valid[0, :-1]).numpy()
    np.testing.assert_allclose(moves[both], 0.1 * np.clip(actions.numpy(), -1, 1)[both], atol=1e-6)


def test_only_legal_actions_are_played() -> None:
    config = make_config(ORCHARD, {"algorithm": "maml", "hidden_size": 8})
    policy = config.method.make_policy(config, ORCHARD)
    sampler, draw = EpisodeSampler(ORCHARD, policy.network, 4, 8), np.random.default_rng(0)
    sampler.set_tasks(ORCHARD.space.sample(4, draw), draw, torch.Generator().manual_seed(0))
    played = sampler.collect(for_tasks(policy.initialisation, 4))
    assert played.valid.all() and (played.rewards >= 0.0).all()  # an illegal action costs 9 and ends the episode
    assert played.legal_actions.sum(-1).eq(3).all() and len(played.actions.unique()) == 4


def test_steps_are_counted(walks: Any) -> None:
    sampler, played = walks
    assert sampler.num_steps == int(played.valid.sum()) and sampler.seconds > 0.0


@pytest.mark.parametrize("standardise", [False, True])
@pytest.mark.parametrize("gae_lambda", [1.0, 0.7])
def test_the_sdk_judges_as_the_trainer_does(walks: Any, gae_lambda: float, standardise: bool) -> None:
    _, played = walks
    spec = AdvantageSpec(0.97, gae_lambda, standardise)
    judged = with_advantages(played, spec)
    for task in range(4):
        valid = played.valid[task].T  # (B, T)
        ends = torch.zeros_like(played.rewards[task].T)
        ends[torch.arange(3), valid.sum(1) - 1] = 1.0
        rows = [played.observations[task].transpose(0, 1)[valid], played.rewards[task].T[valid], ends[valid]]
        observations, rewards, episode_end = (np.ascontiguousarray(part.numpy()) for part in rows)
        found = advantages(observations, rewards[:, None], episode_end[:, None], spec)
        expected = judged.advantages[task].T[valid]
        np.testing.assert_allclose(found[:, 0], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("slope", "firsts"), [(0.0, None), (0.2, None), (0.2, [-30.0, -50.0, -60.0, -20.0])])
def test_the_sdk_tells_the_graph_how_long_a_step_is_as_the_trainer_does(
    walks: Any, slope: float, firsts: list[float] | None
) -> None:
    _, played = walks
    spec = AdvantageSpec(0.97, 0.8, True, best_return=-1.0, pre_adaptation_return=-40.0, best_slope=slope)
    gradient = GradientSpec(
        weights=(TensorSpec("head", (2,)),), max_kl=1.0, rollback_margin=1.0, learns_from="advantages", advantages=spec
    )
    action = ActionSpec(("right", "up"), kind="box", low=(-1.0, -1.0), high=(1.0, 1.0))
    manifest = Manifest(
        name="x", summary="", observation=(FeatureSpec("position", 2),), action=action, num_episodes=1, max_steps=100,
        adaptation=("gradient",), gradient=gradient,
    )  # fmt: skip
    scales = []
    for task in range(4):
        experience = ExperienceBuffer(manifest)
        for episode in range(3):
            length = int(played.valid[task, :, episode].sum())
            for t in range(length):
                seen, done = (part[task, t, episode].numpy() for part in (played.observations, played.actions))
                experience.add(seen, done, float(played.rewards[task, t, episode]), ended=t == length - 1)
        told = experience.tensors(None if firsts is None else firsts[task])
        assert set(told) == {"observations", "actions", "advantages", "episode_end", "step_scale"}
        scales.append(told["step_scale"].item())
    first_returns = None if firsts is None else torch.tensor(firsts)
    np.testing.assert_allclose(scales, with_advantages(played, spec, first_returns=first_returns).step_scale, rtol=1e-5)
    if not slope:
        assert scales[3] < 0.1 < min(scales[:3])  # the last one walks to its goal


def test_a_step_is_the_longer_the_further_the_best_return_is() -> None:
    """Polyak's step size for a return of -(distance): in proportion to the distance, whatever the gradient's length."""
    spec = AdvantageSpec(0.9, 0.8, True, best_return=-2.0, pre_adaptation_return=-10.0)
    scales = step_scale(np.array([-10.0, -6.0, -2.0, 5.0, -1e30, np.nan]), spec)
    np.testing.assert_allclose(scales, [1.0, 0.5, 0.0, 0.0, 3.0, np.nan])
    assert step_scale(np.array([-6.0, 5.0]), AdvantageSpec(0.9, 0.8, True)).tolist() == [1.0, 1.0]


def test_the_best_return_that_can_be_expected_depends_on_the_first() -> None:
    """A task that returns 4 more than usual before any step is expected to come to 2 more than usual."""
    spec = AdvantageSpec(0.9, 0.8, True, best_return=10.0, pre_adaptation_return=0.0, best_slope=0.5)
    first, later = np.array([4.0, 0.0, -4.0]), np.array([7.0, 5.0, 8.0])
    np.testing.assert_allclose(step_scale(first, spec), [0.8, 1.0, 1.2])
    np.testing.assert_allclose(step_scale(later, spec, first), [0.5, 0.5, 0.0])
    with pytest.raises(BundleError, match="best_slope must be a finite number, given nan"):
        AdvantageSpec(0.9, 0.8, True, 1.0, 0.0, np.nan)


@pytest.mark.parametrize("compared", [(1.0, None), (None, 1.0), (1.0, 1.0), (0.0, 1.0), (np.inf, 1.0), (1.0, np.nan)])
def test_returns_that_nothing_can_be_compared_with_are_refused(compared: Any) -> None:
    with pytest.raises(BundleError, match=r"best_return must be above pre_adaptation_return"):
        AdvantageSpec(0.9, 0.8, True, *compared)


@pytest.mark.parametrize("reward", [0.0, 1.0, -1e30, 3e38])
def test_a_constant_reward_teaches_nothing(reward: float) -> None:
    observations = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
    episode_end = np.tile([[0.0]] * 9 + [[1.0]], (4, 1)).astype(np.float32)
    found = advantages(observations, np.full((40, 1), reward, np.float32), episode_end, AdvantageSpec(1.0, 1.0, True))
    assert not found.any()
