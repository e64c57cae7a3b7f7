"""Finite differences, gradient clipping, Adam and Muon, on dicts of float64 arrays."""

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
    """Kingma and Ba 2015, Algorithm 1, behind a clipping of the gradient's norm: of the whole, or of parts of it."""

    def __init__(self) -> None:
        self.first, self.second, self.steps = {}, {}, 0

    def step(
        self, weights: Any, gradient: Any, learning_rate: Any, max_norm: Any, part_of: Any = lambda name: ""
    ) -> Any:
        """The weights after one step, and the norm before clipping of each part of the gradient, by the part's name."""
        norms = {}
        for name, slope in gradient.items():
            norms[part_of(name)] = math.hypot(norms.get(part_of(name), 0.0), math.sqrt((slope**2).sum()))
        self.steps += 1
        moved = {}
        for name, slope in gradient.items():
            slope = slope * min(1.0, max_norm / (norms[part_of(name)] + 1e-6))
            moved[name] = weights[name] - learning_rate * self.direction(name, slope)
        return moved, norms

    def direction(self, name: str, slope: Any) -> Any:
        """Against which a parameter moves, for a step size of one."""
        self.first[name] = 0.9 * self.first.get(name, 0.0) + 0.1 * slope
        self.second[name] = 0.999 * self.second.get(name, 0.0) + 0.001 * slope**2
        first = self.first[name] / (1 - 0.9**self.steps)
        second = self.second[name] / (1 - 0.999**self.steps)
        return first / (np.sqrt(second) + 1e-5)


class Muon(Adam):
    """Jordan et al. 2024 for the matrices between layers, by way of their singular values; Adam for all else."""

    def __init__(self, outputs: Any) -> None:
        super().__init__()
        self.outputs = outputs  # names of the weights of layers that give outputs

    def direction(self, name: str, slope: Any) -> Any:
        if slope.ndim != 2 or name in self.outputs:
            return super().direction(name, slope)
        self.first[name] = 0.95 * self.first.get(name, 0.0) + 0.05 * slope
        ahead = 0.95 * self.first[name] + 0.05 * slope
        left, values, right = np.linalg.svd(ahead, full_matrices=False)
        size = math.sqrt((values**2).sum())
        values = values / max(size, 1e-300)
        for _ in range(5):
            values = 3.4445 * values - 4.7750 * values**3 + 2.0315 * values**5
        certain = size / (size + 1e-5 * math.sqrt(slope.size))
        return 0.2 * math.sqrt(max(slope.shape)) * certain * ((left * values) @ right)
