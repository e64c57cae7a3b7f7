"""Compiled loops that outlive a process: numba compiles a game's rules once, and later processes load the result.

numba can keep what it compiles on disk, but takes it for outdated only if the file changed that holds the compiled
function. A family's loops call rules in other files, which call helpers and read constants in further ones. So what is
compiled is kept under a fingerprint of all that the rules can reach; where that cannot be told, nothing is kept.
"""

import contextlib
import hashlib
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

import numba
import numpy as np
from numba import config, extending, njit
from numba.core import caching
from numba.core.dispatcher import Dispatcher
from numba.core.errors import NumbaWarning
from platformdirs import user_cache_dir

from gameagent_games.places import frames

KEPT_FOR = 90 * 86_400  # seconds
COMPILERS = numba.__version__, np.__version__, sys.version, config.OPT, config.BOUNDSCHECK  # type: ignore[attr-defined]
STABLE = ("builtins", "cmath", "math", "numba", "numpy")  # whose functions change with their version alone
EXTENSIONS = tuple(
    getattr(extending, name) for name in dir(extending) if name.startswith(("overload", "intrinsic", "lower_"))
)


class UnknownReachError(Exception):
    """What a function's compiled form depends on cannot be told."""


class KeptLoop:
    """A function that numba compiles, keeps and loads; one that it cannot keep or load is compiled all the same."""

    def __init__(self, function: FunctionType, place: Path) -> None:
        """Prepares the function, which has no closure.

        Args:
            function: The function.
            place: What its compiled form is kept under, as `kept_at` gives it.
        """
        self._function, self._place = function, place
        self._loop: Any = None

    def __call__(self, *arguments: Any) -> None:
        """Runs the function."""
        if self._loop is not None:
            self._loop(*arguments)
            return
        try:
            types = [numba.typeof(one) for one in arguments]  # type: ignore[no-untyped-call]
            loop = self._kept(repr(types))
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "Cannot cache compiled function", NumbaWarning)
                loop(*arguments)
            loop._cache = caching.NullCache()
        except Exception as error:
            files = {frame.f_code.co_filename for frame, _ in frames(error.__traceback__)}
            if caching.__file__ not in files and not isinstance(error, OSError):
                raise
            loop = njit(nogil=True)(self._function)  # a full disk, or a file that was damaged
            loop(*arguments)
        self._loop = loop

    def _kept(self, types: str) -> Any:
        """The function as it is kept for arguments of some types; for others it is compiled, and not kept.

        Processes that kept several types in one place at once would take each other's files for their own.
        """
        name = hashlib.sha256(f"{self._place.stem} {types}".encode()).hexdigest()[:32]
        mark = self._place.with_name(f"{name}{self._place.suffix}")
        with contextlib.suppress(FileExistsError):  # another process was faster
            mark.touch(exist_ok=False)
        code = self._function.__code__.replace(co_filename=str(mark))
        return njit(nogil=True, cache=True)(FunctionType(code, self._function.__globals__, self._function.__name__))


def bound(function: Callable[..., Any], names: Mapping[str, Any]) -> FunctionType:
    """A function without closure that sees ``names`` beside its module's globals, or in place of them."""
    return FunctionType(function.__code__, {**function.__globals__, **names}, function.__name__)


def kept_at(rules: Iterable[Callable[..., Any]], *others: Any) -> Path | None:
    """The name that rules are kept under whose compiled form can be kept; None if it cannot.

    It is one in the user's folder for caches; numba puts what it keeps there, or where ``NUMBA_CACHE_DIR`` says.

    Args:
        rules: The rules' functions.
        others: What else the compiled form depends on.
    """
    try:
        key = fingerprint(*rules, *others, *COMPILERS)
    except UnknownReachError:
        return None
    folder = Path(user_cache_dir("gameagent", appauthor=False)) / "rules"
    place = folder / f"{key[:32]}.rules"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _forget_old(folder)
        return place if os.access(folder, os.W_OK) else None
    except OSError:
        return None


