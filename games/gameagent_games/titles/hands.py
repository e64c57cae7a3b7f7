"""All that a title has through us while it is in hand: time, chance, input, the window, sound, and the way out."""

import builtins
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType, ModuleType
from typing import Any

import pygame

from gameagent_games.errors import TitleError
from gameagent_games.titles import silence
from gameagent_games.titles.chance import Chance
from gameagent_games.titles.clock import MS, TitleClock
from gameagent_games.titles.handover import Handover
from gameagent_games.titles.inputs import Inputs
from gameagent_games.titles.patches import Patches, for_title

GRACE_S = 2.0  # until a title that is to end has ended
NUM_MODULES = 5  # that pygame.init() says it has started
SHOWN = pygame.FULLSCREEN | pygame.SCALED | pygame.RESIZABLE | pygame.NOFRAME | pygame.DOUBLEBUF | pygame.HWSURFACE


class Hands:
    """The stand-ins for what a title asks of pygame and of Python.

    Attributes:
        handover: Whose turn it is.
        clock: The title's time.
        inputs: Keyboard, mouse and events.
        chance: Its random numbers.
        refused: Where the title did what nobody can hold in step, and what that was; None if it did not.
    """

    handover: Handover
    clock: TitleClock
    inputs: Inputs
    chance: Chance

    def __init__(self, fps: int, is_own: Callable[[str], bool]) -> None:
        """Puts everything in place.

        Args:
            fps: Frames a second of titles that do not say.
            is_own: Whether a file is the title's.

        Raises:
            TitleError: The program has a window of its own.
        """
        self._window_before = _open_screen()
        self.refused: tuple[FrameType, str] | None = None
        self.handover = Handover(is_own, lambda is_first: self.clock.begin_frame(is_first))
        self.clock = TitleClock(self.handover, lambda event: self.inputs.post(event), fps)
        self.inputs = Inputs(self.handover, lambda: self.clock.advance(int(1000 / fps) * MS))
        self.chance = Chance()
        self._patches = Patches()
        self._patch_window()
        self._patch_python()
        self.clock.patch(self._patches)
        self.inputs.patch(self._patches)
        self.chance.patch(self._patches)
        silence.patch(self._patches)

    def start(self, seed: int) -> None:
        """Everything as it is when a program starts; the seed decides what chance does."""
        self.clock.start(seed)
        self.chance.start(seed)
        self.inputs.start()
        if not pygame.display.get_init():
            pygame.display.init()
        surface = pygame.display.get_surface()
        if surface is not None:
            surface.fill(0)

    def close(self) -> None:
        """Ends the title's thread and gives everything back."""
        ended = self.handover.close(GRACE_S)
        self._patches.restore()
        if ended and not self._window_before:
            pygame.display.quit()

    def _patch_window(self) -> None:
        real_mode, real_init = pygame.display.set_mode, pygame.init
        mixer: Any = pygame.mixer
        real_quiet = mixer.quit if isinstance(mixer, ModuleType) else _nothing

        def set_mode(size: Any = (0, 0), flags: int = 0, depth: int = 0, display: int = 0, vsync: int = 0) -> Any:
            surface = real_mode(size, flags & ~SHOWN)
            surface.set_clip(None)
            surface.fill(0)  # not what the last episode has drawn
            return surface

        def init() -> tuple[int, int]:
            if not pygame.get_init():
                with _setting("SDL_AUDIODRIVER", "dummy"):
                    real_init()
                real_quiet()
            pygame.font.init()
            return (NUM_MODULES, 0)

        window = {"flip": self.handover.drew, "update": self.handover.drew, "set_mode": set_mode, "quit": _nothing}
        self._patches.functions(pygame.display, window | {"get_active": lambda: True, "toggle_fullscreen": _nothing})
        self._patches.functions(pygame, {"quit": _nothing, "init": init})
        self._patches.functions(pygame.font, {"quit": _nothing})

    def _patch_python(self) -> None:
        def leave(code: Any = None, *_: Any) -> None:
            raise SystemExit(code)

        def start(thread: Any) -> None:
            self._refuse("starts a thread, which cannot be kept in step")

        leaving = {"exit": leave, "quit": leave}
        self._patches.functions(builtins, leaving | {"input": lambda *_: self._refuse("asks for typed input()")})
        self._patches.functions(os, {"_exit": leave})
        self._patches.functions(signal, {"signal": lambda *_: signal.SIG_DFL})
        self._patches.set(threading.Thread, "start", for_title(threading.Thread.start, start))

    def _refuse(self, what: str) -> None:
        self.refused = (sys._getframe(1), what)
        self.handover.give_up()


def _nothing(*_: Any, **__: Any) -> None:
    pass


@contextmanager
def _setting(name: str, value: str) -> Iterator[None]:
    """An environment variable, for a while."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def _open_screen() -> bool:
    """Sees to it that the title's window is shown nowhere; whether pygame's display had been started before.

    Raises:
        TitleError: The program has a window of its own.
    """
    if pygame.display.get_init() and pygame.display.get_driver() != "dummy":
        raise TitleError(
            "this process has a window of pygame's already, which the title would take over: "
            "play the title in a process of its own"
        )
    if pygame.display.get_init():
        return True
    with _setting("SDL_VIDEODRIVER", "dummy"):
        pygame.display.init()
    return False
