"""Colours, each with one meaning. Pairs that must be distinguished differ in lightness too, not only in hue.

Good and bad are blue-green and orange, which stay apart under every common colour blindness; so do the
belief's violet and the truth's gold.
"""

from typing import Final, TypeAlias

Colour: TypeAlias = tuple[int, int, int]

# The panel and everything around the board.
BACKDROP: Final[Colour] = (20, 23, 34)
CARD: Final[Colour] = (30, 34, 50)
TRACK: Final[Colour] = (48, 54, 76)
LINE: Final[Colour] = (74, 82, 110)
INK: Final[Colour] = (238, 240, 248)
INK_SOFT: Final[Colour] = (168, 176, 202)
INK_FAINT: Final[Colour] = (112, 121, 152)
KEYCAP: Final[Colour] = (58, 65, 92)

# Meanings.
BELIEF: Final[Colour] = (158, 134, 255)
TRUTH: Final[Colour] = (255, 206, 84)
GOOD: Final[Colour] = (52, 200, 176)
BAD: Final[Colour] = (250, 126, 74)
HAND: Final[Colour] = (92, 190, 255)

# On a board, whose ground is light.
PAPER: Final[Colour] = (250, 249, 244)
OUTLINE: Final[Colour] = (38, 40, 58)
GOOD_DARK: Final[Colour] = (12, 118, 104)
BAD_DARK: Final[Colour] = (188, 70, 20)


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """The colour that is ``share`` (0 to 1) of the way from the first to the second."""
    share = min(max(share, 0.0), 1.0)
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


def lighter(colour: Colour, share: float) -> Colour:
    """The colour moved towards white."""
    return mix(colour, (255, 255, 255), share)


def darker(colour: Colour, share: float) -> Colour:
    """The colour moved towards black."""
    return mix(colour, (0, 0, 0), share)
