"""A time limit for a single call of foreign code, in the Python interpreter, on every platform and in any thread."""

import ctypes
import gc
import sys
import threading
from time import monotonic
from types import TracebackType
from typing import Self

from gameagent_games.places import is_compiler

POLL_SECONDS = 0.05


class TimeLimit(BaseException):
    """Raised inside a call that has run for too long; no ``except Exception`` of foreign code stops it.

    Its traceback ends at the line that was running.
    """


class Watchdog:
    """Raises `TimeLimit` in the thread that called `begin`, unless `end` comes within ``seconds``.

    A second thread looks at the clock, so that the watched code runs at full speed. Code that never returns to the
    interpreter, such as a sleep, is interrupted when it does. So is a compilation once it is over: a numba that was
    interrupted while it gathered what it knows of Python has lost a part of that for good. Should foreign code swallow
    the exception, as collecting garbage does, it comes again.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._lock = threading.Lock()
        self._began: float | None = None  # seconds on the monotonic clock; None while nothing is watched
        self._watched = 0
        self._raised = False
        self._closed = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def __enter__(self) -> Self:
        self._watcher.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._closed.set()
        self._watcher.join()

    def begin(self) -> None:
        """A call of foreign code starts in this thread."""
        self._watched = threading.get_ident()
        self._began = monotonic()

    def end(self) -> None:
        """The call is over: a `TimeLimit` that was sent but has not been raised yet is taken back."""
        with self._lock:
            self._began = None
            if self._raised:
                self._raised = False
                _send(self._watched, None)

    def _watch(self) -> None:
        while not self._closed.wait(POLL_SECONDS):
            with self._lock:
                if self._began is None or monotonic() - self._began <= self.seconds or _spared(self._watched):
                    continue
                self._began, self._raised = monotonic(), True
                _send(self._watched, TimeLimit)


def _spared(thread: int) -> bool:
    """Whether numba is at work in a thread, or a callback of the garbage collector, which would swallow it."""
    callbacks = [getattr(callback, "__code__", None) for callback in gc.callbacks]
    frame = sys._current_frames().get(thread)
    while frame is not None:
        if is_compiler(frame.f_code.co_filename) or frame.f_code in callbacks:
            return True
        frame = frame.f_back
    return False


def _send(thread: int, error: type[BaseException] | None) -> None:
    """Has the interpreter raise ``error`` in a thread at its next instruction; None takes a pending one back."""
    ctypes.pythonapi.PyThreadState_SetAsyncExc(
        ctypes.c_ulong(thread), None if error is None else ctypes.py_object(error)
    )
