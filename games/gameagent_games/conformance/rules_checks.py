"""Checks of rules, called directly in the interpreter, one game at a time."""

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from gameagent_games.conformance.contract import Broken, CheckList, Skip, require
from gameagent_games.conformance.playing import LONGER, Subject, differing, entries, shown
from gameagent_games.conformance.reading import unknown_names
from gameagent_games.conformance.table import Table, play
from gameagent_games.sources.rules import EVERY_SEAT

SENTINEL: Final = 12345.0
CHECKS = CheckList(of_rules=True)


@CHECKS.check(quick=True)
def rules_run(family: Subject) -> None:
    """Uncompiled play raises nothing and returns: no index out of range, no missing field, no endless loop."""
    for table in play(family, LONGER):
        for seat in range(family.num_seats):
            table.observe(seat, 0.0)
            table.mask(seat, True)
        table.mover()


@CHECKS.check("rules_run", quick=True)
def names_are_known(family: Subject) -> None:
    """Every field that the rules' source mentions exists, and rules that are names are compared with these only."""
    for line in unknown_names(family.own_rules, family.space):
        raise Broken(line)


@CHECKS.check("rules_run", quick=True)
def step_returns_bool(family: Subject) -> None:
    """``step`` returns True or False, whether the episode ended by the rules."""
    for table in play(family):
        require(isinstance(table.returned, bool | np.bool_), f"step returned {table.returned!r}, expected a bool")


@CHECKS.check("rules_run", quick=True)
def turn_is_a_seat(family: Subject) -> None:
    """``turn`` returns a seat's number, or `EVERY_SEAT`."""
    if family.rules.turn is None:
        raise Skip("the family has no turns")
    for table in play(family):
        mover = table.mover()
        whole = isinstance(mover, int | np.integer)
        require(
            whole and (mover == EVERY_SEAT or 0 <= mover < family.num_seats),
            f"turn returned {mover!r}, expected 0 to {family.num_seats - 1} or EVERY_SEAT ({EVERY_SEAT})",
        )


@CHECKS.check("rules_run", quick=True)
def masks_are_written(family: Subject) -> None:
    """``legal`` writes every entry of the mask, the illegal ones too."""
    if family.rules.legal is None:
        raise Skip("the family has no illegal actions")
    for table in play(family):
        for seat in range(family.num_seats):
            left = np.flatnonzero(table.mask(seat, True) != table.mask(seat, False)).tolist()
            require(not left, f"legal leaves entries {left} of seat {seat}'s mask as they were")


@CHECKS.check("rules_run", quick=True)
def observations_are_written(family: Subject) -> None:
    """``observe`` writes every entry of the observation."""
    for table in play(family):
        for seat in range(family.num_seats):
            first, second = table.observe(seat, np.nan), table.observe(seat, SENTINEL)
            left = np.flatnonzero(np.isnan(first) & (second == np.float32(SENTINEL))).tolist()
            require(not left, f"observe leaves entries {shown(left)} ({entries(family, left)}) as they were")


@CHECKS.check("rules_run", quick=True)
def looking_changes_nothing(family: Subject) -> None:
    """``observe``, ``legal`` and ``turn`` leave the state as it is, its random stream included."""
    looks: dict[str, Callable[[Table, int], Any]] = {
        "observe": lambda table, seat: table.observe(seat, 0.0),
        "legal": lambda table, seat: table.mask(seat, True),
        "turn": lambda table, _: table.mover(),
    }
    for table in play(family):
        for name, look in looks.items():
            for seat in range(family.num_seats):
                before = table.states.copy()
                look(table, seat)
                changed = differing(before, table.states)
                require(not changed, f"{name} changed {changed}")


@CHECKS.check("rules_run", quick=True)
def variant_is_never_written(family: Subject) -> None:
    """No rule writes to the variant."""
    for table in play(family):
        for seat in range(family.num_seats):
            table.observe(seat, 0.0)
            table.mask(seat, True)
        table.mover()
        changed = differing(table.variant_given, table.variants)
        require(not changed, f"the rules changed the variant's {changed}")


@CHECKS.check("rules_run", quick=True)
def rewards_go_to_seats(family: Subject) -> None:
    """Rewards are written at a seat's number; a negative index (`EVERY_SEAT`, say) would pay some other seat."""
    for one in family.guard.negative:
        if one.array == "rewards":
            raise Broken(f"{one.place}: step used rewards[{one.index}], expected 0 to {family.num_seats - 1}")


@CHECKS.check("rules_run", quick=True)
def indices_count_from_zero(family: Subject) -> None:
    """No computed index of observation, mask or actions is negative: it would reach the array's other end.

    An index that is written as a constant, such as ``observation[-1]``, is meant.
    """
    for one in family.guard.negative:
        if one.array != "rewards":
            raise Broken(f"{one.place}: an index of {one.array} is {one.index}, expected at least 0")
