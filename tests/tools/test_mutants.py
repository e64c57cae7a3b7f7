"""tools/mutants.py: its list fits the code, and it tells what is caught from what is not."""

import ast
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "tools" / "mutants.py"


@pytest.fixture(scope="module")
def mutants() -> ModuleType:
    spec = importlib.util.spec_from_file_location("mutants", SCRIPT)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["mutants"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_every_mutant_changes_one_place_of_working_code(mutants: ModuleType) -> None:
    found = mutants.read_list()
    assert len({mutant.name for mutant in found}) == len(found) >= 60
    for mutant in found:
        text = (ROOT / mutant.file).read_text(encoding="utf-8")
        assert text.count(mutant.right) == 1, f"{mutant.name}: {mutant.right}"
        changed = ast.dump(ast.parse(text.replace(mutant.right, mutant.wrong)))
        assert changed != ast.dump(ast.parse(text)), mutant.name
        for test in mutant.tests:
            if not test.startswith("-") and "/" in test:
                assert (ROOT / test.partition("::")[0]).exists(), f"{mutant.name}: {test}"


@pytest.fixture
def small_tree(mutants: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of one function, one test that notices, and one that notices nothing."""
    (tmp_path / "sums").mkdir()
    (tmp_path / "sums" / "adding.py").write_text("def add(a, b):\n    return a + b\n")
    (tmp_path / "test_right.py").write_text("from sums.adding import add\ndef test(): assert add(1, 2) == 3\n")
    (tmp_path / "test_blind.py").write_text("from sums.adding import add\ndef test(): assert add(0, 0) == 0\n")
    (tmp_path / "test_red.py").write_text("def test(): assert False\n")
    monkeypatch.setattr(mutants, "ROOT", tmp_path)
    names = ("sums", "test_right.py", "test_blind.py", "test_red.py")
    monkeypatch.setattr(mutants, "COPIED", names)
    return tmp_path


def test_caught_survived_and_broken_are_told_apart(mutants: ModuleType, small_tree: Path) -> None:
    def wrong(name: str, tests: str, right: str = "a + b") -> object:
        return mutants.Mutant(name, "sums/adding.py", right, "a - b", (tests,))

    given = [
        wrong("noticed", "test_right.py"), wrong("not noticed", "test_blind.py"), wrong("red before", "test_red.py"),
        wrong("not there", "test_right.py", "a * b"),
    ]  # fmt: skip
    results = {result.mutant.name: result for result in mutants.judge_all(given, jobs=2)}
    assert {name: result.outcome for name, result in results.items()} == {
        "noticed": "caught", "not noticed": "survived", "red before": "broken", "not there": "broken",
    }  # fmt: skip
    assert "test_right.py::test" in results["noticed"].by
    assert "0 times" in results["not there"].by
    assert (small_tree / "sums" / "adding.py").read_text().endswith("a + b\n")  # only copies are changed
    table = mutants.as_table(list(results.values()))
    assert table.index("| survived |") < table.index("| caught |")


def test_a_survivor_that_nobody_explained_fails_the_command(
    mutants: ModuleType, small_tree: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    entry = '[[mutant]]\nname = "minus"\nfile = "sums/adding.py"\nright = "a + b"\nwrong = "a - b"\n'
    entry += 'tests = ["test_blind.py"]\n'
    listed = small_tree / "list.toml"
    listed.write_text(entry)
    read = mutants.read_list
    monkeypatch.setattr(mutants, "read_list", lambda: read(listed))
    assert mutants.main(["--jobs", "1"]) == 1
    assert "0 of 1 caught, 1 survived" in capsys.readouterr().out
    listed.write_text(entry + 'survives = "zero is its own negative"\n')
    assert mutants.main(["--table", str(small_tree / "out.md")]) == 0
    assert "zero is its own negative" in (small_tree / "out.md").read_text()
