"""Families by name, loaded on demand: those in `families`, those of other packages, and those that rule files change.

A package adds its own families with an entry point in the group ``gameagent.families``:

    [project.entry-points."gameagent.families"]
    pong = "my_game.family:PONG"
"""

import sys
from dataclasses import replace
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from pkgutil import iter_modules
from typing import Any, Final

from gameagent_games import pickling
from gameagent_games.errors import FamilyError, GamesError, MissingExtra, RuleFileError
from gameagent_games.field_types import nearest
from gameagent_games.from_rule_file import apply_to_family
from gameagent_games.interface import Family
from gameagent_games.places import Place, authors_place, frames, place_of_frame
from gameagent_games.variants.rule_files import RuleFile, read_rule_file

ENTRY_POINT_GROUP = "gameagent.families"
FAMILIES = Path(__file__).parent / "families"
RULE_FILE_SUFFIX: Final = ".toml"
LIBRARIES: Final = ("gymnasium", "pettingzoo")
"""What stands before the colon of a rule file's game that is an environment's id."""


def family_names() -> list[str]:
    """Names of all families that can be loaded, sorted."""
    return sorted(_locations())


def built_in_names() -> list[str]:
    """Names of the families that come with this package, sorted: the folders in `families` with a ``family.py``."""
    return sorted(folder.name for folder in iter_modules([str(FAMILIES)]) if _has_family(folder.name))


def _has_family(name: str) -> bool:
    return any(module.name == "family" for module in iter_modules([str(family_folder(name))]))


def family_folder(name: str) -> Path:
    """The folder of a family that comes with this package: its rules, pictures, settings and whatever else it has."""
    return FAMILIES / name


def load_family(name: str) -> Family:
    """Loads a family.

    Args:
        name: A registered name, the ``"module:NAME"`` of a `Family` anywhere on the import path, or the path of a rule
            file, which ends in ``.toml``. A rule file is read every time, and gives the same family while it says the
            same.

    Raises:
        FamilyError: There is no such family, or what is there is not a family.
        RuleFileError: The rule file is wrong; one of the above, too.
    """
    return _of_rule_file(read_rule_file(name)) if is_rule_file(name) else _load_named(name)


def is_rule_file(name: str) -> bool:
    """Whether a family's name is the path of a rule file."""
    return name.lower().endswith(RULE_FILE_SUFFIX)


@cache
def _load_named(name: str) -> Family:
    location = _locations().get(name, name)
    _, colon, _ = location.partition(":")
    if not colon:
        raise FamilyError(
            f"no family named {name!r}; choose one of {', '.join(family_names())}, or give the place of your own as "
            f"package.module:NAME, or a rule file (.toml){nearest(name, family_names())}"
        )
    family = _found_at(name, location)
    if not isinstance(family, Family):
        raise FamilyError(f"{location} is a {type(family).__name__}, expected a gameagent_games.Family")
    registered = _locations().get(family.name, location)
    if registered != location and load_family(family.name) is not family:
        raise FamilyError(
            f"{location} is named {family.name!r}, which is the name of the registered family {registered}; "
            "choose another name"
        )
    return family


# -- rule files -----------------------------------------------------------------------------------------------

_FROM_RULE_FILES: dict[tuple[str, str], Family] = {}
"""The family of each rule file so far, by the file's path and content."""


def _of_rule_file(rule_file: RuleFile) -> Family:
    key = str(rule_file.path), rule_file.text
    if key not in _FROM_RULE_FILES:
        _FROM_RULE_FILES[key] = _changed_by(rule_file)
    return _FROM_RULE_FILES[key]


def _changed_by(rule_file: RuleFile) -> Family:
    """The family that a rule file names, with the file's rules; of games from elsewhere, whatever is made of them."""
    game = rule_file.game
    if is_rule_file(game):
        raise rule_file.error(f"got {game!r}, expected the game itself, not another rule file", "game")
    if game.partition(":")[0] in LIBRARIES and game not in _locations():
        return _from_environment(rule_file)
    try:
        found = _load_named(game) if game in _locations() or ":" not in game else _found_at(game, game)
        if isinstance(found, Family):
            return apply_to_family(rule_file, _load_named(game))
    except RuleFileError:
        raise
    except FamilyError as error:
        raise rule_file.error(str(error), "game") from error
    if not callable(found):
        raise rule_file.error(f"{game} is a {type(found).__name__}, expected a Family, or a function", "game")
    return _from_environment(rule_file)


