"""How navigation looks: a plane, the path of this episode, and where the goal is, or is believed to be."""

from typing import Any

import numpy as np
import pygame
from numpy.typing import NDArray

from gameagent_games.drawing.brush import Brush, Point, sprite, stamp
from gameagent_games.drawing.canvas import Scene, View
from gameagent_games.drawing.palette import (
    BACKDROP,
    BELIEF,
    CARD,
    GOOD,
    INK_SOFT,
    LINE,
    OUTLINE,
    TRACK,
    TRUTH,
    Colour,
    darker,
    lighter,
    mix,
)
from gameagent_games.families.navigation.rules import GOAL_RANGE, reached

NEAREST_LOOK = 0.9  # from the middle of the picture to its edge, in the plane's unit, until the path leads further
TOKEN, GOAL = 0.07, 0.08  # of the picture's side
BODY: Colour = (124, 92, 224)


class NavigationView(View):
    """Draws the plane with y upwards, zoomed out as far as the path needs. The goal is drawn only if revealed."""

    def draw(self, surface: pygame.Surface, scene: Scene) -> None:
        """Draws the plane, the believed goal and the point's path."""
        side = surface.get_width()
        path = _path(scene)
        look = _look(path)
        brush = Brush(surface, side)
        surface.fill(BACKDROP)
        _draw_plane(brush, look)
        if thoughts := scene.beliefs.get("goal"):
            _draw_belief(brush, thoughts, look)
        if len(path) > 1:
            _draw_path(brush, [_place(point, look) for point in path.tolist()])
        if scene.reveal:
            goal = _place((float(scene.variant.goal[0]), float(scene.variant.goal[1])), look)
            stamp(surface, sprite(_paint_goal, round(GOAL * side)), (goal[0] * side, goal[1] * side))
        at = _place((float(path[-1, 0]), float(path[-1, 1])), look)
        arrived = scene.progress > 0.5 and scene.before is not None and bool(reached(scene.state, scene.variant))
        stamp(surface, sprite(_paint_token, round(TOKEN * side), arrived), (at[0] * side, at[1] * side))
        if scene.before is not None and scene.reward:
            brush.text(f"{-scene.reward:.2f} to go", (0.5, 0.95), 0.045, GOOD if arrived else INK_SOFT, "center")

    def element_name(self, rule: str, index: int) -> str:
        """The goal's x or y."""
        return f"{rule} {'xy'[index]}"


def _path(scene: Scene) -> NDArray[np.float64]:
    """The way walked in this episode, ``(points, 2)``; its last step only as far as the picture has moved."""
    length = min(int(scene.state.num_moves) + 1, len(scene.state.path))
    path = np.array(scene.state.path[:length], np.float64)
    if scene.before is not None and length > 1:
        share = scene.progress * scene.progress * (3 - 2 * scene.progress)
        path[-1] = path[-2] + share * (path[-1] - path[-2])
    return path


def _look(path: NDArray[np.float64]) -> float:
    """How far the picture reaches from its middle: doubled until the whole path is on it."""
    look = NEAREST_LOOK
    while np.abs(path).max() > 0.95 * look:
        look *= 2
    return look


def _place(point: Any, look: float) -> Point:
    """A point of the plane on the picture, whose side is 1."""
    return 0.5 + point[0] / look / 2, 0.5 - point[1] / look / 2


def _draw_plane(brush: Brush, look: float) -> None:
    """A grid of tenths around the square that training goals lie in, and a cross at the start."""
    square = GOAL_RANGE / look
    brush.box((0.5 - square / 2, 0.5 - square / 2, square, square), CARD)
    for tenth in range(-5, 6):
        at, end = tenth / 10, GOAL_RANGE
        colour = LINE if abs(tenth) == 5 else TRACK
        for ends in (((at, -end), (at, end)), ((-end, at), (end, at))):
            brush.line([_place(point, look) for point in ends], 0.003, colour)
    arm = 0.03
    brush.line([(0.5 - arm, 0.5), (0.5 + arm, 0.5)], 0.006, LINE)
    brush.line([(0.5, 0.5 - arm), (0.5, 0.5 + arm)], 0.006, LINE)


def _draw_belief(brush: Brush, thoughts: Any, look: float) -> None:
    """Where an agent believes the goal: an ellipse of one standard deviation around the mean."""
    if any(thought.mean is None or thought.std is None for thought in thoughts):
        return
    x, y = _place([thought.mean for thought in thoughts], look)
    across, up = (max(thought.std / look / 2, 0.012) for thought in thoughts)
    brush.ellipse((x - across, y - up, 2 * across, 2 * up), mix(CARD, BELIEF, 0.35))
    brush.circle((x, y), 0.008, BELIEF)


def _draw_path(brush: Brush, places: list[Point]) -> None:
    brush.line(places, 0.007, mix(CARD, BODY, 0.8))
    for place in places[:-1]:
        brush.circle(place, 0.007, lighter(BODY, 0.25))


def _paint_goal(brush: Brush) -> None:
    """A golden ring with a flag: read without colour, too."""
    brush.circle((0.5, 0.5), 0.48, darker(TRUTH, 0.5))
    brush.circle((0.5, 0.5), 0.45, TRUTH)
    brush.circle((0.5, 0.5), 0.37, darker(TRUTH, 0.66))
    brush.line([(0.4, 0.76), (0.4, 0.24)], 0.06, lighter(TRUTH, 0.5))
    brush.polygon([(0.42, 0.24), (0.72, 0.36), (0.42, 0.48)], TRUTH)


def _paint_token(brush: Brush, arrived: bool) -> None:
    body = GOOD if arrived else BODY
    brush.circle((0.5, 0.54), 0.4, OUTLINE)
    brush.circle((0.5, 0.5), 0.4, darker(body, 0.5))
    brush.circle((0.5, 0.5), 0.35, body)
    brush.ellipse((0.28, 0.22, 0.3, 0.14), lighter(body, 0.35))
    for x in (0.39, 0.61):
        brush.circle((x, 0.5), 0.09, (255, 255, 255))
        brush.circle((x, 0.51), 0.05, OUTLINE)
