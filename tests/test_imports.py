"""The import arrows between the three packages: read in the sources, and seen in fresh processes."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = {
    "gameagent_sdk": ROOT / "sdk" / "gameagent_sdk",
    "gameagent_games": ROOT / "games" / "gameagent_games",
    "gameagent": ROOT / "gameagent",
}
TEMPLATE = SOURCES["gameagent_games"] / "scaffold" / "template"  # of other people's projects: no part of the package
FACES = "gameagent_games.envs"
TITLES = "gameagent_games.titles"
DRAWING = (
    "gameagent_games.drawing",
    "gameagent_games.play",
    "gameagent_games.families.*.view",
    "gameagent_games.families.*.sprites",
    TITLES,
)

# What each package may import beside the standard library and itself, and where: a tuple of modules (* for any
# one name), each with all that lies below it, or () for everywhere.
ALLOWED = {
    "gameagent_sdk": {
        "numpy": (),
        "onnxruntime": ("gameagent_sdk.backends.onnx_runtime",),
        "pygame": ("gameagent_sdk.overlay",),
    },
    "gameagent_games": {
        "numpy": (),
        "numba": (),
        "platformdirs": ("gameagent_games.sources.kept",),
        "tomli_w": (),
        "gymnasium": (FACES, f"{TITLES}.env"),
        "pettingzoo": (FACES,),
        "pygame": DRAWING,
        "PyInstaller": ("gameagent_games.__pyinstaller",),
        "cloudpickle": ("gameagent_games.pickling",),
        "gameagent_sdk": ("gameagent_games.play", "gameagent_games.interface", "gameagent_games.sources.environments"),
    },
    "gameagent": {
        "numpy": (),
        "torch": (),
        "rich": (),
        "filelock": ("gameagent.run.lock",),
        "onnx": ("gameagent.export", "gameagent.tracing"),
        "onnxscript": ("gameagent.export", "gameagent.tracing"),
        "tensorboard": ("gameagent.run.event_log",),
        "matplotlib": ("gameagent.judging.report",),
        "gameagent_games": (),
        "gameagent_sdk": (),
    },
}
# The rooms of a package, from the ground up: a module imports from its own room and from those before it alone.
# "" is the package's __init__, and a name that is no folder a single module.
ROOMS: dict[str, tuple[str | tuple[str, ...], ...]] = {
    "gameagent_sdk": (
        "errors", "regular_file", "graph", "operators", "onnx_file", "bundle", "backends", "engine", "adaptation",
        "saving", "agent", "authoring", "", "overlay", "console",
    ),
    "gameagent_games": (
        "errors", "places", "processes", "field_types", "game_rng", "pickling", "variants", "failures", "games",
        "interface", "from_rule_file", "sources", "registry", "family_files", "recipes", "players", "loop",
        "conformance", "", "drawing", "families", "envs", "titles", "play", "scaffold", "__pyinstaller",
    ),
    "gameagent": (
        "errors", "seeding", "settings", "losses", "returns", "inner_loop", "workers", "memory", "tracing", "nets",
        "playing", ("config", "methods"), "run", "export", "outer_loop", "devices", "launch", "judging", "api",
        "measuring", "", "commands", "cli", "__main__",
    ),
}  # fmt: skip
NEVER = {  # below an allowed name
    "gameagent": ("gameagent_games.families", FACES),
}
# Allowed inside functions or for types only, as importing them takes long or needs an extra: in these modules, or ().
LATE: dict[str, dict[str, tuple[str, ...]]] = {
    "gameagent_sdk": {"pygame": ()},
    "gameagent_games": {
        "PyInstaller": (),
        "cloudpickle": (),
        "gameagent_sdk": ("gameagent_games.interface",),
    },
    "gameagent": {"matplotlib": (), "tensorboard": ()},
}


def module_name(package: str, path: Path) -> str:
    parts = path.relative_to(SOURCES[package].parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def modules(package: str) -> dict[str, Path]:
    """The files of a package's modules, by name."""
    paths = sorted(path for path in SOURCES[package].rglob("*.py") if TEMPLATE not in path.parents)
    return {module_name(package, path): path for path in paths}


def for_types_only(node: ast.AST) -> bool:
    """Whether it is an ``if TYPE_CHECKING:``, which never runs."""
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def without_types_only(tree: ast.AST) -> ast.AST:
    """The tree without what stands under ``if TYPE_CHECKING:``."""
    for node in ast.walk(tree):
        if hasattr(node, "body") and isinstance(node.body, list):
            node.body = [child for child in node.body if not for_types_only(child)]
    return tree


def imports(tree: ast.AST) -> Iterator[tuple[str, bool]]:
    """Every imported module, those named in ``import_module("…")`` too, and whether it is imported late."""
    late = {
        id(node)
        for outer in ast.walk(tree)
        if isinstance(outer, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) or for_types_only(outer)
        for node in ast.walk(outer)
    }
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"line {node.lineno}: a relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in ("import_module", "__import__") and isinstance(node.args[0].value, str):
                names = [node.args[0].value]
        yield from ((name, id(node) in late) for name in names)


def within(name: str, parents: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, parent) or fnmatchcase(name, parent + ".*") for parent in parents)


def faults(package: str, module: str, source: str) -> list[str]:
    """What is wrong with a module's imports, as sentences."""
    found = []
    for name, late in imports(ast.parse(source)):
        top = name.split(".")[0]
        if top == package or top in sys.stdlib_module_names:
            continue
        where = ALLOWED[package].get(top)
        misplaced = where is None or (where and not within(module, where))
        if misplaced or within(name, NEVER.get(package, ())):
            found.append(f"{module} must not import {name}")
        elif not late and top in LATE[package] and within(module, LATE[package][top] or ("*",)):
            found.append(f"{module} must import {name} late, inside a function")
    return found


