"""The keys by which a person plays any family: arrows where actions are called by directions, and figures."""

import numpy as np
from numpy.typing import NDArray

from gameagent_games.interface import Action, Box, Family

STAY_NAMES = ("stay", "noop", "wait")
STAY_KEYS = ("period", ".", "return", "[.]")
OPPOSITE = {"up": "down", "down": "up", "left": "right", "right": "left"}
FIGURES = 9


def action_of(family: Family, key: str) -> Action | None:
    """The action that a key stands for, named as pygame does: an arrow by the action's name, or a figure from 1 on."""
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
    """The continuous action that a key stands for: an arrow pushes one component to its end, the others rest.

    A component called as the arrow goes to its highest value, one called the other way to its lowest. Where none is
    called by a direction, left and right push the first component down and up, down and up the second.

    Returns:
        float64 ``(A,)``, or None where the key means nothing.
    """
    action = box.clip(np.zeros(len(box.names)))  # at rest: 0, or the end that is nearest to it
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
    """Keys and what they do, for a person who plays by hand."""
    names = set(family.action_names)
    if family.box is not None:
        return [("ARROWS", "push"), (".", "rest")]
    hints = [("ARROWS", "move")] if names & set(OPPOSITE) else []
    hints += [(".", "stay")] if names & set(STAY_NAMES) else []
    last = str(min(len(family.action_names), FIGURES))
    return hints + ([("1", "\N{EN DASH}"), (last, "choose")] if names - set(OPPOSITE) - set(STAY_NAMES) else [])
