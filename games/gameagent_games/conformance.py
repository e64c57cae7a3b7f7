"""`check_family`: the contract of a family as small named checks, for authors of games.

    from gameagent_games.conformance import check_family

    check_family("my_game.family:PONG").raise_for_failures()

Checks run the rules in the Python interpreter, which refuses an index out of bounds where compiled code would
read or write foreign memory, and then compare the compiled rules with them. A check that builds on one which
failed is skipped, so that the report names the cause and not its consequences.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, get_args

import numpy as np
from numpy.typing import NDArray

from gameagent_games.chance import episode_key
from gameagent_games.errors import ActionError, FamilyError, VariantError
from gameagent_games.interface import EVERY_SEAT, Family
from gameagent_games.registry import load_family
from gameagent_games.simulator import RecordView, Simulator
from gameagent_games.variant import Split

STEPS: Final = 64  # decisions played with each variant
LONGEST_EPISODE: Final = 20_000  # steps within which an episode must end
SENTINEL: Final = 12345.0


@dataclass(frozen=True)
class CheckResult:
    """What one check found.

    Attributes:
        name: The check's name.
        passed: Whether the family keeps this part of the contract; True where the check was skipped.
        message: What is wrong and what was expected; or why the check was skipped; empty where it passed.
        skipped: Whether the check did not apply, or builds on one that failed.
    """

    name: str
    passed: bool
    message: str = ""
    skipped: bool = False


@dataclass(frozen=True)
class Report:
    """What `check_family` found, one result per check, in the order of the checks."""

    family: str
    results: tuple[CheckResult, ...]

    @property
    def failures(self) -> tuple[CheckResult, ...]:
        """The checks that failed."""
        return tuple(result for result in self.results if not result.passed)

    def raise_for_failures(self) -> None:
        """Raises FamilyError with every failure's name and message, if there is one."""
        if self.failures:
            lines = "".join(f"\n  {result.name}: {result.message}" for result in self.failures)
            raise FamilyError(f"family {self.family!r} breaks its contract:{lines}")

    def __str__(self) -> str:
        def line(result: CheckResult) -> str:
            word = "skipped" if result.skipped else "passed" if result.passed else "FAILED"
            return f"{word:8}{result.name}" + (f": {result.message}" if result.message else "")

        return "\n".join([f"family {self.family!r}", *map(line, self.results)])


class _Broken(Exception):
    """Ends a check: this part of the contract is broken."""


class _Skip(Exception):
    """Ends a check: it does not apply to this family."""


def _require(condition: Any, message: str) -> None:
    if not condition:
        raise _Broken(message)


@dataclass(frozen=True)
class _Check:
    run: Callable[[Family], None]
    needs: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.run.__name__


_CHECKS: list[_Check] = []


def _check(*needs: str) -> Callable[[Callable[[Family], None]], Callable[[Family], None]]:
    def enlist(run: Callable[[Family], None]) -> Callable[[Family], None]:
        _CHECKS.append(_Check(run, needs))
        return run

    return enlist


def check_names() -> tuple[str, ...]:
    """Names of all checks, in the order they run."""
    return tuple(check.name for check in _CHECKS)


def check_family(family: Family | str) -> Report:
    """Checks whether a family keeps the contract of `interface.Family`. Takes seconds, most of them compiling.

    Args:
        family: The game, or its name in the registry, or ``"module:NAME"``.

    Returns:
        One result per check; `Report.raise_for_failures` turns failures into an error.

    Raises:
        FamilyError: No such family.
    """
    found = load_family(family) if isinstance(family, str) else family
    results: list[CheckResult] = []
    unmet: set[str] = set()  # checks that failed, and those that build on them
    for check in _CHECKS:
        if causes := unmet.intersection(check.needs):
            unmet.add(check.name)
            results.append(CheckResult(check.name, True, f"builds on {', '.join(sorted(causes))}", skipped=True))
            continue
        results.append(_run(check, found))
        if not results[-1].passed:
            unmet.add(check.name)
    return Report(found.name, tuple(results))


def _run(check: _Check, family: Family) -> CheckResult:
    try:
        check.run(family)
    except _Skip as reason:
        return CheckResult(check.name, True, str(reason), skipped=True)
    except _Broken as finding:
        return CheckResult(check.name, False, str(finding))
    except Exception as error:  # the rules are foreign code: whatever they raise is a finding
        return CheckResult(check.name, False, f"raised {type(error).__name__}: {error}")
    return CheckResult(check.name, True)


