"""The suite's games in another unit of reward: ``learning_suite.pay:TASK*FACTOR`` is the place of such a family."""

from dataclasses import dataclass, replace
from typing import Any

from gameagent_games import Ceiling, Family
from gameagent_games.games import Games, Source
from learning_suite.tasks import BY_NAME, Task


class PaidGames:
    """Games whose rewards are multiplied; everything else is that of the games themselves."""

    def __init__(self, games: Games, factor: float) -> None:
        self._games, self._factor = games, factor

    def __getattr__(self, name: str) -> Any:
        """What the games have; the rewards are their own array, so that a reader keeps what it holds."""
        return getattr(self._games, name)

    def step(self, actions: Any) -> None:
        """Takes one decision; the games write all rewards anew at each."""
        self._games.step(actions)
        self._games.rewards *= self._factor


@dataclass(frozen=True)
class PaidSource:
    """Makes the games of another source, with rewards multiplied by ``factor``."""

    source: Source
    factor: float

    @property
    def has_mask(self) -> bool:
        """As the source says."""
        return self.source.has_mask

    @property
    def takes_turns(self) -> bool:
        """As the source says."""
        return self.source.takes_turns

    @property
    def module(self) -> str:
        """As the source says."""
        return self.source.module

    @property
    def is_trusted(self) -> bool:
        """As the source says."""
        return self.source.is_trusted

    def make_games(self, family: Family, num_games: int, **how: Any) -> Any:
        """Makes games; see `Source.make_games`."""
        own = replace(family, source=self.source)
        return PaidGames(self.source.make_games(own, num_games, **how), self.factor)


def paid(task: Task, factor: float) -> Task:
    """A task in another unit of reward: its best return grows by the factor, and scores should stay the same."""
    return replace(
        task, place=f"{__name__}:{task.name}*{factor:g}", ceiling=tuple(mean * factor for mean in task.ceiling)
    )  # fmt: skip


def __getattr__(name: str) -> Family:
    task, star, factor = name.partition("*")
    if not star or task not in BY_NAME:
        raise AttributeError(f"{name}: expected TASK*FACTOR with the name of a task of the suite")
    return _paid_family(BY_NAME[task].family(), float(factor))


def _paid_family(family: Family, factor: float) -> Family:
    known = family.ceiling
    if known is not None:
        by_episode = known.episodes and tuple(mean * factor for mean in known.episodes)
        known = Ceiling(known.total * factor, by_episode, known.num_episodes, known.source)
    return replace(family, name=f"{family.name}*{factor:g}", source=PaidSource(family.source, factor), ceiling=known)
