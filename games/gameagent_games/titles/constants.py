"""Constants of a title: where its source sets them, and the same source with other values.

The title's file is left as it is. When it is loaded, the assignments of a constant are compiled with the value that
was asked for, so everything that the title computes from it follows.

    GRAVITY                    a global of the script
    Player.speed               of a class; or `self.speed` in its __init__
    main.lives                 a variable of a function, or the default of its argument
    Player.reset.self.speed    an attribute that a method sets
    settings:GRAVITY           of the module settings.py beside the script
"""

import ast
import difflib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from gameagent_games.errors import TitleError
from gameagent_games.places import shown_path

VALUES: Final = "__constants_of_title__"
"""The global of each module of a title that holds the values, by constant."""

LOOPS = (ast.For, ast.AsyncFor, ast.While)
SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


class _Site:
    """One place where a constant is set: reads and replaces the expression there."""

    def __init__(self, owner: ast.AST, field: str, index: int | None = None) -> None:
        self.owner, self.field, self.index = owner, field, index

    @property
    def value(self) -> ast.expr:
        found = getattr(self.owner, self.field)
        value: ast.expr = found if self.index is None else found[self.index]
        return value

    def replace(self, value: ast.expr) -> None:
        value = ast.copy_location(value, self.value)
        if self.index is None:
            setattr(self.owner, self.field, value)
        else:
            getattr(self.owner, self.field)[self.index] = value


def sites(tree: ast.Module) -> dict[str, list[_Site]]:
    """All places outside loops where something gets a value, by the constant's name."""
    found: dict[str, list[_Site]] = {}
    for name, site in _in_scope(tree, ""):
        found.setdefault(name, []).append(site)
        scope, constructor, attribute = name.partition(".__init__.self.")
        if constructor and f"{scope}.{attribute}" != name:
            found.setdefault(f"{scope}.{attribute}", []).append(site)
    return found


def _in_scope(scope: ast.AST, prefix: str) -> Iterator[tuple[str, _Site]]:
    for child in ast.iter_child_nodes(scope):
        if isinstance(child, SCOPES):
            inside = f"{prefix}{child.name}."
            if not isinstance(child, ast.ClassDef):
                yield from ((inside + name, site) for name, site in _defaults(child.args))
            yield from _in_scope(child, inside)
        elif isinstance(child, ast.Assign):
            for target in child.targets:
                yield from ((prefix + name, site) for name, site in _targets(target, _Site(child, "value")))
        elif isinstance(child, ast.AnnAssign) and child.value is not None:
            yield from ((prefix + name, site) for name, site in _targets(child.target, _Site(child, "value")))
        elif not isinstance(child, LOOPS):
            yield from _in_scope(child, prefix)


def _targets(target: ast.expr, site: _Site) -> Iterator[tuple[str, _Site]]:
    if isinstance(target, ast.Name):
        yield target.id, site
    elif isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name):
        yield f"{target.value.id}.{target.attr}", site
    elif isinstance(target, ast.Tuple) and isinstance(site.value, ast.Tuple):
        for index, part in enumerate(target.elts[: len(site.value.elts)]):
            yield from _targets(part, _Site(site.value, "elts", index))


def _defaults(arguments: ast.arguments) -> Iterator[tuple[str, _Site]]:
    positional = [*arguments.posonlyargs, *arguments.args]
    first = len(positional) - len(arguments.defaults)
    for index, argument in enumerate(positional[first:]):
        yield argument.arg, _Site(arguments, "defaults", index)
    for index, argument in enumerate(arguments.kwonlyargs):
        if arguments.kw_defaults[index] is not None:
            yield argument.arg, _Site(arguments, "kw_defaults", index)


def parse(path: Path) -> ast.Module:
    """A file's source as a tree.

    Raises:
        TitleError: It cannot be read, or is not Python.
    """
    try:
        return ast.parse(path.read_bytes(), str(path))
    except OSError as error:
        raise TitleError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None) or 1
        raise TitleError(
            f"{shown_path(str(path))}:{line}: is not Python that this version understands: {error}"
        ) from error


def with_constants(path: Path, names: Iterable[str]) -> Any:
    """A file's code in which constants have the values of the global `VALUES`, by name.

    Raises:
        TitleError: The file sets no such constant outside loops.
    """
    tree = parse(path)
    known = sites(tree)
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1, 0.5)
            hint = f"did you mean {near[0]!r}?" if near else _some(known)
            raise TitleError(f"{shown_path(str(path))} sets no constant {name!r} outside its loops: {hint}")
        for site in known[name]:
            site.replace(ast.parse(f"{VALUES}[{name!r}]", mode="eval").body)
    return compile(ast.fix_missing_locations(tree), str(path), "exec", dont_inherit=True)


def _some(known: dict[str, list[_Site]]) -> str:
    return f"it sets {', '.join(sorted(known)[:12])}" + (" …" if len(known) > 12 else "") if known else "it sets none"


def numbers_in(path: Path) -> dict[str, int | float]:
    """Every constant of a file that is set once and to a plain number, with that number."""
    found: dict[str, int | float] = {}
    for name, places in sites(parse(path)).items():
        try:
            value = ast.literal_eval(places[0].value)
        except ValueError:
            continue
        if len(places) == 1 and isinstance(value, int | float) and not isinstance(value, bool):
            found[name] = value
    return found
