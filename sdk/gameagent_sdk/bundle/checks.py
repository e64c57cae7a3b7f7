"""Checks of what a manifest says: each raises a ManifestError that names the field."""

import re
from collections import Counter
from collections.abc import Iterable

from gameagent_sdk.errors import ManifestError, shown

MAX_SIZE = 2**24  # elements of one tensor, a row: keeps a forged manifest from asking for all the memory there is
MAX_AXES = 7  # of one tensor, a row: the batch axis makes eight
MAX_BOUND = 3e38  # of a box or a feature: single precision holds it
MAX_COUNT = 10**9  # of episodes and of steps
MAX_PARTS = 2**12  # features, and slots of beliefs
MAX_ACTIONS = 2**14
MAX_MESSAGE = 300  # characters: a forged manifest's texts are part of it


def require(condition: bool, message: str) -> None:
    """Raises a ManifestError with a message, which may hold texts of the file, unless a condition holds."""
    if not condition:
        raise ManifestError(f"manifest: {shown(message, MAX_MESSAGE)}")


def require_hash(what: str, text: str) -> None:
    """Raises a ManifestError unless a text is empty or 64 hex digits."""
    require(re.fullmatch("([0-9a-f]{64})?", text) is not None, f"{what} must be 64 hex digits")


def require_unique(names: Iterable[str], what: str) -> None:
    """Raises a ManifestError if a name is given twice."""
    twice = [name for name, count in Counter(names).items() if count > 1]
    require(not twice, f"{what} must differ, given twice: {', '.join(map(shown, twice[:10]))}")
