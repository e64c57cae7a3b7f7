"""The command line: ``gameagent`` and a command, such as ``families``, ``new``, ``train`` or ``play``."""

import argparse
import os
import sys
from collections.abc import Sequence

from rich.console import Console

from gameagent import __version__
from gameagent.commands import checking, games, results, room, training
from gameagent.commands.arguments import EXIT_USAGE, Command, OneLineParser, check_text, one_line
from gameagent.errors import ConfigError, GameAgentError
from gameagent_games.errors import GamesError
from gameagent_sdk import BundleError, SdkError
from gameagent_sdk.console.terminal import spell_unprintable

EXIT_FAILED, EXIT_INTERRUPTED = 1, 130

OVERVIEW = """\
examples:
  gameagent train forage --out runs/forage --steps 12M     train an agent
  gameagent evaluate runs/forage --plot curve.png          how it adapts on held-out variants
  gameagent export runs/forage forage.onnx                 one file for the game
  gameagent play forage --agent forage.onnx                watch it learn in a window
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command.

    Returns:
        The exit code: 0 done, 1 failed with one line that says why, 2 wrong usage, 130 stopped by Ctrl-C.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    if "" not in sys.path:
        sys.path.insert(0, "")  # so that package.module:NAME finds a family in the working directory
    spell_unprintable()
    errors = Console(stderr=True, emoji=False, highlight=False, soft_wrap=True)
    try:
        return _run(arguments)
    except ConfigError as error:
        errors.print(f"gameagent: {one_line(error)}", markup=False)
        return EXIT_USAGE
    except BundleError as error:
        first, *findings = str(error).splitlines()
        more = " gameagent inspect lists them" if findings else ""
        errors.print(f"gameagent: {one_line(first)}{more}", markup=False)
        return EXIT_FAILED
    except BrokenPipeError:  # the reader of our output is gone, as with `head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # otherwise Python complains on exit
        return EXIT_FAILED
    except (GameAgentError, GamesError, SdkError, OSError) as error:
        errors.print(f"gameagent: {one_line(error)}", markup=False)
        return EXIT_FAILED
    except MemoryError:
        errors.print("gameagent: this machine does not have enough memory for that; ask for less", markup=False)
        return EXIT_FAILED
    except KeyboardInterrupt:
        errors.print("gameagent: stopped")
        return EXIT_INTERRUPTED


def _run(arguments: list[str]) -> int:
    check_text(arguments)
    if arguments[:1] == ["play"]:
        from gameagent_games.play.main import main as play

        return play(arguments[1:])
    if arguments[:1] == ["new"]:
        from gameagent_games.scaffold.main import main as new

        return new(arguments[1:])
    if arguments[:1] in (["inspect"], ["bench"]):
        from gameagent_sdk.console.main import main as look

        return look(arguments, prog="gameagent")
    args = _parser().parse_args(arguments)
    command: Command = args.command
    command(args, Console(emoji=False))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = OneLineParser(
        prog="gameagent",
        description="Game agents that adapt to new rules within a few episodes, inside the game.",
        epilog=OVERVIEW,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"gameagent {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def add(name: str, command: Command, summary: str, example: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(
            name,
            help=summary,
            description=summary[0].upper() + summary[1:] + ".",
            epilog=f"example:\n  {example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        sub.set_defaults(command=command)
        return sub

    for group in (games, checking, room, training, results):
        group.add_commands(add)
    # Listed for the help only: `main` hands their arguments to the command lines of the SDK and the games.
    add("inspect", _elsewhere, "describe an exported file", "gameagent inspect forage.onnx")
    add("bench", _elsewhere, "measure an exported file on this machine", "gameagent bench forage.onnx")
    add("play", _elsewhere, "open a window in which an agent, or you, plays", "gameagent play forage")
    add("new", _elsewhere, "write a small game to start from, in a project of its own", "gameagent new my_game")
    return parser


def _elsewhere(args: argparse.Namespace, console: Console) -> None:
    raise ConfigError("inspect, bench, play and new must be the first word after gameagent")


if __name__ == "__main__":
    sys.exit(main())
