"""Plays single trials of a family and finds the first step at which two of them differ."""

from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from gameagent_games.conformance.probe.policies import Policy
from gameagent_games.interface import Family

TOLERANCE: Final = 1e-6  # relative: smaller differences are rounding
LEAST: Final = 1e-12  # and so are differences of this size, of any number
AFTERWARDS: Final = 32  # steps for which two trials are compared after their first difference
LARGEST_TRACE: Final = 2**24  # numbers kept of one trial
FIELDS: Final = ("observation", "reward", "end", "legal actions", "turns")


class Moment(NamedTuple):
    """What can be seen of a game at one step, but for the shown rules, which differ by themselves.

    Attributes:
        episode: Index of the episode that is seen.
        ended: Whether the step ended the episode before it.
        values: By field of `FIELDS`, flat arrays.
        bytes: All of the values, to see quickly that nothing differs.
        failure: What went wrong if the game failed here, else empty.
    """

    episode: int
    ended: bool
    values: tuple[NDArray[Any], ...]
    bytes: bytes
    failure: str


class Difference(NamedTuple):
    """Where one trial first differs from another.

    Attributes:
        step: Steps taken in the trial until then; 0 for what is seen at its start.
        episode: Index of the episode.
        fields: What differs, then or soon after; of `FIELDS`.
        failure: What went wrong if it is a failure that makes the difference.
    """

    step: int
    episode: int
    fields: tuple[str, ...]
    failure: str


class Stage:
    """Plays one trial after the other of a family.

    Attributes:
        family: The game.
        steps: Steps played so far.
        trials: Trials begun so far.
    """

    def __init__(self, family: Family) -> None:
        """Makes the game; `close` it."""
        self.family, self.steps, self.trials = family, 0, 0
        self._games = family.make_games(1, compiled=False)
        self._own = family.own_size

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Closes the game."""
        self._games.close()

    def moments(self, record: NDArray[Any], seed: int, policy: Policy, num_steps: int) -> Iterator[Moment]:
        """Plays a trial for at most ``num_steps`` steps; yields what is seen at its start and after each of them."""
        games, seen = self._games, self._games.observations[0, :, : self._own]
        self.trials += 1
        games.reset(record, np.array([seed]))
        yield self._moment()
        for step in range(num_steps):
            if games.finished[0]:
                return
            games.step(policy.actions(seen, games.legal_actions, step))
            self.steps += 1
            yield self._moment()

    def play(self, record: NDArray[Any], seed: int, policy: Policy, num_steps: int) -> list[Moment]:
        """All moments of a trial."""
        return list(self.moments(record, seed, policy, num_steps))

    def first_difference(
        self, reference: Sequence[Moment], record: NDArray[Any], seed: int, policy: Policy
    ) -> Difference | None:
        """Plays a trial until it is known where, and in what, it differs from another; None if it does not."""
        first: tuple[int, Moment] | None = None
        fields: set[str] = set()
        moments = self.moments(record, seed, policy, len(reference) - 1)
        for step, (expected, moment) in enumerate(zip(reference, moments, strict=False)):
            found = _differing(expected, moment)
            if first is None and found:
                first = step, moment
            fields |= found
            if first is not None and step >= first[0] + AFTERWARDS:
                break
        if first is None:
            return None
        step, moment = first
        before = moment.ended and bool(_differing(reference[step], moment) - {"observation"})
        names = tuple(name for name in FIELDS if name in fields)
        return Difference(step, moment.episode - before, names, moment.failure)

    def _moment(self) -> Moment:
        games, family = self._games, self.family
        failure = ""
        if games.failed[0]:
            failures = games.take_failures()
            failure = failures[-1].text if failures else "it failed before"
        ended = int(games.terminated[0]) + 2 * int(games.truncated[0])
        values = (
            games.observations[0, :, : self._own].reshape(-1).copy(),
            games.rewards[0].copy(),
            _ENDS[ended + 4 * int(games.failed[0])],
            games.legal_actions[0].reshape(-1).copy() if family.has_mask else _NOTHING,
            games.acting[0].copy() if family.takes_turns else _NOTHING,
        )
        return Moment(int(games.episodes[0]), ended > 0, values, b"".join(map(_bytes, values)), failure)


_NOTHING: Final = np.zeros(0)
_ENDS: Final = np.arange(8.0)[:, None]  # by how an episode ended


def _bytes(array: NDArray[Any]) -> bytes:
    return array.tobytes()


def _differing(expected: Moment, moment: Moment) -> set[str]:
    """Names of the fields in which two moments differ by more than rounding."""
    found: set[str] = set()
    if expected.bytes == moment.bytes:
        return found
    for name, first, second in zip(FIELDS, expected.values, moment.values, strict=True):
        if not np.array_equal(first, second) and not _close(first, second):
            found.add(name)
    return found


def _close(first: NDArray[Any], second: NDArray[Any]) -> bool:
    here, there = np.asarray(first, np.float64), np.asarray(second, np.float64)
    reach = TOLERANCE * np.maximum(abs(here), abs(there)) + LEAST
    return bool(((here == there) | (abs(here - there) <= reach)).all())


def longest(family: Family) -> int:
    """Steps of a trial that can be kept."""
    return max(1, LARGEST_TRACE // (family.own_size * family.num_seats))
