"""``gameagent families`` and ``gameagent variants``."""

import argparse
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from gameagent.commands.arguments import HIGHEST_SEED, MOST_TRIALS, AddCommand, check_range, file_path
from gameagent_games.registry import family_names, load_family
from gameagent_games.variants.variant import SPLITS


def add_commands(add: AddCommand) -> None:
    """Adds them to the command line."""
    add("families", _families, "list the game families", "gameagent families")

    sub = add("variants", _variants, "print variants of a family", "gameagent variants forage -n 8 --sheet sheet.png")
    sub.add_argument("family", help="a family's name, package.module:NAME, or a rule file (.toml)")
    sub.add_argument("-n", type=int, default=5, metavar="N", help="how many (default: %(default)s)")
    sub.add_argument("--split", choices=SPLITS, default="train", help="split to draw from (default: %(default)s)")
    sub.add_argument("--seed", type=int, default=0, metavar="S", help="seed (default: %(default)s)")
    sub.add_argument("--sheet", type=file_path, metavar="FILE.png", help="draw a contact sheet of their levels")
    sub.add_argument("--out", type=file_path, metavar="FILE", help="write them to a .json or .toml file")


def _families(args: argparse.Namespace, console: Console) -> None:
    table = Table(box=SIMPLE_HEAD, caption="rules in brackets are shown to the agent, the others it must discover")
    for column in ("family", "summary", "rules", "actions", "steps"):
        table.add_column(column)
    for name in family_names():
        family = load_family(name)
        rules = ", ".join(r.name if r.hidden else f"({r.name})" for r in family.space.rules)
        table.add_row(name, family.summary, rules, str(family.num_actions), str(family.max_steps))
    console.print(table)


def _variants(args: argparse.Namespace, console: Console) -> None:
    family = load_family(args.family)
    check_range(args, "-n", 1, MOST_TRIALS)
    check_range(args, "--seed", 0, HIGHEST_SEED)
    variants = family.space.variants(family.space.sample(args.n, args.seed, args.split))
    for variant in variants:
        rules = "  ".join(f"{name}={_short(value)}" for name, value in variant.rules.items())
        console.print(f"{variant.id}  {rules}", highlight=False, markup=False, soft_wrap=True)
    if args.out is not None:
        from gameagent_games.variants.files import write_variants

        write_variants(args.out, family.name, variants)
        console.print(f"wrote {args.out}", highlight=False)
    if args.sheet is not None:
        from gameagent_games.drawing.sheet import draw_sheet

        draw_sheet(family, variants, args.sheet)
        console.print(f"wrote {args.sheet}", highlight=False)


def _short(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(_short(one) for one in value) + "]"
    return f"{value:.2f}" if isinstance(value, float) else str(value).lower() if isinstance(value, bool) else str(value)
