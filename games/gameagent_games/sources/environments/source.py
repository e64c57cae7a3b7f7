"""The source of games that are environments, and how a family is built from one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from gameagent_games.errors import FamilyError
from gameagent_games.places import authors_place
from gameagent_games.sources.environments.adapters import Playable, make_playable
from gameagent_games.sources.environments.lane import LanePlan
from gameagent_games.sources.environments.recipe import EnvironmentRecipe
from gameagent_games.sources.environments.worker import WorkerLimits
from gameagent_games.sources.watchdog import TimeLimit, Watchdog
from gameagent_sdk.authoring import PlanSpec

if TYPE_CHECKING:
    from gameagent_games.interface import Family
    from gameagent_games.sources.environments.games import EnvironmentGames

LOOK_SECONDS: Final = 30.0  # for a first reset
MOST_GAMES: Final = 128  # environments side by side in an evaluation
MOST_PROCESSES: Final = 16  # where each of them needs a process of its own
AUTO: Final = -1  # workers: whatever is fastest
FEWEST_PER_WORKER: Final = 4  # games


@dataclass(frozen=True)
class EnvironmentSource:
    """Environments as a `games.Source`.

    Attributes:
        recipe: Makes them.
        plan: How observations are read and actions made.
        has_mask: Whether some actions can be illegal.
        num_seats: Seats that the agent plays.
        dropped: Parts of the observation that are left out, for a person.
        workers: Processes that play them; 0 for none of their own, `AUTO` for whatever is fastest.
        limits: What workers are held to.
        one_per_process: Whether there cannot be two of them in a process; each is played by a worker of its own then.
    """

    recipe: EnvironmentRecipe
    plan: PlanSpec
    has_mask: bool
    num_seats: int
    dropped: tuple[str, ...] = ()
    workers: int = AUTO
    limits: WorkerLimits = field(default=WorkerLimits(deadline=10.0, megabytes=1024))
    one_per_process: bool = False

    @property
    def takes_turns(self) -> bool:
        """Whether there are steps in which some seat does not act: where nothing is legal, it waits."""
        return self.has_mask or self.num_seats > 1

    @property
    def module(self) -> str:
        """The module of a factory; this one for environments by id."""
        kind, _, _ = self.recipe.game.partition(":")
        return __name__ if kind in ("gymnasium", "pettingzoo") else kind

    @property
    def is_trusted(self) -> bool:
        """False: nobody here has checked it."""
        return False

    @property
    def most_games(self) -> int:
        """How many are played side by side in an evaluation at most; each is an environment of its own."""
        return MOST_PROCESSES if self.one_per_process else MOST_GAMES

    def make_games(
        self, family: "Family", num_games: int, *, num_episodes: int, auto_start: bool, compiled: bool
    ) -> "EnvironmentGames":
        """See `games.Source.make_games`; there is nothing to compile."""
        from gameagent_games.sources.environments.games import EnvironmentGames
        from gameagent_games.sources.environments.layout import fastest_workers

        workers = fastest_workers(family, num_games) if self.workers == AUTO else self.workers
        plan = LanePlan(
            self.recipe, self.plan, family.own_size, family.max_steps, num_episodes, auto_start, self.has_mask,
            pictures=num_games == 1,
        )  # fmt: skip
        return EnvironmentGames(family, plan, num_games, workers, self.limits)


def look_at(recipe: EnvironmentRecipe, variants: Sequence[Mapping[str, Any]]) -> tuple[Playable, Any, Any]:
    """An environment that has been reset, and the spaces of its seats.

    Args:
        recipe: Makes it.
        variants: Rules to try, one after the other, until an environment can be reset.

    Returns:
        The environment, which the caller closes; its observation space; its action space.

    Raises:
        FamilyError: It cannot be made or reset, or its seats have different spaces.
    """
    for number, rules in enumerate(variants):
        playable = make_playable(recipe, dict(rules))
        try:
            with Watchdog(LOOK_SECONDS) as watchdog:
                watchdog.begin()
                playable.reset(number)
                watchdog.end()
            return playable, *_spaces(recipe, playable)
        except FamilyError:
            playable.close()
            raise
        except (Exception, TimeLimit) as error:  # the environment's own code may raise anything
            playable.close()
            where = authors_place(error) or "the environment"
            what = (
                f"hangs for {LOOK_SECONDS:g} s" if isinstance(error, TimeLimit) else f"{type(error).__name__}: {error}"
            )
            last = FamilyError(f"game {recipe.game!r} cannot be reset: {where}: {what}")
            last.__cause__ = error
    raise last


def _spaces(recipe: EnvironmentRecipe, playable: Playable) -> tuple[Any, Any]:
    environment, seats = playable.environment, getattr(playable, "seats", None)
    if seats is None:
        return environment.observation_space, environment.action_space
    agents = [next(one for one in environment.possible_agents if str(one) == seat) for seat in seats]
    seen, done = (
        [environment.observation_space(one) for one in agents],
        [environment.action_space(one) for one in agents],
    )
    for what, spaces in (("observation", seen), ("action", done)):
        if any(space != spaces[0] for space in spaces[1:]):
            raise FamilyError(
                f"game {recipe.game!r}: the seats {', '.join(seats)} have different {what} spaces, so one agent cannot "
                f'play them all; train one seat: [environment] seat = "{seats[0]}", others = "random"'
            )
    return seen[0], done[0]


def time_limit(environment: Any) -> int | None:
    """The time limit in steps that an environment declares, if it does."""
    spec = getattr(environment, "spec", None)
    found = getattr(spec, "max_episode_steps", None)
    if isinstance(found, int) and found > 0:
        return found
    inner = environment
    for _ in range(64):
        for name in ("_max_episode_steps", "max_episode_steps", "max_steps", "max_cycles"):
            value = getattr(inner, name, None)
            if isinstance(value, int | np.integer) and value > 0:
                return int(value)
        following = getattr(inner, "env", None)
        if following is None or following is inner:
            return None
        inner = following
    return None


def declared(environment: Any, name: str, default: Any) -> Any:
    """What an environment, or one that it wraps, has under a name."""
    for inner in (environment, getattr(environment, "unwrapped", environment)):
        if hasattr(inner, name):
            return getattr(inner, name)
    return default


def action_names(environment: Any, num: int) -> tuple[str, ...]:
    """Names of discrete actions that an environment has for itself, in words of a feature; empty if it has none."""
    unwrapped = getattr(environment, "unwrapped", environment)
    names: list[str] = []
    if hasattr(unwrapped, "get_action_meanings"):
        names = [str(name) for name in unwrapped.get_action_meanings()]
    elif hasattr(getattr(unwrapped, "actions", None), "__members__"):
        names = list(unwrapped.actions.__members__)
    names = [name.lower() for name in names]
    return tuple(names) if len(names) == num and len(set(names)) == num else ()