def _forget_old(folder: Path) -> None:
    for mark in folder.glob("*.rules"):
        with contextlib.suppress(OSError):
            if mark.stat().st_mtime < time.time() - KEPT_FOR:
                for path in (*folder.rglob(f"{mark.stem}.*.nb?"), mark):
                    path.unlink()


def fingerprint(*values: Any) -> str:
    """A hash, in hexadecimal digits, of values and of all code and constants that functions among them can reach.

    Raises:
        UnknownReachError: There is something whose effect on compiled code cannot be told.
    """
    reach = _Reach()
    for value in values:
        reach.add(value, ())
    return reach.digest.hexdigest()


class _Reach:
    """Walks over what functions refer to by name, and hashes it."""

    def __init__(self) -> None:
        self.digest = hashlib.sha256()
        self._seen: dict[int, FunctionType] = {}  # by identity

    def add(self, value: Any, names: Iterable[str]) -> None:
        """Hashes a value; of a module, what code may ask it for: attributes called ``names``."""
        if isinstance(value, Dispatcher):
            self._say("compiled", repr(sorted(value.targetoptions.items())))
            value = value.py_func
        if callable(value) and _is_stable(value):
            self._say(_home(value), value.__name__)
        elif isinstance(value, FunctionType):
            self._function(value)
        elif isinstance(value, ModuleType):
            self._module(value, names)
        elif value is None or isinstance(value, bool | int | float | complex | str | bytes | np.generic):
            self._say(type(value).__name__, repr(value))
        elif isinstance(value, np.ndarray) and not value.dtype.hasobject:
            self._say("array", repr((value.dtype.descr, value.shape)))
            self.digest.update(np.ascontiguousarray(value).tobytes())
        elif isinstance(value, np.dtype) and not value.hasobject:
            self._say("dtype", repr(value.descr))
        elif isinstance(value, tuple | list):
            self._say(type(value).__qualname__, str(len(value)))
            for one in value:
                self.add(one, names)
        else:
            raise UnknownReachError(repr(value))

    def _say(self, *texts: str) -> None:
        for text in texts:
            self.digest.update(f"{len(text)} {text} ".encode())

    def _function(self, function: FunctionType) -> None:
        if id(function) in self._seen:
            self._say("again", function.__qualname__)
            return
        self._seen[id(function)] = function
        home = function.__globals__
        if any(value is extension for value in home.values() for extension in EXTENSIONS):
            raise UnknownReachError(f"{function.__module__} teaches numba what cannot be seen in the functions' code")
        self._say("function", function.__qualname__)
        self.add(function.__defaults__, ())
        self.add(sorted((function.__kwdefaults__ or {}).items()), ())
        for cell in function.__closure__ or ():
            self.add(cell.cell_contents, ())
        self._code(function.__code__, home)

    def _code(self, code: CodeType, home: Mapping[str, Any]) -> None:
        self._say("code", code.co_code.hex(), repr((code.co_names, code.co_varnames, code.co_freevars)))
        for constant in code.co_consts:
            if isinstance(constant, CodeType):
                self._code(constant, home)
            elif isinstance(constant, frozenset):
                self.add(sorted(constant, key=repr), ())
            else:
                self.add(constant, ())
        for name in code.co_names:
            if name in home:
                self._say(name)
                self.add(home[name], code.co_names)

    def _module(self, module: ModuleType, names: Iterable[str]) -> None:
        self._say("module", module.__name__)
        for name in () if module.__name__.split(".")[0] in STABLE else names:
            if hasattr(module, name):
                self._say(name)
                self.add(getattr(module, name), names)


def _home(value: Any) -> str:
    return "numpy" if isinstance(value, np.ufunc) else getattr(value, "__module__", None) or ""


def _is_stable(value: Any) -> bool:
    return _home(value).split(".")[0] in STABLE
