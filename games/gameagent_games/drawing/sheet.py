"""A contact sheet: the first level of many variants on one page, each with its rules."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pygame

from gameagent_games.drawing.brush import Brush, smooth
from gameagent_games.drawing.canvas import Scene, View, load_view, save_png
from gameagent_games.drawing.palette import BACKDROP, BAD, CARD, GOOD, INK, INK_FAINT, INK_SOFT, TRUTH
from gameagent_games.errors import VariantError
from gameagent_games.interface import Family
from gameagent_games.variants.variant import Rule, Variant

BOARD, GAP, PAD = 304, 16, 12  # pixels
LINE_HEIGHT, CAPTION_TOP = 22, 30  # pixels
ICON = 20  # pixels


def draw_sheet(family: Family, variants: Sequence[Variant], path: Path, columns: int = 4, *, seed: int = 0) -> None:
    """Draws the first level of each variant, hidden rules revealed, and captions it with its id and rules.

    Args:
        family: The game.
        variants: What to draw, at least one.
        path: Of the PNG to write.
        columns: Variants side by side; fewer if there are fewer variants.
        seed: Of the first level; each further level has the next seed.

    Raises:
        FamilyError: The family's view cannot be loaded.
        VariantError: There are no variants, or one does not fit the family.
        OSError: The file cannot be written.
    """
    if not variants:
        raise VariantError("a sheet needs at least one variant")
    view = load_view(family)
    records = family.space.records(variants)
    games = family.make_games(len(records), num_episodes=0, compiled=False)
    games.reset(records, seed + np.arange(len(records), dtype=np.int64))
    columns = min(max(columns, 1), len(variants))
    card = BOARD + 2 * PAD, BOARD + 2 * PAD + CAPTION_TOP + LINE_HEIGHT * len(family.space.rules)
    rows = math.ceil(len(variants) / columns)
    sheet = pygame.Surface((GAP + columns * (card[0] + GAP), GAP + rows * (card[1] + GAP)))
    sheet.fill(BACKDROP)
    for index, variant in enumerate(variants):
        scene = Scene.of(games, index, reveal=True)
        at = GAP + index % columns * (card[0] + GAP), GAP + index // columns * (card[1] + GAP)
        sheet.blit(_card(family, variant, view, scene, card), at)
    save_png(sheet, path)


def _card(family: Family, variant: Variant, view: View, scene: Scene, size: tuple[int, int]) -> pygame.Surface:
    board = pygame.Surface((BOARD, BOARD))
    view.draw(board, scene)
    card = smooth(size, lambda large: _write_caption(Brush(large, 2.0), family, variant, view))
    card.blit(board, (PAD, PAD))
    return card


def _write_caption(brush: Brush, family: Family, variant: Variant, view: View) -> None:
    brush.surface.fill(BACKDROP)
    brush.box((0, 0, brush.surface.get_width() / 2, brush.surface.get_height() / 2), CARD, 10)
    brush.text(variant.id, (PAD, BOARD + PAD + 18), 22, INK)
    for line, rule in enumerate(family.space.rules):
        middle = BOARD + PAD + CAPTION_TOP + (line + 0.5) * LINE_HEIGHT
        used = brush.text(rule.name.replace("_", " "), (PAD, middle), 17, INK_SOFT if rule.hidden else INK_FAINT)
        _write_values(brush, rule, variant.rules[rule.name], view, middle, BOARD - used - PAD)


def _write_values(brush: Brush, rule: Rule, value: Any, view: View, middle: float, room: float) -> None:
    """The value at the right; an array's values as sprites with a number or a word each, as many as fit."""
    right = float(BOARD + PAD)
    if not isinstance(value, list):
        brush.text(_word(value), (right, middle), 18, TRUTH, "right")
        return
    space = min(room / max(len(value), 1), 61.0)
    if space < 36:
        brush.text(f"{len(value)} values", (right, middle), 17, INK_FAINT, "right")
        return
    for index, element in enumerate(value):
        left = right - (len(value) - index) * space
        icon = view.icon(rule.name, index, round(ICON * brush.scale)) if space >= 50 else None
        if icon is not None:
            brush.picture(icon, (left + ICON / 2, middle))
        number = isinstance(element, float)
        colour = TRUTH if not number else GOOD if element >= 0 else BAD
        brush.text(_word(element), (left + space - 6 * (index < len(value) - 1), middle), 16, colour, "right")


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.2f}".replace("-", "\N{MINUS SIGN}") if isinstance(value, float) else str(value)
