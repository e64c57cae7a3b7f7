"""How the game looks. Lengths are shares of the picture's side, from its top left corner.

Pictures that are drawn again and again are sprites: painted once per size, several times too large, and scaled down.
"""

import math
from functools import lru_cache
from typing import Any

import pygame
from gameagent_games.drawing.brush import Brush, Point, smooth, sprite
from gameagent_games.drawing.canvas import Scene, View
from gameagent_games.drawing.palette import BELIEF, OUTLINE, PAPER, TRUTH, Colour, darker, lighter, mix

from my_game import rules

BANK = 0.13  # height of either bank
WATER: Colour = (52, 116, 168)
GRASS: Colour = (124, 178, 92)
STONE: Colour = (148, 154, 168)
FROG: Colour = (110, 196, 84)
LANDING = 0.7  # how far a hop has come when the stone gives way


class MyGameView(View):
    """Draws the river from above, the near bank at the bottom. What is hidden is drawn only if the scene reveals it."""

    def draw(self, surface: pygame.Surface, scene: Scene) -> None:
        """Draws the whole picture: the last step has gone as far as ``scene.progress`` says, from 0 to 1."""
        state, rows, side = scene.state, int(scene.variant.rows), surface.get_width()
        brush = Brush(surface, side)
        surface.blit(_river(side), (0, 0))
        in_water = bool(state.sunk) and scene.progress > LANDING
        gone = (state.row, state.side) if in_water else None
        for row in range(rows):
            for lane in range(len(rules.SIDES)):
                if (row, lane) != gone:
                    _draw_stone(brush, scene, row, lane)
            if row >= state.row and (row, state.pearls[row]) != gone:
                _draw_pearl(brush, rows, row, int(state.pearls[row]))
        place, size = _frog_place(scene), _row_height(rows) * side  # pixels
        if in_water:
            brush.picture(sprite(_paint_splash, round(1.6 * size)), place)
        brush.picture(sprite(_paint_frog, round(1.05 * size), in_water), place)

    def element_name(self, rule: str, index: int) -> str:
        """What the play window calls an element of an array rule."""
        return f"row {index + 1}"


# -- where things are -----------------------------------------------------------------------------------------


def _row_height(rows: int) -> float:
    return (1 - 2 * BANK) / rows


def _stone_place(rows: int, row: int, lane: int) -> Point:
    bend = 0.05 * math.sin(1.3 * row)
    return 0.5 + bend + (0.17 if lane else -0.17), 1 - BANK - (row + 0.5) * _row_height(rows)


def _standing(state: Any, rows: int) -> Point:
    if state.sunk:
        return _stone_place(rows, int(state.row), int(state.side))
    if state.row == 0:
        return 0.5, 1 - BANK / 2
    if state.row == rows:
        return 0.5, BANK / 2
    x, y = _stone_place(rows, int(state.row) - 1, int(state.side))
    return x, y - 0.2 * _row_height(rows)


def _frog_place(scene: Scene) -> Point:
    """In the air between where it stood and where it stands."""
    rows = int(scene.variant.rows)
    x, y = _standing(scene.state, rows)
    if scene.before is None:
        return x, y
    from_x, from_y = _standing(scene.before, rows)
    eased = scene.progress * scene.progress * (3 - 2 * scene.progress)
    height = 0.5 * _row_height(rows) * math.sin(math.pi * eased)
    return from_x + eased * (x - from_x), from_y + eased * (y - from_y) - height


# -- what is drawn --------------------------------------------------------------------------------------------


def _draw_stone(brush: Brush, scene: Scene, row: int, lane: int) -> None:
    """A stone, the more violet the more an agent believes that it holds; ringed in gold if it does, and may be seen."""
    beliefs = scene.beliefs.get("holds")
    colour = STONE if beliefs is None else mix(STONE, BELIEF, dict(beliefs[row].probabilities)[rules.SIDES[lane]] ** 2)
    ringed = scene.reveal and int(scene.variant.holds[row]) == lane
    rows = int(scene.variant.rows)
    picture = sprite(_paint_stone, round(1.7 * _row_height(rows) * brush.scale), colour, ringed)
    brush.picture(picture, _stone_place(rows, row, lane))


