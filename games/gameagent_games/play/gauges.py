"""What an agent believes of each hidden rule, how sure it is, and the truth: one row per rule.

A number is a gauge: a band for mean ± std with a line at the mean, and a gold pointer at the truth. A choice is its
likeliest option with a bar for its chance, and a tick or a cross. Belief is violet, truth is gold, everywhere.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from gameagent_games.drawing.brush import Box, Brush
from gameagent_games.drawing.canvas import View
from gameagent_games.drawing.palette import (
    BAD,
    BELIEF,
    CARD,
    GOOD,
    INK,
    INK_FAINT,
    INK_SOFT,
    LINE,
    TRACK,
    TRUTH,
    mix,
)
from gameagent_games.interface import Family
from gameagent_games.play.session import Belief, Beliefs
from gameagent_games.variants.distributions import Slot
from gameagent_games.variants.variant import Variant

MINUS = "\N{MINUS SIGN}"
PER_LINE = 4  # elements of an array of choices on one line
NAME = 112.0  # room for a rule's name
SCALAR, CHOICE, CHOICES = 34.0, 34.0, 58.0  # heights of rows


@dataclass(frozen=True)
class Row:
    """One row of the list: a slot, or up to `PER_LINE` neighbouring choices of an array rule.

    Attributes:
        rule: The rule's name.
        slots: What the row is about.
        beliefs: One per slot; None where nothing is believed.
        truths: The true value of each slot, as a number or an option's label.
    """

    rule: str
    slots: tuple[Slot, ...]
    beliefs: tuple[Belief | None, ...]
    truths: tuple[Any, ...]

    @property
    def height(self) -> float:
        if self.slots[0].kind == "scalar":
            return SCALAR
        return CHOICE if self.slots[0].index is None else CHOICES


def make_rows(family: Family, variant: Variant, beliefs: Beliefs) -> list[Row]:
    """The rows for all hidden rules, in rule order."""
    return [
        row for rule in family.space.rules if rule.hidden for row in _rows_of(rule.name, rule.slots, variant, beliefs)
    ]


def _rows_of(rule: str, slots: tuple[Slot, ...], variant: Variant, beliefs: Beliefs) -> Iterator[Row]:
    if not slots:
        return
    value, thought = variant.rules[rule], beliefs.get(rule)
    values = [value] if slots[0].index is None else list(value)
    truths = [v if slot.kind == "scalar" else _label(v) for slot, v in zip(slots, values, strict=False)]
    thoughts: Sequence[Belief | None] = thought if isinstance(thought, tuple) else [thought]
    if len(thoughts) != len(slots):
        thoughts = [None] * len(slots)
    per_row = PER_LINE if slots[0].kind == "categorical" and slots[0].index is not None else 1
    for start in range(0, len(slots), per_row):
        part = slice(start, start + per_row)
        yield Row(rule, slots[part], tuple(thoughts[part]), tuple(truths[part]))


def draw_row(brush: Brush, row: Row, box: Box, view: View, reveal: bool) -> None:
    """Draws one row into ``box``, in the brush's units; the truth only where ``reveal``."""
    if row.slots[0].kind == "scalar":
        _draw_scalar(brush, row, box, view, reveal)
    elif row.slots[0].index is None:
        _draw_choice(brush, row, box, reveal)
    else:
        _draw_choices(brush, row, box, view, reveal)


def _draw_scalar(brush: Brush, row: Row, box: Box, view: View, reveal: bool) -> None:
    slot, belief, truth = row.slots[0], row.beliefs[0], float(row.truths[0])
    left, top, width, height = box
    middle = top + height / 2
    _draw_name(brush, row.rule, slot.index, (left, middle), view, min(height, 30.0))
    gauge = (left + 118, middle - 4, width - 118 - 108, 13.0)
    low, high = gauge_range(slot, truth)
    brush.box(gauge, TRACK, 6)
    if slot.center - slot.scale < 0 < high:
        zero = gauge_x(gauge, low, high, 0.0)
        brush.box((zero - 0.75, gauge[1] - 3, 1.5, gauge[3] + 6), LINE)
    if belief is not None and belief.mean is not None and belief.std is not None:
        start = gauge_x(gauge, low, high, belief.mean - belief.std)
        end = gauge_x(gauge, low, high, belief.mean + belief.std)
        mean = gauge_x(gauge, low, high, belief.mean)
        brush.box((start, gauge[1], max(end - start, 4), gauge[3]), mix(TRACK, BELIEF, 0.5), 5)
        brush.box((mean - 2.5, gauge[1] - 1.5, 5, gauge[3] + 3), BELIEF, 2.5)
        brush.text(_number(belief.mean), (left + width - 60, middle), 20, BELIEF, "right")
    else:
        brush.text("?", (left + width - 66, middle), 20, INK_FAINT, "right")
    if reveal:
        pointer, edge = gauge_x(gauge, low, high, truth), gauge[1]
        brush.polygon([(pointer - 8, edge - 10), (pointer + 8, edge - 10), (pointer, edge + 4)], CARD)
        brush.polygon([(pointer - 6, edge - 9), (pointer + 6, edge - 9), (pointer, edge + 1)], TRUTH)
        brush.text(_number(truth), (left + width, middle), 20, TRUTH, "right")


