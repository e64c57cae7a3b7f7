"""Settings that suit training a family: the ``train.toml`` in its folder. This package only reads them.

    steps = 12_000_000     # for every method of learning

    [maml]                 # for this method alone, over those above
    inner_lr = 0.1

The file belongs to all families whose rules are defined in its folder, so families that a function makes share it.
A family that is made in code may carry settings of its own as `Family.training`; these go over the file's.
"""

import tomllib
from collections.abc import Mapping
from typing import Any

from gameagent_games.errors import FamilyError
from gameagent_games.family_files import RECIPE, family_file
from gameagent_games.interface import Family


def recipe(family: Family, method: str) -> dict[str, Any]:
    """The settings that suit training a family by a method, by name, unchecked: the trainer knows its settings.

    Args:
        family: The game.
        method: Name of the method of learning, and of its table.

    Raises:
        FamilyError: The family's ``train.toml`` is not valid TOML, or the entry under the method's name is not a
            table.
    """
    sources = [_read(family), family.training]
    found: dict[str, Any] = {}
    for source in sources:
        found |= {name: value for name, value in source.items() if not isinstance(value, Mapping)}
    for source in sources:
        own = source.get(method, {})
        if not isinstance(own, Mapping):
            raise FamilyError(f"the training settings of family {family.name!r} have {method} = {own!r}, not a table")
        found |= own
    return found


def _read(family: Family) -> Mapping[str, Any]:
    path = family_file(family, RECIPE)
    if path is None:
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise FamilyError(f"{path} cannot be read as the training settings of {family.name!r}: {error}") from None
