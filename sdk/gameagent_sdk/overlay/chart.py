"""The return of each episode as a bar, above and below a line at zero."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from gameagent_sdk.overlay.brush import BACKDROP, BAD, BELIEF, GOOD, INK, INK_FAINT, INK_SOFT, LINE, Area, Brush, mix
from gameagent_sdk.overlay.layout import BODY, SMALL
from gameagent_sdk.overlay.wording import shown_number

HEAD, FOOT = 24.0, 18.0  # heights above the highest bar and below the lowest
LABEL = 14.0  # height of a number above a bar
LABELLED = 28.0  # width of a bar's place from which on it has its number and its episode's written at it
PALE_GOOD, PALE_BAD = mix(BACKDROP, GOOD, 0.5), mix(BACKDROP, BAD, 0.5)


@dataclass(frozen=True)
class Returns:
    """What the chart shows.

    Attributes:
        ended: The return of each of the last ended episodes, as many as are shown.
        running: That of the running episode so far; None between two episodes.
        first: Number of the first episode shown, from 1.
        steps: By episode number, whether gradient steps taken after it were kept; empty without any.
    """

    ended: tuple[float, ...]
    running: float | None
    first: int = 1
    steps: Mapping[int, bool] = field(default_factory=dict)


def draw_returns(brush: Brush, shown: Returns, area: Area, widest: float, title: str = "return by episode") -> None:
    """Draws the chart.

    Args:
        brush: To draw with.
        shown: What to show; there is at least one episode.
        area: Left, top, width and height.
        widest: The most room that one bar and the space beside it may take.
        title: What is written above it.
    """
    left, top, width, height = area
    now = shown.ended[-1] if shown.running is None else shown.running
    words = f"{'last' if shown.running is None else 'now'} {shown_number(now)}"
    used = brush.text(words, left + width, top + 12, BODY, GOOD if now >= 0 else BAD, 0.38 * width, anchor=1)
    brush.text(title, left, top + 12, SMALL, INK_SOFT, min(width - used - 8, 0.6 * width))
    values = [_finite(value) for value in (*shown.ended, *([] if shown.running is None else [shown.running]))]
    low, high = min(*values, 0.0), max(*values, 0.0)
    high = high if high > low else low + 1.0
    space = min(width / len(values), widest)
    labels = LABEL if space >= LABELLED else 0.0
    per_unit = (height - HEAD - FOOT - labels) / (high - low)
    zero = top + height - FOOT + low * per_unit
    for position, value in enumerate(values):
        running = shown.running is not None and position == len(values) - 1
        x = left + position * space
        _draw_bar(brush, x, zero, (space, value * per_unit), running)
        if labels:
            _label_bar(brush, x, (zero - max(value * per_unit, 0), top + height), space, value, shown.first + position)
    brush.box(left, zero - 0.5, width, 1, LINE)
    _draw_steps(brush, shown, area, space)
    if not labels:
        _draw_ends(brush, shown, area)


def _draw_bar(brush: Brush, left: float, zero: float, size: tuple[float, float], running: bool) -> None:
    """A bar of a signed height; the running episode's is paler."""
    space, height = size
    width = 0.7 * space if space >= LABELLED else space - (1 if space < 8 else 2)
    left += (space - width) / 2 if space >= LABELLED else 0.0
    if height >= 0:
        brush.box(left, zero - height, width, max(height, 1.5), PALE_GOOD if running else GOOD, 2)
    else:
        brush.box(left, zero, width, max(-height, 1.5), PALE_BAD if running else BAD, 2)


def _label_bar(brush: Brush, left: float, ends: tuple[float, float], space: float, value: float, episode: int) -> None:
    """The return above its bar, the episode's number below the chart."""
    middle, (top, bottom) = left + space / 2, ends
    brush.text(shown_number(value, 1), middle, top - 7, SMALL, INK, space, anchor=0.5)
    brush.text(str(episode), middle, bottom - FOOT / 2, SMALL, INK_FAINT, space, anchor=0.5)


def _draw_steps(brush: Brush, shown: Returns, area: Area, space: float) -> None:
    """A small triangle where gradient steps were taken: violet, or orange if they were not kept."""
    left, top, _, height = area
    for episode, kept in shown.steps.items():
        if episode >= shown.first:
            x = left + (episode - shown.first + 1) * space
            brush.pointer(x, top + height - FOOT / 2 - 4, min(9, space), BELIEF if kept else BAD)


def _draw_ends(brush: Brush, shown: Returns, area: Area) -> None:
    """The first and the last of the ended episodes that have a bar, in numbers."""
    left, top, width, height = area
    room, middle, ended = (width - 8) / 2, top + height - 8, shown.ended
    if not ended:
        brush.text("no episode has ended", left, middle, SMALL, INK_SOFT, width)
        return
    brush.text(f"ep. {shown.first}: {shown_number(ended[0])}", left, middle, SMALL, INK_SOFT, room)
    if len(ended) > 1:
        last = f"ep. {shown.first + len(ended) - 1}: {shown_number(ended[-1])}"
        brush.text(last, left + width, middle, SMALL, INK_SOFT, room, anchor=1)


def _finite(value: float) -> float:
    """The nearest number that can be scaled: sums of rewards may overflow."""
    return 0.0 if math.isnan(value) else min(max(value, -1e300), 1e300)
