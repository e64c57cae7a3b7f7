"""Where everything is on a panel: the returns come first, then the decision, then the beliefs, as far as they fit.

Lengths are in units. A panel's height follows from the manifest and the room there is: it stays while an agent plays.
"""

import math
from dataclasses import dataclass

from gameagent_sdk.bundle.manifest import Manifest

PAD = 12.0  # from the panel's edge to what is in it
HEADER, CHART, TITLE, GAP = 48.0, 88.0, 20.0, 8.0  # heights; the gap is above the decision and the beliefs
ACTION, SLOT, MORE = 16.0, 30.0, 16.0  # heights: a row of actions, a row of beliefs, the line that counts the others
FOOT = 6.0
MAX_ACTIONS = 6
MIN_BAR, MAX_BAR = 5.0, 20.0  # width of an episode's bar with the space beside it
LARGE, BODY, SMALL = 22.0, 18.0, 16.0  # sizes of text


@dataclass(frozen=True)
class Layout:
    """How much of an agent is shown, and where.

    Attributes:
        width: Of the panel.
        height: Of the panel.
        num_actions: Rows of actions; the likeliest if there are more. For a box, its first components.
        num_beliefs: Rows of beliefs; the first if there are more.
        actions_top: Upper end of the part about the last decision.
        beliefs_top: Upper end of the part about the beliefs.
    """

    width: float
    height: float
    num_actions: int
    num_beliefs: int
    actions_top: float
    beliefs_top: float

    @property
    def inner(self) -> float:
        """The width between the pads."""
        return self.width - 2 * PAD

    @property
    def right(self) -> float:
        """Where the right pad begins."""
        return self.width - PAD

    @property
    def num_bars(self) -> int:
        """How many ended episodes have a bar, at most, besides the running one."""
        return int(self.inner / MIN_BAR) - 1


def lay_out(manifest: Manifest, width: float, room: float) -> Layout:
    """What fits into a height of ``room``; the header and the returns are laid out even if they do not."""
    actions_top = HEADER + CHART
    num_actions, used = _fitting(manifest.num_actions, MAX_ACTIONS, ACTION, room - FOOT - actions_top)
    beliefs_top = actions_top + used
    num_slots = len(manifest.beliefs)
    num_beliefs, used = _fitting(num_slots, num_slots, SLOT, room - FOOT - beliefs_top)
    return Layout(
        width=width,
        height=beliefs_top + used + FOOT,
        num_actions=num_actions,
        num_beliefs=num_beliefs,
        actions_top=actions_top + GAP,
        beliefs_top=beliefs_top + GAP,
    )


def _fitting(number: int, most: int, row: float, room: float) -> tuple[int, float]:
    """How many rows of a part are shown, and the height that the part then takes."""
    whole = GAP + TITLE + number * row
    if number <= most and whole <= room:
        return number, whole if number else 0.0
    shown = min(most, math.floor((room - GAP - TITLE - MORE) / row))
    return (shown, GAP + TITLE + shown * row + MORE) if shown > 0 else (0, 0.0)


def share(value: float, low: float, high: float) -> float:
    """How far from ``low`` to ``high`` a value lies, from 0 to 1; values outside are at the ends."""
    part = (value - low) / (high - low) if high > low else 0.5  # a narrow range may be lost in rounding
    return min(part, 1.0) if part > 0 else 0.0  # NaN is not above 0 either
