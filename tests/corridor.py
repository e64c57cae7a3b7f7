"""A family whose games are plain Python: no compiled rules, no state record, no view. Find the hidden goal."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gameagent_games.games import Games
from gameagent_games.interface import Family, Feature
from gameagent_games.sources.arrays import GameArrays
from gameagent_games.variants.distributions import Integers, Uniform
from gameagent_games.variants.variant import Rule, VariantSpace

LENGTH = 7
LEFT, STAY, RIGHT = range(3)


class CorridorGames(GameArrays):
    """Each game is a dict; a seeded generator moves the start by a cell or leaves it in the middle."""

    def begin(self, which: NDArray[np.int64]) -> None:
        self.places: dict[int, int] = getattr(self, "places", {})
        for game in which.tolist():
            random = np.random.default_rng([self.seeds[game], self.episodes[game]])
            self.places[game] = LENGTH // 2 + int(random.integers(-1, 2))
            self.show(game)

    def play(self, which: NDArray[np.int64], actions: NDArray[Any]) -> None:
        for game in which.tolist():
            self.places[game] = min(max(self.places[game] + int(actions[game, 0]) - STAY, 0), LENGTH - 1)
            if self.places[game] == self.variants[game]["goal"]:
                self.rewards[game], self.terminated[game] = self.variants[game]["prize"], True
            self.show(game)

    def show(self, game: int) -> None:
        place = self.places[game]
        self.observations[game, 0, :2] = place, place / (LENGTH - 1)
        self.legal_actions[game, 0] = place > 0, True, place < LENGTH - 1


@dataclass(frozen=True)
class CorridorSource:
    """Makes `CorridorGames`, or games of a class derived from it."""

    games: type[CorridorGames] = CorridorGames
    has_mask: bool = True
    takes_turns: bool = False
    is_trusted: bool = False
    module: str = __name__

    def make_games(self, family: Family, num_games: int, *, num_episodes: int, auto_start: bool, **_: Any) -> Games:
        return self.games(family, num_games, num_episodes, auto_start)


CORRIDOR = Family(
    name="corridor",
    summary="find the goal of a dark corridor",
    source=CorridorSource(),
    space=VariantSpace((Rule("goal", Integers(0, LENGTH - 1)), Rule("prize", Uniform((0.5, 1.5))))),
    features=(Feature("cell", high=LENGTH - 1, kind="category"), Feature("way", low=0.0, meaning="share walked")),
    actions=("left", "stay", "right"),
    max_steps=8,
    num_episodes=3,
)
