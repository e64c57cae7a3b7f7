"""A slot machine with several arms: pull one, win 1 or nothing. One pull is one episode."""

from typing import Any

from gameagent_games.game_rng import uniform


def start(state: Any, variant: Any) -> None:
    """Starts an episode of one pull."""
    state.pulls = 0


def step(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    """Pulls one arm; the episode ends with it."""
    state.pulls += 1
    if uniform(state) < variant.win_probability[actions[0]]:
        rewards[0] = 1.0
    return True


def observe(state: Any, variant: Any, seat: int, observation: Any) -> None:
    """Fills in a constant: a bandit has nothing to see."""
    observation[0] = 1.0
