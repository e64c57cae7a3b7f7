"""Reads JSON strictly into frozen dataclasses, whose annotations are the schema."""

import dataclasses
import functools
import json
import math
import types
import typing
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

from gameagent_sdk.errors import ManifestError, shown

Record = TypeVar("Record")
OPTIONAL = "optional"  # in the metadata of a field that may be missing
MAX_DEPTH = 64  # of nested lists and objects: whoever walks through them must not run out of stack


def parse_object(text: str) -> dict[str, Any]:
    """Parses a JSON object; refuses NaN and Infinity, which are not JSON, and a name that is given twice.

    Raises:
        ManifestError: The text is not JSON, or not an object.
    """
    try:
        value = json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_object)
    except (ValueError, RecursionError) as error:
        raise ManifestError(f"the manifest is not valid JSON ({error}): export the bundle again") from error
    if not isinstance(value, dict):
        raise ManifestError(f"the manifest must be a JSON object, given {_called(value)}: export the bundle again")
    if _is_deeper_than(value, MAX_DEPTH):
        raise ManifestError(f"the manifest is nested deeper than {MAX_DEPTH} lists and objects: export it again")
    return value


def _is_deeper_than(value: Any, depth: int) -> bool:
    """Whether lists and objects are nested beyond a depth; found level by level, without recursion."""
    level = [value]
    for _ in range(depth):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return False
    return any(isinstance(outer, dict | list) for outer in level)


def as_fields(record: Any) -> dict[str, Any]:
    """What is written of a dataclass: its fields, except those marked `OPTIONAL` that have their default.

    Raises:
        TypeError: It is not a dataclass, so a manifest cannot hold it.
    """
    if isinstance(record, type) or not dataclasses.is_dataclass(record):
        raise TypeError(f"a {type(record).__name__} is not something that JSON can hold")
    given = {field: getattr(record, field.name) for field in dataclasses.fields(record)}
    return {
        field.name: value for field, value in given.items() if OPTIONAL not in field.metadata or value != field.default
    }


def read_record(record: type[Record], fields: dict[str, Any], path: str = "") -> Record:
    """Builds the dataclass ``record`` from parsed JSON, refusing missing, unknown and mistyped fields.

    A field whose metadata hold `OPTIONAL` may be missing, as in files that were written before the field existed.

    Args:
        record: A dataclass of int, float, str, bool, dict, None, tuples of one type, and dataclasses of these.
        fields: The JSON object.
        path: Where the object is in the manifest, with a trailing dot; for messages.

    Raises:
        ManifestError: Names the field, what was expected and what was given.
    """
    hints, optional = _hints(record)  # type: ignore[arg-type]  # mypy takes the class of a type variable for unhashable
    if hints.keys() != fields.keys():
        missing, unknown = sorted(hints.keys() - fields.keys() - optional), sorted(fields.keys() - hints.keys())
        if missing:
            raise ManifestError(f"manifest field {path}{missing[0]} is missing: export the bundle again")
        if unknown:
            raise ManifestError(
                f"manifest field {path}{shown(unknown[0])} is unknown: "
                "was it written by a newer gameagent? Upgrade gameagent-sdk"
            )
    return record(**{name: _read(hint, fields[name], path + name) for name, hint in hints.items() if name in fields})


@functools.cache
def _hints(record: type) -> tuple[dict[str, Any], frozenset[str]]:
    """A dataclass's annotations, and the fields that may be missing: the same for each feature and belief."""
    optional = (field.name for field in dataclasses.fields(record) if OPTIONAL in field.metadata)
    return typing.get_type_hints(record), frozenset(optional)


_origin: Callable[[Any], Any] = functools.cache(typing.get_origin)


def _read(hint: Any, value: Any, path: str) -> Any:
    """Reads one value of the annotated type ``hint``."""
    if type(value) is hint and hint in (int, bool):
        return value
    origin = _origin(hint)
    if origin is types.UnionType:  # only "X | None" is used
        return None if value is None else _read(_without_none(hint), value, path)
    if origin is tuple:
        items = value if isinstance(value, list) else _mistyped(path, "a list", value)
        return tuple(_read(typing.get_args(hint)[0], item, f"{path}[{i}]") for i, item in enumerate(items))
    if origin is dict:
        return value if isinstance(value, dict) else _mistyped(path, "an object", value)
    if dataclasses.is_dataclass(hint):
        return read_record(hint, value if isinstance(value, dict) else _mistyped(path, "an object", value), path + ".")  # type: ignore[arg-type]
    if hint is float:
        return _read_float(value, path)
    if type(value) is not hint:  # exact: JSON's true is a bool, never the int 1
        _mistyped(path, {int: "an integer", str: "a text", bool: "true or false"}[hint], value)
    if hint is str and not value.isprintable():  # games show these texts
        _mistyped(path, "a line of printable text", value)
    return value


def _read_float(value: Any, path: str) -> float:
    if type(value) not in (int, float):
        _mistyped(path, "a number", value)
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    return number if math.isfinite(number) else _mistyped(path, "a finite number", value)


def _without_none(hint: Any) -> Any:
    return next(option for option in typing.get_args(hint) if option is not type(None))


def _mistyped(path: str, expected: str, value: Any) -> NoReturn:
    raise ManifestError(f"manifest field {path} must be {expected}, given {_called(value)}: export the bundle again")


def _called(value: Any) -> str:
    """A value in a message, shortened: it comes from a file that is not trusted."""
    text = repr(value) if isinstance(value, str | int | float | None) else f"a {type(value).__name__}"
    return text if len(text) <= 60 else text[:57] + "..."


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object. Parsers differ in which of two values of one name they take."""
    value = dict(pairs)
    if len(value) < len(pairs):
        raise ValueError("a name is given twice in one object")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")
