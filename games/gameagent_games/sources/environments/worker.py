"""A worker: one process that plays a lane, as seen from both sides.

A call is told, and an answer, by a semaphore and a number in a shared array. Only what these cannot say goes through a
pipe: for quick environments that would take as long as the steps themselves.
"""

import contextlib
import faulthandler
import multiprocessing
import os
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import monotonic, sleep
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gameagent_games.errors import FamilyError
from gameagent_games.processes import end_with_parent, without_ctrl_c
from gameagent_games.sources.environments.lane import Fault, Lane, LanePlan, Trial

START_SECONDS: Final = 120.0  # for a worker to start and import what it needs
LOOK_EVERY: Final = 500  # steps between looks at a worker's memory
FIRST_LOOK_SECONDS: Final = 0.002  # until it is looked whether a worker that does not answer is alive; then twice that
LONGEST_LOOK_SECONDS: Final = 0.1
DUMP_SECONDS: Final = 0.3  # for a worker that hangs to write down where it is
END_SECONDS: Final = 2.0  # for a worker to end by itself

STEP: Final = 0  # what a worker is told: to step,
CALL: Final = 1  # to do what comes through its pipe,
END: Final = 2  # or to end
DONE: Final = 0  # what it answers: nothing of note,
ANSWER: Final = 1  # or what comes through its pipe

PER_WORKER: Final = ("told", "answered", "busy", "progress")  # arrays beside those of the games


class WorkerLimits(NamedTuple):
    """What workers are held to.

    Attributes:
        deadline: Seconds that one batch of steps, or of resets, may take.
        megabytes: By how much a worker's memory may grow after its first trials; beyond it the worker is replaced.
    """

    deadline: float
    megabytes: int


class Replay(NamedTuple):
    """What the games of a lane have played so far.

    Attributes:
        trials: Each game's trial, and the number of calls in the log before it began.
        log: Calls by name, with the actions of a step ``(games of the lane, seats, …)``.
        seen: Observations before the last of them; None if it was another call.
    """

    trials: Sequence[tuple[Trial, int]]
    log: Sequence[tuple[str, NDArray[Any] | None]]
    seen: NDArray[np.float32] | None


class Answer(NamedTuple):
    """What a worker answers.

    Attributes:
        faults: Of its games, by their index within the lane.
        too_large: Whether its memory has grown too large.
        megabytes: Its memory, where it was looked at.
        largest: The game whose starts made it grow most.
        picture: Of a game, if it was asked for.
    """

    faults: Sequence[Fault] = ()
    too_large: bool = False
    megabytes: int = 0
    largest: int = 0
    picture: NDArray[np.uint8] | None = None


NOTHING: Final = Answer()


