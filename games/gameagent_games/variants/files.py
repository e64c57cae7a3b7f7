"""Variants and variant spaces as JSON and TOML.

A file of variants names its family and lists tables of rules; a single variant may have a table of its own:

    family = "gridnavi"

    [[variants]]
    goal = "4,4"

A space is a list of rules in order, each with its distribution's name and arguments (`space_to_dict`).
"""

import json
import tomllib
from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import tomli_w

from gameagent_games.errors import VariantError
from gameagent_games.variants.distributions import Choice, Distribution, Fixed, Integers, Permutation, Uniform
from gameagent_games.variants.variant import Rule, Variant, VariantSpace

SUFFIXES = (".json", ".toml")


def write_variants(path: str | PathLike[str], family_name: str, variants: Sequence[Variant]) -> None:
    """Writes variants to a ``.json`` or ``.toml`` file.

    Args:
        path: The file; an existing one is replaced.
        family_name: Name of the family that the variants belong to.
        variants: One or many.

    Raises:
        VariantError: The suffix is another one, or there is no variant.
    """
    if not variants:
        raise VariantError(f"{path}: no variants to write, expected at least one")
    table = {"family": family_name, "variants": [dict(variant.rules) for variant in variants]}
    is_json = _suffix(path) == ".json"
    text = json.dumps(table, indent=2, ensure_ascii=False) + "\n" if is_json else tomli_w.dumps(table)
    Path(path).write_text(text, encoding="utf-8", newline="\n")


def read_variants(path: str | PathLike[str], space: VariantSpace, family_name: str | None = None) -> list[Variant]:
    """Reads the variants of a ``.json`` or ``.toml`` file.

    Args:
        path: The file.
        space: The space that the variants must belong to, within its training range or beyond it.
        family_name: The family that the file must name; None accepts any.

    Returns:
        The variants as the space spells them: each has the same id as the one written.

    Raises:
        VariantError: The file cannot be read or parsed, or a variant does not fit the space; the message names the
            place.
    """
    table = _read_table(path)
    if unknown := sorted(set(table) - {"family", "variant", "variants"}):
        raise VariantError(f"{path}: unknown key {unknown[0]!r}; a file of variants has 'family' and 'variants'")
    if family_name is not None and table.get("family") != family_name:
        raise VariantError(f"{path}: is for the family {table.get('family')!r}, expected {family_name!r}")
    if ("variant" in table) == ("variants" in table):
        raise VariantError(f"{path}: expected either a list 'variants' or a single table 'variant'")
    listed = table["variants"] if "variants" in table else [table["variant"]]
    if not isinstance(listed, list) or not listed:
        raise VariantError(f"{path}: 'variants' must be a list of at least one table")
    return [_canonical(space, variant, f"{path}: variant {number}") for number, variant in enumerate(listed, 1)]


def space_to_dict(space: VariantSpace) -> dict[str, Any]:
    """A space as plain values, for JSON or TOML.

    Example: ``{"rules": [{"name": "speed", "distribution": "uniform", "intervals": [[0.5, 2.0]]}]}``
    """
    held_out = {} if space.hold_out == "combinations" else {"hold_out": space.hold_out}
    constraints = {"constraints": list(space.constraints)} if space.constraints else {}
    return {"rules": [_rule_to_dict(rule) for rule in space.rules], **held_out, **constraints}


def space_from_dict(table: Any) -> VariantSpace:
    """The space that `space_to_dict` described, or that a person wrote.

    Args:
        table: As JSON or TOML give it: ``{"rules": [{"name": …, "distribution": …, …}, …]}``, "hold_out" unless it is
            "combinations", and the list "constraints" if there are any.

    Raises:
        VariantError: An unknown key or distribution, or arguments that its distribution refuses; the message names
            the rule.
    """
    known = isinstance(table, Mapping) and {"rules"} <= set(table) <= {"rules", "hold_out", "constraints"}
    if not known or not isinstance(table["rules"], list):
        raise VariantError(f"a variant space is a table with a list 'rules', got {_shortened(table)}")
    rules = tuple(_rule_from_dict(rule, number) for number, rule in enumerate(table["rules"], 1))
    return VariantSpace(rules, table.get("hold_out", "combinations"), table.get("constraints", ()))


# -- rules and distributions ----------------------------------------------------------------------------------


def _uniform(
    intervals: Sequence[tuple[float, float]], shape: Sequence[int] = (), beyond: Sequence[tuple[float, float]] = ()
) -> Uniform:
    if not isinstance(intervals, list):
        raise VariantError(f"intervals is {intervals!r}, expected a list of intervals [low, high]")
    return Uniform(*intervals, shape=tuple(shape), beyond=beyond)


