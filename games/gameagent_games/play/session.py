"""One variant played episode after episode, by an agent, by a person, or by both in turns. Knows no screen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from gameagent_games.errors import FamilyError, GamesError, MissingExtra
from gameagent_games.interface import Action, Family
from gameagent_games.variants.variant import Variant


class Belief(Protocol):
    """What an agent thinks of one hidden rule or of one element of an array rule; gameagent_sdk's fits."""

    @property
    def probabilities(self) -> Mapping[str, float]: ...
    @property
    def mean(self) -> float | None: ...
    @property
    def std(self) -> float | None: ...
    @property
    def best(self) -> str | float: ...
    @property
    def confidence(self) -> float: ...


FINISH_MS = 1000.0  # for what an agent does behind an episode; it takes a few

Beliefs: TypeAlias = Mapping[str, Belief | tuple[Belief, ...]]


class Change(Protocol):
    """What gradient steps behind an episode changed; gameagent_sdk's Adaptation fits."""

    @property
    def episode(self) -> int: ...
    @property
    def outcome(self) -> str: ...
    @property
    def num_steps(self) -> int: ...
    @property
    def kl(self) -> float: ...
    @property
    def before(self) -> NDArray[np.float64]: ...
    @property
    def after(self) -> NDArray[np.float64]: ...


def describe_change(change: Change) -> str:
    """What gradient steps did, in words that fit a card: "moved actions by 0.21 nats"."""
    if change.outcome == "dropped":
        return "dropped: too large a change"
    if change.outcome == "rolled back":
        return f"{change.kl:.2f} nats, taken back"
    return f"moved actions by {change.kl:.2f} nats"


class Player(Protocol):
    """Who decides when no person does: the calls of an agent, in the order that they are made."""

    def begin_trial(self) -> None: ...
    def act(self, observation: NDArray[np.float32], legal_actions: NDArray[np.bool_]) -> Action: ...
    def observe(self, action: Action, reward: float, terminated: bool, truncated: bool) -> None:
        """Tells what was done, which is not what ``act`` said where a person stepped in, and what came of it."""
        ...

    def beliefs(self) -> Beliefs: ...
    @property
    def by_gradient(self) -> bool:
        """Whether gradient steps change it after episodes."""
        ...

    def last_change(self) -> Change | None:
        """What the last gradient steps of this trial changed."""
        ...


class AgentPlayer:
    """A bundle of gameagent-sdk as a player."""

    def __init__(self, agent: Any) -> None:
        """Wraps a loaded ``gameagent_sdk.Agent``."""
        self._agent = agent

    @classmethod
    def load(cls, path: Path, family: Family, seed: int) -> "AgentPlayer":
        """Loads a bundle and checks that it was trained for this family.

        Raises:
            MissingExtra: gameagent-sdk is not installed.
            GamesError: The bundle cannot be loaded, or plays another game.
        """
        try:
            from gameagent_sdk import Agent, SdkError
        except ImportError:
            raise MissingExtra("agents need the SDK: pip install gameagent-sdk") from None
        try:
            agent = Agent.load(path, seed=seed)
        except SdkError as error:
            raise GamesError(str(error)) from error
        manifest = agent.manifest
        if manifest.name != family.name:
            raise GamesError(f"{path} plays {manifest.name!r}, not {family.name!r}")
        version = manifest.training.get("family_version", family.version)
        if version != family.version:
            raise GamesError(
                f"{path} was trained on version {version} of {family.name!r}, this is version {family.version}: its "
                "rules have changed since; train again, or install the version it was trained on"
            )
        kind = "discrete" if family.box is None else "box"
        if manifest.action.kind != kind:
            raise GamesError(f"{path} has {manifest.action.kind} actions, but those of {family.name!r} are {kind}")
        given, expected = (
            (manifest.observation_size, manifest.num_actions),
            (family.observation_size, family.num_actions),
        )
        if given != expected:
            raise GamesError(
                f"{path} sees {given[0]} numbers and has {given[1]} actions, but {family.name!r} shows {expected[0]} "
                f"and has {expected[1]}: it was trained on another version of the game"
            )
        return cls(agent)

    def begin_trial(self) -> None:
        self._agent.begin_trial()

    def act(self, observation: NDArray[np.float32], legal_actions: NDArray[np.bool_]) -> Action:
        action = self._agent.act(observation, legal_actions if self._agent.manifest.action.mask else None)
        return np.array(action, np.float64) if np.ndim(action) else int(action)

    def observe(self, action: Action, reward: float, terminated: bool, truncated: bool) -> None:
        self._agent.observe(reward, terminated, truncated, action=action)
        if terminated or truncated:
            self._agent.tick(FINISH_MS)  # what it does behind the episode is seen before the next one

    def beliefs(self) -> Beliefs:
        found: Beliefs = self._agent.beliefs()
        return found

    @property
    def by_gradient(self) -> bool:
        return "gradient" in self._agent.manifest.adaptation

    def last_change(self) -> Change | None:
        found: Change | None = self._agent.last_adaptation
        return found


