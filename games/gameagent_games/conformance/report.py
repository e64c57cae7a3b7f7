"""Runs the checks on a family and reports what they found."""

from dataclasses import dataclass, field
from time import process_time
from typing import Final

from gameagent_games.conformance import games_checks, rules_checks, simulator_checks, variant_checks
from gameagent_games.conformance.contract import Broken, Check, Skip, in_order
from gameagent_games.conformance.playing import Subject, make_subject
from gameagent_games.errors import FamilyError, GamesError
from gameagent_games.interface import Family
from gameagent_games.places import authors_place
from gameagent_games.registry import load_family
from gameagent_games.sources.guarded_rules import Guard, described, quiet
from gameagent_games.sources.rules import Rules
from gameagent_games.sources.watchdog import TimeLimit, Watchdog

CALL_SECONDS: Final = 4.0  # that one call of a rule may take, in the interpreter
CHECKS: Final = in_order([*variant_checks.CHECKS, *rules_checks.CHECKS, *games_checks.CHECKS, *simulator_checks.CHECKS])
QUICK_SECONDS: Final = 3.0  # of CPU, after which the quick half starts no further check


@dataclass(frozen=True)
class CheckResult:
    """What one check found.

    Attributes:
        name: The check's name.
        passed: Whether the family keeps this part of the contract; True where the check was skipped.
        message: What is wrong and what was expected; or why the check was skipped; or a remark.
        skipped: Whether the check did not apply, or builds on one that failed.
        cause: What the rules raised, or numba's whole text, where there is one.
    """

    name: str
    passed: bool
    message: str = ""
    skipped: bool = False
    cause: BaseException | None = field(default=None, compare=False, repr=False)


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


def check_family(family: Family | str, *, quick: bool = False) -> Report:
    """Checks whether a family keeps the contract of `interface.Family`. Takes seconds, most of them compiling.

    Args:
        family: The game, or its name in the registry, or ``"module:NAME"``.
        quick: Whether to run the quick half only: what the interpreter finds in about a second, without compiling.

    Returns:
        One result per check; `Report.raise_for_failures` turns failures into an error.

    Raises:
        FamilyError: No such family.
    """
    found = load_family(family) if isinstance(family, str) else family
    results: list[CheckResult] = []
    unmet: set[str] = set()  # checks that failed, and those that build on them
    began = process_time()
    with Watchdog(CALL_SECONDS) as watchdog, quiet():
        subject = make_subject(found, Guard(watchdog))
        for check in _asked(found, quick):
            if causes := unmet.intersection(check.needs):
                unmet.add(check.name)
                results.append(CheckResult(check.name, True, f"builds on {', '.join(sorted(causes))}", skipped=True))
            elif quick and process_time() - began > QUICK_SECONDS:
                results.append(CheckResult(check.name, True, "no time left in the quick half", skipped=True))
            else:
                results.append(_run(check, subject))
                if not results[-1].passed:
                    unmet.add(check.name)
    return Report(found.name, tuple(results))


def _asked(family: Family, quick: bool) -> list[Check]:
    """The checks that a family must pass."""
    of_rules = isinstance(family.source, Rules)
    return [check for check in CHECKS if (check.quick or not quick) and (of_rules or not check.of_rules)]


def require_sound(family: Family) -> Family:
    """Refuses a family from elsewhere that fails the quick half of the contract; those of this package pass unchecked.

    A family of this package that a rule file has widened is checked as well.

    What trains, evaluates or plays a family calls this first.

    Returns:
        The family.

    Raises:
        FamilyError: One line: the family, the place in its files, what was given, what is allowed.
    """
    if family.is_trusted:
        return family
    failures = check_family(family, quick=True).failures
    if failures:
        raise FamilyError(f"family {family.name!r}: {failures[0].message} ({failures[0].name})") from failures[0].cause
    return family


def _run(check: Check, family: Subject) -> CheckResult:
    try:
        return CheckResult(check.name, True, check.run(family) or "")
    except Skip as reason:
        return CheckResult(check.name, True, str(reason), skipped=True)
    except Broken as finding:
        return CheckResult(check.name, False, str(finding))
    except GamesError as error:
        return CheckResult(check.name, False, str(error), cause=error.__cause__)
    except TimeLimit as limit:
        return CheckResult(check.name, False, f"{authors_place(limit)}: did not end within {CALL_SECONDS:g} s")
    except Exception as error:  # a source is foreign code: whatever it raises is a finding
        where = "" if (place := authors_place(error)) is None else f"{place}: "
        return CheckResult(check.name, False, f"{where}raised {described(error)}", cause=error)
