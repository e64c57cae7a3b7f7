"""Stand-ins for functions and classes of other modules, seen by the title's thread alone.

Every stand-in asks which thread calls: the title's gets ours, all others get the real thing. So a title may be in
hand while the rest of the program goes on using the clock, the random module and pygame.
"""

import functools
from collections.abc import Callable, Mapping
from threading import get_ident
from typing import Any, Final


class Turn:
    """Which thread is the title's.

    Attributes:
        thread: Its number; None while no title is open.
    """

    thread: int | None = None


TURN: Final = Turn()


def for_title(real: Any, ours: Callable[..., Any]) -> Callable[..., Any]:
    """A function that is ``ours`` on the title's thread and ``real`` elsewhere."""

    def call(*args: Any, **kwargs: Any) -> Any:
        return ours(*args, **kwargs) if get_ident() == TURN.thread else real(*args, **kwargs)

    for name in functools.WRAPPER_ASSIGNMENTS:
        if name != "__annotations__" and hasattr(real, name):
            setattr(call, name, getattr(real, name))
    return call


def class_for_title(real: Any, ours: type) -> type:
    """A class that makes ``ours`` on the title's thread and ``real`` elsewhere; titles may inherit from it."""

    def make(cls: type, *args: Any, **kwargs: Any) -> Any:
        return object.__new__(cls) if get_ident() == TURN.thread else real(*args, **kwargs)

    return type(real.__name__, (ours,), {"__new__": make, "__doc__": real.__doc__, "__module__": real.__module__})


class Patches:
    """Sets attributes of modules, and restores them."""

    def __init__(self) -> None:
        self._before: list[tuple[Any, str, Any]] = []

    def functions(self, module: Any, ours: Mapping[str, Any]) -> None:
        """Puts a stand-in before every function that the module has."""
        for name, function in ours.items():
            if hasattr(module, name):
                self.set(module, name, for_title(getattr(module, name), function))

    def set(self, owner: Any, name: str, value: Any) -> None:
        """Sets one attribute of a module or class until `restore`."""
        self._before.append((owner, name, getattr(owner, name)))
        setattr(owner, name, value)

    def restore(self) -> None:
        """Everything as it was, last first."""
        while self._before:
            setattr(*self._before.pop())
