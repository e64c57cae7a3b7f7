"""What the probe found, for a person."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from gameagent_games.errors import FamilyError

Verdict: TypeAlias = Literal["shows", "persistent play only", "later episodes only", "changes nothing", "not seen"]
"""What a rule does; see `RuleFinding.verdict`."""

USELESS: Final = "changes nothing"
NEVER: Final = -1
HEADINGS: Final = ("rule", "by", "random play", "earliest", "what changes", "verdict")


@dataclass(frozen=True)
class RuleFinding:
    """What the probe found out about one rule.

    Attributes:
        rule: The rule's name.
        way: How it reaches an environment ("keyword", "option", "attribute", "others"); "rules" of compiled rules.
        verdict: "shows": uniformly random play sees it. "persistent play only": only play that holds an action or
            alternates sees it. "later episodes only": nothing differs in a trial's first episode. "changes nothing":
            no trial differed from any other. "not seen": the same, but the time ran out before all had been tried.
        changes: What differs: of "observation", "reward", "end", "legal actions" and "turns".
        random_step: Steps into the trial after which random play first sees it, the median of its trials; -1 if it
            does in fewer than half of them.
        first_step: Steps after which any play first sees it; 0 if the first observation differs, -1 if none does.
        first_policy: Who saw it first.
        idle_entries: Entries of an array rule that changed nothing when they were changed alone.
        is_stale: Of rules that go by attribute: whether it makes a state that no fresh environment has.
        stale: Names of attributes that are computed when the environment is made and keep their old value.
        failure: What went wrong in an environment with one of its values; empty if none failed.
        note: What is usually the reason, and what to do; empty if there is nothing to do.
    """

    rule: str
    way: str
    verdict: Verdict
    changes: tuple[str, ...] = ()
    random_step: float = NEVER
    first_step: int = NEVER
    first_policy: str = ""
    idle_entries: tuple[int, ...] = ()
    is_stale: bool = False
    stale: tuple[str, ...] = ()
    failure: str = ""
    note: str = ""

    @property
    def is_useless(self) -> bool:
        """Whether it changes nothing."""
        return self.verdict == USELESS

    def cells(self) -> tuple[str, ...]:
        """Its row of the table, by `HEADINGS`."""
        random = "never" if not self.changes else _at(self.random_step) if self.random_step >= 0 else "seldom"
        if self.verdict == "persistent play only":
            random = "never"
        first = f"{_at(self.first_step)} ({self.first_policy})" if self.first_step >= 0 else "never"
        verdict = self.verdict.upper() if self.is_useless else self.verdict
        stale = ", NO FRESH STATE" if self.is_stale else ""
        return self.rule, self.way, random, first, ", ".join(self.changes) or "nothing", verdict + stale

    def remarks(self) -> list[str]:
        """Lines about it, beside its row."""
        lines = [self.note] if self.note else []
        if self.idle_entries:
            numbers = ", ".join(map(str, self.idle_entries))
            lines.append(f"entries that changed nothing when they alone were changed: {numbers}")
        if self.failure:
            lines.append(f"with one of its values the environment failed: {self.failure}")
        return [f"{self.rule}: {line}" for line in lines]


@dataclass(frozen=True)
class ProbeReport:
    """What `probe_rules` found.

    Attributes:
        family: The family's name.
        findings: One for each rule that was probed, in the order of the space; empty if nothing could be compared.
        unrepeatable: Why nothing could be compared: the same variant, seed and actions do not give the same trial.
            Empty if they do.
        is_environment: Whether the games are environments, of which a rule that changes nothing is a failure; in
            rules of one's own it may be meant, and is a remark.
        num_trials: Trials played.
        num_steps: Steps played.
        seconds: How long it took.
    """

    family: str
    findings: tuple[RuleFinding, ...]
    unrepeatable: str
    is_environment: bool
    num_trials: int
    num_steps: int
    seconds: float

    @property
    def useless(self) -> tuple[str, ...]:
        """Names of the rules that change nothing."""
        return tuple(finding.rule for finding in self.findings if finding.is_useless)

    @property
    def stale(self) -> tuple[str, ...]:
        """Names of the rules that make a state that no fresh environment has."""
        return tuple(finding.rule for finding in self.findings if finding.is_stale)

    @property
    def failures(self) -> tuple[str, ...]:
        """What is wrong, one line each: rules of an environment that change nothing; play that cannot be repeated."""
        lines = [f"not repeatable: {self.unrepeatable}"] if self.unrepeatable else []
        if self.is_environment:
            lines += [_useless_line(finding) for finding in self.findings if finding.is_useless]
        return tuple(lines)

    def raise_for_failures(self) -> None:
        """Raises FamilyError with all `failures`, if there is one."""
        if self.failures:
            raise FamilyError("\n  ".join([f"family {self.family!r}:", *self.failures]))

    def finding(self, rule: str) -> RuleFinding:
        """What was found of one rule.

        Raises:
            KeyError: It was not probed.
        """
        found = {finding.rule: finding for finding in self.findings}
        return found[rule]

    def __str__(self) -> str:
        head = f"probe of family {self.family!r}: {self.num_trials:,} trials, {self.num_steps:,} steps, "
        lines = [f"{head}{self.seconds:.1f} s"]
        if self.unrepeatable:
            return "\n".join([*lines, f"NOT REPEATABLE, so nothing can be compared: {self.unrepeatable}"])
        lines += _table([HEADINGS, *(finding.cells() for finding in self.findings)])
        return "\n".join(lines + [remark for finding in self.findings for remark in finding.remarks()])


def _useless_line(finding: RuleFinding) -> str:
    return f"rule {finding.rule!r} changes nothing" + (f": {finding.note}" if finding.note else "")


def _at(step: float) -> str:
    return "at the start" if step == 0 else f"step {step:g}"


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
