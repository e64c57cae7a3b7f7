"""Plays a family for its checks: rules called directly, without the simulator; and traces of simulators."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from time import process_time
from typing import Any, Final, get_args

import numpy as np
from numpy.typing import NDArray

from gameagent_games.game_rng import begin_episode
from gameagent_games.interface import Family
from gameagent_games.sources.guarded_rules import Guard, guard_rules
from gameagent_games.sources.rules import EVERY_SEAT, Rules
from gameagent_games.sources.simulator import RecordView, Simulator
from gameagent_games.variants.variant import Split

STEPS: Final = 64  # decisions played with each variant
FEWEST_STEPS: Final = 2  # where the rules are slow
NUM_VARIANTS: Final = 6
ROUNDED: Final = 1e-9  # what two roundings may differ by, relative; 1e-5 in observations, which are float32
PLAY_SECONDS: Final = 0.05  # of CPU that play of one variant may take; slower rules are played for fewer steps


@dataclass(frozen=True)
class Subject(Family):
    """A family under check: its rules guarded, and played for fewer steps where they are slow.

    Attributes:
        original: The family itself, whose rules numba can compile.
        guard: What the guarded rules saw.
        num_steps: Decisions played with each variant.
        num_variants: Variants played.
    """

    original: Family = field(kw_only=True)
    guard: Guard = field(kw_only=True)
    num_steps: int = STEPS
    num_variants: int = NUM_VARIANTS

    @property
    def rules(self) -> Rules:
        """The guarded rules."""
        return _rules_of(self)

    @property
    def own_rules(self) -> Rules:
        """The rules as their author wrote them."""
        return _rules_of(self.original)


def _rules_of(family: Family) -> Rules:
    assert isinstance(family.source, Rules), "only checks of rules ask for them"
    return family.source


def make_subject(family: Family, guard: Guard) -> Subject:
    """Prepares a family for its checks; rules that raise are played at full length, to be found by a check."""
    given = {one.name: getattr(family, one.name) for one in fields(Family)}
    if isinstance(family.source, Rules):
        given["source"] = guard_rules(family.source, family.space, guard)
    subject = Subject(**given, original=family, guard=guard)
    began, moves = process_time(), 0
    try:
        for table in _play_variant(subject, 0, sample(subject, 1)[0], STEPS):
            moves += 1
            for seat in range(family.num_seats):
                table.observe(seat, 0.0)
            if process_time() - began > PLAY_SECONDS:
                break
    except Exception:  # a check will meet and report it
        return subject
    num_steps = max(moves - 1, FEWEST_STEPS)
    return replace(subject, num_steps=num_steps, num_variants=NUM_VARIANTS if num_steps == STEPS else NUM_VARIANTS // 2)


class Table:
    """One uncompiled game, played by calling the rules directly, without the simulator."""

    def __init__(self, family: Subject, record: NDArray[Any], seed: int) -> None:
        self._family, self.seed, self.episode = family, seed, -1
        self.states = np.zeros(1, family.rules.state)
        self.variants = record.reshape(1).copy()
        self.variant_given = self.variants.copy()
        self.state, self.variant = RecordView(self.states, 0), RecordView(self.variants, 0, family.space.names)
        self.start()

    def start(self) -> None:
        self.episode += 1
        self.steps, self.ended, self.returned = 0, False, False
        self.rewards = np.zeros(self._family.num_seats)
        begin_episode(self.state, self.seed, self.episode)
        self.key = self.state.random_key
        self._family.rules.start(self.state, self.variant)

    def step(self, actions: NDArray[Any]) -> None:
        self.rewards = np.zeros(self._family.num_seats)
        self.returned = self._family.rules.step(self.state, self.variant, actions, self.rewards)
        self.steps += 1
        self.ended = bool(self.returned) or self.steps >= self._family.max_steps

    def __str__(self) -> str:
        variant = self._family.space.variants(self.variant_given)[0].id
        return f"variant {variant}, seed {self.seed}, episode {self.episode + 1}, step {self.steps}"

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


def play(family: Subject, longer: int = 1) -> Iterator[Table]:
    """Random legal play of several variants; stops at every state, the first and the last of an episode included.

    Where actions are continuous, every other variant is played by holding one corner of the box, which leads further
    out than uniform draws do. Play may be ``longer``, unless the rules are slow.
    """
    if family.num_steps < STEPS:
        longer = 1
    for seed, record in enumerate(sample(family, family.num_variants)):
        yield from _play_variant(family, seed, record, longer * family.num_steps)


def _play_variant(family: Subject, seed: int, record: NDArray[Any], num_steps: int) -> Iterator[Table]:
    generator = np.random.default_rng(seed)
    table = Table(family, record, seed)
    yield table
    corner = np.round(draw(family, generator)) if family.box is not None and seed % 2 else None
    for _ in range(num_steps):
        if table.ended:
            table.start()
        else:
            masks = np.stack([table.mask(seat, True) for seat in range(family.num_seats)])
            draws = draw(family, generator) if corner is None else corner
            table.step(choose(family, masks[None], draws[None])[0])
        yield table


def splits_of(family: Family) -> list[Split]:
    beyond = any(rule.distribution.has_beyond for rule in family.space.rules)
    return [split for split in get_args(Split) if split != "all" and (beyond or split != "out_of_range")]


def sample(family: Family, num: int) -> NDArray[Any]:
    """Variants from the training range and, where there are any, from beyond it: records ``(num,)``."""
    inside = family.space.sample(num, 0, "all")
    if num > 1 and "out_of_range" in splits_of(family):
        inside[num // 2 :] = family.space.sample(num - num // 2, 1, "out_of_range")
    return inside


def draw(family: Family, generator: np.random.Generator) -> NDArray[np.float64]:
    """What one game's players choose by: numbers from [0, 1), ``(seats,)``, or ``(seats, A)`` for a box."""
    return generator.random(family.num_seats if family.box is None else (family.num_seats, family.num_actions))


