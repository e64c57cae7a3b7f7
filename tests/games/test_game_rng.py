"""The random stream inside a game: golden values, uniformity, independence of neighbours."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numba import njit
from numpy.typing import NDArray

from gameagent_games.game_rng import MASK_32, below, episode_key, mix32, state_type, uniform

NUM = 60_000


def draws(seeds: np.ndarray, episodes: np.ndarray, counters: np.ndarray) -> np.ndarray:
    """One draw at each (seed, episode, counter), compiled."""
    states = np.zeros(len(seeds), state_type([]))
    values = np.empty(len(seeds))

    draw_all(states, seeds, episodes, counters, values)
    return values


@njit
def draw_all(
    states: NDArray[Any],
    seeds: NDArray[Any],
    episodes: NDArray[Any],
    counters: NDArray[Any],
    values: NDArray[np.float64],
) -> None:
    for index in range(len(states)):
        states[index].random_key = episode_key(seeds[index], episodes[index])
        states[index].random_counter = counters[index]
        values[index] = uniform(states[index])


def chi_square_is_ordinary(counts: np.ndarray) -> bool:
    expected, degrees = counts.sum() / counts.size, counts.size - 1
    return bool(abs(((counts - expected) ** 2 / expected).sum() - degrees) < 4.5 * np.sqrt(2 * degrees))


def interpreted(seed: int, episode: int) -> SimpleNamespace:
    return SimpleNamespace(random_key=episode_key(seed, episode), random_counter=0)


def test_golden_values() -> None:
    state = interpreted(7, 2)
    assert [int(uniform(state) * 2**32) for _ in range(4)] == [3416490503, 213217791, 2378389872, 1949569120]
    assert [below(state, 10) for _ in range(8)] == [7, 7, 7, 3, 7, 1, 7, 5]
    assert state.random_counter == 12


def test_mix32_is_one_to_one_and_stays_in_32_bits() -> None:
    mixed = [mix32(word) for word in range(100_000)] + [mix32(MASK_32 - word) for word in range(100_000)]
    assert len(set(mixed)) == 200_000
    assert min(mixed) >= 0
    assert max(mixed) <= MASK_32


def test_compiled_and_interpreted_draw_the_same() -> None:
    seeds = np.array([0, 1, 2**31, 2**32, 2**62, 2**63 - 1] * 50)
    episodes = np.repeat(np.arange(10), 30)
    counters = np.arange(300) * 7919
    expected = []
    for seed, episode, counter in zip(seeds.tolist(), episodes.tolist(), counters.tolist(), strict=True):
        state = interpreted(seed, episode)
        state.random_counter = counter
        expected.append(uniform(state))
    assert draws(seeds, episodes, counters).tolist() == expected


STREAMS: dict[str, Callable[[np.ndarray], tuple[np.ndarray, np.ndarray, np.ndarray]]] = {
    "counters": lambda n: (0 * n + 5, 0 * n, n),
    "seeds": lambda n: (n, 0 * n, 0 * n),
    "episodes": lambda n: (0 * n + 5, n, 0 * n),
    "high seeds": lambda n: (n << 32, 0 * n, 0 * n),
}


@pytest.mark.parametrize("stream", STREAMS)
def test_neighbours_are_uniform_and_independent(stream: str) -> None:
    values = draws(*STREAMS[stream](np.arange(NUM)))
    assert values.min() >= 0.0
    assert values.max() < 1.0
    assert chi_square_is_ordinary(np.histogram(values, 64, (0, 1))[0])
    for lag in (1, 2, 3, 16):  # pairs fill the unit square
        pairs = np.histogram2d(values[:-lag], values[lag:], 16, ((0, 1), (0, 1)))[0]
        assert chi_square_is_ordinary(pairs), lag
    lowest_bits = (values * 2**32).astype(np.int64) & 7
    assert chi_square_is_ordinary(np.bincount(lowest_bits, minlength=8))


def test_streams_of_neighbouring_games_and_episodes_do_not_overlap() -> None:
    keys = {episode_key(seed, episode) for seed in range(1000) for episode in range(20)}
    assert len(keys) == 20_000


@pytest.mark.parametrize("limit", [1, 2, 7, 10])
def test_below_is_uniform(limit: int) -> None:
    state = interpreted(3, 1)
    counts = np.bincount([below(state, limit) for _ in range(20_000)], minlength=limit)
    assert len(counts) == limit
    assert limit == 1 or chi_square_is_ordinary(counts)


def test_state_type_carries_the_stream() -> None:
    state = state_type([("x", np.int8), ("cells", np.int8, (3, 3))])
    assert state.names == ("x", "cells", "random_key", "random_counter", "trial_key", "episode")
    assert state.isalignedstruct
