"""Everything on forage's meadow, painted on a canvas of 1 by 1 units. The kinds differ in outline and in lightness."""

import math

from gameagent_games.drawing.brush import Box, Brush, Point
from gameagent_games.drawing.palette import OUTLINE, PAPER, Colour, darker, lighter

BERRY: Colour = (214, 40, 74)
MUSHROOM: Colour = (245, 158, 11)
BEETLE: Colour = (28, 62, 112)
CRYSTAL: Colour = (104, 216, 240)
KIND_COLOURS = (BERRY, MUSHROOM, BEETLE, CRYSTAL)
BODY: Colour = (124, 92, 224)
QUEASY: Colour = (132, 168, 74)
STONE: Colour = (146, 150, 164)
EDGE = 0.035  # thickness of outlines


def paint_kind(brush: Brush, kind: int) -> None:
    """One item: 0 berry, 1 mushroom, 2 beetle, 3 crystal."""
    brush.ellipse((0.2, 0.74, 0.6, 0.16), (30, 60, 30), 60)
    (_berry, _mushroom, _beetle, _crystal)[kind](brush)


def paint_creature(brush: Brush, facing: tuple[int, int], mood: str) -> None:
    """The creature, looking in a direction ((0, 0) is at you); mood is "calm", "happy" or "queasy"."""
    body = QUEASY if mood == "queasy" else BODY
    shift_x, shift_y = 0.07 * facing[0], 0.05 * facing[1]
    for foot in (0.33, 0.55):
        _outlined(brush, (foot + 0.3 * shift_x, 0.8, 0.15, 0.11), darker(body, 0.3))
    _outlined(brush, (0.14, 0.2, 0.72, 0.68), body)
    brush.ellipse((0.24, 0.56, 0.52, 0.29), lighter(body, 0.22))
    brush.ellipse((0.24, 0.25, 0.3, 0.14), lighter(body, 0.3))
    brush.line([(0.5, 0.22), (0.53, 0.1)], 0.045, darker(body, 0.4))
    _leaf(brush, (0.53, 0.1))
    for side in (-1, 1):
        eye = (0.5 + 0.15 * side + shift_x, 0.44 + shift_y)
        _eye(brush, eye, facing)
        brush.ellipse((eye[0] + 0.07 * side - 0.05, 0.57 + shift_y, 0.1, 0.06), lighter((240, 110, 150), 0.15))
    _mouth(brush, (0.5 + 1.2 * shift_x, 0.63 + 0.8 * shift_y), mood)


def paint_pillar(brush: Brush) -> None:
    """A standing stone."""
    brush.ellipse((0.06, 0.66, 0.92, 0.28), (30, 60, 30), 70)
    side = [(0.1, 0.34), (0.1, 0.74), (0.24, 0.88), (0.76, 0.88), (0.9, 0.74), (0.9, 0.34)]
    top = [(0.1, 0.34), (0.22, 0.17), (0.52, 0.1), (0.8, 0.17), (0.9, 0.34), (0.76, 0.47), (0.46, 0.52), (0.2, 0.46)]
    outline = [
        (0.1, 0.34),
        (0.22, 0.17),
        (0.52, 0.1),
        (0.8, 0.17),
        (0.9, 0.34),
        (0.9, 0.74),
        (0.76, 0.88),
        (0.24, 0.88),
    ]
    outline.append((0.1, 0.74))
    brush.polygon(side, STONE)
    brush.polygon([(0.46, 0.5), (0.76, 0.46), (0.9, 0.34), (0.9, 0.74), (0.76, 0.88), (0.5, 0.88)], darker(STONE, 0.16))
    brush.polygon(top, lighter(STONE, 0.4))
    brush.line([(0.3, 0.6), (0.36, 0.68), (0.33, 0.77)], 0.025, darker(STONE, 0.3))
    brush.line([(0.66, 0.6), (0.7, 0.66)], 0.025, darker(STONE, 0.4))
    brush.line([*outline, outline[0]], EDGE, darker(STONE, 0.55))
    for moss in ((0.2, 0.85, 0.09), (0.3, 0.88, 0.07), (0.77, 0.87, 0.08)):
        brush.circle(moss[:2], moss[2], (104, 158, 86))


