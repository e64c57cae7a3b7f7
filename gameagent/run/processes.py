"""The other processes of a run on this machine: started, met, and ended together with this one.

They meet at a store of torch's that this process serves on a free port of 127.0.0.1; no file is needed for it.
"""

import contextlib
import multiprocessing
from collections.abc import Callable, Iterator
from multiprocessing.process import BaseProcess
from time import sleep
from typing import Any, TypeAlias

from torch import distributed

from gameagent import errors
from gameagent.errors import GameAgentError, TrainingError
from gameagent_games.errors import GamesError
from gameagent_games.processes import end_with_parent, without_ctrl_c

HOST = "127.0.0.1"
LOOK_EVERY = 0.05  # seconds between looks at whether all processes have started
REPORTED = "error"  # where in the store a process leaves what stopped it

Store: TypeAlias = Any  # torch.distributed.Store, which torch has no type for
TCPStore: Any = distributed.TCPStore  # type: ignore[attr-defined]

Job = Callable[[str, int, int, Store], None]
"""What another process does: called with the run's folder, its rank, the number of processes, and the store."""


@contextlib.contextmanager
def others_started(job: Job, folder: str, size: int) -> Iterator[Store]:
    """Starts ranks 1 to ``size`` - 1 and waits until all are there; ends them when this process is done.

    Args:
        job: A function of a module.
        folder: The run's folder.
        size: Processes in all, this one as rank 0 among them; at least 2.

    Yields:
        The store that all of them see.

    Raises:
        TrainingError: A process died before it was there, or, out of the body, without saying why.
        GameAgentError: What another process left as its reason, in place of the body's TrainingError.
    """
    store = TCPStore(HOST, 0, is_master=True, wait_for_workers=False)
    others: list[BaseProcess] = []
    try:
        _start(others, job, folder, size, store.port)
        _await(others, store)
        yield store
    except TrainingError:
        _kill(others)
        if store.check([REPORTED]):
            kind, _, message = store.get(REPORTED).decode().partition(":")
            raise getattr(errors, kind, TrainingError)(message) from None
        raise
    except BaseException:
        _kill(others)  # they wait for this process, which alone writes files
        raise
    finally:
        for process in others:
            process.join(timeout=5)
        _kill(others)


def _start(others: list[BaseProcess], job: Job, folder: str, size: int, port: int) -> None:
    context = multiprocessing.get_context("spawn")
    with without_ctrl_c():
        for rank in range(1, size):
            process = context.Process(
                target=_run, args=(job, folder, rank, size, port)
            )  # no daemon: games may need processes of their own
            process.start()
            others.append(process)


def _await(others: list[BaseProcess], store: Store) -> None:
    """Waits until every process is at the store; in small steps, so that Ctrl-C is answered."""
    wanted = [_arrival(rank + 1) for rank in range(len(others))]
    while not store.check(wanted):
        for process in others:
            if not process.is_alive():
                raise TrainingError(
                    f"a training process ended with code {process.exitcode} before it began; in a script of your own, "
                    "call launch under: if __name__ == '__main__'"
                )
        sleep(LOOK_EVERY)


def _run(job: Job, folder: str, rank: int, size: int, port: int) -> None:
    """What another process runs: the job, until it is done, fails, or process 0 is gone."""
    end_with_parent()
    store = TCPStore(HOST, port, is_master=False)
    store.set(_arrival(rank), "here")
    try:
        job(folder, rank, size, store)
    except TrainingError:
        raise SystemExit(1) from None  # process 0 reports
    except (GameAgentError, GamesError) as error:
        store.set(REPORTED, f"{type(error).__name__}:{error}")
        raise SystemExit(1) from None


def _arrival(rank: int) -> str:
    return f"rank {rank} is here"


def _kill(processes: list[BaseProcess]) -> None:
    for process in processes:
        process.kill()
    for process in processes:
        process.join()
