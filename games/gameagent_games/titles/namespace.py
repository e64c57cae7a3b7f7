"""What a title's variables are now: the world as functions such as ``observe`` see it."""

import difflib
from collections.abc import Iterator, Mapping
from types import FrameType, ModuleType
from typing import Any

import numpy as np
import pygame
from numpy.typing import NDArray

from gameagent_games.drawing.canvas import to_rgb


class Namespace(Mapping[str, Any]):
    """A title's variables by name, as attributes or as items.

    A name is looked for in the functions that are running, from the outermost (``main``) to the innermost, and then
    among the script's globals. After the title has ended, the variables are those it ended with.

    Example: ``game.player.rect.x``, ``game["score"]``, ``game.module("settings").GRAVITY``.

    Attributes:
        frames_played: Frames since the title began its episode.
    """

    def __init__(self, script: ModuleType, modules: Mapping[str, ModuleType], stack: list[FrameType]) -> None:
        """Looks at a halted title.

        Args:
            script: The module of the script.
            modules: The other modules of the title.
            stack: The title's own frames, innermost first.
        """
        self._script, self._modules, self._stack = script, modules, stack
        self.frames_played = 0
        self._scopes: list[Mapping[str, Any]] | None = None

    def _all(self) -> list[Mapping[str, Any]]:
        if self._scopes is None:
            inside = [frame for frame in reversed(self._stack) if frame.f_code.co_name != "<module>"]
            self._scopes = [*(frame.f_locals for frame in inside), vars(self._script)]
        return self._scopes

    def __getitem__(self, name: str) -> Any:
        for scope in self._all():
            if name in scope:
                return scope[name]
        raise KeyError(self._missing(name))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        for scope in self._all():
            if name in scope:
                return scope[name]
        raise AttributeError(self._missing(name))

    def __iter__(self) -> Iterator[str]:
        return iter({name: None for scope in self._all() for name in scope if not name.startswith("__")})

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self]

    def is_running(self, function: str) -> bool:
        """Whether a function of the title is running, such as the loop of its game-over screen."""
        return any(frame.f_code.co_name == function for frame in self._stack)

    def locals_of(self, function: str) -> Mapping[str, Any]:
        """The variables of a function that is running, the innermost of its calls.

        Raises:
            KeyError: It is not running.
        """
        for frame in self._stack:
            if frame.f_code.co_name == function:
                return frame.f_locals
        running = ", ".join(frame.f_code.co_name for frame in reversed(self._stack))
        raise KeyError(f"{function}() is not running; {running} are")

    def module(self, name: str) -> ModuleType:
        """A module beside the script that the title has imported.

        Raises:
            KeyError: It has not been imported.
        """
        if name not in self._modules:
            known = ", ".join(sorted(self._modules)) or "none"
            raise KeyError(f"the title has not imported a module {name!r} of its own; it has imported {known}")
        return self._modules[name]

    def pixels(self) -> NDArray[np.uint8]:
        """What the title has drawn, uint8 ``(height, width, 3)``.

        Raises:
            KeyError: It has not opened a window yet.
        """
        surface = pygame.display.get_surface()
        if surface is None:
            raise KeyError("the title has not opened a window yet: pygame.display.set_mode has not been called")
        return to_rgb(surface)

    def _missing(self, name: str) -> str:
        near = difflib.get_close_matches(name, list(self), 1)
        names = [frame.f_code.co_name for frame in reversed(self._stack)]
        inside = ", ".join(f"{function}()" for function in names if function != "<module>")
        hint = f"; did you mean {near[0]!r}?" if near else ""
        return f"no variable {name!r} in {f'{inside} or ' if inside else ''}the script's globals{hint}"