@dataclass
class _Seat:
    """Who plays a seat, and what came of its last action so far.

    A seat that waits for its turn is told at its next one what it was rewarded meanwhile, or at the episode's end.
    """

    player: Player | None
    decision: Action | None = None  # what the player would do now
    action: Action | None = None  # executed, not yet answered by an observation
    reward: float = 0.0  # since then

    def act(self, action: Action) -> None:
        self.action, self.reward = action, 0.0

    def observe(self, terminated: bool, truncated: bool) -> None:
        if self.player is not None and self.action is not None:
            self.player.observe(self.action, self.reward, terminated, truncated)
        self.action = None


class PlaySession:
    """A trial without end.

    A player decides as soon as there is something to see, so that its beliefs are never a step behind the
    picture; a person may overrule the decision when the step is taken.

    Attributes:
        family: The game.
        games: The games of the family, of which there is one.
        player: Who decides for the first seat; None where a person decides for every seat.
        by_hand: Whether a person decides now: for the first seat, or for all where there is no player.
        seat: The seat that a person decides for.
        variant: The variant at hand.
        returns: The first seat's return in each episode that ended.
        seat_returns: Every seat's returns in each episode that ended.
        totals: Every seat's sum of rewards in the running or just ended episode.
        step_count: Steps taken in it.
        ended: Whether the episode is over; the next `step` starts another one.
        before: The state's record before the last step; None at an episode's start.
        moves: The last executed actions by seat; empty at an episode's start.
        rewards: Every seat's last reward.
        beliefs: What the first seat's player thinks of the hidden rules, by rule; empty without.
        changes: What gradient steps changed, by index of the episode behind which they were taken.
    """

    def __init__(self, family: Family, player: Player | None = None, rivals: Sequence[Player] = ()) -> None:
        """Makes a session; `begin` starts it.

        Args:
            family: The game.
            player: Who decides for the first seat; None where a person decides for every seat.
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
        self.changes: dict[int, Change] = {}
        players = [None] * family.num_seats if player is None else [player, *rivals]
        self._seats = [_Seat(one) for one in players]
        self._chosen: dict[int, Action] = {}  # by a person, for the next step
        self.games = family.make_games(1, num_episodes=0, compiled=False, auto_start=False)

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
        for seat in self._seats:
            if seat.player is not None:
                seat.player.begin_trial()
        self._look_anew()

    def step(self, action: Action | None = None) -> None:
        """Takes a step, or starts the next episode where one ended.

        Where a person decides for several seats that act at once, the step is taken with the last one's action.

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
        moves = {seat: self._chosen.get(seat, self._seats[seat].decision) for seat in self.acting}
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
        for index, move in moves.items():
            actions[0, index] = move
            self._seats[index].act(move)
        games.step(actions)
        terminated, truncated = bool(games.terminated[0]), bool(games.truncated[0])
        self.rewards = games.rewards[0].tolist()
        self.totals = [total + reward for total, reward in zip(self.totals, self.rewards, strict=True)]
        self.step_count += 1
        self.ended = terminated or truncated
        acting = self.acting
        for index, seat in enumerate(self._seats):
            seat.reward += self.rewards[index]
            if self.ended or index in acting:
                seat.observe(terminated, truncated)
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
        """Whether a person may act so now; any action starts the next episode where one ended."""
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
        """Index of the running episode, or of the one that just ended."""
        return len(self.returns) - self.ended

    @property
    def episode_return(self) -> float:
        """The first seat's sum of rewards in the running or just ended episode."""
        return self.totals[0]

    @property
    def reward(self) -> float:
        """The first seat's last reward."""
        return self.rewards[0]

    @property
    def action(self) -> Action | None:
        """The first seat's last executed action; None where it did not act."""
        return self.moves.get(0)

    def _look_anew(self) -> None:
        self.before, self.moves = None, {}
        self.totals = self.rewards = [0.0] * self.family.num_seats
        self.step_count = 0
        self.ended = False
        self._decide()

    def _decide(self) -> None:
        """Lets the players of the acting seats decide; a person's turn begins with the first of them."""
        games, acting, self._chosen = self.games, self.acting, {}
        self.seat = acting[0] if self.player is None else 0
        for index, seat in enumerate(self._seats):
            seat.decision = None
            if seat.player is not None and index in acting:
                seat.decision = seat.player.act(games.observations[0, index], games.legal_actions[0, index])
        if self.player is not None and 0 in acting:
            self.beliefs = self.player.beliefs()
