"""``gameagent train --help-settings``: every setting of a run, from the one place where settings are written down."""

from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin, get_type_hints

from gameagent.config import Setting, TrainConfig, settings, suggestions
from gameagent_games.interface import Family
from gameagent_sdk.console.plain_text import wrapped

TYPE_NAMES = {int: "whole number", float: "number", bool: "true or false", str: "text"}
INDENT = 20  # columns of the settings' names


def explain_settings(family: Family | None = None) -> Iterator[str]:
    """Lines for a terminal.

    Args:
        family: Whose suggestions to show beside the defaults.

    Raises:
        ConfigError: The family suggests what is no setting, or a value of the wrong type.
    """
    yield "Settings of a run: --set NAME=VALUE, or NAME = VALUE in the file of --config."
    if family is not None:
        yield f"What {family.name} suggests replaces a default; what you give replaces both."
    types = get_type_hints(TrainConfig)
    suggested = {} if family is None else _suggested(family)
    by_group: dict[tuple[str, ...], list[str]] = {}
    for name, setting in settings().items():
        if name != "family":  # an argument of its own
            by_group.setdefault(setting.algorithms, []).append(name)
    for algorithms, names in by_group.items():
        yield ""
        yield f"for algorithm {' and '.join(algorithms)}:" if algorithms else "for every algorithm:"
        for name in names:
            setting = settings()[name]
            yield from _explained(name, setting, types[name], getattr(TrainConfig, name), suggested.get(name, {}))


def _explained(name: str, setting: Setting, kind: Any, default: Any, suggested: dict[str, Any]) -> Iterator[str]:
    allowed = f"{_type_name(kind)} {setting.range}".strip()
    facts = [allowed, f"default {_text(default)}"]
    if suggested:
        values = set(map(_text, suggested.values()))
        everywhere = len(values) == 1 and len(suggested) == len(get_args(get_type_hints(TrainConfig)["algorithm"]))
        shown = values if everywhere else (f"{_text(value)} for {by}" for by, value in suggested.items())
        facts.append(f"suggested {', '.join(shown)}")
    yield from wrapped("; ".join(facts), f"  {name:{INDENT - 2}}", " " * INDENT)
    yield from wrapped(setting.meaning, " " * INDENT)


def _suggested(family: Family) -> dict[str, dict[str, Any]]:
    """What a family suggests, by setting and algorithm."""
    found: dict[str, dict[str, Any]] = {}
    for algorithm in get_args(get_type_hints(TrainConfig)["algorithm"]):
        for name, value in suggestions(family, algorithm).items():
            found.setdefault(name, {})[algorithm] = value
    return found


def _type_name(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return "one of " + ", ".join(get_args(kind))
    return TYPE_NAMES[kind]


def _text(value: Any) -> str:
    """A value as it may be written after ``=``."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:_}" if isinstance(value, int) else f"{value:g}" if isinstance(value, float) else str(value)
