"""The panel beside the board: how the trial goes, what the agent believes next to the truth, and the keys."""

from dataclasses import dataclass
from typing import Any

import pygame

from gameagent_games.drawing.brush import Box, Brush, smooth
from gameagent_games.drawing.canvas import View
from gameagent_games.drawing.keys import key_hints
from gameagent_games.drawing.palette import (
    BACKDROP,
    BELIEF,
    CARD,
    HAND,
    INK,
    INK_SOFT,
    KEYCAP,
    TRUTH,
    Colour,
    darker,
    mix,
)
from gameagent_games.play.beliefs import LETTERING, draw_items, make_items, rows_height
from gameagent_games.play.change import HEIGHT as CHANGE_HEIGHT
from gameagent_games.play.change import draw_change
from gameagent_games.play.session import PlaySession
from gameagent_sdk.overlay.brush import Brush as SdkBrush
from gameagent_sdk.overlay.chart import Returns, draw_returns

HEIGHT, WIDTH = 720.0, 460.0  # the panel's own units, whatever the pixels
PAD = 16.0  # around cards, and inside them
SHOWN_EPISODES = 12
CHART_ZOOM, WIDEST_BAR = 1.15, 50.0  # of the overlay's chart; in its units
RULES_HEIGHT = 372.0  # of the hidden rules' card, at most
TITLE = 42.0  # from its top to its first row


@dataclass(frozen=True)
class Status:
    """What the panel shows besides the session.

    Attributes:
        paused: Whether the game is paused.
        speed: Decisions per second.
        reveal: Whether the truth is shown.
    """

    paused: bool = False
    speed: float = 4.0
    reveal: bool = True


def panel_width(board: int) -> int:
    """Width in pixels of the panel beside a board of ``board`` pixels."""
    return round(board * WIDTH / HEIGHT)


def draw_panel(session: PlaySession, view: View, status: Status, board: int) -> pygame.Surface:
    """The panel for a board of ``board`` pixels."""
    return smooth(
        (panel_width(board), board),
        lambda large: _draw(Brush(large, large.get_height() / HEIGHT), session, view, status),
    )


def _draw(brush: Brush, session: PlaySession, view: View, status: Status) -> None:
    brush.surface.fill(BACKDROP)
    _draw_header(brush, session, status)
    by_gradient = session.player is not None and session.player.by_gradient
    room = RULES_HEIGHT - (CHANGE_HEIGHT + 12 if by_gradient else 0)
    items = make_items(session.family, session.variant, session.beliefs, view)
    rules_height = min(TITLE + PAD + rows_height(items), room)
    returns_height = min(148 + room - rules_height, 260)  # room that few rules leave goes to the bars
    _draw_returns(brush, session, (PAD, 92, WIDTH - 2 * PAD, returns_height))
    box = (PAD, 104 + returns_height, WIDTH - 2 * PAD, rules_height)
    _draw_rules(brush, session, status, box)
    inside = (2 * PAD, box[1] + TITLE, WIDTH - 4 * PAD, rules_height - TITLE - PAD / 2)
    draw_items(brush, items, view, status.reveal, inside)
    if by_gradient:
        last = session.changes[max(session.changes)] if session.changes else None
        draw_change(brush, session.family, last, (PAD, 624 - CHANGE_HEIGHT, WIDTH - 2 * PAD, CHANGE_HEIGHT))
    _draw_keys(brush, session, status, (PAD, 636, WIDTH - 2 * PAD, 68))


def _draw_header(brush: Brush, session: PlaySession, status: Status) -> None:
    words, colour = _who(session, status)
    used = _draw_pill(brush, words, (WIDTH - PAD, 32), colour)
    brush.text(brush.fitting(session.family.name, WIDTH - 3 * PAD - used, 40), (PAD + 2, 34), 40, INK)
    shown = {rule.name: session.variant.rules[rule.name] for rule in session.family.space.rules if not rule.hidden}
    facts = "".join(f"   {name} {_fact(value)}" for name, value in shown.items() if not isinstance(value, list))
    steps = f"step {session.step_count} / {session.family.max_steps}"
    used = brush.text(steps, (WIDTH - PAD, 69), 20, INK_SOFT, "right")
    words = brush.fitting(f"variant {session.variant.id}{facts}", WIDTH - 3 * PAD - used, 20)
    brush.text(words, (PAD + 2, 69), 20, INK_SOFT)


