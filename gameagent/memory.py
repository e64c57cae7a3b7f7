"""How much memory this machine has."""

import os

USUAL_MEMORY = 64 * 2**30  # bytes, if the machine does not say how much it has


def physical_memory() -> int:
    """Bytes of memory that this machine has."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # not on every platform
        return USUAL_MEMORY
