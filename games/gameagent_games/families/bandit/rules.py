"""A slot machine with several arms: pull one, win 1 or nothing. One pull is one episode."""

from typing import Any

from gameagent_games.game_rng import uniform


def start(state: Any, variant: Any) -> None:
    state.pulls = 0


def step(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    state.pulls += 1
    if uniform(state) < variant.win_probability[actions[0]]:
        rewards[0] = 1.0
    return True


def observe(state: Any, variant: Any, seat: int, observation: Any) -> None:
    observation[0] = 1.0
