# ruff: noqa: N999  (PyInstaller wants this name)
"""PyInstaller's hook: families, their views and families of other packages are found by name at run time.

The environments for Gymnasium and PettingZoo are included if the program itself imports these libraries.
"""

from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).parents[1]
ENVIRONMENTS = {
    "gymnasium": "gameagent_games.envs.gymnasium_env",
    "pettingzoo": "gameagent_games.envs.pettingzoo_env",
}


def modules_below(folder: Path, name: str) -> list[str]:
    """Names of a package's modules, including itself and its subpackages."""
    found = []
    for path in sorted(folder.rglob("*.py")):
        parts = path.relative_to(folder).with_suffix("").parts
        if all(part.isidentifier() for part in parts):
            found.append(".".join((name, *(parts[:-1] if parts[-1] == "__init__" else parts))))
    return found


def registered_elsewhere() -> list[tuple[str, str]]:
    """Families of other packages: pairs of a distribution and a module of its package."""
    pairs = []
    for point in entry_points(group="gameagent.families"):
        package = point.module.rpartition(".")[0] or point.module
        spec = find_spec(package)
        folders = list(spec.submodule_search_locations or ()) if spec else []
        names = {point.module, *(name for folder in folders for name in modules_below(Path(folder), package))}
        pairs += [(point.dist.name if point.dist else "", name) for name in sorted(names)]
    return pairs


hiddenimports = [
    *modules_below(PACKAGE / "families", "gameagent_games.families"),
    *modules_below(PACKAGE / "drawing", "gameagent_games.drawing"),
]
datas = [
    (str(path), str(path.parent.relative_to(PACKAGE.parent)))
    for path in sorted(PACKAGE.rglob("*"))
    if path.is_file()
    and path.suffix not in (".py", ".pyc")
    and not {"golden", "template"} & {*path.relative_to(PACKAGE).parts}  # of the tests; of new games
]


def hook(hook_api: Any) -> None:
    """Adds what depends on the program and on its build environment."""
    from PyInstaller.utils.hooks import copy_metadata  # type: ignore[import-untyped]

    for library, module in ENVIRONMENTS.items():
        if hook_api.graph.find_node(library) is not None:
            hook_api.add_imports(module)
    for distribution, module in registered_elsewhere():
        hook_api.add_imports(module)
        if distribution:
            hook_api.add_datas(copy_metadata(distribution))
