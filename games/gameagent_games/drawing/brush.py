"""Smooth shapes and words: a brush in units of its own choosing, and sprites painted once per size.

pygame's shapes have hard edges. So pictures are painted several times too large and scaled down, once, and kept.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Literal, TypeAlias

import pygame

from gameagent_games.drawing.palette import Colour

Point: TypeAlias = tuple[float, float]
Box: TypeAlias = tuple[float, float, float, float]
"""Left, top, width, height."""

Align: TypeAlias = Literal["left", "center", "right"]
OVERSAMPLING = 4  # pixels painted per pixel of a sprite, each way


class Brush:
    """Paints on a surface; all lengths are in units of ``scale`` pixels, from the surface's top left corner."""

    def __init__(self, surface: pygame.Surface, scale: float) -> None:
        self.surface = surface
        self.scale = scale

    def circle(self, center: Point, radius: float, colour: Colour, alpha: int = 255) -> None:
        """A filled circle."""
        x, y = center
        self.ellipse((x - radius, y - radius, 2 * radius, 2 * radius), colour, alpha)

    def ellipse(self, box: Box, colour: Colour, alpha: int = 255) -> None:
        """A filled ellipse that fits into ``box``."""
        pygame.draw.ellipse(self.surface, (*colour, alpha), self._rect(box))

    def box(self, box: Box, colour: Colour, radius: float = 0.0, outline: float = 0.0) -> None:
        """A rectangle with rounded corners, filled or, with an ``outline`` thickness, only its edge."""
        rect = self._rect(box)
        thickness = max(round(outline * self.scale), 1) if outline else 0
        if 2 * thickness >= min(rect.size):  # an outline that meets itself; pygame would paint beyond the box
            thickness = 0
        pygame.draw.rect(self.surface, colour, rect, thickness, border_radius=round(radius * self.scale))

    def polygon(self, points: Sequence[Point], colour: Colour) -> None:
        """A filled polygon."""
        pygame.draw.polygon(self.surface, colour, [self._point(point) for point in points])

    def line(self, points: Sequence[Point], thickness: float, colour: Colour) -> None:
        """A line through the points, with round ends and joints."""
        pixels = [self._point(point) for point in points]
        width = max(round(thickness * self.scale), 1)
        pygame.draw.lines(self.surface, colour, False, pixels, width)
        if width > 2:
            for pixel in pixels:
                pygame.draw.circle(self.surface, colour, pixel, width / 2)

    def text(self, words: str, at: Point, size: float, colour: Colour, align: Align = "left") -> float:
        """Writes one line, its middle at the height of ``at``. Returns its width."""
        picture = _words(words, max(round(size * self.scale), 6), colour)
        x, y = self._point(at)
        x -= {"left": 0.0, "center": 0.5, "right": 1.0}[align] * picture.get_width()
        self.surface.blit(picture, (round(x), round(y - picture.get_height() / 2)))
        return picture.get_width() / self.scale

    def width(self, words: str, size: float) -> float:
        """Width of one line of `text`."""
        return _words(words, max(round(size * self.scale), 6), (0, 0, 0)).get_width() / self.scale

    def fitting(self, words: str, room: float, size: float) -> str:
        """The words, shortened if there is not room for all of them."""
        if self.width(words, size) <= room:
            return words
        cuts = (words[:length].rstrip() + "\N{HORIZONTAL ELLIPSIS}" for length in range(len(words) - 1, 0, -1))
        return next((cut for cut in cuts if self.width(cut, size) <= room), words[:1])

    def picture(self, picture: pygame.Surface, center: Point) -> None:
        """Sets a sprite, smoothly scaled already or not, with its middle at ``center``."""
        stamp(self.surface, picture, self._point(center))

    def _point(self, point: Point) -> tuple[float, float]:
        return point[0] * self.scale, point[1] * self.scale

    def _rect(self, box: Box) -> pygame.Rect:
        left, top = round(box[0] * self.scale), round(box[1] * self.scale)
        right, bottom = round((box[0] + box[2]) * self.scale), round((box[1] + box[3]) * self.scale)
        return pygame.Rect(left, top, max(right - left, 1), max(bottom - top, 1))


@lru_cache(maxsize=512)
def sprite(paint: Callable[..., None], size: int, *arguments: object) -> pygame.Surface:
    """A square picture of ``size`` pixels, painted by ``paint(brush, *arguments)`` on a canvas of 1 by 1 units.

    Blit it with `stamp`: its colours are premultiplied by their opacity, which keeps its edges clean.
    """
    large = pygame.Surface((size * OVERSAMPLING, size * OVERSAMPLING), pygame.SRCALPHA)
    paint(Brush(large, size * OVERSAMPLING), *arguments)
    return pygame.transform.smoothscale(large.premul_alpha(), (size, size))


def stamp(surface: pygame.Surface, picture: pygame.Surface, center: Point) -> None:
    """Blits a sprite with its middle at ``center``, in pixels."""
    left, top = center[0] - picture.get_width() / 2, center[1] - picture.get_height() / 2
    surface.blit(picture, (round(left), round(top)), special_flags=pygame.BLEND_PREMULTIPLIED)


def smooth(size: tuple[int, int], paint: Callable[[pygame.Surface], None], factor: int = 2) -> pygame.Surface:
    """An opaque picture of ``size`` pixels, painted ``factor`` times too large and scaled down."""
    large = pygame.Surface((size[0] * factor, size[1] * factor))
    paint(large)
    return pygame.transform.smoothscale(large, size)


@lru_cache(maxsize=1024)
def _words(words: str, pixels: int, colour: Colour) -> pygame.Surface:
    """A line of text. Kept are pictures, not fonts: those die whenever someone calls ``pygame.quit()``."""
    pygame.font.init()
    return pygame.font.Font(None, pixels).render(words, True, colour)
