"""What running a graph costs for any number of rows, compared with the most that a file may ask for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from gameagent_sdk.onnx_file.findings import Findings
from gameagent_sdk.onnx_file.limits import MAX_BYTES, MAX_FOLDED_WORK

_SMALLER = "use a smaller policy, or gradient steps on fewer steps of experience"


class Allowance(NamedTuple):
    """The most work that a graph may take for some number of rows, in the unit of ``operators/work.py``."""

    rows: int
    work: int


@dataclass
class Account:
    """An amount that grows evenly with the rows: ``fixed + each_row * rows``.

    Attributes:
        fixed: The part that does not grow.
        each_row: What each row adds.
        largest: The largest share for one row so far.
        whose: With ``named`` as its arguments, says whose that is.
        named: See there.
    """

    fixed: int = 0
    each_row: int = 0
    largest: int = 0
    whose: Callable[..., str] = str
    named: tuple[Any, ...] = ()

    def add(self, fixed: int, each_row: int, whose: Callable[..., str], *named: Any) -> None:
        """Adds the share of what ``whose(*named)`` calls by its place in the file."""
        self.fixed += fixed
        self.each_row += each_row
        if fixed + each_row > self.largest:
            self.largest, self.whose, self.named = fixed + each_row, whose, named

    def of(self, rows: int) -> int:
        """The amount for some number of rows."""
        return self.fixed + self.each_row * rows

    def rows_within(self, most: int, limit: int) -> int:
        """For how many rows, ``limit`` at most, no more than ``most`` is needed; below 0 if for none."""
        return limit if self.each_row <= 0 else min(limit, (most - self.fixed) // self.each_row)


class Budget:
    """What the nodes and tensors of a graph cost together.

    Attributes:
        work: In every run.
        folded: Work on constants alone, which engines do once, while loading.
        memory: Bytes of all tensors together.
    """

    def __init__(self, allowances: Sequence[Allowance]) -> None:
        """An empty one.

        Args:
            allowances: The most work, for each of these numbers of rows; memory is compared with its limit for the
                largest of them.
        """
        self.work, self.folded, self.memory = Account(), Account(), Account()
        self._allowances = allowances
        self._rows = max((allowance.rows for allowance in allowances), default=1)

    @property
    def is_spent(self) -> bool:
        """Whether a limit is exceeded, so that nothing more needs to be added."""
        work = self.work
        for rows, most in self._allowances:
            if work.fixed + work.each_row * rows > most:
                return True
        return self.folded.fixed > MAX_FOLDED_WORK or self.memory.of(self._rows) > MAX_BYTES

    def check(self, findings: Findings) -> None:
        """Notes what exceeds the limits, at the node or tensor that takes the largest share.

        Raises:
            CheckStopped: There are too many findings.
        """
        for rows, most in self._allowances:
            if self.work.of(rows) > most:
                doing = f"a run of {rows} row{'s' * (rows > 1)}"
                _refuse(doing, self.work, rows, most, "units of work", findings)
                break
        if self.folded.fixed > MAX_FOLDED_WORK:
            _refuse("computing with constants", self.folded, 1, MAX_FOLDED_WORK, "units of work", findings)
        if self.memory.of(self._rows) > MAX_BYTES:
            doing = f"keeping the tensors of {self._rows} rows"
            _refuse(doing, self.memory, self._rows, MAX_BYTES, "bytes", findings)


def _refuse(doing: str, account: Account, rows: int, most: int, unit: str, findings: Findings) -> None:
    taken = f"at least {account.of(rows):,} {unit}, the largest share of them here"
    findings.add(f"{doing} takes {taken}, {most:,} are the most", account.whose(*account.named), _SMALLER)
