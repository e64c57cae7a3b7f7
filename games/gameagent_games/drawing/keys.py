"""Keys for playing any family by hand: arrows if actions are named after directions, and digits."""

import numpy as np
from numpy.typing import NDArray

from gameagent_games.interface import Action, Box, Family

STAY_NAMES = ("stay", "noop", "wait")
STAY_KEYS = ("period", ".", "return", "[.]")
OPPOSITE = {"up": "down", "down": "up", "left": "right", "right": "left"}
FIGURES = 9


def action_of(family: Family, key: str) -> Action | None:
    """The action of a key, by pygame's name for it: an arrow for the action of that name, or a digit from 1 on."""
    names = family.action_names
    if family.box is not None:
        return push(family.box, key)
    if key in OPPOSITE and key in names:
        return names.index(key)
    if key in STAY_KEYS:
        return next((index for index, name in enumerate(names) if name in STAY_NAMES), None)
    figure = key.strip("[]")
    if figure.isdecimal() and 1 <= int(figure) <= min(len(names), FIGURES):
        return int(figure) - 1
    return None


def push(box: Box, key: str) -> NDArray[np.float64] | None:
    """The continuous action of a key: an arrow pushes one component to its limit, the others rest.

    A component named like the arrow goes to its highest value, one named after the opposite direction to its lowest.
    If none is named after a direction, left and right push the first component down and up, down and up the second.

    Returns:
        float64 ``(A,)``, or None if the key means nothing.
    """
    action = box.clip(np.zeros(len(box.names)))  # at rest: 0, or the limit nearest to it
    if key in STAY_KEYS:
        return action
    directed = set(OPPOSITE) & set(box.names)
    names = box.names if directed else ("right", "up")[: len(box.names)]
    for component, name in enumerate(names):
        if key in (name, OPPOSITE.get(name)):
            action[component] = (box.high if key == name else box.low)[component]
            return action
    return None


def key_hints(family: Family) -> list[tuple[str, str]]:
    """Keys and what they do, for playing by hand."""
    names = set(family.action_names)
    if family.box is not None:
        return [("ARROWS", "push"), (".", "rest")]
    hints = [("ARROWS", "move")] if names & set(OPPOSITE) else []
    hints += [(".", "stay")] if names & set(STAY_NAMES) else []
    last = str(min(len(family.action_names), FIGURES))
    return hints + ([("1", "\N{EN DASH}"), (last, "choose")] if names - set(OPPOSITE) - set(STAY_NAMES) else [])
