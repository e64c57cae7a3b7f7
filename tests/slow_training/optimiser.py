"""Finite differences, gradient clipping and Adam, on dicts of float64 arrays."""

# mypy: disable-error-code="var-annotated"

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

CHANGE = 1e-5


def nudged(weights: Any) -> dict[Any, NDArray[Any]]:
    """All weights with one number of them changed, up and down: stacked along a first axis, by name.

    The two changes of the i-th number, in the order of `numbers`, are entries 2 i and 2 i + 1.
    """
    stacked = {name: np.repeat(weight[None], 2 * count(weights), axis=0) for name, weight in weights.items()}
    place = 0
    for name, weight in weights.items():
        for index in np.ndindex(*weight.shape):
            stacked[name][(place, *index)] += CHANGE
            stacked[name][(place + 1, *index)] -= CHANGE
            place += 2
    return stacked


def count(weights: Any) -> Any:
    return sum(weight.size for weight in weights.values())


def slopes(weights: Any, ends: Any, change: float = CHANGE) -> dict[Any, Any]:
    """The gradient by name, from what a function gives for the `nudged` weights."""
    flat = (ends[0::2] - ends[1::2]) / (2 * change)
    found, place = {}, 0
    for name, weight in weights.items():
        found[name] = flat[place : place + weight.size].reshape(weight.shape)
        place += weight.size
    return found


class Adam:
    """Kingma and Ba 2015, Algorithm 1, behind a clipping of the whole gradient's norm."""

    def __init__(self) -> None:
        self.first, self.second, self.steps = {}, {}, 0

    def step(self, weights: Any, gradient: Any, learning_rate: Any, max_norm: Any) -> Any:
        """The weights after one step, and the gradient's norm before clipping."""
        norm = math.sqrt(sum((slope**2).sum() for slope in gradient.values()))
        self.steps += 1
        moved = {}
        for name, slope in gradient.items():
            slope = slope * min(1.0, max_norm / (norm + 1e-6))
            self.first[name] = 0.9 * self.first.get(name, 0.0) + 0.1 * slope
            self.second[name] = 0.999 * self.second.get(name, 0.0) + 0.001 * slope**2
            first = self.first[name] / (1 - 0.9**self.steps)
            second = self.second[name] / (1 - 0.999**self.steps)
            moved[name] = weights[name] - learning_rate * first / (np.sqrt(second) + 1e-5)
        return moved, norm