# -- variants ---------------------------------------------------------------------------------------------------------


@_check()
def variants_round_trip(family: Family) -> None:
    """A variant written as JSON and read again is the same record, with the same id."""
    space = family.space
    records = _sample(family, 32)
    variants = space.variants(records)
    again = space.records([json.loads(json.dumps(dict(variant.rules))) for variant in variants])
    for variant, read, record in zip(variants, again, records, strict=True):
        same = all(np.array_equal(read[name], record[name]) for name in space.dtype.names or ())
        _require(same, f"{dict(variant.rules)} was read back as {read}, but it was {record}")
    _require(space.variants(again) == variants, "ids differ after a round trip")


@_check()
def splits_are_disjoint(family: Family) -> None:
    """Every split can be sampled, its variants belong to it, and no variant is in two splits."""
    owner: dict[str, str] = {}
    for split in _splits(family):
        try:
            records = family.space.sample(64, 0, split)
        except VariantError as error:
            raise _Broken(f"split {split!r} cannot be sampled: {error}") from None
        belongs = family.space.split_of(records)
        _require((belongs == split).all(), f"variants drawn for {split!r} belong to {sorted(set(belongs.tolist()))}")
        for variant in family.space.variants(records):
            other = owner.setdefault(variant.id, split)
            _require(other == split, f"variant {variant.id} is in {other!r} and in {split!r}")


# -- one game, its rules called directly --------------------------------------------------------------------------


@_check()
def rules_run(family: Family) -> None:
    """Uncompiled play raises nothing: no index out of bounds, no missing field, no division by zero."""
    for table in _play(family):
        for seat in range(family.num_seats):
            table.observe(seat, 0.0)
            table.mask(seat, True)
        table.mover()


@_check("rules_run")
def step_returns_bool(family: Family) -> None:
    """``step`` returns True or False, whether the episode ended by the rules."""
    for table in _play(family):
        _require(isinstance(table.returned, bool | np.bool_), f"step returned {table.returned!r}, expected a bool")


@_check("rules_run")
def episodes_end(family: Family) -> None:
    """Every episode ends, by the rules or by ``max_steps``, within `LONGEST_EPISODE` steps."""
    for record in _sample(family, 2):
        simulator = Simulator(family, 1, num_episodes=1, compiled=False)
        simulator.reset(record.reshape(1), np.zeros(1, np.int64))
        generator = np.random.default_rng(0)
        for _ in range(min(family.max_steps, LONGEST_EPISODE)):
            simulator.step(_choose(simulator.legal_actions, generator.random(simulator.acting.shape)))
            if simulator.finished[0]:
                break
        _require(
            simulator.finished[0],
            f"an episode went on after {LONGEST_EPISODE} steps; lower max_steps, which is {family.max_steps}",
        )


@_check("rules_run")
def turn_is_a_seat(family: Family) -> None:
    """``turn`` returns a seat's number, or `EVERY_SEAT`."""
    if family.rules.turn is None:
        raise _Skip("the family has no turns")
    for table in _play(family):
        mover = table.mover()
        whole = isinstance(mover, int | np.integer)
        _require(
            whole and (mover == EVERY_SEAT or 0 <= mover < family.num_seats),
            f"turn returned {mover!r}, expected 0 to {family.num_seats - 1} or EVERY_SEAT ({EVERY_SEAT})",
        )


@_check("rules_run")
def masks_are_written(family: Family) -> None:
    """``legal`` writes every entry of the mask, the illegal ones too."""
    if family.rules.legal is None:
        raise _Skip("the family has no illegal actions")
    for table in _play(family):
        for seat in range(family.num_seats):
            left = np.flatnonzero(table.mask(seat, True) != table.mask(seat, False)).tolist()
            _require(not left, f"legal leaves entries {left} of seat {seat}'s mask as they were")


@_check("turn_is_a_seat", "masks_are_written")
def acting_seats_can_act(family: Family) -> None:
    """A seat that acts has at least one legal action."""
    if family.rules.legal is None:
        raise _Skip("the family has no illegal actions")
    for table in _play(family):
        if table.ended:
            continue
        for seat in range(family.num_seats):
            if table.mover() in (EVERY_SEAT, seat):
                _require(
                    table.mask(seat, False).any(), f"seat {seat} acts at step {table.steps} without a legal action"
                )


