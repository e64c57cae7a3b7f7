"""Reads a rule file: what it says as data, and where in the file each word of it stands."""

import hashlib
import json
import re
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from os import PathLike
from pathlib import Path
from typing import Any, Final, cast

from gameagent_games.errors import RuleFileError
from gameagent_games.field_types import nearest
from gameagent_games.variants.rule_files.lines import Key, has_key, line_of
from gameagent_games.variants.rule_files.tables import Fault, keeps_distribution, rule_of, shown, unknown_key
from gameagent_games.variants.splits.interface import HOLD_OUTS, HoldOut
from gameagent_games.variants.variant import Rule

MOST_BYTES: Final = 2**18
"""Size of the largest rule file; written by hand, one has a few hundred bytes."""

MOST_EPISODES: Final = 10_000

_KEYS: Final = ("game", "episodes", "hold_out", "constraints", "rules", "environment")
_PLACE: Final = re.compile(r" \(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)$")
_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True)
class RuleFile:
    """What a rule file says.

    Attributes:
        path: The file, as it was given.
        text: Its content.
        game: Where the game comes from: a family's name, ``"package.module:NAME"``, ``"gymnasium:…"``, …
        rules: Its rules that have a distribution, in the order of the file.
        num_episodes: Episodes of a trial; None if the file does not say.
        hold_out: What is held out; None if the file does not say.
        constraints: Conditions on several rules, all of which hold in every variant.
        environment: The table ``[environment]``, unchecked: options of games that come from elsewhere.
        kept: The other rules, which keep the game's own distribution: what the file says of "hidden", "unit" and
            "meaning" of each, by the rule's name.
    """

    path: Path
    text: str = field(repr=False)
    game: str
    rules: tuple[Rule, ...] = ()
    num_episodes: int | None = None
    hold_out: HoldOut | None = None
    constraints: tuple[str, ...] = ()
    environment: Mapping[str, Any] = field(default_factory=dict)
    kept: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @cached_property
    def digest(self) -> str:
        """Sixteen hexadecimal digits of the content; the same for every copy of the file."""
        return digest_of(self.text)

    @cached_property
    def table(self) -> Mapping[str, Any]:
        """The file as TOML gives it."""
        return tomllib.loads(self.text)

    def says(self, *keys: Key) -> bool:
        """Whether the file has a key, as in ``says("rules", "gravity", "hidden")``."""
        return has_key(self.table, keys)

    def error(self, message: str, *keys: Key) -> RuleFileError:
        """An error about what stands under some keys; the message gets file, line and keys in front.

        Args:
            message: What was given and what is allowed.
            *keys: The way to the key from the top, as in ``"environment", "options", 2``; none for the whole file. If
                a key is not there, the line is that of the table in which it is missing.
        """
        return _error(self.path, self.text, message, *keys)


def read_rule_file(path: str | PathLike[str]) -> RuleFile:
    """Reads a rule file; whether its rules suit the game is for the game to say.

    Args:
        path: A ``.toml`` file.

    Raises:
        RuleFileError: The file cannot be read, is not valid TOML, or says what no rule file may say: the message names
            file, line and key, what was given and what is allowed.
    """
    path = Path(path)
    text = _read(path)
    table = _parsed(path, text)
    fault = partial(_error, path, text)
    for key, value in table.items():
        if key not in _KEYS:
            under = f"; a rule stands under [rules.{key}]" if isinstance(value, Mapping) else ""
            raise fault(unknown_key(key, _KEYS, f"a rule file has {', '.join(_KEYS)}", under), key)
    return RuleFile(
        path,
        text,
        _game(table, fault),
        _rules(table, fault),
        _episodes(table, fault),
        _hold_out(table, fault),
        _constraints(table, fault),
        _table(table, "environment", fault),
        _kept(table),
    )


def digest_of(text: str) -> str:
    """Sixteen hexadecimal digits of a rule file's content."""
    return hashlib.sha256(text.replace("\r\n", "\n").encode()).hexdigest()[:16]


# -- what the keys say ----------------------------------------------------------------------------------------


def _game(table: Mapping[str, Any], fault: Fault) -> str:
    if "game" not in table:
        raise fault('lacks the game; expected a line such as game = "forage" or game = "package.module:NAME"')
    game = table["game"]
    if not isinstance(game, str) or not game.strip():
        raise fault(f'got {shown(game)}, expected a family\'s name or "package.module:NAME"', "game")
    return game.strip()


