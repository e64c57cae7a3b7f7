"""Small PettingZoo environments for tests, and policies for their other seats."""

from typing import Any

import numpy as np
from gymnasium import spaces
from pettingzoo import AECEnv, ParallelEnv  # type: ignore[import-untyped]


class Bidding(ParallelEnv[str, Any, Any]):  # type: ignore[misc]
    """Three rounds in which "ann" and "bob" bid 0, 1 or 2 at once; the higher bid wins ``prize`` less what it bid.

    With ``leaves`` bob is out after the first round.
    """

    metadata = {"name": "bidding"}  # noqa: RUF012  (PettingZoo's own way)
    possible_agents = ["ann", "bob"]  # noqa: RUF012
    max_cycles = 3

    def __init__(self, prize: int = 3, leaves: bool = False) -> None:
        self.prize, self.leaves = prize, leaves

    def observation_space(self, agent: str) -> Any:
        return spaces.Dict({"round": spaces.Discrete(4), "last": spaces.MultiDiscrete([3, 3])})

    def action_space(self, agent: str) -> Any:
        return spaces.Discrete(3)

    def reset(self, seed: int | None = None, options: Any = None) -> Any:
        self.agents, self.time, self.last = list(self.possible_agents), 0, np.zeros(2, np.int64)
        return self._seen(), {agent: {} for agent in self.agents}

    def step(self, actions: Any) -> Any:
        bids = [actions.get(agent, 0) for agent in self.possible_agents]
        self.last, self.time = np.array(bids), self.time + 1
        rewards = dict.fromkeys(self.agents, 0.0)
        if bids[0] != bids[1]:
            best = int(bids[1] > bids[0])
            if self.possible_agents[best] in rewards:
                rewards[self.possible_agents[best]] = float(self.prize - bids[best])
        over = self.time == 3
        ends = {agent: over or (self.leaves and agent == "bob") for agent in self.agents}
        seen = self._seen()
        cut = dict.fromkeys(self.agents, False)
        infos: dict[str, Any] = {agent: {} for agent in self.agents}
        self.agents = [agent for agent in self.agents if not ends[agent]]
        return seen, rewards, ends, cut, infos

    def _seen(self) -> Any:
        return {agent: {"round": self.time, "last": self.last.copy()} for agent in self.agents}


def bidding(prize: int, leaves: bool = False) -> Bidding:
    return Bidding(prize, leaves)


def always(observation: Any, rules: Any) -> int:
    """Bids what the rule ``bid`` says."""
    return int(rules["bid"])


class Copycat:
    """Bids what the agent bid in the round before; starts a trial with the rule ``bid``."""

    def __init__(self, rules: Any) -> None:
        self.first = int(rules["bid"])

    def __call__(self, observation: Any) -> int:
        return int(observation["last"][0]) if observation["round"] else self.first


class Nim(AECEnv):  # type: ignore[misc]
    """Five stones; "a" and "b" take one or two in turn, and whoever takes the last one wins 1, the other loses 1."""

    metadata = {"name": "nim"}  # noqa: RUF012
    possible_agents = ["a", "b"]  # noqa: RUF012

    def __init__(self, stones: int = 5) -> None:
        super().__init__()
        self.stones = stones

    def observation_space(self, agent: str) -> Any:
        return spaces.Dict({"observation": spaces.Discrete(12), "action_mask": spaces.Box(0, 1, (2,), np.int8)})

    def action_space(self, agent: str) -> Any:
        return spaces.Discrete(2)

    def observe(self, agent: str) -> Any:
        mine = agent == self.agent_selection
        return {"observation": self.left, "action_mask": np.array([mine, mine and self.left > 1], np.int8)}

    def reset(self, seed: int | None = None, options: Any = None) -> None:
        self.agents, self.left, self.agent_selection = list(self.possible_agents), self.stones, "a"
        self.rewards = dict.fromkeys(self.agents, 0.0)
        self._cumulative_rewards = dict.fromkeys(self.agents, 0.0)
        self.terminations, self.truncations = dict.fromkeys(self.agents, False), dict.fromkeys(self.agents, False)
        self.infos: dict[str, Any] = {agent: {} for agent in self.agents}

    def step(self, action: Any) -> None:
        if self.terminations[self.agent_selection]:
            self._was_dead_step(action)
            return
        mover, other = self.agent_selection, "ab"[self.agent_selection == "a"]
        self._cumulative_rewards[mover] = 0.0
        self.rewards = dict.fromkeys(self.agents, 0.0)
        self.left -= int(action) + 1
        if self.left == 0:
            self.rewards = {mover: 1.0, other: -1.0}
            self.terminations = dict.fromkeys(self.agents, True)
        self._accumulate_rewards()
        self.agent_selection = other


def nim(stones: int) -> Nim:
    return Nim(stones)


def takes_one(observation: Any) -> int:
    return 0
