"""What an action does to the keyboard and the mouse."""

import difflib
from dataclasses import dataclass

import pygame

from gameagent_games.errors import TitleError


@dataclass(frozen=True)
class Press:
    """Keys and buttons of one step; presses are joined by ``|``.

    Attributes:
        held: pygame's numbers of the keys that are down all through the step, and stay down while steps hold them.
        tapped: Keys that go down at the step's start and up one frame later.
        pointer: Where the mouse is moved to, in pixels (x, y); None leaves it.
        buttons: Mouse buttons that are down all through the step: 1 left, 2 middle, 3 right.
        clicked: Mouse buttons that go down at the step's start and up one frame later.
    """

    held: frozenset[int] = frozenset()
    tapped: frozenset[int] = frozenset()
    pointer: tuple[int, int] | None = None
    buttons: frozenset[int] = frozenset()
    clicked: frozenset[int] = frozenset()

    def __or__(self, other: "Press") -> "Press":
        """Both at once; the later pointer counts."""
        return Press(
            self.held | other.held,
            self.tapped | other.tapped,
            self.pointer if other.pointer is None else other.pointer,
            self.buttons | other.buttons,
            self.clicked | other.clicked,
        )


NOTHING = Press()
"""No key, no button."""


def hold(*keys: str) -> Press:
    """Keys that are down all through a step; a key that the next step holds too is not let go in between.

    Args:
        keys: pygame's names, such as "left", "space", "a", "return"; "K_LEFT" is understood too.

    Raises:
        TitleError: No key has that name.
    """
    return Press(held=frozenset(map(key_number, keys)))


def tap(*keys: str) -> Press:
    """Keys that go down at a step's start and come up one frame later; see `hold` for the names.

    Raises:
        TitleError: No key has that name.
    """
    return Press(tapped=frozenset(map(key_number, keys)))


def point(x: int, y: int, *buttons: int) -> Press:
    """Moves the mouse to a place in pixels, with buttons held down: 1 left, 2 middle, 3 right."""
    return Press(pointer=(int(x), int(y)), buttons=frozenset(buttons))


def click(x: int, y: int, button: int = 1) -> Press:
    """Moves the mouse to a place in pixels and clicks there."""
    return Press(pointer=(int(x), int(y)), clicked=frozenset((button,)))


def key_number(name: str) -> int:
    """pygame's number of a key.

    Raises:
        TitleError: No key has that name.
    """
    constants = {key[2:].lower(): value for key, value in vars(pygame).items() if key.startswith("K_")}
    plain = str(name).removeprefix("K_").lower()
    if plain in constants:
        return int(constants[plain])
    try:
        return int(_code(plain))
    except (ValueError, TypeError):
        near = difflib.get_close_matches(plain, constants, 1)
        hint = f"did you mean {near[0]!r}?" if near else "expected pygame's name of a key, such as 'left' or 'space'"
        raise TitleError(f"no key is named {name!r}: {hint}") from None


def _code(name: str) -> int:
    """``pygame.key.key_code``, which asks for a started display."""
    if not pygame.display.get_init():
        raise ValueError(name)
    return pygame.key.key_code(name)
