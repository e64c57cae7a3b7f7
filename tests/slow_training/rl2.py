"""One update of Meta-LSTM: the network as loops over time, the objective as loops over rows and steps."""

# mypy: disable-error-code="call-arg, index"

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gameagent_games import Family
from slow_training.optimiser import nudged, slopes


def update(weights: Any, adam: Any, rollout: Any, family: Family, config: Any, done: Any, minibatches: Any) -> Any:
    """The weights after one update, and the means of what is logged.

    Args:
        weights: By name, float64.
        adam: The optimiser, with what it carried over from earlier updates.
        rollout: What was played. Only what lies before a row's end is looked at.
        family: The game.
        config: The run's config.
        done: Share of the budget that is spent.
        minibatches: The rows of each gradient step, in turn.
    """
    learning_rate = config.learning_rate * (1.0 - 0.9 * done)
    lengths = rollout.valid.sum(0).tolist()
    advantages, targets = {}, {}
    for row, length in enumerate(lengths):
        values = rollout.values[:length, row].tolist()
        rewards = [config.reward_scale * reward for reward in rollout.rewards[:length, row].tolist()]
        advantages[row] = generalised_advantages(rewards, values, config.discount, config.gae_lambda)
        targets[row] = [advantage + value for advantage, value in zip(advantages[row], values, strict=True)]
    everything = np.concatenate([advantages[row] for row in advantages])
    mean, std = everything.mean(), everything.std()
    for row in advantages:
        advantages[row] = [(advantage - mean) / (std + 1e-8) for advantage in advantages[row]]
    logged = []
    for rows in minibatches:
        ends = objective(nudged(weights), rollout, family, config, done, rows, advantages, targets)["loss"]
        now = objective(
            {n: w[None] for n, w in weights.items()}, rollout, family, config, done, rows, advantages, targets
        )
        weights, norm = adam.step(weights, slopes(weights, ends), learning_rate, config.max_gradient_norm)
        logged.append({name: float(value[0]) for name, value in now.items()} | {"gradient_norm": norm})
    return weights, {name: np.mean([step[name] for step in logged]) for name in logged[0]}


def generalised_advantages(rewards: list[Any], values: Any, discount: Any, decay: Any) -> list[Any]:
    """Schulman et al. 2016, eq. 16, as a double sum over one row; after its end nothing follows."""
    following = [*values[1:], 0.0]
    errors = [r + discount * after - v for r, after, v in zip(rewards, following, values, strict=True)]
    return [sum((discount * decay) ** k * error for k, error in enumerate(errors[t:])) for t in range(len(errors))]


def objective(
    weights: dict[Any, Any],
    rollout: Any,
    family: Family,
    config: Any,
    done: Any,
    rows: Any,
    advantages: dict[int, Any],
    targets: dict[int, list[Any]],
) -> dict[str, float]:
    """The loss and its parts for each of P sets of weights ``(P, …)``: every one ``(P,)``."""
    entropy_weight = config.entropy_start + (config.entropy_end - config.entropy_start) * done
    parts = dict.fromkeys(("policy_loss", "value_loss", "entropy", "approx_kl", "belief_loss"), 0.0)
    num_steps = 0
    for row in rows:
        for t, step in enumerate(steps_of(weights, rollout, family, row)):
            num_steps += 1
            ratio = np.exp(step.log_prob - float(rollout.log_probs[t, row]))
            clipped = np.clip(ratio, 1.0 - config.clip_ratio, 1.0 + config.clip_ratio)
            gain = advantages[row][t]
            parts["policy_loss"] = parts["policy_loss"] - np.minimum(ratio * gain, clipped * gain)
            parts["value_loss"] = parts["value_loss"] + 0.5 * (step.value - targets[row][t]) ** 2
            parts["entropy"] = parts["entropy"] + step.entropy
            parts["approx_kl"] = parts["approx_kl"] + float(rollout.log_probs[t, row]) - step.log_prob
            parts["belief_loss"] = parts["belief_loss"] + step.belief_loss
    parts = {name: total / num_steps for name, total in parts.items()}
    parts["loss"] = (
        parts["policy_loss"]
        + config.value_weight * parts["value_loss"]
        - entropy_weight * parts["entropy"]
        + config.belief_weight * parts["belief_loss"]
    )
    return parts


class Step:
    """What the network says of one step of one row, for P sets of weights: ``(P,)`` each."""

    def __init__(self, log_prob: Any, entropy: Any, value: Any, belief_loss: Any) -> None:
        self.log_prob, self.entropy, self.value, self.belief_loss = log_prob, entropy, value, belief_loss


