"""What the agent believes the rules are, in the game's own units."""

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gameagent_sdk.bundle.specs import BeliefSpec


@dataclass(frozen=True)
class Belief:
    """What the agent believes about one hidden rule, or one element of an array rule.

    Attributes:
        kind: "categorical" or "scalar".
        unit: The unit of ``mean`` and ``std``; "" if there is none.
        probabilities: The probability of each option by its label; empty for a scalar.
        mean: The expected value, in ``unit``; None for options that are not numbers.
        std: The standard deviation of the belief, in ``unit``; None for options that are not numbers.
        best: The likeliest option's label, or a scalar's mean.
        confidence: From 0 to 1. For a categorical belief, the probability of its best option. For a scalar, it compares
            ``std`` with that of a uniform belief over the rule's training range, the range's half width / sqrt(3):
            0 means at least as uncertain as that, 1 means certain.
    """

    kind: str
    unit: str
    probabilities: Mapping[str, float]
    mean: float | None
    std: float | None
    best: str | float
    confidence: float


def decode_beliefs(
    specs: tuple[BeliefSpec, ...], output: NDArray[np.float32]
) -> dict[str, Belief | tuple[Belief, ...]]:
    """Reads one row of the belief output.

    Args:
        specs: The manifest's belief slots.
        output: (E,), finite.

    Returns:
        By rule, in the manifest's order: a belief, or a tuple of them for an array rule.
    """
    ends = list(itertools.accumulate(spec.width for spec in specs))
    numbers = output.tolist()
    decoded = [(spec, _decode(spec, numbers[end - spec.width : end])) for spec, end in zip(specs, ends, strict=True)]
    beliefs: dict[str, Belief | tuple[Belief, ...]] = {}
    for rule, slots in itertools.groupby(decoded, key=lambda pair: pair[0].rule):
        of_rule = list(slots)
        beliefs[rule] = of_rule[0][1] if of_rule[0][0].index is None else tuple(belief for _, belief in of_rule)
    return beliefs


def _decode(spec: BeliefSpec, output: list[float]) -> Belief:
    if spec.kind == "categorical":
        return _categorical(spec, [min(max(chance, 0.0), 1.0) for chance in output])
    mean, std = output
    std = max(std, 0.0)
    return Belief(
        kind=spec.kind,
        unit=spec.unit,
        probabilities={},
        mean=spec.center + spec.scale * mean,
        std=spec.scale * std,
        best=spec.center + spec.scale * mean,
        confidence=max(1.0 - std * math.sqrt(3.0), 0.0),
    )


def _categorical(spec: BeliefSpec, chances: list[float]) -> Belief:
    total = sum(chances)
    chances = [chance / total if total > 0 else 1 / len(chances) for chance in chances]  # single precision drifts
    best = max(range(len(chances)), key=chances.__getitem__)
    mean = std = None
    if spec.values:
        mean = sum(chance * value for chance, value in zip(chances, spec.values, strict=True))
        std = math.sqrt(sum(c * (v - mean) * (v - mean) for c, v in zip(chances, spec.values, strict=True)))
    return Belief(
        kind=spec.kind,
        unit=spec.unit,
        probabilities=dict(zip(spec.options, chances, strict=True)),
        mean=mean,
        std=std,
        best=spec.options[best],
        confidence=chances[best],
    )