def fresh_processes() -> Any:
    """Makes processes that share nothing with this one, from one that has imported what they need where it can.

    A worker is then there in some hundredths of a second, where importing everything takes a second.
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__, "gymnasium"])
    return context


class SharedArrays:
    """Arrays that all processes of a crew see."""

    def __init__(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Copies arrays into shared memory."""
        context = fresh_processes()
        self._forms = {name: (array.shape, array.dtype) for name, array in arrays.items()}
        self._memory = {name: context.RawArray("b", max(1, array.nbytes)) for name, array in arrays.items()}
        for name, copy in self.arrays().items():
            copy[...] = arrays[name]

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The arrays, in this process."""
        return {
            name: np.frombuffer(self._memory[name], dtype, int(np.prod(shape))).reshape(shape)
            for name, (shape, dtype) in self._forms.items()
        }


class Line(NamedTuple):
    """What leads from a worker to the process that started it.

    Attributes:
        pipe: For what has to be said in full.
        call: Released for the worker to look at what it is told.
        done: Released by the worker when it has done that.
    """

    pipe: Any
    call: Any
    done: Any


class Worker:
    """A worker process, as the process that started it sees it."""

    def __init__(
        self, plan: LanePlan, shared: SharedArrays, number: int, bounds: tuple[int, int], limits: WorkerLimits
    ) -> None:
        """Starts it; `await_start` waits until it is there."""
        context = fresh_processes()
        handle, path = tempfile.mkstemp(prefix="gameagent-worker-", suffix=".txt")
        os.close(handle)
        self._trace, self._limits = Path(path), limits
        arrays = shared.arrays()
        self._told, self._answered, _, self._progress = (arrays[name][number : number + 1] for name in PER_WORKER)
        self._call, self._done = context.Semaphore(0), context.Semaphore(0)
        self._pipe, theirs = context.Pipe()
        line = Line(theirs, self._call, self._done)
        self._process = context.Process(
            target=_serve, args=(line, plan, shared, number, bounds, limits, path), daemon=True,
            name=f"gameagent environments {number}",
        )  # fmt: skip
        with without_ctrl_c():
            self._process.start()
        theirs.close()

    @property
    def exit_code(self) -> int | None:
        """Of the process, if it has ended."""
        code: int | None = self._process.exitcode
        return code

    def await_start(self) -> None:
        """Waits until it is ready.

        Raises:
            FamilyError: It ended, or did not start in time.
        """
        if isinstance(self.receive(monotonic() + START_SECONDS), Answer):
            return
        self.end()
        raise FamilyError(
            f"a process for environments did not start (code {self.exit_code}); in a script of your own, train under: "
            "if __name__ == '__main__'"
        )

    def step(self) -> None:
        """Tells it to step."""
        self._told[0] = STEP
        self._call.release()

    def call(self, name: str, argument: Any) -> None:
        """Tells it to do something else; one that has died does not answer, which `receive` says."""
        self._told[0] = CALL
        self._call.release()
        with contextlib.suppress(OSError):
            self._pipe.send((name, argument))

    def receive(self, end: float) -> Answer | str:
        """Its answer, waiting for it.

        Args:
            end: When it has to be there, by `time.monotonic`.

        Returns:
            The answer, or how it failed: "died" or "hung".
        """
        look = FIRST_LOOK_SECONDS
        while not self._done.acquire(True, max(0.0, min(look, end - monotonic()))):
            look = min(2 * look, LONGEST_LOOK_SECONDS)
            if not self._process.is_alive():
                if self._done.acquire(False):  # it had answered before it died
                    break
                return "died"
            if monotonic() >= end:
                return "hung"
        if self._answered[0] == DONE:
            return NOTHING
        try:
            answer: Answer = self._pipe.recv()
        except (EOFError, OSError):
            self._process.join(END_SECONDS)
            return "died"
        return answer

    def receive_while_busy(self) -> Answer | str:
        """Its answer to a replay, which may take long as long as it makes progress; otherwise as `receive`."""
        before = -1
        answer: Answer | str = "hung"
        while answer == "hung" and int(self._progress[0]) != before:
            before = int(self._progress[0])
            answer = self.receive(monotonic() + self._limits.deadline)
        return answer

    def end(self, look: bool = False) -> str:
        """Ends the process, however it is, and gives what it wrote down about where it was.

        Args:
            look: Whether it is asked to write that down: it hangs.
        """
        if not self._trace.exists():
            return ""
        if look and hasattr(signal, "SIGUSR1") and self._process.is_alive() and self._process.pid is not None:
            os.kill(self._process.pid, signal.SIGUSR1)
            sleep(DUMP_SECONDS)
        self._told[0] = END
        self._call.release()
        if not look:
            self._process.join(END_SECONDS if self._process.is_alive() else 0)
        self._process.kill()
        self._process.join()
        self._pipe.close()
        text = self._trace.read_text(encoding="utf-8", errors="replace")
        self._trace.unlink(missing_ok=True)
        return text


# -- in the worker's own process ------------------------------------------------------------------------------


def _serve(
    line: Line, plan: LanePlan, shared: SharedArrays, number: int, bounds: tuple[int, int], limits: WorkerLimits,
    trace: str,
) -> None:  # fmt: skip
    """What a worker process runs, until it is told to end or the process that started it is gone."""
    end_with_parent()
    arrays = shared.arrays()
    told, answered = (arrays[name][number : number + 1] for name in ("told", "answered"))
    with Path(trace).open("w", encoding="utf-8") as file:
        faulthandler.enable(file)
        if hasattr(signal, "SIGUSR1"):
            faulthandler.register(signal.SIGUSR1, file)
        if "" not in sys.path:
            sys.path.insert(0, "")
        served = _Served(plan, shared, number, bounds, limits)
        answered[0] = DONE
        line.done.release()
        while True:
            line.call.acquire()
            if told[0] == END:
                os._exit(0)  # what an environment started must not keep the process
            answer = served.step() if told[0] == STEP else served.answer(*line.pipe.recv())
            answered[0] = DONE if answer is NOTHING else ANSWER
            line.done.release()
            if answer is not NOTHING:
                line.pipe.send(answer)


class _Served:
    """A lane that does what it is told."""

    def __init__(
        self, plan: LanePlan, shared: SharedArrays, number: int, bounds: tuple[int, int], limits: WorkerLimits
    ) -> None:
        everything, own = shared.arrays(), slice(*bounds)
        _, _, busy, self._progress = (everything.pop(name)[number : number + 1] for name in PER_WORKER)
        self._arrays = {name: array[own] for name, array in everything.items()}
        self._lane = Lane(plan, self._arrays, busy)
        self._limit = limits.megabytes
        self._calls = 0
        self._usual = 0  # megabytes, after the first trials have started
        self._growth = np.zeros(bounds[1] - bounds[0])

    def step(self) -> Answer:
        faults = self._lane.step()
        self._calls += 1
        if self._calls % LOOK_EVERY == 0:
            return self._measured(faults)
        return Answer(faults) if faults else NOTHING

    def answer(self, call: str, argument: Any) -> Answer:
        if call == "reset":
            return self._measured(self._reset(argument))
        if call == "picture":
            return Answer(picture=self._lane.picture(argument))
        if call == "next_episode":
            return Answer(self._lane.next_episode())
        return Answer(self._replay(argument))

    def _reset(self, trials: Sequence[Trial]) -> list[Fault]:
        faults: list[Fault] = []
        for trial in trials:
            before = memory_used()
            faults += self._lane.reset([trial])
            self._growth[trial.game] += memory_used() - before
        if not self._usual:
            self._usual = memory_used()
        return faults

    def _measured(self, faults: Sequence[Fault]) -> Answer:
        used = memory_used()
        too_large = bool(self._usual) and used > self._usual + self._limit
        return Answer(faults, too_large, used, int(self._growth.argmax()))

    def _replay(self, replay: Replay) -> list[Fault]:
        """Plays again what a worker before this one had played; a game that goes otherwise is given up."""
        faults: list[Fault] = []
        failed = self._arrays["failed"].copy()
        self._arrays["finished"][:] = True
        for number in range(len(replay.log) + 1):
            faults += self._lane.reset([trial for trial, began in replay.trials if began == number])
            self._progress[0] += 1
            if number == len(replay.log):
                break
            if number == len(replay.log) - 1 and replay.seen is not None:
                faults += self._strayed(replay.seen)
            call, actions = replay.log[number]
            if actions is not None:
                self._arrays["actions"][:] = actions
            faults += self._lane.step() if call == "step" else self._lane.next_episode()
        self._arrays["failed"][:] |= failed
        self._usual = self._usual or memory_used()
        return faults

    def _strayed(self, seen: NDArray[np.float32]) -> list[Fault]:
        faults = []
        for game in np.flatnonzero(~self._arrays["finished"]).tolist():
            if not np.array_equal(self._arrays["observations"][game], seen[game]):
                self._lane.give_up(game)
                text = "played again with the same variant, seed and actions, it went otherwise"
                faults.append(Fault(game, "not repeatable", text, ""))
        return faults


def memory_used() -> int:
    """Megabytes that this process holds in memory; 0 where the platform does not say."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 2**20
    except OSError:
        return 0