@_check("rules_run")
def observations_are_written(family: Family) -> None:
    """``observe`` writes every entry of the observation."""
    for table in _play(family):
        for seat in range(family.num_seats):
            first, second = table.observe(seat, np.nan), table.observe(seat, SENTINEL)
            left = np.flatnonzero(np.isnan(first) & (second == np.float32(SENTINEL))).tolist()
            _require(not left, f"observe leaves entries {left} ({_entries(family, left)}) as they were")


@_check("rules_run")
def observations_within_bounds(family: Family) -> None:
    """Observations are finite and within the bounds of their features, also in the last state of an episode."""
    low = np.repeat([feature.low for feature in family.features], [feature.size for feature in family.features])
    high = np.repeat([feature.high for feature in family.features], [feature.size for feature in family.features])
    low, high = low.astype(np.float32), high.astype(np.float32)
    for table in _play(family):
        for seat in range(family.num_seats):
            values = table.observe(seat, (low + high) / 2)
            wrong = np.flatnonzero(~(np.isfinite(values) & (values >= low) & (values <= high))).tolist()
            _require(
                not wrong,
                f"entries {wrong} ({_entries(family, wrong)}) are {values[wrong].tolist()}, "
                f"expected {low[wrong].tolist()} to {high[wrong].tolist()}",
            )


@_check("rules_run")
def looking_changes_nothing(family: Family) -> None:
    """``observe``, ``legal`` and ``turn`` leave the state as it is, its random stream included."""
    looks: dict[str, Callable[[_Table, int], Any]] = {
        "observe": lambda table, seat: table.observe(seat, 0.0),
        "legal": lambda table, seat: table.mask(seat, True),
        "turn": lambda table, _: table.mover(),
    }
    for table in _play(family):
        for name, look in looks.items():
            for seat in range(family.num_seats):
                before = table.states.copy()
                look(table, seat)
                changed = _differing(before, table.states)
                _require(not changed, f"{name} changed {changed}")


@_check("rules_run")
def variant_is_never_written(family: Family) -> None:
    """No rule writes to the variant."""
    for table in _play(family):
        for seat in range(family.num_seats):
            table.observe(seat, 0.0)
            table.mask(seat, True)
        table.mover()
        changed = _differing(table.variant_given, table.variants)
        _require(not changed, f"the rules changed the variant's {changed}")


@_check("rules_run")
def rewards_are_finite(family: Family) -> None:
    """``step`` leaves a finite reward for every seat."""
    for table in _play(family):
        _require(np.isfinite(table.rewards.values).all(), f"rewards of a step are {table.rewards.values.tolist()}")


@_check("rules_run")
def rewards_go_to_seats(family: Family) -> None:
    """Rewards are written at a seat's number; a negative index (`EVERY_SEAT`, say) would pay some other seat."""
    for table in _play(family):
        stray = [index for index in table.rewards.touched if isinstance(index, int | np.integer) and index < 0]
        _require(not stray, f"step used rewards[{stray[0] if stray else ''}], expected 0 to {family.num_seats - 1}")


# -- many games -------------------------------------------------------------------------------------------------------


@_check("rules_run")
def games_are_separate(family: Family) -> None:
    """Two games played in turns go as each goes alone: nothing is remembered outside the state."""
    records = _sample(family, 4)
    alone = [_trace(Simulator(family, 1, compiled=False), record.reshape(1), np.array([7])) for record in records[-2:]]
    both = [_steps(Simulator(family, 1, compiled=False), record.reshape(1), np.array([7])) for record in records[-2:]]
    together = list(zip(*both, strict=True))
    for game in range(2):
        _require([moment[game] for moment in together] == alone[game], "a game goes otherwise when another is played")


@_check("games_are_separate")
def start_sets_the_state(family: Family) -> None:
    """``start`` sets all that is read later: what an earlier episode left behind makes no difference."""
    records, seeds = _sample(family, 4), np.arange(4)
    clean, used = (Simulator(family, len(records), compiled=False) for _ in range(2))
    for name in family.state.names or ():
        used.states[name] = {"f": np.nan, "b": True}.get(used.states[name].dtype.kind, 77)
    expected, actual = _trace(clean, records, seeds), _trace(used, records, seeds)
    _require(expected == actual, "a state that an earlier episode left behind changes the next one")


