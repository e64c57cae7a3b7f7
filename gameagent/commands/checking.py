"""``gameagent check``: the contract of a family, check by check."""

import argparse
import traceback

from rich.console import Console

from gameagent.commands.arguments import AddCommand
from gameagent_games.conformance import CheckResult, check_family
from gameagent_games.errors import FamilyError


def add_commands(add: AddCommand) -> None:
    """Adds it to the command line."""
    sub = add(
        "check", _check, "check whether a game family keeps the contract, and say where it does not",
        "gameagent check prospector:PROSPECTOR",
    )  # fmt: skip
    sub.add_argument("family", help="a family's name, package.module:NAME, or a rule file (.toml)")
    sub.add_argument("--quick", action="store_true", help="only what train, evaluate and play check: nothing compiled")
    sub.add_argument("--verbose", action="store_true", help="show the rules' traceback, or numba's whole text")


def _check(args: argparse.Namespace, console: Console) -> None:
    report = check_family(args.family, quick=args.quick)
    console.print(str(report), highlight=False, markup=False, soft_wrap=True)
    if args.verbose:
        for failure in report.failures:
            _show_cause(failure, console)
    if report.failures:
        names = ", ".join(failure.name for failure in report.failures)
        raise FamilyError(f"family {report.family!r} breaks its contract: {names}")


def _show_cause(failure: CheckResult, console: Console) -> None:
    if failure.cause is not None:
        text = "".join(traceback.format_exception(failure.cause))
        console.print(f"\n{failure.name}:\n{text}", highlight=False, markup=False, soft_wrap=True)
