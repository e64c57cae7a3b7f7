"""The title's time: it moves when the title waits for its next frame, and never by itself.

A frame of a title that ticks at 60 frames a second takes 16 ms, as pygame counts: `Clock.tick` waits for the whole
milliseconds in a sixtieth of a second.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pygame

from gameagent_games.titles.handover import Handover
from gameagent_games.titles.patches import Patches, class_for_title

EPOCH_S = 1_700_000_000  # what time.time() says at the start of an episode of seed 0
EPOCHS = 1_000_000  # of how many seeds the starts differ
MANY_READS = 10_000  # of the clock in one frame: by then a title is waiting for it to move
MS = 1_000_000  # nanoseconds
SECOND = 1_000 * MS


class TitleClock:
    """Time in whole nanoseconds since the title started.

    Attributes:
        now: Nanoseconds since the start.
    """

    def __init__(self, handover: Handover, post: Callable[[Any], Any], fps: int) -> None:
        """A stopped clock.

        Args:
            handover: Told when the title ticks, waits or sleeps.
            post: Takes the events of timers.
            fps: Frames a second of titles that do not say.
        """
        self._handover, self._post = handover, post
        self._frame_ms = int(1000 / fps)
        self.start(0)

    def start(self, seed: int) -> None:
        """Sets the time to 0; the seed decides what ``time.time()`` says."""
        self.now = self._mark = 0
        self._epoch = (EPOCH_S + seed % EPOCHS) * SECOND
        self._reads = 0
        self._timers: dict[Any, list[Any]] = {}  # by type: next time, interval, event, how often still (0: ever)

    def begin_frame(self, is_first: bool) -> None:
        """Lets at least the time of a frame pass between two frames of a title that never waits."""
        if self.now == self._mark and not is_first:
            self.advance(self._frame_ms * MS)
        self._mark, self._reads = self.now, 0

    def advance(self, nanoseconds: int) -> None:
        """Moves the time on, and posts what timers have to post on the way."""
        end = self.now + max(0, int(nanoseconds))
        while self._timers:
            key, timer = min(self._timers.items(), key=lambda entry: entry[1][0])
            if timer[0] > end:
                break
            self._post(timer[2])
            timer[0] += timer[1]
            if timer[3] == 1:
                del self._timers[key]
            timer[3] -= timer[3] > 0
        self.now = end

    def read(self) -> int:
        """The time; a title that does nothing but read it sees it move by milliseconds."""
        self._reads += 1
        if self._reads > MANY_READS:
            self._handover.check()
            self.advance(MS)
        return self.now

    def ticks(self) -> int:
        """Milliseconds since the start."""
        return self.read() // MS

    def wait(self, milliseconds: float) -> int:
        """``pygame.time.wait`` and ``delay``: the time passes at once."""
        self.sleep(milliseconds / 1000)
        return int(milliseconds)

    def sleep(self, seconds: float) -> None:
        """``time.sleep``: the time passes at once."""
        self._handover.waited()
        self.advance(round(seconds * SECOND))

    def tick(self, since: int, fps: float) -> int:
        """Waits for the frame after the one that began at ``since``; returns nanoseconds since then."""
        self._handover.ticked()
        wait_ms = self._frame_ms if fps <= 0 else int(1000 / fps)
        self.advance(since + wait_ms * MS - self.now)
        return self.now - since

    def set_timer(self, event: Any, millis: int = 0, loops: int = 0) -> None:
        """``pygame.time.set_timer``."""
        kind = event if isinstance(event, int) else event.type
        self._timers.pop(kind, None)
        if millis > 0:
            posted = pygame.event.Event(event) if isinstance(event, int) else event
            self._timers[kind] = [self.now + millis * MS, millis * MS, posted, loops]

    def patch(self, patches: Patches) -> None:
        """Puts this clock before pygame's and the standard library's."""
        of_pygame = {"get_ticks": self.ticks, "wait": self.wait, "delay": self.wait, "set_timer": self.set_timer}
        patches.functions(pygame.time, of_pygame)
        clock = class_for_title(pygame.time.Clock, type("Clock", (_FrameClock,), {"_time": self}))
        if hasattr(pygame, "Clock"):
            patches.set(pygame, "Clock", clock)
        patches.set(pygame.time, "Clock", clock)
        of_time: dict[str, Any] = {"sleep": self.sleep, "time_ns": lambda: self._epoch + self.read()}
        of_time["time"] = lambda: (self._epoch + self.read()) / SECOND
        for name in ("monotonic", "perf_counter", "process_time", "thread_time"):
            of_time |= {name: lambda: self.read() / SECOND, f"{name}_ns": self.read}
        for name in ("localtime", "gmtime", "ctime"):
            of_time[name] = self._calendar(getattr(time, name))
        patches.functions(time, of_time)
        patches.functions(asyncio, {"sleep": self._asyncio_sleep(asyncio.sleep)})

    def _calendar(self, real: Callable[[float], Any]) -> Callable[..., Any]:
        def at(seconds: float | None = None) -> Any:
            return real((self._epoch + self.read()) / SECOND if seconds is None else seconds)

        return at

    def _asyncio_sleep(self, real: Callable[..., Any]) -> Callable[..., Any]:
        async def sleep(delay: float, result: Any = None) -> Any:
            if delay > 0:
                self.sleep(delay)
            return await real(0, result)

        return sleep


class _FrameClock:
    """Stands in for ``pygame.time.Clock``."""

    _time: TitleClock

    def __init__(self) -> None:
        self._last, self._passed, self._fps = self._time.now, 0, 0.0

    def tick(self, framerate: float = 0) -> int:
        passed = self._time.tick(self._last, framerate)
        self._last += passed
        self._passed = passed // MS
        self._fps = SECOND / passed if passed else 0.0
        return self._passed

    tick_busy_loop = tick

    def get_time(self) -> int:
        return self._passed

    get_rawtime = get_time

    def get_fps(self) -> float:
        return self._fps
