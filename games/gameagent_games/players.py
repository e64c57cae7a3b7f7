"""Who plays a seat: what a player sees, what it does, and what came of it.

A player plays any number of *rows* side by side; a row is one seat of one game. An agent's file, the policy in
training, a rival with a script and a frozen past self are all players, and `loop.Match` plays games with them.
A person is not one: the seats that nobody plays are played by whoever drives the match.
"""

from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from gameagent_games.interface import Family


class Sight(NamedTuple):
    """What a player's rows see now. The arrays are overwritten by the next step.

    Attributes:
        observations: float32 ``(rows, D)``.
        legal_actions: bool ``(rows, A)``; None if the family has no illegal actions. Of rows that do not decide,
            there may be no legal action.
        deciding: bool ``(rows,)``; the rows that decide now.
    """

    observations: NDArray[np.float32]
    legal_actions: NDArray[np.bool_] | None
    deciding: NDArray[np.bool_]


class Outcome(NamedTuple):
    """What has come of each row's last decision up to now. The arrays are overwritten by the next step.

    A row that waits for its turn keeps collecting rewards for its last decision, also across an episode's end. What
    it is rewarded before its first decision of the trial counts for none.

    Attributes:
        actions: int64 ``(rows,)``, or float64 ``(rows, A)`` of a `Box`: the last decision, as it was executed. Zeros
            before the first.
        rewards: float64 ``(rows,)``; the sum since then, in the game's units.
        terminated: bool ``(rows,)``; whether an episode has ended since then by the rules.
        truncated: bool ``(rows,)``; whether an episode has ended since then by the time limit.
        started: bool ``(rows,)``; whether the row has decided at all in this trial.
        reported: bool ``(rows,)``; the rows whose outcome is due now: they decide next, or their episode has just
            ended. A decision is reported twice if its row is rewarded in the next episode before it decides there.
    """

    actions: NDArray[Any]
    rewards: NDArray[np.float64]
    terminated: NDArray[np.bool_]
    truncated: NDArray[np.bool_]
    started: NDArray[np.bool_]
    reported: NDArray[np.bool_]

    @property
    def ended(self) -> NDArray[np.bool_]:
        """Whether an episode has ended since the row's last decision, either way; bool ``(rows,)``."""
        return self.terminated | self.truncated


class Player(Protocol):
    """Plays rows: `begin` once for each trial, then `act` and `observe` in turn, once for each step of the games."""

    def begin(self, num_rows: int) -> None:
        """Starts a new trial in each of ``num_rows`` rows, forgetting all others."""
        ...

    def act(self, sight: Sight) -> NDArray[Any]:
        """Decides, also when none of the rows has to.

        Returns:
            An action for every row, int64 ``(rows,)`` or floats ``(rows, A)`` of a `Box`; those of rows that do not
            decide are ignored, but must be valid.
        """
        ...

    def observe(self, outcome: Outcome) -> None:
        """Learns what came of the rows' decisions."""
        ...


class RandomPlayer:
    """Uniformly random legal actions, or uniform over the box."""

    def __init__(self, family: Family, generator: np.random.Generator) -> None:
        """Makes a player.

        Args:
            family: The game.
            generator: Is drawn from at every step, for all rows.
        """
        self._family, self._generator = family, generator

    def begin(self, num_rows: int) -> None:
        """Has nothing to forget."""

    def act(self, sight: Sight) -> NDArray[Any]:
        """Draws; see `Player.act`."""
        draws = self._generator.random((len(sight.deciding), self._family.num_actions))
        if self._family.box is not None:
            return self._family.box.scale(draws)
        if sight.legal_actions is not None:
            draws *= sight.legal_actions
        return np.asarray(draws.argmax(axis=1), np.int64)

    def observe(self, outcome: Outcome) -> None:
        """Learns nothing."""