def paint_crumbs(brush: Brush, kind: int, spread: float) -> None:
    """What flies about when an item is eaten; ``spread`` from 0 to 1."""
    for crumb in range(9):
        angle = 2 * math.pi * (crumb + 0.3) / 9
        distance = (0.22 + 0.22 * spread) * (1.0 if crumb % 2 else 0.86)
        size = 0.034 * (1.25 - 0.7 * spread)
        center = (0.5 + distance * math.cos(angle), 0.5 + distance * math.sin(angle))
        brush.circle(center, size + 0.012, OUTLINE)
        brush.circle(center, size, lighter(KIND_COLOURS[kind], 0.25 if crumb % 3 else 0.6))


def _berry(brush: Brush) -> None:
    """Three red globes under a pair of leaves."""
    brush.line([(0.5, 0.34), (0.52, 0.16)], 0.05, (72, 96, 44))
    for x, y in ((0.34, 0.47), (0.66, 0.47), (0.5, 0.68)):
        brush.circle((x, y), 0.2 + EDGE, darker(BERRY, 0.55))
    for x, y in ((0.34, 0.47), (0.66, 0.47), (0.5, 0.68)):
        brush.circle((x, y), 0.2, BERRY)
        brush.circle((x - 0.06, y - 0.07), 0.055, lighter(BERRY, 0.65))
    for side in (-1, 1):
        tip = 0.51 + 0.26 * side
        leaf = [(0.51, 0.26), (0.51 + 0.12 * side, 0.12), (tip, 0.17), (0.51 + 0.14 * side, 0.27)]
        brush.polygon(leaf, (84, 150, 62))
        brush.line([*leaf, leaf[0]], 0.025, (40, 80, 36))


def _mushroom(brush: Brush) -> None:
    """A spotted cap on a pale stem."""
    stem = [(0.4, 0.5), (0.6, 0.5), (0.64, 0.8), (0.57, 0.86), (0.43, 0.86), (0.36, 0.8)]
    brush.polygon(stem, (250, 238, 214))
    brush.polygon([(0.53, 0.5), (0.6, 0.5), (0.64, 0.8), (0.57, 0.86), (0.53, 0.86)], (226, 206, 172))
    brush.line([*stem, stem[0]], EDGE, darker(MUSHROOM, 0.6))
    cap = [(0.5 + 0.4 * math.cos(angle), 0.54 + 0.4 * math.sin(angle)) for angle in _arc(180, 360)]
    cap += [(0.5 + 0.4 * math.cos(angle), 0.54 + 0.08 * math.sin(angle)) for angle in _arc(0, 180)]
    brush.polygon(cap, MUSHROOM)
    for x, y, radius in ((0.36, 0.36, 0.075), (0.58, 0.28, 0.09), (0.72, 0.46, 0.06), (0.5, 0.49, 0.05)):
        brush.circle((x, y), radius, PAPER)
    brush.line([*cap, cap[0]], EDGE, darker(MUSHROOM, 0.6))


def _beetle(brush: Brush) -> None:
    """A dark oval with six legs and feelers."""
    dark = darker(BEETLE, 0.55)
    for side in (-1, 1):
        for y, reach in ((0.42, -0.08), (0.56, 0.0), (0.7, 0.09)):
            brush.line(
                [(0.5, y), (0.5 + 0.31 * side, y + 0.4 * reach), (0.5 + 0.38 * side, y + reach + 0.04)], 0.045, dark
            )
        brush.line([(0.5 + 0.07 * side, 0.24), (0.5 + 0.15 * side, 0.12), (0.5 + 0.22 * side, 0.11)], 0.035, dark)
    brush.circle((0.5, 0.3), 0.15 + EDGE, dark)
    brush.circle((0.5, 0.3), 0.15, lighter(BEETLE, 0.1))
    brush.ellipse((0.24 - EDGE, 0.32 - EDGE, 0.52 + 2 * EDGE, 0.54 + 2 * EDGE), dark)
    brush.ellipse((0.24, 0.32, 0.52, 0.54), BEETLE)
    brush.ellipse((0.29, 0.38, 0.16, 0.34), lighter(BEETLE, 0.32))
    brush.ellipse((0.32, 0.42, 0.07, 0.15), lighter(BEETLE, 0.7))
    brush.line([(0.5, 0.34), (0.5, 0.85)], 0.03, dark)
    for side in (-1, 1):
        brush.circle((0.5 + 0.075 * side, 0.25), 0.035, PAPER)