def _draw_pearl(brush: Brush, rows: int, row: int, lane: int) -> None:
    x, y = _stone_place(rows, row, lane)
    brush.picture(sprite(_paint_pearl, round(0.4 * _row_height(rows) * brush.scale)), (x, y - 0.16 * _row_height(rows)))


@lru_cache(maxsize=8)
def _river(side: int) -> pygame.Surface:
    """Both banks and the water between them."""

    def paint(surface: pygame.Surface) -> None:
        brush = Brush(surface, surface.get_width())
        surface.fill(WATER)
        for wave in range(70):
            x, y = _scattered(wave, 0.02, BANK + 0.03, 0.94, 0.94 - 2 * BANK)
            brush.line([(x, y), (x + 0.02, y - 0.006), (x + 0.04, y)], 0.004, lighter(WATER, 0.16))
        for top, edge in ((0.0, BANK), (1 - BANK, 1 - BANK)):
            brush.box((0, top, 1, BANK), GRASS)
            brush.box((0, edge - 0.008, 1, 0.016), darker(GRASS, 0.35))
            for tuft in range(40):
                x, y = _scattered(tuft, 0.0, top + 0.03, 1.0, BANK - 0.05)
                brush.line([(x, y), (x + 0.004, y - 0.014)], 0.003, darker(GRASS, 0.2))

    return smooth((side, side), paint)


def _scattered(index: int, left: float, top: float, width: float, height: float) -> Point:
    """A place in a box, far from those of other indices (a Kronecker sequence of the plastic number)."""
    return left + width * (0.7549 * index % 1), top + height * (0.5698 * index % 1)


def _paint_stone(brush: Brush, colour: Colour, ringed: bool) -> None:
    brush.ellipse((0.02, 0.3, 0.96, 0.56), darker(WATER, 0.35), 130)
    brush.ellipse((0.06, 0.24, 0.88, 0.54), TRUTH if ringed else OUTLINE)
    inset = 0.05 if ringed else 0.025
    brush.ellipse((0.06 + inset, 0.24 + inset, 0.88 - 2 * inset, 0.54 - 2 * inset), darker(colour, 0.25))
    brush.ellipse((0.08 + inset, 0.24 + inset, 0.84 - 2 * inset, 0.45 - inset), colour)
    brush.ellipse((0.24, 0.3, 0.3, 0.1), lighter(colour, 0.3))


def _paint_pearl(brush: Brush) -> None:
    brush.circle((0.5, 0.5), 0.48, OUTLINE)
    brush.circle((0.5, 0.5), 0.42, (246, 236, 226))
    brush.circle((0.38, 0.36), 0.14, (255, 255, 255))


def _paint_splash(brush: Brush) -> None:
    for radius, colour in ((0.48, lighter(WATER, 0.35)), (0.42, WATER), (0.34, lighter(WATER, 0.5)), (0.28, WATER)):
        brush.ellipse((0.5 - radius, 0.5 - 0.55 * radius, 2 * radius, 1.1 * radius), colour)


def _paint_frog(brush: Brush, wet: bool) -> None:
    body = mix(FROG, WATER, 0.45) if wet else FROG
    for x in (0.2, 0.8):
        brush.ellipse((x - 0.17, 0.6, 0.34, 0.26), OUTLINE)
        brush.ellipse((x - 0.14, 0.63, 0.28, 0.2), darker(body, 0.2))
    brush.ellipse((0.13, 0.22, 0.74, 0.66), OUTLINE)
    brush.ellipse((0.16, 0.25, 0.68, 0.6), body)
    brush.ellipse((0.28, 0.54, 0.44, 0.28), lighter(body, 0.35))
    for x in (0.33, 0.67):
        brush.circle((x, 0.24), 0.15, OUTLINE)
        brush.circle((x, 0.24), 0.12, body)
        brush.circle((x, 0.22), 0.085, PAPER)
        brush.circle((x, 0.21), 0.045, OUTLINE)
    corners, middle = (0.5, 0.47) if wet else (0.46, 0.5)
    brush.line([(0.4, corners), (0.46, middle), (0.54, middle), (0.6, corners)], 0.03, OUTLINE)
