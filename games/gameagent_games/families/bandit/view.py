"""How the bandit looks: a row of machines, the one just pulled lit up, and what it paid."""

import math

import pygame

from gameagent_games.drawing.brush import Box, Brush, sprite, stamp
from gameagent_games.drawing.canvas import Scene, View
from gameagent_games.drawing.palette import (
    BACKDROP,
    CARD,
    INK,
    INK_SOFT,
    KEYCAP,
    LINE,
    TRACK,
    TRUTH,
    Colour,
    darker,
    lighter,
    mix,
)

LIGHTS: tuple[Colour, ...] = ((92, 190, 255), (52, 200, 176), (250, 206, 84), (250, 140, 84), (222, 128, 214))
MARGIN = 0.04


class BanditView(View):
    """Draws a bandit of any number of arms. Win probabilities are drawn only if the scene reveals them."""

    def draw(self, surface: pygame.Surface, scene: Scene) -> None:
        """Draws the arms as a grid of slot machines."""
        chances = [float(chance) for chance in scene.variant.win_probability]
        columns = math.ceil(math.sqrt(len(chances)))
        rows = math.ceil(len(chances) / columns)
        width = (1 - MARGIN) / columns - MARGIN * 2 / columns
        height = min((1 - 2 * MARGIN) / rows, 1.4 * width)
        top = (1 - rows * height) / 2
        brush = Brush(surface, surface.get_width())
        surface.fill(BACKDROP)
        for arm, chance in enumerate(chances):
            in_row = min(columns, len(chances) - arm // columns * columns)
            x = (1 - in_row * width) / 2 + arm % columns * width
            y = top + arm // columns * height
            box = (x + 0.06 * width, y + 0.03 * height, 0.88 * width, 0.94 * height)
            pulled = scene.action == arm
            _draw_machine(brush, box, arm, scene.reward if pulled else None, scene.progress)
            if scene.reveal:
                _draw_chance(brush, box, chance)

    def icon(self, rule: str, index: int | None, size: int) -> pygame.Surface | None:
        """The arm's light."""
        return sprite(_paint_light, size, LIGHTS[index % len(LIGHTS)]) if index is not None else None

    def element_name(self, rule: str, index: int) -> str:
        """The arm's number, from 1."""
        return f"arm {index + 1}"


def _draw_machine(brush: Brush, box: Box, arm: int, paid: float | None, progress: float) -> None:
    """A cabinet with its light, its slot, and its number; ``paid`` is None for one that was not pulled."""
    left, top, width, height = box
    light = LIGHTS[arm % len(LIGHTS)]
    middle, radius = left + width / 2, 0.14 * width
    brush.box(box, CARD if paid is None else mix(CARD, light, 0.25), radius)
    brush.box(box, LINE if paid is None else light, radius, 0.02 * width)
    lamp = light if paid is not None else darker(light, 0.45)
    size = round(0.5 * width * brush.scale)
    stamp(brush.surface, sprite(_paint_light, size, lamp), (middle * brush.scale, (top + 0.24 * height) * brush.scale))
    slot = (left + 0.16 * width, top + 0.48 * height, 0.68 * width, 0.16 * height)
    brush.box(slot, darker(TRACK, 0.45), 0.06 * width)
    brush.box(slot, KEYCAP, 0.06 * width, 0.02 * width)
    if paid is not None and progress > 0.4:
        won = paid > 0
        brush.text(
            f"+{paid:.0f}" if won else "0",
            (middle, slot[1] + slot[3] / 2),
            0.3 * width,
            TRUTH if won else INK_SOFT,
            "center",
        )
    brush.text(
        str(arm + 1), (middle, top + 0.76 * height), 0.24 * width, INK if paid is not None else INK_SOFT, "center"
    )


def _draw_chance(brush: Brush, box: Box, chance: float) -> None:
    left, top, width, height = box
    bar = (left + 0.16 * width, top + 0.9 * height, 0.68 * width, 0.04 * height)
    brush.box(bar, TRACK, 0.02 * height)
    brush.box((bar[0], bar[1], max(bar[2] * chance, 0.02 * width), bar[3]), TRUTH, 0.02 * height)
    brush.text(f"{chance:.0%}", (left + 0.84 * width, bar[1] - 0.05 * height), 0.13 * width, TRUTH, "right")


def _paint_light(brush: Brush, colour: Colour) -> None:
    brush.circle((0.5, 0.5), 0.46, darker(colour, 0.55))
    brush.circle((0.5, 0.5), 0.4, colour)
    brush.ellipse((0.28, 0.2, 0.3, 0.2), lighter(colour, 0.55))
