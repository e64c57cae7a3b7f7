"""A rule's entry in a rule file as a `Rule`: one key says the distribution, the others go with it."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeAlias

from gameagent_games.errors import RuleFileError, VariantError
from gameagent_games.field_types import nearest
from gameagent_games.variants.distributions import Choice, Distribution, Fixed, Integers, Permutation, Uniform
from gameagent_games.variants.variant import Rule

Fault: TypeAlias = Callable[..., RuleFileError]
"""Makes an error of a message and of the keys that lead from a rule's table to the place."""

EXTRAS: Final[Mapping[str, tuple[str, ...]]] = {
    "uniform": ("shape", "beyond"),
    "integers": ("shape", "beyond"),
    "choice": ("shape", "beyond", "weights"),
    "permutation": (),
    "fixed": (),
}
"""The keys that say a distribution, and what goes with each."""

EXAMPLES: Final = 'uniform = [0.5, 2.0], integers = [0, 3], choice = ["a", "b"], permutation = 4 or fixed = 1.0'
_ABOUT: Final = ("hidden", "unit", "meaning")
_KEYS: Final = f"a rule has one of {', '.join(EXTRAS)}, and may have shape, beyond, weights, {', '.join(_ABOUT)}"


def keeps_distribution(entry: Any) -> bool:
    """Whether a rule's entry says something of the rule, but not its distribution."""
    return isinstance(entry, Mapping) and bool(entry) and set(entry) <= set(_ABOUT)


def rule_of(name: str, entry: Any, fault: Fault) -> Rule | None:
    """A rule as its entry says: a table, or a single value for a rule that is fixed; None if it says no distribution.

    Args:
        name: The rule's name.
        entry: What stands under the name.
        fault: Makes the errors.

    Raises:
        RuleFileError: The entry is not a rule.
    """
    if not isinstance(entry, Mapping):
        return Rule(name, _bare(entry, fault))
    _check_about(entry, fault)
    if keeps_distribution(entry):
        return None
    kind = _kind_of(entry, fault)
    allowed = (kind, *EXTRAS[kind], *_ABOUT)
    for key in entry:
        if key not in allowed:
            about = f"a rule with {kind} has {', '.join(allowed)}" if _is_known(key) else _KEYS
            raise fault(unknown_key(key, allowed, about), key)
    try:
        return Rule(name, _BUILD[kind](entry, fault), **{key: entry[key] for key in _ABOUT if key in entry})
    except VariantError as error:
        if isinstance(error, RuleFileError):
            raise
        raise fault(str(error), kind) from None


def _check_about(entry: Mapping[str, Any], fault: Fault) -> None:
    if not isinstance(entry.get("hidden", True), bool):
        raise fault(f"got {shown(entry['hidden'])}, expected true or false", "hidden")
    for key in ("unit", "meaning"):
        if not isinstance(entry.get(key, ""), str):
            raise fault(f"got {shown(entry[key])}, expected a text", key)


def _kind_of(entry: Mapping[str, Any], fault: Fault) -> str:
    kinds = [key for key in entry if key in EXTRAS]
    if len(kinds) > 1:
        raise fault(f"has both {kinds[0]!r} and {kinds[1]!r}, expected one of {', '.join(EXTRAS)}", kinds[1])
    if kinds:
        return kinds[0]
    if unknown := [key for key in entry if not _is_known(key)]:
        raise fault(unknown_key(unknown[0], EXTRAS, _KEYS), unknown[0])
    raise fault(f"says no distribution, expected {EXAMPLES}")


def unknown_key(key: str, known: Iterable[str], about: str, hint: str = "") -> str:
    """What to say of a key that is none of those known, or else the hint, and in brackets what there is."""
    return f"unknown key {key!r}{nearest(key, known) or hint} ({about})"


def _is_known(key: str) -> bool:
    return key in EXTRAS or key in _ABOUT or any(key in extras for extras in EXTRAS.values())


