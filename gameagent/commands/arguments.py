"""Arguments of the command line, checked before they are used; each mistake is reported in one line."""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn, Protocol

from rich.console import Console

from gameagent.errors import ConfigError
from gameagent_sdk.console.plain_text import plain

EXIT_USAGE = 2
MOST_TRIALS = 1_000_000
MOST_EPISODES = 100_000
HIGHEST_SEED = 2**63 - 1

Command = Callable[[argparse.Namespace, Console], None]


class AddCommand(Protocol):
    """Adds a command to the command line and gives the parser of its options."""

    def __call__(self, name: str, command: Command, summary: str, example: str) -> argparse.ArgumentParser:
        """Adds a subcommand and returns its parser, to which the caller adds the arguments."""
        ...


class OneLineParser(argparse.ArgumentParser):
    """Says in one line what is wrong with an argument."""

    def error(self, message: str) -> NoReturn:
        """Ends the process with status `EXIT_USAGE` and one line on stderr."""
        self.exit(EXIT_USAGE, f"{self.prog}: {one_line(message)}; '{self.prog} --help' explains\n")


def one_line(message: object) -> str:
    """A message as one line of at most 2,000 characters, without control characters."""
    return plain(" ".join(str(message).split()), 2000)


def check_text(arguments: Sequence[str]) -> None:
    """Raises ConfigError for an argument with undecodable bytes or a null byte."""
    for word in arguments:
        if any("\ud800" <= character <= "\udfff" for character in word) or "\0" in word:
            raise ConfigError(
                f"the argument {one_line(ascii(word))} is not text in this terminal's encoding; rename the file"
            )


def file_path(text: str) -> Path:
    """A path, for argparse; the empty one, which would mean the current folder, is refused."""
    if not text.strip():
        raise argparse.ArgumentTypeError("expected a path, got an empty one")
    return Path(text)


def check_range(args: argparse.Namespace, option: str, low: float, high: float) -> None:
    """Raises ConfigError if an option's number is out of range; None passes."""
    value: Any = getattr(args, option.lstrip("-"))
    if value is not None and not low <= value <= high:  # written so that NaN is refused
        raise ConfigError(f"{option} is {value}, expected from {low:,} to {high:,}")
