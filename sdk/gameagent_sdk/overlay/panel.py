"""The panel from top to bottom: who plays, the return of each episode, the last decision, the beliefs.

What stays while the agent plays is painted once, what moves is painted on top of it.
"""

import math
from collections.abc import Sequence

from gameagent_sdk.bundle.manifest import ActionSpec, Manifest
from gameagent_sdk.engine.beliefs import Belief
from gameagent_sdk.overlay.brush import BACKDROP, BAD, CHOICE, GOOD, INK, INK_SOFT, LINE, TRACK, Brush, Colour, mix
from gameagent_sdk.overlay.gauges import draw_beliefs, draw_fixed_beliefs
from gameagent_sdk.overlay.layout import (
    ACTION,
    BODY,
    HEADER,
    LARGE,
    MAX_BAR,
    MORE,
    PAD,
    SLOT,
    SMALL,
    TITLE,
    Layout,
    share,
)
from gameagent_sdk.overlay.reading import Marks, Reading
from gameagent_sdk.overlay.wording import decimals_for, shown_label, shown_number

STATUS = 108.0  # room for whether it learns
CHANCE = 40.0  # room for an action's chance in numbers
BARS = 46.0  # height of all bars together
FLOOR = HEADER + 70.0  # where the lowest bar ends
PALE_GOOD, PALE_BAD, PALE_CHOICE = mix(BACKDROP, GOOD, 0.5), mix(BACKDROP, BAD, 0.5), mix(TRACK, CHOICE, 0.5)


def draw_fixed(brush: Brush, layout: Layout, manifest: Manifest, truth: bool) -> None:
    """What stays; ``truth`` is whether the truth will be told."""
    brush.text(manifest.name, PAD, 19, LARGE, INK, layout.inner - STATUS)
    brush.text("return by episode", PAD, HEADER + 12, SMALL, INK_SOFT, 0.6 * layout.inner)
    if layout.num_actions:
        middle = layout.actions_top + TITLE / 2
        brush.text("last decision", PAD, middle, SMALL, INK_SOFT, layout.inner)
        left, length = _chance_bar(layout)
        for row in range(layout.num_actions):
            brush.box(left, middle + TITLE / 2 + (row + 0.5) * ACTION - 4, length, 8, TRACK, 3)
        _draw_more(
            brush, layout, middle + TITLE / 2 + layout.num_actions * ACTION, manifest.num_actions - layout.num_actions
        )
    if layout.num_beliefs:
        draw_fixed_beliefs(brush, layout, manifest.beliefs, truth)
        top = layout.beliefs_top + TITLE + layout.num_beliefs * SLOT
        _draw_more(brush, layout, top, len(manifest.beliefs) - layout.num_beliefs)


def draw_moving(
    brush: Brush,
    layout: Layout,
    manifest: Manifest,
    reading: Reading,
    beliefs: Sequence[Belief | None],
    marks: Marks,
) -> None:
    """What moves, on top of what stays."""
    _draw_status(brush, layout, bool(manifest.adaptation), reading)
    _draw_returns(brush, layout, reading)
    if manifest.action.kind == "box":
        _draw_components(brush, layout, manifest.action, reading.distribution)
    else:
        _draw_actions(brush, layout, manifest.action.names, reading.probabilities)
    draw_beliefs(brush, layout, manifest.beliefs, beliefs, marks)


def _draw_status(brush: Brush, layout: Layout, can_learn: bool, reading: Reading) -> None:
    words, colour = ("learning", GOOD) if reading.learning else ("frozen", CHOICE)
    if not can_learn:
        words, colour = "does not learn", INK_SOFT
    used = brush.text(words, layout.right, 19, SMALL, colour, STATUS - 16, right=True)
    brush.box(layout.right - used - 11, 15, 7, 7, colour, 3.5)
    used = 0.0
    if reading.strength < 1:
        strength = f"strength {reading.strength:.0%}"
        used = 8 + brush.text(strength, layout.right, 38, SMALL, INK_SOFT, layout.inner / 2, right=True)
    words = f"episode {reading.episode + 1}, step {reading.step}" if reading.in_trial else "no trial begun"
    brush.text(words, PAD, 38, SMALL, INK_SOFT, layout.inner - used)


