"""A window of its own from either pygame: pygame-ce's ``pygame.Window``, or pygame 2's ``pygame._sdl2``.

Neither touches the display surface (``pygame.display.set_mode``), which belongs to the program around us. When that
program quits pygame's display, all windows are gone, and their memory may soon belong to another window. Therefore a
window is drawn to and destroyed only if it is known to be there, and its object is kept forever if it is lost.
"""

import weakref
from typing import Any

import pygame

_lost: list[Any] = []  # freeing the object of a lost window would destroy the window that has its memory now
_ends = 0  # how often pygame's display ended, as far as we noticed


def _count_end() -> None:
    global _ends
    _ends += 1


class _Handle:
    """A window of pygame, and what is needed to check that it is still that window."""

    def __init__(self, window: Any, title: str) -> None:
        self.window = window
        self.renderer: Any = None  # of pygame 2's window
        self._title, self._id, self._ends = title, window.id, _ends

    def is_open(self) -> bool:
        if self.window is None or self._ends != _ends or not pygame.display.get_init():
            return False
        try:
            return bool(self.window.id == self._id and self.window.title == self._title)
        except pygame.error:
            return False

    def close(self) -> None:
        if self.is_open():
            self.renderer = None  # before its window
            self.window.destroy()
        else:
            _lost.extend((self.window, self.renderer))
        self.window = self.renderer = None


class Screen:
    """A window that shows pictures of its own size; it closes when it is no longer needed."""

    def __init__(self, size: tuple[int, int], title: str) -> None:
        """Opens the window.

        Raises:
            pygame.error: No screen is available.
        """
        if not pygame.display.get_init():
            _count_end()
        pygame.display.init()
        pygame.register_quit(_count_end)
        self._handle = self._open(size, title)
        weakref.finalize(self, self._handle.close).atexit = False

    def is_open(self) -> bool:
        """Whether the window is still there."""
        return self._handle.is_open()

    def show(self, picture: pygame.Surface) -> None:
        """Shows a picture in the window, which must be open."""
        surface = self._handle.window.get_surface()  # never kept: the memory of a lost window is not ours
        surface.blit(picture, (0, 0))
        self._handle.window.flip()

    def close(self) -> None:
        """Closes the window; may be called twice."""
        self._handle.close()

    def owns(self, event: pygame.event.Event) -> bool:
        """Whether the event is about this window."""
        return self._handle.window is not None and getattr(event, "window", None) is self._handle.window

    def _open(self, size: tuple[int, int], title: str) -> _Handle:
        window = pygame.Window(title, size)
        window.get_surface()
        return _Handle(window, title)


class Sdl2Screen(Screen):
    """The window of pygame 2, drawn to by a renderer."""

    def show(self, picture: pygame.Surface) -> None:
        """Uploads the picture as a texture and presents it."""
        from pygame._sdl2 import video

        renderer = self._handle.renderer
        texture = video.Texture.from_surface(renderer, picture)
        renderer.clear()
        texture.draw()
        renderer.present()

    def _open(self, size: tuple[int, int], title: str) -> _Handle:
        from pygame._sdl2 import video

        handle = _Handle(video.Window(title, size=size), title)
        handle.renderer = video.Renderer(handle.window, accelerated=0)
        return handle


def open_screen(size: tuple[int, int], title: str) -> Screen:
    """Opens a window.

    Raises:
        pygame.error: No screen is available.
    """
    return Screen(size, title) if hasattr(pygame, "Window") else Sdl2Screen(size, title)
