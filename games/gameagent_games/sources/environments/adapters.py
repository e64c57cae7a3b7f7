"""Environments of every kind as one: S seats that see, act and are rewarded, step by step.

Gymnasium's have one seat. Of PettingZoo's environments the agent plays one seat, while the others are played here, in
between, or all of them.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from gameagent_games.errors import FamilyError
from gameagent_games.sources.environments.recipe import EnvironmentRecipe, Rules

MASK = "action_mask"
MOST_MOVES_OF_OTHERS = 100_000  # between two decisions of the agent


class Playable(Protocol):
    """One environment of one variant.

    Attributes:
        environment: What the recipe made.
        observations: What each seat sees now, as the environment gives it; None of a seat that is out.
        infos: What the environment gave with it, by seat.
        acting: Which seats act now.
        rewards: Of the last step, by seat.
        terminated: Whether the last step ended the episode by the rules.
        truncated: Whether it was cut by a limit of the environment's own.
    """

    environment: Any
    observations: list[Any]
    infos: list[Any]
    acting: list[bool]
    rewards: list[float]
    terminated: bool
    truncated: bool

    def reset(self, seed: int) -> None:
        """Starts an episode."""

    def step(self, actions: Sequence[Any]) -> None:
        """Takes a decision of every acting seat; ``actions`` are the environment's own, by seat."""

    def close(self) -> None:
        """Releases what the environment holds."""


def make_playable(recipe: EnvironmentRecipe, rules: Rules, pictures: bool = False) -> Playable:
    """Makes the environment of a variant, whichever kind it is; see `EnvironmentRecipe.make`.

    Raises:
        FamilyError: It cannot be made, or is none of the kinds that are known.
    """
    environment = recipe.make(rules, pictures)
    if hasattr(environment, "agent_iter") and hasattr(environment, "last"):
        return TurnsPlayable(environment, recipe, rules)
    if hasattr(environment, "possible_agents"):
        return ParallelPlayable(environment, recipe, rules)
    if all(hasattr(environment, name) for name in ("observation_space", "action_space", "reset", "step")):
        return GymnasiumPlayable(environment, recipe, rules)
    raise FamilyError(
        f"game {recipe.game!r} made a {type(environment).__name__}, expected a Gymnasium environment, or one of "
        "PettingZoo's (parallel or AEC)"
    )


class _Made:
    """What the kinds share: how rules reach an environment, and its seats' arrays."""

    def __init__(self, environment: Any, recipe: EnvironmentRecipe, rules: Rules, num_seats: int) -> None:
        self.environment, self._recipe, self._rules = environment, recipe, rules
        self._options = recipe.rules_by("option", rules)
        self._attributes = recipe.rules_by("attribute", rules)
        self._clear(num_seats)

    def _clear(self, num_seats: int) -> None:
        self.observations: list[Any] = [None] * num_seats
        self.infos: list[Any] = [None] * num_seats
        self.acting = [True] * num_seats
        self.rewards = [0.0] * num_seats
        self.terminated = self.truncated = False

    def _reset_environment(self, seed: int) -> Any:
        for path, value in self._attributes.items():
            _set(self.environment, path, value, self._recipe.game)
        return self.environment.reset(seed=seed, **({"options": dict(self._options)} if self._options else {}))

    def close(self) -> None:
        """See `Playable.close`."""
        self.environment.close()


class GymnasiumPlayable(_Made):
    """A Gymnasium environment: one seat, which always acts."""

    def __init__(self, environment: Any, recipe: EnvironmentRecipe, rules: Rules) -> None:
        super().__init__(environment, recipe, rules, 1)

    def reset(self, seed: int) -> None:
        """See `Playable.reset`."""
        self.observations[0], self.infos[0] = self._reset_environment(seed)
        self.terminated = self.truncated = False
        self.rewards = [0.0]

    def step(self, actions: Sequence[Any]) -> None:
        """See `Playable.step`."""
        observation, reward, terminated, truncated, info = self.environment.step(actions[0])
        self.observations[0], self.infos[0] = observation, info
        self.rewards, self.terminated, self.truncated = [float(reward)], bool(terminated), bool(truncated)


class _Others(_Made):
    """What PettingZoo's two kinds share: seats by name, and who plays those that the agent does not."""

    def __init__(self, environment: Any, recipe: EnvironmentRecipe, rules: Rules) -> None:
        self._names = [str(name) for name in environment.possible_agents]
        self._agents = dict(zip(self._names, environment.possible_agents, strict=True))
        self.seats = self._seats(recipe)
        super().__init__(environment, recipe, rules, len(self.seats))
        self._policy: Callable[..., Any] | None = None
        self._paid: dict[str, float] = {}  # to the other seats since their last decision
        self._generator = np.random.default_rng(0)
        self._started = False

    def _seats(self, recipe: EnvironmentRecipe) -> list[str]:
        if recipe.seat and recipe.seat not in self._names:
            raise FamilyError(f"seat is {recipe.seat!r}, expected one of {', '.join(self._names)}")
        return list(self._names) if recipe.others == "self" else [recipe.seat or self._names[0]]

    def _start(self, seed: int) -> Any:
        """A fresh episode; the others are made anew at the trial's start, and their draws follow from the seed."""
        if not self._started:
            self._generator = np.random.default_rng(seed)
            self._policy = self._recipe.make_others(self._rules, self._generator)
            self._started = True
        self._generator.bit_generator.state = np.random.default_rng([seed, 1]).bit_generator.state
        self._moved: set[str] = set()
        self._clear(len(self.seats))
        return self._reset_environment(seed)

    def _choose(self, name: str, observation: Any, info: Any) -> Any:
        """What another seat does."""
        mask = mask_of(observation, info)
        if self._policy is not None:
            first = name not in self._moved
            self._moved.add(name)
            return self._policy(
                observation, mask=mask, rules=self._rules, rng=self._generator, agent=name, first=first,
                reward=self._paid.pop(name, 0.0),
            )  # fmt: skip
        space = self.environment.action_space(self._agents[name])
        if mask is not None and hasattr(space, "n"):
            legal = np.flatnonzero(mask)
            return int(self._generator.choice(legal)) + int(space.start) if len(legal) else None
        space.seed(int(self._generator.integers(2**31)))
        return space.sample()