def gauge_range(slot: Slot, truth: float) -> tuple[float, float]:
    """Lowest and highest value on a gauge: a little more than the training range and the truth."""
    low, high = min(slot.center - slot.scale, truth), max(slot.center + slot.scale, truth)
    margin = 0.04 * (high - low)
    return low - margin, high + margin


def gauge_x(gauge: Box, low: float, high: float, value: float) -> float:
    """Where a value lies on a gauge; what is off the gauge lies at its end."""
    share = (value - low) / max(high - low, 1e-9)
    return gauge[0] + gauge[2] * min(max(share, 0.0), 1.0)


def _draw_choice(brush: Brush, row: Row, box: Box, reveal: bool) -> None:
    belief, truth = row.beliefs[0], row.truths[0]
    left, top, width, height = box
    middle = top + height / 2
    brush.text(brush.fitting(row.rule.replace("_", " "), NAME, 20), (left, middle), 20, INK_SOFT)
    if belief is None:
        brush.text("?", (left + 118, middle), 20, INK_FAINT)
    else:
        _draw_chance(brush, (left + 118, middle - 11, width - 118 - 108, 22), belief)
    if reveal:
        if belief is not None:
            _draw_verdict(brush, (left + width - 92, middle), 18, belief.best == truth)
        brush.text(shown_option(truth), (left + width, middle), 20, TRUTH, "right")


def _draw_chance(brush: Brush, box: Box, belief: Belief) -> None:
    """The likeliest option, written on a bar as long as it is likely."""
    left, top, width, height = box
    brush.box(box, TRACK, 6)
    brush.box((left, top, max(width * belief.confidence, 12), height), mix(TRACK, BELIEF, 0.62), 6)
    brush.text(shown_option(str(belief.best)), (left + 9, top + height / 2), 19, INK)
    brush.text(f"{belief.confidence:.0%}", (left + width - 8, top + height / 2), 17, INK, "right")


def _draw_choices(brush: Brush, row: Row, box: Box, view: View, reveal: bool) -> None:
    """Up to four small cells side by side: sprite, what is believed of it, a bar for its chance, tick or cross."""
    left, top, width, height = box
    brush.text(brush.fitting(row.rule.replace("_", " "), 68, 20), (left, top + height / 2), 20, INK_SOFT)
    space = (width - 76) / PER_LINE
    for position, (slot, belief, truth) in enumerate(zip(row.slots, row.beliefs, row.truths, strict=True)):
        x, middle = left + 76 + position * space, top + 0.38 * height
        icon = view.icon(row.rule, slot.index, round(26 * brush.scale))
        if icon is not None:
            brush.picture(icon, (x + 13, middle))
        else:
            brush.text(view.element_name(row.rule, slot.index or 0), (x + 4, middle), 18, INK_SOFT)
        words = "?" if belief is None else shown_option(str(belief.best))
        brush.text(words, (x + 28, middle), 19, INK_FAINT if belief is None else INK)
        if belief is not None:
            bar = (x + 2, top + 0.74 * height, space - 12, 7.0)
            brush.box(bar, TRACK, 3.5)
            brush.box((bar[0], bar[1], max(bar[2] * belief.confidence, 7), bar[3]), BELIEF, 3.5)
        if reveal and belief is not None:
            _draw_verdict(brush, (x + space - 17, middle), 14, belief.best == truth)
        elif reveal:
            brush.text(shown_option(truth), (x + 28, top + 0.78 * height), 18, TRUTH)


def _draw_name(brush: Brush, rule: str, index: int | None, at: tuple[float, float], view: View, height: float) -> None:
    if index is None:
        brush.text(brush.fitting(rule.replace("_", " "), NAME, 20), at, 20, INK_SOFT)
        return
    icon = view.icon(rule, index, round(height * brush.scale))
    if icon is not None:
        brush.picture(icon, (at[0] + height / 2, at[1]))
    indent = 38 if icon is not None else 0
    name = brush.fitting(view.element_name(rule, index), NAME - indent, 20)
    brush.text(name, (at[0] + indent, at[1]), 20, INK_SOFT)


def _draw_verdict(brush: Brush, center: tuple[float, float], size: float, right: bool) -> None:
    """A tick or a cross: told apart by shape first, by colour second."""
    if right:
        brush.tick_mark(center, size, GOOD)
    else:
        brush.cross_mark(center, size, BAD)


def _label(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def shown_option(label: str) -> str:
    """An option as a person reads it."""
    return {"true": "yes", "false": "no"}.get(label, label.replace("_", " "))


def _number(value: float) -> str:
    sign = MINUS if round(value, 2) < 0 else ""
    return f"{sign}{abs(value):.2f}"
