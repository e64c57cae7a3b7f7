"""Environments on which an attribute was set, beside those that were made with its value."""

import inspect
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gameagent_games.conformance.probe.changes import base_variants, changes_of
from gameagent_games.conformance.probe.policies import make_policies
from gameagent_games.conformance.probe.traces import Stage, longest
from gameagent_games.errors import GamesError
from gameagent_games.interface import Family
from gameagent_games.sources.environments.adapters import make_playable
from gameagent_games.sources.environments.recipe import EnvironmentRecipe, Reach, Rules, imported
from gameagent_games.sources.environments.source import EnvironmentSource
from gameagent_games.variants.variant import Rule

STEPS: Final = 200  # of each trial that is compared
MOST_CHANGES: Final = 3  # values of the rule that are tried in each base variant
LARGEST_ARRAY: Final = 1000  # entries of an attribute that is compared
SHOWN_NAMES: Final = 4


class Freshness(NamedTuple):
    """What came of the comparison.

    Attributes:
        is_stale: Whether play differs from that of an environment made with the value.
        names: Attributes that keep an old value.
        note: What is the matter, and what to do; empty if nothing is.
    """

    is_stale: bool = False
    names: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class FreshRecipe(EnvironmentRecipe):
    """Makes environments as if an attribute had had its rule's value from the start.

    While the environment is made, whatever value is assigned to the attribute, the rule's is. So all that is computed
    from it is computed from the rule's value.

    Attributes:
        fresh: Path of the attribute.
    """

    fresh: str = ""

    def make(self, rules: Rules, pictures: bool = False) -> Any:
        """See `EnvironmentRecipe.make`."""
        plain = super().make(rules, pictures)
        kind = type(owner_of(plain, self.fresh))
        plain.close()
        with made_with(kind, self.fresh.rpartition(".")[2], self.rules_by("attribute", rules)[self.fresh]):
            return super().make(rules, pictures)


@contextmanager
def made_with(kind: type, name: str, value: Any) -> Iterator[None]:
    """Within it, objects of a class get ``value`` whenever somebody sets their attribute ``name``.

    Raises:
        TypeError: The class is not one of Python's own making.
    """
    own = vars(kind).get("__setattr__")
    holder = next((one for one in kind.__mro__ if name in vars(one)), None)
    before: Any = kind.__setattr__

    def set_attribute(self: Any, attribute: str, given: Any) -> None:
        before(self, attribute, value if attribute == name else given)

    default = None if holder is None else vars(holder)[name]
    if hasattr(default, "__get__"):  # a property or the like, which keeps its value elsewhere
        holder = None
    setattr(kind, "__setattr__", set_attribute)  # noqa: B010  (mypy refuses the plain form)
    try:
        if holder is not None:
            setattr(holder, name, value)
        yield
    finally:
        if holder is not None:
            setattr(holder, name, default)
        if own is None:
            delattr(kind, "__setattr__")
        else:
            setattr(kind, "__setattr__", own)  # noqa: B010


def owner_of(environment: Any, path: str) -> Any:
    """The object whose attribute a path names."""
    for part in path.split(".")[:-1]:
        environment = getattr(environment, part)
    return environment


def compare_with_fresh(family: Family, rule: Rule) -> Freshness:
    """Compares environments on which a rule sets an attribute with those that are made with its value.

    If the constructor has a keyword of the attribute's or the rule's name, they are made by it; else as `FreshRecipe`
    does. Where neither can be done, nothing is said.

    Args:
        family: Its games are environments.
        rule: One that goes by attribute.
    """
    source = family.source
    assert isinstance(source, EnvironmentSource), "only environments have attributes"
    recipe = source.recipe
    reach = next(one for one in recipe.reaches if one.rule == rule.name)
    base = base_variants(family.space, 1)
    changes = changes_of(family.space, rule, base)
    if not changes:
        return Freshness()
    tried = [dict(family.space.variants(change.record)[0].rules) for change in changes[:MOST_CHANGES]]
    rules = tried[-1]
    keyword = _keyword(recipe, reach, rules)
    if keyword:
        reaches = tuple(replace(one, way="keyword", name=keyword) if one == reach else one for one in recipe.reaches)
        fresh = replace(recipe, reaches=reaches)
    else:
        fresh = FreshRecipe(**{name: getattr(recipe, name) for name in recipe.__dataclass_fields__}, fresh=reach.name)
    try:  # with several values, as one of them may be what the environment has by itself
        if not all(_is_kept(recipe, reach.name, rules) for rules in tried):
            return Freshness(note=_undone(reach))
        stale = tuple(dict.fromkeys(name for rules in tried for name in _stale(recipe, fresh, reach.name, rules)))
    except Exception:  # an environment's own code may do anything when it is made in an unusual way
        return Freshness()
    differs = _plays_differently(family, replace(family, source=replace(source, recipe=fresh)), rule)
    return Freshness(differs, stale, _advice(reach, stale, keyword) if differs else "")


def _keyword(recipe: EnvironmentRecipe, reach: Reach, rules: Rules) -> str:
    """A keyword of the constructor that gives the attribute its value, if there is one."""
    names = {reach.name.rpartition(".")[2]: None, reach.rule: None}
    for name in names:
        reaches = tuple(replace(one, way="keyword", name=name) if one == reach else one for one in recipe.reaches)
        try:
            if name not in _parameters(recipe, rules):
                continue
            environment = replace(recipe, reaches=reaches).make(rules)
        except GamesError:  # it refuses the value
            continue
        with closing(environment):
            if _equal(getattr(owner_of(environment, reach.name), reach.name.rpartition(".")[2]), rules[reach.rule]):
                return name
    return ""


