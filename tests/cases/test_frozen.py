"""The hook by which PyInstaller takes our families into a program."""

import importlib.util
import sys
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from gameagent_games.registry import built_in_names, load_family

GAMES = Path(__file__).parents[2] / "games"
PACKAGE = GAMES / "gameagent_games"


def load_hook() -> Any:
    """The hook as PyInstaller loads it: a file by its path, found through the package's entry point."""
    points = tomllib.loads((GAMES / "pyproject.toml").read_text())["project"]["entry-points"]["pyinstaller40"]
    (folder,) = EntryPoint("hook-dirs", points["hook-dirs"], "pyinstaller40").load()()
    spec = importlib.util.spec_from_file_location("the_hook", Path(folder) / "hook-gameagent_games.py")
    assert spec is not None and spec.loader is not None
    hook = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(hook)
    return hook


class Analysis:
    """What PyInstaller hands to ``hook``: the program's imports, and lists to add to."""

    def __init__(self, *imported: str) -> None:
        self.graph = SimpleNamespace(find_node=lambda name: name if name in imported else None)
        self.imports: list[str] = []
        self.datas: list[Any] = []

    def add_imports(self, *names: str) -> None:
        self.imports += names

    def add_datas(self, datas: list[Any]) -> None:
        self.datas += datas


@pytest.fixture
def _pyinstaller(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one function of PyInstaller that the hook calls."""
    hooks = ModuleType("PyInstaller.utils.hooks")
    hooks.copy_metadata = lambda name: [(f"{name}.dist-info", ".")]  # type: ignore[attr-defined]
    for name in ("PyInstaller", "PyInstaller.utils"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, "PyInstaller.utils.hooks", hooks)


def test_every_family_and_its_view_is_taken_along() -> None:
    found = load_hook().hiddenimports
    assert {"bandit", "forage", "gridnavi", "navigation"} <= set(built_in_names())
    for name in built_in_names():
        assert f"gameagent_games.families.{name}.family" in found
        view = load_family(name).view
        assert view is not None and view.partition(":")[0] in found
    modules = {
        ".".join(path.relative_to(GAMES).with_suffix("").parts).removesuffix(".__init__")
        for folder in ("families", "drawing")
        for path in (PACKAGE / folder).rglob("*.py")
    }
    assert modules == set(found) and len(found) == len(modules)
    for name in found:
        assert importlib.util.find_spec(name) is not None


def test_files_that_are_no_code_are_taken_along() -> None:
    datas = load_hook().datas
    taken = {(source, Path(target).as_posix()) for source, target in datas}
    for name in ("README.md", "train.toml"):
        assert (str(PACKAGE / "families" / "navigation" / name), "gameagent_games/families/navigation") in taken
    assert not [source for source, _ in datas if Path(source).suffix in (".py", ".pyc")]


@pytest.mark.usefixtures("_pyinstaller")
@pytest.mark.parametrize(
    ("imported", "faces"),
    [
        ((), []),
        (("gymnasium",), ["gameagent_games.envs.gymnasium_env"]),
        (("pettingzoo", "gymnasium"), ["gameagent_games.envs.gymnasium_env", "gameagent_games.envs.pettingzoo_env"]),
    ],
)
def test_faces_are_taken_along_where_their_library_is(imported: tuple[str, ...], faces: list[str]) -> None:
    hook, analysis = load_hook(), Analysis(*imported)
    hook.entry_points = lambda group: []
    hook.hook(analysis)
    assert analysis.imports == faces


@pytest.mark.usefixtures("_pyinstaller")
def test_families_of_other_packages_are_taken_along_with_their_entry_points(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ore/__init__.py", "ore/seam.py", "ore/pictures/__init__.py", "ore/pictures/seam_view.py", "lone.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("raise RuntimeError('a build does not run the program')")
    (tmp_path / "ore" / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    dist = SimpleNamespace(name="ore-games")
    hook, analysis = load_hook(), Analysis()

    def entry_points(group: str) -> list[Any]:
        assert group == "gameagent.families"
        return [SimpleNamespace(module=module, dist=dist) for module in ("ore.seam", "lone")]

    hook.entry_points = entry_points
    hook.hook(analysis)
    assert analysis.imports == ["ore", "ore.pictures", "ore.pictures.seam_view", "ore.seam", "lone"]
    assert ("ore-games.dist-info", ".") in analysis.datas
