"""From a rule file to the family of an environment."""

from collections.abc import Mapping
from typing import Any, Final

from gameagent_games.errors import FamilyError
from gameagent_games.field_types import nearest
from gameagent_games.from_rule_file import space_of
from gameagent_games.interface import Box, Family, Feature
from gameagent_games.sources.environments.adapters import mask_of
from gameagent_games.sources.environments.recipe import OWN_PLAYERS, WAYS, EnvironmentRecipe, Reach
from gameagent_games.sources.environments.source import (
    AUTO,
    EnvironmentSource,
    action_names,
    declared,
    look_at,
    time_limit,
)
from gameagent_games.sources.environments.spaces import KINDS, Observations, Reading, read_actions, read_observations
from gameagent_games.sources.environments.worker import WorkerLimits
from gameagent_games.variants.rule_files import RuleFile
from gameagent_games.variants.rule_files.tables import Fault
from gameagent_games.variants.variant import VariantSpace
from gameagent_sdk.authoring import PlanSpec

NUM_EPISODES: Final = 4  # of a trial, unless the rule file says
LOOKS: Final = 5  # variants that are tried until one can be reset
DEADLINE: Final = 10.0  # seconds for a batch of steps
MEGABYTES: Final = 1024  # that a worker may grow by
KEYS: Final = {
    "name": str, "keywords": Mapping, "reach": Mapping, "seat": str, "others": str, "actions": list, "max_steps": int,
    "observation": Mapping, "workers": (int, str), "deadline": (int, float), "worker_megabytes": int,
    "frames_per_decision": int,
}  # fmt: skip
READING_KEYS: Final = {"kind": str, "pool": int, "channels": str, "high": int}
SHOWN: Final = {Mapping: "a table", str: "a text", list: "a list of texts", int: "a whole number"}


def family_from_environment(rule_file: RuleFile) -> Family:
    """The family that a rule file describes whose game is an environment.

    The environment of one variant is made and reset to see its spaces.

    Args:
        rule_file: Its game is "gymnasium:ID", "pettingzoo:package.module" or "package.module:function".

    Raises:
        RuleFileError: A rule has no distribution, or a key under [environment] is misspelt or has a wrong value.
        FamilyError: The environment cannot be made, or has spaces that cannot be read.
        MissingExtra: A package is not installed.
    """
    table, fault = rule_file.environment, rule_file.error
    _check_keys(table, KEYS, ("environment",), fault)
    space = space_of(rule_file)
    recipe = EnvironmentRecipe(
        rule_file.game, _reaches(space, table.get("reach", {}), fault), dict(table.get("keywords", {})),
        table.get("seat", ""), table.get("others", "random"),
    )  # fmt: skip
    _check_others(recipe, fault)
    some = [variant.rules for variant in space.variants(space.sample(LOOKS, 0, "all"))]
    playable, seen, done = look_at(recipe, some)
    try:
        observed = read_observations(seen, _readings(table.get("observation", {}), fault), recipe.game)
        names = table.get("actions", ()) or action_names(playable.environment, getattr(done, "n", 0))
        actions, native = read_actions(done, names, recipe.game)
        shown = zip(playable.observations, playable.infos, strict=True)
        has_mask = not isinstance(actions, Box) and any(mask_of(*seat) is not None for seat in shown)
        limit = table.get("max_steps") or time_limit(playable.environment)
        seats = tuple(getattr(playable, "seats", ()))
        alone = bool(declared(playable.environment, "one_per_process", False))
        rate = table.get("frames_per_decision") or declared(playable.environment, "frames_per_step", 1)
    finally:
        playable.close()
    if limit is None:
        raise fault(
            "the game declares no time limit; say how many steps an episode may take, as in max_steps = 1000",
            "environment",
        )
    if alone and "workers" in table:
        raise fault(
            "there can be only one of this game in a process, so workers are as many as games: leave it out",
            "environment",
            "workers",
        )
    name = table.get("name") or family_name(recipe.game)
    source = EnvironmentSource(
        recipe, PlanSpec(tuple(observed.parts), native, observed.mask), has_mask, max(len(seats), 1),
        tuple(observed.dropped), _workers(table.get("workers", "auto"), fault),
        WorkerLimits(float(table.get("deadline", DEADLINE)), table.get("worker_megabytes", MEGABYTES)), alone,
    )  # fmt: skip
    return Family(
        name=name,
        summary=f"{recipe.game}, with the rules of {rule_file.path.name}",
        source=source,
        space=space,
        features=_unique(observed),
        actions=actions,
        max_steps=limit,
        num_episodes=rule_file.num_episodes or NUM_EPISODES,
        num_seats=source.num_seats,
        seat_names=seats,
        frames_per_decision=int(rate),
    )


