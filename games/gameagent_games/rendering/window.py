"""The one window: shows pictures, tells which keys were pressed."""

import numpy as np
import pygame
from numpy.typing import NDArray

from gameagent_games.errors import GamesError


class Window:
    """A window of fixed size. pygame has one per process: a second one takes the first one's place.

    Attributes:
        closed: Whether a person or `close` closed it.
    """

    def __init__(self, width: int, height: int, title: str) -> None:
        """Opens the window; sizes in pixels.

        Raises:
            GamesError: There is no screen.
        """
        try:
            pygame.display.init()
            self._screen = pygame.display.set_mode((width, height))
        except pygame.error as error:
            raise GamesError(f"no window can be opened here ({error}): is there a screen?") from error
        pygame.display.set_caption(title)
        pygame.key.set_repeat(300, 110)  # milliseconds until a held key repeats, and between repeats
        self._clock = pygame.time.Clock()
        self.closed = False

    def show(self, rgb: NDArray[np.uint8]) -> None:
        """Shows a picture, uint8 ``(height, width, 3)``, and keeps the window responsive."""
        self.show_surface(pygame.surfarray.make_surface(rgb.transpose(1, 0, 2)))
        self.pressed()

    def show_surface(self, surface: pygame.Surface) -> None:
        """Shows a picture that is a surface already."""
        if not self.closed:
            self._screen.blit(surface, (0, 0))
            pygame.display.flip()

    def pressed(self) -> list[str]:
        """Names of the keys pressed since the last call, in pygame's words: "space", "left", "n", "[+]"."""
        if self.closed:
            return []
        names = []
        for event in pygame.event.get():
            if event.type == pygame.QUIT:
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
        pygame.display.quit()
