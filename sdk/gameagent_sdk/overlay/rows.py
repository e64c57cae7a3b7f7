"""One row for each hidden rule: what the agent believes of it, how sure it is, and the truth if it may be shown.

A number is a band for mean ± standard deviation with a line at the mean, on the rule's training range. A choice is a
bar cut into one piece per option, each as long as it is likely. Belief is violet. Truth is gold: a pointer at the bar,
the true value in words, and, for a choice, a tick or a cross.
"""

from dataclasses import dataclass
from typing import TypeAlias

from gameagent_sdk.engine.beliefs import Belief
from gameagent_sdk.overlay.brush import (
    BACKDROP,
    BELIEF,
    INK,
    INK_SOFT,
    LINE,
    TRACK,
    TRUTH,
    Area,
    Brush,
    Colour,
    mix,
)
from gameagent_sdk.overlay.layout import BODY, SMALL, share
from gameagent_sdk.overlay.wording import decimals_for, shown_label, shown_number

Truth: TypeAlias = float | str | None
"""A rule as it really is: a number, or an option's label; None where it is not shown."""

WORDS, BAR, THICK = -7.0, 2.0, 6.0  # from a row's middle to the middle of its words and to its bar; the bar's height
NAME = 0.5  # the largest share of a row's width for its name
DETAILED = 80.0  # room from which on a belief's words say how sure it is
UNCERTAIN, CERTAIN = mix(INK_SOFT, INK, 0.2), INK
BAND, UNLIKELY = mix(TRACK, BELIEF, 0.5), mix(TRACK, BELIEF, 0.35)


@dataclass(frozen=True)
class Row:
    """What a row is about: a hidden rule, or one element of an array rule.

    Attributes:
        name: What it is called.
        options: Label of each option of a choice; empty for a number.
        center: Middle of a number's training range.
        scale: Half the width of that range.
    """

    name: str
    options: tuple[str, ...] = ()
    center: float = 0.0
    scale: float = 1.0

    def range(self, truth: Truth) -> tuple[float, float]:
        """The lowest and the highest number on the bar: the training range, extended to the truth."""
        low, high = self.center - self.scale, self.center + self.scale
        return (min(low, truth), max(high, truth)) if isinstance(truth, float) else (low, high)


def draw_empty_row(brush: Brush, row: Row, truth: Truth, area: Area) -> None:
    """Draws what stays while the agent plays: the name and an empty bar, with a notch at zero."""
    left, top, width, height = area
    middle = top + height / 2
    brush.text(row.name, left, middle + WORDS, SMALL, INK_SOFT, NAME * width)
    brush.box(left, middle + BAR, width, THICK, TRACK, 3)
    low, high = row.range(truth)
    if not row.options and low < 0 < high:
        brush.box(left + width * share(0.0, low, high) - 0.5, middle + BAR - 1, 1, THICK + 2, LINE)


def draw_row(brush: Brush, row: Row, belief: Belief | None, truth: Truth, area: Area) -> None:
    """Draws what moves, on top of an empty row: the belief and the truth, in words and on the bar."""
    left, top, width, height = area
    middle = top + height / 2
    used = min(brush.width(row.name, SMALL), NAME * width) + 8
    _draw_words(brush, row, belief, truth, (left + used, middle + WORDS, width - used))
    if row.options:
        place = _draw_options(brush, row, belief, truth, (left, middle + BAR, width, THICK))
    else:
        place = _draw_number(brush, row, belief, truth, (left, middle + BAR, width, THICK))
    if place is not None:
        brush.pointer(place, middle + BAR - 3, 11, BACKDROP)
        brush.pointer(place, middle + BAR - 2, 7, TRUTH)


def _draw_words(brush: Brush, row: Row, belief: Belief | None, truth: Truth, at: tuple[float, float, float]) -> None:
    """From right to left: the truth if it differs from the belief, tick or cross, the belief.

    ``at`` is the left end, the middle's height and the width of what there is room for.
    """
    left, middle, room = at
    right = left + room
    if truth is not None and not (belief is not None and belief.best == truth):
        words = truth if isinstance(truth, str) else shown_number(truth, decimals_for(row.scale))
        used = 8 + brush.text(shown_label(words), right, middle, BODY, TRUTH, 0.55 * room, anchor=1)
        right, room = right - used, room - used
    if isinstance(truth, str) and belief is not None:
        brush.verdict(right - 5, middle, 11, belief.best == truth)
        right, room = right - 17, room - 17
    words = "?" if belief is None else _in_words(row, belief, detailed=room >= DETAILED)
    brush.text(words, right, middle, BODY, _colour(belief, truth), room, anchor=1)


def _draw_number(brush: Brush, row: Row, belief: Belief | None, truth: Truth, bar: Area) -> float | None:
    """Draws mean and deviation. Returns where the truth lies."""
    left, top, width, height = bar
    low, high = row.range(truth)
    if belief is not None and belief.mean is not None and belief.std is not None:
        start = left + width * share(belief.mean - belief.std, low, high)
        end = left + width * share(belief.mean + belief.std, low, high)
        brush.box(start, top, end - start, height, BAND, 3)
        brush.box(left + (width - 3) * share(belief.mean, low, high), top - 2, 3, height + 4, BELIEF, 1)
    return left + width * share(truth, low, high) if isinstance(truth, float) else None


def _draw_options(brush: Brush, row: Row, belief: Belief | None, truth: Truth, bar: Area) -> float | None:
    """Draws a piece for each option. Returns where the true one lies, if it is one of them."""
    start, top, width, height = bar
    place = None
    for option in row.options:
        chance = 1 / len(row.options) if belief is None else belief.probabilities[option]
        length = width * chance
        if belief is not None and length >= 1.5:
            colour = BELIEF if option == belief.best else UNLIKELY
            brush.box(start, top, length - (1 if chance < 1 else 0), height, colour, 2)
        if option == truth:
            place = start + length / 2
        start += length
    return place


def _in_words(row: Row, belief: Belief, *, detailed: bool) -> str:
    if row.options or belief.mean is None or belief.std is None:
        return shown_label(str(belief.best)) + (f"  {belief.confidence:.0%}" if detailed else "")
    decimals = decimals_for(row.scale)
    mean = shown_number(belief.mean, decimals)
    return f"{mean} ± {shown_number(belief.std, decimals)}" if detailed else mean


def _colour(belief: Belief | None, truth: Truth) -> Colour:
    """Violet beside the truth, otherwise the brighter the surer."""
    if belief is None:
        return INK_SOFT
    if truth is not None:
        return BELIEF
    return CERTAIN if belief.confidence >= 0.5 else UNCERTAIN
