"""One update of MAML and of Reptile: a network and its gradient written out, loops over tasks, episodes and steps."""

# mypy: disable-error-code="call-arg"

import math
from typing import Any

import numpy as np

from gameagent.returns import linear_baseline
from slow_training.optimiser import slopes

CHANGE = 1e-7  # of a weight: derivatives of third order, through long inner steps, are large
LARGEST_NORM = 100.0  # of an inner gradient
DIRECTED_NORM = 10.0  # of one whose length returns say


class Task:
    """What was played in one task, in one go: flat lists over the valid steps of its episodes."""

    def __init__(self, trajectories: Any, task: Any, spec: Any, first: Any = None) -> None:
        values = linear_baseline(
            trajectories.observations, trajectories.rewards, trajectories.valid, spec.discount
        )  # has tests of its own
        self.num_padded = trajectories.valid[task].numel()
        self.steps, advantages, returns = [], [], []
        for episode in range(trajectories.valid.shape[2]):
            length = int(trajectories.valid[task, :, episode].sum())
            rewards = trajectories.rewards[task, :length, episode].tolist()
            expected = [*values[task, :length, episode].tolist(), 0.0]
            errors = [rewards[t] + spec.discount * expected[t + 1] - expected[t] for t in range(length)]
            decay = spec.discount * spec.gae_lambda
            advantages += [sum(decay**k * error for k, error in enumerate(errors[t:])) for t in range(length)]
            returns += [sum(spec.discount**k * reward for k, reward in enumerate(rewards[t:])) for t in range(length)]
            for t in range(length):
                at = task, t, episode
                parts = trajectories.observations, trajectories.actions, trajectories.log_probs
                legal = trajectories.legal_actions[at].numpy() if trajectories.legal_actions.shape[-1] else None
                self.steps.append((*(part[at].numpy() for part in parts), legal))
        self.mean_return = (
            float((trajectories.rewards[task] * trajectories.valid[task]).sum()) / trajectories.valid.shape[2]
        )
        self.spread = np.std(advantages)
        tiny = 1e-8 * max(1.0, *map(abs, returns))
        self.advantages = [(advantage - np.mean(advantages)) / (self.spread + tiny) for advantage in advantages]
        self.scale = None
        if spec.best_return is not None:
            above = (self if first is None else first).mean_return - spec.pre_adaptation_return
            best = spec.best_return + spec.best_slope * above  # that this task can come to
            missing = (best - self.mean_return) / (spec.best_return - spec.pre_adaptation_return)
            self.scale = min(max(missing, 0.0), 3.0)


def maml_update(theta: Any, alpha: Any, adam: Any, played: Any, config: Any, spec: Any, learning_rate: Any) -> Any:
    """The weights and step sizes after one update of MAML, and the outer losses.

    Args:
        theta: Weights by name.
        alpha: Step sizes by name.
        adam: The optimiser.
        played: Trajectories before each inner step, and after the last.
        config: The run's config.
        spec: How episodes are judged.
        learning_rate: Of the outer step.
    """
    rounds = rounds_of(played, spec)
    losses = []
    for _ in range(config.num_epochs):
        learnt = {f"theta {name}": weight for name, weight in theta.items()}
        learnt |= {f"alpha {name}": size for name, size in alpha.items()} if config.learn_step_sizes else {}
        frozen = inner_gradients(theta, alpha, rounds) if config.first_order else None

        ends = []
        for name, weight in learnt.items():
            for index in np.ndindex(*weight.shape):
                for change in (CHANGE, -CHANGE):
                    moved = weight.copy()
                    moved[index] += change
                    ends.append(outer_loss(*parts({**learnt, name: moved}, alpha), rounds, config, frozen))
        losses.append(outer_loss(theta, alpha, rounds, config, frozen))
        learnt, _ = adam.step(learnt, slopes(learnt, np.array(ends), CHANGE), learning_rate, config.max_gradient_norm)
        theta, alpha = parts(learnt, alpha)
    return theta, alpha, losses


def rounds_of(played: Any, spec: Any) -> list[Any]:
    """The tasks before each step: those before the first say what can be expected later."""
    tasks = range(len(played[0].valid))
    first = [Task(played[0], task, spec) for task in tasks]
    return [first, *([Task(later, task, spec, first[task]) for task in tasks] for later in played[1:])]


def parts(learnt: Any, alpha: Any) -> Any:
    """Weights and step sizes, by their own names; ``alpha`` where step sizes are not learnt."""
    theta = {name[6:]: value for name, value in learnt.items() if name.startswith("theta")}
    sizes = {name[6:]: value for name, value in learnt.items() if name.startswith("alpha")}
    return theta, sizes or alpha


