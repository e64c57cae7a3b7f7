"""``gameagent room``."""

import argparse

from rich.console import Console

from gameagent.commands.arguments import MOST_TRIALS, AddCommand, check_range, file_path
from gameagent.commands.training import add_settings, given_settings


def add_commands(add: AddCommand) -> None:
    """Adds the command to the command line."""
    sub = add(
        "room", _room, "measure how much there is to learn about the hidden rules, and when, by three short runs",
        "gameagent room gridnavi",
    )  # fmt: skip
    sub.add_argument("family", help="a family's name, package.module:NAME, or a rule file")
    add_settings(sub, "budget of each run in steps (default: 500K)")
    sub.add_argument("--out", type=file_path, metavar="DIR", help="keep the runs, or go on with those in DIR")
    sub.add_argument(
        "--variants", type=int, metavar="N", help="trials that each player is judged on (default: 100 to 500)"
    )
    sub.add_argument("--json", type=file_path, metavar="FILE", help="write the figures as JSON")


def _room(args: argparse.Namespace, console: Console) -> None:
    check_range(args, "--variants", 2, MOST_TRIALS)
    from gameagent.measuring import measure

    measured = measure(given_settings(args), out=args.out, num_variants=args.variants)
    if args.json is not None:  # first: it is there even if the terminal cannot show the table
        measured.write_json(args.json)
    measured.show(console)
    if args.json is not None:
        console.print(f"wrote {args.json}", highlight=False)
