"""Any family as a PettingZoo environment: `FamilyParallelEnv` and `FamilyAECEnv`.

Agents are the family's seats, by name. If the family has illegal actions, an observation is a dict of ``observation``
and ``action_mask`` (int8 ``(A,)``), otherwise the observation alone, float32 ``(D,)``. An illegal or unknown action
raises ActionError and leaves the game as it was; continuous actions are clipped to their box. With ``num_episodes``
above 1 a whole trial is one PettingZoo episode, as in `envs.gymnasium_env.FamilyEnv`.
"""

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from gameagent_games.envs.one_game import OneGame, VariantLike, checked_seed
from gameagent_games.envs.spaces import action_space, observation_bounds
from gameagent_games.errors import ActionError, FamilyError, MissingExtra, ResetNeeded
from gameagent_games.interface import Action, Family
from gameagent_games.variants.variant import Split

try:
    from gymnasium import spaces
    from pettingzoo import AECEnv, ParallelEnv  # type: ignore[import-untyped]
    from pettingzoo.utils.env import AECIterable  # type: ignore[import-untyped]
except ModuleNotFoundError as error:
    raise MissingExtra(
        "PettingZoo is not installed; install it with: pip install 'gameagent-games[pettingzoo]'"
    ) from error

Observation: TypeAlias = NDArray[np.float32] | dict[str, NDArray[Any]]
MADE_BY_RESET = ("agent_selection", "rewards", "terminations", "truncations", "infos", "_cumulative_rewards")


class _Seats:
    """What both environments share: the game, its agents and their spaces.

    Attributes:
        family: The game.
        possible_agents: The seats' names, in seat order.
        observation_spaces: ``Box`` float32 ``(D,)``, or a ``Dict`` of it and the mask, by agent.
        action_spaces: ``Discrete(A)``, or a ``Box`` of float32 ``(A,)`` if actions are continuous, by agent.
    """

    def __init__(
        self,
        family: Family | str,
        *,
        variant: VariantLike | None = None,
        split: Split = "train",
        num_episodes: int = 1,
        compiled: bool = False,
        render_mode: str | None = None,
    ) -> None:
        """See `OneGame` for the arguments and what they raise."""
        self._game = OneGame(
            family,
            variant=variant,
            split=split,
            num_episodes=num_episodes,
            compiled=compiled,
            render_mode=render_mode,
        )
        self._generator = np.random.default_rng()
        self.family = self._game.family
        self.metadata = self._game.metadata
        self.render_mode = render_mode
        self.possible_agents = list(self.family.seat_names)
        self.agents: list[str] = []
        self.observation_spaces = {agent: _observation_space(self.family) for agent in self.possible_agents}
        self.action_spaces = {agent: action_space(self.family) for agent in self.possible_agents}

    def observation_space(self, agent: str) -> spaces.Space[Any]:
        """The agent's observation space, the same object at every call."""
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> spaces.Space[Any]:
        """The agent's action space, the same object at every call."""
        return self.action_spaces[agent]

    def render(self) -> NDArray[np.uint8] | None:
        """The frame, uint8 ``(H, W, 3)``, in mode "rgb_array"; None in mode "human", which draws at every step."""
        return self._game.render()

    def close(self) -> None:
        """Closes the window, if one is open; the next call must be a reset."""
        self._game.close()

    def _begin(self, seed: int | None, options: Mapping[str, Any] | None) -> None:
        if (number := checked_seed(seed)) is not None:
            self._generator = np.random.default_rng(number)
        self._game.reset(self._generator, options)
        self.agents = list(self.possible_agents)

    def _observe(self, agent: str) -> Observation:
        seat = self.family.seat_names.index(agent)
        observation = self._game.observation(seat)
        if self.family.has_mask:
            return {"observation": observation, "action_mask": self._game.action_mask(seat)}
        return observation

    def _infos(self) -> dict[str, dict[str, Any]]:
        return {agent: self._game.info(seat) for seat, agent in enumerate(self.possible_agents)}

    def _for_all(self, value: Any) -> dict[str, Any]:
        return dict.fromkeys(self.possible_agents, value)


