"""Runs the checks on a family and reports what they found."""

from dataclasses import dataclass

from gameagent_games.conformance.checks import CHECKS, Broken, Check, Skip
from gameagent_games.errors import FamilyError
from gameagent_games.interface import Family
from gameagent_games.registry import load_family


@dataclass(frozen=True)
class CheckResult:
    """What one check found.

    Attributes:
        name: The check's name.
        passed: Whether the family keeps this part of the contract; True where the check was skipped.
        message: What is wrong and what was expected; or why the check was skipped; empty where it passed.
        skipped: Whether the check did not apply, or builds on one that failed.
    """

    name: str
    passed: bool
    message: str = ""
    skipped: bool = False


@dataclass(frozen=True)
class Report:
    """What `check_family` found, one result per check, in the order of the checks."""

    family: str
    results: tuple[CheckResult, ...]

    @property
    def failures(self) -> tuple[CheckResult, ...]:
        """The checks that failed."""
        return tuple(result for result in self.results if not result.passed)

    def raise_for_failures(self) -> None:
        """Raises FamilyError with every failure's name and message, if there is one."""
        if self.failures:
            lines = "".join(f"\n  {result.name}: {result.message}" for result in self.failures)
            raise FamilyError(f"family {self.family!r} breaks its contract:{lines}")

    def __str__(self) -> str:
        def line(result: CheckResult) -> str:
            word = "skipped" if result.skipped else "passed" if result.passed else "FAILED"
            return f"{word:8}{result.name}" + (f": {result.message}" if result.message else "")

        return "\n".join([f"family {self.family!r}", *map(line, self.results)])


def check_names() -> tuple[str, ...]:
    """Names of all checks, in the order they run."""
    return tuple(check.name for check in CHECKS)


def check_family(family: Family | str) -> Report:
    """Checks whether a family keeps the contract of `interface.Family`. Takes seconds, most of them compiling.

    Args:
        family: The game, or its name in the registry, or ``"module:NAME"``.

    Returns:
        One result per check; `Report.raise_for_failures` turns failures into an error.

    Raises:
        FamilyError: No such family.
    """
    found = load_family(family) if isinstance(family, str) else family
    results: list[CheckResult] = []
    unmet: set[str] = set()  # checks that failed, and those that build on them
    for check in CHECKS:
        if causes := unmet.intersection(check.needs):
            unmet.add(check.name)
            results.append(CheckResult(check.name, True, f"builds on {', '.join(sorted(causes))}", skipped=True))
            continue
        results.append(_run(check, found))
        if not results[-1].passed:
            unmet.add(check.name)
    return Report(found.name, tuple(results))


def _run(check: Check, family: Family) -> CheckResult:
    try:
        check.run(family)
    except Skip as reason:
        return CheckResult(check.name, True, str(reason), skipped=True)
    except Broken as finding:
        return CheckResult(check.name, False, str(finding))
    except Exception as error:  # the rules are foreign code: whatever they raise is a finding
        return CheckResult(check.name, False, f"raised {type(error).__name__}: {error}")
    return CheckResult(check.name, True)
