"""Factories of environments whose constructors do not take the rules that vary.

A rule file names one of them as ``game = "variants_of:cart_pole"``; its keywords are the rules.
"""

from collections import deque
from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np


class DelayedAction(gymnasium.ActionWrapper[Any, Any, Any]):
    """Each action takes effect some steps later; until the first one does, action 0 is taken."""

    def __init__(self, env: gymnasium.Env[Any, Any], delay: int) -> None:
        super().__init__(env)
        self._delay = delay
        self._waiting: deque[Any] = deque()

    def reset(self, **keywords: Any) -> Any:
        self._waiting = deque([0] * self._delay)
        return super().reset(**keywords)

    def action(self, action: Any) -> Any:
        self._waiting.append(action)
        return self._waiting.popleft()


class PermutedActions(gymnasium.ActionWrapper[Any, Any, Any]):
    """The actions have changed places."""

    def __init__(self, env: gymnasium.Env[Any, Any], order: Sequence[int]) -> None:
        super().__init__(env)
        self._order = list(order)

    def action(self, action: Any) -> Any:
        return self._order[int(action)]


def cart_pole(
    force: float, mirrored: bool, delay: int, gravity: float, length: float, render_mode: str | None = None
) -> gymnasium.Env[Any, Any]:
    """CartPole with other physics; ``length`` is half the pole's, in metres, and the pole's moments follow it."""
    env = gymnasium.make("CartPole-v1", render_mode=render_mode, disable_env_checker=True)
    physics: Any = env.unwrapped
    physics.gravity, physics.length = gravity, length
    physics.polemass_length = physics.masspole * length
    physics.force_mag = -force if mirrored else force
    return DelayedAction(env, delay) if delay else env


def pendulum(
    m: float,
    l: float,  # noqa: E741  (Gymnasium's name)
    g: float,
    mirrored: bool,
    render_mode: str | None = None,
) -> gymnasium.Env[Any, Any]:
    """Pendulum with another mass, length and gravity, and maybe with the torque the other way."""
    env = gymnasium.make("Pendulum-v1", g=g, render_mode=render_mode, disable_env_checker=True)
    physics: Any = env.unwrapped
    physics.m, physics.l = m, l
    if not mirrored:
        return env
    return gymnasium.wrappers.TransformAction(env, lambda action: -action, env.action_space)


def lunar_lander(
    gravity: float, wind_power: float, engines: Sequence[int], render_mode: str | None = None
) -> gymnasium.Env[Any, Any]:
    """LunarLander with other gravity and wind, and with its engines' controls permuted."""
    env = gymnasium.make(
        "LunarLander-v3", gravity=gravity, enable_wind=wind_power > 0, wind_power=wind_power, render_mode=render_mode,
        disable_env_checker=True,
    )  # fmt: skip
    return PermutedActions(env, engines)


def frozen_lake(holes: Sequence[bool], render_mode: str | None = None) -> gymnasium.Env[Any, Any]:
    """FrozenLake on a map of 4 by 4 cells, without slipping; ``holes`` are the 14 cells between start and goal."""
    cells = "S" + "".join("H" if hole else "F" for hole in holes) + "G"
    rows = [cells[start : start + 4] for start in range(0, 16, 4)]
    return gymnasium.make(
        "FrozenLake-v1", desc=rows, is_slippery=False, render_mode=render_mode, disable_env_checker=True
    )


class DoorOfColour(gymnasium.Wrapper[Any, Any, Any, Any]):
    """MiniGrid's GoToDoor in which one colour pays, whatever the mission says; there is always a door of it."""

    def __init__(self, env: gymnasium.Env[Any, Any], colour: str) -> None:
        super().__init__(env)
        self._colour = colour

    def reset(self, **keywords: Any) -> Any:
        _, info = super().reset(**keywords)
        room: Any = self.unwrapped
        places = [(x, y) for x in range(room.grid.width) for y in range(room.grid.height)]
        doors = [place for place in places if getattr(room.grid.get(*place), "type", "") == "door"]
        colours = [room.grid.get(*place).color for place in doors]
        if self._colour not in colours:
            colours[0] = room.grid.get(*doors[0]).color = self._colour
        room.target_color, room.target_pos = self._colour, doors[colours.index(self._colour)]
        return room.gen_obs(), info


def door_of_colour(colour: str, render_mode: str | None = None) -> gymnasium.Env[Any, Any]:
    """See `DoorOfColour`."""
    import minigrid  # noqa: F401  (registers its environments)

    env = gymnasium.make("MiniGrid-GoToDoor-6x6-v0", render_mode=render_mode, disable_env_checker=True)
    return DoorOfColour(env, colour)


def breakout(order: Sequence[int], sticky: float) -> gymnasium.Env[Any, Any]:
    """MinAtar's Breakout with its actions permuted; ``sticky`` is the chance that the action before is taken again."""
    from minatar.gym import BaseEnv

    game = BaseEnv("breakout", use_minimal_action_set=True, sticky_action_prob=sticky)
    return PermutedActions(gymnasium.wrappers.TimeLimit(game, 1000), order)


LINES = ((0, 1, 2), (3, 4, 5), (6, 7, 8), (0, 3, 6), (1, 4, 7), (2, 5, 8), (0, 4, 8), (2, 4, 6))


def tictactoe_rival(observation: Any, mask: Any, rules: Any) -> int:
    """A rival for PettingZoo's tictactoe: it wins where it can and blocks where it must.

    On any other board it has one reply, always the same, that follows from its ``habit``.
    """
    own, other = (observation["observation"][:, :, player].reshape(-1) for player in range(2))
    legal = np.flatnonzero(mask)
    for stones in (own, other):
        twos = [line for line in LINES if stones[list(line)].sum() == 2]
        completing = [square for square in legal if any(square in line for line in twos)]
        if completing:
            return int(completing[0])
    board = int("".join(str(int(a) + 2 * int(b)) for a, b in zip(own, other, strict=True)), 3)
    return int(np.random.default_rng([rules["habit"], board]).choice(legal))