def _bare(entry: Any, fault: Fault) -> Distribution:
    if isinstance(entry, list):
        raise fault(f"got {shown(entry)}, expected what the numbers mean, as in {{ uniform = [0.5, 2.0] }} or "
                    "{ choice = [1, 2, 5] }; a rule that is fixed at a list is { fixed = [...] }")  # fmt: skip
    try:
        return Fixed(entry)
    except VariantError as error:
        raise fault(str(error)) from None


# -- distributions --------------------------------------------------------------------------------------------


def _uniform(entry: Mapping[str, Any], fault: Fault) -> Uniform:
    beyond = _intervals(entry["beyond"], "beyond", fault) if "beyond" in entry else []
    return Uniform(*_intervals(entry["uniform"], "uniform", fault), shape=_shape(entry, fault), beyond=beyond)


def _intervals(given: Any, key: str, fault: Fault) -> list[tuple[float, float]]:
    """``[low, high]``, or a list of those."""
    if isinstance(given, list) and given:
        listed = given if all(isinstance(one, list) for one in given) else [given]
        if all(len(one) == 2 and all(map(_is_number, one)) for one in listed):
            return [(low, high) for low, high in listed]
    raise fault(f"got {shown(given)}, expected [low, high], or several intervals [[low, high], [low, high]]", key)


def _integers(entry: Mapping[str, Any], fault: Fault) -> Integers:
    low, high = _ends(entry["integers"], "integers", fault)
    beyond = _ends(entry["beyond"], "beyond", fault) if "beyond" in entry else None
    return Integers(low, high, shape=_shape(entry, fault), beyond=beyond)


def _ends(given: Any, key: str, fault: Fault) -> tuple[int, int]:
    if isinstance(given, list) and len(given) == 2 and all(type(end) is int for end in given):
        return given[0], given[1]
    raise fault(f"got {shown(given)}, expected [lowest, highest], two whole numbers, both of them included", key)


def _choice(entry: Mapping[str, Any], fault: Fault) -> Choice:
    for key, what in (("choice", "values"), ("beyond", "values"), ("weights", "numbers, one per value")):
        if not isinstance(entry.get(key, []), list):
            raise fault(f"got {shown(entry[key])}, expected a list of {what}", key)
    values, weights = entry["choice"], entry.get("weights", [])
    if "weights" in entry and len(weights) != len(values):
        raise fault(f"got {len(weights)} weights for {len(values)} values, expected one each", "weights")
    if not all(_is_number(weight) and weight > 0 for weight in weights):
        raise fault(f"got {shown(weights)}, expected positive numbers", "weights")
    return Choice(tuple(values), _shape(entry, fault), tuple(entry.get("beyond", ())), tuple(weights))


def _permutation(entry: Mapping[str, Any], fault: Fault) -> Permutation:
    return Permutation(entry["permutation"])


def _fixed(entry: Mapping[str, Any], fault: Fault) -> Fixed:
    given = entry["fixed"]
    return Fixed(tuple(given) if isinstance(given, list) else given)


def _shape(entry: Mapping[str, Any], fault: Fault) -> tuple[int, ...]:
    given = entry.get("shape", [])
    lengths = given if isinstance(given, list) else [given]
    if len(lengths) > 1 or not all(type(length) is int and length >= 1 for length in lengths):
        raise fault(f"got {shown(given)}, expected the length of an array rule, such as 4", "shape")
    return tuple(lengths)


_BUILD: Final[Mapping[str, Callable[[Mapping[str, Any], Fault], Distribution]]] = {
    "uniform": _uniform,
    "integers": _integers,
    "choice": _choice,
    "permutation": _permutation,
    "fixed": _fixed,
}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def shown(value: Any) -> str:
    """A value as TOML spells it, near enough, and shortened."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        text = f"[{', '.join(map(shown, value))}]"
    else:
        text = f'"{value}"' if isinstance(value, str) else "a table" if isinstance(value, Mapping) else repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
