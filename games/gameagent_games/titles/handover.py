"""Two threads that take turns: the title's, which runs its own loop, and the player's, which steps it.

A frame of a title ends when it has drawn (``flip``, ``update``) or waited (``tick``, ``wait``, ``sleep``), in whatever
order and as often as it likes; the title is halted when it next asks for input. So an action always reaches the frame
that reads it, and a frame counts once. A title that goes on without asking for input is halted when it ticks again,
and one that does nothing but ask for input is halted now and then, too.
"""

import ctypes
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

from gameagent_games.titles.patches import TURN

MANY_CALLS = 1_000  # drawings, waits or questions for input without anything else: that is a frame, too


class Stop(BaseException):
    """Ends a title's loop from inside; not an `Exception`, so a title that catches errors lets it pass."""


class Handover:
    """Whose turn it is.

    Attributes:
        frames: How many frames the title has played.
        stack: The title's own frames of the call stack when it was halted, innermost first.
        ended: Whether what was to be played has returned or raised.
        error: What it raised, if anything but `Stop`.
        thread: The title's thread.
    """

    def __init__(self, is_own: Callable[[str], bool], begin_frame: Callable[[bool], None]) -> None:
        """Starts a thread that waits for something to play.

        Args:
            is_own: Whether a file is the title's.
            begin_frame: Called on the title's thread before each frame, and told whether it is the first.
        """
        self._is_own, self._begin_frame = is_own, begin_frame
        self._go, self._back = threading.Lock(), threading.Lock()
        self._go.acquire()
        self._back.acquire()
        self._play: Callable[[], None] | None = None
        self._job: Callable[[], None] | None = None
        self._stopping = 0
        self.ended = True
        self._forget()
        self.thread = threading.Thread(target=self._work, name="title", daemon=True)
        self.thread.start()
        TURN.thread = self.thread.ident

    def _forget(self) -> None:
        self.frames, self.stack = 0, list[FrameType]()
        self.error: BaseException | None = None
        self._ticked = False
        self._draws = self._waits = self._asks = 0
        self._over = True  # the title is halted when it first asks for input

    # the player's side

    def start(self, play: Callable[[], None], deadline_s: float) -> bool:
        """Plays something until it is first halted; False if the deadline passes before."""
        self._play, self._stopping, self.ended = play, 0, False
        self._forget()
        return self._resume(deadline_s)

    def resume(self, deadline_s: float, job: Callable[[], None] | None = None) -> bool:
        """Lets the title play its next frame, after a job on its thread; False if the deadline passes before."""
        self._job = job
        return self._resume(deadline_s)

    def stop(self, deadline_s: float) -> bool:
        """Ends what is played; False if it cannot be ended."""
        self._stopping = max(self._stopping, 1)
        return self.ended or self._resume(deadline_s)

    def close(self, deadline_s: float) -> bool:
        """Ends the thread; False if it cannot be ended."""
        if not self.stop(deadline_s):
            return False
        self._play = None
        self._go.release()
        self.thread.join(deadline_s)
        TURN.thread = None
        return not self.thread.is_alive()

    def running(self) -> FrameType | None:
        """Where the title's thread is now."""
        return sys._current_frames().get(self.thread.ident or 0)

    def give_up(self) -> None:
        """Ends what is played, from the title's own thread."""
        self._stopping = max(self._stopping, 1)
        self.check()

    def interrupt(self, deadline_s: float) -> bool:
        """Raises `Stop` at the next line of a title that does not come back; False if it still does not."""
        self._stopping = 1
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(self.thread.ident or 0), ctypes.py_object(Stop))
        return self._back.acquire(timeout=deadline_s)

    def _resume(self, deadline_s: float) -> bool:
        self._go.release()
        return self._back.acquire(timeout=deadline_s)

    # the title's side

    def _work(self) -> None:
        while True:
            self._go.acquire()
            if self._play is None:
                return
            try:
                self._play()
            except Stop:
                pass
            except BaseException as error:  # the player's thread is told
                self.error = error
            finally:
                sys.settrace(None)
                self.ended = True
                self._back.release()

    def check(self) -> None:
        """Raises `Stop` if the title is to end."""
        if self._stopping:
            self._raise_stop()

    def drew(self, *_: Any, **__: Any) -> None:
        """The title has drawn."""
        self.check()
        self._over = True
        self._draws += 1
        if self._draws > MANY_CALLS:
            self.halt()

    def waited(self) -> None:
        """The title has waited."""
        self.check()
        self._over = True
        self._waits += 1
        if self._waits > MANY_CALLS:
            self.halt()

    def ticked(self) -> None:
        """The title has waited for its next frame."""
        self.check()
        if self._ticked:
            self.halt()
        self._over = self._ticked = True

    def asked(self, empty: bool = False) -> None:
        """The title asks for input; ``empty`` if there is none."""
        self.check()
        self._asks += empty
        if self._over or self._asks > MANY_CALLS:
            self.halt()

    def halt(self) -> None:
        """The player's turn, until it resumes the title."""
        self._begin_frame(not self.stack)
        self._over = self._ticked = False
        self._draws = self._waits = self._asks = 0
        self.stack = self._own_frames()
        self._back.release()
        self._go.acquire()
        self.check()
        self.frames += 1
        if self._job is not None:
            job, self._job = self._job, None
            job()

    def _own_frames(self) -> list[FrameType]:
        found, frame = [], sys._getframe(2)
        at: FrameType | None = frame
        while at is not None:
            if self._is_own(at.f_code.co_filename):
                found.append(at)
            at = at.f_back
        return found

    def _raise_stop(self) -> None:
        """Raises; from the second time on, every further line of the title raises too, so it cannot catch them all."""
        self._stopping += 1
        if self._stopping > 2:
            at: FrameType | None = sys._getframe(1)
            while at is not None:
                if self._is_own(at.f_code.co_filename):
                    at.f_trace = _raise_at_lines
                at = at.f_back
            sys.settrace(_raise_at_lines)
        raise Stop


def _raise_at_lines(frame: FrameType, event: str, argument: Any) -> Any:
    if event == "line":
        raise Stop
    return _raise_at_lines
