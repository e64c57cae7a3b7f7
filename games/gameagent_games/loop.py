"""The one loop that plays games with players, as a whole (`play_trials`) or step by step (`Match`)."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from gameagent_games.games import Games
from gameagent_games.interface import Family
from gameagent_games.players import Outcome, Player, Sight

Seats: TypeAlias = slice | list[int]  # indexes the second axis of the games' arrays
Players: TypeAlias = Player | Mapping[int, Player]
"""One player for all seats, or players by seat index. A player's rows are its seats in the first game, then those in
the second, and so on. A seat without a player is played by whoever calls `Match.advance`."""


def step_plainly(games: Games, actions: NDArray[Any]) -> None:
    """Steps games, with no more than their own checks."""
    games.step(actions)


def play_trials(
    games: Games, players: Players, step: Callable[[Games, NDArray[Any]], None] = step_plainly
) -> NDArray[np.float64]:
    """Plays one trial in every game, to its end.

    Args:
        games: Games that were just reset, their trials of an equal number of episodes (K).
        players: Who plays; every seat has a player.
        step: Steps the games.

    Returns:
        Returns by game, episode and seat, float64 ``(N, K, seats)``; NaN for trials that failed.
    """
    match = Match(games, players, step)
    match.begin()
    returns = np.zeros((games.num_games, games.num_episodes, games.family.num_seats))
    while not games.finished.all():
        match.step()
        ended = np.flatnonzero(match.ended)
        returns[ended, match.num_ended[ended] - 1] = match.totals[ended]
    returns[games.failed] = np.nan
    return returns


class Match:
    """Games with players in their seats, for those who play step by step.

    The calls go round: the games are reset, then `begin`, then `decide` and `advance` in turn, or `step` for both.

    Attributes:
        games: The games.
        totals: float64 ``(N, seats)``; the sum of rewards in the running episode, or in the one that just ended.
        ended: bool ``(N,)``; whether the last step ended an episode.
        num_ended: int64 ``(N,)``; episodes that ended since `begin`.
    """

    def __init__(
        self,
        games: Games,
        players: Players,
        step: Callable[[Games, NDArray[Any]], None] = step_plainly,
    ) -> None:
        """Seats the players; see `play_trials` for the arguments.

        Raises:
            ValueError: A player has a seat that the family does not have.
        """
        self.games, self._step = games, step
        self._seated = _seated(players, games.family)
        self._decisions = _Decisions(games.family, games.num_games)
        self.totals = np.zeros(games.acting.shape)
        self.ended = np.zeros(games.num_games, np.bool_)
        self.num_ended = np.zeros(games.num_games, np.int64)

    @property
    def deciding(self) -> NDArray[np.bool_]:
        """The seats that decide now, bool ``(N, seats)``."""
        return np.asarray(self.games.acting & ~self.games.finished[:, None])

    def begin(self) -> None:
        """Starts a trial of every player; the games were just reset."""
        self._decisions.forget()
        self.totals[:], self.ended[:], self.num_ended[:] = 0.0, False, 0
        for player, seats in self._seated:
            player.begin(self.games.acting[:, seats].size)

    def step(self) -> None:
        """Lets every seat's player decide, and the games go on."""
        self.advance(self.decide())

    def decide(self) -> NDArray[Any]:
        """What the players do now, in the form of `Family.blank_actions`; zeros for seats without a player."""
        games, deciding = self.games, self.deciding
        actions = games.family.blank_actions(games.num_games)
        for player, seats in self._seated:
            legal = _rows(games.legal_actions, seats) if games.family.has_mask else None
            sight = Sight(_rows(games.observations, seats), legal, _rows(deciding, seats))
            actions[:, seats] = player.act(sight).reshape(actions[:, seats].shape)
        return actions

    def advance(self, actions: NDArray[Any]) -> None:
        """Takes a step of the games, and lets the players observe what came of it.

        Args:
            actions: What is done, which need not be what the players decided; in the form of `Family.blank_actions`.
        """
        games, deciding = self.games, self.deciding
        self._step(games, actions)
        if self._seated:
            self._decisions.take(deciding, actions)
        np.copyto(self.totals, 0.0, where=self.ended[:, None])
        self.totals += games.rewards
        np.logical_or(games.terminated, games.truncated, out=self.ended)
        self.num_ended += self.ended
        if self._seated:
            self._report()

    def _report(self) -> None:
        """Tells every player what has come of its rows' decisions."""
        self._decisions.collect(self.games)
        reported = self.deciding | self.ended[:, None]
        for player, seats in self._seated:
            player.observe(self._decisions.outcome(seats, reported))


class _Decisions:
    """The last decision of every seat, and what has come of it: the one place that credits a waiting seat."""

    def __init__(self, family: Family, num_games: int) -> None:
        self.actions = family.blank_actions(num_games)
        shape = (num_games, family.num_seats)
        self.rewards = np.zeros(shape)
        self.terminated, self.truncated, self.started = (np.zeros(shape, np.bool_) for _ in range(3))

    def forget(self) -> None:
        for array in (self.actions, self.rewards, self.terminated, self.truncated, self.started):
            array[:] = 0

    def take(self, deciding: NDArray[np.bool_], actions: NDArray[Any]) -> None:
        """A decision of some seats: nothing has come of it yet."""
        np.copyto(self.actions, actions, where=deciding.reshape(*deciding.shape, *[1] * (actions.ndim - 2)))
        for array in (self.rewards, self.terminated, self.truncated):
            np.copyto(array, False, where=deciding)
        self.started |= deciding

    def collect(self, games: Games) -> None:
        """A step's rewards and ends count for the last decision of every seat that has taken one."""
        np.add(self.rewards, games.rewards, out=self.rewards, where=self.started)
        self.terminated |= games.terminated[:, None] & self.started
        self.truncated |= games.truncated[:, None] & self.started

    def outcome(self, seats: Seats, reported: NDArray[np.bool_]) -> Outcome:
        parts = (self.actions, self.rewards, self.terminated, self.truncated, self.started, reported & self.started)
        return Outcome(*(_rows(part, seats) for part in parts))


def _rows(array: NDArray[Any], seats: Seats) -> NDArray[Any]:
    """``(N, seats, …)`` as ``(rows, …)``, of some of the seats."""
    chosen = array[:, seats]
    return chosen.reshape(-1, *array.shape[2:])


def _seated(players: Players, family: Family) -> list[tuple[Player, Seats]]:
    """Every player once, with its seats."""
    if not isinstance(players, Mapping):
        return [(players, slice(None))]
    if not set(players) <= set(range(family.num_seats)):
        raise ValueError(f"players for seats {sorted(players)}, but {family.name!r} has {family.num_seats} seats")
    found = {id(player): player for player in players.values()}
    return [(player, [seat for seat, one in players.items() if one is player]) for player in found.values()]
