"""From a policy's outputs to actions, of many rows or of one on plain numbers."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gameagent_sdk.bundle.specs import ActionSpec
from gameagent_sdk.engine.bounds import Bounds
from gameagent_sdk.errors import InputError

MAX_LOG_STD, MAX_STD = 700.0, 1e300  # beyond them a deviation would overflow


class BoxOutput(NamedTuple):
    """What a policy gives for continuous actions, in the box's units.

    Attributes:
        mean: float32 (N, A); it may lie outside the box.
        log_std: float32 (N, A), the natural logarithm of the standard deviation.
    """

    mean: NDArray[np.float32]
    log_std: NDArray[np.float32]


def action_probabilities(
    logits: NDArray[np.float32], legal_actions: NDArray[np.bool_] | None = None, temperature: float = 1.0
) -> NDArray[np.float64]:
    """The chance of each action: a softmax of ``logits / temperature`` over the legal actions.

    Args:
        logits: (N, A), finite.
        legal_actions: bool (N, A) with a legal action in each row; None if all are legal.
        temperature: 1 as trained, above 1 more varied, below 1 more decided; 0 takes the likeliest action.

    Returns:
        float64 (N, A), rows adding up to 1, exactly 0 for illegal actions.
    """
    scores = logits.astype(np.float64)
    if legal_actions is not None:
        scores = np.where(legal_actions, scores, -np.inf)
    scores -= scores.max(axis=1, keepdims=True)
    if temperature == 0:
        greedy: NDArray[np.float64] = np.eye(scores.shape[1])[scores.argmax(axis=1)]
        return greedy
    with np.errstate(over="ignore"):  # a tiny temperature drives all but the likeliest to -inf, as it should
        weights = np.exp(scores / temperature)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def sample_actions(probabilities: NDArray[np.float64], rng: "np.random.Generator") -> NDArray[np.int64]:
    """Draws one action a row. Exactly one uniform number is used for each row, whatever the probabilities.

    Args:
        probabilities: (N, A), not negative, some of each row positive.
        rng: Where the uniform numbers come from.

    Returns:
        int64 (N,); an action of probability 0 is never drawn.
    """
    cumulative = probabilities.cumsum(axis=1)
    threshold = rng.random(len(probabilities)) * cumulative[:, -1]
    drawn = (cumulative <= threshold[:, None]).sum(axis=1)
    last_possible = probabilities.shape[1] - 1 - (probabilities[:, ::-1] > 0).argmax(axis=1)
    actions: NDArray[np.int64] = np.minimum(drawn, last_possible)  # rounding may put the threshold on the total
    return actions


def one_row_probabilities(
    logits: Sequence[float], legal_actions: Sequence[bool] | None, temperature: float, strength: float
) -> list[float]:
    """`action_probabilities` of one row, on plain numbers: several times faster for the few actions of a game.

    Args:
        logits: A finite numbers.
        legal_actions: A flags, one at least True; None if all are legal.
        temperature: As for `action_probabilities`.
        strength: From 0 to 1, the share of the policy; the rest is spread evenly over the legal actions.

    Returns:
        A chances that add up to 1, exactly 0 for illegal actions.
    """
    scores = (
        logits
        if legal_actions is None
        else [s if ok else -math.inf for s, ok in zip(logits, legal_actions, strict=True)]
    )
    best = max(scores)
    if temperature == 0:
        greedy = scores.index(best)
        weights = [0.0] * len(scores)
        weights[greedy] = 1.0
    else:
        weights = [math.exp((score - best) / temperature) for score in scores]
    total = sum(weights)
    if strength == 1.0:
        return [weight / total for weight in weights]
    num_legal = len(scores) if legal_actions is None else sum(legal_actions)
    share, rest = strength / total, (1.0 - strength) / num_legal
    if legal_actions is None:
        return [weight * share + rest for weight in weights]
    return [weight * share + rest if ok else 0.0 for weight, ok in zip(weights, legal_actions, strict=True)]


def one_row_action(probabilities: Sequence[float], uniform: float) -> int:
    """`sample_actions` of one row.

    Args:
        probabilities: A numbers, not negative, some positive.
        uniform: A random number, 0 to below 1.

    Returns:
        The action; one of probability 0 is never drawn.
    """
    threshold = uniform * sum(probabilities)
    reached, drawn = 0.0, 0
    for action, chance in enumerate(probabilities):
        if chance > 0.0:
            drawn = action  # rounding may put the threshold on the total: then the last possible one stands
            reached += chance
            if reached > threshold:
                break
    return drawn


def sample_box_actions(
    spec: ActionSpec, given: BoxOutput, temperature: float, rng: "np.random.Generator"
) -> NDArray[np.float64]:
    """Draws one continuous action a row, and brings it into the box. A normal number is used for each component.

    Args:
        spec: Of kind "box".
        given: What the policy gave for N rows, finite.
        temperature: The deviations are multiplied by it: 1 as trained, 0 takes the mean.
        rng: Where the normal numbers come from.

    Returns:
        float64 (N, A), within the bounds of ``spec``.

    Raises:
        InputError: The actions of ``spec`` are discrete.
    """
    if spec.kind != "box":
        raise InputError("these actions are discrete: draw them with sample_actions")
    mean, log_std = np.asarray(given.mean, np.float64), np.asarray(given.log_std, np.float64)
    with np.errstate(over="ignore"):  # a huge temperature, which the limit is for
        std = np.minimum(temperature * np.exp(np.minimum(log_std, MAX_LOG_STD)), MAX_STD)
    return Bounds(spec).clip(mean + std * rng.standard_normal(mean.shape))


def one_row_std(log_std: Sequence[float], temperature: float) -> list[float]:
    """The deviations that `sample_box_actions` draws one row by: A finite numbers of 0 or above.

    Args:
        log_std: A finite numbers.
        temperature: As there.
    """
    return [min(temperature * math.exp(min(number, MAX_LOG_STD)), MAX_STD) for number in log_std]


def one_row_box_action(
    bounds: Bounds, mean: Sequence[float], std: Sequence[float], strength: float, rng: "np.random.Generator"
) -> NDArray[np.float64]:
    """`sample_box_actions` of one row, but as it was drawn.

    Args:
        bounds: Where uniform actions lie.
        mean: A finite numbers.
        std: A finite numbers of 0 or above.
        strength: From 0 to 1, the chance that it is drawn by ``mean`` and ``std``; else it is uniform in the box.
        rng: Where the random numbers come from.

    Returns:
        float64 (A,), which may lie outside the box.
    """
    if strength < 1.0 and rng.random() >= strength:
        return bounds.low + (bounds.high - bounds.low) * rng.random(len(bounds.low))
    return np.array(mean) + np.array(std) * rng.standard_normal(len(mean))
