"""Which layout plays environments fastest here: in this process, or in workers; measured, not guessed."""

from time import perf_counter
from typing import TYPE_CHECKING, Final

import numpy as np

from gameagent_games.processes import available_cores
from gameagent_games.sources.environments.lane import LanePlan
from gameagent_games.sources.environments.source import FEWEST_PER_WORKER, EnvironmentSource

if TYPE_CHECKING:
    from gameagent_games.interface import Family
    from gameagent_games.sources.environments.games import EnvironmentGames

MEASURED_SECONDS: Final = 0.25  # of each layout
WORTHWHILE: Final = 1.15  # times as fast as workers, at least: those survive what would end this process
SINGLE: Final = 1

_CHOSEN: dict[tuple[str, int], int] = {}  # workers by game and number of games, in this process


def fastest_workers(family: "Family", num_games: int) -> int:
    """The number of workers that plays a family's games fastest; 0 for this process.

    Workers are tried first. Only if nothing goes wrong there is this process tried at all: an environment that crashes
    or hangs would take it along.
    """
    assert isinstance(family.source, EnvironmentSource)
    if family.source.one_per_process:  # somebody may have another one in this process
        return num_games
    if num_games == SINGLE:
        return 0
    key = (repr(family.source), num_games)
    if key not in _CHOSEN:
        _CHOSEN[key] = _measured(family, num_games)
    return _CHOSEN[key]


def _measured(family: "Family", num_games: int) -> int:
    most = max(1, min(available_cores(), num_games // FEWEST_PER_WORKER))
    best, fastest = 0, 0.0
    for workers in sorted({1, most}):
        speed, sound = _speed(family, num_games, workers)
        if not sound:
            return most
        if speed > WORTHWHILE * fastest:  # more of them only if that pays: other processes may train beside this one
            best, fastest = workers, speed
    here, _ = _speed(family, num_games, 0)
    return 0 if here > WORTHWHILE * fastest else best


def _speed(family: "Family", num_games: int, workers: int) -> tuple[float, bool]:
    """Steps of one game per second in a layout, and whether nothing went wrong."""
    from gameagent_games.sources.environments.games import EnvironmentGames

    source = family.source
    assert isinstance(source, EnvironmentSource)
    plan = LanePlan(
        source.recipe, source.plan, family.own_size, family.max_steps, family.num_episodes, True, source.has_mask
    )
    games = EnvironmentGames(family, plan, num_games, workers, source.limits)
    try:
        return steps_per_second(games, MEASURED_SECONDS), not games.take_failures()
    finally:
        games.close()


def steps_per_second(games: "EnvironmentGames", seconds: float, seed: int = 0) -> float:
    """How fast games play at random, in steps of one game; the time in which they start is left out.

    Args:
        games: Not running yet.
        seconds: How long to play.
        seed: Of variants, levels and actions.
    """
    family, generator, num = games.family, np.random.default_rng(seed), games.num_games
    played, spent = 0, 0.0
    while spent < seconds and not games.failed.all():  # what never starts cannot be measured
        variants = family.space.sample(num, generator, "all")
        games.reset(variants, generator.integers(0, 2**62, num, dtype=np.int64))
        started = perf_counter()
        while not games.finished.all() and spent + perf_counter() - started < seconds:
            played += int((~games.finished).sum())
            games.step(family.random_actions(generator, num))
        spent += perf_counter() - started + 1e-6
    return played / spent
