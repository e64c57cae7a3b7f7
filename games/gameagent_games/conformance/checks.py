"""The contract of a family as small named checks, in the order they run."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from time import process_time
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from gameagent_games.conformance.playing import (
    STEPS,
    Subject,
    Table,
    choose,
    differing,
    draw,
    entries,
    moment,
    only_rounded,
    play,
    same_margins,
    sample,
    splits_of,
    trace,
    watch,
)
from gameagent_games.conformance.reading import unknown_names
from gameagent_games.errors import ActionError, RuleError, VariantError
from gameagent_games.interface import Family
from gameagent_games.registry import holder_of
from gameagent_games.sources.rules import EVERY_SEAT
from gameagent_games.sources.simulator import Simulator
from gameagent_games.variants.variant import Split

LONGEST_EPISODE: Final = 20_000  # steps that an episode is played for in search of its end
LARGEST_LIMIT: Final = 1_000_000  # of max_steps, where no episode ended within them
LONGER: Final = 3  # times the usual steps, where only the rules' own errors are looked for
LONG_PLAY: Final = 200_000  # compiled steps in search of rare mistakes
LONG_PLAY_GAMES: Final = 256  # side by side
LONG_PLAY_SECONDS: Final = 5.0
ROUNDING: Final = 1e-6  # of an observation's bounds, relative
MOST_DRAWN: Final = 20_000  # steps played in search of a difference that a seed makes
SENTINEL: Final = 12345.0
MARGIN_SAMPLE: Final = 20_000  # variants of each split whose rules are compared


class Broken(Exception):
    """Ends a check: this part of the contract is broken."""


class Skip(Exception):
    """Ends a check: it does not apply to this family."""


def require(condition: Any, message: str) -> None:
    """Raises `Broken` with ``message`` unless ``condition`` holds."""
    if not condition:
        raise Broken(message)


Run: TypeAlias = Callable[[Subject], str | None]


@dataclass(frozen=True)
class Check:
    """One check of a family: what runs, and which checks must have passed before."""

    run: Run  # what it returns is a remark on a family that passes
    needs: tuple[str, ...]
    quick: bool

    @property
    def name(self) -> str:
        """The name of the check's function, by which other checks and tests refer to it."""
        return self.run.__name__


CHECKS: list[Check] = []


def check(*needs: str, quick: bool = False) -> Callable[[Run], Run]:
    """Enlists a check; those that are ``quick`` take a fraction of a second and make up the quick half."""

    def enlist(run: Run) -> Run:
        CHECKS.append(Check(run, needs, quick))
        return run

    return enlist


@check(quick=True)
def name_is_free(family: Subject) -> None:
    """No other registered family has the family's name: files and runs of the two would be taken for one another."""
    holder = holder_of(family.original)
    require(holder is None, f"the name {family.name!r} belongs to {holder}; choose another")


# -- variants ---------------------------------------------------------------------------------------------------------


@check(quick=True)
def variants_round_trip(family: Subject) -> None:
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
def splits_are_disjoint(family: Subject) -> None:
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


@check(quick=True)
def rules_run(family: Subject) -> None:
    """Uncompiled play raises nothing and returns: no index out of range, no missing field, no endless loop."""
    for table in play(family, LONGER):
        for seat in range(family.num_seats):
            table.observe(seat, 0.0)
            table.mask(seat, True)
        table.mover()


@check("rules_run", quick=True)
def names_are_known(family: Subject) -> None:
    """Every field that the rules' source mentions exists, and rules that are names are compared with these only."""
    for line in unknown_names(family.own_rules, family.space):
        raise Broken(line)


@check("rules_run", quick=True)
def step_returns_bool(family: Subject) -> None:
    """``step`` returns True or False, whether the episode ended by the rules."""
    for table in play(family):
        require(isinstance(table.returned, bool | np.bool_), f"step returned {table.returned!r}, expected a bool")


