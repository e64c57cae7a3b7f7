"""A game's rules, guarded: run in the interpreter, their mistakes become one line that names the place.

Compiled code reads and writes past an array's end without a word. Guarded rules refuse that, name a misspelt field
with those there are, stop a call that never returns, and remember where an index was negative.
"""

import ast
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from gameagent_games.errors import GamesError, RuleError
from gameagent_games.game_rng import SIMULATOR_FIELDS
from gameagent_games.places import Place, authors_place, is_authors, place_of_frame, source_at
from gameagent_games.sources.rules import PARAMETERS, Rules
from gameagent_games.sources.watchdog import TimeLimit, Watchdog
from gameagent_games.variants.variant import VariantSpace


@dataclass
class NegativeIndex:
    """An index below zero, which Python and compiled code alike count from the end."""

    array: str
    index: int
    place: Place | None


@dataclass
class Guard:
    """What guarded calls share: the watchdog, if any, and what they saw.

    Attributes:
        watchdog: Limits the time of each call.
        negative: Negative indices that were not written as a literal, such as ``observation[x - 1]`` where x is 0.
    """

    watchdog: Watchdog | None = None
    negative: list[NegativeIndex] = field(default_factory=list)


def guard_rules(rules: Rules, space: VariantSpace, guard: Guard) -> Rules:
    """Rules over the variants of a space with every function guarded; for the interpreter only.

    They raise `RuleError` for whatever the author's functions raise.
    """
    fields = {"state": rules.state.names or (), "variant": space.dtype.names or ()}
    wrapped: dict[str, Any] = {
        name: _guarded(name, getattr(rules, name), fields, guard)
        for name in PARAMETERS
        if getattr(rules, name) is not None
    }
    return replace(rules, **wrapped)


def _guarded(
    name: str, function: Callable[..., Any], fields: Mapping[str, Iterable[str]], guard: Guard
) -> Callable[..., Any]:
    parameters = PARAMETERS[name]

    def call(*arguments: Any) -> Any:
        handed = [
            _Record(value, parameter, fields[parameter]) if parameter in fields else _array(value, parameter, guard)
            for parameter, value in zip(parameters, arguments, strict=True)
        ]
        try:
            if guard.watchdog is not None:
                guard.watchdog.begin()
            try:
                return function(*handed)
            finally:
                if guard.watchdog is not None:
                    guard.watchdog.end()
        except TimeLimit as limit:
            seconds = guard.watchdog.seconds if guard.watchdog is not None else 0.0
            raise RuleError(
                f"{_where(limit, name)}: {name} had not returned after {seconds:g} s; does this loop ever end?"
            ) from None
        except RuleError:
            raise
        except Exception as error:
            raise RuleError(f"{_where(error, name)}: {described(error)}") from error

    return call


@contextmanager
def quiet(divide: Literal["ignore", "raise"] = "ignore") -> Iterator[None]:
    """No warnings of overflows and the like while rules run: checks look at the values that come of them.

    Compiled code raises where a number is divided by zero; numpy's numbers do if ``divide`` is "raise".
    """
    with np.errstate(all="ignore", divide=divide), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _where(error: BaseException, name: str) -> str:
    place = authors_place(error)
    return f"rules.{name}" if place is None else str(place)


