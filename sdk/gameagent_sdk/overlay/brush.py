"""All that the overlay needs from pygame: boxes, triangles, ticks, and words that are rendered once and kept.

Only what pygame and pygame-ce have in common is used.
"""

import os
import re
from math import floor
from typing import TYPE_CHECKING, TypeAlias

from gameagent_sdk.errors import MissingBackend

if TYPE_CHECKING:
    import pygame

Colour: TypeAlias = tuple[int, int, int]
Area: TypeAlias = tuple[float, float, float, float]
"""Left, top, width and height, in units."""

# ``gameagent play`` uses the same colours for the same meanings. Colours to be distinguished differ in lightness, too.
BACKDROP: Colour = (20, 23, 34)
TRACK: Colour = (48, 54, 76)
LINE: Colour = (74, 82, 110)
INK: Colour = (238, 240, 248)
INK_SOFT: Colour = (168, 176, 202)
INK_FAINT: Colour = (112, 121, 152)
BELIEF: Colour = (158, 134, 255)
TRUTH: Colour = (255, 206, 84)
GOOD: Colour = (52, 200, 176)
BAD: Colour = (250, 126, 74)
CHOICE: Colour = (92, 190, 255)

OPACITY = 236  # of the card, out of 255: readable on anything, yet the game shines through
CORNER = 8.0  # radius of the card's corners
OVERSAMPLING = 4  # pixels painted per pixel of the card, each way: pygame's corners have hard edges
MAX_SMOOTH = 2**20  # pixels of a card above which that would take too much memory
MAX_WORDS = 512  # pictures of words that are kept; a full panel has about 100
MAX_LETTERS = 200  # of a line
MAX_WIDTH = 2**14  # of a line, in pixels
ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"
DEFAULT_FONT_SHARE = 0.6875  # pygame makes its own font this much smaller than asked; others are made so here


def require_pygame() -> None:
    """Imports pygame.

    Raises:
        MissingBackend: It is not installed.
    """
    try:
        import pygame  # noqa: F401
    except ImportError as error:
        raise MissingBackend(
            "the overlay draws with pygame, which is not installed: pip install pygame-ce (or pygame)"
        ) from error


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """The colour that is ``share`` (0 to 1) of the way from the first to the second."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


class Lettering:
    """Words as pictures; the most recently used are kept.

    Words are assembled from pictures of their digits and of the text in between, so new numbers need no font.
    Fonts are dropped after every painting: ``pygame.quit()`` frees them, and pygame crashes if one is used afterwards.
    """

    def __init__(self, path: str | os.PathLike[str] | None) -> None:
        self._path = path
        self._fonts: dict[int, pygame.font.Font] = {}
        self._pieces: dict[tuple[str, int, Colour], pygame.Surface] = {}
        self._words: dict[tuple[str, int, Colour, int], pygame.Surface] = {}

    def picture(self, words: str, pixels: int, colour: Colour, room: int) -> "pygame.Surface":
        """One line of text, shortened with an ellipsis if it is wider than ``room`` pixels."""
        key = (words, pixels, colour, room)
        picture = self._words.pop(key, None)
        if picture is None:
            picture = self._put_together(_printable(words), pixels, colour, room)
        self._words[key] = picture  # at the end: the most recently used
        if len(self._words) > MAX_WORDS:
            del self._words[next(iter(self._words))]
        return picture

    def put_fonts_away(self) -> None:
        """Drops the fonts; to be called at the end of a painting."""
        self._fonts.clear()

    def _put_together(self, words: str, pixels: int, colour: Colour, room: int) -> "pygame.Surface":
        import pygame

        pieces = [self._piece(letters, pixels, colour) for letters in re.findall(r"[0-9]|[^0-9]+", words)]
        width = sum(piece.get_width() for piece in pieces)
        if width > room:
            return self._font(pixels).render(_shortened(self._font(pixels), words, room), True, colour)
        height = max((piece.get_height() for piece in pieces), default=1)
        picture, x = pygame.Surface((width, height), pygame.SRCALPHA, 32), 0
        for piece in pieces:
            picture.blit(piece, (x, 0))
            x += piece.get_width()
        return picture

    def _piece(self, letters: str, pixels: int, colour: Colour) -> "pygame.Surface":
        key = (letters, pixels, colour)
        if key not in self._pieces:
            if len(self._pieces) == MAX_WORDS:
                self._pieces.clear()
            self._pieces[key] = self._font(pixels).render(letters, True, colour)
        return self._pieces[key]

    def _font(self, pixels: int) -> "pygame.font.Font":
        import pygame

        pygame.font.init()
        if pixels not in self._fonts:
            size = pixels if self._path is None else int(pixels * DEFAULT_FONT_SHARE)
            self._fonts[pixels] = pygame.font.Font(self._path, max(size, 1))
        return self._fonts[pixels]


def _printable(words: str) -> str:
    """The words without what fonts refuse: NUL, lone surrogates, line breaks."""
    return "".join(letter if letter.isprintable() else " " for letter in words[:MAX_LETTERS])


def _shortened(font: "pygame.font.Font", words: str, room: int) -> str:
    """As many of the words' letters as fit, and an ellipsis."""
    low, high = 0, len(words)  # that many letters fit, and do not fit
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if font.size(words[:middle] + ELLIPSIS)[0] <= room else (low, middle)
    return words[:low].rstrip() + ELLIPSIS


