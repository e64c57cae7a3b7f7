"""How GridNavi looks: tiles, a token, and, if known, the beliefs and the goal on the tiles."""

import pygame

from gameagent_games.drawing.brush import Brush, Point, sprite, stamp
from gameagent_games.drawing.canvas import Scene, View
from gameagent_games.drawing.palette import (
    BACKDROP,
    BELIEF,
    CARD,
    GOOD,
    INK_FAINT,
    LINE,
    OUTLINE,
    TRUTH,
    Colour,
    darker,
    lighter,
    mix,
)
from gameagent_games.families.gridnavi.rules import GOAL_NAMES, GOALS, ON_GOAL_REWARD, SIZE

TILE: Colour = (52, 59, 84)
MARGIN = 0.05  # of the picture's side


class GridnaviView(View):
    """Draws GridNavi with y upwards, like its actions. The goal is drawn only if the scene reveals it."""

    def draw(self, surface: pygame.Surface, scene: Scene) -> None:
        """Draws the grid, the believed goal and the agent."""
        side = surface.get_width()
        brush = Brush(surface, side)
        cell = (1 - 2 * MARGIN) / SIZE
        surface.fill(BACKDROP)
        brush.box((MARGIN / 2, MARGIN / 2, 1 - MARGIN, 1 - MARGIN), CARD, 0.03)
        chances = dict(scene.beliefs["goal"].probabilities) if "goal" in scene.beliefs else {}
        for y in range(SIZE):
            for x in range(SIZE):
                _draw_tile(brush, _middle(x, y), cell, chances.get(f"{x},{y}"), (x, y) == (0, 0))
        goal = GOALS[GOAL_NAMES.index(scene.variant.goal)]
        if scene.reveal:
            stamp(surface, sprite(_paint_goal, round(0.6 * cell * side)), _pixels(_middle(*goal), side))
        at = _middle(*_position(scene))
        paid = scene.reward >= ON_GOAL_REWARD and scene.progress > 0.5
        stamp(surface, sprite(_paint_token, round(0.62 * cell * side), paid), _pixels(at, side))
        if paid:
            brush.text(f"+{ON_GOAL_REWARD:.0f}", (at[0], at[1] - 0.4 * cell), 0.3 * cell, GOOD, "center")


def _middle(x: float, y: float) -> Point:
    cell = (1 - 2 * MARGIN) / SIZE
    return MARGIN + (x + 0.5) * cell, 1 - MARGIN - (y + 0.5) * cell


def _pixels(point: Point, side: int) -> Point:
    return point[0] * side, point[1] * side


def _position(scene: Scene) -> Point:
    x, y = float(scene.state.x), float(scene.state.y)
    if scene.before is None:
        return x, y
    left = 1 - scene.progress * scene.progress * (3 - 2 * scene.progress)
    return x - left * (x - float(scene.before.x)), y - left * (y - float(scene.before.y))


def _draw_tile(brush: Brush, middle: Point, cell: float, chance: float | None, is_start: bool) -> None:
    """One tile, the more violet the likelier the goal is believed to lie there."""
    left, top = middle[0] - 0.46 * cell, middle[1] - 0.46 * cell
    colour = TILE if chance is None else mix(TILE, BELIEF, 0.9 * chance**0.6)
    brush.box((left, top, 0.92 * cell, 0.92 * cell), colour, 0.12 * cell)
    if is_start:
        brush.box((left, top, 0.92 * cell, 0.92 * cell), LINE, 0.12 * cell, 0.02 * cell)
        brush.text("start", (middle[0], middle[1] + 0.34 * cell), 0.17 * cell, INK_FAINT, "center")
    if chance is not None and chance >= 0.02:
        brush.text(f"{chance:.0%}", (left + 0.84 * cell, top + 0.14 * cell), 0.17 * cell, lighter(colour, 0.6), "right")


def _paint_goal(brush: Brush) -> None:
    """A golden ring with a flag: read without colour, too."""
    brush.circle((0.5, 0.5), 0.48, darker(TRUTH, 0.5))
    brush.circle((0.5, 0.5), 0.45, TRUTH)
    brush.circle((0.5, 0.5), 0.38, darker(TRUTH, 0.66))
    brush.line([(0.4, 0.76), (0.4, 0.24)], 0.05, lighter(TRUTH, 0.5))
    brush.polygon([(0.42, 0.24), (0.72, 0.35), (0.42, 0.48)], TRUTH)


def _paint_token(brush: Brush, paid: bool) -> None:
    body = GOOD if paid else (124, 92, 224)
    brush.circle((0.5, 0.54), 0.36, OUTLINE)
    brush.circle((0.5, 0.5), 0.36, darker(body, 0.5))
    brush.circle((0.5, 0.5), 0.32, body)
    brush.ellipse((0.3, 0.24, 0.28, 0.14), lighter(body, 0.35))
    for x in (0.4, 0.6):
        brush.circle((x, 0.5), 0.085, (255, 255, 255))
        brush.circle((x, 0.51), 0.045, OUTLINE)