class FamilyParallelEnv(_Seats, ParallelEnv):  # type: ignore[misc]
    """A family whose seats all act at once."""

    def __init__(self, family: Family | str, **options: Any) -> None:
        """See `OneGame` for the arguments and what they raise.

        Raises:
            FamilyError: The family's seats take turns: play it through `FamilyAECEnv`.
        """
        super().__init__(family, **options)
        if self.family.takes_turns:
            raise FamilyError(f"family {self.family.name!r} has turns: use FamilyAECEnv")

    def reset(
        self, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[dict[str, Observation], dict[str, dict[str, Any]]]:
        """Starts an episode (or trial); ``options={"variant": …}`` plays that variant this time.

        Returns:
            Observations and infos by agent.

        Raises:
            VariantError: The variant is not one of this family.
        """
        self._begin(seed, options)
        return self._observations(), self._infos()

    def step(
        self, actions: Mapping[str, Any]
    ) -> tuple[dict[str, Observation], dict[str, float], dict[str, bool], dict[str, bool], dict[str, dict[str, Any]]]:
        """Takes one action of every agent.

        Returns:
            Observations, rewards, terminated, truncated and infos, each by agent.

        Raises:
            ActionError: An agent is missing or unknown, or an action is illegal.
            ResetNeeded: There was no reset yet, or the game is over.
        """
        self._game.require_running()
        given = set(actions) if hasattr(actions, "keys") else repr(actions)
        if given != set(self.agents):
            raise ActionError(f"got actions of {given}, expected a dict with one of each of {self.agents}")
        seats = self.family.seat_names
        rewards = self._game.step({s: self._game.checked(s, actions[agent]) for s, agent in enumerate(seats)})
        if self._game.finished:
            self.agents = []
        return (
            self._observations(),
            dict(zip(seats, rewards.tolist(), strict=True)),
            self._for_all(self._game.terminated),
            self._for_all(self._game.truncated),
            self._infos(),
        )

    def _observations(self) -> dict[str, Observation]:
        return {agent: self._observe(agent) for agent in self.possible_agents}


class FamilyAECEnv(_Seats, AECEnv):  # type: ignore[misc]
    """A family of any kind, one agent at a time.

    Seats that act at once are asked in seat order, and the game moves when the last of them has answered; until
    then none sees what the others chose.
    """

    agent_selection: str
    _waiting: list[int]
    _chosen: dict[int, Action]

    def reset(self, seed: int | None = None, options: Mapping[str, Any] | None = None) -> None:
        """Starts an episode (or trial); ``options={"variant": …}`` plays that variant this time.

        Raises:
            VariantError: The variant is not one of this family.
        """
        self._begin(seed, options)
        self.rewards = self._for_all(0.0)
        self._cumulative_rewards = self._for_all(0.0)
        self.terminations = self._for_all(False)
        self.truncations = self._for_all(False)
        self.infos = self._infos()
        self._skip_agent_selection = None
        self._ask()

    def step(self, action: Any) -> None:
        """Takes the selected agent's action; None from an agent whose game is over.

        Raises:
            ActionError: The action is illegal, out of range, or not finite.
            ResetNeeded: There was no reset yet, or all agents are done.
        """
        agent = self._selected()
        if self.terminations[agent] or self.truncations[agent]:
            self._was_dead_step(action)
            return
        seat = self._waiting[0]
        self._chosen[seat] = self._game.checked(seat, action)
        self._waiting = self._waiting[1:]
        self._cumulative_rewards[agent] = 0.0
        self.rewards = self._for_all(0.0)
        if self._waiting:
            self.agent_selection = self.possible_agents[self._waiting[0]]
        else:
            self._play()
        self._accumulate_rewards()
        self._deads_step_first()

    def observe(self, agent: str) -> Observation:
        """What an agent sees now: float32 ``(D,)``, or a dict of it and the action mask.

        Raises:
            ResetNeeded: There was no reset yet.
        """
        return self._observe(agent)

    def last(self, observe: bool = True) -> tuple[Observation | None, float, bool, bool, dict[str, Any]]:
        """Observation, reward since its last step, terminated, truncated and info of the selected agent.

        Raises:
            ResetNeeded: There was no reset yet, or all agents are done.
        """
        agent = self._selected()
        seen = self._observe(agent) if observe else None
        ends = self.terminations[agent], self.truncations[agent]
        return seen, self._cumulative_rewards[agent], *ends, self.infos[agent]

    def agent_iter(self, max_iter: int = 2**63) -> AECIterable:
        """Yields the selected agent, step by step, until all are done.

        Raises:
            ResetNeeded: There was no reset yet.
        """
        self._game.require_begun()
        return super().agent_iter(max_iter)

    def __getattr__(self, name: str) -> Any:
        if name in MADE_BY_RESET:
            raise _NotYet(f"there is no {name} yet: call reset() first")
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def _selected(self) -> str:
        self._game.require_begun()
        if not self.agents:
            raise ResetNeeded(f"family {self.family.name!r}: the trial is over: call reset() first")
        return self.agent_selection

    def _play(self) -> None:
        rewards = self._game.step(self._chosen)
        self.rewards = dict(zip(self.possible_agents, rewards.tolist(), strict=True))
        self.terminations = self._for_all(self._game.terminated)
        self.truncations = self._for_all(self._game.truncated)
        self.infos = self._infos()
        if not self._game.finished:
            self._ask()

    def _ask(self) -> None:
        self._waiting = self._game.acting_seats
        self._chosen = {}
        self.agent_selection = self.possible_agents[self._waiting[0]]


class _NotYet(ResetNeeded, AttributeError):
    """An attribute that only a reset makes; ``hasattr`` answers False."""


def _observation_space(family: Family) -> spaces.Space[Any]:
    low, high = observation_bounds(family)
    box = spaces.Box(low, high, dtype=np.float32)
    if not family.has_mask:
        return box
    mask = spaces.Box(0, 1, (family.num_actions,), dtype=np.int8)
    return spaces.Dict({"observation": box, "action_mask": mask})