class Brush:
    """Paints on a picture; all lengths are in units of ``scale`` pixels, from its top left corner.

    Attributes:
        picture: What is painted on.
    """

    def __init__(self, picture: "pygame.Surface", scale: float, lettering: Lettering) -> None:
        """Paints on ``picture``, whatever is there."""
        import pygame

        self.picture = picture
        self._scale, self._lettering = scale, lettering
        self._rect, self._polygon, self._lines = pygame.draw.rect, pygame.draw.polygon, pygame.draw.lines
        self._kept = b""

    def keep(self) -> None:
        """Remembers the picture as it is now."""
        self._kept = self.picture.get_buffer().raw

    def go_back(self) -> None:
        """Restores the picture as of the last `keep`, ten times as fast as copying the surface."""
        self.picture.get_buffer().write(self._kept, 0)

    def box(self, left: float, top: float, width: float, height: float, colour: Colour, radius: float = 0.0) -> None:
        """A filled rectangle of at least one pixel, its corners rounded."""
        scale = self._scale
        x, y = floor(left * scale + 0.5), floor(top * scale + 0.5)  # round() would widen some lines by a pixel
        right, bottom = floor((left + width) * scale + 0.5), floor((top + height) * scale + 0.5)
        rect = (x, y, max(right - x, 1), max(bottom - y, 1))
        self._rect(self.picture, colour, rect, border_radius=round(radius * scale))

    def verdict(self, x: float, middle: float, size: float, right: bool) -> None:
        """A tick or a cross: they differ in shape, not only in colour."""
        strokes: list[tuple[tuple[float, float], ...]]
        if right:
            strokes = [((-0.42, 0.02), (-0.1, 0.34), (0.44, -0.34))]
        else:
            strokes = [((-0.34, -0.34), (0.34, 0.34)), ((-0.34, 0.34), (0.34, -0.34))]
        width = max(round(0.2 * size * self._scale), 1)
        for points in strokes:
            pixels = [((x + a * size) * self._scale, (middle + b * size) * self._scale) for a, b in points]
            self._lines(self.picture, GOOD if right else BAD, False, pixels, width)

    def pointer(self, x: float, top: float, size: float, colour: Colour) -> None:
        """A triangle that points down at ``x``, its upper edge at ``top``."""
        corners = ((x - size / 2, top), (x + size / 2, top), (x, top + size))
        self._polygon(self.picture, colour, [(a * self._scale, b * self._scale) for a, b in corners])

    def text(
        self, words: str, x: float, middle: float, size: float, colour: Colour, room: float, anchor: float = 0.0
    ) -> float:
        """One line, shortened to ``room``; ``anchor`` is the share of it that lies left of ``x``. Returns its width."""
        scale = self._scale
        picture = self._lettering.picture(words, max(round(size * scale), 4), colour, round(room * scale))
        width, height = picture.get_size()
        left = round(x * scale - anchor * width)
        self.picture.blit(picture, (left, round(middle * scale - height / 2)))
        return width / scale

    def width(self, words: str, size: float) -> float:
        """Width of a line that is not shortened."""
        pixels = max(round(size * self._scale), 4)
        return self._lettering.picture(words, pixels, INK_SOFT, MAX_WIDTH).get_width() / self._scale


def make_card(width: float, height: float, scale: float) -> "pygame.Surface":
    """What a panel is painted on: rounded, with an edge that shows on a dark ground, a little transparent.

    Args:
        width: In units.
        height: In units.
        scale: Pixels in a unit.
    """
    import pygame

    width, height = max(round(width * scale), 1), max(round(height * scale), 1)
    factor = OVERSAMPLING if width * height <= MAX_SMOOTH else 1
    large = pygame.Surface((width * factor, height * factor), pygame.SRCALPHA, 32)
    large.fill((*LINE, 0))
    outer, edge, radius = large.get_rect(), factor * max(round(scale), 1), factor * round(CORNER * scale)
    pygame.draw.rect(large, (*LINE, OPACITY), outer, border_radius=radius)
    pygame.draw.rect(large, (*BACKDROP, OPACITY), outer.inflate(-2 * edge, -2 * edge), border_radius=radius - edge)
    return pygame.transform.smoothscale(large, (width, height))
