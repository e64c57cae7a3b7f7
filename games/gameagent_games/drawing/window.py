"""A window: shows pictures and reports pressed keys."""

import numpy as np
import pygame
from numpy.typing import NDArray

from gameagent_games.drawing.screens import Screen, open_screen
from gameagent_games.errors import GamesError


class Window:
    """A window of fixed size beside those of the program; it closes only itself.

    It reopens if it is shown after the program has quit pygame's display. `show` leaves all events in pygame's
    queue, for the program to read; `pressed` is for a program that has no other reader of events.

    Attributes:
        closed: Whether a person or `close` closed it.
    """

    def __init__(self, width: int, height: int, title: str) -> None:
        """Opens the window; sizes in pixels.

        Raises:
            GamesError: No screen is available.
        """
        self._size, self._title = (width, height), title
        self._screen = self._opened()
        self._clock = pygame.time.Clock()
        self.closed = False

    def show(self, rgb: NDArray[np.uint8]) -> None:
        """Shows a picture, uint8 ``(height, width, 3)``, and keeps the window responsive."""
        self.show_surface(pygame.surfarray.make_surface(rgb.transpose(1, 0, 2)))
        pygame.event.pump()

    def show_surface(self, surface: pygame.Surface) -> None:
        """Shows a picture that is a surface already."""
        if self.closed:
            return
        if not self._screen.is_open():
            self._screen = self._opened()
        self._screen.show(surface)

    def repeat_keys(self) -> None:
        """Lets held keys repeat, in every window of the program."""
        pygame.key.set_repeat(300, 110)  # milliseconds until a held key repeats, and between repeats

    def pressed(self) -> list[str]:
        """Takes all events out of pygame's queue.

        Returns:
            Names of the keys pressed since the last call, in pygame's words: "space", "left", "n", "[+]".
        """
        if self.closed:
            return []
        names = []
        for event in pygame.event.get():
            if event.type == pygame.QUIT or (event.type == pygame.WINDOWCLOSE and self._screen.owns(event)):
                self.closed = True
            elif event.type == pygame.KEYDOWN:
                names.append("+" if event.unicode == "+" else pygame.key.name(event.key))
        return names

    def wait(self, fps: float) -> float:
        """Waits for the next frame. Returns the seconds since the last one."""
        return self._clock.tick(fps) / 1000.0

    def close(self) -> None:
        """Closes the window; may be called twice."""
        self.closed = True
        self._screen.close()

    def _opened(self) -> Screen:
        try:
            return open_screen(self._size, self._title)
        except pygame.error as error:
            raise GamesError(f"no window can be opened here ({error}): is there a screen?") from error
