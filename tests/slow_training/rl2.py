"""One update of Meta-LSTM: the network as loops over time, the objective as loops over rows and steps."""

# mypy: disable-error-code="call-arg, index"

import copy
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gameagent_games import Family
from slow_training.optimiser import Muon, nudged, slopes

FRESH_SPREAD = 0.5  # of the continuous actions of a policy that has learnt nothing, beside half the box's width


OUTPUTS = ("actor.weight", "critic.out.weight", "belief_head.out.weight")


class Moments:
    """Mean and mean square of values over updates: a plain mean of the first fifty, then each new one counts 2 %."""

    def __init__(self) -> None:
        self.count, self.mean, self.square = 0, 0.0, 0.0

    def take(self, values: Any) -> None:
        self.count += 1
        share = max(1.0 / self.count, 0.02)
        self.mean = (1.0 - share) * self.mean + share * np.mean(values, axis=0)
        self.square = (1.0 - share) * self.square + share * np.mean(np.square(values), axis=0)

    @property
    def std(self) -> Any:
        return np.sqrt(self.square - self.mean**2)


class Carried:
    """What a run carries from update to update beside its weights."""

    def __init__(self) -> None:
        self.muon, self.boost = Muon(OUTPUTS), 1.0
        self.observations, self.rewards, self.returns = Moments(), Moments(), Moments()
        self.log_rewards, self.pay, self.changes = Moments(), Moments(), Moments()

    def measure(self, rollout: Any) -> None:
        """The units of what was played."""
        valid = rollout.valid
        self.observations.take(rollout.inputs.observation[valid].numpy())
        self.changes.take(
            [change for row in range(valid.shape[1]) for change in changes_of(rollout, row) if change is not None]
        )
        rewards = rollout.rewards[valid].numpy()
        self.rewards.take(rewards)
        self.log_rewards.take([math.log(abs(reward)) for reward in rewards if reward != 0.0])

    @property
    def of_inputs(self) -> tuple[Any, Any, Any]:
        """Zero point, size and gain of what the policy sees: an observation, and a reward in two units."""
        spread = 2.0 * self.log_rewards.std
        smallest = np.exp(self.log_rewards.mean - spread)
        size = np.append(self.observations.std, [np.sqrt(self.rewards.square), smallest])
        return (
            np.append(self.observations.mean, [0.0, 0.0]),
            size,
            np.append(np.ones(len(size) - 1), 1.0 / max(spread, 1.0)),
        )

    def follow(self, kl: float, target: float) -> None:
        """A step that moved the policy too far or not far enough is followed by shorter or longer ones."""
        if kl > 1.5 * target:
            self.boost = max(self.boost / 1.2, 0.05)
        if kl < target / 1.5:
            self.boost = min(self.boost * 1.2, 4.0)


def changes_of(rollout: Any, row: int) -> list[Any]:
    """What each of a row's observations differs by from the one before; None at the start of an episode."""
    seen = rollout.inputs.observation[: int(rollout.valid[:, row].sum()), row].double().numpy()
    starts = rollout.inputs.episode_start[:, row, 0].tolist()
    return [None if starts[t] else seen[t] - seen[t - 1] for t in range(len(seen))]


def symlog(x: Any) -> Any:
    return np.sign(x) * np.log1p(np.abs(x))


def part_of(name: str) -> str:
    """Of the gradient, which is clipped by parts."""
    return "critic" if name.startswith("critic.") else ""


