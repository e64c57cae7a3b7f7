"""What a check is: a named function over a `Subject` that says what is broken, or why it does not apply."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from gameagent_games.conformance.playing import Subject


class Broken(Exception):
    """Ends a check: this part of the contract is broken."""


class Skip(Exception):
    """Ends a check: it does not apply to this family."""


def require(condition: Any, message: str) -> None:
    """Ends a check with `Broken` unless a condition holds."""
    if not condition:
        raise Broken(message)


Run: TypeAlias = Callable[[Subject], str | None]
"""A check's function; what it returns is a remark on a family that passes."""


@dataclass(frozen=True)
class Check:
    """A check.

    Attributes:
        run: The function, whose name is the check's.
        needs: Names of the checks that it builds on.
        quick: Whether it takes a fraction of a second and compiles nothing, and so belongs to the quick half.
        of_rules: Whether it reads rules; families of other sources are not asked.
    """

    run: Run
    needs: tuple[str, ...]
    quick: bool
    of_rules: bool

    @property
    def name(self) -> str:
        """The check's name."""
        return self.run.__name__


class CheckList(list[Check]):
    """Checks in the order they run."""

    def __init__(self, *, of_rules: bool = False) -> None:
        """``of_rules`` as in `Check`."""
        super().__init__()
        self.of_rules = of_rules

    def check(self, *needs: str, quick: bool = False) -> Callable[[Run], Run]:
        """Adds the decorated function; see `Check` for the arguments."""

        def enlist(run: Run) -> Run:
            self.append(Check(run, needs, quick, self.of_rules))
            return run

        return enlist


def in_order(checks: Sequence[Check]) -> tuple[Check, ...]:
    """The same checks, each after those that it builds on, else in the order given."""
    ordered: list[Check] = []
    waiting = list(checks)
    while waiting:
        names = {check.name for check in waiting}
        ordered.append(next(check for check in waiting if not names.intersection(check.needs)))
        waiting.remove(ordered[-1])
    return tuple(ordered)
