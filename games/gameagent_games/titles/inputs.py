"""The title's event queue, keyboard and mouse: what actions do, and nothing else, ever reaches the title."""

import itertools
from collections.abc import Callable, Iterable
from typing import Any

import pygame

from gameagent_games.titles.handover import Handover
from gameagent_games.titles.patches import Patches
from gameagent_games.titles.presses import NOTHING, Press

NUM_SCANCODES = 512
MODS = {
    pygame.K_LSHIFT: pygame.KMOD_LSHIFT,
    pygame.K_RSHIFT: pygame.KMOD_RSHIFT,
    pygame.K_LCTRL: pygame.KMOD_LCTRL,
    pygame.K_RCTRL: pygame.KMOD_RCTRL,
    pygame.K_LALT: pygame.KMOD_LALT,
    pygame.K_RALT: pygame.KMOD_RALT,
}
SCANCODES = {
    getattr(pygame, name): getattr(pygame, "KSCAN_" + name[2:].upper())
    for name in dir(pygame)
    if name.startswith("K_") and hasattr(pygame, "KSCAN_" + name[2:].upper())
}


class Pressed(tuple[bool, ...]):
    """Which keys are down, to be asked by key as pygame's own."""

    _keys: frozenset[int]

    def __new__(cls, keys: Iterable[int]) -> "Pressed":
        """The keys that are down."""
        down = frozenset(keys)
        codes = {SCANCODES.get(key, 0) for key in down} - {0}
        self = super().__new__(cls, [code in codes for code in range(NUM_SCANCODES)])
        self._keys = down
        return self

    def __getitem__(self, key: Any) -> Any:
        return key in self._keys


NONE_PRESSED = Pressed(())


