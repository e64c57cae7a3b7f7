"""Small environments for tests, and factories of them by rule: some behave, some do not."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import gymnasium
import numpy as np
from gymnasium import spaces

from gameagent_games.games import Games
from gameagent_games.interface import Family
from gameagent_games.sources.environments import family_from_environment
from gameagent_games.variants.rule_files import read_rule_file

TROUBLES = ("raise", "exit", "hang", "nan", "leak", "shape")


TROUBLED = """
game = "small_environments:troubled"
[rules.speed]
uniform = [1.0, 2.0]
[environment]
max_steps = 20
workers = {workers}
deadline = 1.0
worker_megabytes = {megabytes}
keywords = {{ trouble = "{trouble}", chance = {chance} }}
"""


class Line(gymnasium.Env[Any, Any]):
    """A walk on a line: ``speed`` cells a step, and a reward of 1 at cell ``goal``; ends there, or after 20 steps.

    Where it starts is drawn from the reset's seed.
    """

    observation_space: Any = spaces.Box(-100.0, 100.0, (2,), np.float32)
    action_space = spaces.Discrete(2)

    def __init__(self, speed: float = 1.0, goal: int = 3) -> None:
        self.speed, self.goal = speed, goal

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.goal = (options or {}).get("goal", self.goal)
        self.place, self.time = float(self.np_random.integers(-2, 3)), 0
        return self._seen(), {}

    def step(self, action: Any) -> Any:
        self.place += self.speed if action == 1 else -self.speed
        self.time += 1
        there = abs(self.place - self.goal) < self.speed
        return self._seen(), float(there), there, self.time >= 20, {}

    def _seen(self) -> Any:
        return np.array([self.place, self.time], np.float32)


class NoArray:
    """An observation that nobody can read."""

    def __array__(self, *arguments: Any, **keywords: Any) -> Any:
        raise KeyError("no such pixel")


class Strange(Line):
    """A line that gives something odd at its third step."""

    def __init__(self, what: str) -> None:
        super().__init__(goal=100)
        self.what = what

    def step(self, action: Any) -> Any:
        observation, reward, terminated, truncated, info = super().step(action)
        if self.time == 3:
            odd: dict[str, Any] = {
                "end": (observation, reward, np.array([True, False]), truncated, info),
                "cut": (observation, reward, terminated, np.zeros(3), info),
                "reward": (observation, "much", terminated, truncated, info),
                "observation": (NoArray(), reward, terminated, truncated, info),
                "nothing": (None, reward, terminated, truncated, info),
                "four": (observation, reward, terminated, info),
            }
            return odd.get(self.what, (observation, reward, terminated, truncated, info))
        return observation, reward, terminated, truncated, info


def strange(what: str) -> gymnasium.Env[Any, Any]:
    return Strange(what)


class Painter(Line):
    """A line that takes its time to draw itself."""

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["rgb_array"]}  # type: ignore[misc]
    one_per_process = True

    def __init__(self, speed: float, render_mode: str | None) -> None:
        super().__init__(speed)
        self.render_mode = render_mode

    def render(self) -> Any:
        if self.time == 2:
            time.sleep(3.0)
        return np.full((4, 4, 3), self.time, np.uint8)


def painter(speed: float, render_mode: str | None = None) -> gymnasium.Env[Any, Any]:
    return Painter(speed, render_mode)


class Lonely(Line):
    """A line of which there is one at a time in a process."""

    one_per_process = True
    there: ClassVar[bool] = False

    def reset(self, **keywords: Any) -> Any:
        assert not Lonely.there or self.here, "there is another"
        Lonely.there = self.here = True
        return super().reset(**keywords)

    def close(self) -> None:
        Lonely.there = Lonely.there and not self.here

    here = False


def lonely(speed: float) -> gymnasium.Env[Any, Any]:
    return gymnasium.wrappers.TimeLimit(Lonely(speed), 20)


class Troubled(Line):
    """A line on which something goes wrong at a reset with a given chance, which is drawn from the seed."""

    kept: ClassVar[list[Any]] = []

    def __init__(self, trouble: str, chance: float, speed: float = 1.0) -> None:
        super().__init__(speed)
        self.trouble, self.chance = trouble, chance

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        observation, info = super().reset(seed=seed)
        if self.np_random.random() < self.chance:
            observation = _TROUBLES[self.trouble](observation)
        return observation, info


def _raise(observation: Any) -> Any:
    raise RuntimeError("the level has no floor")


def _exit(observation: Any) -> Any:
    os._exit(7)


def _hang(observation: Any) -> Any:
    while True:
        time.sleep(0.01)


def _nan(observation: Any) -> Any:
    return observation * np.nan


def _leak(observation: Any) -> Any:
    Troubled.kept.append(np.ones(2**22))  # 32 MiB, written to
    return observation


def _shape(observation: Any) -> Any:
    return observation[:1]


_TROUBLES: dict[str, Callable[[Any], Any]] = {
    "raise": _raise, "exit": _exit, "hang": _hang, "nan": _nan, "leak": _leak, "shape": _shape,
}  # fmt: skip


def line(speed: float, goal: int) -> gymnasium.Env[Any, Any]:
    return Line(speed, goal)


def troubled(speed: float, trouble: str, chance: float) -> gymnasium.Env[Any, Any]:
    return Troubled(trouble, chance, speed)


class Forgetful(Line):
    """A line whose starts nobody seeds, and which exits in its ``exits``-th step if that is not 0."""

    def __init__(self, speed: float, exits: int) -> None:
        super().__init__(speed)
        self.drawn, self.left = np.random.default_rng(), exits

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.place = float(self.drawn.normal())
        return self._seen(), {}

    def step(self, action: Any) -> Any:
        self.left -= 1
        if self.left == 0:
            os._exit(3)
        return super().step(action)


def forgetful(speed: float, exits: int) -> gymnasium.Env[Any, Any]:
    return Forgetful(speed, exits)


class Mixed(gymnasium.Env[Any, Any]):
    """Every kind of observation that can be read, and actions of several numbers; sees what ``shift`` adds."""

    observation_space = spaces.Dict(
        {
            "camera": spaces.Box(0, 255, (8, 10, 3), np.uint8),
            "map": spaces.Box(0, 4, (6, 7), np.int64),
            "card": spaces.Discrete(5, start=1),
            "dice": spaces.MultiDiscrete([6, 6]),
            "lamps": spaces.MultiBinary(3),
            "pair": spaces.Tuple((spaces.Box(-1.0, 1.0, (), np.float32), spaces.Discrete(2))),
            "says": spaces.Text(10),
        }
    )
    action_space = spaces.MultiDiscrete([2, 3], start=[0, 1])

    def __init__(self, shift: int = 0) -> None:
        self.shift = shift
        self.taken: list[Any] = []

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        return self._seen(), {}

    def step(self, action: Any) -> Any:
        assert self.action_space.contains(action), action
        self.taken.append(action)
        return self._seen(), float(action[0]), len(self.taken) >= 4, False, {}

    def _seen(self) -> Any:
        return {
            "camera": np.full((8, 10, 3), 51 * self.shift, np.uint8),
            "map": np.full((6, 7), self.shift, np.int64),
            "card": 1 + self.shift,
            "dice": np.array([self.shift, 5]),
            "lamps": np.array([1, 0, 1], np.int8),
            "pair": (np.float32(0.5), self.shift % 2),
            "says": "hello",
        }


def mixed(shift: int) -> gymnasium.Env[Any, Any]:
    return gymnasium.wrappers.TimeLimit(Mixed(shift), 10)


class Odd(Line):
    """A line that is seen in a form that cannot be read."""

    observation_space: Any = spaces.Sequence(spaces.Discrete(3))


def odd(speed: float) -> gymnasium.Env[Any, Any]:
    return Odd(speed)


class Masked(Line):
    """A line whose legal actions stand in the info; every third step nothing is legal."""

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        observation, _ = super().reset(seed=seed)
        return observation, self._info()

    def step(self, action: Any) -> Any:
        *rest, _ = super().step(action)
        return *rest, self._info()

    def _info(self) -> Any:
        return {"action_mask": np.array([self.time % 3 != 2, self.time % 3 == 1], np.int8)}


def masked(speed: float) -> gymnasium.Env[Any, Any]:
    return Masked(speed)


def family_of(folder: Path, text: str, name: str = "game") -> Family:
    """The family of a rule file with that text."""
    path = folder / f"{name}.toml"
    path.write_text(text)
    return family_from_environment(read_rule_file(path))


def made(family: Family, num_games: int, seed: int = 0, **options: Any) -> Games:
    """Games of a family that have been reset."""
    games = family.make_games(num_games, **options)
    games.reset(family.space.sample(num_games, seed, "all"), np.arange(num_games) + 5)
    return games


def trace(games: Games) -> Iterator[tuple[Any, ...]]:
    """Everything that games of a fixed random player show, step by step."""
    generator = np.random.default_rng(3)
    while not games.finished.all():
        names = ("observations", "rewards", "terminated", "truncated", "finished", "episodes", "steps")
        yield tuple(getattr(games, name).copy() for name in names)
        games.step(games.family.random_actions(generator, games.num_games))
