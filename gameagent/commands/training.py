"""``gameagent train``."""

import argparse
from collections.abc import Sequence
from typing import Any

from rich.console import Console

from gameagent.commands.arguments import AddCommand, file_path
from gameagent.errors import ConfigError


def add_commands(add: AddCommand) -> None:
    """Adds the command to the command line."""
    sub = add("train", _train, "train an agent", "gameagent train forage --out runs/forage --steps 12M --baselines")
    sub.add_argument("family", help="a family's name, package.module:NAME, or a rule file (.toml)")
    sub.add_argument("--out", type=file_path, required=True, metavar="DIR", help="folder of the run")
    add_settings(sub, "budget in steps, such as 200k or 12M")
    sub.add_argument(
        "--help-settings", action=_HelpSettings, nargs="?", metavar="FAMILY",
        help="explain every setting and what a family suggests for it, then exit",
    )  # fmt: skip
    sub.add_argument("--resume", action="store_true", help="continue the run in DIR where it stopped")
    sub.add_argument(
        "--baselines", action="store_true",
        help="also train a memoryless agent and an oracle, with the same budget and trial length",
    )  # fmt: skip


def add_settings(sub: argparse.ArgumentParser, budget: str) -> None:
    """Adds the arguments that `given_settings` reads.

    Args:
        sub: The command's parser.
        budget: What --steps means to the command.
    """
    sub.add_argument("--steps", metavar="N", help=budget)
    sub.add_argument("--seed", metavar="S", help="seed of everything random (default: 0)")
    sub.add_argument("--config", type=file_path, metavar="FILE.toml", help="settings from a file")
    sub.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="one setting; may be repeated")


class _HelpSettings(argparse.Action):
    """Prints the explanation of the settings and exits, as --help does."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        from gameagent.commands.settings_help import explain_settings
        from gameagent_games.registry import load_family

        name = values or namespace.family
        for line in explain_settings(None if name is None else load_family(str(name))):
            print(line)
        parser.exit()


def _train(args: argparse.Namespace, console: Console) -> None:
    from gameagent.api import train_run
    from gameagent.run.folder import RunFolder

    run = train_run(RunFolder(args.out), given_settings(args), resume=args.resume, baselines=args.baselines)
    console.print(f"done: {run.path}", highlight=False)
    console.print(f"next: gameagent evaluate {run.path}", highlight=False)


def given_settings(args: argparse.Namespace) -> dict[str, Any]:
    """The settings: --steps and --seed override --set, which overrides the file."""
    from gameagent.settings import read_config_file, shown

    given: dict[str, Any] = read_config_file(args.config) if args.config is not None else {}
    for pair in args.set:
        key, equals, value = pair.partition("=")
        if not equals:
            raise ConfigError(f"--set {pair}: expected KEY=VALUE")
        given[key] = value
    if given.get("family", args.family) != args.family:
        raise ConfigError(f"family is {shown(given['family'])} in the settings, but the command says {args.family!r}")
    for field in ("steps", "seed"):
        if getattr(args, field) is not None:
            given[field] = getattr(args, field)
    return given | {"family": args.family}