def _draw_returns(brush: Brush, layout: Layout, reading: Reading) -> None:
    """A bar for each of the last episodes, the one at hand paler, above and below a line at 0."""
    now, colour = reading.episode_return, GOOD if reading.episode_return >= 0 else BAD
    brush.text(f"now {shown_number(now)}", layout.right, HEADER + 12, BODY, colour, 0.38 * layout.inner, right=True)
    values = [_finite(value) for value in (*reading.returns, now)]
    low, high = min(*values, 0.0), max(*values, 0.0)
    high = high if high > low else low + 1.0
    per_unit, space = BARS / (high - low), min(layout.inner / len(values), MAX_BAR)
    width = space - (1 if space < 8 else 2)
    zero = FLOOR + low * per_unit
    for position, value in enumerate(values):
        length, at_hand = value * per_unit, position == len(values) - 1
        if value >= 0:
            colour = PALE_GOOD if at_hand else GOOD
            brush.box(PAD + position * space, zero - length, width, max(length, 1.5), colour, 2)
        else:
            brush.box(PAD + position * space, zero, width, max(-length, 1.5), PALE_BAD if at_hand else BAD, 2)
    brush.box(PAD, zero - 0.5, layout.inner, 1, LINE)
    _draw_ends(brush, layout, reading)


def _draw_ends(brush: Brush, layout: Layout, reading: Reading) -> None:
    """The first and the last of the ended episodes that have a bar, in numbers."""
    room, middle, returns = (layout.inner - 8) / 2, FLOOR + 10, reading.returns
    if not returns:
        brush.text("no episode has ended", PAD, middle, SMALL, INK_SOFT, layout.inner)
        return
    first = f"ep. {reading.episode - len(returns) + 1}: {shown_number(returns[0])}"
    brush.text(first, PAD, middle, SMALL, INK_SOFT, room)
    if len(returns) > 1:
        last = f"ep. {reading.episode}: {shown_number(returns[-1])}"
        brush.text(last, layout.right, middle, SMALL, INK_SOFT, room, right=True)


def _draw_actions(brush: Brush, layout: Layout, names: Sequence[str], chances: Sequence[float] | None) -> None:
    """The chances of the last decision, the likeliest in colour."""
    by_chance = list(range(len(names)))
    if chances is not None:
        by_chance.sort(key=lambda action: -chances[action])
    left, length = _chance_bar(layout)
    top = layout.actions_top + TITLE
    for row, action in enumerate(sorted(by_chance[: layout.num_actions])):  # rows in one order are easier to follow
        middle = top + (row + 0.5) * ACTION
        likeliest = chances is not None and action == by_chance[0]
        ink = INK if likeliest else INK_SOFT
        brush.text(shown_label(names[action]), PAD, middle, SMALL, ink, left - PAD - 6)
        if chances is not None:
            bar: Colour = CHOICE if likeliest else PALE_CHOICE
            brush.box(left, middle - 4, max(length * share(chances[action], 0.0, 1.0), 2), 8, bar, 3)
            brush.text(f"{chances[action]:.0%}", layout.right, middle, SMALL, ink, CHANCE - 4, right=True)


def _draw_components(
    brush: Brush, layout: Layout, spec: ActionSpec, distribution: tuple[Sequence[float], Sequence[float]] | None
) -> None:
    """Mean and deviation of the last continuous action, within the bounds."""
    left, length = _chance_bar(layout)
    for row, name in enumerate(spec.names[: layout.num_actions]):
        middle = layout.actions_top + TITLE + (row + 0.5) * ACTION
        brush.text(shown_label(name), PAD, middle, SMALL, INK_SOFT, left - PAD - 6)
        if distribution is not None:
            mean, std, low, high = distribution[0][row], distribution[1][row], spec.low[row], spec.high[row]
            start, end = (length * share(value, low, high) for value in (mean - std, mean + std))
            brush.box(left + start, middle - 4, end - start, 8, PALE_CHOICE, 3)
            brush.box(left + (length - 3) * share(mean, low, high), middle - 6, 3, 12, CHOICE, 1)
            words = shown_number(mean, decimals_for((high - low) / 2))
            brush.text(words, layout.right, middle, SMALL, INK, CHANCE - 4, right=True)


def _chance_bar(layout: Layout) -> tuple[float, float]:
    """Where the actions' bars begin, and how long they are."""
    left = PAD + 0.34 * layout.inner
    return left, layout.right - CHANCE - left


def _draw_more(brush: Brush, layout: Layout, top: float, number_left: int) -> None:
    """Counts what there was no room for."""
    if number_left:
        brush.text(f"+ {number_left} more", PAD, top + MORE / 2, SMALL, INK_SOFT, layout.inner)


def _finite(value: float) -> float:
    """The nearest number that can be reckoned with: sums of rewards may overflow."""
    return 0.0 if math.isnan(value) else min(max(value, -1e300), 1e300)
