"""tools/dev.py: when it installs, what it does when something goes wrong, and the demo in small."""

# mypy: disable-error-code="func-returns-value, redundant-expr"

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest

from gameagent import cli

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "tools" / "dev.py"


@pytest.fixture
def dev() -> ModuleType:
    spec = importlib.util.spec_from_file_location("dev", SCRIPT)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def installs(dev: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """An empty virtual environment in place of .venv; the list takes what pip was to install in each call."""
    calls: list[tuple[str, ...]] = []

    def pip_install(*requirements: str) -> None:
        assert not dev.STAMP.exists()  # or a setup that is cut short would count as done
        calls.append(requirements)

    (tmp_path / "pyvenv.cfg").write_text("version = 3.11.7\n")
    monkeypatch.setattr(dev, "VENV", tmp_path)
    monkeypatch.setattr(dev, "STAMP", tmp_path / ".gameagent-setup")
    monkeypatch.setattr(dev, "python_works", lambda: True)
    monkeypatch.setattr(dev, "pip_install", pip_install)
    return calls


def test_setup_installs_torch_first_and_then_what_changed(dev: ModuleType, installs: list[tuple[str, ...]]) -> None:
    dev.setup()
    assert len(installs) == 2
    assert installs[0] == ("torch==2.13.0",)
    assert {"./sdk", "./games", ".[all,dev,docs]"} < set(installs[1])
    dev.setup()
    assert len(installs) == 2
    (dev.VENV / "pyvenv.cfg").write_text("version = 3.12.1\n")
    dev.setup()
    assert len(installs) == 4


def test_a_setup_that_was_cut_short_is_done_again(
    dev: ModuleType, installs: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    working = dev.pip_install

    def fails_later(*requirements: str) -> None:
        if "-e" in requirements:
            raise dev.DevError("no network")
        working(*requirements)

    monkeypatch.setattr(dev, "pip_install", fails_later)
    assert dev.main(["setup"]) == 1
    monkeypatch.setattr(dev, "pip_install", working)
    assert dev.main(["setup"]) == 0
    assert [len(call) for call in installs] == [1, 1, 6]


def test_a_failing_pip_says_what_to_do(
    dev: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(dev, "run", lambda *command: 1)
    monkeypatch.setattr(dev, "setup", lambda: dev.pip_install("torch==2.13.0"))
    assert dev.main(["setup"]) == 1
    assert "pip could not install torch==2.13.0" in capsys.readouterr().err


def test_an_old_python_is_turned_away(
    dev: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(dev, "OLDEST_PYTHON", (99, 0))
    assert dev.main(["setup"]) == 1
    assert "Python 99.0 or newer is needed" in capsys.readouterr().err


def test_a_failing_check_ends_the_test_with_its_status(dev: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[tuple[object, ...]] = []
    monkeypatch.setattr(dev, "setup", lambda: None)
    monkeypatch.setattr(dev, "run", lambda *command: ran.append(command) or (3 if "mypy" in command else 0))
    with pytest.raises(SystemExit) as ended:
        dev.main(["test", "-k", "simulator"])
    assert ended.value.code == 3
    assert not any("pytest" in command for command in ran)


def test_a_warning_of_the_site_ends_docs_with_its_status(dev: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dev, "setup", lambda: None)
    commands: list[tuple[object, ...]] = []
    monkeypatch.setattr(dev, "run", lambda *command: commands.append(command) or 3)
    with pytest.raises(SystemExit) as ended:
        dev.main(["docs"])
    assert ended.value.code == 3
    assert commands == [(dev.PYTHON, "-m", "mkdocs", "build", "--strict")]


def test_further_arguments_go_to_pytest_alone(dev: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[tuple[object, ...]] = []
    monkeypatch.setattr(dev, "setup", lambda: None)
    monkeypatch.setattr(dev, "run", lambda *command: ran.append(command) or 0)
    assert dev.main(["test", "-k", "simulator", "-x"]) == 0
    assert ran[-1][1:] == ("-m", "pytest", "-k", "simulator", "-x")
    with pytest.raises(SystemExit):
        dev.main(["lint", "-x"])


def test_fast_tests_run_side_by_side(dev: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[tuple[object, ...]] = []
    monkeypatch.setattr(dev, "setup", lambda: None)
    monkeypatch.setattr(dev, "available_cores", lambda: 3)
    monkeypatch.setattr(dev, "run", lambda *command: ran.append(command) or 0)
    assert dev.main(["test", "--fast"]) == 0
    assert ran[-1][1:] == ("-m", "pytest", "-n", "3", "--dist", "worksteal", "--fast")
    assert any("mypy" in command for command in ran)


FAST_SUITE = """
import pytest

@pytest.mark.parametrize("number", range(100))
def test_of_many(number): pass

@pytest.mark.parametrize("number", range(3))
def test_of_few(number): pass

@pytest.mark.slow
def test_that_takes_long(): pass

@pytest.mark.quiet
def test_of_time(): pass

class TestGroup:
    def test_of_many(self): pass
"""


def test_fast_leaves_out_slow_tests_and_most_parameters_of_the_others(tmp_path: Path) -> None:
    shutil.copy(ROOT / "tests" / "conftest.py", tmp_path)
    (tmp_path / "test_many.py").write_text(FAST_SUITE)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n    slow\n    quiet\n")
    command = [sys.executable, "-m", "pytest", "--fast", "--collect-only", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    chosen = [line.split("::", 1)[1] for line in done.stdout.splitlines() if "::" in line]
    many, few = [f"test_of_many[{i}]" for i in (0, 99)], [f"test_of_few[{i}]" for i in (0, 2)]
    assert chosen == [*many, *few, "TestGroup::test_of_many"]


@pytest.mark.skipif(os.name == "nt", reason="process groups and SIGINT as a terminal sends them are POSIX")
def test_ctrl_c_lets_the_child_save_its_work_and_exits_130(tmp_path: Path) -> None:
    child = tmp_path / "child.py"
    child.write_text(
        "import pathlib, time\n"
        "pathlib.Path('started').touch()\n"
        "try:\n"
        "    time.sleep(60)\n"
        "except KeyboardInterrupt:\n"
        "    time.sleep(0.7)\n"
        "    pathlib.Path('saved').touch()\n"
    )
    parent = tmp_path / "parent.py"
    parent.write_text(
        "import importlib.util, pathlib, sys\n"
        f"spec = importlib.util.spec_from_file_location('dev', {str(SCRIPT)!r})\n"
        "dev = importlib.util.module_from_spec(spec)\n"
        "spec.loader.exec_module(dev)\n"
        f"dev.ROOT = pathlib.Path({str(tmp_path)!r})\n"
        "dev.setup = lambda: dev.must(sys.executable, 'child.py')\n"
        "sys.exit(dev.main(['setup']))\n"
    )
    process = subprocess.Popen([sys.executable, parent], start_new_session=True, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 30
    while not (tmp_path / "started").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    _, messages = process.communicate(timeout=30)
    assert process.returncode == 130
    assert (tmp_path / "saved").exists()
    assert b"Traceback" not in messages


@pytest.mark.slow
def test_the_demo_in_small(
    dev: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(dev, "PYTHON", Path(sys.executable))
    monkeypatch.setattr(dev, "SCRIPTS", Path(sys.executable).parent)
    monkeypatch.setattr(dev, "DEMO", tmp_path / "demo")
    monkeypatch.setattr(dev, "setup", lambda: None)
    monkeypatch.setattr("gameagent.launch.available_cores", lambda: 1)
    must = dev.must

    def here(program: Path, *arguments: object) -> None:
        """Runs the command line in this process, which has loaded torch and compiled forage already."""
        if program.stem == "gameagent":
            assert cli.main([str(argument) for argument in arguments]) == 0
        else:
            must(program, *arguments)

    monkeypatch.setattr(dev, "must", here)
    assert dev.main(["demo", "--steps", "1", "--variants", "50"]) == 0
    said = capfd.readouterr().out
    assert "torch was not imported" in said
    assert "What to type next" in said
    for picture in ("adaptation.png", "forage.png"):
        assert (tmp_path / "demo" / picture).read_bytes().startswith(b"\x89PNG")
