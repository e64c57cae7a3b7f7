"""An exported file as a player."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gameagent.seeding import game_seeds, numpy_generator
from gameagent_games.interface import Family
from gameagent_games.players import Outcome, Player, Sight
from gameagent_sdk import Agent, Bundle, Policy, Squad
from gameagent_sdk.authoring import PolicySession

MAX_AGENTS = 2**16


def bundle_player(
    bundle: Bundle,
    family: Family,
    seed: int,
    temperature: float | None = None,
    gradient: bool = True,
    forgets: bool = False,
) -> Player:
    """The player of a file.

    Args:
        bundle: The file.
        family: Its game.
        seed: Of the choice of actions.
        temperature: Of the choice of actions; None for what the manifest recommends, 0 for the best action.
        gradient: Whether gradient steps are taken, by a file that has some; otherwise its memory alone adapts.
        forgets: Whether everything is forgotten at every episode's end, as if a trial were one episode.
    """
    heat = bundle.manifest.temperature if temperature is None else temperature
    if bundle.manifest.gradient is not None and gradient:
        return SquadPlayer(bundle, family, seed, heat, forgets)
    return SessionPlayer(bundle, family, numpy_generator(seed, "evaluation actions"), heat, forgets)


class SessionPlayer:
    """All rows in one call of the file, for policies that adapt by memory or not at all."""

    def __init__(
        self,
        bundle: Bundle,
        family: Family,
        generator: np.random.Generator,
        temperature: float,
        forgets: bool = False,
    ) -> None:
        """Starts the engine; see `bundle_player`."""
        self._session, self._family = PolicySession(bundle), family
        self._generator, self._temperature, self._forgets = generator, temperature, forgets
        self._outcome: Outcome | None = None  # of the last call of the file

    def begin(self, num_rows: int) -> None:
        """Clears the memory of every row."""
        self._session.reset(num_rows)
        self._outcome = None

    def act(self, sight: Sight) -> NDArray[Any]:
        """Calls the file, unless none of the rows decides."""
        if not sight.deciding.any():
            return self._family.blank_actions(len(sight.deciding))[:, 0]
        self._tell()
        mask = None if sight.legal_actions is None else _never_empty(sight.legal_actions)
        given = self._call(sight.observations, mask, sight.deciding)
        return self._session.actions.sample(given, mask, self._temperature, self._generator)

    def observe(self, outcome: Outcome) -> None:
        """Keeps what to tell the file at its next call."""
        self._outcome = outcome

    def _call(
        self, observations: NDArray[np.float32], mask: NDArray[np.bool_] | None, deciding: NDArray[np.bool_]
    ) -> Any:
        """A step of all rows; those that do not decide keep the memory that they had."""
        before = None if deciding.all() else self._session.context.copy()
        given = self._session.step(observations, mask)
        if before is not None:
            for name, tensor in self._session.context.hidden_state.items():
                tensor[~deciding] = before.hidden_state[name][~deciding]
        return given

    def _tell(self) -> None:
        if self._outcome is None:
            return
        outcome, self._outcome = self._outcome, None
        if self._session.phase == "observe":
            self._session.observe(outcome.actions, outcome.rewards, outcome.ended)
        if not outcome.started.all():  # nothing has come of anything yet
            self._session.reset_rows(~outcome.started)
        if self._forgets:
            self._session.context.clear(outcome.ended)


class SquadPlayer:
    """An agent for every row, as in a game: for policies that adapt by gradient steps."""

    def __init__(self, bundle: Bundle, family: Family, seed: int, temperature: float, forgets: bool = False) -> None:
        """Starts the engine; see `bundle_player`."""
        self._policy, self._family = Policy(bundle.without_plan()), family  # games give rows
        self._seeds = iter(game_seeds(seed, "evaluation agents", MAX_AGENTS).tolist())
        self._temperature, self._forgets = temperature, forgets

    def begin(self, num_rows: int) -> None:
        """Lets fresh agents join a fresh squad."""
        self._squad = Squad(self._policy, seed=next(self._seeds))
        self._agents = [self._squad.join(temperature=self._temperature) for _ in range(num_rows)]
        self._outcome: Outcome | None = None

    def act(self, sight: Sight) -> NDArray[Any]:
        """Asks the agents whose rows decide, each of which first learns what came of its last decision.

        So no gradient steps are taken after a trial's last episode, where nobody would see what they change.
        """
        rows = np.flatnonzero(sight.deciding).tolist()
        for row in rows:
            self._tell(self._agents[row], row)
        chosen = self._squad.act(
            {self._agents[row]: sight.observations[row] for row in rows},
            None if sight.legal_actions is None else {self._agents[row]: sight.legal_actions[row] for row in rows},
        )
        actions = self._family.blank_actions(len(sight.deciding))[:, 0]
        if rows:
            actions[rows] = [chosen[self._agents[row]] for row in rows]
        return actions

    def observe(self, outcome: Outcome) -> None:
        """Keeps what to tell the agents when they decide again."""
        self._outcome = outcome

    def _tell(self, agent: Agent, row: int) -> None:
        if self._outcome is None or not self._outcome.started[row]:
            return
        if self._forgets and self._outcome.ended[row]:
            agent.begin_season()
            return
        agent.observe(
            float(self._outcome.rewards[row]),
            bool(self._outcome.terminated[row]),
            bool(self._outcome.truncated[row]),
        )


def _never_empty(legal_actions: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """A copy in which every action is legal for rows that have none, as they do not decide."""
    legal = legal_actions.copy()
    legal[~legal.any(axis=1)] = True
    return legal
