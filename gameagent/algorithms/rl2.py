"""Meta-LSTM trained by PPO over whole trials (RL², Duan et al. 2016; Wang et al. 2016), with beliefs.

One update: play trials of freshly drawn variants, then take a few passes of clipped policy gradient over them.
The inner loop is the policy's memory: it learns within a trial while its weights stand still.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from gameagent.config import TrainConfig
from gameagent.losses import clipped_policy_loss, masked_mean, value_loss
from gameagent.policies.interface import Inputs
from gameagent.policies.network import AgentNetwork
from gameagent.policies.transitions import Transitions
from gameagent.returns import trial_advantages
from gameagent.rollout import Rollout
from gameagent.workers import Workers


class Schedule(NamedTuple):
    """Quantities that change over a run, at one point of it."""

    learning_rate: float
    entropy_weight: float
    told_share: float

    @classmethod
    def at(cls, config: TrainConfig, done: float) -> "Schedule":
        """The schedule when the share ``done`` (0 to 1) of the budget is spent."""
        told = config.told_share * max(0.0, 1.0 - done / config.told_until) if config.told_until > 0 else 0.0
        return cls(
            config.learning_rate * (1.0 - 0.9 * done),
            config.entropy_start + (config.entropy_end - config.entropy_start) * done,
            told if config.beliefs and config.memory == "lstm" and not config.reveal else 0.0,
        )


def update(
    policy: AgentNetwork,
    optimizer: torch.optim.Optimizer,
    rollout: Rollout,
    config: TrainConfig,
    schedule: Schedule,
    workers: Workers,
    shuffle: np.random.Generator,
) -> dict[str, float]:
    """One outer-loop update of the policy on a rollout.

    Every process calls this with its own rollout; gradients are averaged over processes, so the weights stay equal.

    Returns:
        Means of the losses and diagnostics over the gradient steps, of this process.
    """
    rewards = rollout.rewards * config.reward_scale
    advantages = trial_advantages(rewards, rollout.values, rollout.valid, config.discount, config.gae_lambda)
    returns = advantages + rollout.values
    mean, std = workers.mean_and_std(advantages[rollout.valid])
    advantages = (advantages - mean) / (std + 1e-8)
    for group in optimizer.param_groups:
        group["lr"] = schedule.learning_rate
    totals: dict[str, float] = {}
    num_rows = rollout.actions.shape[1]
    chance = torch.Generator().manual_seed(int(shuffle.integers(2**63)) if policy.correction is not None else 0)
    smallest_share = max(config.num_games // workers.size, 1)
    num_minibatches = min(config.num_minibatches, smallest_share)  # the same in every process, or they wait for ever
    for _ in range(config.num_epochs):
        order = shuffle.permutation(num_rows)
        for rows in np.array_split(order, num_minibatches):
            picked = torch.from_numpy(rows)
            loss, parts = objective(policy, rollout, advantages, returns, picked, config, schedule, chance)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            workers.average_gradients(policy)
            norm, *_ = (
                torch.nn.utils.clip_grad_norm_(part, config.max_gradient_norm) for part in policy.separate_parts()
            )
            optimizer.step()
            parts["gradient_norm"] = norm
            for name, value in parts.items():
                totals[name] = totals.get(name, 0.0) + float(value)
    num_gradient_steps = config.num_epochs * num_minibatches
    metrics = {name: total / num_gradient_steps for name, total in totals.items()}
    metrics["explained_variance"] = _explained_variance(rollout.values, returns, rollout.valid)
    return metrics


def objective(
    policy: AgentNetwork,
    rollout: Rollout,
    advantages: Tensor,
    returns: Tensor,
    rows: Tensor,
    config: TrainConfig,
    schedule: Schedule,
    chance: torch.Generator,
) -> tuple[Tensor, dict[str, Tensor]]:
    """The training objective on whole trials of some rows, and its parts for the log."""
    inputs = select_rows(rollout.inputs, rows)
    outputs, _ = policy(inputs, policy.initial_state(len(rows)))
    distribution = policy.spec.distribution
    valid = rollout.valid[:, rows]
    old_log_probs = rollout.log_probs[:, rows]
    log_probs = distribution.log_probs(outputs.action_params, rollout.actions[:, rows])
    parts = {
        "policy_loss": clipped_policy_loss(log_probs, old_log_probs, advantages[:, rows], valid, config.clip_ratio),
        "value_loss": value_loss(outputs.values, returns[:, rows], valid),
        "entropy": masked_mean(distribution.entropy(outputs.action_params), valid),
        "approx_kl": masked_mean(old_log_probs - log_probs, valid).detach(),
    }
    loss = parts["policy_loss"] + config.value_weight * parts["value_loss"] - schedule.entropy_weight * parts["entropy"]
    if policy.belief_head is not None:
        parts["belief_loss"] = masked_mean(policy.belief_head.loss(outputs.beliefs, inputs.truth), valid)
        loss = loss + config.belief_weight * parts["belief_loss"]
    if policy.correction is not None:  # its parameters are no others', so that it needs no weight
        steps = Transitions.of(
            inputs.observation, inputs.previous_action, inputs.episode_start, outputs.beliefs.detach(),
            rollout.rewards[:, rows], valid,
        )  # fmt: skip
        episodes = inputs.episode_start[:-1, :, 0].cumsum(0).T - 1.0
        parts["prediction_loss"] = policy.correction.loss(steps, episodes, inputs.truth, chance)
        loss = loss + parts["prediction_loss"]
    return loss, {name: value.detach() for name, value in parts.items()}


def select_rows(inputs: Inputs, rows: Tensor) -> Inputs:
    """The inputs of some rows: tensors over time are ``(T, B, …)``, those of a trial ``(B, …)``."""
    pick: Callable[[Tensor], Tensor] = lambda tensor: tensor[:, rows]  # noqa: E731
    return Inputs(
        pick(inputs.observation),
        pick(inputs.previous_action),
        pick(inputs.previous_reward),
        pick(inputs.episode_start),
        None if inputs.legal_actions is None else pick(inputs.legal_actions),
        inputs.truth[rows],
        None if inputs.told is None else inputs.told[rows],
        None if inputs.belief_offset is None else pick(inputs.belief_offset),
    )


def _explained_variance(values: Tensor, returns: Tensor, valid: Tensor) -> float:
    true, predicted = returns[valid], values[valid]
    variance = true.var()
    return float(1.0 - (true - predicted).var() / variance) if variance > 0 else 0.0
