"""Board and panel together, their keys, and the loop that runs in a window."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pygame

from gameagent_games.drawing.canvas import Scene, load_view, save_png
from gameagent_games.drawing.keys import action_of
from gameagent_games.drawing.window import Window
from gameagent_games.interface import Action
from gameagent_games.play.panel import Status, draw_panel, panel_width
from gameagent_games.play.session import PlaySession

SPEEDS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0)  # decisions per second
MOVE_SECONDS = 0.2  # how long the picture takes from one state to the next, at most
REST_STEPS = 5  # an ended episode stays on the screen for the time of this many decisions


class Stage:
    """Shows a session and responds to keys.

    Attributes:
        session: What is played.
        status: What the panel says about the stage.
        quit: Whether a person wants to leave.
    """

    def __init__(self, session: PlaySession, board: int, next_variant: Callable[[], None]) -> None:
        """Makes a stage around a session that has begun.

        Args:
            session: What is played.
            board: Side of the board in pixels.
            next_variant: Begins another trial in the session.

        Raises:
            FamilyError: The family's view cannot be loaded.
        """
        self.session = session
        self.status = Status(reveal=session.player is not None)
        self.quit = False
        self._board, self._next_variant = board, next_variant
        self._view = load_view(session.family)
        self._waited = self._since_step = 0.0  # seconds
        self._panel: pygame.Surface | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the whole picture in pixels."""
        return self._board + panel_width(self._board), self._board

    def press(self, key: str) -> None:
        """Responds to a key, given by pygame's name for it."""
        self._panel = None
        if key in ("escape", "q"):
            self.quit = True
        elif key == "n":
            self._next_variant()
            self._waited = self._since_step = 0.0
        elif key == "space":
            self.status = replace(self.status, paused=not self.status.paused)
        elif key in ("+", "=", "]", "[+]"):
            self._change_speed(1)
        elif key in ("-", "[", "[-]"):
            self._change_speed(-1)
        elif key == "r":
            self.status = replace(self.status, reveal=not self.status.reveal)
        elif key == "h" and self.session.player is not None:
            self.session.by_hand = not self.session.by_hand
        elif (action := action_of(self.session.family, key)) is not None and self.session.accepts(action):
            self._step(action)

    def advance(self, seconds: float) -> None:
        """Lets time pass: the agent takes the steps that are due, and an ended episode is followed by the next."""
        self._since_step += seconds
        if self.status.paused or self.session.awaits_person:
            self._waited = 0.0
            return
        self._waited += seconds
        due = (REST_STEPS if self.session.ended else 1) / self.status.speed
        if self._waited >= due:
            self._waited = min(self._waited - due, 1 / self.status.speed)
            self._step(None)

    def draw(self, *, moving: bool = True) -> pygame.Surface:
        """The whole picture; with ``moving`` at the current moment within the last step, else at its end."""
        session = self.session
        seconds = min(MOVE_SECONDS, 0.8 / self.status.speed)
        progress = min(self._since_step / seconds, 1.0) if moving else 1.0
        scene = Scene.of(
            session.games, before=session.before, action=session.action, reward=session.reward, progress=progress,
            reveal=self.status.reveal, beliefs=session.beliefs, moves=session.moves, rewards=session.rewards,
            returns=session.totals,
        )  # fmt: skip
        picture = pygame.Surface(self.size)
        board = pygame.Surface((self._board, self._board))
        self._view.draw(board, scene)
        picture.blit(board, (0, 0))
        if self._panel is None:
            self._panel = draw_panel(session, self._view, self.status, self._board)
        picture.blit(self._panel, (self._board, 0))
        return picture

    def save(self, path: Path) -> None:
        """Saves the whole picture as a PNG, at the end of the last step.

        Raises:
            OSError: The file cannot be written.
        """
        save_png(self.draw(moving=False), path)

    def run(self, window: Window, fps: float) -> None:
        """Plays until a person quits or closes the window."""
        window.repeat_keys()
        while not (self.quit or window.closed):
            for key in window.pressed():
                self.press(key)
            self.advance(window.wait(fps))
            window.show_surface(self.draw())

    def _step(self, action: Action | None) -> None:
        self.session.step(action)
        self._since_step = 0.0
        self._panel = None

    def _change_speed(self, steps: int) -> None:
        index = min(max(SPEEDS.index(self.status.speed) + steps, 0), len(SPEEDS) - 1)
        self.status = replace(self.status, speed=SPEEDS[index])
