"""Crews: who plays the lanes of N games. One in this process, or worker processes that may die, hang or leak.

A worker that dies or does not answer in time is ended and replaced. The game whose environment it was in loses its
trial; the other games of its lane are played again from their trials' start, with the actions that were taken, so they
go on where they were.
"""

import weakref
from collections.abc import Iterable, Mapping, Sequence
from time import monotonic
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from gameagent_games.errors import FamilyError
from gameagent_games.sources.environments.lane import IDLE, Fault, Lane, LanePlan, Trial
from gameagent_games.sources.environments.worker import NOTHING, Answer, Replay, SharedArrays, Worker, WorkerLimits

LEAKED: Final = "leaked"
MOST_BLAMELESS: Final = 3  # times in a row that a worker fails outside of any environment's code

Arrays = Mapping[str, NDArray[Any]]


class Crew(Protocol):
    """Plays N games in their arrays; faults name games by their index among the N."""

    def reset(self, trials: Sequence[Trial]) -> list[Fault]:
        """Starts trials in some games."""

    def next_episode(self) -> list[Fault]:
        """Starts the current episode of every unfinished game."""

    def step(self) -> list[Fault]:
        """Takes the decisions that stand in the actions' array."""

    def picture(self, game: int) -> NDArray[np.uint8] | None:
        """See `Games.picture`."""

    def close(self) -> None:
        """Ends every environment and every process."""


def local_crew(plan: LanePlan, arrays: Arrays) -> Crew:
    """All games in this process: fastest for quick environments that do nothing wrong but raise."""
    return Lane(plan, arrays, np.full(1, IDLE, np.int64))


