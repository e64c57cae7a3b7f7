"""What can go wrong, by name. Every message says what was given, what was expected and what to do."""

from collections.abc import Sequence
from dataclasses import dataclass

NUM_SHOWN = 8  # findings in an error's message; the rest are in its ``findings``


@dataclass(frozen=True)
class Finding:
    """One thing in a file that is not to be trusted, or cannot be used.

    Attributes:
        what: is wrong.
        where: in the file.
        advice: what to do.
    """

    what: str
    where: str
    advice: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}: {self.advice}"


class SdkError(Exception):
    """Any error that this SDK raises on purpose."""


class BundleError(SdkError):
    """The file is no usable bundle: missing, damaged, forged, changed after export, or not what its manifest says.

    Attributes:
        findings: all that a check of the file found; empty where the error is not about the file's content.
    """

    findings: tuple[Finding, ...] = ()

    @classmethod
    def listing(cls, summary: str, findings: Sequence[Finding]) -> "BundleError":
        """An error that shows the first findings, a line each."""
        error = cls(_listed(summary, findings))
        error.findings = tuple(findings)
        return error


class ManifestError(BundleError):
    """The bundle's manifest is missing, of another schema version, or has a missing or mistyped field."""


class InputError(SdkError, ValueError):
    """A value handed in has the wrong shape, type or range, or is not finite. The agent is left unchanged."""


class CallOrderError(SdkError, RuntimeError):
    """A call came out of order, such as ``act`` before ``begin_trial``. The agent is left unchanged."""


class MindError(SdkError):
    """A saved mind cannot be written, or read into this agent. The agent is left unchanged."""


class RecordingError(SdkError):
    """A recording cannot be written, or gone through again."""


class MissingBackend(SdkError, ImportError):
    """The engine that runs bundles is not installed."""


def shown(text: str, length: int = 60) -> str:
    """A text of a file that is not trusted, as it may stand in a message: shortened, and without control characters.

    Escapes what is not printable: a file must not write to a player's terminal.
    """
    short = text if len(text) <= length else text[: length - 3] + "..."
    if short.isprintable():
        return short
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in short)


def _listed(summary: str, findings: Sequence[Finding]) -> str:
    if len(findings) == 1:
        return f"{summary}: {findings[0]}"
    lines = [f"{summary}, for {len(findings)} reasons:", *(f"  {finding}" for finding in findings[:NUM_SHOWN])]
    if len(findings) > NUM_SHOWN:
        lines.append(f"  and {len(findings) - NUM_SHOWN} more in this error's findings")
    return "\n".join(lines)
