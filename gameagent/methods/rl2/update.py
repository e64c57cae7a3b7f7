"""Meta-LSTM trained by PPO over whole trials (RL², Duan et al. 2016; Wang et al. 2016), with beliefs.

One update: play trials of freshly drawn variants, then take a few passes of clipped policy gradient over them.
The inner loop is the policy's memory: it learns within a trial while its weights stand still.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gameagent.config import TrainConfig
from gameagent.losses import approximate_kl, clipped_policy_loss, masked, masked_mean, value_loss
from gameagent.methods.belief_correction.correction import Exercises, Transitions
from gameagent.methods.belief_correction.network import CorrectedNetwork
from gameagent.methods.rl2.config import Rl2Config
from gameagent.methods.rl2.lengths import by_length
from gameagent.nets.interface import Inputs
from gameagent.nets.network import AgentNetwork
from gameagent.playing.buffer import Rollout
from gameagent.returns import trial_advantages
from gameagent.workers import Workers

BOOST = "boost"  # the factor on the step size, which the optimizer carries from update to update
LEAST_BOOST, MOST_BOOST = 0.05, 4.0
INFORMED_EXPLORATION = 0.02  # weight of evenness in informed trials at most
ROUNDING = 1e-6  # of a float32


class Schedule(NamedTuple):
    """Quantities that change over a run, at one point of it."""

    learning_rate: float
    target_kl: float
    exploration_weight: float
    informed_share: float

    @classmethod
    def at(cls, config: TrainConfig, done: float) -> "Schedule":
        """The schedule when the share ``done`` (0 to 1) of the budget is spent."""
        own = Rl2Config.of(config)
        informed = own.informed_share * max(0.0, 1.0 - done / own.informed_until) if own.informed_until > 0 else 0.0
        return cls(
            config.learning_rate_at(done),
            own.target_kl * config.learning_rate_at(done) / config.learning_rate,
            own.exploration_weight * exploration(done, config.steps),
            informed if own.believes and not config.reveal else 0.0,
        )


def exploration(done: float, budget: int) -> float:
    """The weight of evenness when the share ``done`` of a budget in decisions is spent.

    It falls e-fold in a third of a budget of a million, and so as to end with the budget. Larger budgets explore
    longer, but for a smaller part: by the square root.
    """
    return math.exp(-3.0 * done * math.sqrt(budget / 1e6)) * max(1.0 - done, 0.0)


class Minibatch(NamedTuple):
    """What one gradient step is taken on.

    Attributes:
        rows: Rows of this process's rollout, int64 ``(rows,)``, on the CPU; maybe none.
        num_rows: Rows of all processes.
        num_steps: Their valid steps, a scalar.
    """

    rows: Tensor
    num_rows: int
    num_steps: Tensor


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

    Every process calls this with its own rows of the rollout. Losses are sums over their steps, divided by the steps of
    all processes, and gradients are summed over processes: what comes out is what one process with all rows would get,
    and weights stay equal.

    Args:
        policy: The network, changed in place.
        optimizer: Of its parameters.
        rollout: What was played; may hold anything past its rows' ends.
        config: The run's config.
        schedule: What changes over a run, now.
        workers: The run's processes.
        shuffle: The same in every process.

    Returns:
        Means of the losses and diagnostics over the gradient steps, of all processes' rows.
    """
    rollout = rollout.cleared()
    own = Rl2Config.of(config)
    advantages, returns, explained = learning_targets(policy, rollout, config, workers)
    boost = optimizer.param_groups[0].get(BOOST, 1.0)
    for group in optimizer.param_groups:
        group["lr"] = schedule.learning_rate * boost
    exercise_rng = torch.Generator().manual_seed(int(shuffle.integers(2**63)))
    corrects = isinstance(policy, CorrectedNetwork)
    truth = workers.gather(rollout.inputs.truth, rollout.rows) if corrects else None
    sums: dict[str, Tensor | float] = {}  # on the policy's device: read once, when all is done
    parts_of_policy = policy.separate_parts()
    batches = draw_minibatches(rollout, policy.spec.horizon, own, workers, shuffle)
    norm = torch.zeros(len(parts_of_policy), device=policy.device)
    first_of_last_pass = len(batches) - len(batches) // own.num_epochs
    for number, batch in enumerate(batches):
        exercises = None if truth is None else Exercises.draw(truth, rollout.returns.shape[1], exercise_rng)
        optimizer.zero_grad(set_to_none=True)
        parts = add_gradients(policy, rollout, advantages, returns, batch, own, schedule, exercises)
        workers.sum_gradients(policy.parameters())
        norms = [torch.nn.utils.clip_grad_norm_(part, config.max_gradient_norm) for part in parts_of_policy.values()]
        optimizer.step()
        norm += torch.stack(norms)
        if number < first_of_last_pass:
            del parts["approx_kl"]
        for name, value in parts.items():
            sums[name] = sums.get(name, 0.0) + value.double()
    own_sums = {name: float(total) for name, total in sums.items()}
    metrics = {name: total / len(batches) for name, total in workers.sum_by_name(own_sums).items()}
    metrics["approx_kl"] *= own.num_epochs
    for name, total in zip(parts_of_policy, norm.tolist(), strict=True):
        metrics[f"{name}_gradient_norm".lstrip("_")] = total / len(batches)
    for group in optimizer.param_groups:
        group[BOOST] = next_boost(
            boost, metrics["approx_kl"] / policy.spec.distribution.num_components, schedule.target_kl
        )
    policy.update_scales(rollout.inputs, rollout.rewards, rollout.valid, workers)
    return metrics | {"boost": boost, "explained_variance": explained}


