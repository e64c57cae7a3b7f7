"""How a family is pickled: its source holds functions, and those that are defined inside a function have no name.

A family whose source can be pickled is pickled like any other dataclass. If it cannot, the family is pickled as the
``module:NAME`` that it is found under; if it has none, cloudpickle (which Gymnasium brings along) carries the
functions themselves.
"""

import pickle
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from gameagent_games.errors import FamilyError

if TYPE_CHECKING:
    from gameagent_games.interface import Family

MAIN_MODULES = ("__main__", "__mp_main__")  # another module in every process


def reduce_family(family: "Family", plain: Any) -> Any:
    """What ``Family.__reduce_ex__`` returns.

    Args:
        family: The family to pickle.
        plain: What pickle does by itself with the family's fields.

    Raises:
        FamilyError: Its source cannot be pickled, the family is not a global of a module, and cloudpickle is not
            installed.
    """
    try:
        pickle.dumps(family.source)
        return plain
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        obstacle = " ".join(str(error).split())
    if place := place_of(family):
        return load_place, (place,)
    try:
        cloudpickle = import_module("cloudpickle")
    except ModuleNotFoundError:
        raise FamilyError(
            f"family {family.name!r} cannot be pickled, as its source cannot be: {obstacle}; "
            "make the family a global of a module, or install cloudpickle"
        ) from None
    return load_carried, (type(family), cloudpickle.dumps(vars(family)))


def place_of(family: "Family") -> str | None:
    """The ``module:NAME`` of a family that is a global of an imported module, the main program excepted.

    If several modules hold it, the place is the shortest one: most likely where it is defined.
    """
    places = [
        f"{module_name}:{name}"
        for module_name, module in list(sys.modules.items())
        if module_name not in MAIN_MODULES
        for name, value in list(getattr(module, "__dict__", {}).items())
        if value is family
    ]
    return min(places, key=lambda place: (place.count("."), len(place)), default=None)


def load_place(place: str) -> "Family":
    """The family that stands at ``module:NAME``.

    Raises:
        FamilyError: There is none.
    """
    module_name, _, name = place.partition(":")
    try:
        family: Family = getattr(import_module(module_name), name)
    except (ImportError, AttributeError) as error:
        raise FamilyError(f"the family pickled as {place} cannot be found here: {error}") from None
    return family


def load_carried(kind: type["Family"], fields: bytes) -> "Family":
    """A family from its fields as cloudpickle wrote them."""
    family = object.__new__(kind)
    vars(family).update(pickle.loads(fields))  # noqa: S301  (part of a pickle that is being read already)
    return family
