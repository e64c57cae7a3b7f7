"""Learners that play in single precision, as ever, and learn in double, so that comparisons can be strict.

What is played is kept; and what lies past a row's end is replaced by what no loss may ever look at.
"""

# mypy: disable-error-code="assignment, var-annotated"

import copy
from dataclasses import replace
from functools import partialmethod
from typing import Any

import pytest
import torch

from gameagent.methods.rl2.learner import MemoryLearner
from gameagent_games.interface import Family


def in_double(learner: Any) -> Any:
    """The learner itself, with its player replaced; see `DoubleTrials` and `DoubleSampler`."""
    learner.policy.double()
    if isinstance(learner, MemoryLearner):
        learner._usual = DoubleTrials(learner._usual)
        learner._long = DoubleTrials(learner._long, learner._usual)
        return learner, learner._usual
    learner._sampler = DoubleSampler(learner._sampler)
    return learner, learner._sampler


def interpret_games(monkeypatch: pytest.MonkeyPatch) -> None:
    """Has learners interpret their games: compiling small ones takes longer than playing them."""
    monkeypatch.setattr(Family, "make_games", partialmethod(Family.make_games, compiled=False))


def double(tensor: Any) -> Any:
    return tensor.double() if tensor is not None and tensor.is_floating_point() else tensor


def spoilt(tensor: Any, valid: Any) -> Any:
    """NaN and infinities past the end; a mask without any legal action; an index that is a legal one."""
    if tensor is None or not (tensor.is_floating_point() or tensor.dtype == torch.bool):
        return tensor
    behind = ~valid.reshape(valid.shape + (1,) * (tensor.dim() - valid.dim())).expand_as(tensor)
    if tensor.dtype == torch.bool:
        return tensor & ~behind
    spoilt = torch.tensor([torch.nan, torch.inf, -torch.inf, 1e30], dtype=tensor.dtype).repeat(tensor.numel() // 4 + 1)
    return torch.where(behind, spoilt[: tensor.numel()].reshape(tensor.shape), tensor)


class DoubleTrials:
    """Stands in for `rollout.Trials`. Log-probabilities are moved, so that some ratios leave the clipping range.

    What is played is noted down, on the notes of another one if there is one.
    """

    def __init__(self, trials: Any, other: Any = None) -> None:
        self.trials, self.share = trials, trials.share
        self.informed, self.variants, self.rollouts = (
            ([], [], []) if other is None else (other.informed, other.variants, other.rollouts)
        )

    def take_failures(self) -> Any:
        return self.trials.take_failures()

    def play(self, policy: Any, variants: Any, seeds: Any, informed: Any, generator: Any) -> Any:
        rollout = self.trials.play(copy.deepcopy(policy).float(), variants, seeds, informed, generator)
        rows, steps = rollout.rows, len(rollout.valid)
        moves = torch.randn(rows.total, 64, generator=torch.Generator().manual_seed(5)).double()[:, :steps].T
        rollout = replace(
            rollout,
            inputs=type(rollout.inputs)(*map(double, rollout.inputs)),
            actions=double(rollout.actions),
            log_probs=rollout.log_probs.double() + 0.4 * moves[:, rows.start : rows.stop],
            values=rollout.values.double(),
            rewards=rollout.rewards.double(),
        )
        self.variants.append(variants)
        self.informed.append(informed)
        self.rollouts.append(rollout)
        by_step = (
            "observation",
            "previous_action",
            "previous_reward",
            "episode_start",
            "legal_actions",
            "belief_offset",
            "position",
        )
        bad = {name: spoilt(getattr(rollout.inputs, name), rollout.valid) for name in by_step}
        return replace(
            rollout,
            inputs=rollout.inputs._replace(**bad),
            actions=spoilt(rollout.actions, rollout.valid),
            log_probs=spoilt(rollout.log_probs, rollout.valid),
            values=spoilt(rollout.values, rollout.valid),
            rewards=spoilt(rollout.rewards, rollout.valid),
        )


class DoubleSampler:
    """Stands in for `episodes.EpisodeSampler`."""

    def __init__(self, sampler: Any) -> None:
        self.sampler, self.variants, self.trajectories, self.params = sampler, [], [], []

    @property
    def num_tasks(self) -> Any:
        return self.sampler.num_tasks

    @property
    def num_steps(self) -> Any:
        return self.sampler.num_steps

    @property
    def seconds(self) -> Any:
        return self.sampler.seconds

    def take_failures(self) -> Any:
        return self.sampler.take_failures()

    def set_tasks(self, variants: Any, draw: Any, generator: Any) -> None:
        self.variants.append(variants)
        self.sampler.set_tasks(variants, draw, generator)

    def collect(self, params_by_task: Any) -> Any:
        played = self.sampler.collect({name: param.float() for name, param in params_by_task.items()})
        played = type(played)(*map(double, played))
        self.trajectories.append(played)
        self.params.append({name: param.detach().clone() for name, param in params_by_task.items()})
        return type(played)(*(spoilt(part, played.valid) for part in played[:4]), played.valid, played.legal_actions)