def steps_of(weights: dict[Any, Any], rollout: Any, family: Family, row: Any) -> Iterator[Step]:
    """The row's steps in turn."""
    inputs = rollout.inputs
    truth, informed = inputs.truth[row].numpy(), float(inputs.informed[row, 0])
    num_sets, width = weights["core.encoder.bias"].shape
    memory = cell = np.zeros((num_sets, width))

    def layer(name: str, x: Any) -> Any:
        return np.einsum("poi,pi->po", weights[f"{name}.weight"], x) + weights[f"{name}.bias"]

    for t in range(int(rollout.valid[:, row].sum())):
        seen = np.concatenate(
            [
                inputs.observation[t, row].numpy(),
                inputs.previous_action[t, row].numpy(),
                inputs.previous_reward[t, row].numpy(),
                inputs.episode_start[t, row].numpy(),
            ]
        )
        seen = np.repeat(seen[None], num_sets, axis=0)
        memory, cell = lstm(weights, np.maximum(layer("core.encoder", seen), 0.0), memory, cell)
        centred = memory - memory.mean(1, keepdims=True)
        normal = centred / np.sqrt((centred**2).mean(1, keepdims=True) + 1e-5)
        remembered = normal * weights["core.memory_norm.weight"] + weights["core.memory_norm.bias"]
        raw = layer("belief_head.out", np.tanh(layer("belief_head.hidden", remembered)))
        belief, belief_loss = read_belief(raw, truth, family.space.hidden_slots)
        # What the policy acts on takes no gradient from acting: the belief of the weights that are not changed.
        shown = informed * truth + (1.0 - informed) * belief
        shown = detached(shown, weights)
        features = np.concatenate([seen, remembered, shown], axis=1)
        features = np.maximum(layer("trunk.2", np.maximum(layer("trunk.0", features), 0.0)), 0.0)
        action = rollout.actions[t, row].numpy()
        legal = None if inputs.legal_actions is None else inputs.legal_actions[t, row].numpy()
        choose = categorical if family.box is None else gaussian
        yield Step(
            *choose(layer("actor", features), action, legal, family.box), layer("critic", features)[:, 0], belief_loss
        )


def detached(shown: Any, weights: Any) -> Any:
    """For every set of weights that `nudged` made, the mean of its pair: what the weights in the middle give.

    (To second order in the change, which is what finite differences are exact to.)
    """
    if len(shown) == 1:
        return shown
    return np.repeat((shown[0::2] + shown[1::2]) / 2.0, 2, axis=0)


def lstm(weights: Any, x: Any, memory: NDArray[Any], cell: NDArray[Any]) -> Any:
    gates = (
        np.einsum("poi,pi->po", weights["core.lstm.weight_ih_l0"], x)
        + np.einsum("poi,pi->po", weights["core.lstm.weight_hh_l0"], memory)
        + weights["core.lstm.bias_ih_l0"]
        + weights["core.lstm.bias_hh_l0"]
    )
    put_in, keep, new, show = np.split(gates, 4, axis=1)
    cell = sigmoid(keep) * cell + sigmoid(put_in) * np.tanh(new)
    return sigmoid(show) * np.tanh(cell), cell


def sigmoid(x: Any) -> Any:
    return 1.0 / (1.0 + np.exp(-x))


def read_belief(raw: Any, truth: Any, slots: Any) -> Any:
    """The belief and how unlikely the truth is under it, in nats and up to a constant."""
    belief, surprise, column = np.empty_like(raw), 0.0, 0
    for slot in slots:
        if slot.kind == "categorical":
            part = slice(column, column + slot.size)
            powers = np.exp(raw[:, part])
            belief[:, part] = powers / powers.sum(1, keepdims=True)
            surprise = surprise - np.log(belief[:, column + int(truth[part].argmax())])
            column += slot.size
        else:
            mean, std = raw[:, column], 0.1 + 1.1 * sigmoid(raw[:, column + 1])
            belief[:, column], belief[:, column + 1] = mean, std
            surprise = surprise + 0.5 * ((truth[column] - mean) / std) ** 2 + np.log(std)
            column += 2
    return belief, surprise


def categorical(raw: Any, action: Any, legal: Any, box: Any) -> Any:
    """Log-probability of an action, and the entropy."""
    chances = np.exp(raw) if legal is None else np.exp(raw) * legal
    chances = chances / chances.sum(1, keepdims=True)
    possible = [n for n in range(raw.shape[1]) if legal is None or legal[n]]
    return np.log(chances[:, int(action)]), -sum(chances[:, n] * np.log(chances[:, n]) for n in possible)


def gaussian(raw: Any, action: Any, legal: Any, box: Any) -> Any:
    density = entropy = 0.0
    size = len(box.names)
    for n in range(size):
        half = (box.high[n] - box.low[n]) / 2.0
        mean = (box.high[n] + box.low[n]) / 2.0 + half * raw[:, n]
        std = half * 0.001 ** (1.0 - sigmoid(raw[:, size + n]))  # from a thousandth of the half width to all of it
        density = density - 0.5 * ((action[n] - mean) / std) ** 2 - np.log(std) - 0.5 * math.log(2.0 * math.pi)
        entropy = entropy + 0.5 * math.log(2.0 * math.pi * math.e) + np.log(std)
    return density, entropy
