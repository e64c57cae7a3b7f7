"""The contract of a family as small named checks, in the order they run."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gameagent_games.conformance.playing import (
    STEPS,
    Table,
    choose,
    differing,
    draw,
    entries,
    moment,
    play,
    same_margins,
    sample,
    splits_of,
    trace,
    watch,
)
from gameagent_games.errors import ActionError, VariantError
from gameagent_games.interface import EVERY_SEAT, Family
from gameagent_games.simulator import Simulator
from gameagent_games.variant import Split

LONGEST_EPISODE: Final = 20_000  # steps within which an episode must end
SENTINEL: Final = 12345.0
MARGIN_SAMPLE: Final = 20_000  # variants of each split whose rules are compared


class Broken(Exception):
    """Ends a check: this part of the contract is broken."""


class Skip(Exception):
    """Ends a check: it does not apply to this family."""


def require(condition: Any, message: str) -> None:
    if not condition:
        raise Broken(message)


@dataclass(frozen=True)
class Check:
    run: Callable[[Family], None]
    needs: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.run.__name__


CHECKS: list[Check] = []


def check(*needs: str) -> Callable[[Callable[[Family], None]], Callable[[Family], None]]:
    def enlist(run: Callable[[Family], None]) -> Callable[[Family], None]:
        CHECKS.append(Check(run, needs))
        return run

    return enlist


# -- variants ---------------------------------------------------------------------------------------------------------


@check()
def variants_round_trip(family: Family) -> None:
    """A variant written as JSON and read again is the same record, with the same id."""
    space = family.space
    records = sample(family, 32)
    variants = space.variants(records)
    again = space.records([json.loads(json.dumps(dict(variant.rules))) for variant in variants])
    for variant, read, record in zip(variants, again, records, strict=True):
        same = all(np.array_equal(read[name], record[name]) for name in space.dtype.names or ())
        require(same, f"{dict(variant.rules)} was read back as {read}, but it was {record}")
    require(space.variants(again) == variants, "ids differ after a round trip")


@check()
def splits_are_disjoint(family: Family) -> None:
    """Every split can be sampled, its variants belong to it, and no variant is in two splits."""
    if not family.space.holds_out:
        raise Skip(f"too few variants to hold any out: every split means all {family.space.num_variants}")
    owner: dict[str, str] = {}
    for split in splits_of(family):
        try:
            records = family.space.sample(64, 0, split)
        except VariantError as error:
            raise Broken(f"split {split!r} cannot be sampled: {error}") from None
        belongs = family.space.split_of(records)
        require((belongs == split).all(), f"variants drawn for {split!r} belong to {sorted(set(belongs.tolist()))}")
        for variant in family.space.variants(records):
            other = owner.setdefault(variant.id, split)
            require(other == split, f"variant {variant.id} is in {other!r} and in {split!r}")


@check("splits_are_disjoint")
def splits_have_equal_margins(family: Family) -> None:
    """Every single rule looks the same in each split: what is held out are combinations, not kinds of values."""
    space = family.space
    if not space.holds_out or space.hold_out != "combinations":
        raise Skip(f"holds out {space.hold_out if space.holds_out else 'nothing'}")
    train = space.sample(MARGIN_SAMPLE, 0, "train")
    held_out_splits: tuple[Split, ...] = ("validation", "test")
    for number, split in enumerate(held_out_splits, 1):
        held_out = space.sample(MARGIN_SAMPLE, number, split)
        for rule in space.rules:
            columns = (rule.distribution.cells(records[rule.name]).T for records in (train, held_out))
            for ours, theirs in zip(*columns, strict=True):
                require(
                    same_margins(ours, theirs),
                    f"rule {rule.name!r} is not in {split} as it is in train, beyond what chance does; a distribution "
                    "of your own needs num_values and all_values where its values can be listed (distributions)",
                )


# -- one game, its rules called directly --------------------------------------------------------------------------


@check()
def rules_run(family: Family) -> None:
    """Uncompiled play raises nothing: no index out of bounds, no missing field, no division by zero."""
    for table in play(family):
        for seat in range(family.num_seats):
            table.observe(seat, 0.0)
            table.mask(seat, True)
        table.mover()


@check("rules_run")
def step_returns_bool(family: Family) -> None:
    """``step`` returns True or False, whether the episode ended by the rules."""
    for table in play(family):
        require(isinstance(table.returned, bool | np.bool_), f"step returned {table.returned!r}, expected a bool")


@check("rules_run")
def episodes_end(family: Family) -> None:
    """Every episode ends, by the rules or by ``max_steps``, within `LONGEST_EPISODE` steps."""
    for record in sample(family, 2):
        simulator = Simulator(family, 1, num_episodes=1, compiled=False)
        simulator.reset(record.reshape(1), np.zeros(1, np.int64))
        generator = np.random.default_rng(0)
        for _ in range(min(family.max_steps, LONGEST_EPISODE)):
            simulator.step(choose(family, simulator.legal_actions, draw(family, generator)[None]))
            if simulator.finished[0]:
                break
        require(
            simulator.finished[0],
            f"an episode went on after {LONGEST_EPISODE} steps; lower max_steps, which is {family.max_steps}",
        )


@check("rules_run")
def turn_is_a_seat(family: Family) -> None:
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


@check("rules_run")
def masks_are_written(family: Family) -> None:
    """``legal`` writes every entry of the mask, the illegal ones too."""
    if family.rules.legal is None:
        raise Skip("the family has no illegal actions")
    for table in play(family):
        for seat in range(family.num_seats):
            left = np.flatnonzero(table.mask(seat, True) != table.mask(seat, False)).tolist()
            require(not left, f"legal leaves entries {left} of seat {seat}'s mask as they were")


@check("turn_is_a_seat", "masks_are_written")
def acting_seats_can_act(family: Family) -> None:
    """A seat that acts has at least one legal action."""
    if family.rules.legal is None:
        raise Skip("the family has no illegal actions")
    for table in play(family):
        if table.ended:
            continue
        for seat in range(family.num_seats):
            if table.mover() in (EVERY_SEAT, seat):
                require(table.mask(seat, False).any(), f"seat {seat} acts at step {table.steps} without a legal action")


@check("rules_run")
def observations_are_written(family: Family) -> None:
    """``observe`` writes every entry of the observation."""
    for table in play(family):
        for seat in range(family.num_seats):
            first, second = table.observe(seat, np.nan), table.observe(seat, SENTINEL)
            left = np.flatnonzero(np.isnan(first) & (second == np.float32(SENTINEL))).tolist()
            require(not left, f"observe leaves entries {left} ({entries(family, left)}) as they were")


@check("rules_run")
def observations_within_bounds(family: Family) -> None:
    """Observations are finite and within the bounds of their features, also in the last state of an episode."""
    low = np.repeat([feature.low for feature in family.features], [feature.size for feature in family.features])
    high = np.repeat([feature.high for feature in family.features], [feature.size for feature in family.features])
    low, high = low.astype(np.float32), high.astype(np.float32)
    for table in play(family):
        for seat in range(family.num_seats):
            values = table.observe(seat, (low + high) / 2)
            wrong = np.flatnonzero(~(np.isfinite(values) & (values >= low) & (values <= high))).tolist()
            require(
                not wrong,
                f"entries {wrong} ({entries(family, wrong)}) are {values[wrong].tolist()}, "
                f"expected {low[wrong].tolist()} to {high[wrong].tolist()}",
            )


@check("rules_run")
def looking_changes_nothing(family: Family) -> None:
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


@check("rules_run")
def variant_is_never_written(family: Family) -> None:
    """No rule writes to the variant."""
    for table in play(family):
        for seat in range(family.num_seats):
            table.observe(seat, 0.0)
            table.mask(seat, True)
        table.mover()
        changed = differing(table.variant_given, table.variants)
        require(not changed, f"the rules changed the variant's {changed}")


@check("rules_run")
def rewards_are_finite(family: Family) -> None:
    """``step`` leaves a finite reward for every seat."""
    for table in play(family):
        require(np.isfinite(table.rewards.values).all(), f"rewards of a step are {table.rewards.values.tolist()}")


@check("rules_run")
def rewards_go_to_seats(family: Family) -> None:
    """Rewards are written at a seat's number; a negative index (`EVERY_SEAT`, say) would pay some other seat."""
    for table in play(family):
        stray = [index for index in table.rewards.touched if isinstance(index, int | np.integer) and index < 0]
        require(not stray, f"step used rewards[{stray[0] if stray else ''}], expected 0 to {family.num_seats - 1}")


