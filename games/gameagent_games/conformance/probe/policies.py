"""Who plays while rules are probed: deterministic players, so that variants alike are played alike.

Most of them look at nothing.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from gameagent_games.conformance.playing import choose
from gameagent_games.interface import Family

MOST_CONSTANTS: Final = 18  # actions that are each taken all the time
HOLDS: Final = (8, 30)  # steps for which a random action is kept
PERIODS: Final = (10, 40)  # steps from one extreme to the other
RANDOM: Final = "random"


class Policy(Protocol):
    """Decides for one game by nothing but what is seen there, what is legal and how many steps were taken.

    Attributes:
        name: For a person, such as "always left".
        is_random: Whether it is uniformly random play, step by step.
    """

    @property
    def name(self) -> str:
        """See above."""

    @property
    def is_random(self) -> bool:
        """See above."""

    def actions(self, seen: NDArray[np.float32], legal: NDArray[np.bool_], step: int) -> NDArray[Any]:
        """Decides.

        Args:
            seen: Observations without shown rules, ``(seats, own_size)``.
            legal: Legal actions, ``(1, seats, A)``.
            step: Steps taken in the trial.

        Returns:
            What `Games.step` takes of one game.
        """


@dataclass(frozen=True)
class BlindPolicy:
    """A player whose decisions are known beforehand, but for what masks forbid.

    Attributes:
        family: The game.
        name: See `Policy`.
        draws: What it decides by, from [0, 1): ``(T, seats)``, or ``(T, seats, A)`` of a `Box`, where it is the share
            of the way from low to high.
        insists: Whether it wants a certain action, and of masked ones the next that is legal; if not, a draw means
            its rank among those that are legal.
    """

    family: Family
    name: str
    draws: NDArray[np.float64]
    insists: bool

    @property
    def is_random(self) -> bool:
        """See `Policy`."""
        return self.name == RANDOM

    @cached_property
    def _decided(self) -> NDArray[Any]:
        """All decisions of a game without masks, ``(T, 1, ...)``."""
        draws = self.draws[:, None]
        everything = np.ones((len(draws), 1, self.family.num_seats, self.family.num_actions), np.bool_)
        return choose(self.family, everything, draws)

    def actions(self, seen: NDArray[np.float32], legal: NDArray[np.bool_], step: int) -> NDArray[Any]:
        """See `Policy.actions`."""
        if not self.family.has_mask:
            return np.asarray(self._decided[step])
        draws, num = self.draws[step][None], self.family.num_actions
        if not self.insists:
            return choose(self.family, legal, draws)
        wanted = np.floor(draws * num).astype(np.int64)
        order = (wanted[..., None] + np.arange(num)) % num
        first = np.take_along_axis(legal, order, axis=-1).argmax(axis=-1)
        return np.asarray(np.take_along_axis(order, first[..., None], axis=-1)[..., 0], np.int64)


def make_policies(family: Family, num_steps: int, seed: int) -> list[BlindPolicy]:
    """All that play a game: at random first, then by holding, alternating and never changing.

    Args:
        family: The game.
        num_steps: For how many steps they can decide.
        seed: Of what is random in them.
    """
    generator = np.random.default_rng(seed)
    shape = (family.num_seats,) if family.box is None else (family.num_seats, family.num_actions)
    policies = [BlindPolicy(family, RANDOM, generator.random((num_steps, *shape)), False)]
    for hold in HOLDS:
        drawn = generator.random((-(-num_steps // hold), *shape))
        if family.box is not None:
            drawn = np.where(generator.random(drawn.shape) < 0.5, np.round(drawn), drawn)  # extremes as well
        held = np.repeat(drawn, hold, axis=0)[:num_steps]
        policies.append(BlindPolicy(family, f"random, held for {hold} steps", held, False))
    places = _constants(family)
    for name, place in places:
        policies.append(BlindPolicy(family, f"always {name}", np.broadcast_to(place, (num_steps, *shape)), True))
    low, high = places[0][1], places[-1][1]
    for period in PERIODS:
        turn = (np.arange(num_steps) // period % 2).reshape(-1, *(1,) * len(shape))
        there_and_back = np.broadcast_to(np.where(turn == 0, low, high), (num_steps, *shape))
        policies.append(
            BlindPolicy(family, f"{places[0][0]} and {places[-1][0]}, {period} steps each", there_and_back, True)
        )
    if len(places) > 2:
        order = np.stack([np.broadcast_to(place, shape) for _, place in places])
        in_turn = order[np.arange(num_steps) // PERIODS[0] % len(order)]
        policies.append(BlindPolicy(family, f"every action in turn, {PERIODS[0]} steps each", in_turn, True))
    return policies


def _constants(family: Family) -> list[tuple[str, NDArray[np.float64]]]:
    """Actions to hold, as draws, by name; the first and the last are the extremes."""
    num = family.num_actions
    if family.box is None:
        chosen = np.unique(np.linspace(0, num - 1, min(num, MOST_CONSTANTS)).round().astype(int)).tolist()
        return [(family.action_names[action], np.array((action + 0.5) / num)) for action in chosen]
    below_one = np.nextafter(1.0, 0.0)
    sides = []
    if num > 1:
        for component in range(min(num, MOST_CONSTANTS // 2)):
            for name, share in (("low", 0.0), ("high", below_one)):
                place = np.full(num, 0.5)
                place[component] = share
                sides.append((f"{family.action_names[component]} {name}", place))
    ends = [(name, np.full(num, share)) for name, share in (("low", 0.0), ("middle", 0.5), ("high", below_one))]
    return [ends[0], ends[1], *sides, ends[2]]
