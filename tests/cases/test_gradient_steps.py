"""Gradient steps in a game, where they did harm, forgot it, went on for nothing, or were measured in few states."""

# mypy: disable-error-code="arg-type, attr-defined, call-arg, no-untyped-call, type-var, union-attr"

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from gameagent.config import make_config
from gameagent.export.bundling import bundle_policy
from gameagent.methods.belief_correction import steps as calibration
from gameagent.methods.belief_correction.steps import rollback_margin
from gameagent.methods.gradient.graphs import _worst_fall
from gameagent.methods.margins import margin_of
from gameagent.playing.buffer import Rollout
from gameagent_games.registry import load_family
from gameagent_games.variants.variant import VariantSpace
from gameagent_sdk import Agent, Bundle, Policy, Squad, replay
from gameagent_sdk.adaptation.guard import RollbackGuard
from gameagent_sdk.adaptation.probes import spread
from gameagent_sdk.authoring import attach_manifest

README_CURVE = (-39.0, -2.1, -1.6)
LENGTH = 6  # steps of an episode


def by_belief() -> Any:
    """A policy that corrects its beliefs after every episode; its corrections are not learnt."""
    family = load_family("forage")
    config = make_config(family, {"hidden_size": 16, "gradient": True, "inner_lr": 0.05, "num_episodes": 2})
    torch.manual_seed(0)
    policy = config.method.make_policy(config, family).eval()
    with torch.no_grad():
        policy.actor.weight.mul_(300.0)
        policy.trunk[0].weight[:, -policy.belief_head.size :].mul_(10.0)
    return policy, config, family


def by_policy_gradient(**given: Any) -> Any:
    """A policy whose steps aim at a return of 10."""
    family = load_family("navigation")
    fixed = {"algorithm": "maml", "hidden_size": 8, "num_rollouts": 2, "inner_steps": 1, "return_scaled_steps": True}
    config = make_config(family, fixed | given)
    torch.manual_seed(0)
    policy = config.method.make_policy(config, family)
    policy.best_return.fill_(10.0)
    policy.pre_adaptation_return.fill_(0.0)
    return policy, config, family


@pytest.fixture(scope="module")
def corrected() -> Bundle:
    return bundle_policy(*by_belief(), {})


@pytest.fixture(scope="module")
def stepped() -> Bundle:
    return bundle_policy(*by_policy_gradient(), {})


def begun(bundle: Bundle, **bounds: Any) -> Agent:
    """An agent at the start of a trial, its bundle with other bounds."""
    gradient = dataclasses.replace(bundle.manifest.gradient, **bounds)
    manifest = dataclasses.replace(bundle.manifest, gradient=gradient)
    policy = Policy(Bundle.from_bytes(attach_manifest(bundle.data, manifest, bundle.adaptation_data)))
    agent = Agent(policy, seed=1)
    agent.begin_trial()
    return agent


def play(agent: Any, total: Any, generator: np.random.Generator, length: int = LENGTH) -> None:
    """An episode of random observations that returns a total, in rewards that differ; then what is pending."""
    noise = generator.normal(size=length)
    rewards = total / length + 0.1 * (noise - noise.mean())
    for step in range(length):
        agent.act(generator.uniform(-1, 1, agent.manifest.observation_size).astype(np.float32))
        agent.observe(float(rewards[step]), terminated=step == length - 1)
    agent.tick(1e6)


def weights(agent: Any) -> dict[Any, Any]:
    return {name: array.copy() for name, array in agent._trial.step.context.weights.items()}


def assert_equal(one: dict[Any, Any], other: dict[Any, Any]) -> None:
    for name, array in one.items():
        np.testing.assert_array_equal(array, other[name])