# -- many games -------------------------------------------------------------------------------------------------------


@check("rules_run")
def games_are_separate(family: Family) -> None:
    """Two games played in turns go as each goes alone: nothing is remembered outside the state."""
    records = sample(family, 4)
    alone = [trace(Simulator(family, 1, compiled=False), record.reshape(1), np.array([7])) for record in records[-2:]]
    both = [watch(Simulator(family, 1, compiled=False), record.reshape(1), np.array([7])) for record in records[-2:]]
    together = list(zip(*both, strict=True))
    for game in range(2):
        require([moment[game] for moment in together] == alone[game], "a game goes otherwise when another is played")


@check("games_are_separate")
def start_sets_the_state(family: Family) -> None:
    """``start`` sets all that is read later: what an earlier episode left behind makes no difference."""
    records, seeds = sample(family, 4), np.arange(4)
    clean, used = (Simulator(family, len(records), compiled=False) for _ in range(2))
    for name in family.state.names or ():
        used.states[name] = {"f": np.nan, "b": True}.get(used.states[name].dtype.kind, 77)
    expected, actual = trace(clean, records, seeds), trace(used, records, seeds)
    require(expected == actual, "a state that an earlier episode left behind changes the next one")


@check("start_sets_the_state")
def batching_changes_nothing(family: Family) -> None:
    """A trace depends on (variant, seed, actions) alone, not on how many games run or on a game's place among them."""
    records, seeds = sample(family, 4), np.arange(4)
    simulator = Simulator(family, len(records), compiled=False)
    batch = list(watch(simulator, records, seeds, np.arange(4)))
    order = np.arange(4)[::-1].copy()
    turned = list(watch(simulator, records[order], seeds[order], order))
    for game in range(4):
        alone = list(watch(Simulator(family, 1, compiled=False), records[[game]], seeds[[game]], np.array([game])))
        for number in range(len(alone)):
            require(batch[number][game] == alone[number][0], "a game goes otherwise among others than alone")
            require(turned[number][3 - game] == alone[number][0], "a game goes otherwise at another place in the batch")


