"""Names and numbers for people, in a small space."""

import math

MINUS = "\N{MINUS SIGN}"


def shown_label(label: str) -> str:
    """A name from the manifest."""
    return {"true": "yes", "false": "no"}.get(label, label.replace("_", " "))


def shown_number(value: float, decimals: int = 2) -> str:
    """A number of any size, in few characters."""
    size = abs(value)
    words = f"{size:.3g}" if not size < 1e6 else f"{size:.{0 if size >= 1e4 else decimals}f}"
    return MINUS + words if value < 0 and float(words) else words


def decimals_for(scale: float) -> int:
    """The number of decimals by which values of about ``scale``, above 0, show three digits."""
    return min(max(2 - math.floor(math.log10(scale)), 0), 6)