def _check_others(recipe: EnvironmentRecipe, fault: Fault) -> None:
    for reach in recipe.reaches:
        if reach.way == "others" and recipe.others in OWN_PLAYERS:
            raise fault(
                f'nobody takes this rule, as others is "{recipe.others}"; name a policy, as in '
                'others = "package.module:policy"',
                "environment", "reach", reach.rule,
            )  # fmt: skip


def family_name(game: str) -> str:
    """A family's name from where its game comes from: "gymnasium:CartPole-v1" is "cartpole_v1".

    A factory gives its own name, or its module's if it is called "make".
    """
    kind, _, rest = game.partition(":")
    if rest == "make":
        rest = kind.rpartition(".")[2]
    own = rest.rpartition(".")[2] if kind == "pettingzoo" else rest
    return "".join(c if c.isalnum() else "_" for c in own).strip("_").lower()


def _check_keys(table: Mapping[str, Any], keys: Mapping[str, Any], path: tuple[str, ...], fault: Fault) -> None:
    for key, value in table.items():
        if key not in keys:
            raise fault(f"unknown key {key!r}; expected one of {', '.join(keys)}{nearest(key, keys)}", *path, key)
        if not isinstance(value, keys[key]) or isinstance(value, bool):
            expected = SHOWN.get(keys[key], "a number or a text")
            raise fault(f"{key} is {value!r}, expected {expected}", *path, key)
        if isinstance(value, int | float) and value < (0 if key == "workers" else 1e-3):
            raise fault(f"{key} is {value!r}, expected a number above 0", *path, key)


def _reaches(space: VariantSpace, table: Mapping[str, Any], fault: Fault) -> tuple[Reach, ...]:
    names = [rule.name for rule in space.rules]
    for rule, text in table.items():
        path = ("environment", "reach", rule)
        if rule not in names:
            raise fault(f"no rule {rule!r}; the rules are {', '.join(names)}{nearest(rule, names)}", *path)
        if not isinstance(text, str) or text.split(" ")[0] not in WAYS or len(text.split()) > 2:
            raise fault(
                f'got {text!r}, expected "keyword", "option", "attribute PATH" or "others"; a keyword or an option may '
                'have another name, as in "keyword masscart"',
                *path,
            )
    return tuple(_reach(name, table.get(name, "keyword").split()) for name in names)


def _reach(rule: str, words: list[str]) -> Reach:
    return Reach(rule, words[0], words[1] if len(words) == 2 else rule)


def _readings(table: Mapping[str, Any], fault: Fault) -> dict[str, Reading]:
    found = {}
    for part, given in table.items():
        path = ("environment", "observation", part)
        fields = {"kind": given} if isinstance(given, str) else given
        if not isinstance(fields, Mapping):
            raise fault(f"got {given!r}, expected one of {', '.join(KINDS)}, or a table", *path)
        _check_keys(fields, READING_KEYS, path, fault)
        if fields.get("kind", KINDS[0]) not in KINDS:
            raise fault(f"got {fields['kind']!r}, expected one of {', '.join(KINDS)}", *path)
        if fields.get("channels", "last") not in ("first", "last"):
            raise fault(f'channels is {fields["channels"]!r}, expected "first" or "last"', *path)
        found[part] = Reading(**fields)
    return found


def _workers(given: Any, fault: Fault) -> int:
    if given == "auto":
        return AUTO
    if not isinstance(given, int):
        raise fault(f'got {given!r}, expected "auto" or a number of processes', "environment", "workers")
    return given


def _unique(observed: Observations) -> tuple[Feature, ...]:
    names = [feature.name for feature in observed.features]
    if len(set(names)) < len(names):
        raise FamilyError(f"parts of the observation have names that differ by signs only: {', '.join(names)}")
    return tuple(observed.features)
