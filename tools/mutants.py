"""Would the tests notice? Applies one-line wrong versions of the code, one at a time, and runs the tests that should.

    python tools/mutants.py                    all of tools/mutants.toml, one process for each core
    python tools/mutants.py --only split       those whose name or file contains a word
    python tools/mutants.py --table out.md     the result as a table

Each wrong version, a mutant, is applied to a copy of the working tree. It is caught if a test fails or runs out of
time, and survives if all pass. The named tests must pass on an unchanged copy first, or catching means nothing.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Literal

ROOT = Path(__file__).resolve().parents[1]
LIST = Path(__file__).with_suffix(".toml")
COPIED = ("gameagent", "games", "sdk", "tests", "tools", "pyproject.toml", "README.md", "CONTRIBUTING.md")
SECONDS = 300.0  # for the tests of one mutant

Outcome = Literal["caught", "survived", "broken"]


class MutantError(Exception):
    """A mutant that cannot be applied, or whose tests fail without it."""


@dataclass(frozen=True)
class Mutant:
    """One wrong version of the code.

    Attributes:
        name: What is wrong with it, in words.
        file: The file to change, from the repository's root.
        right: The text as it stands, once in the file.
        wrong: What it is replaced by.
        tests: Arguments for pytest: the tests that should notice.
        survives: Why it cannot be caught, for one that is known to change nothing; else empty.
    """

    name: str
    file: str
    right: str
    wrong: str
    tests: tuple[str, ...]
    survives: str = ""

    def apply(self, root: Path) -> None:
        """Changes the file below ``root``. Raises MutantError if the text is not there exactly once."""
        path = root / self.file
        text = path.read_text(encoding="utf-8")
        if text.count(self.right) != 1:
            raise MutantError(f"{self.name}: {self.file} has {text.count(self.right)} times: {self.right}")
        path.write_text(text.replace(self.right, self.wrong), encoding="utf-8")


@dataclass(frozen=True)
class Result:
    """What became of a mutant.

    Attributes:
        mutant: Which.
        outcome: "caught", "survived", or "broken": its tests fail without it.
        by: The first test that failed, or why it is broken.
        seconds: That its tests took.
    """

    mutant: Mutant
    outcome: Outcome
    by: str
    seconds: float


def read_list(path: Path = LIST) -> list[Mutant]:
    """The mutants of a TOML file: tables ``[[mutant]]`` with the fields of `Mutant`."""
    tables = tomllib.loads(path.read_text(encoding="utf-8"))["mutant"]
    return [Mutant(**{**table, "tests": tuple(table["tests"])}) for table in tables]


@contextmanager
def copy_of_the_tree() -> Iterator[Path]:
    """A folder with the working tree's sources and tests, removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        root = Path(folder)
        for name in COPIED:
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__", "node_modules"))
            else:
                shutil.copy2(ROOT / name, root / name)
        yield root


def run_tests(root: Path, tests: Sequence[str]) -> tuple[bool, str]:
    """Whether tests pass in a copy of the tree, and the first that did not."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    paths = os.pathsep.join(str(root / folder) for folder in (".", "games", "sdk", "tests"))
    command = [sys.executable, "-m", "pytest", "-x", "-q", "--no-header", "-p", "no:cacheprovider", *tests]
    environment = os.environ | threads | {"PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(
            command, cwd=root, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return False, f"no end within {SECONDS:.0f} s"
    if done.returncode == 0:
        return True, ""
    lines = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    last = lines[0] if lines else (done.stdout + done.stderr).strip().splitlines()[-1]
    return False, last.partition(" - ")[0]


def judge(mutant: Mutant) -> Result:
    """Applies a mutant to a copy of the tree and runs its tests."""
    started = perf_counter()
    with copy_of_the_tree() as root:
        try:
            mutant.apply(root)
        except MutantError as error:
            return Result(mutant, "broken", str(error), 0.0)
        passed, failed = run_tests(root, mutant.tests)
    return Result(mutant, "survived" if passed else "caught", failed, perf_counter() - started)


def failing_tests(mutants: Sequence[Mutant], jobs: int) -> dict[tuple[str, ...], str]:
    """The selections of tests that fail without any mutant, with the first that failed."""
    selections = sorted({mutant.tests for mutant in mutants})
    with copy_of_the_tree() as root, ThreadPoolExecutor(jobs) as pool:
        results = pool.map(lambda tests: run_tests(root, tests), selections)
        return {tests: failed for tests, (passed, failed) in zip(selections, results, strict=True) if not passed}


def judge_all(mutants: Sequence[Mutant], jobs: int, *, tests_pass: bool = False) -> list[Result]:
    """Judges mutants side by side; tells of each as soon as it is known.

    Args:
        mutants: What to judge.
        jobs: How many side by side.
        tests_pass: Whether it is known already that all tests pass without a mutant.
    """
    unsound = {} if tests_pass else failing_tests(mutants, jobs)
    results = [Result(m, "broken", f"without it: {unsound[m.tests]}", 0.0) for m in mutants if m.tests in unsound]
    with ThreadPoolExecutor(jobs) as pool:
        for result in pool.map(judge, [mutant for mutant in mutants if mutant.tests not in unsound]):
            results.append(result)
            print(f"{result.outcome:9s} {result.seconds:6.1f} s  {result.mutant.name}  {result.by}", flush=True)
    return results


def as_table(results: Sequence[Result]) -> str:
    """A Markdown table, survivors first."""
    rows = ["| outcome | wrong version | file | noticed by |", "| --- | --- | --- | --- |"]
    for result in sorted(results, key=lambda one: one.outcome == "caught"):
        mutant, by = result.mutant, result.by.removeprefix("FAILED ").removeprefix("ERROR ")
        rows.append(f"| {result.outcome} | {mutant.name} | `{mutant.file}` | {by or mutant.survives or '-'} |")
    return "\n".join(rows) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Judges; 0 if every mutant was caught but those that are known to change nothing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", metavar="WORD", help="mutants whose name or file contains it")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="side by side")
    parser.add_argument("--tests-pass", action="store_true", help="take it that all tests pass without a mutant")
    parser.add_argument("--table", type=Path, metavar="FILE.md", help="write the result as a table")
    options = parser.parse_args(arguments)
    mutants = [mutant for mutant in read_list() if options.only in mutant.name or options.only in mutant.file]
    results = judge_all(mutants, max(options.jobs, 1), tests_pass=options.tests_pass)
    counts = Counter(result.outcome for result in results)
    print(f"{counts['caught']} of {len(results)} caught, {counts['survived']} survived, {counts['broken']} broken")
    for result in results:
        if result.outcome != "caught":
            print(f"{result.outcome}: {result.mutant.name}: {result.mutant.survives or result.by or 'not explained'}")
    if options.table is not None:
        options.table.write_text(as_table(results), encoding="utf-8")
    unexplained = [r for r in results if r.outcome == "broken" or (r.outcome == "survived" and not r.mutant.survives)]
    return 1 if unexplained else 0


if __name__ == "__main__":
    raise SystemExit(main())
