"""Writes a new game's project: the files of `template`, which is a whole game of its own, under the new name."""

import shutil
from pathlib import Path
from typing import Final

from gameagent_games.errors import GamesError
from gameagent_games.scaffold.names import check_name

TEMPLATE: Final = Path(__file__).parent / "template"
FILES: Final = (
    ".gitignore",
    "README.md",
    "pyproject.toml",
    "my_game/__init__.py",
    "my_game/family.py",
    "my_game/rules.py",
    "my_game/view.py",
    "tests/test_my_game.py",
)
"""What a project consists of, by its names in the template."""


def new_game(name: str, into: Path | str = ".") -> Path:
    """Writes a small project that can be installed: a game that works, its tests, and its registration as a family.

    Either all of it is written or nothing is.

    Args:
        name: Of the game, its package and its folder.
        into: The folder, which must exist, in which to make the project's.

    Returns:
        The project's folder.

    Raises:
        SettingError: A game cannot have that name; see `names.check_name`.
        GamesError: The project's folder exists already, or cannot be written.
    """
    check_name(name)
    folder = Path(into) / name
    if not folder.parent.is_dir():
        raise GamesError(f"{folder.parent} is not a folder: make it first, or choose one that exists")
    texts = {renamed(place, name): renamed((TEMPLATE / place).read_text("utf-8"), name) for place in FILES}
    try:
        folder.mkdir()
    except FileExistsError:
        raise GamesError(f"{folder} exists already, and is left as it is: choose another name or folder") from None
    except OSError as error:
        raise GamesError(f"cannot make {folder}: {error.strerror or error}") from error
    try:
        for place, text in texts.items():
            _write(folder / place, text)
    except BaseException as error:  # Ctrl-C, too, leaves nothing half-written behind
        shutil.rmtree(folder, ignore_errors=True)
        if not isinstance(error, OSError):
            raise
        rest = f"remove what is left of {folder}" if folder.exists() else "nothing is left behind"
        raise GamesError(f"cannot write {error.filename or folder}: {error.strerror or error}; {rest}") from error
    return folder


def renamed(text: str, name: str) -> str:
    """A text of the template with the game's own name, in each of the three ways in which names are written."""
    words = "".join(word.capitalize() for word in name.split("_"))
    return text.replace("my_game", name).replace("MY_GAME", name.upper()).replace("MyGame", words)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, "utf-8")
