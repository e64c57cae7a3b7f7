"""Where the checks put what they find."""

from collections.abc import Callable
from typing import TypeAlias

from gameagent_sdk.errors import Finding
from gameagent_sdk.onnx_file.limits import MAX_FINDINGS

EXPORT_AGAIN = "export the bundle again with gameagent"
NOT_A_BUNDLE = "it is damaged or no ONNX file, get the bundle again"
DO_NOT_TRUST = "no exporter writes this, do not trust the file"


Place: TypeAlias = str | Callable[[], str]
"""Where something stands in a file; a function if it takes longer to say than to check."""


class CheckStopped(Exception):
    """A check cannot continue, or has found enough."""


class Findings:
    """A list that ends the check when it is full."""

    def __init__(self) -> None:
        self.found: list[Finding] = []

    def add(self, what: str, where: Place, advice: str) -> None:
        """Notes a finding.

        Raises:
            CheckStopped: The list is full.
        """
        self.found.append(Finding(what, where if isinstance(where, str) else where(), advice))
        if len(self.found) >= MAX_FINDINGS:
            raise CheckStopped

    def stop(self, what: str, where: str, advice: str) -> CheckStopped:
        """Notes a finding after which nothing can be read; the caller raises it."""
        self.add(what, where, advice)
        return CheckStopped()
