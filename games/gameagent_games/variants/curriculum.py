"""Which variants training meets: a `VariantSource` draws them, and hears how the trials of each one went.

`UniformSource` draws them as the space does. `LearnabilitySource` draws some of them again: those whose trials end now
well, now badly. What always fails, or never, teaches nothing (Rutherford et al. 2024, "No Regrets", sec. 4: levels are
chosen by p (1 - p), p being the share of successes).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol, Self, get_args

import numpy as np
from numpy.typing import NDArray

from gameagent_games.variants.variant import Split, VariantSpace

Curriculum = Literal["uniform", "learnability"]
"""The ways of choosing variants to train on, by name."""

CURRICULA: Final = get_args(Curriculum)
"""All of them."""

AGAIN_SHARE: Final = 0.5  # of the draws: variants drawn again for their scores; all others are uniform
TRIALS_EACH: Final = 2  # of a variant that is drawn uniformly: a single outcome has no spread
TRIALS_AGAIN: Final = 2  # of a variant that is drawn again, at a time, in the mean: so that scores are up to date
MEMORY: Final = 8.0  # outcomes that a variant's score is made of, about: older ones fade, as the player has changed
LEAST_SCORE: Final = 1e-9  # below it, outcomes differ by no more than rounding


class VariantSource(Protocol):
    """Draws the variants that training plays, always of one split.

    Every process of a run has a source of its own, which draws the variants of all games, and hears of all outcomes:
    so all of them are in the same state. What is random comes from the generators that are handed in.
    """

    def draw(self, num: int, generator: np.random.Generator) -> NDArray[Any]:
        """Draws ``(num,)`` records of the space's ``dtype``.

        Args:
            num: How many.
            generator: Is advanced.
        """
        ...

    def report(self, variants: NDArray[Any], returns: NDArray[np.float64]) -> None:
        """Takes in how trials went.

        Args:
            variants: One record for each trial, ``(num,)``.
            returns: Each trial's return by seat, ``(num, num_seats)``.
        """
        ...

    def state(self) -> dict[str, NDArray[Any]]:
        """What is carried from draw to draw, as plain arrays of numbers by name; empty if nothing is."""
        ...

    def load(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Goes on from a state; an empty one is that of a fresh source.

        Raises:
            ValueError: It is not the state of such a source over this space.
        """
        ...


