"""Crews: who plays the lanes of N games. One in this process, or worker processes that may die, hang or leak.

A worker that dies or does not answer in time is ended and replaced. The game whose environment it was in loses its
trial; the other games of its lane are played again from their trials' start, with the actions that were taken, so they
go on where they were.
"""

import weakref
from collections.abc import Mapping, Sequence
from multiprocessing import connection
from time import monotonic
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from gameagent_games.sources.environments.lane import IDLE, Fault, Lane, LanePlan, Trial
from gameagent_games.sources.environments.worker import Replay, SharedArrays, Worker, WorkerLimits

LEAKED: Final = "leaked"

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
            shared: The arrays of all games, and "busy" ``(num_workers,)`` and "progress" ``(num_workers,)``.
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
        own = [[trial for trial in trials if start <= trial.game < stop] for start, stop in self._bounds]
        return self._ask([("reset", self._local(n, given)) if given else None for n, given in enumerate(own)])

    def next_episode(self) -> list[Fault]:
        """See `Crew.next_episode`."""
        return self._logged("next_episode", None)

    def step(self) -> list[Fault]:
        """See `Crew.step`."""
        return self._logged("step", self._arrays["actions"].copy())

    def picture(self, game: int) -> NDArray[np.uint8] | None:
        """None: pictures are of games in this process."""
        return None

    def close(self) -> None:
        """See `Crew.close`."""
        self._finalizer()

    def _logged(self, call: str, actions: NDArray[Any] | None) -> list[Fault]:
        self._seen = self._arrays["observations"].copy()
        self._log.append((call, actions))
        return self._ask([(call, None)] * len(self._workers))

    def _ask(self, messages: Sequence[tuple[str, Any] | None]) -> list[Fault]:
        """Sends every worker its message and waits for all of them; those that fail are replaced."""
        faults: list[Fault] = []
        waiting: dict[Any, int] = {}
        for number, message in enumerate(messages):
            if message is not None:
                self._workers[number].send(message)
                waiting[self._workers[number].connection] = number
        end = monotonic() + self._limits.deadline
        while waiting:
            ready = connection.wait(list(waiting), max(0.0, end - monotonic()))
            if not ready:
                for number in waiting.values():
                    faults += self._recovered(number, "hung")
                break
            for one in ready:
                faults += self._taken(waiting.pop(one))
        for fault in faults:
            if fault.kind != LEAKED:
                self._trials.pop(fault.game, None)
        return faults

    def _taken(self, number: int) -> list[Fault]:
        """The faults that a worker answers with; its own, if it died instead, or has grown too large."""
        answer = self._workers[number].receive()
        if answer is None:
            return self._recovered(number, "died")
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
        """
        faults: list[Fault] = []
        start, stop = self._bounds[number]
        while True:
            trace = self._workers[number].end(look=kind == "hung")
            busy = int(self._arrays["busy"][number])
            if kind and busy != IDLE:
                faults.append(Fault(start + busy, kind, self._described(number, kind), trace))
                self._trials.pop(start + busy, None)
                self._give_up(start + busy)
            self._workers[number] = self._started(number)
            self._workers[number].await_start()
            self._workers[number].send(("replay", self._replay(start, stop)))
            answer = self._workers[number].receive_while_busy(self._arrays["progress"][number : number + 1])
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

    def _local(self, number: int, trials: Sequence[Trial]) -> list[Trial]:
        start = self._bounds[number][0]
        return [trial._replace(game=trial.game - start) for trial in trials]

    def _among_all(self, number: int, faults: Sequence[Fault]) -> list[Fault]:
        start = self._bounds[number][0]
        return [fault._replace(game=fault.game + start) for fault in faults]


def _end_all(workers: list[Worker]) -> None:
    for worker in workers:
        worker.end()