def _crystal(brush: Brush) -> None:
    """Pale facets, pointed above."""
    dark = darker(CRYSTAL, 0.62)
    for left, right, top, foot in ((0.14, 0.4, 0.46, 0.82), (0.6, 0.86, 0.4, 0.82), (0.32, 0.68, 0.1, 0.88)):
        middle, shoulder = (left + right) / 2, top + 0.5 * (right - left)
        outline = [(middle, top), (right, shoulder), (right - 0.05, foot), (left + 0.05, foot), (left, shoulder)]
        brush.polygon(outline, CRYSTAL)
        brush.polygon(
            [(middle, top), (left, shoulder), (left + 0.05, foot), (middle - 0.02, foot)], lighter(CRYSTAL, 0.62)
        )
        brush.polygon([(middle, top), (right, shoulder), (middle, shoulder + 0.08)], lighter(CRYSTAL, 0.3))
        brush.polygon(
            [(right, shoulder), (right - 0.05, foot), (middle + 0.06, foot), (middle, shoulder + 0.08)],
            darker(CRYSTAL, 0.22),
        )
        brush.line([*outline, outline[0]], EDGE, dark)


def _leaf(brush: Brush, stalk: Point) -> None:
    x, y = stalk
    leaf = [(x, y), (x + 0.05, y - 0.08), (x + 0.17, y - 0.07), (x + 0.12, y + 0.02)]
    brush.polygon(leaf, (132, 204, 84))
    brush.line([*leaf, leaf[0]], 0.022, (56, 108, 44))


def _eye(brush: Brush, center: Point, facing: tuple[int, int]) -> None:
    x, y = center
    brush.circle(center, 0.125 + 0.6 * EDGE, OUTLINE)
    brush.circle(center, 0.125, (255, 255, 255))
    pupil = (x + 0.05 * facing[0], y + 0.05 * facing[1])
    brush.circle(pupil, 0.068, OUTLINE)
    brush.circle((pupil[0] - 0.022, pupil[1] - 0.026), 0.024, (255, 255, 255))


def _mouth(brush: Brush, center: Point, mood: str) -> None:
    x, y = center
    if mood == "happy":
        smile = [(x + 0.1 * math.cos(angle), y - 0.02 + 0.11 * math.sin(angle)) for angle in _arc(0, 180)]
        brush.polygon(smile, (120, 24, 56))
        brush.ellipse((x - 0.045, y + 0.03, 0.09, 0.05), (250, 130, 150))
        brush.line([*smile, smile[0]], 0.022, OUTLINE)
    elif mood == "queasy":
        wave = [(x - 0.11 + 0.0275 * i, y + 0.04 + 0.025 * math.sin(1.57 * i)) for i in range(9)]
        brush.line(wave, 0.035, OUTLINE)
    else:
        brush.line(
            [(x + 0.075 * math.cos(angle), y + 0.055 * math.sin(angle)) for angle in _arc(15, 165)], 0.032, OUTLINE
        )


def _outlined(brush: Brush, box: Box, colour: Colour) -> None:
    left, top, width, height = box
    brush.ellipse((left - EDGE, top - EDGE, width + 2 * EDGE, height + 2 * EDGE), darker(colour, 0.6))
    brush.ellipse(box, colour)


def _arc(start: float, end: float) -> list[float]:
    """Angles in radians from one angle in degrees to another, clockwise on the screen."""
    return [math.radians(start + (end - start) * i / 20) for i in range(21)]
