"""The panel beside the board: how the trial goes, what the agent believes next to the truth, and the keys."""

from dataclasses import dataclass
from typing import Any

import pygame

from gameagent_games.drawing.brush import Box, Brush, smooth
from gameagent_games.drawing.canvas import View
from gameagent_games.drawing.keys import key_hints
from gameagent_games.drawing.palette import (
    BACKDROP,
    BAD,
    BELIEF,
    CARD,
    GOOD,
    HAND,
    INK,
    INK_FAINT,
    INK_SOFT,
    KEYCAP,
    LINE,
    TRUTH,
    Colour,
    darker,
    mix,
)
from gameagent_games.play.change import HEIGHT as CHANGE_HEIGHT
from gameagent_games.play.change import draw_change
from gameagent_games.play.gauges import Row, draw_row, make_rows
from gameagent_games.play.session import PlaySession

HEIGHT, WIDTH = 720.0, 460.0  # the panel's own units, whatever the pixels
PAD = 16.0  # around cards, and inside them
SHOWN_EPISODES = 12
RULES_HEIGHT = 372.0  # of the hidden rules' card, at most
TITLE = 42.0  # from its top to its first row


@dataclass(frozen=True)
class Status:
    """What the panel shows beside the session itself.

    Attributes:
        paused: Whether the game stands still.
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
    rows, left_out = _fitting(make_rows(session.family, session.variant, session.beliefs), room - TITLE - PAD)
    rules_height = min(TITLE + PAD + 1.3 * sum(row.height for row in rows), room)
    returns_height = min(148 + room - rules_height, 260)  # what few rules leave goes to the bars
    _draw_returns(brush, session, (PAD, 92, WIDTH - 2 * PAD, returns_height))
    box = (PAD, 104 + returns_height, WIDTH - 2 * PAD, rules_height)
    _draw_rules(brush, session, status, box)
    _draw_rows(brush, rows, left_out, view, status, box)
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
    """A bar for each of the last episodes, the running one outlined, above and below a line at 0."""
    left, top, width, height = box
    brush.box(box, CARD, 12)
    whose = "" if session.family.num_seats == 1 else f" of {session.family.seat_names[0].replace('_', ' ')}"
    brush.text(f"return{whose} by episode", (left + PAD, top + 20), 20, INK_SOFT)
    words = f"{'last' if session.ended else 'now'} {session.episode_return:+.2f}".replace("-", "\N{MINUS SIGN}")
    brush.text(words, (left + width - PAD, top + 20), 22, GOOD if session.episode_return >= 0 else BAD, "right")
    values = list(session.returns) if session.ended else [*session.returns, session.episode_return]
    first = max(len(values) - SHOWN_EPISODES, 0)
    values = values[first:]
    high, low = max(*values, 0.0, 1.0), min(*values, 0.0)
    room, floor = height - 86, top + height - 26  # pixels for bars; where the lowest bar ends
    zero = floor - room * (0 - low) / (high - low)
    space = min((width - 2 * PAD) / max(len(values), 6), 56)
    for position, value in enumerate(values):
        middle = left + PAD + (position + 0.5) * space
        end = floor - room * (value - low) / (high - low)
        bar = (middle - 0.34 * space, min(zero, end), 0.68 * space, max(abs(end - zero), 2))
        running = not session.ended and position == len(values) - 1
        colour = GOOD if value >= 0 else BAD
        brush.box(bar, mix(CARD, colour, 0.3) if running else colour, 3)
        if running:
            brush.box(bar, colour, 3, 1.5)
        label = f"{value:.1f}".replace("-", "\N{MINUS SIGN}")
        brush.text(
            label, (middle, end - 10 if value >= 0 else zero - 10), 17, INK if not running else INK_SOFT, "center"
        )
        brush.text(str(first + position + 1), (middle, top + height - 12), 17, INK_FAINT, "center")
        if first + position in session.changes:  # gradient steps, between this bar and the next
            colour = BELIEF if session.changes[first + position].outcome == "changed" else BAD
            edge = middle + 0.5 * space
            brush.polygon(
                [(edge - 5, top + height - 17), (edge + 5, top + height - 17), (edge, top + height - 7)], colour
            )
    brush.box((left + PAD, zero - 0.75, width - 2 * PAD, 1.5), LINE)


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


def _draw_rows(brush: Brush, rows: list[Row], left_out: int, view: View, status: Status, box: Box) -> None:
    left, top, width, height = box
    stretch = (height - TITLE - PAD) / max(sum(row.height for row in rows), 1)
    y = top + TITLE
    for row in rows:
        draw_row(brush, row, (left + PAD, y, width - 2 * PAD, row.height * stretch), view, status.reveal)
        y += row.height * stretch
    if left_out:
        brush.text(f"and {left_out} more", (left + PAD, top + height - 10), 17, INK_FAINT)


def _fitting(rows: list[Row], room: float) -> tuple[list[Row], int]:
    """As many rows as there is room for at three quarters of their height, and how many are left out."""
    used, kept = 0.0, []
    for row in rows:
        used += 0.75 * row.height
        if used <= room:
            kept.append(row)
    return kept, len(rows) - len(kept)


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
