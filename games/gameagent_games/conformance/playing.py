"""Plays a family for its checks: rules called directly, without the simulator; and traces of simulators."""

from collections.abc import Iterator, Sequence
from typing import Any, Final, get_args

import numpy as np
from numpy.typing import NDArray

from gameagent_games.chance import begin_episode
from gameagent_games.interface import EVERY_SEAT, Family
from gameagent_games.simulator import RecordView, Simulator
from gameagent_games.variant import Split

STEPS: Final = 64  # decisions played with each variant


class WatchedRewards:
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


class Table:
    """One uncompiled game, played by calling the rules directly, without the simulator."""

    def __init__(self, family: Family, record: NDArray[Any], seed: int) -> None:
        self._family, self._seed, self._episode = family, seed, -1
        self.states = np.zeros(1, family.state)
        self.variants = record.reshape(1).copy()
        self.variant_given = self.variants.copy()
        self.state, self.variant = RecordView(self.states, 0), RecordView(self.variants, 0, family.space.names)
        self.start()

    def start(self) -> None:
        self._episode += 1
        self.steps, self.ended, self.returned = 0, False, False
        self.rewards = WatchedRewards(self._family.num_seats)
        begin_episode(self.state, self._seed, self._episode)
        self._family.rules.start(self.state, self.variant)

    def step(self, actions: NDArray[Any]) -> None:
        self.rewards = WatchedRewards(self._family.num_seats)
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


def play(family: Family) -> Iterator[Table]:
    """Random legal play of several variants; stops at every state, the first and the last of an episode included.

    Where actions are continuous, every other variant is played by holding one corner of the box, which leads further
    out than uniform draws do.
    """
    generator = np.random.default_rng(0)
    for seed, record in enumerate(sample(family, 6)):
        table = Table(family, record, seed)
        yield table
        corner = np.round(draw(family, generator)) if family.box is not None and seed % 2 else None
        for _ in range(STEPS):
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
    """Actions for `Simulator.step` by the draws ``(N, ...)`` of N games: uniform over what is legal, or over the box.

    Action 0 where nothing is legal.
    """
    if family.box is not None:
        return family.box.scale(draws)
    num_legal = masks.sum(axis=-1)
    rank = np.floor(draws * num_legal).astype(np.int64)
    return np.asarray(np.argmax(np.cumsum(masks, axis=-1) > rank[..., None], axis=-1), dtype=np.int64)


Moment = list[dict[str, bytes]]


def watch(
    simulator: Simulator, records: NDArray[Any], seeds: NDArray[np.int64], players: Sequence[int] | NDArray[Any] = ()
) -> Iterator[Moment]:
    """Plays a trial and yields, at every moment, each game's arrays as bytes. A player chooses by its own draws."""
    simulator.reset(records, seeds)
    generators = [np.random.default_rng(int(player)) for player in (players if len(players) else range(len(records)))]
    yield moment(simulator)
    for _ in range(STEPS):
        draws = np.stack([draw(simulator.family, generator) for generator in generators])
        simulator.step(choose(simulator.family, simulator.legal_actions, draws))
        yield moment(simulator)


def trace(simulator: Simulator, records: NDArray[Any], seeds: NDArray[np.int64]) -> list[Moment]:
    return list(watch(simulator, records, seeds))


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
