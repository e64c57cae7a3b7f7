"""The card of the hidden rules: what the agent believes of each, and the truth, in the rows of the SDK's overlay."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gameagent_games.drawing.brush import Box as Area
from gameagent_games.drawing.brush import Brush
from gameagent_games.drawing.canvas import View
from gameagent_games.drawing.palette import INK_FAINT
from gameagent_games.interface import Family
from gameagent_games.variants.distributions import Slot
from gameagent_games.variants.variant import Variant
from gameagent_sdk.overlay.brush import Brush as SdkBrush
from gameagent_sdk.overlay.brush import Lettering
from gameagent_sdk.overlay.layout import SLOT
from gameagent_sdk.overlay.rows import Row, Truth, draw_empty_row, draw_row
from gameagent_sdk.overlay.wording import shown_label

ONE_COLUMN = 6  # rows in one column, at most; more take two
ZOOM = {1: 1.25, 2: 1.12}  # of the overlay's rows, by number of columns
ICON, GUTTER = 26.0, 22.0  # width of an icon; between two columns
TIGHTEST, LOOSEST = 0.8, 1.3  # height of a row, as a share of the overlay's

LETTERING = Lettering(None)


@dataclass(frozen=True)
class Item:
    """One row of the card.

    Attributes:
        slot: The hidden rule, or the element of an array rule, that it is about.
        row: The same as the overlay draws it.
        belief: The SDK's `Belief`; None without one.
        truth: The true value.
    """

    slot: Slot
    row: Row
    belief: Any
    truth: Truth


def make_items(family: Family, variant: Variant, beliefs: Mapping[str, Any], view: View) -> list[Item]:
    """The rows for all hidden rules, in rule order."""
    return [
        Item(slot, _row(slot, view), _element(beliefs.get(slot.rule), slot), _truth(slot, variant))
        for slot in family.space.hidden_slots
    ]


def _row(slot: Slot, view: View) -> Row:
    return Row(_name(slot, view), slot.options, slot.center, slot.scale)


def _name(slot: Slot, view: View) -> str:
    """What a row is called: an element of an array of choices goes by its rule's name, with an icon or a name."""
    if slot.index is None:
        return shown_label(slot.rule)
    element = view.element_name(slot.rule, slot.index)
    if slot.kind == "scalar":
        return element
    has_icon = view.icon(slot.rule, slot.index, 8) is not None
    return shown_label(slot.rule) if has_icon else f"{shown_label(slot.rule)} {element}"


def _element(value: Any, slot: Slot) -> Any:
    """The slot's part of a rule's value or belief; None if there is none."""
    if slot.index is None or value is None:
        return value
    return value[slot.index] if slot.index < len(value) else None


def _truth(slot: Slot, variant: Variant) -> Truth:
    value = _element(variant.rules[slot.rule], slot)
    if slot.kind == "scalar":
        return float(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def num_columns(items: list[Item]) -> int:
    """How many columns the rows take."""
    return 1 if len(items) <= ONE_COLUMN else 2


def rows_height(items: list[Item]) -> float:
    """The height that the rows take if there is enough room, in the panel's units."""
    columns = num_columns(items)
    return LOOSEST * math.ceil(len(items) / columns) * ZOOM[columns] * SLOT


def draw_items(brush: Brush, items: list[Item], view: View, reveal: bool, area: Area) -> None:
    """Draws the rows, as many as fit, and counts the others.

    Args:
        brush: To draw with.
        items: The rows.
        view: Of the family, for its icons.
        reveal: Whether the truth is shown.
        area: Left, top, width and height.
    """
    columns = num_columns(items)
    zoom, lines = ZOOM[columns], math.ceil(len(items) / columns)
    left, top, width, height = area
    fitting = math.floor(height / (TIGHTEST * zoom * SLOT))
    if lines > fitting:
        lines = max(math.floor((height - 16) / (TIGHTEST * zoom * SLOT)), 1)
        brush.text(f"and {len(items) - lines * columns} more", (left, top + height - 4), 17, INK_FAINT)
        height -= 16
    drawn = SdkBrush(brush.surface, brush.scale * zoom, LETTERING)
    places = _places((left, top, width, height), columns, lines)
    for item, (x, y, room, space) in zip(items, places, strict=False):
        icon = None
        if item.slot.index is not None:
            icon = view.icon(item.slot.rule, item.slot.index, round(min(0.85 * space, ICON) * brush.scale))
        if icon is not None:
            brush.picture(icon, (x + ICON / 2, y + space / 2))
            x, room = x + ICON + 8, room - ICON - 8
        place = (x / zoom, y / zoom, room / zoom, space / zoom)
        truth = item.truth if reveal else None
        draw_empty_row(drawn, item.row, truth, place)
        draw_row(drawn, item.row, item.belief, truth, place)
    LETTERING.put_fonts_away()


def _places(area: Area, columns: int, lines: int) -> Iterator[Area]:
    """The place of each row, down the first column and then the next."""
    left, top, width, height = area
    room = (width - GUTTER * (columns - 1)) / columns
    for column in range(columns):
        for line in range(lines):
            yield left + column * (room + GUTTER), top + line * height / lines, room, height / lines
