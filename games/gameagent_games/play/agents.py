"""An exported agent in one seat, as the play window watches it."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gameagent_games.errors import GamesError
from gameagent_games.interface import Family
from gameagent_games.play.session import Beliefs
from gameagent_games.players import Outcome, Sight
from gameagent_sdk import Adaptation, Agent, Bundle, Manifest, SdkError

FINISH_MS = 1000.0  # for the work that an agent leaves for after an episode; it takes a few


class AgentPlayer:
    """An agent in one seat: a `session.WatchedPlayer`."""

    def __init__(self, agent: Agent, family: Family) -> None:
        """Wraps a loaded agent, which was trained for this family."""
        self._agent, self._idle = agent, family.blank_actions(1)[:, 0]

    @classmethod
    def load(cls, path: Path, family: Family, seed: int) -> "AgentPlayer":
        """Loads a bundle and checks that it was trained for this family.

        Raises:
            GamesError: The bundle cannot be loaded, or plays another game.
        """
        try:
            agent = Agent(Bundle.read(path).without_plan(), seed=seed)  # games give rows
        except SdkError as error:
            raise GamesError(str(error)) from error
        _check_fit(path, agent.manifest, family)
        return cls(agent, family)

    def begin(self, num_rows: int) -> None:
        """Starts a new trial; there is one row."""
        self._agent.begin_trial()

    def act(self, sight: Sight) -> NDArray[Any]:
        """The agent's decision, when it is its turn."""
        if not sight.deciding[0]:
            return self._idle
        legal_actions = None if sight.legal_actions is None else sight.legal_actions[0]
        return np.asarray(self._agent.act(sight.observations[0], legal_actions))[None]

    def observe(self, outcome: Outcome) -> None:
        """Tells the agent once of each decision: when it decides again, or at the episode's end.

        After an episode, its gradient steps are taken at once, so that they are seen before the next one.
        """
        if not outcome.reported[0] or self._agent.phase != "observe":
            return
        terminated, truncated = bool(outcome.terminated[0]), bool(outcome.truncated[0])
        self._agent.observe(float(outcome.rewards[0]), terminated, truncated, action=outcome.actions[0].tolist())
        if terminated or truncated:
            self._agent.tick(FINISH_MS)

    def beliefs(self) -> Beliefs:
        """What the agent thinks of the hidden rules, by rule."""
        return self._agent.beliefs()

    @property
    def by_gradient(self) -> bool:
        """Whether gradient steps change the agent after episodes."""
        return "gradient" in self._agent.manifest.adaptation

    def last_change(self) -> Adaptation | None:
        """What the last gradient steps of this trial changed."""
        return self._agent.last_adaptation


def _check_fit(path: Path, manifest: Manifest, family: Family) -> None:
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
    if differing := family.space.encoding_differs(manifest.training.get("shown_rules")):
        raise GamesError(f"{path} cannot play these rules of {family.name!r}: {differing}")
