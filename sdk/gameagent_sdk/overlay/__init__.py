"""An optional panel over the game: what the agent believes, how its returns went, whether it is learning.

::

    from gameagent_sdk.overlay import Overlay

    overlay = Overlay(agent)
    while playing:
        ...
        overlay.draw(screen)                          # last, just before pygame.display.flip()

This package is the only place in the SDK that uses pygame. It works with pygame and with pygame-ce, whichever the game
has, and imports it when the first overlay is made; the SDK itself requires neither. The window of ``gameagent play``
draws its beliefs and returns with the same `rows` and `chart`.
"""

import math
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from gameagent_sdk.agent.agent import Agent
from gameagent_sdk.errors import InputError
from gameagent_sdk.overlay.brush import Brush, Lettering, make_card, require_pygame
from gameagent_sdk.overlay.layout import Layout, lay_out
from gameagent_sdk.overlay.panel import draw_fixed, draw_moving
from gameagent_sdk.overlay.reading import Reading, belief_rows, read_agent, read_beliefs, truths_by_slot

if TYPE_CHECKING:
    import pygame

__all__ = ["Overlay"]

MARGIN = 8  # between the panel and the surface's edge, in the panel's units
MIN_WIDTH = 160


class Overlay:
    """Draws one agent's panel. It reads only the agent's public attributes, and never changes it."""

    def __init__(
        self,
        agent: Agent,
        *,
        width: int = 260,
        height: int | None = None,
        scale: float = 1.0,
        truth: Mapping[str, object] | None = None,
        font: str | os.PathLike[str] | None = None,
    ) -> None:
        """Makes a panel. Needs no window and no ``pygame.init()``: the font module is initialised if it is not.

        Args:
            agent: The agent to show.
            width: Of the panel in units of ``scale`` pixels, at least 160.
            height: The most it may take, in the same units; None for as much as fits on the surface. What does not
                fit is left out and counted.
            scale: Pixels per unit; 2 on a display with twice the pixel density.
            truth: The true rules, if the game may show them; see `truth`.
            font: Path of a font file, for names with letters that pygame's own font lacks; None for that font.

        Raises:
            MissingBackend: Neither pygame nor pygame-ce is installed.
            InputError: ``width``, ``height`` or ``scale`` is out of range, or the truth does not fit the beliefs.
        """
        require_pygame()
        if width < MIN_WIDTH:
            raise InputError(f"width must be at least {MIN_WIDTH}, given {width}")
        if height is not None and height < 1:
            raise InputError(f"height must be at least 1, or None for all there is room for, given {height}")
        if not 0 < scale < math.inf:
            raise InputError(f"scale must be a finite number above 0, given {scale}")
        self._agent, self._width, self._height, self._scale = agent, width, height, scale
        self._rows = belief_rows(agent.manifest.beliefs)
        self._lettering = Lettering(font)
        self._layout: Layout | None = None
        self._brush: Brush | None = None
        self._shown: Reading | None = None
        self.truth = truth

    @property
    def truth(self) -> Mapping[str, object] | None:
        """The true rules, marked in gold beside what is believed of them; None to hide them.

        By rule: a number, an option's label, or True or False; a sequence of them for an array rule. Rules that the
        agent has no belief about are ignored. Set it again when the rules change.
        """
        return self._truth

    @truth.setter
    def truth(self, truth: Mapping[str, object] | None) -> None:
        self._truths = None if truth is None else truths_by_slot(self._agent.manifest.beliefs, truth)
        self._truth = truth
        self._layout = None  # repaints everything

    def draw(self, screen: "pygame.Surface", position: tuple[int, int] | None = None) -> "pygame.Rect":
        """Draws the panel, at any time in the agent's life. It is repainted only when something has changed.

        Args:
            screen: Any surface: the window's, a picture, a part of either. What does not fit on it is cut off.
            position: Of the panel's top left corner on it, in pixels; None for the surface's top right corner.

        Returns:
            The part of the surface that was drawn on, for ``pygame.display.update``.
        """
        margin = round(MARGIN * self._scale)
        if position is None:
            position = max(screen.get_width() - round(self._width * self._scale) - margin, 0), margin
        room = (screen.get_height() - position[1] - margin) / self._scale
        panel = self._panel(room if self._height is None else min(room, self._height))
        return screen.blit(panel, position)

    def _panel(self, room: float) -> "pygame.Surface":
        """The panel as it is to look now."""
        manifest, layout = self._agent.manifest, lay_out(self._agent.manifest, self._width, room)
        reading = read_agent(self._agent, layout.num_bars)
        if self._brush is None or layout != self._layout:
            card = make_card(layout.width, layout.height, self._scale)
            self._brush = Brush(card, self._scale, self._lettering)
            draw_fixed(self._brush, layout, manifest, self._rows, self._truths)
            self._brush.keep()
        elif reading == self._shown:
            return self._brush.picture
        self._brush.go_back()
        draw_moving(self._brush, layout, manifest, reading, self._rows, read_beliefs(self._agent), self._truths)
        self._lettering.put_fonts_away()
        self._layout, self._shown = layout, reading
        return self._brush.picture
