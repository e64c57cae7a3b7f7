"""From a rule file to the family of an environment."""

from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from gameagent_games.errors import FamilyError, GamesError
from gameagent_games.interface import Box, Family, Feature
from gameagent_games.sources.environments.recipe import WAYS, EnvironmentRecipe, Reach
from gameagent_games.sources.environments.source import AUTO, EnvironmentSource, action_names, look_at, time_limit
from gameagent_games.sources.environments.spaces import KINDS, Observations, Reading, read_actions, read_observations
from gameagent_games.sources.environments.worker import WorkerLimits
from gameagent_games.variants.variant import VariantSpace
from gameagent_sdk.authoring import BeliefSpec, PlanSpec

if TYPE_CHECKING:
    from gameagent_games.rule_files import RuleFile

DEADLINE: Final = 10.0  # seconds for a batch of steps
MEGABYTES: Final = 1024  # that a worker may grow by
KEYS: Final = {
    "keywords": Mapping, "reach": Mapping, "seat": str, "others": str, "actions": list, "max_steps": int,
    "observation": Mapping, "workers": (int, str), "deadline": (int, float), "worker_megabytes": int,
}  # fmt: skip
READING_KEYS: Final = {"kind": str, "pool": int, "channels": str, "high": int}
SHOWN: Final = {Mapping: "a table", str: "a text", list: "a list of texts", int: "a whole number"}


class EnvironmentKeyError(GamesError):
    """A key of the table [environment] is wrong; ``path`` says which, for whoever knows its line."""

    def __init__(self, path: tuple[str, ...], message: str) -> None:
        super().__init__(message)
        self.path = path


def environment_family(
    name: str, game: str, space: VariantSpace, table: Mapping[str, Any], num_episodes: int
) -> Family:
    """The family of an environment.

    Args:
        name: Of the family.
        game: "gymnasium:ID", "pettingzoo:package.module" or "package.module:function".
        space: Its rules.
        table: What the rule file has under [environment].
        num_episodes: Episodes of a trial.

    Raises:
        EnvironmentKeyError: A key is misspelt or has a wrong value.
        FamilyError: The environment cannot be made, or has spaces that cannot be read.
        MissingExtra: A package is not installed.
    """
    _check_keys(table, KEYS, ("environment",))
    recipe = EnvironmentRecipe(
        game, _reaches(space, table.get("reach", {})), dict(table.get("keywords", {})), table.get("seat", ""),
        table.get("others", "random"),
    )  # fmt: skip
    middle = space.variants(space.sample(1, 0, "all"))[0]
    playable, seen, done = look_at(recipe, middle.rules)
    try:
        observed = read_observations(seen, _readings(table.get("observation", {})), game)
        names = table.get("actions", ()) or action_names(playable.environment, getattr(done, "n", 0))
        actions, native = read_actions(done, names, game)
        has_mask = not isinstance(actions, Box) and any(mask is not None for mask in playable.masks)
        limit = table.get("max_steps") or time_limit(playable.environment)
        seats = tuple(getattr(playable, "seats", ()))
    finally:
        playable.close()
    if limit is None:
        raise EnvironmentKeyError(
            ("environment",),
            f"game {game!r} declares no time limit; say how many steps an episode may take: max_steps = 1000",
        )
    source = EnvironmentSource(
        recipe, PlanSpec(tuple(observed.parts), native, observed.mask, _shown(space)), has_mask, max(len(seats), 1),
        tuple(observed.dropped), _workers(table.get("workers", "auto")),
        WorkerLimits(float(table.get("deadline", DEADLINE)), table.get("worker_megabytes", MEGABYTES)),
    )  # fmt: skip
    return Family(
        name=name,
        summary=f"{game}, with rules from {name}.toml",
        source=source,
        space=space,
        features=_unique(observed, space),
        actions=actions,
        max_steps=limit,
        num_episodes=num_episodes,
        num_seats=source.num_seats,
        seat_names=seats,
    )


