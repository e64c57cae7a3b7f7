"""The command that writes a new game: ``gameagent new``, or ``python -m gameagent_games.scaffold``."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from gameagent_games.errors import GamesError, SettingError
from gameagent_games.scaffold.project import FILES, new_game, renamed

PROG = "gameagent new"
DESCRIPTION = """\
Write a small game to start from, in a project of its own: rules that vary, a picture, and tests.
It can be installed, checked, trained and played as it is. Then make it yours."""
EXAMPLES = """examples:
  gameagent new my_game
  gameagent new frog_pond --into ~/games
"""
NEXT = """\
next:
  cd {folder}
  pip install -e .                   so that every command knows it by its name
  gameagent play {name} --by-hand
  gameagent train {name} --out runs/first --steps 1M
README.md there says what to change where."""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; ``argv`` is the command line without the program's name.

    Returns:
        0; 1 if the project could not be written, 2 if a game cannot have that name, each with one line on standard
        error. Other wrong usage exits with 2.
    """
    arguments = _parser().parse_args(argv)
    try:
        folder = new_game(arguments.name, arguments.into)
    except GamesError as error:
        print(f"{PROG}: {error}", file=sys.stderr)
        return 2 if isinstance(error, SettingError) else 1
    print(f"wrote {folder}: {', '.join(renamed(place, arguments.name) for place in FILES)}")
    print(NEXT.format(folder=folder, name=arguments.name))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=PROG, description=DESCRIPTION, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", metavar="NAME", help="of the game and its package, such as my_game")
    parser.add_argument(
        "--into", type=Path, default=Path(), metavar="DIR", help="folder in which to make the project's (default: here)"
    )
    return parser
