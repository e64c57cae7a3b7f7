"""Which names a new game may have: it becomes a package, a registered family and an installed distribution."""

import keyword
import re
import sys
import unicodedata
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path

from gameagent_games.errors import SettingError
from gameagent_games.registry import family_names

LONGEST = 40  # characters
OF_THE_PROJECT = ("tests", "build", "dist", "runs")  # folders beside the package


def check_name(name: str) -> None:
    """Checks that a new game can have a name.

    Raises:
        SettingError: It cannot; the message says why, and suggests a name that can be had.
    """
    if problem := _problem(name):
        raise SettingError(f"a game cannot be named {name!r}: {problem}; try {suggestion(name)}")


def suggestion(name: str) -> str:
    """A name that a game can have, as near to a given one as can be."""
    spelled = _spelled(name)
    candidates = (spelled, f"{spelled}_game", *(f"my_game_{number}" for number in range(2, 100)))
    return next((candidate for candidate in candidates if not _problem(candidate)), "another name")


def _spelled(name: str) -> str:
    """In lower case, with underscores between words: "Über-Frog 2" is uber_frog_2, and "FrogPond" frog_pond."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+", plain)
    return "_".join(words).lower().lstrip("0123456789_")[: LONGEST - len("_game")].rstrip("_") or "my_game"


def _problem(name: str) -> str | None:
    """What is wrong with a name, if anything is."""
    if not re.fullmatch("[a-z][a-z0-9_]*", name) or len(name) > LONGEST:
        return f"expected lower-case letters, digits and underscores, a letter first, at most {LONGEST} in all"
    if keyword.iskeyword(name):
        return "that is a keyword of Python"
    if name in sys.stdlib_module_names:
        return "that is a module of Python's standard library"
    if name in family_names():
        return "a family of that name is registered"
    if name in OF_THE_PROJECT:
        return "its project has a folder of that name"
    return _installed(name)


def _installed(name: str) -> str | None:
    """Where else Python finds a module of that name; folders of the working directory do not count."""
    spec = find_spec(name)
    places = [] if spec is None else list(spec.submodule_search_locations or ())
    if spec is not None and (spec.origin or any(Path(place).resolve().parent != Path.cwd() for place in places)):
        return f"Python has a module of that name, {spec.origin or places[0]}"
    try:
        distribution(name)
    except PackageNotFoundError:
        return None
    return "a package of that name is installed"
