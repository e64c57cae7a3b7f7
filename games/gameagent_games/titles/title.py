"""Title: how somebody's pygame script is run, seen and played."""

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from gameagent_games.errors import TitleError
from gameagent_games.field_types import as_count, as_text, as_tuple, expect, kind_of
from gameagent_games.interface import Feature
from gameagent_games.titles.constants import numbers_in
from gameagent_games.titles.loading import script_path
from gameagent_games.titles.namespace import Namespace
from gameagent_games.titles.presses import Press

ActionTable: TypeAlias = Mapping[str, Press]
"""What a player chooses from: presses by the action's name."""


def _never(game: Namespace) -> bool:
    return False


def _nothing(game: Namespace) -> float:
    return 0.0


def _at_once(game: Namespace) -> bool:
    return True


@dataclass(frozen=True)
class Title:
    """Somebody's pygame script, described from outside; the script is not changed.

    Attributes:
        script: Path of the Python file, or the name of a module such as ``"pygame.examples.aliens"``.
        actions: Presses by action name; or a tuple of such tables, of which a player chooses one entry each.
        observe: Given the title's variables, what a player sees: an array, or values (numbers or arrays) by name.
        score: Given the variables, what has been earned so far; a step's reward is by how much it rose.
        over: Given the variables, whether the episode is over. It is in any case when the title ends by itself.
        features: Names and bounds of what is seen. With them an observation is one row of float32 values in this
            order; without them it is what `observe` returns.
        entry: A function of the script that is called after the script has run under its own name; None for a script
            that is run as ``python script.py`` runs it.
        begin: Presses that lead through the title's menu, one a frame, from the first again after the last.
        ready: Given the variables, whether play has begun: `begin` is pressed until then.
        again: How the title starts a new episode by itself: presses, one a frame, until `ready` (after a game-over
            screen, say); or a function that is given the variables. Without it every episode runs the script anew.
        frames_per_step: Frames of the title that a step takes.
        max_steps: Steps after which an episode is cut; None for never.
        fps: Frames a second, of titles that do not say.
        folder: Where the title finds its files; the script's own folder unless given.
        deadline_s: Real seconds that a frame may take.
    """

    script: str | Path
    actions: ActionTable | tuple[ActionTable, ...]
    observe: Callable[[Namespace], Any]
    score: Callable[[Namespace], float] = _nothing
    over: Callable[[Namespace], bool] = _never
    features: Sequence[Feature] = ()
    entry: str | None = None
    begin: Sequence[Press] = ()
    ready: Callable[[Namespace], bool] = _at_once
    again: Sequence[Press] | Callable[[Namespace], Any] | None = None
    frames_per_step: int = 1
    max_steps: int | None = None
    fps: int = 60
    folder: str | Path | None = None
    deadline_s: float = field(default=10.0)

    def __post_init__(self) -> None:
        """Checks the fields.

        Raises:
            TitleError: A field is not what it must be, or there is no such script.
        """
        owner = "Title"
        expect(owner, "script", self.script, (str, Path), "a path or the name of a module", TitleError)
        for name in ("observe", "score", "over", "ready"):
            if not callable(getattr(self, name)):
                given = kind_of(getattr(self, name))
                raise TitleError(f"{owner}: {name} is {given}, expected a function of the title's variables")
        tables = self.actions if isinstance(self.actions, tuple) else (self.actions,)
        for table in tables:
            self._check_table(table)
        object.__setattr__(self, "features", as_tuple(owner, "features", self.features, Feature, TitleError))
        object.__setattr__(self, "begin", as_tuple(owner, "begin", self.begin, Press, TitleError))
        if self.again is not None and not callable(self.again):
            object.__setattr__(self, "again", as_tuple(owner, "again", self.again, Press, TitleError))
        for name in ("frames_per_step", "fps") + (() if self.max_steps is None else ("max_steps",)):
            object.__setattr__(self, name, as_count(owner, name, getattr(self, name), error=TitleError))
        expect(owner, "deadline_s", self.deadline_s, (int, float), "a number of seconds", TitleError)
        if self.entry is not None:
            as_text(owner, "entry", self.entry, TitleError)
        self._check_seconds()
        script_path(self.script)

    def _check_seconds(self) -> None:
        if not self.deadline_s > 0:
            raise TitleError(f"Title: deadline_s is {self.deadline_s}, expected more than 0 seconds")

    def _check_table(self, table: Any) -> None:
        if not isinstance(table, Mapping) or not table:
            example = "{'stay': NOTHING, 'left': hold('left')}"
            raise TitleError(f"Title: actions is {kind_of(table)}, expected presses by name, such as {example}")
        for name, press in table.items():
            as_text("Title", "the name of an action", name, TitleError)
            expect("Title", f"action {name!r}", press, Press, "hold(...), tap(...), click(...) or NOTHING", TitleError)

    @property
    def name(self) -> str:
        """The script's name, for messages."""
        return Path(str(self.script)).name

    @property
    def tables(self) -> tuple[ActionTable, ...]:
        """The tables of actions, one or more."""
        return self.actions if isinstance(self.actions, tuple) else (self.actions,)

    def press(self, action: Any) -> Press:
        """What an action presses.

        Args:
            action: Its number or its name; a sequence with one for each table if there are several.

        Raises:
            TitleError: There is no such action.
        """
        press = Press()
        for table, number in zip(self.tables, np.atleast_1d(self.number(action)), strict=True):
            press = press | list(table.values())[number]
        return press

    def number(self, action: Any) -> int | list[int]:
        """An action's number; a list with one for each table if there are several.

        Raises:
            TitleError: There is no such action.
        """
        if not isinstance(self.actions, tuple):
            return _number(self.actions, action)
        parts = list(action) if isinstance(action, Sequence | np.ndarray) and not isinstance(action, str) else []
        if len(parts) != len(self.actions):
            raise TitleError(f"action is {action!r}, expected {len(self.actions)} numbers or names, one for each table")
        return [_number(table, part) for table, part in zip(self.actions, parts, strict=True)]

    def numbers(self) -> dict[str, int | float]:
        """The constants of the script that are plain numbers, with their values: candidates for rules that vary."""
        return numbers_in(script_path(self.script)[0])


def _number(table: ActionTable, action: Any) -> int:
    if isinstance(action, str):
        if action in table:
            return list(table).index(action)
    else:
        try:
            number = operator.index(action)
        except TypeError:
            number = -1
        if 0 <= number < len(table):
            return number
    names = ", ".join(f"{number} {name!r}" for number, name in enumerate(table))
    raise TitleError(f"action is {action!r}, expected one of {names}")
