"""The reference families, and whole trials of them played by functions."""

from collections.abc import Callable
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gameagent_games import Family, load_family
from gameagent_games.families import reference
from gameagent_games.games import Games

Choose = Callable[[Games], NDArray[Any]]
"""What every game's seats do now, in the form of `Family.blank_actions`; rewards are those of the last step."""


def reference_places() -> list[str]:
    """The place of every reference family: the families that are globals of the package's modules."""
    modules = [import_module(f"{reference.__name__}.{module.name}") for module in iter_modules(reference.__path__)]
    return [
        f"{module.__name__}:{name}"
        for module in modules
        for name, value in vars(module).items()
        if isinstance(value, Family)
    ]


def reference_families() -> list[Family]:
    """Every reference family."""
    return [load_family(place) for place in reference_places()]


def trial_returns(family: Family, records: NDArray[Any], choose: Choose, compiled: bool = True) -> NDArray[np.float64]:
    """Return of the first seat in each episode, ``(N, K)``, of one trial per variant with seeds 0, 1, 2, ..."""
    games = family.make_games(len(records), compiled=compiled)
    games.reset(records, np.arange(len(records)))
    returns, episodes = np.zeros((len(records), family.num_episodes)), games.episodes.copy()
    while not games.finished.all():
        games.step(choose(games))
        returns[np.arange(len(records)), np.minimum(episodes, family.num_episodes - 1)] += games.rewards[:, 0]
        episodes[:] = games.episodes
    return returns


def played(family: Family, rules: dict[str, Any], actions: list[int], seed: int = 0) -> list[tuple[float, list[float]]]:
    """Reward, and observation after it, of each action of one seat, in the interpreter."""
    games = family.make_games(1, compiled=False)
    games.reset(family.space.records([rules]), np.array([seed]))
    seen = []
    for action in actions:
        games.step(np.array([[action]]))
        seen.append((float(games.rewards[0, 0]), [round(value, 6) for value in games.observations[0, 0].tolist()]))
    return seen


def near(totals: NDArray[np.float64], expected: float, rounding: float = 0.005) -> bool:
    """Whether the mean of totals agrees with what is expected, to within four standard errors."""
    return bool(abs(totals.mean() - expected) < 4 * totals.std() / np.sqrt(len(totals)) + rounding)