class WorkerCrew:
    """Games in worker processes, a lane of neighbours in each."""

    def __init__(self, plan: LanePlan, shared: SharedArrays, num_workers: int, limits: WorkerLimits) -> None:
        """Starts the workers.

        Args:
            plan: What is played.
            shared: The arrays of all games, and ``(num_workers,)`` for each name in `PER_WORKER`.
            num_workers: How many, at most as many as there are games.
            limits: What workers are held to.

        Raises:
            FamilyError: A worker did not start.
        """
        self._plan, self._shared, self._limits = plan, shared, limits
        self._arrays = shared.arrays()
        num_games = len(self._arrays["finished"])
        self._bounds = [(num_games * w // num_workers, num_games * (w + 1) // num_workers) for w in range(num_workers)]
        self._trials: dict[int, tuple[Trial, int]] = {}  # by game: what it plays, and where in the log it began
        self._log: list[tuple[str, NDArray[Any] | None]] = []  # calls since the oldest trial's start
        self._seen: NDArray[np.float32] | None = None  # observations before the log's last call
        self._workers: list[Worker] = []
        self._finalizer = weakref.finalize(self, _end_all, self._workers)
        for number in range(num_workers):
            self._workers.append(self._started(number))
        for worker in self._workers:
            worker.await_start()

    def reset(self, trials: Sequence[Trial]) -> list[Fault]:
        """See `Crew.reset`."""
        self._trials |= {trial.game: (trial, len(self._log)) for trial in trials}
        if all(began == len(self._log) for _, began in self._trials.values()):
            self._log.clear()
            self._trials = {game: (trial, 0) for game, (trial, _) in self._trials.items()}
        self._seen = None
        told = []
        for number, (start, stop) in enumerate(self._bounds):
            own = [trial._replace(game=trial.game - start) for trial in trials if start <= trial.game < stop]
            if own:
                self._workers[number].call("reset", own)
                told.append(number)
        return self._answers(told)

    def next_episode(self) -> list[Fault]:
        """See `Crew.next_episode`."""
        self._note("next_episode", None)
        for worker in self._workers:
            worker.call("next_episode", None)
        return self._answers(range(len(self._workers)))

    def step(self) -> list[Fault]:
        """See `Crew.step`."""
        self._note("step", self._arrays["actions"].copy())
        for worker in self._workers:
            worker.step()
        return self._answers(range(len(self._workers)))

    def picture(self, game: int) -> NDArray[np.uint8] | None:
        """See `Crew.picture`; None from a worker that fails at it, which the next step replaces."""
        number = next(number for number, (_, stop) in enumerate(self._bounds) if game < stop)
        self._workers[number].call("picture", game - self._bounds[number][0])
        answer = self._workers[number].receive(monotonic() + self._limits.deadline)
        if isinstance(answer, Answer):
            return answer.picture
        self._workers[number].end()  # else a late picture would be taken for the answer to the next step
        return None

    def close(self) -> None:
        """See `Crew.close`."""
        self._finalizer()

    def _note(self, call: str, actions: NDArray[Any] | None) -> None:
        self._seen = self._arrays["observations"].copy()
        self._log.append((call, actions))

    def _answers(self, told: Iterable[int]) -> list[Fault]:
        """Waits for all workers that were told something; those that fail are replaced."""
        faults: list[Fault] = []
        end = monotonic() + self._limits.deadline
        for number in told:
            answer = self._workers[number].receive(end)
            if answer is not NOTHING:
                faults += self._taken(number, answer)
        for fault in faults:
            if fault.kind != LEAKED:
                self._trials.pop(fault.game, None)
        return faults

    def _taken(self, number: int, answer: Answer | str) -> list[Fault]:
        """The faults that a worker answers with; its own, if it failed instead, or has grown too large."""
        if isinstance(answer, str):
            return self._recovered(number, answer)
        faults = self._among_all(number, answer.faults)
        if answer.too_large:
            for fault in faults:
                self._trials.pop(fault.game, None)
            text = f"its worker grew to {answer.megabytes} MB and was replaced; no trial was lost"
            leak = Fault(self._bounds[number][0] + answer.largest, LEAKED, text, "")
            faults += [leak, *self._recovered(number, "")]
        return faults

    def _recovered(self, number: int, kind: str) -> list[Fault]:
        """Replaces a worker. The game that it was in loses its trial; the others of its lane go on.

        Args:
            number: Of the worker.
            kind: What is the matter: "died" or "hung"; empty if its games are sound.

        Raises:
            FamilyError: Its successors, too, fail while no environment's code runs.
        """
        faults: list[Fault] = []
        start, stop = self._bounds[number]
        blameless = 0  # failures in a row that no game can be blamed for
        while True:
            trace = self._workers[number].end(look=kind == "hung")
            busy = int(self._arrays["busy"][number])
            blameless = blameless + 1 if busy == IDLE else 0
            if blameless > MOST_BLAMELESS:
                raise FamilyError(
                    f"games cannot be played in workers: {self._described(number, kind)}\n{trace}".strip()
                )
            if kind and busy != IDLE:
                faults.append(Fault(start + busy, kind, self._described(number, kind), trace))
                self._trials.pop(start + busy, None)
                self._give_up(start + busy)
            self._workers[number] = self._started(number)
            self._workers[number].await_start()
            self._workers[number].call("replay", self._replay(start, stop))
            answer = self._workers[number].receive_while_busy()
            if not isinstance(answer, str):
                return faults + self._among_all(number, answer.faults)
            kind = answer

    def _described(self, number: int, kind: str) -> str:
        if kind == "hung":
            return f"it did not come back within {self._limits.deadline:g} s"
        return f"its process ended with code {self._workers[number].exit_code}"

    def _replay(self, start: int, stop: int) -> Replay:
        """All that the games of a lane have played of their trials."""
        trials = [
            (trial._replace(game=game - start), began)
            for game, (trial, began) in sorted(self._trials.items())
            if start <= game < stop
        ]
        log = [(call, None if actions is None else actions[start:stop]) for call, actions in self._log]
        return Replay(trials, log, None if self._seen is None else self._seen[start:stop])

    def _give_up(self, game: int) -> None:
        """What `Lane.give_up` does, for a game whose process is gone."""
        arrays = self._arrays
        arrays["finished"][game] = arrays["failed"][game] = True
        arrays["terminated"][game] = arrays["truncated"][game] = False
        arrays["rewards"][game], arrays["legal_actions"][game], arrays["acting"][game] = 0.0, True, True
        arrays["observations"][game, :, : self._plan.own_size] = 0.0

    def _started(self, number: int) -> Worker:
        self._arrays["busy"][number] = IDLE
        return Worker(self._plan, self._shared, number, self._bounds[number], self._limits)

    def _among_all(self, number: int, faults: Sequence[Fault]) -> list[Fault]:
        start = self._bounds[number][0]
        return [fault._replace(game=fault.game + start) for fault in faults]


def _end_all(workers: list[Worker]) -> None:
    for worker in workers:
        worker.end()
