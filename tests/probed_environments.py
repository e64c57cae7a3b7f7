"""Environments whose rules matter at once, late, to some only, or not at all: what a probe must tell apart."""

import random
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces


class Walk(gymnasium.Env[Any, Any]):
    """A walk on a line: action 1 goes up by ``stride``, action 0 down; each step costs ``toll``.

    The rest is read by nobody, or seldom: ``colour``, ``ghost`` and ``echo`` never; ``wall`` by those who have gone up
    150 times in a row; ``gift`` in the second episode and after it.
    """

    observation_space: Any = spaces.Box(-1e6, 1e6, (1,), np.float32)
    action_space = spaces.Discrete(2)

    def __init__(self, **rules: Any) -> None:
        self.stride = self.toll = 1.0
        self.colour = self.ghost = self.echo = self.wall = self.gift = 0.0
        for name, value in rules.items():
            setattr(self, name, value)
        self.episode = -1

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.mist = (options or {}).get("mist", 0.0)  # seen at the start
        self.place, self.held, self.time = float(self.np_random.normal()) + self.mist, 0, 0
        self.episode += 1
        return self._seen(), {}

    def step(self, action: Any) -> Any:
        self.held = self.held + 1 if action == 1 else 0
        self.place += self.stride if action == 1 else -self.stride
        self.time += 1
        reward = -self.toll + (self.wall if self.held > 150 else 0.0) + (self.gift if self.episode > 0 else 0.0)
        return self._seen(), reward, False, self.time >= 200, {}

    def _seen(self) -> Any:
        return np.array([self.place], np.float32)


class Forgetting(Walk):
    """Computes what it needs while it is made, and forgets one number at every reset."""

    def __init__(self, area: float = 1.0) -> None:
        super().__init__()
        self.width, self.weight = 2.0, 1.0
        self.area = area
        self.double_area = 2.0 * area
        self.surface = self.width * self.width
        self.speed = 1.0

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        self.speed = 1.0
        return super().reset(seed=seed, options=options)

    def step(self, action: Any) -> Any:
        seen, _, *rest = super().step(action)
        return seen, self.surface + self.width * self.speed + self.weight + self.area * self.double_area, *rest


class Dials(gymnasium.Env[Any, Any]):
    """Two dials; ``gain`` of each, and ``limit`` of the second, which only its upper end reaches."""

    observation_space: Any = spaces.Dict({"dials": spaces.Box(-100, 100, (2,), np.float32), "lamp": spaces.Discrete(2)})
    action_space = spaces.Box(np.array([-1.0, 0.0]), np.array([1.0, 4.0]), dtype=np.float64)

    def __init__(self, gain: Any, limit: float, unused: bool) -> None:
        self.gain, self.limit = np.array(gain), limit

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.place, self.time = np.zeros(2), 0
        return self._seen(0), {}

    def step(self, action: Any) -> Any:
        self.place = action * self.gain
        self.time += 1
        return self._seen(int(action[1] > self.limit)), 0.0, self.time >= 30, False, {}

    def _seen(self, lamp: int) -> Any:
        return {"dials": np.clip(self.place, -100, 100).astype(np.float32), "lamp": lamp}


class Doors(gymnasium.Env[Any, Any]):
    """Three doors, of which ``order`` says what each pays, and of which those in ``shut`` are not allowed."""

    observation_space: Any = spaces.Box(0.0, 1.0, (1,), np.float32)
    action_space = spaces.Discrete(3)

    def __init__(self, order: Any, shut: Any, label: str) -> None:
        self.order, self.mask = list(order), np.array([1, *(1 - int(one) for one in shut)], np.int8)

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.time = 0
        return np.zeros(1, np.float32), {"action_mask": self.mask}

    def step(self, action: Any) -> Any:
        assert self.mask[action]
        self.time += 1
        return np.zeros(1, np.float32), float(self.order[action]), self.time >= 10, False, {"action_mask": self.mask}


class Gated(Walk):
    """``wind`` blows only where ``windy``, and ``power`` breaks the environment if it is high."""

    windy, wind, power = "no", 0.0, 0

    def step(self, action: Any) -> Any:
        seen, reward, *rest = super().step(action)
        if self.power > 8:
            raise RuntimeError("the fuse has blown")
        return seen, reward + (self.wind if self.windy == "yes" else 0.0) + self.power, *rest


class Unseeded(Walk):
    """Draws from Python's own random numbers, which nobody seeds."""

    def step(self, action: Any) -> Any:
        seen, reward, *rest = super().step(action)
        return seen, reward + random.random(), *rest


class Clocked(Walk):
    """What it pays depends on how many of its kind there were before."""

    made = 0

    def __init__(self, **rules: Any) -> None:
        super().__init__(**rules)
        Clocked.made += 1
        self.toll = float(Clocked.made)


def walk(**rules: Any) -> gymnasium.Env[Any, Any]:
    return Walk(**rules)


def forgetting() -> gymnasium.Env[Any, Any]:
    return Forgetting()


def forgetting_of(area: float = 1.0) -> gymnasium.Env[Any, Any]:
    return Forgetting(area)


def dials(**rules: Any) -> gymnasium.Env[Any, Any]:
    return Dials(**rules)


def doors(**rules: Any) -> gymnasium.Env[Any, Any]:
    return Doors(**rules)


def gated(**rules: Any) -> gymnasium.Env[Any, Any]:
    return Gated(**rules)


def unseeded(**rules: Any) -> gymnasium.Env[Any, Any]:
    return Unseeded(**rules)


def clocked(**rules: Any) -> gymnasium.Env[Any, Any]:
    return Clocked(**rules)