def update(weights: Any, carried: Carried, rollout: Any, family: Family, config: Any, done: Any, passes: Any) -> Any:
    """The weights after one update, and the means of what is logged.

    Args:
        weights: By name, float64.
        carried: What earlier updates left; changed in place.
        rollout: What was played. Only what lies before a row's end is looked at.
        family: The game.
        config: The run's config.
        done: Share of the budget that is spent.
        passes: The rows of each gradient step, in turn, for each pass.
    """
    boost, learning_rate = carried.boost, config.learning_rate * (1.0 - 0.9 * done) * carried.boost
    weights, advantages, targets, explained = learning_targets(weights, carried, rollout, config)
    logged: list[dict[str, float]] = []
    divergences: list[Any] = []
    for minibatches in passes:
        divergences = []
        for rows in minibatches:
            more = rollout, carried, family, config, done, rows, advantages, targets
            ends = objective(nudged(weights), *more)["loss"]
            now = {name: value[0] for name, value in objective({n: w[None] for n, w in weights.items()}, *more).items()}
            del now["loss"]
            divergences.append(now.pop("approx_kl"))
            gradient = slopes(weights, ends)
            weights, norms = carried.muon.step(weights, gradient, learning_rate, config.max_gradient_norm, part_of)
            now |= {"gradient_norm": norms[""], "critic_gradient_norm": norms["critic"]}
            logged.append({name: float(value) for name, value in now.items()})
    kl = np.mean(divergences)  # of the last pass
    num_components = 1 if family.box is None else len(family.box.names)
    carried.follow(kl / num_components, config.target_kl * (1.0 - 0.9 * done))
    carried.measure(rollout)
    metrics = {name: np.mean([step[name] for step in logged]) for name in logged[0]}
    return weights, metrics | {"approx_kl": kl, "boost": boost, "explained_variance": explained}


def learning_targets(weights: Any, carried: Carried, rollout: Any, config: Any) -> Any:
    """Weights whose critic speaks in the units of the new returns; advantages and returns by row; what was foreseen."""
    advantages: dict[int, list[Any]] = {}
    returns, missed = {}, []
    before, after = carried.returns, copy.copy(carried.returns)
    factors = pay_factors(carried, rollout)
    for row, length in enumerate(rollout.valid.sum(0).tolist()):
        values = [before.mean + before.std * value for value in rollout.values[:length, row].tolist()]
        rewards = [reward * factors[row] for reward in rollout.rewards[:length, row].tolist()]
        trials = [int(share) for share in rollout.inputs.position[:length, row, 0]]
        advantages[row] = []
        for trial in sorted(set(trials)):
            own = [t for t in range(length) if trials[t] == trial]
            mine = [rewards[t] for t in own], [values[t] for t in own]
            advantages[row] += generalised_advantages(*mine, config.discount, config.gae_lambda)
        returns[row] = [advantage + value for advantage, value in zip(advantages[row], values, strict=True)]
        missed += advantages[row]
    everything = np.concatenate([returns[row] for row in returns])
    after.take(everything)
    if before.count:  # PopArt: whatever the critic said of a situation, in units of reward, it still says
        weights = dict(weights)
        weights["critic.out.weight"] = weights["critic.out.weight"] * before.std / after.std
        unscaled = weights["critic.out.bias"] * before.std + before.mean
        weights["critic.out.bias"] = (unscaled - after.mean) / after.std
    carried.returns = after
    mean, std = np.mean(missed), np.std(missed)
    advantages = {row: [(one - mean) / std for one in own] for row, own in advantages.items()}
    targets = {row: [(one - after.mean) / after.std for one in own] for row, own in returns.items()}
    return weights, advantages, targets, 1.0 - np.var(missed) / np.var(everything)


def pay_factors(carried: Carried, rollout: Any) -> Any:
    """What each row's rewards are multiplied with: their size, as far as it follows from the rules, if it varies."""
    known = []
    for row, length in enumerate(rollout.valid.sum(0).tolist()):
        sizes = [math.log(abs(reward)) for reward in rollout.rewards[:length, row].tolist() if reward != 0.0]
        if sizes:
            z = np.array([1.0, *rollout.inputs.truth[row].tolist(), np.mean(sizes)])
            known.append(np.outer(z, z))
    carried.pay.take(known)
    mean = carried.pay.mean[0, 1:]
    covariance = carried.pay.mean[1:, 1:] - np.outer(mean, mean)
    rules, with_size = covariance[:-1, :-1], covariance[:-1, -1]
    slopes = np.linalg.inv(rules + 1e-3 * np.eye(len(rules))) @ with_size
    share = np.clip(2.0 * np.sqrt(slopes @ rules @ slopes) / math.log(10.0) - 1.0, 0.0, 1.0)
    return np.exp(-share * (rollout.inputs.truth.numpy() - mean[:-1]) @ slopes)