def _fixed(value: Any, of: Any = None) -> Fixed:
    return Fixed(value, None if of is None else _rule_from_dict({"name": "of", **of}, 1).distribution)


_DISTRIBUTIONS: dict[str, tuple[type, tuple[str, ...], Callable[..., Distribution]]] = {
    "uniform": (Uniform, ("intervals", "shape", "beyond"), _uniform),
    "integers": (Integers, ("low", "high", "shape", "beyond"), Integers),
    "choice": (Choice, ("values", "shape", "beyond", "weights", "known"), Choice),
    "permutation": (Permutation, ("size",), Permutation),
    "fixed": (Fixed, ("value", "of"), _fixed),
}
"""Each distribution's name in files: its type, its arguments, and what builds it from them."""

_RULE_TEXTS = ("unit", "meaning")


def _rule_to_dict(rule: Rule) -> dict[str, Any]:
    for kind, (type_, arguments, _) in _DISTRIBUTIONS.items():
        if type(rule.distribution) is type_:
            given = {name: _plain_argument(getattr(rule.distribution, name)) for name in arguments}
            kept = {name: value for name, value in given.items() if value is not None and value != []}
            texts = {name: getattr(rule, name) for name in _RULE_TEXTS if getattr(rule, name)}
            return {"name": rule.name, "distribution": kind, **kept, "hidden": rule.hidden, **texts}
    raise VariantError(f"rule {rule.name!r}: a {type(rule.distribution).__name__} has no form in files")


def _rule_from_dict(table: Any, number: int) -> Rule:
    if not isinstance(table, Mapping) or not isinstance(table.get("name"), str):
        raise VariantError(f"rule {number}: expected a table with a 'name', got {_shortened(table)}")
    place = f"rule {table['name']!r}"
    kind = table.get("distribution")
    if not isinstance(kind, str) or kind not in _DISTRIBUTIONS:
        raise VariantError(f"{place}: no distribution {kind!r}; choose one of {', '.join(_DISTRIBUTIONS)}")
    _, arguments, build = _DISTRIBUTIONS[kind]
    known = ("name", "distribution", *arguments, "hidden", *_RULE_TEXTS)
    if unknown := sorted(set(table) - set(known)):
        raise VariantError(f"{place}: unknown key {unknown[0]!r}; a rule with {kind} has {', '.join(known)}")
    hidden, texts = table.get("hidden", True), {name: table[name] for name in _RULE_TEXTS if name in table}
    if not isinstance(hidden, bool) or not all(isinstance(text, str) for text in texts.values()):
        raise VariantError(f"{place}: 'hidden' must be true or false, {' and '.join(map(repr, _RULE_TEXTS))} texts")
    try:
        distribution = build(**{name: table[name] for name in arguments if name in table})
    except (VariantError, TypeError, ValueError) as error:
        raise VariantError(f"{place}: {kind}: {error}") from None
    return Rule(table["name"], distribution, hidden, **texts)


def _plain_argument(value: Any) -> Any:
    if value is None or not hasattr(value, "draw"):
        return _lists(value)
    table = _rule_to_dict(Rule("of", value))
    return {key: table[key] for key in table if key not in ("name", "hidden")}


def _lists(value: Any) -> Any:
    return [_lists(one) for one in value] if isinstance(value, tuple | list) else value


# -- files ----------------------------------------------------------------------------------------------------


def _suffix(path: str | PathLike[str]) -> str:
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        raise VariantError(f"{path}: suffix {suffix!r}, expected {' or '.join(SUFFIXES)}")
    return suffix


def _read_table(path: str | PathLike[str]) -> dict[str, Any]:
    suffix = _suffix(path)
    try:
        text = Path(path).read_text(encoding="utf-8")
        table = json.loads(text, object_pairs_hook=_without_repeats) if suffix == ".json" else tomllib.loads(text)
    except OSError as error:
        raise VariantError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:  # both parsers' messages give line and column
        raise VariantError(f"{path}: is not valid {suffix[1:].upper()}: {error}") from error
    if not isinstance(table, dict):
        raise VariantError(f"{path}: expected a table with 'family' and 'variants', got {_shortened(table)}")
    return table


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"key {next(name for name in names if names.count(name) > 1)!r} occurs twice in a table")
    return table


def _canonical(space: VariantSpace, variant: Any, place: str) -> Variant:
    try:
        return space.canonical(variant)
    except VariantError as error:
        raise VariantError(f"{place}: {error}") from None


def _shortened(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
