"""How a family without a view is drawn: by its source if that has pictures of it.

Otherwise for every seat what it sees, what it did, and what that paid.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pygame
from numpy.typing import NDArray

from gameagent_games.drawing.brush import Box, Brush, smooth
from gameagent_games.drawing.canvas import Scene, View
from gameagent_games.drawing.keys import FIGURES
from gameagent_games.drawing.palette import (
    BACKDROP,
    BAD,
    CARD,
    GOOD,
    HAND,
    INK,
    INK_FAINT,
    INK_SOFT,
    LINE,
    TRACK,
    darker,
    mix,
)
from gameagent_games.interface import Action, Family, Feature

SIDE = 720.0  # the board's own units, whatever the pixels
PAD = 16.0
HEADER, TITLE, GAP = 56.0, 34.0, 10.0  # heights of a seat's name, of "sees" and "does", and between them
ROW, TALLEST_ROW = 34.0, 60.0  # of a feature: preferred, and at most
CHIP = 36.0  # height of an action
CELLS, MOST_LINES = 24, 8  # of a feature with many values: per line, until there are that many lines
WRITTEN = 6  # a feature with at most this many values has them written on its cells


class PlainView(View):
    """Draws any family from what its seats see and may do, and from the scene's last step."""

    def __init__(self, family: Family) -> None:
        self._family = family

    def draw(self, surface: pygame.Surface, scene: Scene) -> None:
        """Draws the scene at twice the size and scales it down, for smooth edges; or the source's picture."""
        if scene.picture is not None:
            _draw_picture(surface, scene.picture)
            return
        size = surface.get_size()
        surface.blit(smooth(size, lambda large: self._draw(Brush(large, large.get_width() / SIDE), scene)), (0, 0))

    def element_name(self, rule: str, index: int) -> str:
        """The rule's name and a number if elements are numbers, else the number alone; both from 1."""
        numbers = any(slot.rule == rule and slot.kind == "scalar" for slot in self._family.space.hidden_slots)
        return f"{spoken(rule)} {index + 1}" if numbers else str(index + 1)

    def _draw(self, brush: Brush, scene: Scene) -> None:
        brush.surface.fill(BACKDROP)
        seats = self._family.num_seats
        columns = math.floor(math.sqrt(seats))
        rows = math.ceil(seats / columns)
        zoom = max(1.12 - 0.12 * rows, 0.4)  # several seats are drawn smaller
        large = Brush(brush.surface, brush.scale * zoom)
        width, height = (SIDE / zoom - PAD) / columns, (SIDE / zoom - PAD) / rows
        for seat in range(seats):
            corner = PAD + seat % columns * width, PAD + seat // columns * height
            self._draw_seat(large, scene, seat, (*corner, width - PAD, height - PAD))

    def _draw_seat(self, brush: Brush, scene: Scene, seat: int, card: Box) -> None:
        left, top, width, height = card
        inner, room = left + PAD, width - 2 * PAD
        chosen = self._actions_height(brush, room, 0.45 * height)
        seen = height - HEADER - chosen - 2 * TITLE - GAP - PAD
        spare = max(seen - sum(map(_lines, self._family.features)) * TALLEST_ROW, 0.0)
        top, height, seen = top + spare / 2, height - spare, seen - spare
        card = (left, top, width, height)
        brush.box(card, CARD, 14)
        if scene.acting[seat] and not scene.acting.all():
            brush.box(card, mix(CARD, HAND, 0.6), 14, 2)
        self._draw_header(brush, scene, seat, (inner, top, room, HEADER))
        brush.text("sees", (inner, top + HEADER + TITLE / 2), 20, INK_FAINT)
        self._draw_features(brush, self._observed(scene, seat), (inner, top + HEADER + TITLE, room, seen))
        end = top + HEADER + TITLE + seen + GAP
        brush.box((inner, end, room, 1.5), LINE)
        brush.text("does", (inner, end + TITLE / 2 + 2), 20, INK_FAINT)
        if scene.moves and scene.rewards:
            words, colour = f"reward {signed(scene.rewards[seat])}", _paid(scene.rewards[seat])
            brush.text(words, (inner + room, end + TITLE / 2 + 2), 20, colour, "right")
        area = (inner, end + TITLE, room, chosen)
        if self._family.box is None:
            self._draw_choices(brush, scene.legal_actions[seat], scene.moves.get(seat), area)
        else:
            self._draw_numbers(brush, scene.moves.get(seat), area)

    def _draw_header(self, brush: Brush, scene: Scene, seat: int, area: Box) -> None:
        left, top, width, height = area
        name = self._family.name if self._family.num_seats == 1 else self._family.seat_names[seat]
        total = scene.returns[seat] if scene.returns else 0.0
        used = brush.text(f"return {signed(total)}", (left + width, top + height / 2), 24, _paid(total), "right")
        brush.text(brush.fitting(spoken(name), width - used - PAD, 30), (left, top + height / 2), 30, INK)

    # -- what a seat sees -----------------------------------------------------------------------------------

    def _observed(self, scene: Scene, seat: int) -> list[tuple[Feature, NDArray[np.float32]]]:
        """Each of the family's features with its values."""
        values = scene.observations[seat, : self._family.own_size]
        ends = np.cumsum([feature.size for feature in self._family.features])
        return list(zip(self._family.features, np.split(values, ends[:-1]), strict=True))

    def _draw_features(self, brush: Brush, observed: Sequence[tuple[Feature, NDArray[np.float32]]], area: Box) -> None:
        left, top, width, height = area
        lines = [_lines(feature) for feature, _ in observed]
        row = min(height / sum(lines), TALLEST_ROW)
        if row < 0.6 * ROW:  # too many: as many as there is room for at that height
            row = 0.6 * ROW
            height -= row
        drawn = 0
        for (feature, values), count in zip(observed, lines, strict=True):
            if (drawn + count) * row > height + 0.01:
                break
            place = (left, top + drawn * row, width, count * row)
            name = brush.fitting(spoken(feature.name), 0.3 * width, min(20, 0.62 * row))
            brush.text(name, (left, place[1] + place[3] / 2), min(20, 0.62 * row), INK_SOFT)
            bars = (left + 0.32 * width, place[1], 0.68 * width, place[3])
            (_draw_number if feature.size == 1 else _draw_cells)(brush, feature, values, bars, row)
            drawn += count
        left_out = len(observed) - sum(np.cumsum(lines) <= drawn)
        if left_out:
            brush.text(f"and {left_out} more", (left, top + height + row / 2), 0.62 * row, INK_FAINT)

    # -- what a seat does -----------------------------------------------------------------------------------

    def _actions_height(self, brush: Brush, width: float, most: float) -> float:
        lines = len(self._family.action_names) if self._family.box else self._chips(brush, width)[-1][0][1] + 1
        return float(min(lines * CHIP, most) + 6)

    def _chips(self, brush: Brush, width: float) -> list[tuple[tuple[float, int], float, str]]:
        """Where each action's name lies: its left end and line, its width, and the words."""
        chips, x, line = [], 0.0, 0
        figures = self._family.num_actions <= FIGURES
        for index, name in enumerate(self._family.action_names):
            words = brush.fitting(f"{index + 1}  {spoken(name)}" if figures else spoken(name), width - 24, 20)
            used = brush.width(words, 20) + 24
            if x and x + used > width:
                x, line = 0.0, line + 1
            chips.append(((x, line), used, words))
            x += used + 8
        return chips

    def _draw_choices(self, brush: Brush, legal: NDArray[np.bool_], taken: Action | None, area: Box) -> None:
        left, top, width, height = area
        chips = self._chips(brush, width)
        first = 0  # line: scrolled, if there are too many, to show what was taken
        shown = max(int((height - 6) / CHIP + 0.01), 1)
        if isinstance(taken, int) and chips[taken][0][1] >= shown:
            first = chips[taken][0][1] - shown + 1
        for index, ((x, line), used, words) in enumerate(chips):
            if not first <= line < first + shown:
                continue
            box = (left + x, top + (line - first) * CHIP, used, CHIP - 8)
            chosen = taken == index
            brush.box(box, HAND if chosen else TRACK if legal[index] else mix(CARD, TRACK, 0.4), 8)
            colour = darker(HAND, 0.75) if chosen else INK if legal[index] else INK_FAINT
            brush.text(words, (box[0] + 12, box[1] + box[3] / 2 + 1), 20, colour)

    def _draw_numbers(self, brush: Brush, taken: Action | None, area: Box) -> None:
        assert self._family.box is not None, "only if actions are numbers"
        left, top, width, height = area
        names, box = self._family.action_names, self._family.box
        shown = max(min(int((height - 6) / CHIP + 0.01), len(names)), 1)
        values = [math.nan] * len(names) if taken is None else box.clip(np.asarray(taken)).tolist()
        for index in range(shown):
            y = top + index * CHIP
            words = spoken(names[index])
            if index == shown - 1 and shown < len(names):
                words += f" (and {len(names) - shown} more)"
            brush.text(brush.fitting(words, 0.3 * width, 20), (left, y + CHIP / 2), 20, INK_SOFT)
            bounds = Feature(names[index], 1, box.low[index], box.high[index])
            bar = (left + 0.32 * width, y, 0.68 * width, CHIP)
            _draw_number(brush, bounds, np.array([values[index]]), bar, CHIP)


