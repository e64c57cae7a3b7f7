"""What numba says when rules cannot be compiled, as one line: where in the author's files, and why.

numba's own text runs to a hundred lines and names the place in the middle of them; it is kept as ``__cause__``.
"""

import ast
import linecache
import os
import re
from collections.abc import Callable
from importlib import import_module
from types import FunctionType
from typing import Any, Final

from numba.core.errors import NumbaError
from numba.core.ir import Loc

from gameagent_games.errors import RuleError
from gameagent_games.places import Place, frames, is_authors, place_in_file
from gameagent_games.sources.guarded_rules import no_such_field
from gameagent_games.sources.rules import PARAMETERS, Rules
from gameagent_games.variants.variant import VariantSpace

_COLOUR = re.compile(r"\x1b\[\d*m")  # numba writes in colours if colorama is installed
_AT = re.compile(r"(?: at |File \"|Raised from )([^\"\n]+?\.py)(?: \(|\", line )(\d+)")
_BEFORE_A_REASON = re.compile(r"Failed in \w+ mode pipeline \(step: [^)]*\)\n|raised a specific error:\n")
_CALLEE = re.compile(r"CPUDispatcher\(<function (\w+) at")
_UNTYPED = re.compile(r"name '(\w+)': Cannot determine Numba type of <class '([\w.]+)'>")
_ATTRIBUTE = re.compile(r"Unknown attribute '(\w+)' of type Module\(<module '([\w.]+)'")
_SIGNATURE = re.compile(r"No implementation of function .*?>>> (.+?)(?= There are | *$)")
_UNIFY = re.compile(r"Cannot unify (.+) and (.+) for '([^'.]+)")
_NAME_ERROR = re.compile(r"name '(\w+)' is not defined")
_NO_BOOL = re.compile(r"setitem\(array\(bool, 1d, C\), int64, ([^)]+\)?)\)")
_STORE = re.compile(r"^setitem\((array\([^)]*\)), .+, ([^,()]+(?:\([^)]*\))?)\)$")
_RECORD = re.compile(r"Record\(\[.*?\], \d+, \w+\)")
_LITERAL: Final = re.compile(r"Literal\[(\w+)\]\(([^)]*)\)")


def is_compile_error(error: BaseException) -> bool:
    """Whether an exception came out of numba's compiler rather than out of the compiled rules."""
    return isinstance(error, NumbaError) or any(
        frame.f_code.co_name == "_compile_for_args" for frame, _ in frames(error.__traceback__)
    )


def compile_error(error: BaseException, rules: Rules, space: VariantSpace) -> RuleError:
    """One line about rules that numba cannot compile; chain it to ``error``, which has numba's whole text."""
    text = _COLOUR.sub("", str(error))
    place, reason = _place_and_reason_in(text)
    place = place or _place_in_frames(error)
    if undefined := _NAME_ERROR.search(text):
        place = place or _place_of_name(rules, undefined.group(1))
    callee = _CALLEE.search(text)
    where = place or (f"{callee.group(1)}()" if callee else "rules")
    return RuleError(f"{where}: {_reason(error, reason, rules, space, place)}")


def _place_and_reason_in(text: str) -> tuple[Place | None, str]:
    """The innermost place in an author's file that numba's text names, and the text that leads to it."""
    for match in _AT.finditer(text):
        file = os.path.abspath(match.group(1))
        if is_authors(file):
            before = text[: match.start()]
            starts = [header.end() for header in _BEFORE_A_REASON.finditer(before)]
            return place_in_file(file, int(match.group(2))), before[starts[-1] if starts else 0 :]
    starts = [header.end() for header in _BEFORE_A_REASON.finditer(text)]
    return None, text[starts[-1] if starts else 0 :]


def _place_in_frames(error: BaseException) -> Place | None:
    """The innermost place that numba was compiling when it failed, as its own variables have it."""
    found = None
    for frame, _ in frames(error.__traceback__):
        for value in list(frame.f_locals.values()):
            loc = value if isinstance(value, Loc) else vars(value).get("loc") if hasattr(value, "__dict__") else None
            if isinstance(loc, Loc) and is_authors(os.path.abspath(loc.filename)):
                found = loc
    return None if found is None else place_in_file(os.path.abspath(found.filename), found.line)


def _place_of_name(rules: Rules, name: str) -> Place | None:
    """Where the rules use a name that is defined nowhere."""
    for file in dict.fromkeys(function.__code__.co_filename for function in _functions(rules)):
        for node in ast.walk(ast.parse("".join(linecache.getlines(file)))):
            if isinstance(node, ast.Name) and node.id == name:
                return place_in_file(file, node.lineno)
    return None


def _functions(rules: Rules) -> list[FunctionType]:
    functions = [getattr(rules, name) for name in PARAMETERS]
    return [function for function in functions if isinstance(function, FunctionType)]


def _reason(error: BaseException, text: str, rules: Rules, space: VariantSpace, place: Place | None) -> str:
    """Why, in one line of at most a few hundred characters."""
    if isinstance(error, KeyError) and error.args and isinstance(error.args[0], str):
        return _misspelt(error, rules, space)
    line = " ".join(text.split("\nDuring:")[0].split("\n\nFile")[0].split())
    if untyped := _UNTYPED.search(line):
        return _untyped(*untyped.groups())
    if attribute := _ATTRIBUTE.search(line):
        return _attribute(*attribute.groups())
    if place is None and (returned := _NO_BOOL.search(line)):
        return f"step returns {returned.group(1)}, expected True or False on every path"
    if unify := _UNIFY.search(line):
        first, second, name = unify.groups()
        return f"variable {name!r} is once {_plain(first)} and once {_plain(second)}, expected one type throughout"
    if signature := _SIGNATURE.search(line):
        called = _plain(signature.group(1))
        if store := _STORE.match(called):
            return f"an entry of {store.group(1)} cannot hold a value of type {store.group(2)}"
        return f"numba cannot compile {called}: no such operation on these types"
    shown = _plain(line).split(". Raised from")[0]
    return f"numba cannot compile this: {shown[:300] or type(error).__name__}"


def _misspelt(error: KeyError, rules: Rules, space: VariantSpace) -> str:
    """Which record lacks a field: the one that numba's innermost frame asked for it."""
    name = error.args[0]
    fields = {"state": rules.state.names or (), "variant": space.dtype.names or ()}
    asked = [frame.f_locals.get("self") for frame, _ in frames(error.__traceback__)][-1]
    known = tuple(getattr(asked, "fields", ()))
    record = next((record for record, names in fields.items() if tuple(names) == known), None)
    return no_such_field(record or "record", name, known)


def _untyped(name: str, kind: str) -> str:
    if kind == "function":
        return f"helper {name}() is not compiled; write @register_jitable (from numba.extending) above its def"
    return (
        f"{name} is of type {kind}, which compiled rules cannot use; "
        "a module may hold numbers, texts, tuples of them and numpy arrays"
    )


def _attribute(name: str, module: str) -> str:
    try:
        found: Callable[..., Any] | Any = getattr(import_module(module), name)
    except (ImportError, AttributeError):
        return f"module {module} has no {name}"
    if isinstance(found, FunctionType) and is_authors(found.__code__.co_filename):
        return _untyped(name, "function")
    return f"numba knows no {module}.{name}"


def _plain(types: str) -> str:
    """numba's names of types, without what only numba's own developers need."""
    return _LITERAL.sub(r"\1", _RECORD.sub("record", types)).replace("unicode_type", "str").replace("<iv=None>", "")
