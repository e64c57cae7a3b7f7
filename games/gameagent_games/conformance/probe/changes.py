"""Which variants are compared: a few base variants, and for each rule what may stand in its place there."""

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gameagent_games.variants.distributions import Choice, Distribution, Fixed, Integers, Permutation, Uniform
from gameagent_games.variants.variant import Rule, VariantSpace

MOST_VALUES: Final = 6  # of one rule
MOST_ENTRIES: Final = 16  # of an array rule that are changed alone
DRAWS: Final = 256  # of variants, in search of values that constraints allow
MOST_DRAWN: Final = 3  # of those values


class Change(NamedTuple):
    """A variant that differs from the base in one rule.

    Attributes:
        rule: The rule's name.
        entry: Which entry of an array rule alone is changed; None for all of it.
        record: The variant, ``(1,)``.
    """

    rule: str
    entry: int | None
    record: NDArray[Any]


def base_variants(space: VariantSpace, num: int) -> NDArray[Any]:
    """Variants of the training range, ``(num,)``, that differ in the options of their choices.

    What one rule does may depend on an option of another, so each base has the next option of every choice.
    """
    records = space.sample(num, 0, "all")
    for number in range(1, num):
        turned = records[[number]].copy()
        for rule in space.rules:
            options = rule.distribution.values if isinstance(rule.distribution, Choice) else ()
            if options and not rule.distribution.shape:
                first = options.index(rule.distribution.show(records[rule.name][0]))
                turned[rule.name] = rule.distribution.store(options[(first + number) % len(options)])
        if space.meets_constraints(turned)[0]:
            records[number] = turned[0]
    return records


def changes_of(space: VariantSpace, rule: Rule, base: NDArray[Any]) -> list[Change]:
    """What may stand in a rule's place: both ends of every range, every option, other orders; entries one by one.

    Args:
        space: The rule's.
        rule: What is changed; all other rules stay as they are.
        base: The variant ``(1,)`` that is changed.

    Returns:
        Variants that differ from the base and meet the constraints; drawn values if no end does, and none if the
        constraints leave no other value.
    """
    found = [_changed(base, rule, entry, value) for entry, value in _values(rule.distribution)]
    allowed = [change for change in found if _is_allowed(space, rule, base, change)]
    if allowed or isinstance(rule.distribution, Fixed):
        return allowed
    drawn = space.sample(DRAWS, 1, "all")[rule.name]
    found = [_changed(base, rule, None, value) for value in drawn]
    return [change for change in found if _is_allowed(space, rule, base, change)][:MOST_DRAWN]


def _changed(base: NDArray[Any], rule: Rule, entry: int | None, value: Any) -> Change:
    record = base.copy()
    if entry is None:
        record[rule.name] = value
    else:
        record[rule.name][0, entry] = value
    return Change(rule.name, entry, record)


def _is_allowed(space: VariantSpace, rule: Rule, base: NDArray[Any], change: Change) -> bool:
    differs = not np.array_equal(change.record[rule.name], base[rule.name])
    return differs and bool(space.meets_constraints(change.record)[0])


def _values(distribution: Distribution) -> list[tuple[int | None, Any]]:
    """Stored values of a rule, each with the entry that takes it; None for the whole rule."""
    if isinstance(distribution, Fixed):
        return []
    if isinstance(distribution, Permutation):
        order = np.arange(distribution.size)
        return [(None, one) for one in (order, order[::-1], np.roll(order, 1), np.roll(order, -1))]
    single = _single_values(distribution)
    if single is None:
        generator = np.random.default_rng(0)
        drawn = [distribution.draw(generator, MOST_VALUES)]
        drawn += [distribution.draw(generator, 2, True)] if distribution.has_beyond else []
        return [(None, value) for value in np.concatenate(drawn)]
    if not distribution.shape:
        return [(None, value) for value in single]
    size = distribution.shape[0]
    entries = np.unique(np.linspace(0, size - 1, min(size, MOST_ENTRIES)).round().astype(int)).tolist()
    ends = (single[0], single[-1])
    whole = [(None, np.full(distribution.shape, value, distribution.dtype)) for value in single]
    return [*whole, *((entry, value) for entry in entries for value in ends)]


def _single_values(distribution: Distribution) -> list[Any] | None:
    """Stored values that one entry may take, the ends first and last; None of distributions not known here."""
    ends: list[Any]
    if isinstance(distribution, Uniform):
        ends = sorted({end for pair in distribution.intervals + distribution.beyond for end in pair})
    elif isinstance(distribution, Integers):
        ends = sorted({distribution.low, distribution.high, *(distribution.beyond or ())})
    elif isinstance(distribution, Choice):
        ends = list(distribution.options)
    else:
        return None
    chosen = np.unique(np.linspace(0, len(ends) - 1, min(len(ends), MOST_VALUES)).round().astype(int)).tolist()
    if distribution.shape:
        return [distribution.store([ends[place]] * distribution.shape[0])[0] for place in chosen]
    return [distribution.store(ends[place]) for place in chosen]
