"""The card of the gradient steps: how an agent would act in its last states, before them and after."""

import numpy as np
from numpy.typing import NDArray

from gameagent_games.drawing.brush import Box as Area
from gameagent_games.drawing.brush import Brush
from gameagent_games.drawing.palette import BAD, CARD, INK, INK_FAINT, INK_SOFT, LINE, Colour, mix
from gameagent_games.interface import Family
from gameagent_games.play.session import describe_change
from gameagent_sdk import Adaptation

HEIGHT = 128.0
PAD = 16.0
LABEL = 56.0  # width of the words beside the strips
ACTIONS: tuple[Colour, ...] = (
    (112, 121, 152), (92, 190, 255), (255, 206, 84), (52, 200, 176), (250, 126, 74), (222, 110, 190), (158, 134, 255),
)  # fmt: skip


def draw_change(brush: Brush, family: Family, change: Adaptation | None, area: Area) -> None:
    """Draws the card.

    Args:
        brush: To draw with.
        family: For its actions' names and bounds.
        change: The last one; None before the first.
        area: Left, top, width and height.
    """
    left, top, width, _ = area
    brush.box(area, CARD, 12)
    if change is None:
        brush.text("gradient steps: none yet", (left + PAD, top + 20), 20, INK_SOFT)
        return
    brush.text(f"gradient steps, episode {change.episode + 1}", (left + PAD, top + 20), 20, INK_SOFT)
    colour = INK if change.outcome == "changed" else BAD
    brush.text(describe_change(change), (left + width - PAD, top + 20), 19, colour, "right")
    strip = (left + PAD + LABEL, width - 2 * PAD - LABEL)
    for words, actions, y in (("before", change.before, top + 36), ("after", change.after, top + 70)):
        brush.text(words, (left + PAD, y + 15), 18, INK_FAINT if words == "before" else INK)
        for place, row in enumerate(actions):
            column = (strip[0] + place * strip[1] / len(actions), y, strip[1] / len(actions) - 2, 30.0)
            (_draw_shares if family.box is None else _draw_numbers)(brush, family, row, column)
    _draw_names(brush, family, (left + PAD + LABEL, top + 114))


def action_colour(index: int) -> Colour:
    """The colour of an action, or of a component of it."""
    return ACTIONS[index % len(ACTIONS)]


def _draw_shares(brush: Brush, family: Family, row: NDArray[np.float64], column: Area) -> None:
    """One state's probabilities, stacked."""
    left, top, width, height = column
    for index, share in enumerate(row):
        brush.box((left, top, width, height * share), action_colour(index))
        top += height * share


def _draw_numbers(brush: Brush, family: Family, row: NDArray[np.float64], column: Area) -> None:
    """One state's means, a mark for each component between the bounds."""
    assert family.box is not None, "only where actions are numbers"
    left, top, width, height = column
    brush.box(column, mix(CARD, LINE, 0.5))
    for index, (value, low, high) in enumerate(zip(row, family.box.low, family.box.high, strict=True)):
        share = min(max((value - low) / (high - low), 0.0), 1.0)
        brush.box((left, top + (1.0 - share) * (height - 3), width, 3), action_colour(index))


def _draw_names(brush: Brush, family: Family, at: tuple[float, float]) -> None:
    left, middle = at
    for index, name in enumerate(family.action_names[: len(ACTIONS)]):
        brush.box((left, middle - 5, 10, 10), action_colour(index), 2)
        left += 14 + brush.text(name, (left + 14, middle), 17, INK_SOFT) + 12
