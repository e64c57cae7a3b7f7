"""One game played by calling its rules directly, guarded, without the simulator."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gameagent_games.conformance.playing import STEPS, Subject, choose, draw, sample
from gameagent_games.game_rng import begin_episode
from gameagent_games.sources.rules import EVERY_SEAT
from gameagent_games.sources.simulator import RecordView


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
        """Starts the next episode."""
        self.episode += 1
        self.steps, self.ended, self.returned = 0, False, False
        self.rewards = np.zeros(self._family.num_seats)
        begin_episode(self.state, self.seed, self.episode)
        self.key = self.state.random_key
        self._family.rules.start(self.state, self.variant)

    def step(self, actions: NDArray[Any]) -> None:
        """Takes one decision of every seat."""
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
        """The seat whose turn it is, or `EVERY_SEAT`."""
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
