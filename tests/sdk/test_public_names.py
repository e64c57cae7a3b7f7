"""The names that others may use, what importing them costs, and the manual in the README."""

# mypy: disable-error-code="attr-defined"

import importlib.metadata
import importlib.util
import inspect
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import gameagent_sdk
from gameagent_sdk import authoring

SDK = Path(gameagent_sdk.__file__).parent
README = Path(__file__).parents[2] / "sdk" / "README.md"

FACES = [gameagent_sdk, authoring]
ERRORS = [name for name in gameagent_sdk.__all__ if name.endswith("Error") or name == "MissingBackend"]


@pytest.mark.parametrize("face", FACES, ids=lambda face: face.__name__)
def test_the_public_names_are_exactly_those_that_are_imported(face: ModuleType) -> None:
    """Whatever a face imports is public, sorted, and whatever it does not want to export it does not import."""
    found = [name for name, value in vars(face).items() if not name.startswith("_") and not inspect.ismodule(value)]
    expected = found if face is authoring else [*found, "__version__"]
    assert face.__all__ == sorted(expected)


def test_a_game_meets_few_names() -> None:
    assert len(gameagent_sdk.__all__) <= 21


def test_no_name_is_in_both_faces() -> None:
    assert set(gameagent_sdk.__all__) & set(authoring.__all__) == set()


@pytest.mark.parametrize("face", FACES, ids=lambda face: face.__name__)
def test_every_public_name_is_documented(face: ModuleType) -> None:
    assert [name for name in face.__all__ if not getattr(face, name).__doc__] == []


def test_version_is_the_distribution_s() -> None:
    assert gameagent_sdk.__version__ == importlib.metadata.version("gameagent-sdk")


def test_it_is_typed() -> None:
    assert (SDK / "py.typed").exists()


def test_importing_loads_no_engine_and_no_framework() -> None:
    program = "import sys, gameagent_sdk; print(*{name.partition('.')[0] for name in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert not {"onnxruntime", "onnx", "torch", "pygame", "gymnasium", "numba", "gameagent"} & set(loaded)


def test_one_module_imports_onnxruntime_and_nothing_foreign_is_imported() -> None:
    imports = re.compile(r"^\s*(?:import|from)\s+(\w+)", re.MULTILINE)
    foreign = {
        (path.relative_to(SDK).as_posix(), name)
        for path in SDK.rglob("*.py")
        for name in imports.findall(path.read_text(encoding="utf-8"))
        if name not in sys.stdlib_module_names and name not in ("numpy", "gameagent_sdk")
    }
    assert {name for place, name in foreign if place.startswith("overlay/")} == {"pygame"}
    elsewhere = {(place, name) for place, name in foreign if not place.startswith("overlay/")}
    assert elsewhere == {("backends/onnx_runtime.py", "onnxruntime")}


def test_without_onnxruntime_numpy_takes_over_or_loading_says_what_to_install(
    path_of: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "gameagent_sdk.backends.onnx_runtime", raising=False)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)  # makes importing it fail
    with pytest.raises(gameagent_sdk.MissingBackend, match=r"pip install 'onnxruntime.*backend='numpy'"):
        gameagent_sdk.Agent.load(path_of("masked"), backend="onnxruntime")
    assert gameagent_sdk.Agent.load(path_of("masked")).policy.backend_name == "numpy"


def test_each_error_is_an_sdk_error() -> None:
    assert all(issubclass(getattr(gameagent_sdk, name), gameagent_sdk.SdkError) for name in ERRORS)
    assert issubclass(gameagent_sdk.ManifestError, gameagent_sdk.BundleError)
    assert issubclass(gameagent_sdk.InputError, ValueError)
    assert issubclass(gameagent_sdk.CallOrderError, RuntimeError)
    assert issubclass(gameagent_sdk.MissingBackend, ImportError)


class ReadmeGame:
    """As much of a game as the README's examples call: three steps an episode, or 12 frames, 4 of them a round."""

    frames = rounds = drawn = 0

    def start(self) -> list[Any]:
        self.steps = 0
        return [0.0, 0.5, 1.0]

    def step(self, action: Any) -> Any:
        assert action in ("left", "stay", "right")
        self.steps += 1
        return [0.0, 0.5, 1.0], 1.0, self.steps == 3

    def is_running(self) -> bool:
        return self.frames < 12

    def what_the_paddle_sees(self) -> list[float]:
        return [0.0, 0.5, 1.0]

    def update(self, move: int) -> float:
        assert move in (0, 1, 2)
        self.frames += 1
        return 0.5

    def is_round_over(self) -> bool:
        return self.frames % 4 == 0

    def start_round(self) -> None:
        self.rounds += 1

    def draw(self) -> None:
        self.drawn += 1


def test_the_readme_s_examples_run(
    path_of: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "pong.onnx").write_bytes(path_of("recurrent").read_bytes())
    (tmp_path / "drone.onnx").write_bytes(path_of("steered").read_bytes())
    (tmp_path / "robot.onnx").write_bytes(path_of("native").read_bytes())
    monkeypatch.chdir(tmp_path)
    names = {"game": ReadmeGame()}
    exec(blocks[0], names)
    assert names["agent"].returns == (3.0,) * 10
    assert (tmp_path / "player-one.mind").exists()
    assert "Pacer" in blocks[1] and len(blocks[1].split("\n\n", 1)[1].splitlines()) <= 10
    for block in blocks[1:]:
        if "import pygame" not in block or importlib.util.find_spec("pygame"):
            exec(block, names)
    printed = capsys.readouterr().out
    assert re.search(r"[01] of 1 decisions were late", printed)
    assert "gravity Belief(" in printed
    assert "['Zoë']" in printed
    assert names["again"].actions
    assert names["pacer"].agent.returns == (3.0,) * 10 + (2.0,) * 3  # what was saved before, and its own rounds
    assert (names["game"].rounds, names["game"].drawn) == (3, 12)


def test_the_readme_names_every_error_and_every_public_class() -> None:
    text = README.read_text(encoding="utf-8")
    assert [name for name in ERRORS if f"| `{name}`" not in text and name != "SdkError"] == []
    assert [name for name in ("Pacer", "Squad", "SaveSlots", "PolicySession", "Overlay") if f"{name}" not in text] == []
