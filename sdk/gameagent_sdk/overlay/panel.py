"""The panel from top to bottom: who plays, the return of each episode, the last decision, the beliefs.

What stays while the agent plays is painted once; what moves is painted on top of it.
"""

from collections.abc import Iterator, Sequence

from gameagent_sdk.bundle.manifest import Manifest
from gameagent_sdk.bundle.specs import ActionSpec
from gameagent_sdk.engine.beliefs import Belief
from gameagent_sdk.overlay.brush import CHOICE, GOOD, INK, INK_SOFT, TRACK, TRUTH, Area, Brush, Colour, mix
from gameagent_sdk.overlay.chart import Returns, draw_returns
from gameagent_sdk.overlay.layout import (
    ACTION,
    CHART,
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
from gameagent_sdk.overlay.reading import Reading
from gameagent_sdk.overlay.rows import Row, Truth, draw_empty_row, draw_row
from gameagent_sdk.overlay.wording import decimals_for, shown_label, shown_number

STATUS = 108.0  # room for whether it learns
CHANCE = 40.0  # room for an action's chance in numbers
PALE_CHOICE = mix(TRACK, CHOICE, 0.5)


def draw_fixed(
    brush: Brush, layout: Layout, manifest: Manifest, rows: Sequence[Row], truths: Sequence[Truth] | None
) -> None:
    """Draws what stays.

    Args:
        brush: To draw with.
        layout: Where everything is.
        manifest: Of the agent.
        rows: One per belief slot.
        truths: The truth in each; None if it is not shown.
    """
    brush.text(manifest.name, PAD, 19, LARGE, INK, layout.inner - STATUS)
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
        _draw_legend(brush, layout, truths is not None)
        for about, truth, area in zip(rows, truths or [None] * len(rows), _row_areas(layout), strict=False):
            draw_empty_row(brush, about, truth, area)
        top = layout.beliefs_top + TITLE + layout.num_beliefs * SLOT
        _draw_more(brush, layout, top, len(manifest.beliefs) - layout.num_beliefs)


def draw_moving(
    brush: Brush,
    layout: Layout,
    manifest: Manifest,
    reading: Reading,
    rows: Sequence[Row],
    beliefs: Sequence[Belief | None],
    truths: Sequence[Truth] | None,
) -> None:
    """Draws what moves, on top of what stays; see `draw_fixed`."""
    _draw_status(brush, layout, bool(manifest.adaptation), reading)
    returns = Returns(reading.returns, reading.episode_return, reading.episode - len(reading.returns) + 1)
    draw_returns(brush, returns, (PAD, HEADER, layout.inner, CHART), MAX_BAR)
    if manifest.action.kind == "box":
        _draw_components(brush, layout, manifest.action, reading.distribution)
    else:
        _draw_actions(brush, layout, manifest.action.names, reading.probabilities)
    shown = zip(rows, beliefs, truths or [None] * len(rows), _row_areas(layout), strict=False)
    for row, belief, truth, area in shown:
        draw_row(brush, row, belief, truth, area)


def _row_areas(layout: Layout) -> Iterator[Area]:
    """The place of each row of beliefs that there is room for."""
    for row in range(layout.num_beliefs):
        yield PAD, layout.beliefs_top + TITLE + row * SLOT, layout.inner, SLOT


def _draw_legend(brush: Brush, layout: Layout, truth: bool) -> None:
    """The title of the beliefs; ``truth`` is whether its sign is explained."""
    middle, room = layout.beliefs_top + TITLE / 2, layout.inner
    if truth:
        used = brush.text("truth", layout.right, middle, SMALL, TRUTH, room / 2, anchor=1)
        brush.pointer(layout.right - used - 9, middle - 3, 7, TRUTH)
        room -= used + 22
    brush.text("believes the rules are", PAD, middle, SMALL, INK_SOFT, room)


def _draw_status(brush: Brush, layout: Layout, can_learn: bool, reading: Reading) -> None:
    words, colour = ("learning", GOOD) if reading.learning else ("frozen", CHOICE)
    if not can_learn:
        words, colour = "does not learn", INK_SOFT
    used = brush.text(words, layout.right, 19, SMALL, colour, STATUS - 16, anchor=1)
    brush.box(layout.right - used - 11, 15, 7, 7, colour, 3.5)
    used = 0.0
    if reading.strength < 1:
        strength = f"strength {reading.strength:.0%}"
        used = 8 + brush.text(strength, layout.right, 38, SMALL, INK_SOFT, layout.inner / 2, anchor=1)
    words = f"episode {reading.episode + 1}, step {reading.step}" if reading.in_trial else "no trial begun"
    brush.text(words, PAD, 38, SMALL, INK_SOFT, layout.inner - used)


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
            brush.text(f"{chances[action]:.0%}", layout.right, middle, SMALL, ink, CHANCE - 4, anchor=1)


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
            brush.text(words, layout.right, middle, SMALL, INK, CHANCE - 4, anchor=1)


def _chance_bar(layout: Layout) -> tuple[float, float]:
    """Where the actions' bars begin, and how long they are."""
    left = PAD + 0.34 * layout.inner
    return left, layout.right - CHANCE - left


def _draw_more(brush: Brush, layout: Layout, top: float, number_left: int) -> None:
    """Counts what there was no room for."""
    if number_left:
        brush.text(f"+ {number_left} more", PAD, top + MORE / 2, SMALL, INK_SOFT, layout.inner)
