"""Games: N games of one family side by side; and Source: where a family's games come from.

Everything outside `sources/` knows games through these two protocols alone: it asks the family for games
(`Family.make_games`), reads their arrays and steps them, whatever plays them. Compiled rules are one source
(`sources.rules.Rules`); one of your own implements `Source`, and its games are most easily made by inheriting from
`sources.arrays.GameArrays`, which keeps the arrays and the trials.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from gameagent_games.failures import Failure

if TYPE_CHECKING:
    from gameagent_games.interface import Family


class Games(Protocol):
    """N games of one family side by side, each with its own variant and seed.

    An episode that ends is followed by the next one of the same variant at once, in the same step, unless the games
    were made without ``auto_start``; then `next_episode` starts it, and until it is called the arrays show the ended
    episode's last state. After the trial's last episode the game is finished, and further steps leave it alone. What a
    game does depends on its variant, its seed, its episode's number and the actions taken, and on nothing else.

    Arrays are overwritten by the next call: copy what you keep. Before the first `reset` every game is finished.

    Attributes:
        family: The family.
        num_games: Number of games (N).
        num_episodes: Episodes of a trial (K); 0 for trials without end.
        observations: float32 ``(N, seats, D)``; what every seat sees now.
        legal_actions: bool ``(N, seats, A)``; all True if the family has no illegal actions.
        acting: bool ``(N, seats)``; the seats that act now.
        rewards: float64 ``(N, seats)``; of the last step.
        terminated: bool ``(N,)``; the last step ended an episode by the rules.
        truncated: bool ``(N,)``; the last step ended an episode by the time limit.
        finished: bool ``(N,)``; the trial is over.
        failed: bool ``(N,)``; the trial is over because what plays the game failed, and counts for nothing.
        episodes: int64 ``(N,)``; index of the current episode within the trial.
        steps: int64 ``(N,)``; steps taken in the current episode.
        variants: Records of the family's variant type, ``(N,)``.
        seeds: int64 ``(N,)``.
    """

    family: "Family"
    num_games: int
    num_episodes: int
    observations: NDArray[np.float32]
    legal_actions: NDArray[np.bool_]
    acting: NDArray[np.bool_]
    rewards: NDArray[np.float64]
    terminated: NDArray[np.bool_]
    truncated: NDArray[np.bool_]
    finished: NDArray[np.bool_]
    failed: NDArray[np.bool_]
    episodes: NDArray[np.int64]
    steps: NDArray[np.int64]
    variants: NDArray[Any]
    seeds: NDArray[np.int64]

    @property
    def states(self) -> NDArray[Any] | None:
        """Records of all that changes in an episode, ``(N,)``, for a view to draw; None if the source has none."""

    def reset(
        self,
        variants: NDArray[Any],
        seeds: NDArray[np.int64],
        episodes: NDArray[np.int64] | int = 0,
        which: NDArray[np.int64] | None = None,
    ) -> None:
        """Starts a new trial in every game, or in some of them.

        Args:
            variants: Records of the family's variant type, ``(M,)``.
            seeds: int64 ``(M,)``, each >= 0.
            episodes: Number of the episode that each game starts with, ``(M,)`` or one for all: games of one variant
                and seed that start with episodes 0, 1, 2 … are one trial, played side by side.
            which: The games that start a new trial, their indices int64 ``(M,)``; the others go on undisturbed.
                None for all (M = N).

        Raises:
            VariantError: Wrong record type or number of variants.
            ValueError: Wrong number of seeds, or a negative one.
        """

    def step(self, actions: NDArray[Any]) -> None:
        """Takes one decision of every acting seat in every unfinished game.

        Args:
            actions: int64 ``(N, seats)``, each in [0, A). For a `Box` floats ``(N, seats, A)``, which are clipped to
                the box; the array itself is left as it is. Entries of seats that do not act are ignored.

        Raises:
            ActionError: Wrong shape or type, a discrete action out of range, or a number that is not finite.
            GamesError: Whatever plays the games failed.
        """

    def next_episode(self) -> None:
        """Starts the current episode of every game; for games made without ``auto_start``, after an episode's end."""

    def picture(self, game: int) -> NDArray[np.uint8] | None:
        """What a game looks like now, if its source draws by itself: uint8 ``(height, width, 3)``, RGB."""

    def take_failures(self) -> "Sequence[Failure]":
        """What has failed since the last call; each cost one trial at most."""

    def close(self) -> None:
        """Releases what the games hold, such as processes and windows; whoever made the games closes them."""


@runtime_checkable
class Source(Protocol):
    """Where a family's games come from, and what must be known of them before they are made.

    A source is constant, like the family that holds it, and can be pickled. Two sources are equal if their games are.

    One more member is optional, for sources whose games have observations and actions of another form than the arrays
    of `Games`: ``plan``, a `gameagent_sdk.authoring.PlanSpec` or None, which says how rows were made of theirs. It goes
    into exported files, so that agents take the games' own observations; `Family.plan` reads it.
    """

    @property
    def has_mask(self) -> bool:
        """Whether some actions can be illegal; if not, `Games.legal_actions` is always True."""

    @property
    def takes_turns(self) -> bool:
        """Whether there are steps in which some seat does not act; if not, `Games.acting` is always True."""

    @property
    def module(self) -> str:
        """Name of the module that defines the games; a family's other files lie beside it."""

    @property
    def is_trusted(self) -> bool:
        """Whether the family's quick check is skipped, because this package's own tests have checked it."""

    def make_games(
        self, family: "Family", num_games: int, *, num_episodes: int, auto_start: bool, compiled: bool
    ) -> Games:
        """Makes games that `Games.reset` then starts; see `Family.make_games` for the arguments.

        Raises:
            FamilyError: The family's definition does not fit its source.
        """