def _parameters(recipe: EnvironmentRecipe, rules: Rules) -> frozenset[str]:
    """Names that the constructor or factory takes."""
    kind, _, _ = recipe.game.partition(":")
    if kind not in ("gymnasium", "pettingzoo"):
        return frozenset(inspect.signature(imported(recipe.game, "game")).parameters)
    environment = recipe.make(rules)
    with closing(environment):
        return frozenset(inspect.signature(type(environment.unwrapped).__init__).parameters)


def _is_kept(recipe: EnvironmentRecipe, path: str, rules: Rules) -> bool:
    """Whether an attribute that is set keeps its value when the environment is reset."""
    name = path.rpartition(".")[2]
    with closing(recipe.make(rules)) as environment:
        owner = owner_of(environment, path)
        setattr(owner, name, recipe.rules_by("attribute", rules)[path])
        given = _numbers_of(getattr(owner, name))
        environment.reset(seed=0)
        return _equal(getattr(owner_of(environment, path), name), given)


def _stale(recipe: EnvironmentRecipe, fresh: EnvironmentRecipe, path: str, rules: Rules) -> list[str]:
    """Names of attributes that differ between the two ways when the environment has been made, and after a reset."""
    name = path.rpartition(".")[2]
    with closing(make_playable(recipe, rules)) as here, closing(make_playable(fresh, rules)) as there:
        if not _equal(getattr(owner_of(there.environment, path), name), recipe.rules_by("attribute", rules)[path]):
            raise LookupError(f"{path} cannot be set while the environment is made")
        made = _differing(here.environment, there.environment, path)
        here.reset(0)
        there.reset(0)
        later = _differing(here.environment, there.environment, path)
    return [one for one in made if one in later and one != name]


def _differing(here: Any, there: Any, path: str) -> list[str]:
    """Names of numbers that differ between two environments: where the attribute is, and in the innermost."""
    found: dict[str, None] = {}
    for first, second in (
        (owner_of(here, path), owner_of(there, path)),
        (getattr(here, "unwrapped", here), getattr(there, "unwrapped", there)),
    ):
        ours, theirs = _numbers(first), _numbers(second)
        found |= dict.fromkeys(name for name in ours if name in theirs and not _equal(ours[name], theirs[name]))
    return list(found)


def _numbers(owner: Any) -> dict[str, NDArray[Any]]:
    """The attributes of an object that are numbers, or arrays of a few."""
    found = {}
    attributes: Mapping[str, Any] = getattr(owner, "__dict__", {})
    for name, value in attributes.items():
        if isinstance(value, bool | int | float | np.number | np.ndarray | tuple | list):
            try:
                array = np.asarray(value)
            except ValueError:  # of no common shape
                continue
            if array.dtype.kind in "biuf" and array.size <= LARGEST_ARRAY:
                found[name] = array
    return found


def _equal(first: Any, second: Any) -> bool:
    here, there = _numbers_of(first), _numbers_of(second)
    if isinstance(here, np.ndarray) and isinstance(there, np.ndarray):
        return np.array_equal(here, there)
    return bool(first == second)


def _numbers_of(value: Any) -> Any:
    """A copy of the numbers that a value is, or consists of, such as a vector of some engine; else the value itself."""
    for form in (lambda: value, lambda: list(value)):
        try:
            return np.array(form(), np.float64)
        except (TypeError, ValueError):
            continue
    return value


def _plays_differently(family: Family, fresh: Family, rule: Rule) -> bool:
    """Whether some trial of a variant differs between two ways of making its environment."""
    num_steps = min(STEPS, family.max_steps * family.num_episodes, longest(family))
    policies = make_policies(family, num_steps, 0)
    with Stage(family) as here, Stage(fresh) as there:
        for base in base_variants(family.space, 2).reshape(-1, 1):
            changes = [one for one in changes_of(family.space, rule, base) if one.entry is None]
            for change in changes[:MOST_CHANGES]:
                for policy in policies:
                    reference = here.play(change.record, 0, policy, num_steps)
                    difference = there.first_difference(reference, change.record, 0, policy)
                    if difference is not None and not difference.failure and not reference[-1].failure:
                        return True
    return False


def _undone(reach: Reach) -> str:
    return (
        f"reset() gives {reach.name!r} another value, so what is set before has no effect: pass the value to the "
        'constructor instead, by reach "keyword", or write a factory whose environment resets with it'
    )


def _advice(reach: Reach, stale: tuple[str, ...], keyword: str) -> str:
    shown = ", ".join(stale[:SHOWN_NAMES]) + (", ..." if len(stale) > SHOWN_NAMES else "")
    what = (
        f"{shown} {'is' if len(stale) == 1 else 'are'} computed when the environment is made and "
        f"{'keeps its' if len(stale) == 1 else 'keep their'} old value"
        if stale
        else "play differs from that of an environment made with the value"
    )
    if keyword:
        reached = "keyword" if keyword == reach.rule else f"keyword {keyword}"
        return f'{what}: pass it to the constructor instead, by reach "{reached}"'
    return f"{what}: set that, too, in a factory that makes the environment"
