"""A family as a rule file changes it: narrower or wider ranges, other weights, rules fixed, hidden or shown."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gameagent_games.errors import RuleFileError, VariantError
from gameagent_games.field_types import nearest
from gameagent_games.interface import Family
from gameagent_games.variants.constraints import read_constraint
from gameagent_games.variants.distributions import Choice, Distribution, Fixed, Integers, Permutation, Uniform
from gameagent_games.variants.rule_files import RuleFile
from gameagent_games.variants.splits.interface import HoldOut
from gameagent_games.variants.variant import Rule, VariantSpace


def apply_to_family(rule_file: RuleFile, family: Family) -> Family:
    """A family with the rules, the episodes and whatever else a rule file says in place of its own.

    Rules that the file does not name stay as they are, and so do the family's own constraints, to which those of the
    file are added. Numbers may leave the family's range; such a family is checked like one from elsewhere
    (`Family.is_trusted`). Names, flags, orders and the lengths of array rules are what the rules were written for:
    there may be fewer names, but no others. A ceiling is known for the family's own rules alone.

    Args:
        rule_file: What to change.
        family: The game that it names.

    Raises:
        RuleFileError: A rule is misspelt, or is given values that the game's rules were not written for.
    """
    if rule_file.says("environment"):
        raise rule_file.error(f"{family.name!r} is a family of rules, which has no environment", "environment")
    own = {rule.name: rule for rule in family.space.rules}
    for name in (*(rule.name for rule in rule_file.rules), *rule_file.kept):
        if name not in own:
            listed = f"no rule named {name!r} in {family.name!r}; its rules are {', '.join(own)}"
            raise rule_file.error(listed + nearest(name, own), "rules", name)
    changed = {rule.name: _fitted(rule_file, own[rule.name], rule) for rule in rule_file.rules}
    changed |= {name: replace(own[name], **about) for name, about in rule_file.kept.items()}
    rules = tuple(changed.get(name, rule) for name, rule in own.items())
    space = _space(rule_file, rules, family.space.hold_out, family.space.constraints)
    widened = any(_is_wider(rule.distribution, own[name].distribution) for name, rule in changed.items())
    return replace(
        family,
        space=space,
        num_episodes=rule_file.num_episodes or family.num_episodes,
        ceiling=family.ceiling if space.rules == family.space.rules and not rule_file.constraints else None,
        rule_file=rule_file,
        widened=family.widened or widened,
    )


def space_of(rule_file: RuleFile) -> VariantSpace:
    """The space of variants of a rule file alone, for a game that has none of its own.

    Raises:
        RuleFileError: There is no rule, a rule has no distribution, or rules, constraints and ``hold_out`` do not go
            together.
    """
    for name in rule_file.kept:
        raise rule_file.error("says no distribution, such as uniform = [0.5, 2.0] or choice = [1, 2]", "rules", name)
    if not rule_file.rules:
        raise rule_file.error("names no rule; expected a table such as [rules.gravity]", *_known(rule_file, "rules"))
    return _space(rule_file, rule_file.rules)


def _known(rule_file: RuleFile, key: str) -> tuple[str, ...]:
    return (key,) if rule_file.says(key) else ()


def _space(
    rule_file: RuleFile, rules: tuple[Rule, ...], hold_out: HoldOut = "combinations", constraints: Sequence[str] = ()
) -> VariantSpace:
    for index, text in enumerate(rule_file.constraints):
        try:
            read_constraint(text, rules)
        except VariantError as error:
            raise rule_file.error(str(error), "constraints", index) from None
    try:
        space = VariantSpace(rules, "combinations", (*constraints, *rule_file.constraints))
    except VariantError as error:
        raise rule_file.error(str(error), *_known(rule_file, "constraints")) from None
    try:
        return replace(space, hold_out=rule_file.hold_out or hold_out)
    except VariantError as error:
        raise rule_file.error(str(error), *_known(rule_file, "hold_out")) from None


# -- one rule -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Values:
    """What values a family's rules were written for.

    Attributes:
        words: In words.
        kinds: The distributions that have such values, as rule files name them.
    """

    words: str
    kinds: tuple[str, ...]


_NUMBERS = _Values("real numbers", ("uniform", "choice", "fixed"))
_WHOLE = _Values("whole numbers", ("integers", "choice", "fixed"))
_FLAGS = _Values("true or false", ("choice", "fixed"))
_NAMES = _Values("names", ("choice", "fixed"))
_ORDERS = _Values("orders", ("permutation", "fixed"))


def _values_of(distribution: Distribution) -> _Values:
    if isinstance(distribution, Permutation) or (
        isinstance(distribution, Fixed) and isinstance(distribution.of, Permutation)
    ):
        return _ORDERS
    if getattr(distribution, "names", ()):
        return _NAMES
    shown = distribution.show(distribution.draw(np.random.default_rng(0), 1)[0])
    if isinstance(shown[0] if distribution.shape else shown, bool):
        return _FLAGS
    return _NUMBERS if distribution.dtype.kind == "f" else _WHOLE


def _fitted(rule_file: RuleFile, own: Rule, given: Rule) -> Rule:
    """The rule of the file, with whatever it leaves open as the family has it."""

    def fault(message: str, *keys: str) -> RuleFileError:
        return rule_file.error(message, "rules", given.name, *keys)

    values, entry = _values_of(own.distribution), rule_file.table["rules"][given.name]
    kind = next((kind for kind in _KINDS if isinstance(entry, dict) and kind in entry), "fixed")
    keys = (kind,) if isinstance(entry, dict) else ()
    if kind not in values.kinds:
        raise fault(f"the rule's values are {values.words}, expected {' or '.join(values.kinds)}", *keys)
    _check_shape(own, given, fault, rule_file.says("rules", given.name, "shape"))
    try:
        distribution = _FIT[values](own.distribution, given.distribution)
    except VariantError as error:
        raise fault(str(error), *keys) from None
    about = {key: getattr(given if rule_file.says("rules", given.name, key) else own, key) for key in _ABOUT}
    return Rule(given.name, distribution, **about)


_KINDS = ("uniform", "integers", "choice", "permutation", "fixed")
_ABOUT = ("hidden", "unit", "meaning")


def _check_shape(own: Rule, given: Rule, fault: Any, says_shape: bool) -> None:
    """A length must be the family's; a single fixed value, or a distribution without one, is for every entry."""
    wanted, found = own.distribution.shape, given.distribution.shape
    if found != wanted and (says_shape or found != ()):
        number = f"{math.prod(wanted)} values" if wanted else "a single value"
        has = f"{math.prod(found)} values" if found else "a single value"
        raise fault(f"has {has}, but the rule has {number}", *(["shape"] if says_shape else []))