@pytest.mark.slow
def test_a_fall_after_a_good_curve_is_taken_back(corrected: Bundle) -> None:
    """-15 is no worse than the mean of all episodes before, and ten times as bad as the last."""
    agent, generator = begun(corrected, rollback_margin=5.0), np.random.default_rng(0)
    kept = []
    for total in README_CURVE:
        kept.append(weights(agent))
        play(agent, total, generator)
    play(agent, -15.0, generator)
    assert agent.last_adaptation.outcome == "rolled back"
    assert_equal(weights(agent), kept[-1])


def test_what_was_rolled_back_is_remembered_in_shorter_steps(corrected: Bundle) -> None:
    """The same episode teaches a quarter of what it teaches an agent that did no harm; later ones more again."""
    changes: dict[Any, Any] = {}
    for last in (-15.0, -1.7):
        agent = begun(corrected, rollback_margin=5.0)
        for total in (*README_CURVE, last, -1.6, -1.6, -1.6):
            play(agent, total, np.random.default_rng(abs(int(total))))
            changes.setdefault(last, []).append(agent.last_adaptation)
    assert [change.trust for change in changes[-1.7]] == [1.0] * 7
    assert [change.trust for change in changes[-15.0]] == [1.0, 1.0, 1.0, 1.0, 0.25, 0.5, 1.0]
    first, same = changes[-15.0][4], changes[-15.0][2]  # from the same weights and the same episode
    assert first.num_steps == same.num_steps == LENGTH
    assert 0.0 < first.change < 0.4 * same.change


def curves(agent: Agent, totals: tuple[Any, ...], seed: int) -> list[Any]:
    generator, found = np.random.default_rng(seed), []
    for total in totals:
        play(agent, total, generator)
        found.append(np.concatenate([array.ravel() for array in weights(agent).values()]).tolist())
    return found


@pytest.mark.parametrize("moment", [3, 4, 5])
def test_a_saved_mind_remembers_it(corrected: Bundle, tmp_path: Path, moment: int) -> None:
    totals = (*README_CURVE, -15.0, -1.6, -9.0, -1.6, -1.6)
    agent, other = begun(corrected, rollback_margin=5.0), begun(corrected, rollback_margin=5.0)
    curves(agent, totals[:moment], 1)
    agent.save(tmp_path / "a.mind")
    other.restore(tmp_path / "a.mind")
    expected = curves(agent, totals[moment:], 2)
    assert curves(other, totals[moment:], 2) == expected


def test_a_replay_and_a_squad_do_as_the_agent(corrected: Bundle, tmp_path: Path) -> None:
    totals = (*README_CURVE, -15.0, -1.6, -1.6)
    agent = begun(corrected, rollback_margin=5.0)
    agent.record(tmp_path / "r.jsonl")
    expected = curves(agent, totals, 3)
    agent.stop_recording()
    again = replay(tmp_path / "r.jsonl", agent.policy)
    again.agent.tick(1e6)
    assert again.num_different == 0
    assert_equal(weights(again.agent), weights(agent))
    assert curves(Squad(agent.policy, seed=0).join(seed=1), totals, 3) == expected


@pytest.mark.slow
def test_a_task_at_its_own_optimum_is_left_alone(stepped: Bundle) -> None:
    """It returns 1, whatever is tried, where others return 10: its steps are as long as ever if nothing ends them."""
    agent, generator = begun(stepped, rollback_margin=1e6, max_kl=1e6), np.random.default_rng(4)
    changes = []
    for _ in range(30):
        for _ in range(2):
            play(agent, 1.0 + 0.1 * generator.normal(), generator)
        changes.append(agent.last_adaptation.change)
    assert changes[0] > 0.01
    assert max(changes[-5:]) < 0.01 * changes[0]
    assert sum(changes[15:]) < 0.1 * sum(changes[:15])


def test_a_task_that_gets_better_goes_on(stepped: Bundle) -> None:
    agent, generator = begun(stepped, rollback_margin=1e6, max_kl=1e6), np.random.default_rng(5)
    for total in np.linspace(0.0, 8.0, 12):
        for _ in range(2):
            play(agent, total, generator)
    assert agent.last_adaptation.trust == 1.0 and agent.last_adaptation.change > 1e-3