@check("rules_run")
def seeds_matter(family: Family) -> None:
    """Where the rules draw at random, other seeds lead to other traces."""
    if not any(table.state.random_counter for table in play(family)):
        raise Skip("the rules draw nothing at random")
    for record in sample(family, 4):
        traces = [trace(Simulator(family, 1, compiled=False), record.reshape(1), np.array([seed])) for seed in range(8)]
        if any(trace != traces[0] for trace in traces):
            return
    raise Broken("the rules draw at random, but eight seeds give one and the same trace")


@check("rules_run")
def wrong_actions_are_refused(family: Family) -> None:
    """Actions out of range, of a wrong shape or not whole are refused and leave the game as it was.

    Of continuous actions: those that are not finite, not floats or of a wrong shape.
    """
    simulator = Simulator(family, 1, compiled=False)
    simulator.reset(sample(family, 1), np.zeros(1, np.int64))
    before = simulator.states.tobytes()
    for wrong in _wrong_actions(family):
        try:
            simulator.step(wrong)
        except ActionError:
            require(simulator.states.tobytes() == before, f"refused actions {wrong.tolist()} changed the game")
        else:
            raise Broken(f"actions {wrong.tolist()} ({wrong.dtype}) were taken, expected ActionError")


def _wrong_actions(family: Family) -> list[NDArray[Any]]:
    right = family.blank_actions(1)
    one_seat_more = np.concatenate([right, right[:, :1]], axis=1)
    if family.box is None:
        return [right - 1, right + family.num_actions, right.astype(np.float64), one_seat_more]
    return [right * np.nan, right + np.inf, right.astype(np.int64), one_seat_more]


@check("rules_run")
def numbers_are_clipped(family: Family) -> None:
    """Continuous actions outside the box do what the nearest point of the box does."""
    if family.box is None:
        raise Skip("the family's actions are not continuous")
    records, seeds = sample(family, 4), np.arange(4)
    inside, outside = (Simulator(family, len(records), compiled=False) for _ in range(2))
    generator, reach = np.random.default_rng(0), np.subtract(family.box.high, family.box.low)
    for simulator in (inside, outside):
        simulator.reset(records, seeds)
    for _ in range(STEPS):
        actions = family.random_actions(generator, len(records))
        actions += reach * generator.normal(size=actions.shape)
        outside.step(actions)
        inside.step(family.box.clip(actions))
        require(moment(inside) == moment(outside), "an action outside the box goes otherwise than when it is clipped")


@check("step_returns_bool", "batching_changes_nothing")
def rules_compile(family: Family) -> None:
    """numba compiles the rules; helpers that they call carry ``register_jitable``."""
    simulator = Simulator(family, 1)
    simulator.reset(sample(family, 1), np.zeros(1, np.int64))
    simulator.step(choose(family, simulator.legal_actions, np.zeros_like(family.blank_actions(1), np.float64)))


@check("rules_compile")
def compiled_is_the_same(family: Family) -> None:
    """Compiled and uncompiled rules give the same bits in every array, the state included."""
    records, seeds = sample(family, 8), np.arange(8) + 2**40
    plain, fast = Simulator(family, len(records), compiled=False), Simulator(family, len(records))
    moments = zip(watch(plain, records, seeds), watch(fast, records, seeds), strict=True)
    for number, (expected, actual) in enumerate(moments):
        same_states = not (changed := differing(plain.states, fast.states))
        require(same_states, f"after {number} steps the compiled state differs in {changed}")
        for here, there in zip(expected, actual, strict=True):
            wrong = [name for name in here if here[name] != there[name]]
            require(not wrong, f"after {number} steps the compiled rules differ in {', '.join(wrong)}")