def _spread(given: Fixed, shape: tuple[int, ...]) -> Any:
    """A fixed value, once for each entry of an array rule."""
    return given.value if given.shape == shape else (given.value,) * shape[0]


def _fit_numbers(own: Distribution, given: Distribution) -> Distribution:
    if isinstance(given, Uniform):
        return Uniform(*given.intervals, shape=own.shape, beyond=given.beyond)
    if isinstance(given, Choice):
        _require_numbers((*given.values, *given.beyond), "numbers")
        inside, outside = (tuple(map(float, part)) for part in (given.values, given.beyond))
        return Choice(inside, own.shape, outside, given.weights)
    return Fixed(_each(_spread_fixed(own, given, "a number"), float))


def _fit_whole(own: Distribution, given: Distribution) -> Distribution:
    if isinstance(given, Integers):
        return replace(given, shape=own.shape)
    if isinstance(given, Choice):
        _require_numbers((*given.values, *given.beyond), "whole numbers")
        return replace(given, shape=own.shape)
    return Fixed(_each(_spread_fixed(own, given, "a whole number"), int))


def _spread_fixed(own: Distribution, given: Distribution, what: str) -> Any:
    assert isinstance(given, Fixed)
    value = _spread(given, own.shape)
    _require_numbers(value if isinstance(value, tuple) else (value,), what)
    return value


def _require_numbers(values: Sequence[Any], what: str) -> None:
    whole = "whole" in what
    for value in values:
        if isinstance(value, bool | str) or (whole and value != int(value)):
            raise VariantError(f"got {value!r}, expected {what}")


def _each(value: Any, to: type) -> Any:
    return tuple(map(to, value)) if isinstance(value, tuple) else to(value)


def _fit_listed(own: Distribution, given: Distribution) -> Distribution:
    """Flags or names: some of those that the rules know, stored as the family stores them."""
    known = tuple(getattr(own, "names", ()))
    allowed: tuple[Any, ...] = known or (False, True)
    if isinstance(given, Choice):
        for value in (*given.values, *given.beyond):
            if value not in allowed or isinstance(value, bool) == bool(known):
                raise VariantError(_none_of(value, allowed))
        return replace(given, shape=own.shape, known=known)
    assert isinstance(given, Fixed)
    value = _spread(given, own.shape)
    for one in value if isinstance(value, tuple) else (value,):
        if one not in allowed or isinstance(one, bool) == bool(known):
            raise VariantError(_none_of(one, allowed))
    return Fixed(value, of=Choice(allowed, own.shape))


def _none_of(value: Any, allowed: tuple[Any, ...]) -> str:
    listed = ", ".join(map(repr, allowed)) if isinstance(allowed[0], str) else "true or false"
    hint = nearest(value, allowed) if isinstance(value, str) and isinstance(allowed[0], str) else ""
    return f"got {value!r}, expected {listed}{hint}"


def _fit_order(own: Distribution, given: Distribution) -> Distribution:
    size = own.shape[0]
    if isinstance(given, Fixed):
        return Fixed(given.value, of=Permutation(size))
    return given  # a permutation; its length has been compared


_FIT = {_NUMBERS: _fit_numbers, _WHOLE: _fit_whole, _FLAGS: _fit_listed, _NAMES: _fit_listed, _ORDERS: _fit_order}


# -- widening -------------------------------------------------------------------------------------------------


def _is_wider(given: Distribution, own: Distribution) -> bool:
    """Whether a rule can take values that the family itself never draws."""
    if _values_of(own) in (_FLAGS, _NAMES, _ORDERS):
        return False
    touching = 1 if own.dtype.kind == "i" else 0
    ranges: list[tuple[float, float]] = []
    for low, high in sorted(_ranges(own)):
        if ranges and low <= ranges[-1][1] + touching:
            ranges[-1] = (ranges[-1][0], max(high, ranges[-1][1]))
        else:
            ranges.append((low, high))
    return not all(any(low <= a and b <= high for low, high in ranges) for a, b in _ranges(given))


def _ranges(distribution: Distribution) -> list[tuple[float, float]]:
    """The ranges of a rule's numbers, those beyond the training range included; none for a kind that nobody knows."""
    if isinstance(distribution, Uniform):
        return [*distribution.intervals, *distribution.beyond]
    if isinstance(distribution, Integers):
        return [(distribution.low, distribution.high), *([distribution.beyond] if distribution.beyond else [])]
    values = distribution.options if isinstance(distribution, Choice) else ()
    if isinstance(distribution, Fixed):
        values = distribution.value if isinstance(distribution.value, tuple) else (distribution.value,)
    return [(float(value), float(value)) for value in values]
