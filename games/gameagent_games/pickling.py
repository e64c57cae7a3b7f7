"""How a family is pickled: its rules are functions, and those that are defined inside a function have no name.

A family whose rules are module-level functions pickles like any other dataclass. Where they are not, it is pickled as
the ``module:NAME`` that it is found under; if it has none, cloudpickle (which Gymnasium brings along) carries the
functions themselves.
"""

import pickle
import sys
from importlib import import_module
from types import FunctionType
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
        FamilyError: A rule is a function without a name of its own, the family is no module's global, and
            cloudpickle is not installed.
    """
    nameless = [rule for rule in vars(family.rules).values() if not has_name(rule)]
    if not nameless:
        return plain
    if place := place_of(family):
        return load_place, (place,)
    try:
        cloudpickle = import_module("cloudpickle")
    except ModuleNotFoundError:
        raise FamilyError(
            f"family {family.name!r} cannot be pickled: its rule function {nameless[0].__qualname__} has no name in "
            f"module {nameless[0].__module__}; make the family a global of a module, or install cloudpickle"
        ) from None
    return load_carried, (type(family), cloudpickle.dumps(vars(family)))


def has_name(function: Any) -> bool:
    """Whether pickle finds a function by its module and name; what is no plain function pickles in its own way."""
    if not isinstance(function, FunctionType):
        return True
    found: Any = sys.modules.get(function.__module__)
    for part in function.__qualname__.split("."):
        found = getattr(found, part, None)
    return found is function


def place_of(family: "Family") -> str | None:
    """The ``module:NAME`` of a family that is a global of an imported module, the main program excepted."""
    for module_name, module in list(sys.modules.items()):
        if module_name not in MAIN_MODULES and module is not None:
            for name, value in list(vars(module).items()):
                if value is family:
                    return f"{module_name}:{name}"
    return None


def load_place(place: str) -> "Family":
    """The family that stands at ``module:NAME``.

    Raises:
        FamilyError: There is none.
    """
    from gameagent_games.registry import load_family

    return load_family(place)


def load_carried(kind: type["Family"], fields: bytes) -> "Family":
    """A family from its fields as cloudpickle wrote them."""
    family = object.__new__(kind)
    vars(family).update(pickle.loads(fields))  # noqa: S301  (part of a pickle that is being read already)
    return family
