"""Plays a family's games for its checks, whatever their source."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, fields, replace
from time import process_time
from typing import Any, Final, get_args

import numpy as np
from numpy.typing import NDArray

from gameagent_games.games import Games
from gameagent_games.interface import Family
from gameagent_games.sources.guarded_rules import Guard, guard_rules
from gameagent_games.sources.rules import Rules
from gameagent_games.sources.simulator import Simulator
from gameagent_games.variants.variant import Split

STEPS: Final = 64  # decisions played with each variant
LONGER: Final = 3  # times as many, if only errors are looked for
FEWEST_STEPS: Final = 2  # if the rules are slow
NUM_VARIANTS: Final = 6
ROUNDING: Final = 1e-6  # of an observation's bounds, relative
ROUNDED: Final = 1e-9  # what two roundings may differ by, relative; 1e-5 in observations, which are float32
PLAY_SECONDS: Final = 0.05  # of CPU that play of one variant may take; slower rules are played for fewer steps


@dataclass(frozen=True)
class Subject(Family):
    """A family under check: its rules, if it has any, guarded, and played for fewer steps if they are slow.

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
        for _ in play_games(replace(subject, num_variants=1)):
            moves += 1
            if process_time() - began > PLAY_SECONDS:
                break
    except Exception:  # a check will meet and report it
        return subject
    num_steps = max(moves - 1, FEWEST_STEPS)
    return replace(subject, num_steps=num_steps, num_variants=NUM_VARIANTS if num_steps == STEPS else NUM_VARIANTS // 2)


@dataclass
class Position:
    """A moment of play: the one game that is played, and how it came here.

    Attributes:
        games: The game.
        episode: Number of the episode, from 0.
        step: Steps taken in it.
        ended: Whether it is over.
    """

    games: Games
    episode: int = 0
    step: int = 0
    ended: bool = False

    def __str__(self) -> str:
        variant = self.games.family.space.variants(self.games.variants)[0].id
        return f"variant {variant}, seed {self.games.seeds[0]}, episode {self.episode + 1}, step {self.step}"


def make(family: Family, num_games: int, **options: Any) -> Games:
    """Games of a family, uncompiled."""
    return family.make_games(num_games, compiled=False, **options)


def play_games(family: Subject, longer: int = 1) -> Iterator[Position]:
    """Random legal play of several variants; stops at every state, the first and the last of an episode included.

    If actions are continuous, every other variant is played by holding one corner of the box, which leads further
    out than uniform draws do. Play may be ``longer``, unless the games are slow.
    """
    if family.num_steps < STEPS:
        longer = 1
    with closing(make(family, 1, num_episodes=0, auto_start=False)) as games:
        for seed, record in enumerate(sample(family, family.num_variants)):
            yield from _play_variant(games, seed, record, longer * family.num_steps)


def _play_variant(games: Games, seed: int, record: NDArray[Any], num_steps: int) -> Iterator[Position]:
    family, generator = games.family, np.random.default_rng(seed)
    games.reset(record.reshape(1), np.array([seed]))
    position = Position(games)
    yield position
    corner = np.round(draw(family, generator)) if family.box is not None and seed % 2 else None
    for _ in range(num_steps):
        if position.ended:
            games.next_episode()
            position = Position(games, position.episode + 1)
        else:
            draws = draw(family, generator) if corner is None else corner
            games.step(choose(family, games.legal_actions, draws[None]))
            ended = bool(games.terminated[0] or games.truncated[0])
            position = Position(games, position.episode, position.step + 1, ended)
        yield position


def splits_of(family: Family) -> list[Split]:
    """The splits that the family has: out of range only where a rule has such values."""
    beyond = any(rule.distribution.has_beyond for rule in family.space.rules)
    return [split for split in get_args(Split) if split != "all" and (beyond or split != "out_of_range")]


def sample(family: Family, num: int) -> NDArray[Any]:
    """Variants from the training range and, if there are any, from beyond it: records ``(num,)``."""
    inside = family.space.sample(num, 0, "all")
    if num > 1 and "out_of_range" in splits_of(family):
        inside[num // 2 :] = family.space.sample(num - num // 2, 1, "out_of_range")
    return inside


def draw(family: Family, generator: np.random.Generator) -> NDArray[np.float64]:
    """What one game's players choose by: numbers from [0, 1), ``(seats,)``, or ``(seats, A)`` for a box."""
    return generator.random(family.num_seats if family.box is None else (family.num_seats, family.num_actions))


def choose(family: Family, masks: NDArray[np.bool_], draws: NDArray[np.float64]) -> NDArray[Any]:
    """Actions for `Games.step` by the draws ``(N, ...)`` of N games: uniform over what is legal, or over the box.

    Action 0 if nothing is legal.
    """
    if family.box is not None:
        return family.box.scale(draws)
    num_legal = masks.sum(axis=-1)
    rank = np.floor(draws * num_legal).astype(np.int64)
    return np.asarray(np.argmax(np.cumsum(masks, axis=-1) > rank[..., None], axis=-1), dtype=np.int64)


Moment = list[dict[str, bytes]]


def watch(
    games: Games, records: NDArray[Any], seeds: NDArray[np.int64], num_steps: int,
    players: Sequence[int] | NDArray[Any] = (),
) -> Iterator[Moment]:  # fmt: skip
    """Plays a trial and yields, at every moment, each game's arrays as bytes. A player chooses by its own draws."""
    games.reset(records, seeds)
    generators = [np.random.default_rng(int(player)) for player in (players if len(players) else range(len(records)))]
    yield moment(games)
    for _ in range(num_steps):
        draws = np.stack([draw(games.family, generator) for generator in generators])
        games.step(choose(games.family, games.legal_actions, draws))
        yield moment(games)


def trace(
    games: Games, records: NDArray[Any], seeds: NDArray[np.int64], num_steps: int,
    players: Sequence[int] | NDArray[Any] = (),
) -> list[Moment]:  # fmt: skip
    """All that `watch` yields; closes the games."""
    with closing(games):
        return list(watch(games, records, seeds, num_steps, players))


def moment(games: Games) -> Moment:
    """Each game's arrays as bytes; its state may hold what no rule reads any more, and is left out."""
    names = ("observations", "legal_actions", "acting", "rewards", "terminated", "truncated", "finished")
    return [{name: getattr(games, name)[game].tobytes() for name in names} for game in range(games.num_games)]


def differing(first: NDArray[Any], second: NDArray[Any]) -> str:
    """Names of the fields in which two records differ, joined by commas."""
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


def entries(family: Family, numbers: list[int]) -> str:
    """Names of the features that observation entries belong to, each once, joined by commas."""
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