class ParallelPlayable(_Others):
    """One of PettingZoo's parallel environments: all seats act at once, as long as they are in the game."""

    def reset(self, seed: int) -> None:
        """See `Playable.reset`."""
        observations, infos = self._start(seed)
        self._see(observations, infos)

    def step(self, actions: Sequence[Any]) -> None:
        """See `Playable.step`."""
        ours = dict(zip(self.seats, actions, strict=True))
        chosen = {}
        for agent in list(self.environment.agents):
            name = str(agent)
            chosen[agent] = ours[name] if name in ours else self._choose(name, *self._last[name])
        observations, rewards, terminations, truncations, infos = self.environment.step(chosen)
        by_name = {str(agent): float(reward) for agent, reward in rewards.items()}
        for name, reward in by_name.items():
            self._paid[name] = self._paid.get(name, 0.0) + reward
        self.rewards = [by_name.get(name, 0.0) for name in self.seats]
        ended = {str(agent) for agent in terminations if terminations[agent] or truncations.get(agent, False)}
        playing = {str(agent) for agent in self.environment.agents} - ended
        if not playing.intersection(self.seats):
            last = [agent for agent in terminations if str(agent) in self.seats]
            self.truncated = bool(last) and not any(terminations[agent] for agent in last)
            self.terminated = not self.truncated
        self._see(observations, infos, playing)

    def _see(self, observations: Any, infos: Any, playing: set[str] | None = None) -> None:
        self._last = {str(agent): (observations[agent], infos.get(agent, {})) for agent in observations}
        for seat, name in enumerate(self.seats):
            seen = self._last.get(name)
            if seen is not None:
                self.observations[seat], self.infos[seat] = seen
            self.acting[seat] = playing is None or name in playing


class TurnsPlayable(_Others):
    """One of PettingZoo's AEC environments: seats take turns, and a reward is known when it is one's turn again."""

    def __init__(self, environment: Any, recipe: EnvironmentRecipe, rules: Rules) -> None:
        if not hasattr(environment, "possible_agents"):
            environment.reset(seed=0)
        super().__init__(environment, recipe, rules)

    def reset(self, seed: int) -> None:
        """See `Playable.reset`."""
        self._start(seed)
        self._out: set[str] = set()
        self._play_on()

    def step(self, actions: Sequence[Any]) -> None:
        """See `Playable.step`."""
        self.rewards = [0.0] * len(self.seats)
        self.environment.step(actions[self.acting.index(True)])
        self._play_on()

    def _play_on(self) -> None:
        """Lets the others play until it is the turn of one of our seats, or all of those are out."""
        environment = self.environment
        self.acting = [False] * len(self.seats)
        for _ in range(MOST_MOVES_OF_OTHERS):
            if not environment.agents or len(self._out) == len(self.seats):
                self.terminated = self.terminated or not self.truncated
                return
            name = str(environment.agent_selection)
            observation, reward, terminated, truncated, info = environment.last()
            if name in self.seats:
                seat = self.seats.index(name)
                self.rewards[seat] += float(reward)
                self.observations[seat], self.infos[seat] = observation, info
                if not (terminated or truncated):
                    self.acting[seat] = True
                    return
                self._out.add(name)
                self.terminated = self.terminated or bool(terminated)
                self.truncated = not self.terminated
            else:
                self._paid[name] = self._paid.get(name, 0.0) + float(reward)
            environment.step(None if terminated or truncated else self._choose(name, observation, info))
        raise RuntimeError(f"the other seats took {MOST_MOVES_OF_OTHERS} moves and it was never the agent's turn")


def mask_of(observation: Any, info: Any) -> Any:
    """The legal actions that an observation or an info names; None if neither does."""
    if isinstance(observation, dict) and MASK in observation:
        return observation[MASK]
    return info.get(MASK) if isinstance(info, dict) else None


def _set(environment: Any, path: str, value: Any, game: str) -> None:
    """Sets an attribute by its path; only one that is there already, as a misspelt one would change nothing."""
    *way, name = path.split(".")
    owner = environment
    for part in way:
        if not hasattr(owner, part):
            raise FamilyError(f"game {game!r}: there is no {part!r} on the way to the attribute {path!r}")
        owner = getattr(owner, part)
    if not hasattr(owner, name):
        raise FamilyError(
            f"game {game!r}: {type(owner).__name__} has no attribute {name!r} (of {path!r}), so setting it would "
            f"change nothing; {_instead(environment, owner, path)}"
        )
    setattr(owner, name, value)


def _instead(environment: Any, owner: Any, path: str) -> str:
    """What may have been meant by the path of an attribute that is not there."""
    name = path.rpartition(".")[2]
    inner = getattr(environment, "unwrapped", environment)
    if "." not in path and hasattr(inner, name):
        return f"did you mean 'unwrapped.{name}'?"
    numbers = [key for key, one in getattr(owner, "__dict__", {}).items() if type(one) in (int, float)]
    return f"its numbers are {', '.join(sorted(numbers)) or 'none'}"