@_check("start_sets_the_state")
def batching_changes_nothing(family: Family) -> None:
    """A trace depends on (variant, seed, actions) alone, not on how many games run or on a game's place among them."""
    records, seeds = _sample(family, 4), np.arange(4)
    simulator = Simulator(family, len(records), compiled=False)
    batch = list(_steps(simulator, records, seeds, np.arange(4)))
    order = np.arange(4)[::-1].copy()
    turned = list(_steps(simulator, records[order], seeds[order], order))
    for game in range(4):
        alone = list(_steps(Simulator(family, 1, compiled=False), records[[game]], seeds[[game]], np.array([game])))
        for moment in range(len(alone)):
            _require(batch[moment][game] == alone[moment][0], "a game goes otherwise among others than alone")
            _require(
                turned[moment][3 - game] == alone[moment][0], "a game goes otherwise at another place in the batch"
            )


@_check("rules_run")
def seeds_matter(family: Family) -> None:
    """Where the rules draw at random, other seeds lead to other traces."""
    if not any(table.state.random_counter for table in _play(family)):
        raise _Skip("the rules draw nothing at random")
    for record in _sample(family, 4):
        traces = [
            _trace(Simulator(family, 1, compiled=False), record.reshape(1), np.array([seed])) for seed in range(8)
        ]
        if any(trace != traces[0] for trace in traces):
            return
    raise _Broken("the rules draw at random, but eight seeds give one and the same trace")


@_check("rules_run")
def wrong_actions_are_refused(family: Family) -> None:
    """Actions out of range, of a wrong shape or not whole are refused and leave the game as it was."""
    simulator = Simulator(family, 1, compiled=False)
    simulator.reset(_sample(family, 1), np.zeros(1, np.int64))
    before = simulator.states.tobytes()
    shape = (1, family.num_seats)
    refused: tuple[NDArray[Any], ...] = (
        np.full(shape, -1),
        np.full(shape, family.num_actions),
        np.zeros(shape),
        np.zeros((1, family.num_seats + 1), np.int64),
    )
    for wrong in refused:
        try:
            simulator.step(wrong)
        except ActionError:
            _require(simulator.states.tobytes() == before, f"refused actions {wrong.tolist()} changed the game")
        else:
            raise _Broken(f"actions {wrong.tolist()} ({wrong.dtype}) were taken, expected ActionError")


@_check("step_returns_bool", "batching_changes_nothing")
def rules_compile(family: Family) -> None:
    """numba compiles the rules; helpers that they call carry ``register_jitable``."""
    simulator = Simulator(family, 1)
    simulator.reset(_sample(family, 1), np.zeros(1, np.int64))
    simulator.step(_choose(simulator.legal_actions, np.zeros(simulator.acting.shape)))


@_check("rules_compile")
def compiled_is_the_same(family: Family) -> None:
    """Compiled and uncompiled rules give the same bits in every array, the state included."""
    records, seeds = _sample(family, 8), np.arange(8) + 2**40
    plain, fast = Simulator(family, len(records), compiled=False), Simulator(family, len(records))
    moments = zip(_steps(plain, records, seeds), _steps(fast, records, seeds), strict=True)
    for number, (expected, actual) in enumerate(moments):
        same_states = not (changed := _differing(plain.states, fast.states))
        _require(same_states, f"after {number} steps the compiled state differs in {changed}")
        for here, there in zip(expected, actual, strict=True):
            wrong = [name for name in here if here[name] != there[name]]
            _require(not wrong, f"after {number} steps the compiled rules differ in {', '.join(wrong)}")


# -- playing ----------------------------------------------------------------------------------------------------------


class _WatchedRewards:
    """A step's rewards, which remember where they were touched."""

    def __init__(self, num_seats: int) -> None:
        self.values = np.zeros(num_seats)
        self.touched: list[Any] = []

    def __getitem__(self, index: Any) -> Any:
        self.touched.append(index)
        return self.values[index]

    def __setitem__(self, index: Any, value: Any) -> None:
        self.touched.append(index)
        self.values[index] = value

    def __len__(self) -> int:
        return len(self.values)