def test_the_trust_region_sees_all_of_the_experience(stepped: Bundle) -> None:
    """Two episodes of 60 steps: the first far to the right, of which the last states of the second say nothing."""
    agent, generator = begun(stepped, max_kl=1e-3), np.random.default_rng(6)
    seen = []
    for side in (3.0, -3.0):
        for step in range(60):
            seen.append(np.array([side, step / 60.0], np.float32))
            agent.act(seen[-1])
            agent.observe(float(generator.normal()), terminated=step == 59)
    probes = agent._trial.adapter._probes.rows()["observation"]
    np.testing.assert_array_equal(probes, np.array(seen)[spread(120)])
    assert 6 <= (probes[:, 0] > 0).sum() <= 10
    agent.tick(1e6)
    change = agent.last_adaptation
    assert change.before.shape == (16, 2) and 0.0 < change.kl <= 1e-3
    apart = np.abs(change.before[:8].mean(0) - change.before[8:].mean(0)).max()
    assert apart > 1e-4  # in the order in which they were met: first the right, then the left


@pytest.mark.slow
@pytest.mark.parametrize("made", [by_belief, by_policy_gradient])
def test_bounds_and_parity_are_measured_on_the_split_that_was_trained_on(
    monkeypatch: pytest.MonkeyPatch, made: Callable[..., Any]
) -> None:
    drawn, sample = [], VariantSpace.sample

    def recorded(self: Any, num: int, rng: Any, split: str = "train") -> NDArray[Any]:
        drawn.append(split)
        return sample(self, num, rng, split)

    monkeypatch.setattr(VariantSpace, "sample", recorded)
    policy, config, family = made()
    assert config.split == "train"
    bundle_policy(policy, dataclasses.replace(config, split="validation"), family, {})
    assert len(drawn) >= 2 and set(drawn) == {"validation"}


def test_the_margin_is_what_returns_of_the_same_weights_fall_by_in_one_of_a_hundred() -> None:
    generator = torch.Generator().manual_seed(7)
    draw = lambda *shape: -5.0 + 2.0 * torch.randn(*shape, generator=generator)  # noqa: E731
    margin = margin_of(_worst_fall(draw(20_000, 20), draw(20_000, 20)))
    first_look_alone = 2.326 * 2.0 * np.sqrt(1 / 5 + 1 / 20)
    assert first_look_alone < margin < 1.3 * first_look_alone
    alarms, returns = 0, draw(4000, 20).numpy()
    for before, after in zip(returns[::2], returns[1::2], strict=True):
        guard = RollbackGuard(margin, 20, by_returns=True)
        assert not any(guard.returned(value) for value in before)
        guard.changed()
        alarms += any(guard.returned(value) for value in after)
    assert 6 <= alarms <= 36  # of 2000


def test_the_margin_of_beliefs_is_that_of_an_episode_against_the_one_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Returns fall by 3 from the first episode to the second in three of a hundred trials, else they rise."""
    policy, config, family = by_belief()
    play, falls = calibration.Trials.play, []

    def scripted(self: Any, *args: Any) -> Rollout:
        rollout = play(self, *args)
        starts = rollout.inputs.episode_start[:, :, 0].cumsum(0)
        rewards = torch.zeros_like(rollout.rewards)
        num_rows = rewards.shape[1]
        for row in range(num_rows):
            first, second = (int((starts[:, row] == number).nonzero()[0]) for number in (1, 2))
            rewards[first, row] = 3.0 if row < 0.03 * num_rows else 0.0
            rewards[second, row] = 0.0 if row < 0.03 * num_rows else 50.0
            falls.append(float(rewards[first, row] - rewards[second, row]))
        return dataclasses.replace(rollout, rewards=rewards)

    monkeypatch.setattr(calibration.Trials, "play", scripted)
    assert rollback_margin(policy, config, family) == pytest.approx(np.quantile(falls, 0.99)) == 3.0