class Inputs:
    """Events in order, and what is down."""

    def __init__(self, handover: Handover, wait_frame: Callable[[], None]) -> None:
        """Nothing pressed.

        Args:
            handover: Told when the title asks for input.
            wait_frame: Lets the time of a frame pass.
        """
        self._handover, self._wait_frame = handover, wait_frame
        self.start()

    def start(self) -> None:
        """An empty queue, nothing pressed, the mouse in the corner."""
        self._queue: list[Any] = []
        self._blocked: set[int] = set()
        self._press = NOTHING
        self._custom = itertools.count(pygame.USEREVENT + 1)
        self._keys: frozenset[int] = frozenset()
        self._buttons: frozenset[int] = frozenset()
        self._pressed = NONE_PRESSED
        self._just: tuple[frozenset[int], frozenset[int]] = (frozenset(), frozenset())
        self._pointer, self._moved = (0, 0), (0, 0)

    # what actions do

    def press(self, press: Press) -> None:
        """Begins a step: keys and buttons that it does not hold go up, the others down."""
        self._just = (frozenset(), frozenset())
        self._set(self._keys & press.held, self._buttons & press.buttons)  # what is tapped twice comes up in between
        if press.pointer is not None:
            self._point(press.pointer)
        self._set(press.held | press.tapped, press.buttons | press.clicked)
        self._press = press

    def release_taps(self) -> None:
        """Begins a step's second frame: what was tapped and clicked comes up."""
        self._just = (frozenset(), frozenset())
        if self._press.tapped or self._press.clicked:
            self._set(self._press.held, self._press.buttons)

    def _set(self, keys: frozenset[int], buttons: frozenset[int]) -> None:
        released, pressed = self._keys - keys, keys - self._keys
        self._keys = keys
        mods = self.mods()
        for key in sorted(released):
            self._add(pygame.KEYUP, key=key, mod=mods, unicode=text_of(key, mods), scancode=SCANCODES.get(key, 0))
        for key in sorted(pressed):
            text = text_of(key, mods)
            self._add(pygame.KEYDOWN, key=key, mod=mods, unicode=text, scancode=SCANCODES.get(key, 0))
            if text.isprintable() and text:
                self._add(pygame.TEXTINPUT, text=text)
        for kind, changed in (
            (pygame.MOUSEBUTTONUP, self._buttons - buttons),
            (pygame.MOUSEBUTTONDOWN, buttons - self._buttons),
        ):
            for button in sorted(changed):
                self._add(kind, pos=self._pointer, button=button, touch=False)
        self._buttons = buttons
        self._just = (self._just[0] | pressed, self._just[1] | released)
        self._pressed = Pressed(keys) if keys else NONE_PRESSED

    def _point(self, place: tuple[int, int]) -> None:
        rel = (place[0] - self._pointer[0], place[1] - self._pointer[1])
        if rel != (0, 0):
            self._pointer, self._moved = place, (self._moved[0] + rel[0], self._moved[1] + rel[1])
            self._add(pygame.MOUSEMOTION, pos=place, rel=rel, buttons=self._down(3), touch=False)

    def _add(self, kind: int, **fields: Any) -> None:
        self.post(pygame.event.Event(kind, fields | {"window": None}))

    # what the title asks

    def post(self, event: Any) -> bool:
        """``pygame.event.post``."""
        if event.type in self._blocked:
            return False
        self._queue.append(event)
        return True

    def get(self, eventtype: Any = None, pump: bool = True, exclude: Any = None) -> list[Any]:
        """``pygame.event.get``."""
        self._handover.asked(empty=not self._queue)
        if eventtype is None and exclude is None:
            taken, self._queue = self._queue, []
            return taken
        wanted = _chosen(eventtype, exclude)
        taken = [event for event in self._queue if wanted(event.type)]
        self._queue = [event for event in self._queue if not wanted(event.type)]
        return taken

    def poll(self) -> Any:
        """``pygame.event.poll``."""
        self._handover.asked(empty=not self._queue)
        return self._queue.pop(0) if self._queue else pygame.event.Event(pygame.NOEVENT)

    def wait(self, timeout: int = 0) -> Any:
        """``pygame.event.wait``: frames pass until there is an event."""
        self._handover.asked()
        left = int(timeout)
        while not self._queue:
            self._wait_frame()
            self._handover.halt()
            left -= 16
            if timeout and left <= 0:
                return pygame.event.Event(pygame.NOEVENT)
        return self._queue.pop(0)

    def peek(self, eventtype: Any = None, pump: bool = True) -> bool:
        """``pygame.event.peek``."""
        self._handover.asked(empty=not self._queue)
        return any(map(_chosen(eventtype, None), (event.type for event in self._queue)))

    def pump(self) -> None:
        """``pygame.event.pump``."""
        self._handover.asked(empty=True)

    def clear(self, eventtype: Any = None, pump: bool = True) -> None:
        """``pygame.event.clear``."""
        self.get(eventtype)

    def block(self, types: Any) -> None:
        """``pygame.event.set_blocked``."""
        self._blocked |= set(_types(types)) if types is not None else set(range(pygame.NUMEVENTS))

    def allow(self, types: Any) -> None:
        """``pygame.event.set_allowed``."""
        self._blocked -= set(_types(types)) if types is not None else set(self._blocked)

    def blocked(self, types: Any) -> bool:
        """``pygame.event.get_blocked``."""
        return any(kind in self._blocked for kind in _types(types))

    def pressed(self) -> Pressed:
        """``pygame.key.get_pressed``."""
        self._handover.asked()
        return self._pressed

    def mods(self) -> int:
        """``pygame.key.get_mods``."""
        return sum(MODS.get(key, 0) for key in self._keys)

    def pointer(self) -> tuple[int, int]:
        """``pygame.mouse.get_pos``."""
        self._handover.asked()
        return self._pointer

    def moved(self) -> tuple[int, int]:
        """``pygame.mouse.get_rel``."""
        self._handover.asked()
        moved, self._moved = self._moved, (0, 0)
        return moved

    def buttons(self, num_buttons: int = 3, **_: Any) -> tuple[bool, ...]:
        """``pygame.mouse.get_pressed``."""
        self._handover.asked()
        return self._down(num_buttons)

    def _down(self, num_buttons: int) -> tuple[bool, ...]:
        return tuple(button in self._buttons for button in range(1, num_buttons + 1))

    def set_pointer(self, x: Any, y: Any = None) -> None:
        """``pygame.mouse.set_pos``."""
        self._point((int(x[0]), int(x[1])) if y is None else (int(x), int(y)))

    def patch(self, patches: Patches) -> None:
        """Puts this queue, keyboard and mouse before pygame's."""
        patches.functions(
            pygame.event,
            {"get": self.get, "poll": self.poll, "wait": self.wait, "peek": self.peek, "pump": self.pump}
            | {"post": self.post, "clear": self.clear, "set_blocked": self.block, "set_allowed": self.allow}
            | {"get_blocked": self.blocked, "custom_type": lambda: next(self._custom)}
            | {"set_grab": lambda grab: None, "get_grab": lambda: False},
        )
        patches.functions(
            pygame.key,
            {"get_pressed": self.pressed, "get_mods": self.mods, "get_focused": lambda: True}
            | {"get_just_pressed": lambda: Pressed(self._just[0]), "set_repeat": lambda *_: None}
            | {"get_just_released": lambda: Pressed(self._just[1]), "set_mods": lambda mods: None},
        )
        patches.functions(
            pygame.mouse,
            {"get_pos": self.pointer, "get_rel": self.moved, "get_pressed": self.buttons}
            | {"set_pos": self.set_pointer, "get_focused": lambda: True, "set_visible": lambda visible: True},
        )
        patches.functions(pygame.joystick, {"get_count": lambda: 0})


def text_of(key: int, mods: int) -> str:
    """What a key writes: "a", "A" with shift, nothing for an arrow."""
    if not 0 < key < 127:
        return ""
    return chr(key).upper() if mods & pygame.KMOD_SHIFT else chr(key)


def _types(types: Any) -> list[int]:
    return [types] if isinstance(types, int) else list(types)


def _chosen(eventtype: Any, exclude: Any) -> Callable[[int], bool]:
    if eventtype is not None:
        return set(_types(eventtype)).__contains__
    excluded = set(() if exclude is None else _types(exclude))
    return lambda kind: kind not in excluded