def _who(session: PlaySession, status: Status) -> tuple[str, Colour]:
    if session.by_hand:
        seat = session.family.seat_names[session.seat].replace("_", " ").upper()
        return "YOU PLAY" if session.family.num_seats == 1 else f"YOU PLAY {seat}", HAND
    return ("PAUSED", TRUTH) if status.paused else (f"AGENT PLAYS  \N{MULTIPLICATION SIGN}{status.speed:g}", BELIEF)


def _fact(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _draw_pill(brush: Brush, words: str, right_middle: tuple[float, float], colour: Colour) -> float:
    """Draws the pill. Returns its width."""
    width = 24 + 8.6 * len(words)
    right, middle = right_middle
    brush.box((right - width, middle - 15, width, 30), mix(BACKDROP, colour, 0.22), 15)
    brush.box((right - width, middle - 15, width, 30), colour, 15, 1.5)
    brush.text(words, (right - width / 2, middle + 1), 19, colour, "center")
    return width


def _draw_returns(brush: Brush, session: PlaySession, box: Box) -> None:
    """The card of the returns: a bar for each of the last episodes."""
    left, top, width, height = box
    brush.box(box, CARD, 12)
    whose = "" if session.family.num_seats == 1 else f" of {session.family.seat_names[0].replace('_', ' ')}"
    running = None if session.ended else session.episode_return
    ended = tuple(session.returns[-SHOWN_EPISODES + (not session.ended) :])
    steps = {episode + 1: change.outcome == "changed" for episode, change in session.changes.items()}
    returns = Returns(ended, running, len(session.returns) - len(ended) + 1, steps)
    area = (left + PAD, top + 6, width - 2 * PAD, height - 12)
    drawn = SdkBrush(brush.surface, brush.scale * CHART_ZOOM, LETTERING)
    left, top, width, height = (length / CHART_ZOOM for length in area)
    widest = width / max(len(ended) + (running is not None), 6)
    draw_returns(drawn, returns, (left, top, width, height), min(widest, WIDEST_BAR), f"return{whose} by episode")


def _draw_rules(brush: Brush, session: PlaySession, status: Status, box: Box) -> None:
    """The card of the hidden rules and its title, which is the key to its marks."""
    left, top, width, _ = box
    brush.box(box, CARD, 12)
    brush.text("hidden rules", (left + PAD, top + 22), 20, INK_SOFT)
    right = left + width - PAD
    if status.reveal:
        used = brush.text("truth", (right, top + 22), 19, TRUTH, "right")
        right -= used + 18
        brush.polygon([(right - 1, top + 17), (right + 11, top + 17), (right + 5, top + 27)], TRUTH)
        right -= 18
    if session.player is not None:
        used = brush.text("agent believes", (right, top + 22), 19, BELIEF, "right")
        brush.box((right - used - 22, top + 17, 15, 10), mix(CARD, BELIEF, 0.6), 3)
        brush.box((right - used - 16, top + 15, 3, 14), BELIEF, 1)


def _draw_keys(brush: Brush, session: PlaySession, status: Status, box: Box) -> None:
    left, top, _, _ = box
    hand = "hand back" if session.by_hand else "take over"
    first = [("SPACE", "resume" if status.paused else "pause"), ("+", ""), ("\N{MINUS SIGN}", "speed"), ("H", hand)]
    second = [("N", "new variant"), ("R", "hide truth" if status.reveal else "show truth"), ("ESC", "quit")]
    if session.player is None:
        first = key_hints(session.family)
    for row, keys in enumerate((first, second)):
        x, y = left + 2, top + 17 + 34 * row
        for key, meaning in keys:
            cap = max(26.0, 12 + 10.5 * len(key))
            brush.box((x, y - 11, cap, 25), darker(KEYCAP, 0.4), 6)
            brush.box((x, y - 13, cap, 25), KEYCAP, 6)
            brush.text(key, (x + cap / 2, y + 0.5), 18, INK, "center")
            x += cap + 5
            if meaning:
                x += 3 + brush.text(meaning, (x + 3, y + 0.5), 19, INK_SOFT) + 16