def choose(family: Family, masks: NDArray[np.bool_], draws: NDArray[np.float64]) -> NDArray[Any]:
    """Actions for `Games.step` by the draws ``(N, ...)`` of N games: uniform over what is legal, or over the box.

    Action 0 where nothing is legal.
    """
    if family.box is not None:
        return family.box.scale(draws)
    num_legal = masks.sum(axis=-1)
    rank = np.floor(draws * num_legal).astype(np.int64)
    return np.asarray(np.argmax(np.cumsum(masks, axis=-1) > rank[..., None], axis=-1), dtype=np.int64)


Moment = list[dict[str, bytes]]


def watch(
    simulator: Simulator, records: NDArray[Any], seeds: NDArray[np.int64], num_steps: int,
    players: Sequence[int] | NDArray[Any] = (),
) -> Iterator[Moment]:  # fmt: skip
    """Plays a trial and yields, at every moment, each game's arrays as bytes. A player chooses by its own draws."""
    simulator.reset(records, seeds)
    generators = [np.random.default_rng(int(player)) for player in (players if len(players) else range(len(records)))]
    yield moment(simulator)
    for _ in range(num_steps):
        draws = np.stack([draw(simulator.family, generator) for generator in generators])
        simulator.step(choose(simulator.family, simulator.legal_actions, draws))
        yield moment(simulator)


def trace(simulator: Simulator, records: NDArray[Any], seeds: NDArray[np.int64], num_steps: int) -> list[Moment]:
    return list(watch(simulator, records, seeds, num_steps))


def moment(simulator: Simulator) -> Moment:
    names = ("observations", "legal_actions", "acting", "rewards", "terminated", "truncated", "finished")
    return [{name: getattr(simulator, name)[game].tobytes() for name in names} for game in range(simulator.num_games)]


def differing(first: NDArray[Any], second: NDArray[Any]) -> str:
    return ", ".join(name for name in first.dtype.names or () if first[name].tobytes() != second[name].tobytes())


def same_margins(ours: NDArray[np.int64], theirs: NDArray[np.int64]) -> bool:
    """Whether two samples of cells ``(num,)`` may come from one distribution: Pearson's chi-square, once in 10^6 wrong.

    The bound is that of Laurent and Massart 2000, lemma 1; cells that hardly occur are counted as one.
    """
    size = 1 + max(ours.max(), theirs.max())
    counts = np.stack([np.bincount(cells, minlength=size) for cells in (ours, theirs)]).astype(np.float64)
    rare = counts.sum(axis=0) < 20
    counts = np.column_stack([counts[:, ~rare], counts[:, rare].sum(axis=1)])
    counts = counts[:, counts.sum(axis=0) > 0]
    expected = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / counts.sum()
    degrees, surprise = counts.shape[1] - 1, np.log(1e6)
    bound = degrees + 2.0 * np.sqrt(degrees * surprise) + 2.0 * surprise
    return bool(((counts - expected) ** 2 / expected).sum() <= bound)


def entries(family: Family, numbers: list[int]) -> str:
    owner = [feature.name for feature in family.features for _ in range(feature.size)]
    return ", ".join(dict.fromkeys(owner[number] for number in numbers))


def only_rounded(first: Simulator, second: Simulator, game: int) -> bool:
    """Whether a game differs between two simulators in the last digits of its real numbers only."""
    exact = ("legal_actions", "acting", "terminated", "truncated", "finished")
    if any(not np.array_equal(getattr(first, name)[game], getattr(second, name)[game]) for name in exact):
        return False
    pairs = [(first.observations[game], second.observations[game], 1e-5)]
    pairs += [(first.rewards[game], second.rewards[game], ROUNDED)]
    pairs += [(first.states[name][game], second.states[name][game], ROUNDED) for name in first.states.dtype.names or ()]
    return all(
        np.allclose(here, there, rtol=reach, atol=reach, equal_nan=True)
        if np.asarray(here).dtype.kind == "f"
        else np.array_equal(here, there)
        for here, there, reach in pairs
    )
