"""Family name -> where it is defined, loaded on demand; third parties join by entry point.

A package adds its own families with an entry point in the group ``gameagent.families``:

    [project.entry-points."gameagent.families"]
    pong = "my_game.family:PONG"
"""

import traceback
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points

from gameagent_games.errors import FamilyError
from gameagent_games.interface import Family

ENTRY_POINT_GROUP = "gameagent.families"

_BUILT_IN = {
    "bandit": "gameagent_games.families.bandit:BANDIT",
    "forage": "gameagent_games.families.forage:FORAGE",
    "gridnavi": "gameagent_games.families.gridnavi:GRIDNAVI",
    "navigation": "gameagent_games.families.navigation:NAVIGATION",
}


def family_names() -> list[str]:
    """Names of all families that can be loaded, sorted."""
    return sorted(_locations())


@cache
def load_family(name: str) -> Family:
    """Loads a family.

    Args:
        name: A registered name, or ``"module:NAME"`` of a `Family` anywhere on the import path.

    Raises:
        FamilyError: No such family, or what stands there is none.
    """
    location = _locations().get(name, name)
    module_name, colon, attribute = location.partition(":")
    if not colon:
        raise FamilyError(
            f"no family named {name!r}; choose one of {', '.join(family_names())}, "
            "or give the place of your own as package.module:NAME"
        )
    try:
        family = getattr(import_module(module_name), attribute)
    except (Exception, SystemExit) as error:  # a module of somebody else's runs here: anything may come out of it
        raise FamilyError(f"family {name!r} could not be loaded from {location}: {_reason(error)}") from error
    if not isinstance(family, Family):
        raise FamilyError(f"{location} is a {type(family).__name__}, expected a gameagent_games.Family")
    return family


def _reason(error: BaseException) -> str:
    """What came out of an import, and where it was raised unless that is the import system itself."""
    if isinstance(error, SyntaxError):
        return f"{error.msg} ({error.filename}, line {error.lineno})"
    last = traceback.extract_tb(error.__traceback__)[-1:]
    if isinstance(error, ImportError | AttributeError) and str(error):
        return str(error)
    raised = [f" ({frame.filename}, line {frame.lineno})" for frame in last if not frame.filename.startswith("<frozen")]
    return f"{type(error).__name__}: {error}" + "".join(raised)


@cache
def _locations() -> dict[str, str]:
    found = {point.name: point.value for point in entry_points(group=ENTRY_POINT_GROUP)}
    return found | _BUILT_IN
