"""Compiled rules are kept on disk: compiling a family takes seconds, and every command and process would do it again.

numba keeps what it compiled beside a function's file, and takes it for good as long as that file is the same. Rules
depend on more: on helpers and constants of other files, and on what a function that made them was given. So each set of
rules is kept in a folder of its own, whose name is a hash of all that the compiled code follows from: every function
that the rules can reach, its bytecode, and the values that these read. Rules that read anything else are not kept.
"""

import builtins
import dis
import enum
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Any, Final

import numba
import numpy as np
import platformdirs
from numba import config, types
from numba.core.dispatcher import Dispatcher

from gameagent_games.places import GENERATED

ENVIRONMENT: Final = "GAMEAGENT_CACHE"
"""Environment variable: the folder that compiled rules are kept in; empty for nowhere."""

MOST_KEPT: Final = 200  # sets of rules; those that were used least lately are deleted
LARGEST_ARRAY: Final = 100_000  # bytes; numba does not keep code that reads larger ones
_STABLE_MODULES: Final = ("numpy", "math", "cmath", "numba", "operator")  # change with their version only


class _Unknown(Exception):
    """Something whose effect on compiled code cannot be told."""


def file_for(functions: dict[str, Callable[..., Any]], *, checked: bool) -> Path | None:
    """The file that compiled loops are to be kept beside; it exists then.

    Args:
        functions: All that is compiled, by what it is used for.
        checked: Whether it is compiled with bounds checks.

    Returns:
        None if nothing can be kept: the rules read something unusual, or there is no folder that can be written.
    """
    root = cache_folder()
    if root is None:
        return None
    try:
        name = fingerprint(functions, checked=checked)
    except _Unknown:
        return None
    file = root / GENERATED / name / "loops.py"
    try:
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            _delete_old(file.parent.parent)
            file.write_text("# What numba has compiled of one set of rules lies beside this file.\n", encoding="utf-8")
        os.utime(file.parent)  # used now
        return file if os.access(file.parent, os.W_OK) else None
    except OSError:
        return None


def cache_folder() -> Path | None:
    """Where compiled rules are kept: the folder of `ENVIRONMENT`, or else the user's own for such things."""
    given = os.environ.get(ENVIRONMENT)
    if given is None:
        return platformdirs.user_cache_path("gameagent", appauthor=False)
    return Path(given).absolute() if given else None


def _delete_old(folder: Path) -> None:
    kept = sorted(folder.iterdir(), key=lambda one: one.stat().st_mtime)
    for old in kept[: max(len(kept) - MOST_KEPT, 0)]:
        shutil.rmtree(old, ignore_errors=True)


def fingerprint(functions: dict[str, Callable[..., Any]], *, checked: bool) -> str:
    """A hash of all that compiled code of some functions depends on, but for the types that it is compiled for.

    numba tells those apart by itself, and different processors, too.

    Raises:
        _Unknown: They read something whose effect cannot be told.
    """
    ours = [_text_of(file) for file in sorted(Path(__file__).parent.glob("*.py"))]  # how we compile
    options = config.OPT, config.BOUNDSCHECK, checked  # type: ignore[attr-defined]
    digest = hashlib.sha256(repr((numba.__version__, np.__version__, options, ours)).encode())
    for part in _Walk().parts(functions):
        digest.update(part.encode() + b"\0")
    return digest.hexdigest()[:32]


