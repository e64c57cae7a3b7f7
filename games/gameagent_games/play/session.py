"""One variant played episode after episode, by an agent, by a person, or by both in turns. Knows no screen."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np

from gameagent_games.errors import FamilyError, GamesError
from gameagent_games.interface import Action, Family
from gameagent_games.loop import Match
from gameagent_games.players import Player
from gameagent_games.variants.variant import Variant

if TYPE_CHECKING:
    from gameagent_sdk import Adaptation, Belief


Beliefs: TypeAlias = "Mapping[str, Belief | tuple[Belief, ...]]"
"""What an agent thinks of the hidden rules, by rule; of an array rule, of each of its elements."""


class WatchedPlayer(Player, Protocol):
    """A player of one row that shows what it thinks and how it changes."""

    def beliefs(self) -> Beliefs:
        """What it thinks of the hidden rules, by rule; empty if it has no beliefs."""
        ...

    @property
    def by_gradient(self) -> bool:
        """Whether gradient steps change it after episodes."""
        ...

    def last_change(self) -> "Adaptation | None":
        """What the last gradient steps of this trial changed."""
        ...


def describe_change(change: "Adaptation") -> str:
    """What gradient steps did, in words that fit a card: "moved actions by 0.21 nats"."""
    if change.outcome == "dropped":
        return "dropped: too large a change"
    if change.outcome == "rolled back":
        return f"{change.kl:.2f} nats, taken back"
    return f"moved actions by {change.kl:.2f} nats"


class PlaySession:
    """A trial without end.

    A player decides as soon as there is something to see, so its beliefs are never a step behind the
    picture; a person may overrule the decision when the step is taken.

    Attributes:
        family: The game.
        games: The games of the family, of which there is one.
        player: Who decides for the first seat; None if a person decides for every seat.
        by_hand: Whether a person decides now: for the first seat, or for all if there is no player.
        seat: The seat that a person decides for.
        variant: The current variant.
        returns: The first seat's return in each episode that ended.
        seat_returns: Every seat's returns in each episode that ended.
        totals: Every seat's sum of rewards in the current episode, or in the one that just ended.
        step_count: Steps taken in it.
        ended: Whether the episode is over; the next `step` starts another one.
        before: The state's record before the last step; None at an episode's start.
        moves: The last executed actions by seat; empty at an episode's start.
        rewards: Every seat's last reward.
        beliefs: What the first seat's player thinks of the hidden rules, by rule; empty without a player.
        changes: What gradient steps changed, by index of the episode after which they were taken.
    """

    def __init__(self, family: Family, player: WatchedPlayer | None = None, rivals: Sequence[Player] = ()) -> None:
        """Makes a session; `begin` starts it.

        Args:
            family: The game.
            player: Who decides for the first seat; None if a person decides for every seat.
            rivals: Who decides for the others, in seat order.

        Raises:
            FamilyError: There is a player, but not one for each of the other seats.
        """
        if len(rivals) != (0 if player is None else family.num_seats - 1):
            raise FamilyError(
                f"family {family.name!r} has {family.num_seats} seats, got {len(rivals)} rivals: "
                "expected none, or a player for every seat"
            )
        self.family = family
        self.player = player
        self.by_hand = player is None
        self.seat = 0
        self.variant = Variant({})
        self.returns: list[float] = []
        self.seat_returns: list[list[float]] = []
        self.totals = self.rewards = [0.0] * family.num_seats
        self.step_count = 0
        self.ended = False
        self.before: Any = None
        self.moves: dict[int, Action] = {}
        self.beliefs: Beliefs = {}
        self.changes: dict[int, Adaptation] = {}
        self._players: dict[int, Player] = {} if player is None else dict(enumerate([player, *rivals]))
        self._decided: dict[int, Action] = {}  # by the players, as things are now
        self._chosen: dict[int, Action] = {}  # by a person, for the next step
        self.games = family.make_games(1, num_episodes=0, compiled=False, auto_start=False)
        self._match = Match(self.games, self._players)

    def begin(self, record: Any, seed: int) -> None:
        """Starts a new trial of a variant.

        Args:
            record: One record of the family's variant type.
            seed: Of the game's randomness, 0 or above.
        """
        records = np.array([record], self.family.space.dtype)
        self.games.reset(records, np.array([seed], np.int64))
        self.variant = self.family.space.variants(records)[0]
        self.returns, self.seat_returns, self.changes, self.beliefs = [], [], {}, {}
        self._match.begin()
        self._look_anew()

    def step(self, action: Action | None = None) -> None:
        """Takes a step, or starts the next episode if one has ended.

        If a person decides for several seats that act at once, the step is taken with the last one's action.

        Args:
            action: What a person does in the seat `seat`; None for the player's own decision.

        Raises:
            GamesError: There is neither an action nor a player.
        """
        if self.ended:
            self.games.next_episode()
            self._look_anew()
            return
        if action is not None:
            self._chosen[self.seat] = action
        moves = {seat: self._chosen.get(seat, self._decided.get(seat)) for seat in self.acting}
        undecided = [seat for seat, move in moves.items() if move is None]
        if undecided and action is None:
            raise GamesError("nobody decides: give an action or a player")
        if undecided:
            self.seat = undecided[0]
        else:
            self._play({seat: move for seat, move in moves.items() if move is not None})

    def _play(self, moves: dict[int, Action]) -> None:
        games = self.games
        self.before, self.moves = None if games.states is None else games.states[0].copy(), moves
        actions = self.family.blank_actions(1)
        for seat, move in moves.items():
            actions[0, seat] = move
        self._match.advance(actions)
        self.rewards, self.totals = games.rewards[0].tolist(), self._match.totals[0].tolist()
        self.step_count += 1
        self.ended = bool(self._match.ended[0])
        if self.ended:
            self.returns.append(self.episode_return)
            self.seat_returns.append(self.totals)
            change = None if self.player is None else self.player.last_change()
            if change is not None:
                self.changes[change.episode] = change
        else:
            self._decide()

    @property
    def acting(self) -> list[int]:
        """The seats that act now."""
        return [int(seat) for seat in np.flatnonzero(self.games.acting[0])]

    @property
    def awaits_person(self) -> bool:
        """Whether nothing happens until a person acts."""
        return self.by_hand and not self.ended and (self.player is None or self.seat in self.acting)

    def accepts(self, action: Action) -> bool:
        """Whether a person may act so now; any action starts the next episode if one has ended."""
        if not self.awaits_person:
            return self.by_hand and self.ended
        return self.family.box is not None or bool(self.games.legal_actions[0, self.seat, action])

    @property
    def state(self) -> Any:
        """The state's record, as it is now; None if the family's source has none."""
        return None if self.games.states is None else self.games.states[0]

    @property
    def record(self) -> Any:
        """The variant's record."""
        return self.games.variants[0]

    @property
    def episode(self) -> int:
        """Index of the current episode, or of the one that just ended."""
        return len(self.returns) - self.ended

    @property
    def episode_return(self) -> float:
        """The first seat's sum of rewards in the current episode, or in the one that just ended."""
        return self.totals[0]

    @property
    def reward(self) -> float:
        """The first seat's last reward."""
        return self.rewards[0]

    @property
    def action(self) -> Action | None:
        """The first seat's last executed action; None if it did not act."""
        return self.moves.get(0)

    def _look_anew(self) -> None:
        self.before, self.moves = None, {}
        self.totals = self.rewards = [0.0] * self.family.num_seats
        self.step_count = 0
        self.ended = False
        self._decide()

    def _decide(self) -> None:
        """Lets the players of the acting seats decide; a person's turn begins with the first of them."""
        acting, self._chosen = self.acting, {}
        self.seat = acting[0] if self.player is None else 0
        actions = self._match.decide()[0]
        self._decided = {seat: _action(actions[seat]) for seat in acting if seat in self._players}
        if self.player is not None and 0 in acting:
            self.beliefs = self.player.beliefs()


def _action(decided: Any) -> Action:
    """One seat's entry in the games' actions, for people."""
    return decided if np.ndim(decided) else int(decided)
