"""The titles of ``tests/games/titles``, described; and a family that plays as one of them does."""

from pathlib import Path
from typing import Any

import numpy as np

from gameagent_games import Choice, Family, Feature, Rule, Rules, Uniform, VariantSpace, state_type
from gameagent_games.titles import NOTHING, Namespace, Title, click, hold, tap
from gameagent_games.titles.env import TitleEnv

FOLDER = Path(__file__).parent / "games" / "titles"
STEER = {"stay": NOTHING, "left": hold("left"), "right": hold("right")}


def see_catch(game: Namespace) -> dict[str, float]:
    return {
        "basket": game.basket.rect.x,
        "stone_x": game.stone.rect.x,
        "stone_y": game.stone.y,
        "speed": game.stone.speed,
        "lives": game.lives,
    }


def catch_score(game: Namespace) -> float:
    return float(game.score)


def catch_over(game: Namespace) -> bool:
    return bool(game.game_over)


def is_playing(game: Namespace) -> bool:
    return not game.game_over


CATCH = Title(FOLDER / "catch.py", STEER, see_catch, score=catch_score, over=catch_over)
CATCH_AGAIN = Title(
    FOLDER / "catch.py", STEER, see_catch, score=catch_score, over=catch_over, ready=is_playing, again=(tap("space"),)
)
DODGE = Title(
    FOLDER / "dodge" / "dodge.py",
    (
        {"stay": NOTHING, "left": hold("a"), "right": hold("d")},
        {"nothing": NOTHING, "hop": tap("space"), "jump": click(30, 100)},
    ),
    lambda game: {"car": game.self.car.x, "rocks": len(game.self.rocks), "rock_y": [r.y for r in game.self.rocks][:1]},
    score=lambda game: float(game.frames_played),
    entry="main",
)
GUESS = Title(
    FOLDER / "guess.py",
    {"wait": NOTHING, "click": click(5, 5)},
    lambda game: np.array([game.get("lit", False), game.get("reaction", -2)]),
    begin=(tap("p"),),
    ready=lambda game: game.is_running("play"),
)


def make_catch(gravity: float = 0.25, basket_speed: int = 4) -> TitleEnv:
    """An environment, as worker processes make it."""
    return TitleEnv(CATCH, constants={"GRAVITY": gravity, "BASKET_SPEED": basket_speed}, render_mode="rgb_array")


def start(state: Any, variant: Any) -> None:
    state.basket, state.lives = 85, 3


def step(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    move = 1 if actions[0] == 2 else -1 if actions[0] == 1 else 0
    state.basket = min(170, max(0, state.basket + move * variant.basket_speed))
    state.speed += variant.gravity
    state.stone_y += state.speed
    top = int(state.stone_y)
    if top + 8 > 152 and top < 160 and state.stone_x + 8 > state.basket and state.stone_x < state.basket + 30:
        rewards[0] = 1.0
        state.speed = state.stone_y = 0.0
    elif state.stone_y > 160:
        state.lives -= 1
        state.speed = state.stone_y = 0.0
    return bool(state.lives == 0)


def observe(state: Any, variant: Any, seat: int, observation: Any) -> None:
    observation[0] = state.basket
    observation[1] = state.stone_x
    observation[2] = state.stone_y
    observation[3] = state.speed
    observation[4] = state.lives


def align(state: Any, frame: Any) -> None:
    """A new stone is where chance has put it in the title."""
    if state.stone_y == 0.0:
        state.stone_x = int(frame["stone_x"])


FIELDS = [("basket", np.int64), ("lives", np.int64), ("stone_x", np.int64), ("stone_y", np.float64)]
CATCH_FAMILY = Family(
    name="catch",
    summary="stones fall, a basket catches them",
    source=Rules(start, step, observe, state=state_type([*FIELDS, ("speed", np.float64)])),
    space=VariantSpace((Rule("gravity", Uniform((0.1, 0.5))), Rule("basket_speed", Choice((3, 4, 5))))),
    features=tuple(Feature(name, low=0.0, high=200.0) for name in ("basket", "stone_x", "stone_y", "speed", "lives")),
    actions=("stay", "left", "right"),
    max_steps=10_000,
    num_episodes=4,
)


STEERED = Title(
    FOLDER / "catch.py", STEER, see_catch, score=catch_score, over=catch_over, frames_per_step=3, max_steps=40,
    features=tuple(Feature(name, low=0.0, high=200.0) for name in ("basket", "stone_x", "stone_y", "speed", "lives")),
)  # fmt: skip


def make_steered(gravity: float, basket_speed: int) -> TitleEnv:
    """The same with features, decisions every third frame and a time limit."""
    return TitleEnv(STEERED, constants={"GRAVITY": gravity, "BASKET_SPEED": basket_speed})


def make_seen(gravity: float, basket_speed: int, render_mode: str | None = None) -> TitleEnv:
    """The same with pictures."""
    return TitleEnv(STEERED, constants={"GRAVITY": gravity, "BASKET_SPEED": basket_speed}, render_mode=render_mode)