def _draw_picture(surface: pygame.Surface, picture: NDArray[np.uint8]) -> None:
    """Fits a picture into the surface, in its own proportions."""
    height, width = picture.shape[:2]
    scale = min(surface.get_width() / width, surface.get_height() / height)
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    source = pygame.surfarray.make_surface(picture.transpose(1, 0, 2))
    fitted = pygame.transform.smoothscale(source, size) if scale < 1 else pygame.transform.scale(source, size)
    surface.fill(BACKDROP)
    surface.blit(fitted, ((surface.get_width() - size[0]) // 2, (surface.get_height() - size[1]) // 2))


def _draw_number(brush: Brush, feature: Feature, values: NDArray[Any], area: Box, row: float) -> None:
    """A gauge from the lowest to the highest value, filled from zero or from its end, and the number."""
    left, top, width, height = area
    track = (left, top + 0.34 * height, width - 84, 0.32 * height)
    value = float(values[0])
    brush.box(track, TRACK, 0.16 * height)
    start, end = (track[0] + track[2] * share(feature, at) for at in (0.0, value))
    if not math.isnan(value):
        brush.box((min(start, end), track[1], max(abs(end - start), 3), track[3]), HAND, 0.1 * height)
    if feature.low < 0 < feature.high:
        brush.box((start - 0.75, track[1] - 3, 1.5, track[3] + 6), LINE)
    words = "\N{EN DASH}" if math.isnan(value) else number(value)
    brush.text(words, (left + width, top + height / 2), min(20, 0.62 * row), INK, "right")


def _columns(feature: Feature) -> int:
    """How many of a feature's values share a line, at most."""
    return max(CELLS, math.ceil(feature.size / MOST_LINES))


def _lines(feature: Feature) -> int:
    """How many lines a feature takes."""
    return math.ceil(feature.size / _columns(feature))


def _draw_cells(brush: Brush, feature: Feature, values: NDArray[Any], area: Box, row: float) -> None:
    """A cell for each value, filled from zero (or from the lowest value) as high as the value is."""
    left, top, width, _ = area
    written = len(values) <= WRITTEN and feature.unit != "flag"
    columns = _columns(feature)
    space = min(width / min(len(values), columns), (2.2 if written else 1.3) * row)
    gap = min(0.16 * space, 4.0)
    for index, value in enumerate(values.tolist()):
        x, y = left + index % columns * space, top + index // columns * row + 0.12 * row
        height = 0.76 * row
        brush.box((x, y, space - gap, height), TRACK, 3)
        if math.isnan(value):
            continue
        start, end = (y + height * (1 - share(feature, at)) for at in (0.0, value))
        if abs(end - start) > 0.5:
            brush.box((x, min(start, end), space - gap, abs(end - start)), mix(TRACK, HAND, 0.5 if written else 1), 3)
        if written:
            brush.text(number(value), (x + (space - gap) / 2, y + height / 2), min(18, 0.55 * row), INK, "center")


def share(feature: Feature, value: float) -> float:
    """How far a value lies on the way from the feature's lowest to its highest value, from 0 to 1."""
    low, high = feature.low, feature.high
    if not (math.isfinite(low) and math.isfinite(high)):  # an endless range: squeezed, 0 in the middle
        low, high, value = -1.0, 1.0, value / (1.0 + abs(value)) if math.isfinite(value) else math.copysign(1.0, value)
    return min(max((value - low) / (high - low), 0.0), 1.0)


def number(value: float) -> str:
    """A number in few characters."""
    words = f"{value:.2f}" if value == 0 or 0.005 <= abs(value) < 1000 else f"{value:.3g}"
    return words.replace("-", "\N{MINUS SIGN}")


def signed(value: float) -> str:
    """A reward or return, with its sign."""
    return ("+" if value > 0 else "") + number(value)


def spoken(name: str) -> str:
    """A name of the code as a person reads it."""
    return name.replace("_", " ")


def _paid(value: float) -> tuple[int, int, int]:
    return INK_SOFT if value == 0 else GOOD if value > 0 else BAD