def described(error: BaseException) -> str:
    """An exception in one line."""
    text = " ".join(str(error).split())
    if isinstance(error, GamesError):
        return text
    if "Cannot determine Numba type of" in text and "_Record" in text:
        return (
            "a helper marked @njit cannot be given the state or the variant outside compiled code; "
            "mark it @register_jitable (from numba.extending) instead"
        )
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def no_such_field(record: str, name: str, fields: Iterable[str]) -> str:
    """What to say of a misspelt field of the state or the variant."""
    known = [field for field in fields if record != "state" or field not in SIMULATOR_FIELDS]
    close = get_close_matches(name, known, 1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    what = "rule" if record == "variant" else "field"
    return f"{record} has no {what} {name!r}; its {what}s are {', '.join(known)}{hint}"


class _Record:
    """A state or variant as the interpreter hands it out, which names the fields there are."""

    __slots__ = ("_fields_", "_label_", "_record_")

    def __init__(self, record: Any, label: str, fields: Iterable[str]) -> None:
        object.__setattr__(self, "_record_", record)
        object.__setattr__(self, "_label_", label)
        object.__setattr__(self, "_fields_", tuple(fields))

    def __getattr__(self, name: str) -> Any:
        try:
            value = getattr(self._record_, name)
        except AttributeError:
            raise AttributeError(no_such_field(self._label_, name, self._fields_)) from None
        return _array(value, f"{self._label_}.{name}", None)

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in self._fields_:
            raise AttributeError(no_such_field(self._label_, name, self._fields_))
        try:
            setattr(self._record_, name, value)
        except (OverflowError, TypeError, ValueError) as error:
            raise _unfit(error, f"{self._label_}.{name}", value) from None

    def __repr__(self) -> str:
        return repr(self._record_)


def _array(value: Any, label: str, guard: Guard | None) -> Any:
    """An array that refuses an index out of range and says what is allowed; anything else as it is."""
    if type(value) is not np.ndarray:
        return value
    guarded = value.view(_Array)
    guarded.label, guarded.guard = label, guard
    return guarded


class _Array(np.ndarray[Any, Any]):
    """A view of an array whose indices are checked with a message that helps."""

    label: str
    guard: Guard | None

    def __array_finalize__(self, source: NDArray[Any] | None) -> None:
        self.label, self.guard = getattr(source, "label", "an array"), None

    def __getitem__(self, index: Any) -> Any:
        self._check(index)
        part = super().__getitem__(index)
        if isinstance(part, _Array):
            part.label = f"{self.label}[{_shown(index)}]"
        return part

    def __setitem__(self, index: Any, value: Any) -> None:
        self._check(index)
        try:
            super().__setitem__(index, value)
        except (OverflowError, TypeError, ValueError) as error:
            raise _unfit(error, f"{self.label}[{_shown(index)}]", value) from None

    def _check(self, index: Any) -> None:
        indices = index if isinstance(index, tuple) else (index,)
        if len(indices) > self.ndim and not any(one is None or one is Ellipsis for one in indices):
            raise IndexError(f"{self.label}[{_shown(index)}] has {len(indices)} indices, but {self._sizes()}")
        for axis, one in enumerate(indices):
            if one is None or one is Ellipsis or isinstance(one, np.ndarray):
                return  # numpy's own checks hold
            if isinstance(one, float | np.floating):
                raise IndexError(f"{self.label}[{_shown(index)}]: {one!r} is a float, expected a whole number")
            if isinstance(one, int | np.integer) and not isinstance(one, bool):
                self._check_one(index, int(one), self.shape[axis])

    def _check_one(self, index: Any, one: int, size: int) -> None:
        if not -size <= one < size:
            allowed = f"0 to {size - 1}" if size else "nothing: it is empty"
            raise IndexError(f"{self.label}[{_shown(index)}] is out of range, expected {allowed} ({self._sizes()})")
        if one < 0 and self.guard is not None:
            frame = sys._getframe(3)
            while frame.f_back is not None and not is_authors(frame.f_code.co_filename):
                frame = frame.f_back
            if self.label == "rewards" or not _is_literal(source_at(frame), frame.f_locals):
                self.guard.negative.append(NegativeIndex(self.label, one, place_of_frame(frame, frame.f_lineno)))

    def _sizes(self) -> str:
        sizes = " x ".join(map(str, self.shape))
        holds = {
            "observation": "all values of the family's features",
            "mask": "one for each action",
            "rewards": "one for each seat",
            "actions": "one for each seat" if self.ndim == 1 else "one row for each seat, one column for each number",
        }.get(self.label)
        return f"{self.label} has {sizes} {'entry' if sizes == '1' else 'entries'}" + (f", {holds}" if holds else "")


def _shown(index: Any) -> str:
    if isinstance(index, tuple):
        return ", ".join(map(_shown, index))
    if isinstance(index, slice):
        ends = ["" if end is None else str(end) for end in (index.start, index.stop)]
        return ":".join(ends)
    return str(index)


def _unfit(error: Exception, place: str, value: Any) -> Exception:
    """What to raise for a value that a field or an entry cannot hold."""
    kind = next(kind for kind in (OverflowError, TypeError, ValueError) if isinstance(error, kind))
    return kind(f"{place} cannot hold {' '.join(repr(value).split())}: {error}")


def _is_literal(source: str, variables: Mapping[str, Any]) -> bool:
    """Whether a subscript is written with constant indices, such as ``observation[-1]`` or ``observation[LAST]``.

    True where that cannot be seen.
    """
    try:
        node = ast.parse(source.strip(), mode="eval").body
    except SyntaxError:
        return True
    if not isinstance(node, ast.Subscript):
        return True
    parts = list(ast.walk(node.slice))
    names = [part.id for part in parts if isinstance(part, ast.Name)]
    return not any(isinstance(part, ast.Call | ast.Attribute) for part in parts) and not variables.keys() & names
