"""Decides from returns whether a change of weights did harm, and how far the next one may go.

The episodes after a change are compared with those played with the weights before it. If returns fall by more than luck
explains, the change is rolled back, and the following steps are shorter until they have proven themselves again.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FIRST_LOOK = 5  # episodes after which a change that learns from more is looked at for the first time
RETREAT = 0.25  # factor on the trust after a rollback
NO_GAIN = 0.5  # after a change that brought no better return
GAIN = 2.0  # after one that did
LEAST_TRUST = 2.0**-20
STATE_SIZE = 10  # numbers that `RollbackGuard.state` gives
FADING = 0.1  # of the best return, towards each later one, so that a lucky one does not count forever


def first_look(episodes_per_step: int) -> int:
    """How many episodes after a change the first look is taken; the second is after ``episodes_per_step``."""
    return min(episodes_per_step, FIRST_LOOK)


def margin_at(margin: float, episodes_per_step: int, num_before: int, num_after: int) -> float:
    """The rollback margin for a comparison of means, given that of the first look.

    The deviation of a difference of two means of m and n episodes is in proportion to sqrt(1 / m + 1 / n).

    Args:
        margin: Of the mean of ``first_look`` episodes after against ``episodes_per_step`` before.
        episodes_per_step: See there.
        num_before: Episodes before the change, at least 1.
        num_after: Episodes after it, at least 1.
    """
    usual = 1.0 / first_look(episodes_per_step) + 1.0 / episodes_per_step
    return margin * math.sqrt((1.0 / num_before + 1.0 / num_after) / usual)


def possible(state: NDArray[np.float64]) -> bool:
    """Whether a guard can have come to a state, float64 (10,) and finite; see `RollbackGuard.state`."""
    trust, on_trial, has_first, _, has_best, _, _, num_before, _, num_now = state.tolist()
    return (
        LEAST_TRUST <= trust <= 1.0
        and all(flag in (0.0, 1.0) for flag in (on_trial, has_first, has_best))
        and all(count >= 0.0 and count.is_integer() for count in (num_before, num_now))
        and (num_before > 0.0 or not on_trial)
    )


@dataclass
class RunningMean:
    """The mean of some episodes' returns."""

    mean: float = 0.0
    count: int = 0

    def add(self, value: float) -> None:
        """Takes in one more."""
        self.count += 1
        self.mean += (value - self.mean) / self.count


class RollbackGuard:
    """Watches the changes of one agent's weights.

    Attributes:
        trust: Factor on the next change of weights, above 0, at most 1.
        first: Mean return of the episodes before the trial's first change; None until there is one.
    """

    def __init__(self, margin: float, episodes_per_step: int, *, by_returns: bool) -> None:
        """At the start of a trial.

        Args:
            margin: Rollback margin of the first look.
            episodes_per_step: Episodes that one change learns from.
            by_returns: Whether changes follow the returns' own gradient: then what brings no better return, in a task
                that is at its optimum say, gets ever shorter. Others may help without an effect on returns at once.
        """
        self._margin, self._per_step, self._by_returns = margin, episodes_per_step, by_returns
        self.clear()

    def clear(self) -> None:
        """A new trial."""
        self.trust = 1.0
        self.first: float | None = None
        self._best: float | None = None
        self.pause()

    def pause(self) -> None:
        """What comes next is not to be compared with what was: weights or learning were changed from outside."""
        self._before, self._now = RunningMean(), RunningMean()
        self._on_trial = False

    def returned(self, value: float) -> bool:
        """Takes in an episode's return.

        Returns:
            Whether the last change is to be taken back; `taken_back` says that it was.
        """
        self._now.add(value)
        if self._now.count not in (first_look(self._per_step), self._per_step):
            return False
        if self._fell():
            if self._on_trial:
                return True
            self._start_over()  # these weights did better before: it is the game that changed
        if self._now.count == self._per_step:
            self._complete()
        return False

    def changed(self) -> None:
        """The weights are about to change, by what was learnt from the episodes so far."""
        if self.first is None:
            self.first = self._now.mean
        self._before, self._now = self._now, RunningMean()
        self._on_trial = True

    def taken_back(self) -> None:
        """The weights are those before the last change again."""
        self.trust = max(RETREAT * self.trust, LEAST_TRUST)
        self._now = RunningMean()
        self._on_trial = False

    def state(self) -> NDArray[np.float64]:
        """All that it keeps, float64 (10,): what is missing is 0 with a flag of 0 before it."""
        first, best = ((number is not None, number or 0.0) for number in (self.first, self._best))
        pairs = ((self._before.mean, self._before.count), (self._now.mean, self._now.count))
        return np.array([self.trust, self._on_trial, *first, *best, *pairs[0], *pairs[1]], np.float64)

    def take_over(self, state: NDArray[np.float64]) -> None:
        """Goes on from a state that `possible` says is one."""
        trust, on_trial, has_first, first, has_best, best, before, num_before, now, num_now = state.tolist()
        self.trust, self._on_trial = trust, bool(on_trial)
        self.first, self._best = first if has_first else None, best if has_best else None
        self._before, self._now = RunningMean(before, int(num_before)), RunningMean(now, int(num_now))

    def _fell(self) -> bool:
        before, now = self._before, self._now
        if not before.count:
            return False
        return now.mean < before.mean - margin_at(self._margin, self._per_step, before.count, now.count)

    def _complete(self) -> None:
        """As many episodes as a change learns from were played since the last: did it help?"""
        gained = self._best is None or self._now.mean > self._best or not self._by_returns
        if self._on_trial:
            self.trust = min(max((GAIN if gained else NO_GAIN) * self.trust, LEAST_TRUST), 1.0)
        if gained or self._best is None:
            self._best = self._now.mean
        else:
            self._best += FADING * (self._now.mean - self._best)
        self._before, self._on_trial = RunningMean(), False

    def _start_over(self) -> None:
        self.trust, self._best, self._before = 1.0, None, RunningMean()
