"""What the games of every source share: their arrays, checked resets and actions, and the course of a trial."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gameagent_games.errors import ActionError, VariantError
from gameagent_games.failures import Failure
from gameagent_games.interface import Family


class GameArrays:
    """`Games` but for the game itself: a source's games inherit from this and implement `begin` and `play`.

    Attributes:
        states: None; a source whose games have state records sets it to them.
    """

    states: NDArray[Any] | None = None

    def __init__(self, family: Family, num_games: int, num_episodes: int, auto_start: bool) -> None:
        """Allocates the arrays; see `Games` for them and `Family.make_games` for the arguments.

        Raises:
            ValueError: There is no game.
        """
        if num_games < 1:
            raise ValueError(f"num_games is {num_games}, expected at least 1")
        self.family, self.num_games, self.num_episodes = family, num_games, num_episodes
        self.auto_start = auto_start
        num_seats = family.num_seats
        self.variants = np.zeros(num_games, family.space.dtype)
        self.seeds = np.zeros(num_games, np.int64)
        self.observations = np.zeros((num_games, num_seats, family.observation_size), np.float32)
        self.legal_actions = np.ones((num_games, num_seats, family.num_actions), np.bool_)
        self.acting = np.ones((num_games, num_seats), np.bool_)
        self.rewards = np.zeros((num_games, num_seats), np.float64)
        self.terminated = np.zeros(num_games, np.bool_)
        self.truncated = np.zeros(num_games, np.bool_)
        self.finished = np.ones(num_games, np.bool_)
        self.failed = np.zeros(num_games, np.bool_)
        self.episodes = np.zeros(num_games, np.int64)
        self.last_episodes = np.zeros(num_games, np.int64)
        self.steps = np.zeros(num_games, np.int64)

    def begin(self, which: NDArray[np.int64]) -> None:
        """Starts the current episode of some games and shows it.

        Reads ``variants``, ``seeds`` and ``episodes``; writes ``observations[:, :, : family.own_size]`` (the shown
        rules behind them are written already) and, if they vary, ``legal_actions`` and ``acting``.

        Args:
            which: Indices of the games, int64 ``(M,)``.
        """
        raise NotImplementedError

    def play(self, which: NDArray[np.int64], actions: NDArray[Any]) -> None:
        """Takes one decision in some games and shows what came of it, as `begin` does.

        Also writes ``rewards`` and ``terminated``, which arrive as zeros and False, and ``truncated`` if the source
        has a time limit of its own below the family's ``max_steps``, which is counted here.

        Args:
            which: Indices of the games that are not finished, int64 ``(M,)``.
            actions: As `Games.step` takes them, of all N games; checked, and within the box.
        """
        raise NotImplementedError

    def reset(
        self,
        variants: NDArray[Any],
        seeds: NDArray[np.int64],
        episodes: NDArray[np.int64] | int = 0,
        which: NDArray[np.int64] | None = None,
    ) -> None:
        """See `Games.reset`."""
        chosen = np.arange(self.num_games) if which is None else np.asarray(which, np.int64)
        num = len(chosen)
        if variants.dtype != self.variants.dtype or variants.shape != (num,):
            raise VariantError(
                f"got variants {variants.dtype} of shape {variants.shape}, "
                f"expected {self.variants.dtype} of shape ({num},)"
            )
        if seeds.shape != (num,) or (seeds < 0).any():
            raise ValueError(f"seeds must be {num} integers >= 0, got shape {seeds.shape}")
        self.variants[chosen] = variants
        self.seeds[chosen] = seeds
        self.episodes[chosen] = episodes
        last = self.episodes[chosen] + self.num_episodes - 1
        self.last_episodes[chosen] = last if self.num_episodes else np.iinfo(np.int64).max
        for ended in (self.finished, self.failed, self.terminated, self.truncated):
            ended[chosen] = False
        self.rewards[chosen] = 0.0
        shown = self.family.space.encode(self.variants[chosen], hidden=False)
        self.observations[chosen, :, self.family.own_size :] = shown[:, None, :]
        self._begin(chosen)

    def next_episode(self) -> None:
        """See `Games.next_episode`."""
        self._begin(np.arange(self.num_games))

    def step(self, actions: NDArray[Any]) -> None:
        """See `Games.step`."""
        actions = self.checked(actions)
        for cleared in (self.rewards, self.terminated, self.truncated):
            cleared[:] = 0
        playing = ~self.finished
        self.play(np.flatnonzero(playing), actions)
        self.steps += playing
        self.truncated |= playing & (self.steps >= self.family.max_steps)
        self.truncated &= ~self.terminated
        ended = self.terminated | self.truncated
        self.episodes += ended
        self.steps[ended] = 0
        self.finished |= self.episodes > self.last_episodes
        following = np.flatnonzero(ended & ~self.finished)
        if self.auto_start and len(following):
            self.begin(following)

    def picture(self, game: int) -> NDArray[np.uint8] | None:
        """See `Games.picture`; a family's view draws it, unless a source does."""
        return None

    def take_failures(self) -> Sequence[Failure]:
        """See `Games.take_failures`; nothing fails, unless a source says so."""
        return ()

    def close(self) -> None:
        """See `Games.close`; there is nothing to release, unless a source holds something."""

    def _begin(self, which: NDArray[np.int64]) -> None:
        self.steps[which] = 0
        self.begin(which)

    def checked(self, actions: NDArray[Any]) -> NDArray[Any]:
        """Actions as the game may be given them: those of a box are clipped to it.

        Raises:
            ActionError: As `Games.step`.
        """
        if self.family.box is None:
            self._check_choices(actions)
            return actions
        self._check_numbers(actions)
        return self.family.box.clip(actions)

    def _check_choices(self, actions: NDArray[Any]) -> None:
        if actions.shape != self.acting.shape or actions.dtype != np.int64:
            raise ActionError(
                f"got actions {actions.dtype} of shape {actions.shape}, expected int64 of shape {self.acting.shape}"
            )
        if actions.min() < 0 or actions.max() >= self.family.num_actions:
            raise ActionError(
                f"actions span {actions.min()} to {actions.max()}, expected 0 to {self.family.num_actions - 1}"
            )

    def _check_numbers(self, actions: NDArray[Any]) -> None:
        shape = (*self.acting.shape, self.family.num_actions)
        if actions.shape != shape or actions.dtype.kind != "f":
            raise ActionError(f"got actions {actions.dtype} of shape {actions.shape}, expected floats of shape {shape}")
        finite = np.isfinite(actions)
        if not finite.all():
            game, seat, _ = np.argwhere(~finite)[0]
            raise ActionError(
                f"family {self.family.name!r}: seat {self.family.seat_names[seat]!r} of game {game} "
                f"got action {actions[game, seat].tolist()}, expected finite numbers"
            )