def reptile_update(phi: Any, alpha: Any, adam: Any, played: Any, config: Any, spec: Any, learning_rate: Any) -> Any:
    """The weights after one update of Reptile: Adam on phi - mean over tasks of where the inner steps end."""
    rounds = rounds_of(played, spec)
    ends = []
    for task in range(len(rounds[0])):
        weights = phi
        for experience in rounds:
            weights = inner_step(weights, alpha, experience[task])
        ends.append(weights)
    direction = {name: phi[name] - np.mean([end[name] for end in ends], axis=0) for name in phi}
    moved, _ = adam.step(phi, direction, learning_rate, config.max_gradient_norm)
    return moved


def outer_loss(theta: Any, alpha: Any, rounds: list[Any], config: Any, frozen: list[list[Any]] | None) -> Any:
    """PPO's loss before and after each inner step; means over those, and over tasks. ``frozen``: FOMAML's gradients."""
    losses = []
    for task in range(len(rounds[0])):
        weights = theta
        for at, experience in enumerate(rounds):
            own = experience[task]
            root_mean_square = math.sqrt(np.mean([other.spread**2 for other in experience]))
            losses.append(own.spread / root_mean_square * clipped_loss(weights, own, config.clip_ratio))
            if at < len(rounds) - 1:
                weights = inner_step(weights, alpha, own, None if frozen is None else frozen[task][at])
    return np.mean(losses)


def clipped_loss(weights: Any, task: Any, clip_ratio: Any) -> float:
    total = 0.0
    for (seen, action, old_log_prob, legal), advantage in zip(task.steps, task.advantages, strict=True):
        log_prob, _ = log_prob_and_gradient(weights, seen, action, legal)
        ratio = math.exp(log_prob - old_log_prob)
        total -= min(ratio * advantage, min(max(ratio, 1.0 - clip_ratio), 1.0 + clip_ratio) * advantage)
    return total / len(task.steps)


def inner_gradients(theta: Any, alpha: Any, rounds: list[Any]) -> list[list[Any]]:
    """By task, the gradient of each of its inner steps."""
    found = []
    for task in range(len(rounds[0])):
        weights, own = theta, []
        for experience in rounds[:-1]:
            own.append(inner_gradient(weights, experience[task]))
            weights = inner_step(weights, alpha, experience[task], own[-1])
        found.append(own)
    return found


def inner_step(weights: Any, alpha: Any, task: Any, gradient: Any = None) -> dict[Any, Any]:
    gradient = inner_gradient(weights, task) if gradient is None else gradient
    return {name: weights[name] - alpha[name] * gradient[name] for name in weights}


def inner_gradient(weights: Any, task: Any) -> dict[Any, Any]:
    """Of minus the importance-weighted advantages, over the padded steps; bounded, or of a length that returns say."""
    total = {name: np.zeros_like(weight) for name, weight in weights.items()}
    for (seen, action, old_log_prob, legal), advantage in zip(task.steps, task.advantages, strict=True):
        log_prob, gradient = log_prob_and_gradient(weights, seen, action, legal)
        ratio = math.exp(log_prob - old_log_prob)
        for name, slope in gradient.items():
            total[name] -= ratio * advantage * slope / task.num_padded
    norm = math.sqrt(sum((slope**2).sum() for slope in total.values()))
    if task.scale is None:
        factor = min(1.0, LARGEST_NORM / norm) if norm else 1.0
    else:
        factor = DIRECTED_NORM * task.scale / math.sqrt(norm**2 + 0.1**2)
    return {name: factor * slope for name, slope in total.items()}


def log_prob_and_gradient(weights: Any, seen: Any, action: Any, legal: Any) -> Any:
    """Log-probability of an action, and its gradient by name: two tanh layers and a head, by the chain rule."""
    first = np.tanh(weights["body_0_weight"] @ seen + weights["body_0_bias"])
    second = np.tanh(weights["body_1_weight"] @ first + weights["body_1_bias"])
    outputs = weights["head_weight"] @ second + weights["head_bias"]
    gradient = {}
    if "head_log_std" in weights:
        std = np.exp(weights["head_log_std"])
        score = (action - outputs) / std
        log_prob = -0.5 * (score**2).sum() - np.log(std).sum() - 0.5 * math.log(2 * math.pi) * len(std)
        by_outputs = score / std
        gradient["head_log_std"] = score**2 - 1.0
    else:
        powers = np.exp(outputs) if legal is None else np.exp(outputs) * legal
        chances = powers / powers.sum()
        log_prob = math.log(chances[int(action)])
        by_outputs = np.eye(len(outputs))[int(action)] - chances
    gradient["head_weight"], gradient["head_bias"] = np.outer(by_outputs, second), by_outputs
    by_second = (weights["head_weight"].T @ by_outputs) * (1.0 - second**2)
    gradient["body_1_weight"], gradient["body_1_bias"] = np.outer(by_second, first), by_second
    by_first = (weights["body_1_weight"].T @ by_second) * (1.0 - first**2)
    gradient["body_0_weight"], gradient["body_0_bias"] = np.outer(by_first, seen), by_first
    return log_prob, gradient