def make_source(curriculum: Curriculum, space: VariantSpace, split: Split, num: int) -> VariantSource:
    """The source of a run.

    Args:
        curriculum: One of `CURRICULA`.
        space: The family's.
        split: That all variants are drawn from.
        num: Variants that are drawn at a time.
    """
    if curriculum == "uniform":
        return UniformSource(space, split)
    return LearnabilitySource(space, split, max(int(AGAIN_SHARE * num) // TRIALS_AGAIN, 1))


class UniformSource:
    """Draws as `VariantSpace.sample` does, whatever is reported."""

    def __init__(self, space: VariantSpace, split: Split) -> None:
        """See `make_source`."""
        self._space, self._split = space, split

    def draw(self, num: int, generator: np.random.Generator) -> NDArray[Any]:
        """See `VariantSource.draw`."""
        return self._space.sample(num, generator, self._split)

    def report(self, variants: NDArray[Any], returns: NDArray[np.float64]) -> None:
        """Nothing is made of it."""

    def state(self) -> dict[str, NDArray[Any]]:
        """Nothing is carried."""
        return {}

    def load(self, state: Mapping[str, NDArray[Any]]) -> None:
        """See `VariantSource.load`."""
        if state:
            raise ValueError("a uniform source has no state")


class LearnabilitySource:
    """Draws half of the variants uniformly, each for two trials, and half by the learnability that it has seen.

    Whatever has shown two different outcomes is kept, the best-scored ``size`` variants of them, and drawn again in
    proportion to its score (`Outcomes.learnability`), which makes the score exact and keeps it up to date.
    """

    def __init__(self, space: VariantSpace, split: Split, size: int) -> None:
        """See `make_source`.

        Args:
            space: The family's.
            split: That all variants are drawn from.
            size: The most variants that are kept.
        """
        self._space, self._split, self._size = space, split, size
        self._kept: Outcomes | None = None

    def draw(self, num: int, generator: np.random.Generator) -> NDArray[Any]:
        """See `VariantSource.draw`; those drawn again come last."""
        num_again = int(AGAIN_SHARE * num) if self._kept is not None and len(self._kept.count) else 0
        num_fresh = num - num_again
        fresh = self._space.sample(-(-num_fresh // TRIALS_EACH), generator, self._split)
        drawn = np.repeat(fresh, TRIALS_EACH)[:num_fresh]
        if self._kept is None or not num_again:
            return drawn
        scores = self._kept.learnability()
        which = generator.choice(len(scores), num_again, p=scores / scores.sum())
        return np.concatenate((drawn, self._records(self._kept.keys[which])))

    def report(self, variants: NDArray[Any], returns: NDArray[np.float64]) -> None:
        """See `VariantSource.report`."""
        seen = Outcomes.of(self._keys(variants), returns)
        if self._kept is not None:
            seen = self._kept.and_also(seen)
        seen = seen.by_variant().faded()
        scores = seen.learnability()
        best = np.argsort(-scores, kind="stable")[: self._size]
        self._kept = seen.rows(best[scores[best] > LEAST_SCORE])

    def state(self) -> dict[str, NDArray[Any]]:
        """The variants that are kept, byte by byte, and what is known of each; see `Outcomes`."""
        return {} if self._kept is None else dict(vars(self._kept))

    def load(self, state: Mapping[str, NDArray[Any]]) -> None:
        """See `VariantSource.load`."""
        if not state:
            self._kept = None
            return
        try:
            kept = Outcomes(**state)
        except TypeError:
            raise ValueError(f"the state of the curriculum has {', '.join(state)}") from None
        if kept.keys.ndim != 2 or kept.keys.shape[1] != self._packed.itemsize or kept.keys.dtype != np.uint8:
            raise ValueError("the curriculum's variants are not of this space")
        if kept.shapes_differ():
            raise ValueError("the arrays of the curriculum's state differ in length")
        self._kept = kept

    @property
    def _packed(self) -> np.dtype[Any]:
        """The records' type without the gaps between fields, whose bytes mean nothing."""
        spaced = self._space.dtype
        return np.dtype([(name, spaced[name]) for name in spaced.names or ()])

    def _keys(self, variants: NDArray[Any]) -> NDArray[np.uint8]:
        return np.ascontiguousarray(variants.astype(self._packed)).view(np.uint8).reshape(len(variants), -1)

    def _records(self, keys: NDArray[np.uint8]) -> NDArray[Any]:
        return np.ascontiguousarray(keys).view(self._packed)[:, 0].astype(self._space.dtype)


@dataclass(frozen=True)
class Outcomes:
    """The returns of trials, summed up in rows of some trials of one variant.

    Attributes:
        keys: Each row's variant, uint8 ``(rows, bytes)``.
        count: Trials, float64 ``(rows,)``; old ones count for less than one.
        mean: Mean return by seat, float64 ``(rows, num_seats)``.
        squares: Sum of the squared deviations from the mean, likewise.
        largest: Largest absolute return, likewise.
    """

    keys: NDArray[np.uint8]
    count: NDArray[np.float64]
    mean: NDArray[np.float64]
    squares: NDArray[np.float64]
    largest: NDArray[np.float64]

    @classmethod
    def of(cls, keys: NDArray[np.uint8], returns: NDArray[np.float64]) -> Self:
        """One row for each trial."""
        return cls(keys, np.ones(len(keys)), returns, np.zeros_like(returns), np.abs(returns))

    def rows(self, which: NDArray[np.int64]) -> Self:
        """Some of the rows."""
        return type(self)(*(array[which] for array in vars(self).values()))

    def and_also(self, other: Self) -> Self:
        """The rows of both."""
        return type(self)(*map(np.concatenate, zip(vars(self).values(), vars(other).values(), strict=True)))

    def by_variant(self) -> Self:
        """One row for each variant, in the order of their keys (Chan et al. 1983 add sums of squares this way)."""
        _, first, row = np.unique(self.keys, axis=0, return_index=True, return_inverse=True)
        row = row.reshape(-1)  # numpy 2.0 gives it a second axis

        def summed(values: NDArray[np.float64]) -> NDArray[np.float64]:
            total = np.zeros((len(first), *values.shape[1:]))
            np.add.at(total, row, values)
            return total

        weight, count = self.count[:, None], summed(self.count)
        mean = summed(weight * self.mean) / count[:, None]
        squares = summed(self.squares + weight * (self.mean - mean[row]) ** 2)
        largest = np.zeros_like(mean)
        np.maximum.at(largest, row, self.largest)
        return type(self)(self.keys[first], count, mean, squares, largest)

    def faded(self) -> Self:
        """The same means and spreads as if of `MEMORY` trials at most."""
        share = np.minimum(1.0, MEMORY / self.count)
        return type(self)(self.keys, share * self.count, self.mean, share[:, None] * self.squares, self.largest)

    def learnability(self) -> NDArray[np.float64]:
        """Scores of the rows, ``(rows,)``: variance over the largest squared return, in the mean over seats.

        For returns of 0 and any one other number that is p (1 - p); in any case at most 1. The unit of reward, which
        may be another in every variant, makes no difference.
        """
        most = np.where(self.largest > 0.0, self.largest, 1.0)
        return np.asarray((self.squares / self.count[:, None] / most**2).mean(axis=1))

    def shapes_differ(self) -> bool:
        """Whether the arrays are not those of the same rows."""
        shapes = {array.shape for array in (self.mean, self.squares, self.largest)}
        return (
            len(shapes) != 1 or self.mean.ndim != 2 or {len(array) for array in vars(self).values()} != {len(self.keys)}
        )
