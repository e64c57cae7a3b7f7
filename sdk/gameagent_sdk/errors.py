"""Everything that can go wrong, by name. A message says what was given, what was expected and what to do."""

import reprlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

NUM_SHOWN = 8  # findings, names or numbers in an error's message; the other findings are in its ``findings``
NUM_CHARACTERS = 60  # of a value in a message
MAX_PATH_SHOWN = 300  # characters


@dataclass(frozen=True)
class Finding:
    """One thing in a file that cannot be trusted or used.

    Attributes:
        what: What is wrong.
        where: The place in the file.
        advice: What to do about it.
    """

    what: str
    where: str
    advice: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}: {self.advice}"


class SdkError(Exception):
    """Any error that this SDK raises on purpose."""


class BundleError(SdkError):
    """The file is not a usable bundle: missing, damaged, forged, changed after export, or not what its manifest says.

    Attributes:
        findings: Everything that a check of the file found; empty if the error is not about the file's content.
    """

    findings: tuple[Finding, ...] = ()

    @classmethod
    def listing(cls, summary: str, findings: Sequence[Finding]) -> "BundleError":
        """Makes an error that shows the first findings, one per line."""
        error = cls(_listed(summary, findings))
        error.findings = tuple(findings)
        return error


class ManifestError(BundleError):
    """The bundle's manifest is missing, of another schema version, or has a missing or mistyped field."""


class InputError(SdkError, ValueError):
    """A value passed in has the wrong shape, type or range, or is not finite. The agent is unchanged."""


class InputWarning(UserWarning):
    """A value is accepted but is probably a mistake: a feature outside its declared range, or a reward beyond 1e15.

    It is given once for each agent and feature, and once for an agent's rewards. A `Pacer` also warns of a reward that
    comes too late, and of a saved mind that it cannot use.
    """


class CallOrderError(SdkError, RuntimeError):
    """A call came out of order, such as ``act`` before ``begin_trial``. The agent is unchanged."""


class MindError(SdkError):
    """A saved mind cannot be written, or read into this agent. The agent is unchanged."""


class RecordingError(SdkError):
    """A recording cannot be written or replayed."""


class MissingBackend(SdkError, ImportError):
    """The engine that runs bundles is not installed."""


def shown(text: str, length: int = NUM_CHARACTERS) -> str:
    """A text from an untrusted file, made safe for a message: shortened, and without control characters.

    What is not printable is escaped: a file must not control a player's terminal.
    """
    short = text if len(text) <= length else text[: length - 3] + "..."
    if short.isprintable():
        return short
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in short)


class _Short(reprlib.Repr):
    """Representations of any value that are short, and quick to make."""

    def __init__(self) -> None:
        super().__init__()
        self.maxstring = self.maxother = self.maxlong = NUM_CHARACTERS
        self.maxlist = self.maxtuple = self.maxset = self.maxfrozenset = self.maxdict = self.maxarray = 4
        self.maxlevel = 3

    def repr_int(self, x: Any, level: int) -> str:
        """Python refuses to write out integers with thousands of digits."""
        if isinstance(x, int) and x.bit_length() > 1024:
            return f"an integer of {x.bit_length()} bits"
        return self.repr_instance(x, level)

    def repr_ndarray(self, x: Any, level: int) -> str:
        """Shows an array of many numbers by its shape."""
        if isinstance(x, np.ndarray) and x.size > NUM_SHOWN:
            return f"an array of shape {x.shape} and dtype {x.dtype}"
        return self.repr_instance(x, level)


def shown_path(path: object) -> str:
    """A path for a message; if it is long, only its end."""
    text = str(path)
    return shown(text if len(text) <= MAX_PATH_SHOWN else "..." + text[3 - MAX_PATH_SHOWN :], MAX_PATH_SHOWN)


def shown_value(value: object) -> str:
    """Any value that was passed in, for a message: on one line, and shortened."""
    return shown(" ".join(_SHORT.repr(value).split()), 2 * NUM_CHARACTERS)


def shown_names(names: Iterable[str]) -> str:
    """Names from an untrusted file, for a message: the first of them, each shortened."""
    listed = [shown(name) for name in names]
    more = f" and {len(listed) - NUM_SHOWN} more" if len(listed) > NUM_SHOWN else ""
    return ", ".join(listed[:NUM_SHOWN]) + more


_SHORT = _Short()


def _listed(summary: str, findings: Sequence[Finding]) -> str:
    if len(findings) == 1:
        return f"{summary}: {findings[0]}"
    lines = [f"{summary}, for {len(findings)} reasons:", *(f"  {finding}" for finding in findings[:NUM_SHOWN])]
    if len(findings) > NUM_SHOWN:
        lines.append(f"  and {len(findings) - NUM_SHOWN} more in this error's findings")
    return "\n".join(lines)
