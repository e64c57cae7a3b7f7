"""``gameagent train --help-settings``: every setting of a run, from the one place where it is defined."""

from collections.abc import Iterator
from typing import Any

from gameagent.config import shared_settings, suggestions
from gameagent.methods.registry import METHODS
from gameagent.settings import SettingField, settings_of
from gameagent_games.interface import Family
from gameagent_sdk.console.plain_text import wrapped

TYPE_NAMES = {int: "whole number", float: "number", bool: "true or false", str: "text"}
INDENT = 22  # columns of the settings' names


def explain_settings(family: Family | None = None) -> Iterator[str]:
    """Lines for a terminal: the shared settings, then those of each method.

    Args:
        family: Whose suggestions to show beside the defaults.

    Raises:
        ConfigError: The family suggests something that is not a setting, or a value of the wrong type.
    """
    yield "Settings of a run: --set NAME=VALUE, or NAME = VALUE in the file of --config."
    if family is not None:
        yield f"What {family.name} suggests replaces a default; what you give replaces both."
    suggested = {} if family is None else {name: suggestions(family, name) for name in METHODS}
    shared = [one for name, one in shared_settings().items() if name != "family"]  # an argument of its own
    groups = [(tuple(METHODS), shared), *own_settings()]
    for methods, settings in groups:
        yield ""
        yield "for every algorithm:" if settings is shared else f"for algorithm {' and '.join(methods)}:"
        for one in settings:
            values = {by: suggested[by][one.name] for by in methods if one.name in suggested.get(by, {})}
            yield from _explained(one, values, everywhere=len(values) == len(methods))


def own_settings() -> list[tuple[tuple[str, ...], list[SettingField]]]:
    """The settings that are not shared by all methods, those of the same methods together."""
    owners: list[tuple[SettingField, list[str]]] = []
    for name, method in METHODS.items():
        for one in settings_of(method.config).values():
            known = next((by for other, by in owners if other == one), None)
            if known is None:
                owners.append((one, [name]))
            else:
                known.append(name)
    groups: dict[tuple[str, ...], list[SettingField]] = {}
    for one, methods in owners:
        groups.setdefault(tuple(methods), []).append(one)
    return list(groups.items())


def _explained(one: SettingField, suggested: dict[str, Any], everywhere: bool) -> Iterator[str]:
    """Lines for one setting.

    Args:
        one: The setting.
        suggested: What the family suggests, by algorithm.
        everywhere: Whether it does so for every algorithm that has the setting.
    """
    facts = [allowed_values(one), f"default {as_typed(one.default)}"]
    if suggested:
        values = set(map(as_typed, suggested.values()))
        same = everywhere and len(values) == 1
        shown = values if same else {f"{as_typed(value)} for {by}": None for by, value in suggested.items()}
        facts.append(f"suggested {', '.join(shown)}")
    yield from wrapped("; ".join(facts), f"  {one.name:{INDENT - 2}}", " " * INDENT)
    yield from wrapped(one.setting.meaning, " " * INDENT)


def allowed_values(one: SettingField) -> str:
    """What a setting may be: "number from 0 to 1"."""
    kind = "one of " + ", ".join(one.options) if one.options else TYPE_NAMES[one.kind]
    return f"{kind} {one.setting.range}".strip()


def as_typed(value: Any) -> str:
    """A value as it may be written after ``=``."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:_}" if isinstance(value, int) else f"{value:g}" if isinstance(value, float) else str(value)