class _Table:
    """One uncompiled game, played by calling the rules directly, without the simulator."""

    def __init__(self, family: Family, record: NDArray[Any], seed: int) -> None:
        self._family, self._seed, self._episode = family, seed, -1
        self.states = np.zeros(1, family.state)
        self.variants = record.reshape(1).copy()
        self.variant_given = self.variants.copy()
        self.state, self.variant = RecordView(self.states, 0), RecordView(self.variants, 0)
        self.start()

    def start(self) -> None:
        self._episode += 1
        self.steps, self.ended, self.returned = 0, False, False
        self.rewards = _WatchedRewards(self._family.num_seats)
        self.state.random_key = episode_key(self._seed, self._episode)
        self.state.random_counter = 0
        self._family.rules.start(self.state, self.variant)

    def step(self, actions: NDArray[np.int64]) -> None:
        self.rewards = _WatchedRewards(self._family.num_seats)
        self.returned = self._family.rules.step(self.state, self.variant, actions, self.rewards)
        self.steps += 1
        self.ended = bool(self.returned) or self.steps >= self._family.max_steps

    def observe(self, seat: int, before: Any) -> NDArray[np.float32]:
        """What ``observe`` makes of an array that holds ``before``: float32 ``(own_size,)``."""
        observation = np.zeros(self._family.own_size, np.float32)
        observation[:] = before
        self._family.rules.observe(self.state, self.variant, seat, observation)
        return observation

    def mask(self, seat: int, before: bool) -> NDArray[np.bool_]:
        """What ``legal`` makes of a mask that holds ``before``: bool ``(A,)``."""
        mask = np.full(self._family.num_actions, before)
        if self._family.rules.legal is not None:
            self._family.rules.legal(self.state, self.variant, seat, mask)
        return mask

    def mover(self) -> int:
        return EVERY_SEAT if self._family.rules.turn is None else self._family.rules.turn(self.state, self.variant)


def _play(family: Family) -> Iterator[_Table]:
    """Random legal play of several variants; stops at every state, the first and the last of an episode included."""
    generator = np.random.default_rng(0)
    for seed, record in enumerate(_sample(family, 6)):
        table = _Table(family, record, seed)
        yield table
        for _ in range(STEPS):
            if table.ended:
                table.start()
            else:
                masks = np.stack([table.mask(seat, True) for seat in range(family.num_seats)])
                table.step(_choose(masks[None], generator.random((1, family.num_seats)))[0])
            yield table


def _splits(family: Family) -> list[Split]:
    beyond = any(rule.distribution.has_beyond for rule in family.space.rules)
    return [split for split in get_args(Split) if split != "all" and (beyond or split != "out_of_range")]


def _sample(family: Family, num: int) -> NDArray[Any]:
    """Variants from the training range and, where there are any, from beyond it: records ``(num,)``."""
    inside = family.space.sample(num, 0, "all")
    if num > 1 and "out_of_range" in _splits(family):
        inside[num // 2 :] = family.space.sample(num - num // 2, 1, "out_of_range")
    return inside


def _choose(masks: NDArray[np.bool_], draws: NDArray[np.float64]) -> NDArray[np.int64]:
    """Legal actions, int64 ``(N, seats)``, by draws from [0, 1); action 0 where nothing is legal."""
    num_legal = masks.sum(axis=-1)
    rank = np.floor(draws * num_legal).astype(np.int64)
    return np.asarray(np.argmax(np.cumsum(masks, axis=-1) > rank[..., None], axis=-1), dtype=np.int64)


_Moment = list[dict[str, bytes]]


def _steps(
    simulator: Simulator, records: NDArray[Any], seeds: NDArray[np.int64], players: Sequence[int] | NDArray[Any] = ()
) -> Iterator[_Moment]:
    """Plays a trial and yields, at every moment, each game's arrays as bytes. A player chooses by its own draws."""
    simulator.reset(records, seeds)
    generators = [np.random.default_rng(int(player)) for player in (players if len(players) else range(len(records)))]
    yield _moment(simulator)
    for _ in range(STEPS):
        draws = np.stack([generator.random(simulator.family.num_seats) for generator in generators])
        simulator.step(_choose(simulator.legal_actions, draws))
        yield _moment(simulator)


def _trace(simulator: Simulator, records: NDArray[Any], seeds: NDArray[np.int64]) -> list[_Moment]:
    return list(_steps(simulator, records, seeds))


def _moment(simulator: Simulator) -> _Moment:
    names = ("observations", "legal_actions", "acting", "rewards", "terminated", "truncated", "finished")
    return [{name: getattr(simulator, name)[game].tobytes() for name in names} for game in range(simulator.num_games)]


def _differing(first: NDArray[Any], second: NDArray[Any]) -> str:
    return ", ".join(name for name in first.dtype.names or () if first[name].tobytes() != second[name].tobytes())


def _entries(family: Family, numbers: list[int]) -> str:
    owner = [feature.name for feature in family.features for _ in range(feature.size)]
    return ", ".join(dict.fromkeys(owner[number] for number in numbers))