def generalised_advantages(rewards: list[Any], values: Any, discount: Any, decay: Any) -> list[Any]:
    """Schulman et al. 2016, eq. 16, as a double sum over one row; after its end nothing follows."""
    following = [*values[1:], 0.0]
    errors = [r + discount * after - v for r, after, v in zip(rewards, following, values, strict=True)]
    return [sum((discount * decay) ** k * error for k, error in enumerate(errors[t:])) for t in range(len(errors))]


def objective(
    weights: dict[Any, Any],
    rollout: Any,
    carried: Carried,
    family: Family,
    config: Any,
    done: Any,
    rows: Any,
    advantages: dict[int, Any],
    targets: dict[int, list[Any]],
) -> dict[str, float]:
    """The loss and its parts for each of P sets of weights ``(P, …)``: every one ``(P,)``."""
    weight = config.exploration_weight * np.exp(-3.0 * done * np.sqrt(config.steps / 1e6)) * (1.0 - done)
    parts = dict.fromkeys(("policy_loss", "value_loss", "entropy", "approx_kl", "belief_loss"), 0.0)
    bonus, num_steps = 0.0, 0
    for row in rows:
        is_informed = float(rollout.inputs.informed[row, 0]) == 1.0
        for t, step in enumerate(steps_of(weights, rollout, carried, family, row)):
            num_steps += 1
            log_ratio = step.log_prob - float(rollout.log_probs[t, row])
            ratio = np.exp(log_ratio)
            clipped = np.clip(ratio, 1.0 - config.clip_ratio, 1.0 + config.clip_ratio)
            gain = advantages[row][t]
            parts["policy_loss"] = parts["policy_loss"] - np.minimum(ratio * gain, clipped * gain)
            parts["value_loss"] = parts["value_loss"] + 0.5 * (step.value - targets[row][t]) ** 2
            parts["entropy"] = parts["entropy"] + step.entropy
            bonus = bonus + (min(weight, 0.02) if is_informed else weight) * step.evenness
            parts["approx_kl"] = parts["approx_kl"] + ratio - 1.0 - log_ratio
            parts["belief_loss"] = parts["belief_loss"] + step.belief_loss
    parts = {name: total / num_steps for name, total in parts.items()}
    parts["loss"] = (
        parts["policy_loss"]
        + config.value_weight * parts["value_loss"]
        - bonus / num_steps
        + config.belief_weight * parts["belief_loss"]
    )
    return parts


class Step:
    """What the network says of one step of one row, for P sets of weights: ``(P,)`` each."""

    def __init__(self, log_prob: Any, entropy: Any, evenness: Any, value: Any, belief_loss: Any) -> None:
        self.log_prob, self.entropy, self.evenness = log_prob, entropy, evenness
        self.value, self.belief_loss = value, belief_loss


def steps_of(weights: dict[Any, Any], rollout: Any, carried: Carried, family: Family, row: Any) -> Iterator[Step]:
    """The row's steps in turn."""
    inputs = rollout.inputs
    truth, informed = inputs.truth[row].numpy(), float(inputs.informed[row, 0])
    middle, size, gain = carried.of_inputs
    num_sets, width = weights["core.encoder.bias"].shape
    memory = cell = np.zeros((num_sets, width))

    def layer(name: str, x: Any) -> Any:
        return np.einsum("poi,pi->po", weights[f"{name}.weight"], x) + weights[f"{name}.bias"]

    def layers_of(name: str, x: Any) -> Any:
        return np.maximum(layer(f"{name}.2", np.maximum(layer(f"{name}.0", x), 0.0)), 0.0)

    for t, change in enumerate(changes_of(rollout, row)):
        moved = np.zeros(family.own_size) if change is None else change / np.sqrt(carried.changes.square)
        paid = inputs.previous_reward[t, row]
        seen = np.concatenate(
            [
                gain * symlog((np.concatenate([inputs.observation[t, row], paid, paid]) - middle) / size),
                symlog(moved),
                inputs.previous_action[t, row].numpy(),
                inputs.episode_start[t, row].numpy(),
            ]
        )
        seen = np.repeat(seen[None], num_sets, axis=0)
        memory, cell = lstm(weights, np.maximum(layer("core.encoder", seen), 0.0), memory, cell)
        centred = memory - memory.mean(1, keepdims=True)
        normal = centred / np.sqrt((centred**2).mean(1, keepdims=True) + 1e-5)
        remembered = normal * weights["core.memory_norm.weight"] + weights["core.memory_norm.bias"]
        raw = layer("belief_head.out", np.tanh(layer("belief_head.hidden", remembered)))
        belief = read_belief(raw, family.space.hidden_slots)
        belief_loss = surprise_of(belief, truth, family.space.hidden_slots)
        # What the policy acts on takes no gradient from acting: the belief of the weights that are not changed.
        shown = informed * truth + (1.0 - informed) * belief
        shown = detached(shown, weights)
        situation = np.concatenate([seen, remembered, shown], axis=1)
        features = layers_of("trunk", situation)
        more = np.concatenate([truth, inputs.position[t, row].numpy() % 1.0])
        surprise = surprise_of(shown, truth, family.space.hidden_slots)
        foreseen = layers_of("critic.body", np.column_stack([situation, np.tile(more, (num_sets, 1)), surprise]))
        action = rollout.actions[t, row].numpy()
        legal = None if inputs.legal_actions is None else inputs.legal_actions[t, row].numpy()
        choose = categorical if family.box is None else gaussian
        value = layer("critic.out", foreseen)[:, 0]
        yield Step(*choose(layer("actor", features), action, legal, family.box), value, belief_loss)


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


