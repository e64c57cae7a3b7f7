"""How long calls took, and how often that was too long."""

from dataclasses import dataclass


@dataclass
class CallTimes:
    """Counts calls against a deadline.

    Attributes:
        deadline_ms: what a call may take, in milliseconds.
        calls: how many there were.
        misses: how many took longer.
        worst_ms: the longest, in milliseconds.
        total_ms: all together, in milliseconds.
    """

    deadline_ms: float
    calls: int = 0
    misses: int = 0
    worst_ms: float = 0.0
    total_ms: float = 0.0

    def count(self, seconds: float) -> None:
        """Counts one call."""
        ms = seconds * 1000.0
        self.calls += 1
        self.total_ms += ms
        if ms > self.worst_ms:
            self.worst_ms = ms
        if ms > float(self.deadline_ms):  # it may have been set to a number of numpy's
            self.misses += 1
