"""A title's modules, fresh in every episode and apart from those of the program around it."""

import builtins
import copy
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

from gameagent_games.errors import TitleError
from gameagent_games.titles.constants import VALUES, with_constants

INSTALLED = ("site-packages", "dist-packages")
NEVER_HIDDEN = {"gameagent_games", "numpy", "pygame", *sys.stdlib_module_names}
_ABSENT: Any = object()


def script_path(script: str | Path) -> tuple[Path, str]:
    """The file of a title, and its package where it is given as a module.

    Raises:
        TitleError: There is no such file or module.
    """
    if isinstance(script, Path) or script.endswith(".py") or os.sep in script:
        path = Path(script).resolve()
        if not path.is_file():
            raise TitleError(f"there is no file {path}: a title's script is the path of its Python file, or a module")
        return path, ""
    try:
        spec = find_spec(script)
    except (ImportError, ValueError):
        spec = None
    if spec is None or not spec.origin or not spec.origin.endswith(".py"):
        raise TitleError(f"no module {script!r} with a source can be found: give the path of the title's Python file")
    return Path(spec.origin).resolve(), script.rpartition(".")[0]


class Modules:
    """The script and the modules beside it, compiled once and run anew as often as needed.

    Attributes:
        path: The script.
        folder: Where it lies; files below it are the title's own.
    """

    def __init__(self, script: str | Path, working_folder: str | Path | None, constants: Mapping[str, Any]) -> None:
        """Finds the files and checks the constants.

        Args:
            script: The script's path, or the name of a module.
            working_folder: Where the title finds its pictures; the script's own folder unless given.
            constants: Values by name; see `constants`.

        Raises:
            TitleError: There is no such file, or it sets no such constant.
        """
        self.path, self._package = script_path(script)
        self.folder = self.path.parent
        self._working_folder = self.folder if working_folder is None else Path(working_folder).resolve()
        if not self._working_folder.is_dir():
            raise TitleError(f"there is no folder {self._working_folder}, where the title is to find its files")
        self._roots = tuple(dict.fromkeys(f"{folder}{os.sep}" for folder in (self.folder, self._working_folder)))
        self._own: dict[str, bool] = {}
        self._codes: dict[str, Any] = {}
        self._constants: dict[str, dict[str, Any]] = {}
        self.set_constants(constants)
        self._modules: dict[str, ModuleType] = {}
        self._path: list[str] = []
        self._names = {name for root in self._roots for name in _importable(Path(root))} - NEVER_HIDDEN
        self._num_known, self._hidden = 0, set[str]()

    def set_constants(self, constants: Mapping[str, Any]) -> None:
        """Other values for the modules that are run from now on.

        Raises:
            TitleError: The title sets no such constant.
        """
        by_file: dict[str, dict[str, Any]] = {}
        for place, value in constants.items():
            module, colon, name = place.rpartition(":")
            path = self._file(module) if colon else self.path
            by_file.setdefault(str(path), {})[name] = value
        changed = by_file.keys() | self._constants.keys()
        codes = {file: with_constants(Path(file), by_file.get(file, ())) for file in changed}
        self._constants = by_file
        self._codes |= codes

    def _file(self, module: str) -> Path:
        parts = module.split(".")
        for root in self._roots:
            for path in (Path(root, *parts).with_suffix(".py"), Path(root, *parts, "__init__.py")):
                if path.is_file():
                    return path
        raise TitleError(f"there is no module {module!r} beside {self.path}, whose constant is to be set")

    def is_own(self, file: str) -> bool:
        """Whether a file is the title's, by its name in code objects."""
        known = self._own.get(file)
        if known is None:
            known = self._own[file] = any(
                file.startswith(root) and not set(INSTALLED) & set(Path(file[len(root) :]).parts)
                for root in self._roots
            )
        return known

    def code(self, file: str) -> Any:
        """A file's code, with the constants in it."""
        if file not in self._codes:
            self._codes[file] = with_constants(Path(file), self._constants.get(file, ()))
        return self._codes[file]

    def values(self, file: str) -> dict[str, Any]:
        """The constants of a file."""
        return copy.deepcopy(self._constants.get(file, {}))

    def fresh(self, name: str) -> ModuleType:
        """A module for the script, not run yet; all others of the title are forgotten."""
        self._modules = {}
        self._path = [str(self.folder), *(entry for entry in sys.path if entry)]
        if self._working_folder != self.folder:
            self._path.insert(1, str(self._working_folder))
        module = ModuleType(name)
        module.__file__ = str(self.path)
        module.__package__ = self._package or None
        module.__dict__["__builtins__"] = builtins
        module.__dict__[VALUES] = self.values(str(self.path))
        self._modules[name] = module
        return module

    @property
    def all(self) -> Mapping[str, ModuleType]:
        """The modules of the title that run now, by name."""
        return self._modules

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """While the title plays: its modules, its folder and its arguments instead of the program's."""
        before = sys.argv, sys.path, os.getcwd()
        if len(sys.modules) != self._num_known:  # looking through all of them takes longer than a frame
            self._hidden = {name for name in sys.modules if name.partition(".")[0] in self._names}
            self._num_known = len(sys.modules)
        saved = {name: sys.modules.pop(name, _ABSENT) for name in self._hidden | self._modules.keys()}
        sys.modules.update(self._modules)
        finder = _Finder(self)
        sys.argv, sys.path = [str(self.path)], self._path
        sys.meta_path.insert(0, finder)
        try:
            os.chdir(self._working_folder)
            yield
        finally:
            self._path = sys.path
            sys.meta_path.remove(finder)
            sys.argv, sys.path = before[:2]
            os.chdir(before[2])
            for name in finder.found | self._modules.keys():
                module = sys.modules.pop(name, None)
                if module is not None:
                    self._modules[name] = module
            sys.modules.update({name: module for name, module in saved.items() if module is not _ABSENT})


def _importable(folder: Path) -> Iterator[str]:
    """Names of the modules and packages in a folder."""
    for path in folder.iterdir():
        if path.suffix == ".py" or (path.is_dir() and any(path.glob("*.py"))):
            yield path.stem


class _Finder:
    """Finds the modules beside the script before anybody else does."""

    def __init__(self, modules: Modules) -> None:
        self._modules = modules
        self.found: set[str] = set()

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        spec = PathFinder.find_spec(name, path, target)
        if spec is None or not self._modules.is_own(spec.origin or ""):
            locations = list(spec.submodule_search_locations or ()) if spec is not None else []
            if locations and self._modules.is_own(os.path.join(locations[0], "")):
                self.found.add(name)  # a folder without __init__.py
            return None
        self.found.add(name)
        if isinstance(spec.loader, SourceFileLoader) and spec.origin:
            spec.loader = _Loader(name, spec.origin, self._modules)
        return spec


class _Loader(SourceFileLoader):
    """Runs a module's code with the constants in it, and writes nothing beside it."""

    def __init__(self, name: str, path: str, modules: Modules) -> None:
        super().__init__(name, path)
        self._modules = modules

    def get_code(self, fullname: str) -> Any:
        return self._modules.code(self.path)

    def exec_module(self, module: ModuleType) -> None:
        module.__dict__[VALUES] = self._modules.values(self.path)
        super().exec_module(module)
