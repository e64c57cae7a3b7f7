"""The mirrored levers against the closed form of their ceiling, and a player who comes as near to it as it likes."""

import numpy as np
import pytest

from gameagent_games import Simulator
from gameagent_games.families.reference.mirrored import MIRRORED

NUM_LEVERS, MAX_STEPS, NUM_EPISODES = 5, 8, 3


def cost_of_knowing(offset: float) -> float:
    """What is left of one offset, summed over an episode of someone who moves it by 0.25 towards 0 at every step."""
    return sum(max(abs(offset) - 0.25 * step, 0.0) for step in range(1, MAX_STEPS + 1))


def learner(smallest: float) -> tuple[np.ndarray, np.ndarray]:
    """Returns ``(games, episodes)`` of a player whose first action is tiny, and the drawn offsets' expected ones."""
    num_games = 4000
    games = Simulator(MIRRORED, num_games)
    games.reset(MIRRORED.space.sample(num_games, 1, "all"), np.arange(num_games))
    returns, expected = np.zeros((2, num_games, NUM_EPISODES))
    sign = np.zeros((num_games, NUM_LEVERS))
    for episode in range(NUM_EPISODES):
        offsets = games.observations[:, 0].astype(float)
        cost = np.vectorize(cost_of_knowing)(offsets) + (np.abs(offsets) if episode == 0 else 0.0)  # a step is lost
        expected[:, episode] = -cost.mean(axis=1)
        for step in range(MAX_STEPS):
            before = games.observations[:, 0].astype(float)
            first = episode == 0 and step == 0
            games.step((np.full_like(before, smallest) if first else sign * np.clip(-before / 0.25, -1, 1))[:, None])
            if first:
                sign = np.sign(games.observations[:, 0] - before)
            returns[:, episode] += games.rewards[:, 0]
    return returns, expected


def test_the_ceiling_follows_from_the_offsets() -> None:
    # E over an offset uniform from 0 to 1 of the sum over steps of max(offset - step / 4, 0): 1/2 (3/4)^2 and so on.
    known = sum((1 - step / 4) ** 2 / 2 for step in range(1, 4))
    assert MIRRORED.ceiling is not None
    assert MIRRORED.ceiling.episodes is not None
    assert MIRRORED.ceiling.episodes == pytest.approx((-known - 0.5, -known, -known))
    assert MIRRORED.ceiling.total == pytest.approx(-3 * known - 0.5)


def test_a_learner_comes_near_the_ceiling_and_never_above() -> None:
    returns, expected = learner(0.01)
    assert (returns.mean(axis=0) < expected.mean(axis=0) + 1e-3).all()
    assert returns.mean(axis=0) == pytest.approx(expected.mean(axis=0), abs=2e-3)
    assert MIRRORED.ceiling is not None
    assert MIRRORED.ceiling.episodes is not None
    error = expected.std(axis=0) / np.sqrt(len(expected))
    assert (np.abs(expected.mean(axis=0) - MIRRORED.ceiling.episodes) < 4 * error).all()


def test_a_long_first_step_earns_less() -> None:
    assert learner(1.0)[0][:, 0].mean() < learner(0.01)[0][:, 0].mean() - 0.02


def test_a_mirrored_lever_moves_the_other_way() -> None:
    simulator = Simulator(MIRRORED, 1, compiled=False)
    simulator.reset(MIRRORED.space.records([{"mirrored": [0, 1, 0, 1, 0]}]), np.array([3]))
    before = simulator.states["offset"][0].copy()
    simulator.step(np.array([[[1.0, 1.0, -0.5, -0.5, 0.0]]]))
    after = simulator.states["offset"][0]
    assert (after - before).tolist() == pytest.approx([0.25, -0.25, -0.125, 0.125, 0.0])
    assert simulator.rewards[0, 0] == pytest.approx(-np.abs(after).mean())
