"""From a game's records to pixels: what a view is, how it is found, and one frame as an array. Needs no screen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pygame
from numpy.typing import NDArray

from gameagent_games.errors import FamilyError
from gameagent_games.games import Games
from gameagent_games.interface import Action, Family
from gameagent_games.sources.simulator import RecordView


@dataclass(frozen=True)
class Scene:
    """One moment of a game.

    Attributes:
        state: The state's record, fields as attributes; None if the family's source has no state records.
        variant: The variant's record, fields as attributes.
        before: The state before the last step; None right after an episode's start, or where unknown.
        action: The last step's action, where known; the first seat's.
        reward: The last step's reward, the first seat's.
        progress: How far the picture has moved from ``before`` to ``state``, from 0 to 1.
        reveal: Whether hidden rules may be seen.
        beliefs: By hidden rule, what an agent thinks of it (see `gameagent_sdk.Belief`); empty where nobody does.
        moves: The last step's actions by seat; empty where no step was taken or nothing is known of it.
        rewards: The last step's reward of each seat; empty where not known.
        returns: The episode's sum of rewards of each seat; empty where not known.
        observations: float32 ``(seats, D)``; what each seat sees.
        legal_actions: bool ``(seats, A)``; what each seat may do.
        acting: bool ``(seats,)``; the seats that act now.
        picture: uint8 ``(height, width, 3)``, RGB, of games whose source draws them; None for all others.
    """

    state: Any
    variant: Any
    before: Any = None
    action: Action | None = None
    reward: float = 0.0
    progress: float = 1.0
    reveal: bool = False
    beliefs: Mapping[str, Any] = field(default_factory=dict)
    moves: Mapping[int, Action] = field(default_factory=dict)
    rewards: Sequence[float] = ()
    returns: Sequence[float] = ()
    observations: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    legal_actions: NDArray[np.bool_] = field(default_factory=lambda: np.ones((0, 0), np.bool_))
    acting: NDArray[np.bool_] = field(default_factory=lambda: np.ones(0, np.bool_))
    picture: NDArray[np.uint8] | None = None

    @classmethod
    def of(cls, games: Games, game: int = 0, *, before: Any = None, **fields: Any) -> "Scene":
        """A game's present moment; ``before`` is a state's record, and ``fields`` are others of the scene."""
        return cls(
            None if games.states is None else as_record(games.states[game]),
            as_record(games.variants[game]),
            None if before is None else as_record(before),
            observations=games.observations[game].copy(),
            legal_actions=games.legal_actions[game].copy(),
            acting=games.acting[game].copy(),
            picture=games.picture(game),
            **fields,
        )


class View:
    """How a family looks. A family names its own in ``Family.view``; it is made anew, without arguments, as needed."""

    def draw(self, surface: pygame.Surface, scene: Scene) -> None:
        """Draws the scene over the whole of a square surface."""
        raise NotImplementedError

    def icon(self, rule: str, index: int | None, size: int) -> pygame.Surface | None:
        """A sprite (see `brush.sprite`) that stands for a rule or for one element of an array rule, if there is one."""
        return None

    def element_name(self, rule: str, index: int) -> str:
        """What a person calls one element of an array rule."""
        return str(index)


def load_view(family: Family) -> View:
    """Makes a family's view; a `plain.PlainView` where it has none.

    Raises:
        FamilyError: The view cannot be loaded.
    """
    if family.view is None:
        from gameagent_games.drawing.plain import PlainView

        return PlainView(family)
    module_name, _, attribute = family.view.partition(":")
    try:
        view = getattr(import_module(module_name), attribute)()
    except (ImportError, AttributeError, ValueError, TypeError) as error:
        raise FamilyError(
            f"the view of family {family.name!r} could not be loaded from {family.view}: {error}"
        ) from error
    if not isinstance(view, View):
        raise FamilyError(f"{family.view} is no subclass of gameagent_games.drawing.canvas.View")
    return view


def as_record(record: Any) -> Any:
    """A single record with its fields as attributes; a copy where it was a numpy record."""
    if isinstance(record, np.void | np.ndarray):
        return RecordView(np.array(record).reshape(1), 0)
    return record


def draw_frame(games: Games, size_px: int, game: int = 0, **scene: Any) -> NDArray[np.uint8]:
    """Draws one frame of a game.

    Args:
        games: The game, among others.
        size_px: Width and height in pixels.
        game: Which of the games.
        scene: More fields of `Scene`, such as ``reveal``; ``before``, the state's record before the last step, lets
            views show which way things went.

    Returns:
        uint8 ``(size_px, size_px, 3)``: rows from the top, RGB.

    Raises:
        FamilyError: The family's view cannot be loaded.
    """
    surface = pygame.Surface((size_px, size_px))
    load_view(games.family).draw(surface, Scene.of(games, game, **scene))
    return to_rgb(surface)


def to_rgb(surface: pygame.Surface) -> NDArray[np.uint8]:
    """A surface's pixels: uint8 ``(height, width, 3)``."""
    return np.ascontiguousarray(pygame.surfarray.array3d(surface).transpose(1, 0, 2), dtype=np.uint8)


def save_png(surface: pygame.Surface, path: Path) -> None:
    """Saves a picture.

    Raises:
        OSError: The file cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        pygame.image.save(surface, str(path), "png")
    except pygame.error as error:
        raise OSError(f"cannot write {path}: {error}") from error
