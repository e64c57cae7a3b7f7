"""``gameagent check``: the contract of a family, check by check, and what its rules change."""

import argparse
import traceback
from typing import Final

from rich.console import Console

from gameagent.commands.arguments import AddCommand
from gameagent_games.conformance import CheckResult, Report, check_family, probe_rules
from gameagent_games.errors import FamilyError
from gameagent_games.registry import load_family
from gameagent_games.sources.rules import Rules

UNPLAYABLE: Final = ("rules_run", "games_run", "arrays_keep_their_form")  # checks without which nothing can be probed
RULES_SECONDS: Final = 5.0  # that the probe of compiled rules may take
OTHERS_SECONDS: Final = 30.0  # and of games from elsewhere


def add_commands(add: AddCommand) -> None:
    """Adds it to the command line."""
    sub = add(
        "check", _check, "check whether a game family keeps the contract, and probe what its rules change",
        "gameagent check prospector:PROSPECTOR",
    )  # fmt: skip
    sub.add_argument("family", help="a family's name, package.module:NAME, or a rule file (.toml)")
    sub.add_argument("--quick", action="store_true", help="only what train, evaluate and play check: nothing compiled")
    sub.add_argument("--no-probe", action="store_true", help="leave out the probe of what each rule changes")
    sub.add_argument("--verbose", action="store_true", help="show the rules' traceback, or numba's whole text")


def _check(args: argparse.Namespace, console: Console) -> None:
    report = check_family(args.family, quick=args.quick)
    console.print(str(report), highlight=False, markup=False, soft_wrap=True)
    if args.verbose:
        for failure in report.failures:
            _show_cause(failure, console)
    faults = [] if args.quick or args.no_probe else _probe(args.family, report, console)
    if report.failures:
        names = ", ".join(failure.name for failure in report.failures)
        faults.insert(0, f"breaks its contract: {names}")
    if faults:
        raise FamilyError(f"family {report.family!r} {'; '.join(faults)}")


def _probe(name: str, report: Report, console: Console) -> list[str]:
    """Shows what each rule changes; returns what is wrong, as ends of a sentence."""
    if any(failure.name in UNPLAYABLE for failure in report.failures):
        console.print("probe: left out, as the games cannot be played", highlight=False, markup=False)
        return []
    family = load_family(name)
    seconds = RULES_SECONDS if isinstance(family.source, Rules) else OTHERS_SECONDS
    found = probe_rules(family, seconds=seconds)
    console.print(f"\n{found}", highlight=False, markup=False, soft_wrap=True)
    if found.unrepeatable:
        return ["cannot be repeated"]
    return [f"has rules that change nothing: {', '.join(found.useless)}"] if found.failures else []


def _show_cause(failure: CheckResult, console: Console) -> None:
    if failure.cause is not None:
        text = "".join(traceback.format_exception(failure.cause))
        console.print(f"\n{failure.name}:\n{text}", highlight=False, markup=False, soft_wrap=True)