def learning_targets(
    policy: AgentNetwork, rollout: Rollout, config: TrainConfig, workers: Workers
) -> tuple[Tensor, Tensor, float]:
    """What actor and critic learn from; the critic's units move to those of the new returns.

    Args:
        policy: The network.
        rollout: What was played, cleared.
        config: The run's config.
        workers: The run's processes.

    Returns:
        Advantages of mean zero and deviation one over all processes, ``(T, B)``; returns in the critic's units,
        ``(T, B)``; and the share of the returns' variance that the values of the rollout explain.
    """
    valid, critic = rollout.valid, policy.critic
    critic.pay.update(rollout.inputs.truth, rollout.rewards, valid, workers)
    rewards = rollout.rewards * critic.pay.factors(rollout.inputs.truth)
    values = masked(critic.values(rollout.values), valid)
    trials = None if rollout.inputs.position is None else rollout.inputs.position[..., 0].floor()
    advantages = trial_advantages(rewards, values, valid, config.discount, config.gae_lambda, trials)
    returns = advantages + values
    explained = _explained_variance(values, returns, valid, workers)
    critic.update(returns[valid], workers)
    mean, std = workers.mean_and_std(advantages[valid])
    # What rounding leaves of advantages that are all alike must not be blown up to deviation one.
    least = ROUNDING * float(workers.max(returns.abs().amax()))
    advantages = masked((advantages - mean) / (max(std, least) or 1.0), valid)
    return advantages, masked(critic.normalised(returns), valid), explained


def next_boost(boost: float, kl: float, target: float) -> float:
    """The factor on the step size of the next update, so that updates move the policy by about ``target`` nats.

    A step size that follows the KL divergence of what it did needs no tuning by game (as in Schulman et al. 2017,
    sec. 4, where the weight of a penalty follows it).
    """
    if target == 0.0:
        return 1.0
    if kl < target / 1.5:
        boost *= 1.2
    elif kl > target * 1.5:
        boost /= 1.2
    return min(max(boost, LEAST_BOOST), MOST_BOOST)


