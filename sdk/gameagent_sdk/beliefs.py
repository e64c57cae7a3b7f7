"""What the agent thinks the rules are, in the game's own units."""

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gameagent_sdk.manifest import BeliefSpec


@dataclass(frozen=True)
class Belief:
    """What the agent thinks of one hidden rule, or of one element of an array rule.

    Attributes:
        kind: "categorical" or "scalar".
        unit: of ``mean`` and ``std``; "" where there is none.
        probabilities: the chance of each option by its label; empty for a scalar.
        mean: the expected value, in ``unit``; None for options that are no numbers.
        std: how far off that may be, as a standard deviation in ``unit``; None for options that are no numbers.
        best: the likeliest option's label, or a scalar's mean.
        confidence: from 0 to 1. A categorical's is the chance of its best option. A scalar's compares
            ``std`` with that of a uniform belief over the rule's training range, the range's half width / sqrt(3):
            0 means as unsure as that or more, 1 means certain.
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
        specs: the manifest's belief slots.
        output: (E,), finite.

    Returns:
        By rule, in the manifest's order: a belief, or a tuple of them for an array rule.
    """
    ends = list(itertools.accumulate(spec.width for spec in specs))
    decoded = [(spec, _decode(spec, output[end - spec.width : end])) for spec, end in zip(specs, ends, strict=True)]
    beliefs: dict[str, Belief | tuple[Belief, ...]] = {}
    for rule, slots in itertools.groupby(decoded, key=lambda pair: pair[0].rule):
        of_rule = list(slots)
        beliefs[rule] = of_rule[0][1] if of_rule[0][0].index is None else tuple(belief for _, belief in of_rule)
    return beliefs


def _decode(spec: BeliefSpec, output: NDArray[np.float32]) -> Belief:
    if spec.kind == "categorical":
        return _categorical(spec, output.astype(np.float64).clip(0.0, 1.0))
    mean, std = (float(x) for x in output)
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


def _categorical(spec: BeliefSpec, chances: NDArray[np.float64]) -> Belief:
    total = chances.sum()
    chances = chances / total if total > 0 else np.full(len(chances), 1 / len(chances))  # single precision drifts
    best = int(chances.argmax())
    mean = std = None
    if spec.values:
        values = np.asarray(spec.values)
        mean = float(chances @ values)
        std = float(np.sqrt(chances @ (values - mean) ** 2))
    return Belief(
        kind=spec.kind,
        unit=spec.unit,
        probabilities=dict(zip(spec.options, chances.tolist(), strict=True)),
        mean=mean,
        std=std,
        best=spec.options[best],
        confidence=float(chances[best]),
    )
