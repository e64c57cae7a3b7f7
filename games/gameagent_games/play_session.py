"""One variant played episode after episode, by an agent, by a person, or by both in turns. Knows no screen."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from gameagent_games.errors import FamilyError, GamesError, MissingExtra
from gameagent_games.interface import Action, Family
from gameagent_games.simulator import Simulator
from gameagent_games.variant import Variant


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


class PlaySession:
    """A trial without end.

    The player decides as soon as there is something to see, so that its beliefs are never a step behind the
    picture; a person may overrule the decision when the step is taken.

    Attributes:
        family: The game.
        player: Who decides, or None where a person must.
        by_hand: Whether a person decides now.
        variant: The variant at hand.
        returns: Return of each episode that ended.
        episode_return: Sum of rewards of the running or just ended episode.
        step_count: Steps taken in it.
        ended: Whether the episode is over; the next `step` starts another one.
        before: The state's record before the last step; None at an episode's start.
        action: The last executed action; None at an episode's start.
        reward: The last reward.
        beliefs: What the player thinks of the hidden rules, by rule; empty without.
        changes: What gradient steps changed, by index of the episode behind which they were taken.
    """

    def __init__(self, family: Family, player: Player | None = None) -> None:
        """Makes a session; `begin` starts it.

        Raises:
            FamilyError: The game has more than one seat.
        """
        if family.num_seats != 1:
            raise FamilyError(
                f"family {family.name!r} has {family.num_seats} seats; only games of one seat can be played here"
            )
        self.family = family
        self.player = player
        self.by_hand = player is None
        self.variant = Variant({})
        self.returns: list[float] = []
        self.episode_return = self.reward = 0.0
        self.step_count = 0
        self.ended = False
        self.before: Any = None
        self.action: Action | None = None
        self.beliefs: Beliefs = {}
        self.changes: dict[int, Change] = {}
        self._decision: Action | None = None
        self._simulator = Simulator(family, 1, num_episodes=0, compiled=False, auto_start=False)

    def begin(self, record: Any, seed: int) -> None:
        """Starts a new trial of a variant.

        Args:
            record: One record of the family's variant type.
            seed: Of the game's randomness, 0 or above.
        """
        records = np.array([record], self.family.space.dtype)
        self._simulator.reset(records, np.array([seed], np.int64))
        self.variant = self.family.space.variants(records)[0]
        self.returns, self.changes = [], {}
        if self.player is not None:
            self.player.begin_trial()
        self._look_anew()

    def step(self, action: Action | None = None) -> None:
        """Takes a step, or starts the next episode where one ended.

        Args:
            action: What a person does; None for the player's own decision.

        Raises:
            GamesError: There is neither an action nor a player.
        """
        if self.ended:
            self._simulator.next_episode()
            self._look_anew()
            return
        executed = self._decision if action is None else action
        if executed is None:
            raise GamesError("nobody decides: give an action or a player")
        simulator = self._simulator
        self.before, self.action = simulator.states[0].copy(), executed
        actions = self.family.blank_actions(1)
        actions[0, 0] = executed
        simulator.step(actions)
        terminated, truncated = bool(simulator.terminated[0]), bool(simulator.truncated[0])
        self.reward = float(simulator.rewards[0, 0])
        self.episode_return += self.reward
        self.step_count += 1
        self.ended = terminated or truncated
        if self.player is not None:
            self.player.observe(executed, self.reward, terminated, truncated)
        if self.ended:
            self.returns.append(self.episode_return)
            change = None if self.player is None else self.player.last_change()
            if change is not None:
                self.changes[change.episode] = change
        else:
            self._decide()

    @property
    def state(self) -> Any:
        """The state's record, as it is now."""
        return self._simulator.states[0]

    @property
    def record(self) -> Any:
        """The variant's record."""
        return self._simulator.variants[0]

    @property
    def episode(self) -> int:
        """Index of the running episode, or of the one that just ended."""
        return len(self.returns) - self.ended

    def _look_anew(self) -> None:
        self.before = self.action = None
        self.reward = self.episode_return = 0.0
        self.step_count = 0
        self.ended = False
        self._decide()

    def _decide(self) -> None:
        self._decision, self.beliefs = None, {}
        if self.player is not None:
            simulator = self._simulator
            self._decision = self.player.act(simulator.observations[0, 0], simulator.legal_actions[0, 0])
            self.beliefs = self.player.beliefs()