def draw_minibatches(
    rollout: Rollout, horizon: int, config: Rl2Config, workers: Workers, shuffle: np.random.Generator
) -> list[Minibatch]:
    """The minibatches of all passes, in turn: rows are drawn from those of the run, each process takes its own.

    Where trials end far before their limit of ``horizon`` decisions there are fewer, so that none has less than half of
    the decisions that it has where they do not.
    """
    played = int(workers.sum(torch.tensor(rollout.num_steps)))
    planned = config.num_games * rollout.returns.shape[2] * horizon
    num_minibatches = max(1, min(config.num_minibatches, 2 * config.num_minibatches * played // planned))
    everywhere = [
        rows for _ in range(config.num_epochs) for rows in split_rows(rollout.rows.total, num_minibatches, shuffle)
    ]
    start, stop = rollout.rows.start, rollout.rows.stop
    mine = [torch.from_numpy(rows[(rows >= start) & (rows < stop)] - start) for rows in everywhere]
    steps = workers.sum(torch.tensor([int(rollout.lengths[rows.numpy()].sum()) for rows in mine]))
    return [
        Minibatch(rows, len(all_rows), num_steps)
        for rows, all_rows, num_steps in zip(mine, everywhere, steps.to(rollout.valid.device), strict=True)
    ]


def split_rows(num_rows: int, num_parts: int, shuffle: np.random.Generator) -> list[NDArray[np.int64]]:
    """Splits rows at random into parts of equal size, to one; every row is in one part.

    Of each ``num_parts`` rows that are neighbours each part takes one: so whatever range of rows a process has, its
    work on the parts is equal too, and nobody waits for others.

    Args:
        num_rows: Rows of the run.
        num_parts: Parts; at most as many as rows.
        shuffle: Source of the random numbers.

    Returns:
        The rows of each part, ascending.
    """
    num_parts = min(num_parts, num_rows)
    blocks = -(-num_rows // num_parts)
    part_of_row = shuffle.random((blocks, num_parts)).argsort(axis=1).reshape(-1)[:num_rows]
    return [np.flatnonzero(part_of_row == part) for part in range(num_parts)]


def add_gradients(
    policy: AgentNetwork,
    rollout: Rollout,
    advantages: Tensor,
    returns: Tensor,
    batch: Minibatch,
    config: Rl2Config,
    schedule: Schedule,
    exercises: Exercises | None,
) -> dict[str, Tensor]:
    """Adds the gradient of `objective` to the parameters', and returns its terms.

    Rows of similar length are computed together, each group as far as its longest row; the sums are the same.
    """
    sums: dict[str, Tensor] = {}
    lengths = rollout.lengths[batch.rows.numpy()]
    for group in by_length(lengths):
        length = max(2, int(lengths[group].max(initial=0)))  # a prediction needs what follows, if only to ignore it
        own = batch._replace(rows=batch.rows[torch.from_numpy(group)].to(rollout.valid.device))
        loss, parts = objective(
            policy, rollout.cut(length), advantages[:length], returns[:length], own, config, schedule, exercises
        )  # fmt: skip
        loss.backward()  # type: ignore[no-untyped-call]
        for name, value in parts.items():
            sums[name] = sums[name] + value if name in sums else value
    return sums


def objective(
    policy: AgentNetwork,
    rollout: Rollout,
    advantages: Tensor,
    returns: Tensor,
    batch: Minibatch,
    config: Rl2Config,
    schedule: Schedule,
    exercises: Exercises | None,
) -> tuple[Tensor, dict[str, Tensor]]:
    """This process's part of the training objective on a minibatch, and of its terms for the log.

    The sums over processes are means over valid steps; of the prediction loss, over rows.
    """
    rows, count = batch.rows, batch.num_steps
    inputs = select_rows(rollout.inputs, rows)
    outputs, _ = policy(inputs, policy.initial_state(len(rows)))
    values = policy.values(outputs.situation, inputs.truth, inputs.position)
    distribution = policy.spec.distribution
    valid = rollout.valid[:, rows]
    old_log_probs, advantages = rollout.log_probs[:, rows], advantages[:, rows]
    action_params = tuple(masked(part, valid) for part in outputs.action_params)
    params_now = tuple(part.detach() for part in action_params)
    log_probs = distribution.log_probs(action_params, rollout.actions[:, rows])
    parts = {
        "policy_loss": clipped_policy_loss(log_probs, old_log_probs, advantages, valid, config.clip_ratio, count),
        "value_loss": value_loss(values, returns[:, rows], valid, count),
        "entropy": masked_mean(distribution.entropy(params_now), valid, count),
        "approx_kl": approximate_kl(log_probs, old_log_probs, valid, count).detach(),
    }
    weights = exploration_weights(schedule.exploration_weight, inputs.informed)
    bonus = masked_mean(weights * distribution.evenness(action_params), valid, count)
    loss = parts["policy_loss"] + config.value_weight * parts["value_loss"] - bonus
    if policy.belief_head is not None:
        beliefs = masked(outputs.beliefs, valid, instead=1.0)
        parts["belief_loss"] = masked_mean(policy.belief_head.loss(beliefs, inputs.truth), valid, count)
        loss = loss + config.belief_weight * parts["belief_loss"]
    if isinstance(policy, CorrectedNetwork) and exercises is not None:
        steps = Transitions.of(
            inputs.observation, inputs.previous_action, inputs.episode_start, outputs.beliefs.detach(),
            rollout.rewards[:, rows], valid,
        )  # fmt: skip
        episodes = inputs.episode_start[:-1, :, 0].cumsum(0).T - 1.0
        own = exercises.of(rollout.rows.start + rows)
        prediction = policy.correction.loss(steps, episodes, inputs.truth, own)
        parts["prediction_loss"] = prediction.sum() / batch.num_rows
        loss = loss + parts["prediction_loss"]  # no other loss has its parameters, so it needs no weight
    return loss, {name: value.detach() for name, value in parts.items()}


def exploration_weights(weight: float, informed: Tensor | None) -> Tensor | float:
    """The weight of evenness in each row, ``(B,)`` or one for all.

    Informed trials have nothing to explore: they are to show what knowledge is good for while others still gather it.

    Args:
        weight: In trials that are not informed.
        informed: See `Inputs`.
    """
    if informed is None:
        return weight
    return torch.where(informed[:, 0] > 0.0, min(weight, INFORMED_EXPLORATION), weight)


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
        None if inputs.informed is None else inputs.informed[rows],
        None if inputs.belief_offset is None else pick(inputs.belief_offset),
        None if inputs.position is None else pick(inputs.position),
    )


def _explained_variance(values: Tensor, returns: Tensor, valid: Tensor, workers: Workers) -> float:
    """Share of the variance of returns that values explain, over the rows of all processes."""
    _, spread = workers.mean_and_std(returns[valid])
    _, missed = workers.mean_and_std((returns - values)[valid])
    return 1.0 - (missed / spread) ** 2 if spread > 0.0 else 0.0