def _from_environment(rule_file: RuleFile) -> Family:
    try:
        from gameagent_games.sources.environments import family_from_environment  # needs the SDK, unlike our own games
    except ModuleNotFoundError as error:
        if error.name != "gameagent_sdk":
            raise
        raise MissingExtra("environments need gameagent-sdk: pip install 'gameagent-games[gymnasium]'") from None
    return replace(family_from_environment(rule_file), rule_file=rule_file)


# -- places ---------------------------------------------------------------------------------------------------


def place_of(family: Family | str) -> str:
    """Where `load_family` finds a family: its registered name, its rule file, or the ``"module:NAME"`` of a global.

    Args:
        family: The family; a name or place is given back as it is.

    Raises:
        FamilyError: No module holds the family as a global, so another process could not find it; or its rule file has
            changed since it was loaded.
    """
    if isinstance(family, str):
        return family
    if family.rule_file is not None:
        path = str(family.rule_file.path)
        if load_family(path) is family:
            return path
        raise FamilyError(f"{path} has changed since the family was loaded from it, or the family has: load it again")
    if family.name in _locations() and load_family(family.name) is family:
        return family.name
    if place := pickling.place_of(family) or _place_in_script(family):
        return place
    raise FamilyError(
        f"family {family.name!r} cannot be found again by other processes: make it a global of a module, "
        "and pass the family or its place, package.module:NAME"
    )


def _place_in_script(family: Family) -> str | None:
    """The place of a family that is a global of the program that runs, by the name that others can import it by."""
    main = sys.modules["__main__"]
    name = next((name for name, value in list(vars(main).items()) if value is family), None)
    spec, file = getattr(main, "__spec__", None), getattr(main, "__file__", None)
    module_name = spec.name if spec is not None else None if file is None else Path(file).stem
    return None if name is None or module_name is None else f"{module_name}:{name}"


def _found_at(name: str, location: str) -> Any:
    """Whatever stands at ``module:NAME``."""
    module_name, _, attribute = location.partition(":")
    try:
        return getattr(import_module(module_name), attribute)
    except GamesError as error:  # a wrong definition
        raise FamilyError(f"{_placed(error, module_name)}{error}") from error
    except (Exception, SystemExit) as error:  # an author's module may raise anything
        kind = "" if isinstance(error, ImportError | AttributeError) else f"{type(error).__name__}: "
        text = " ".join(str(error).split())
        hint = f"; leave out .py: {module_name[:-3]}:{attribute}" if module_name.endswith(".py") else ""
        raise FamilyError(
            f"family {name!r} could not be loaded from {location}: {_placed(error)}{kind}{text}{hint}"
        ) from error


def _placed(error: BaseException, module_name: str = "") -> str:
    """The place of an error, as the start of a message: the innermost in a module, or in any file of an author's."""
    inside = [at for at in frames(error.__traceback__) if at[0].f_globals.get("__name__") == module_name]
    place = place_of_frame(*inside[-1]) if inside else authors_place(error)
    if isinstance(error, SyntaxError) and error.filename:
        place = Place(error.filename, error.lineno or 1, "")
    return "" if place is None else f"{place}: "


def holder_of(family: Family) -> str | None:
    """Where another registered family of the same name is, if there is one; the same source makes the same family."""
    registered = _locations().get(family.name)
    if registered is None or load_family(family.name).source == family.source:
        return None
    return registered


@cache
def _locations() -> dict[str, str]:
    """Where each family is, by name; no entry point takes the name of a family of ours."""
    found = {point.name: point.value for point in entry_points(group=ENTRY_POINT_GROUP)}
    return found | {name: f"gameagent_games.families.{name}.family:{name.upper()}" for name in built_in_names()}
