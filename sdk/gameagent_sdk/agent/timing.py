"""How long calls took, and how often they were late."""

from dataclasses import dataclass


@dataclass
class CallTimes:
    """Counts calls against a deadline.

    Attributes:
        deadline_ms: How long a call may take, in milliseconds.
        calls: The number of calls.
        misses: How many took longer.
        worst_ms: The longest call, in milliseconds.
        total_ms: All calls together, in milliseconds.
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
        if ms > float(self.deadline_ms):  # it may have been set to a numpy number
            self.misses += 1