@check("rules_run")
def episodes_end(family: Subject) -> None:
    """Episodes end by the rules within `LONGEST_EPISODE` steps, or ``max_steps`` is at most `LARGEST_LIMIT`."""
    if family.max_steps <= LARGEST_LIMIT:
        return
    for record in sample(family, 2):
        simulator = Simulator(family, 1, num_episodes=1, compiled=False)
        simulator.reset(record.reshape(1), np.zeros(1, np.int64))
        generator = np.random.default_rng(0)
        for _ in range(LONGEST_EPISODE * family.num_steps // STEPS):
            simulator.step(choose(family, simulator.legal_actions, draw(family, generator)[None]))
            if simulator.finished[0]:
                break
        require(
            simulator.finished[0],
            f"an episode went on after {simulator.steps[0]} steps and max_steps is {family.max_steps}, "
            f"expected at most {LARGEST_LIMIT}",
        )


@check("rules_run", quick=True)
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


@check("rules_run", quick=True)
def masks_are_written(family: Subject) -> None:
    """``legal`` writes every entry of the mask, the illegal ones too."""
    if family.rules.legal is None:
        raise Skip("the family has no illegal actions")
    for table in play(family):
        for seat in range(family.num_seats):
            left = np.flatnonzero(table.mask(seat, True) != table.mask(seat, False)).tolist()
            require(not left, f"legal leaves entries {left} of seat {seat}'s mask as they were")


@check("turn_is_a_seat", "masks_are_written", quick=True)
def acting_seats_can_act(family: Subject) -> None:
    """A seat that acts has at least one legal action."""
    if family.rules.legal is None:
        raise Skip("the family has no illegal actions")
    for table in play(family):
        if table.ended:
            continue
        for seat in range(family.num_seats):
            if table.mover() in (EVERY_SEAT, seat):
                require(table.mask(seat, False).any(), f"seat {seat} acts at step {table.steps} without a legal action")


@check("rules_run", quick=True)
def observations_are_written(family: Subject) -> None:
    """``observe`` writes every entry of the observation."""
    for table in play(family):
        for seat in range(family.num_seats):
            first, second = table.observe(seat, np.nan), table.observe(seat, SENTINEL)
            left = np.flatnonzero(np.isnan(first) & (second == np.float32(SENTINEL))).tolist()
            require(not left, f"observe leaves entries {shown(left)} ({entries(family, left)}) as they were")


@check("rules_run", quick=True)
def observations_within_bounds(family: Subject) -> None:
    """Observations are finite and within the bounds of their features, also in the last state of an episode."""
    low, high = bounds(family)
    for table in play(family):
        for seat in range(family.num_seats):
            values = table.observe(seat, 0.0)
            if not (np.isfinite(values) & (values >= low) & (values <= high)).all():
                raise Broken(f"{table}: {out_of_bounds(family, values)}")


def bounds(family: Family) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The least and greatest value of each entry of an observation, widened by what rounding may add."""
    sizes = [feature.size for feature in family.features]
    low = np.repeat([float(feature.low) for feature in family.features], sizes)
    high = np.repeat([float(feature.high) for feature in family.features], sizes)
    slack = ROUNDING * np.maximum(np.where(np.isfinite(low), abs(low), 0), np.where(np.isfinite(high), abs(high), 0))
    return (low - slack).astype(np.float32), (high + slack).astype(np.float32)


def out_of_bounds(family: Family, values: NDArray[np.float32]) -> str:
    """What is wrong with an observation ``(own_size,)``."""
    low, high = bounds(family)
    wrong = np.flatnonzero(~(np.isfinite(values) & (values >= low) & (values <= high))).tolist()
    features = {feature.name: feature for feature in family.features}
    names = entries(family, wrong)
    allowed = ", ".join(f"{features[name].low:g} to {features[name].high:g}" for name in names.split(", "))
    return f"observation entries {shown(wrong)} ({names}) are {shown(values[wrong].tolist())}, expected {allowed}"


def shown(values: list[Any]) -> str:
    """The first few of many values."""
    texts = [f"{value:g}" for value in values[:4]]
    return "[" + ", ".join(texts + ["..."] * (len(values) > 4)) + "]"


@check("rules_run", quick=True)
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


@check("rules_run", quick=True)
def variant_is_never_written(family: Subject) -> None:
    """No rule writes to the variant."""
    for table in play(family):
        for seat in range(family.num_seats):
            table.observe(seat, 0.0)
            table.mask(seat, True)
        table.mover()
        changed = differing(table.variant_given, table.variants)
        require(not changed, f"the rules changed the variant's {changed}")


@check("rules_run", quick=True)
def rewards_are_finite(family: Subject) -> None:
    """``step`` leaves a finite reward for every seat."""
    for table in play(family, LONGER):
        if not np.isfinite(table.rewards).all():
            raise Broken(f"{table}: rewards of a step are {table.rewards.tolist()}, expected finite numbers")


@check("rules_run", quick=True)
def rewards_go_to_seats(family: Subject) -> None:
    """Rewards are written at a seat's number; a negative index (`EVERY_SEAT`, say) would pay some other seat."""
    for one in family.guard.negative:
        if one.array == "rewards":
            raise Broken(f"{one.place}: step used rewards[{one.index}], expected 0 to {family.num_seats - 1}")


@check("rules_run", quick=True)
def indices_count_from_zero(family: Subject) -> None:
    """No computed index of observation, mask or actions is negative: it would reach the array's other end.

    An index that is written as a constant, such as ``observation[-1]``, is meant.
    """
    for one in family.guard.negative:
        if one.array != "rewards":
            raise Broken(f"{one.place}: an index of {one.array} is {one.index}, expected at least 0")


# -- many games -------------------------------------------------------------------------------------------------------


@check("rules_run")
def games_are_separate(family: Subject) -> None:
    """Two games played in turns go as each goes alone: nothing is remembered outside the state."""
    records = sample(family, 4)
    simulators = [Simulator(family, 1, compiled=False) for _ in range(4)]
    games = [(record.reshape(1), np.array([7]), family.num_steps) for record in records[-2:]]
    alone = [trace(simulator, *game) for simulator, game in zip(simulators[:2], games, strict=True)]
    both = [watch(simulator, *game) for simulator, game in zip(simulators[2:], games, strict=True)]
    together = list(zip(*both, strict=True))
    for game in range(2):
        require([moment[game] for moment in together] == alone[game], "a game goes otherwise when another is played")


@check("games_are_separate")
def start_sets_the_state(family: Subject) -> None:
    """``start`` sets all that is read later: what an earlier episode left behind makes no difference."""
    records, seeds = sample(family, 4), np.arange(4)
    clean, used = (Simulator(family, len(records), compiled=False) for _ in range(2))
    for name in family.rules.state.names or ():
        used.states[name] = {"f": np.nan, "b": True}.get(used.states[name].dtype.kind, 77)
    expected = trace(clean, records, seeds, family.num_steps)
    try:
        actual = trace(used, records, seeds, family.num_steps)
    except RuleError as error:
        raise Broken(f"the rules read what start did not set, and an earlier episode left behind: {error}") from None
    require(expected == actual, "a state that an earlier episode left behind changes the next one")


@check("start_sets_the_state")
def batching_changes_nothing(family: Subject) -> None:
    """A trace depends on (variant, seed, actions) alone, not on how many games run or on a game's place among them."""
    records, seeds = sample(family, 4), np.arange(4)
    simulator = Simulator(family, len(records), compiled=False)
    batch = list(watch(simulator, records, seeds, family.num_steps, np.arange(4)))
    order = np.arange(4)[::-1].copy()
    turned = list(watch(simulator, records[order], seeds[order], family.num_steps, order))
    for game in range(4):
        one = Simulator(family, 1, compiled=False)
        alone = list(watch(one, records[[game]], seeds[[game]], family.num_steps, np.array([game])))
        for number in range(len(alone)):
            require(batch[number][game] == alone[number][0], "a game goes otherwise among others than alone")
            require(turned[number][3 - game] == alone[number][0], "a game goes otherwise at another place in the batch")


@check("rules_run")
def seeds_matter(family: Subject) -> str | None:
    """Where the rules draw at random, other seeds lead to other traces, and no rule sets the random stream back.

    Chance may be rare: pairs of games that differ in their seeds alone are played on and on, side by side.
    """
    drawn = 0
    for table in play(family):
        require(table.state.random_key == table.key, "the rules changed state.random_key, which belongs to `chance`")
        drawn = 0 if table.steps == 0 else drawn
        require(table.state.random_counter >= drawn, "the rules set state.random_counter back: draws repeat")
        drawn = table.state.random_counter
    records = np.repeat(sample(family, 4), 2)
    simulator = Simulator(family, 8, num_episodes=0, compiled=False)
    limit = MOST_DRAWN * family.num_steps // STEPS
    moments = watch(simulator, records, np.arange(8), limit // 8, np.repeat(np.arange(4), 2))
    for number, found in enumerate(moments):
        if any(found[game] != found[game + 1] for game in range(0, 8, 2)):
            return None
        if number == STEPS and not drawn and not simulator.states["random_counter"].any():
            raise Skip("the rules draw nothing at random")
    return f"the rules draw at random, but no draw made a difference in {limit} steps"


@check("rules_run")
def wrong_actions_are_refused(family: Subject) -> None:
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


def _wrong_actions(family: Subject) -> list[NDArray[Any]]:
    right = family.blank_actions(1)
    one_seat_more = np.concatenate([right, right[:, :1]], axis=1)
    if family.box is None:
        return [right - 1, right + family.num_actions, right.astype(np.float64), one_seat_more]
    return [right * np.nan, right + np.inf, right.astype(np.int64), one_seat_more]


@check("rules_run")
def numbers_are_clipped(family: Subject) -> None:
    """Continuous actions outside the box do what the nearest point of the box does."""
    if family.box is None:
        raise Skip("the family's actions are not continuous")
    records, seeds = sample(family, 4), np.arange(4)
    inside, outside = (Simulator(family, len(records), compiled=False) for _ in range(2))
    generator, reach = np.random.default_rng(0), np.subtract(family.box.high, family.box.low)
    for simulator in (inside, outside):
        simulator.reset(records, seeds)
    for _ in range(family.num_steps):
        actions = family.random_actions(generator, len(records))
        actions += reach * generator.normal(size=actions.shape)
        outside.step(actions)
        inside.step(family.box.clip(actions))
        require(moment(inside) == moment(outside), "an action outside the box goes otherwise than when it is clipped")


@check("names_are_known", "step_returns_bool", "batching_changes_nothing")
def rules_compile(family: Subject) -> None:
    """numba compiles the rules; helpers that they call carry ``register_jitable``."""
    simulator = Simulator(family.original, 1, checked=True)
    simulator.reset(sample(family, 1), np.zeros(1, np.int64))
    simulator.step(choose(family, simulator.legal_actions, np.zeros_like(family.blank_actions(1), np.float64)))


@check("rules_compile")
def compiled_is_the_same(family: Subject) -> str | None:
    """Compiled and uncompiled rules give the same bits in every array, the state included.

    A last bit may differ, as of ``x ** 3`` or ``math.hypot``: from there on the game is compared no more.
    """
    records, seeds = sample(family, 8), np.arange(8) + 2**40
    plain = Simulator(family, len(records), compiled=False)
    fast = Simulator(family.original, len(records), checked=True)
    both = (watch(simulator, records, seeds, family.num_steps) for simulator in (plain, fast))
    rounded: dict[int, int] = {}  # by game: the step from which it is compared no more
    for number, (expected, actual) in enumerate(zip(*both, strict=True)):
        for game in set(range(len(records))) - set(rounded):
            changed = differing(plain.states[[game]], fast.states[[game]])
            wrong = [name for name in expected[game] if expected[game][name] != actual[game][name]]
            if (changed or wrong) and only_rounded(plain, fast, game):
                rounded[game] = number
                continue
            require(not changed, f"after {number} steps the compiled state differs in {changed}")
            require(not wrong, f"after {number} steps the compiled rules differ in {', '.join(wrong)}")
    if not rounded:
        return None
    return f"equal but for the last digits, first after {min(rounded.values())} steps: see CONTRIBUTING.md on rounding"


@check("rules_compile", "observations_within_bounds", "rewards_are_finite")
def long_play_is_sound(family: Subject) -> None:
    """Many compiled steps with bounds checks: in rare states, too, indices, rewards and observations are in range."""
    simulator = Simulator(family.original, LONG_PLAY_GAMES, checked=True)
    generator, began, num_steps = np.random.default_rng(0), process_time(), 0
    (low, high), one_draw = bounds(family), draw(family, generator)
    simulator.reset(sample(family, LONG_PLAY_GAMES), np.arange(LONG_PLAY_GAMES))
    while num_steps < LONG_PLAY and process_time() - began < LONG_PLAY_SECONDS:
        draws = generator.random((LONG_PLAY_GAMES, *one_draw.shape))
        simulator.step(choose(family, simulator.legal_actions, draws))
        num_steps += LONG_PLAY_GAMES
        seen = simulator.observations[:, :, : family.own_size]
        for game in np.flatnonzero(~np.isfinite(simulator.rewards).all(axis=1))[:1]:
            raise Broken(f"{one_game(simulator, game)}: rewards of a step are {simulator.rewards[game].tolist()}")
        inside = np.isfinite(seen) & (seen >= low) & (seen <= high)
        for game, seat in np.argwhere(~inside.all(axis=2))[:1]:
            raise Broken(f"{one_game(simulator, game)}: {out_of_bounds(family, seen[game, seat])}")
        if simulator.finished.all():
            variants = family.space.sample(LONG_PLAY_GAMES, generator, "all")
            simulator.reset(variants, generator.integers(2**40, size=LONG_PLAY_GAMES))


def one_game(simulator: Simulator, game: int) -> str:
    """Which of many games, for a message."""
    variant = simulator.family.space.variants(simulator.variants[[game]])[0].id
    return f"variant {variant}, seed {simulator.seeds[game]}, episode {simulator.episodes[game] + 1}"