@pytest.mark.parametrize("package", SOURCES)
def test_sources_import_only_along_the_arrows(package: str) -> None:
    found = [
        fault
        for module, path in modules(package).items()
        for fault in faults(package, module, path.read_text(encoding="utf-8"))
    ]
    assert found == []


@pytest.mark.parametrize(
    ("package", "module", "source"),
    [
        ("gameagent_sdk", "gameagent_sdk.agent.agent", "import torch"),
        ("gameagent_sdk", "gameagent_sdk.agent.agent", "def f():\n    import torch.nn as nn"),
        ("gameagent_sdk", "gameagent_sdk.agent.agent", "def f():\n    import onnxruntime"),
        (
            "gameagent_sdk",
            "gameagent_sdk.agent.agent",
            "from importlib import import_module\nimport_module('gymnasium')",
        ),
        ("gameagent_sdk", "gameagent_sdk.agent.agent", "from gameagent.trial import Trial"),
        ("gameagent_sdk", "gameagent_sdk.overlay", "import pygame"),
        ("gameagent_games", "gameagent_games.sources.rules", "def f():\n    import pygame"),
        ("gameagent_games", "gameagent_games.families.forage.rules", "import pygame"),
        ("gameagent_games", "gameagent_games.sources.rules", "import gameagent_sdk"),
        ("gameagent_games", "gameagent_games.interface", "import gameagent_sdk"),
        ("gameagent_games", "gameagent_games.loop", "def f():\n    import gameagent_sdk"),
        ("gameagent_games", "gameagent_games.drawing.plain", "import gameagent_sdk"),
        ("gameagent_games", "gameagent_games.titles.playing", "import gymnasium"),
        ("gameagent_games", "gameagent_games.play.main", "import torch"),
        ("gameagent", "gameagent.outer_loop", "from gameagent_games.families.forage.family import FORAGE"),
        ("gameagent", "gameagent.outer_loop", "from gameagent_games.families import forage"),
        ("gameagent", "gameagent.outer_loop", "from gameagent_games import families"),
        ("gameagent", "gameagent.outer_loop", "import gymnasium"),
    ],
)
def test_a_forbidden_import_is_found(package: str, module: str, source: str) -> None:
    assert len(faults(package, module, source)) == 1


def arrows(package: str, late_too: bool = True) -> dict[str, set[str]]:
    """By module, the other modules of the package that it imports, but not those for types only."""
    sources = modules(package)
    found = {}
    for module, path in sources.items():
        tree = without_types_only(ast.parse(path.read_text(encoding="utf-8")))
        names = [name for name, late in imports(tree) if late_too or not late]
        parents = {name if name in sources else name.rpartition(".")[0] for name in names}
        found[module] = (parents & sources.keys()) - {module}
    return found


def room(module: str) -> str:
    return module.partition(".")[2].partition(".")[0]


@pytest.mark.parametrize("package", ROOMS)
def test_every_module_is_in_a_room_and_rooms_import_from_those_before_them(package: str) -> None:
    floors = [(rooms,) if isinstance(rooms, str) else rooms for rooms in ROOMS[package]]
    floor = {name: index for index, rooms in enumerate(floors) for name in rooms}
    found = arrows(package)
    assert {room(module) for module in found} == floor.keys()
    upward = [
        f"{module} imports {other}"
        for module, others in found.items()
        for other in others
        if floor[room(other)] > floor[room(module)]
    ]
    assert upward == []


@pytest.mark.parametrize("package", ROOMS)
def test_no_modules_import_one_another_in_a_circle(package: str) -> None:
    left = arrows(package, late_too=False)
    while leaves := [module for module, others in left.items() if not others & left.keys()]:
        left = {module: others for module, others in left.items() if module not in leaves}
    assert left == {}


def modules_after(statements: str) -> set[str]:
    """The modules that a fresh process has loaded after some statements."""
    code = f"{statements}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    names: list[str] = json.loads(done.stdout.splitlines()[-1])
    return set(names)


@pytest.mark.parametrize(
    ("statements", "unwanted"),
    [
        (
            "import gameagent_sdk",
            ("torch", "onnxruntime", "onnx", "gymnasium", "pettingzoo", "pygame", "gameagent", "gameagent_games"),
        ),
        (
            "import gameagent_games, gameagent_games.registry as r\nfor n in r.family_names(): r.load_family(n)",
            ("torch", "onnxruntime", "gymnasium", "pettingzoo", "pygame", "matplotlib", "gameagent", "gameagent_sdk"),
        ),
        ("import gameagent", ("gameagent_games.families.*", "gymnasium", "pettingzoo", "pygame", "matplotlib", "onnx")),
        (
            "import gameagent.cli",
            ("torch", "onnxruntime", "gameagent_games.families.*", "pygame", "matplotlib", "onnx"),
        ),
        ("import gameagent_games.titles", ("torch", "gymnasium", "pettingzoo", "gameagent", "gameagent_sdk")),
        (
            "import gameagent_games.scaffold.main",
            ("torch", "gameagent", "gameagent_sdk", "gymnasium", "pettingzoo", "pygame"),
        ),
        ("import gameagent_games.play.main", ("torch", "gameagent", "gymnasium", "pettingzoo")),
    ],
)
def test_importing_loads_nothing_unwanted(statements: str, unwanted: tuple[str, ...]) -> None:
    assert [name for name in sorted(modules_after(statements)) if within(name, unwanted)] == []
