"""How forage looks: a meadow framed by a hedge, standing stones, things to taste and the one who tastes them."""

import math
from functools import lru_cache

import pygame

from gameagent_games.drawing.brush import Brush, Point, smooth, sprite, stamp
from gameagent_games.drawing.canvas import Scene, View
from gameagent_games.drawing.palette import BAD_DARK, BELIEF, GOOD_DARK, OUTLINE, PAPER, Colour, darker, lighter
from gameagent_games.families.forage.family import KINDS
from gameagent_games.families.forage.rules import GONE, ITEMS_PER_KIND, NUM_ITEMS, WALL
from gameagent_games.families.forage.sprites import paint_creature, paint_crumbs, paint_kind, paint_pillar

HEDGE_SHARE = 0.052  # thickness of the frame, as a share of the picture's side
GRASS: Colour = (190, 221, 158)
HEDGE: Colour = (52, 104, 76)
EATING_STARTS = 0.55  # the progress at which an item disappears into the creature


class ForageView(View):
    """Draws forage. The frame shows whether edges wrap only if the scene reveals it."""

    def draw(self, surface: pygame.Surface, scene: Scene) -> None:
        """Draws the field, its items and the creature."""
        state, variant = scene.state, scene.variant
        field = _Field(surface.get_width(), int(variant.size))
        walls = frozenset((x, y) for y in range(field.cells) for x in range(field.cells) if state.cells[y, x] == WALL)
        surface.blit(_ground(field, walls, bool(scene.reveal and variant.wrap)), (0, 0))
        _draw_items(surface, scene, field)
        eaten = int(state.last_kind) if scene.progress >= EATING_STARTS else -1
        mood = "calm" if eaten < 0 else "happy" if variant.worth[eaten] > 0 else "queasy"
        if eaten >= 0:
            spread = round(4 * (scene.progress - EATING_STARTS) / (1 - EATING_STARTS)) / 4
            middle = field.middle(int(state.x), int(state.y))
            stamp(surface, sprite(paint_crumbs, field.pixels(1.15), eaten, spread), middle)
        facing, places = _path(scene)
        surface.set_clip(field.rect if len(places) > 1 else None)  # across an edge: out here, in there
        for x, y in places:
            stamp(surface, sprite(paint_creature, field.pixels(0.92), facing, mood), field.middle(x, y - 0.04))
        surface.set_clip(None)
        if eaten >= 0:
            _draw_reward(surface, float(variant.worth[eaten]), field, (int(state.x), int(state.y)))

    def icon(self, rule: str, index: int | None, size: int) -> pygame.Surface | None:
        """The item of that kind, for rules with one value per kind."""
        return sprite(paint_kind, size, index) if rule in ("worth", "regrows") and index is not None else None

    def element_name(self, rule: str, index: int) -> str:
        """The name of that kind of item."""
        return KINDS[index]


class _Field:
    """Where the cells lie. Equal fields make equal pictures of the ground."""

    def __init__(self, side: int, cells: int) -> None:
        self.side, self.cells = side, cells
        self.border = round(HEDGE_SHARE * side)
        self.cell = (side - 2 * self.border) / cells  # pixels

    @property
    def rect(self) -> pygame.Rect:
        return pygame.Rect(self.border, self.border, self.side - 2 * self.border, self.side - 2 * self.border)

    def middle(self, x: float, y: float) -> Point:
        return self.border + (x + 0.5) * self.cell, self.border + (y + 0.5) * self.cell

    def pixels(self, cells: float) -> int:
        return max(round(cells * self.cell), 4)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Field) and (self.side, self.cells) == (other.side, other.cells)

    def __hash__(self) -> int:
        return hash((self.side, self.cells))