def _rules(table: Mapping[str, Any], fault: Fault) -> tuple[Rule, ...]:
    rules = []
    for name, entry in _table(table, "rules", fault).items():
        if not name.isidentifier():
            raise fault(f"the rule's name is {name!r}, expected letters, digits and underscores", "rules", name)
        rule = rule_of(name, entry, partial(_within, fault, "rules", name))
        if rule is not None:
            rules.append(rule)
    return tuple(rules)


def _kept(table: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The entries without a distribution, once `_rules` has checked all."""
    return {name: entry for name, entry in table.get("rules", {}).items() if keeps_distribution(entry)}


def _within(fault: Fault, table: str, name: str, message: str, *keys: Key) -> RuleFileError:
    return fault(message, table, name, *keys)


def _episodes(table: Mapping[str, Any], fault: Fault) -> int | None:
    given = table.get("episodes")
    if given is not None and (type(given) is not int or not 1 <= given <= MOST_EPISODES):
        raise fault(
            f"got {shown(given)}, expected a whole number of episodes of a trial, from 1 to {MOST_EPISODES:,}",
            "episodes",
        )
    return given


def _hold_out(table: Mapping[str, Any], fault: Fault) -> HoldOut | None:
    given = table.get("hold_out")
    if given is None:
        return None
    if given in HOLD_OUTS:
        return cast(HoldOut, given)
    hint = nearest(given, HOLD_OUTS) if isinstance(given, str) else ""
    raise fault(f"got {shown(given)}, expected one of {', '.join(HOLD_OUTS)}{hint}", "hold_out")


def _constraints(table: Mapping[str, Any], fault: Fault) -> tuple[str, ...]:
    given = table.get("constraints", [])
    if not isinstance(given, list):
        raise fault(f'got {shown(given)}, expected a list of texts, such as ["low < high"]', "constraints")
    for index, one in enumerate(given):
        if not isinstance(one, str):
            raise fault(f'got {shown(one)}, expected a text, such as "low < high"', "constraints", index)
    return tuple(given)


def _table(table: Mapping[str, Any], key: str, fault: Fault) -> Mapping[str, Any]:
    given = table.get(key, {})
    if not isinstance(given, Mapping):
        raise fault(f"got {shown(given)}, expected a table [{key}]", key)
    return given


# -- the file -------------------------------------------------------------------------------------------------


def _read(path: Path) -> str:
    """The text of a file. Raises RuleFileError."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            what = "a folder" if stat.S_ISDIR(status.st_mode) else "no ordinary file"
            raise RuleFileError(f"{path}: is {what}, expected a rule file (.toml)")
        with path.open("rb") as file:
            octets = file.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:  # a ValueError: a name that no file can have
        reason = getattr(error, "strerror", None) or error
        raise RuleFileError(f"{path}: cannot be read: {reason}") from None
    if len(octets) > MOST_BYTES:
        raise RuleFileError(f"{path}: is larger than {MOST_BYTES // 1024} KiB, which no rule file is")
    try:
        return octets.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = octets[: error.start].count(b"\n") + 1
        raise RuleFileError(f"{path}:{line}: is not UTF-8 text; save it in that encoding") from None


def _parsed(path: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = _PLACE.search(str(error))
        line = place["line"] if place and place["line"] else text.rstrip("\n").count("\n") + 1
        column = f" (column {place['column']})" if place and place["column"] else ""
        raise RuleFileError(f"{path}:{line}: is not valid TOML: {_PLACE.sub('', str(error))}{column}") from None
    except RecursionError:
        raise RuleFileError(f"{path}: is nested too deeply") from None


def _error(path: Path, text: str, message: str, *keys: Key) -> RuleFileError:
    """See `RuleFile.error`."""
    line = next((found for end in range(len(keys), 0, -1) if (found := line_of(text, *keys[:end]))), None)
    place = f"{path}" if line is None else f"{path}:{line}"
    return RuleFileError(f"{place}: {_spelt(keys)}{message}")


def _spelt(keys: tuple[Key, ...]) -> str:
    """Keys as TOML spells them, and a colon: ``rules.gravity.beyond[1]: ``."""
    text = ""
    for key in keys:
        bare = isinstance(key, str) and _BARE.fullmatch(key)
        text += f"[{key}]" if isinstance(key, int) else f".{key}" if bare else f".{json.dumps(key, ensure_ascii=False)}"
    return f"{text[1:]}: " if text else ""