def read_belief(raw: Any, slots: Any) -> Any:
    """Probabilities of a categorical slot, mean and deviation of another."""
    belief, column = np.empty_like(raw), 0
    for slot in slots:
        if slot.kind == "categorical":
            part = slice(column, column + slot.size)
            powers = np.exp(raw[:, part])
            belief[:, part] = powers / powers.sum(1, keepdims=True)
            column += slot.size
        else:
            belief[:, column], belief[:, column + 1] = raw[:, column], 0.1 + 1.1 * sigmoid(raw[:, column + 1])
            column += 2
    return belief


def surprise_of(belief: Any, truth: Any, slots: Any) -> Any:
    """How unlikely the truth is under a belief, in nats and up to a constant; of the truth itself as well."""
    surprise, column = 0.0, 0
    for slot in slots:
        if slot.kind == "categorical":
            surprise = surprise - np.log(belief[:, column + int(truth[column : column + slot.size].argmax())])
            column += slot.size
        else:
            mean, std = belief[:, column], np.maximum(belief[:, column + 1], 0.1)
            surprise = surprise + 0.5 * ((truth[column] - mean) / std) ** 2 + np.log(std)
            column += 2
    return surprise


def categorical(raw: Any, action: Any, legal: Any, box: Any) -> Any:
    """Log-probability of an action, the entropy, and how even the choice is."""
    chances = np.exp(raw) if legal is None else np.exp(raw) * legal
    chances = chances / chances.sum(1, keepdims=True)
    possible = [n for n in range(raw.shape[1]) if legal is None or legal[n]]
    entropy = -sum(chances[:, n] * np.log(chances[:, n]) for n in possible)
    evenness = sum(np.log(chances[:, n] * len(possible)) for n in possible) / len(possible)
    return np.log(chances[:, int(action)]), entropy, evenness


def gaussian(raw: Any, action: Any, legal: Any, box: Any) -> Any:
    density = entropy = evenness = 0.0
    size = len(box.names)
    for n in range(size):
        half = (box.high[n] - box.low[n]) / 2.0
        mean = (box.high[n] + box.low[n]) / 2.0 + half * raw[:, n]
        std = half * 0.01 ** (1.0 - sigmoid(raw[:, size + n]))  # from a hundredth of the half width to all of it
        density = density - 0.5 * ((action[n] - mean) / std) ** 2 - np.log(std) - 0.5 * math.log(2.0 * math.pi)
        counted = np.minimum(std, FRESH_SPREAD * half)  # nothing is gained by spreading wider than at first
        entropy = entropy + 0.5 * math.log(2.0 * math.pi * math.e) + np.log(std)
        evenness = evenness + 0.5 * math.log(2.0 * math.pi * math.e) + np.log(counted)
    return density, entropy, evenness
