"""Players with some skill: what matters only far into an episode is never reached by those who look at nothing."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gameagent_games.conformance.probe.traces import Stage
from gameagent_games.interface import Family

MOST_VALUES: Final = 512  # of an observation that linear play makes something of
MOST_CANDIDATES: Final = 120
BEST: Final = 5  # candidates whose neighbours are tried, and most of those that play in the end
WIDEST: Final = 3  # further ones, that see what no other sees
SPREAD: Final = 0.3  # of the changes to a good candidate, where weights are of size 1


@dataclass(frozen=True)
class LinearPolicy:
    """Takes the action of the highest score, which is linear in what is seen; over a box, scores lead from low to high.

    Attributes:
        family: The game.
        weights: ``(A, own_size + 1)``; the last is the bias.
        scale: Size of what is seen, ``(own_size,)``.
        name: See `Policy`.
        is_random: False.
    """

    family: Family
    weights: NDArray[np.float64]
    scale: NDArray[np.float64]
    name: str = "linear play that was searched for"
    is_random: bool = field(default=False, init=False)

    def actions(self, seen: NDArray[np.float32], legal: NDArray[np.bool_], step: int) -> NDArray[Any]:
        """See `Policy.actions`."""
        scores = (seen / self.scale) @ self.weights[:, :-1].T + self.weights[:, -1]
        if self.family.box is not None:
            return self.family.box.scale(0.5 + 0.5 * np.tanh(scores))[None]
        return np.asarray(np.where(legal[0], scores, -np.inf).argmax(axis=-1)[None], np.int64)


Tried = tuple[float, float, int, LinearPolicy]  # return, steps, number


def skilled_policies(
    stage: Stage, base: NDArray[Any], num_steps: int, is_late: Callable[[], bool]
) -> list[LinearPolicy]:
    """The best of random linear players and of their neighbours: by return, by how long they play, by what they see.

    Good play may keep away from what a rule changes, such as an edge; so those who get furthest, in whatever they see,
    play as well.

    Args:
        stage: Where they are tried.
        base: The variant that they are to be good at, ``(1,)``.
        num_steps: Of a trial.
        is_late: Whether the time for the search is up.
    """
    family, generator = stage.family, np.random.default_rng(0)
    if family.own_size > MOST_VALUES:
        return []
    scale = np.full(family.own_size, 1e-6)
    tried: list[Tried] = []
    reached: list[NDArray[np.float64]] = []
    for number in range(MOST_CANDIDATES):
        if is_late():
            break
        weights = generator.normal(size=(family.num_actions, family.own_size + 1))
        if number >= MOST_CANDIDATES // 2:
            weights = _best(tried)[number % BEST][3].weights + SPREAD * weights
        policy = LinearPolicy(family, weights, scale.copy())
        total, steps, furthest = 0.0, 0, np.zeros(family.own_size)
        for moment in stage.moments(base, 0, policy, min(num_steps, family.max_steps)):
            furthest = np.maximum(furthest, abs(moment.values[0]).reshape(family.num_seats, -1).max(axis=0))
            total, steps = total + float(moment.values[1].sum()), steps + 1
            if moment.ended:
                break
        tried.append((total, float(steps), number, policy))
        reached.append(furthest)
        scale = np.maximum(scale, furthest)
    chosen = [one[2] for one in _best(tried)] + _widest(np.array(reached).reshape(-1, family.own_size) / scale)
    return [tried[number][3] for number in dict.fromkeys(chosen)]


def _best(tried: list[Tried]) -> list[Tried]:
    """The best by return and then, of the others, the one that plays longest."""
    ranked = sorted(tried, key=lambda one: (-one[0], -one[1], one[2]))
    longest = sorted(ranked[BEST - 1 :], key=lambda one: (-one[1], one[2]))
    return ranked[: BEST - 1] + longest[:1]


def _widest(shares: NDArray[np.float64]) -> list[int]:
    """Those who together get furthest, one after the other.

    Args:
        shares: How far each candidate got in each value that it sees, in shares of the furthest, ``(N, own_size)``.
    """
    chosen: list[int] = []
    so_far = np.zeros(shares.shape[1])
    for _ in range(min(WIDEST, len(shares))):
        chosen.append(int(np.maximum(shares, so_far).sum(axis=1).argmax()))
        so_far = np.maximum(so_far, shares[chosen[-1]])
    return chosen