def _draw_items(surface: pygame.Surface, scene: Scene, field: _Field) -> None:
    """Every item in its place; one being eaten stays until the creature arrives, one that regrows swells."""
    state, before = scene.state, scene.before
    for item in range(NUM_ITEMS):
        x, y, share = int(state.item_x[item]), int(state.item_y[item]), 0.82
        if before is not None and (int(before.item_x[item]), int(before.item_y[item])) != (x, y):
            if scene.progress < EATING_STARTS:
                x, y = int(before.item_x[item]), int(before.item_y[item])
            else:
                share *= 0.4 + 0.6 * (scene.progress - EATING_STARTS) / (1 - EATING_STARTS)
        if x != GONE:
            stamp(surface, sprite(paint_kind, field.pixels(share), item // ITEMS_PER_KIND), field.middle(x, y - 0.02))


def _path(scene: Scene) -> tuple[tuple[int, int], list[Point]]:
    """Which way the creature looks and where it is, in cells: at two places while it crosses a wrapped edge."""
    x, y = int(scene.state.x), int(scene.state.y)
    if scene.before is None:
        return (0, 0), [(x, y)]
    from_x, from_y = int(scene.before.x), int(scene.before.y)
    dx, dy = _one_step(x - from_x), _one_step(y - from_y)
    eased = scene.progress * scene.progress * (3 - 2 * scene.progress)
    hop = -0.16 * math.sin(math.pi * eased) if (dx, dy) != (0, 0) else 0.0
    places = [(x - dx * (1 - eased), y - dy * (1 - eased) + hop)]
    if (from_x + dx, from_y + dy) != (x, y) and eased < 1:
        places.append((from_x + dx * eased, from_y + dy * eased + hop))
    return (dx, dy), places


def _one_step(difference: int) -> int:
    """-1, 0 or 1: a longer way is one step across the edge, in the other direction."""
    return difference if abs(difference) <= 1 else (-1 if difference > 0 else 1)


def _draw_reward(surface: pygame.Surface, reward: float, field: _Field, cell: tuple[int, int]) -> None:
    """A tag with the reward: above the creature, below it in the top row."""
    colour = GOOD_DARK if reward > 0 else BAD_DARK
    height, width = 0.3 * field.cell, 0.74 * field.cell
    x, y = field.middle(cell[0], cell[1] + (0.62 if cell[1] == 0 else -0.66))
    x = min(max(x, field.border + width / 2), field.side - field.border - width / 2)
    brush = Brush(surface, 1.0)
    brush.box((x - width / 2 - 2, y - height / 2 - 2, width + 4, height + 4), colour, height / 2 + 2)
    brush.box((x - width / 2, y - height / 2, width, height), PAPER, height / 2)
    brush.text(
        f"{reward:+.2f}".replace("-", "\N{MINUS SIGN}"), (x, y + 0.01 * field.cell), 0.34 * field.cell, colour, "center"
    )


@lru_cache(maxsize=16)
def _ground(field: _Field, walls: frozenset[tuple[int, int]], open_edges: bool) -> pygame.Surface:
    """Hedge, grass and stones: all that stays through an episode."""
    picture = smooth((field.side, field.side), lambda large: _paint_ground(Brush(large, 2.0), field, open_edges))
    for x, y in sorted(walls, key=lambda wall: wall[1]):
        stamp(picture, sprite(paint_pillar, field.pixels(1.0)), field.middle(x, y - 0.03))
    return picture


def _paint_ground(brush: Brush, field: _Field, open_edges: bool) -> None:
    _paint_hedge(brush, field)
    inner = field.side - 2 * field.border
    brush.box((field.border - 3, field.border - 3, inner + 6, inner + 6), darker(HEDGE, 0.45), 9)
    brush.box((field.border, field.border, inner, inner), GRASS, 6)
    for y in range(field.cells):
        for x in range(field.cells):
            left, top = field.border + x * field.cell, field.border + y * field.cell
            if (x + y) % 2:
                brush.box((left, top, field.cell, field.cell), lighter(GRASS, 0.14), 0.12 * field.cell)
            _paint_tufts(brush, field, x, y)
    if open_edges:
        _paint_openings(brush, field)


def _paint_tufts(brush: Brush, field: _Field, x: int, y: int) -> None:
    """A few blades of grass, and now and then a flower, at places that depend on the cell alone."""
    for blade in range(3):
        seed = (x * 73 + y * 151 + blade * 47 + 11) % 101 / 101
        other = (x * 57 + y * 31 + blade * 89 + 7) % 97 / 97
        left, top = field.middle(x - 0.42 + 0.84 * seed, y - 0.38 + 0.76 * other)
        length = 0.07 * field.cell
        if blade == 0 and (x * 5 + y * 7) % 6 == 0:
            for angle in range(5):
                turn = 2 * math.pi * angle / 5
                petal = (left + 0.036 * field.cell * math.cos(turn), top + 0.036 * field.cell * math.sin(turn))
                brush.circle(petal, 0.024 * field.cell, PAPER)
            brush.circle((left, top), 0.02 * field.cell, (238, 196, 72))
        else:
            for lean in (-0.5, 0.1, 0.6):
                tip = (left + lean * length, top - length)
                brush.line([(left + 0.3 * lean * length, top), tip], 0.018 * field.cell, darker(GRASS, 0.17))


def _paint_hedge(brush: Brush, field: _Field) -> None:
    """Rounded bushes, in three greens, all around."""
    brush.box((0, 0, field.side, field.side), darker(HEDGE, 0.3))
    num = 34
    for layer, (green, radius) in enumerate(((darker(HEDGE, 0.12), 0.6), (HEDGE, 0.42), (lighter(HEDGE, 0.13), 0.2))):
        for i in range(num + 1):
            for edge in range(4):
                jitter = ((i * 37 + layer * 17 + edge * 29) % 13) / 13 - 0.5
                along = (i + 0.6 * jitter + 0.33 * layer) * field.side / num
                across = (0.46 + 0.45 * jitter) * field.border
                near, far = across - 1.5 * layer, field.side - across - 1.5 * layer
                center = ((along, near), (along, far), (near, along), (far, along))[edge]
                brush.circle(center, (1 + 0.5 * jitter) * radius * field.border, green)


def _paint_openings(brush: Brush, field: _Field) -> None:
    """Arrows out through the hedge beside every cell: these edges lead to the opposite side."""
    last = field.side - field.border / 2
    for cell in range(field.cells):
        along = field.border + (cell + 0.5) * field.cell
        for center, direction in (
            ((along, field.border / 2), (0, -1)),
            ((along, last), (0, 1)),
            ((field.border / 2, along), (-1, 0)),
            ((last, along), (1, 0)),
        ):
            _paint_arrow(brush, center, direction, 0.32 * field.border)


def _paint_arrow(brush: Brush, center: Point, direction: tuple[int, int], size: float) -> None:
    x, y = center
    dx, dy = direction
    brush.circle(center, 1.35 * size, OUTLINE)
    brush.circle(center, 1.2 * size, BELIEF)
    ends = [(x - size * (0.3 * dx + 0.65 * s * dy), y - size * (0.3 * dy - 0.65 * s * dx)) for s in (-1, 1)]
    brush.line([ends[0], (x + 0.5 * size * dx, y + 0.5 * size * dy), ends[1]], 0.3 * size, PAPER)