class _Walk:
    """Walks once through everything that functions can reach."""

    def __init__(self) -> None:
        self._seen: dict[int, int] = {}
        self._alive: list[Any] = []  # so that no other object gets an id that was seen
        self._texts: dict[str, str] = {}

    def parts(self, functions: dict[str, Any]) -> Iterator[str]:
        for name, function in sorted(functions.items()):
            yield name
            yield from self._of(function)

    def _of(self, value: Any) -> Iterator[str]:
        if isinstance(value, FunctionType | tuple | Dispatcher):
            if id(value) in self._seen:
                yield f"again {self._seen[id(value)]}"
                return
            self._seen[id(value)] = len(self._seen)
            self._alive.append(value)
        if isinstance(value, Dispatcher):
            yield f"compiled {sorted(value.targetoptions.items())}"
            yield from self._of(value.py_func)
        elif isinstance(value, FunctionType):
            yield from self._of_function(value)
        elif isinstance(value, CodeType):
            yield from self._of_code(value)
        elif isinstance(value, tuple):
            yield f"{_named(type(value))} of {len(value)} {getattr(value, '_fields', '')}"
            for one in value:
                yield from self._of(one)
        else:
            yield self._of_plain(value)

    def _of_plain(self, value: Any) -> str:
        if value is None or value is ... or type(value) in (bool, int, float, complex, str, bytes):
            return f"{type(value).__name__} {value!r}"
        if isinstance(value, enum.Enum):
            return f"{_named(type(value))} {value.name} {value.value!r}"
        if isinstance(value, np.ndarray) and value.dtype.kind in "biufcUS" and value.nbytes <= LARGEST_ARRAY:
            layout = value.dtype.str, value.shape, value.flags.c_contiguous, value.flags.f_contiguous
            return f"array {layout} {hashlib.sha256(value.tobytes()).hexdigest()}"
        if isinstance(value, np.generic) and value.dtype.kind in "biufcUS":
            return f"number {value.dtype.str} {value.tobytes().hex()}"
        if isinstance(value, np.dtype):
            return f"dtype {value.descr}"
        if isinstance(value, type) and issubclass(value, enum.Enum):
            return f"{_named(value)} {[(one.name, one.value) for one in value]}"
        if isinstance(value, type) and issubclass(value, tuple) and hasattr(value, "_fields"):
            return f"{_named(value)} {value._fields}"
        if isinstance(value, types.Type | np.ufunc):
            return f"{type(value).__name__} {value}"
        if isinstance(value, type | BuiltinFunctionType) and _is_stable(value.__module__):
            return _named(value)
        raise _Unknown(f"{type(value).__name__}")

    def _of_function(self, function: FunctionType) -> Iterator[str]:
        """Also the text of its file: it may say how numba is to compile calls of the function (`numba.extending`)."""
        file = function.__code__.co_filename
        if file not in self._texts:
            self._texts[file] = _text_of(Path(file))
        yield f"function {function.__name__} of a file {self._texts[file]}"
        yield from self._of(function.__defaults__)
        for cell in function.__closure__ or ():
            yield from self._of(cell.cell_contents)
        yield from self._of_code(function.__code__)
        for code in _codes_in(function.__code__):
            yield from self._of_names(code, function.__globals__)

    def _of_code(self, code: CodeType) -> Iterator[str]:
        yield f"{code.co_code.hex()} {code.co_names} {code.co_varnames} {code.co_freevars} {code.co_cellvars}"
        for constant in code.co_consts:
            if isinstance(constant, frozenset):
                yield f"frozenset {sorted(map(repr, constant))}"
            else:
                yield from self._of(constant)

    def _of_names(self, code: CodeType, names: dict[str, Any]) -> Iterator[str]:
        """What stands behind the global names of a code; of modules, what may be read of them."""
        for name in sorted({str(one.argval) for one in dis.get_instructions(code) if one.opname == "LOAD_GLOBAL"}):
            yield f"name {name}"
            if name not in names:
                yield "builtin" if hasattr(builtins, name) else "undefined"
            elif isinstance(names[name], ModuleType):
                yield from self._of_module(names[name], code)
            else:
                yield from self._of(names[name])

    def _of_module(self, module: ModuleType, code: CodeType) -> Iterator[str]:
        yield f"module {module.__name__}"
        if _is_stable(module.__name__):
            return
        for name in code.co_names:
            found = getattr(module, name, None)
            if isinstance(found, ModuleType):
                yield from self._of_module(found, code)
            elif found is not None:
                yield from self._of(found)


def _codes_in(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes_in(constant)


def _text_of(file: Path) -> str:
    """A hash of a file's text; empty where there is no file, as in a program that was packed into one."""
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError:
        return ""


def _is_stable(module: str) -> bool:
    return module == "builtins" or module.partition(".")[0] in _STABLE_MODULES


def _named(kind: Any) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"