def family_name(path: Path) -> str:
    """A family's name from its file's: ``cart-pole.toml`` is "cart_pole"."""
    words = "".join(c if c.isalnum() else "_" for c in path.stem).strip("_").lower()
    return words or "environment"


def _check_keys(table: Mapping[str, Any], keys: Mapping[str, Any], path: tuple[str, ...]) -> None:
    for key, value in table.items():
        if key not in keys:
            close = get_close_matches(key, list(keys), 1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise EnvironmentKeyError((*path, key), f"unknown key {key!r}; expected one of {', '.join(keys)}{hint}")
        if not isinstance(value, keys[key]) or isinstance(value, bool):
            expected = SHOWN.get(keys[key], "a number or a text")
            raise EnvironmentKeyError((*path, key), f"{key} is {value!r}, expected {expected}")
        if isinstance(value, int | float) and value < (0 if key == "workers" else 1e-3):
            raise EnvironmentKeyError((*path, key), f"{key} is {value!r}, expected a number above 0")


def _reaches(space: VariantSpace, table: Mapping[str, Any]) -> tuple[Reach, ...]:
    names = [rule.name for rule in space.rules]
    for rule, text in table.items():
        path = ("environment", "reach", rule)
        if rule not in names:
            close = get_close_matches(rule, names, 1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise EnvironmentKeyError(path, f"no rule {rule!r}; the rules are {', '.join(names)}{hint}")
        if not isinstance(text, str) or text.split(" ")[0] not in WAYS or len(text.split()) > 2:
            raise EnvironmentKeyError(
                path,
                f'{rule} is {text!r}, expected "keyword", "option", "attribute PATH" or "others"; a keyword or '
                'an option may have another name: "keyword masscart"',
            )
    return tuple(_reach(name, table.get(name, "keyword").split()) for name in names)


def _reach(rule: str, words: list[str]) -> Reach:
    return Reach(rule, words[0], words[1] if len(words) == 2 else rule)


def _readings(table: Mapping[str, Any]) -> dict[str, Reading]:
    found = {}
    for part, given in table.items():
        path = ("environment", "observation", part)
        fields = {"kind": given} if isinstance(given, str) else given
        if not isinstance(fields, Mapping):
            raise EnvironmentKeyError(path, f"{part} is {given!r}, expected one of {', '.join(KINDS)}, or a table")
        _check_keys(fields, READING_KEYS, path)
        if fields.get("kind", KINDS[0]) not in KINDS:
            raise EnvironmentKeyError(path, f"{part} is {fields['kind']!r}, expected one of {', '.join(KINDS)}")
        if fields.get("channels", "last") not in ("first", "last"):
            raise EnvironmentKeyError(path, f'channels is {fields["channels"]!r}, expected "first" or "last"')
        found[part] = Reading(**fields)
    return found


def _workers(given: Any) -> int:
    if given == "auto":
        return AUTO
    if not isinstance(given, int):
        raise EnvironmentKeyError(("environment", "workers"), f'workers is {given!r}, expected "auto" or a number')
    return given


def _shown(space: VariantSpace) -> tuple[BeliefSpec, ...]:
    """The slots of shown rules, as a game gives their values to an agent."""
    return tuple(
        BeliefSpec(slot.rule, slot.kind, slot.index, slot.options, slot.values, slot.center, slot.scale, slot.unit)
        for slot in space.shown_slots
    )


def _unique(observed: Observations, space: VariantSpace) -> tuple[Feature, ...]:
    names = [feature.name for feature in observed.features]
    if len(set(names)) < len(names):
        raise FamilyError(f"parts of the observation have names that differ by signs only: {', '.join(names)}")
    return tuple(observed.features)


def family_from_environment(rule_file: "RuleFile") -> Family:
    """The family that a rule file describes whose game is an environment."""
    raise NotImplementedError
