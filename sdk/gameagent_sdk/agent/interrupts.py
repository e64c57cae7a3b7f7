"""Calls of an agent that Ctrl-C must not leave in the middle."""

import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, TypeAlias

from gameagent_sdk.errors import CallOrderError

Handler: TypeAlias = Callable[[int, FrameType | None], Any] | int | signal.Handlers | None


class WholeCalls:
    """A context for calls of an agent: notices those that are left in the middle, and can keep SIGINT waiting.

    Python handles a signal between any two of its instructions, so a KeyboardInterrupt may come out of the middle of an
    agent's step, whose memory is then of two minds. What an agent raises itself leaves it as it was.

    Attributes:
        broken: Whether a call was left in the middle, by what no agent raises.
    """

    def __init__(self) -> None:
        self.broken = False
        self._inside = self._installed = False
        self._before: Handler = None
        self._waiting: tuple[int, FrameType | None] | None = None

    def __enter__(self) -> None:
        self._inside = True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is not None and not issubclass(kind, Exception):
            self.broken = True
        self._inside = False
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            self._pass_on(*waiting)

    def defer_sigint(self) -> None:
        """From now on SIGINT waits until a call is over; then the handler before this one gets it.

        A second one, while the first is waiting, is passed on at once, in case that the call never ends. A handler that
        was not set from Python is left in place, since it could not be put back.

        Raises:
            CallOrderError: In another thread than the main one, where Python handles no signals.
        """
        if threading.current_thread() is not threading.main_thread():
            raise CallOrderError("only the main thread handles signals: leave defer_sigint out elsewhere")
        before = signal.getsignal(signal.SIGINT)
        if before is not None and not self._installed:
            self._before, self._installed = before, True
            signal.signal(signal.SIGINT, self._receive)

    def release_sigint(self) -> None:
        """Puts the handler before this one back, unless yet another has been set since."""
        if self._installed and signal.getsignal(signal.SIGINT) == self._receive:
            signal.signal(signal.SIGINT, self._before)
            self._installed = False

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if self._inside and self._waiting is None:
            self._waiting = number, frame
        else:
            self._waiting = None
            self._pass_on(number, frame)

    def _pass_on(self, number: int, frame: FrameType | None) -> None:
        if callable(self._before):
            self._before(number, frame)
        elif self._before == signal.SIG_DFL:  # ends the process, but not before a `with` has been left
            signal.default_int_handler(number, frame)
