"""The games of environments: N of them side by side, in this process or in workers."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gameagent_games.errors import SettingError
from gameagent_games.failures import Failure
from gameagent_games.interface import Family
from gameagent_games.sources.arrays import GameArrays
from gameagent_games.sources.environments.crew import LEAKED, Crew, WorkerCrew, local_crew
from gameagent_games.sources.environments.failures import FailureList
from gameagent_games.sources.environments.lane import BY_GAME, BY_SEAT, Fault, LanePlan, Trial
from gameagent_games.sources.environments.worker import PER_WORKER, SharedArrays, WorkerLimits


class EnvironmentGames(GameArrays):
    """Games of an `EnvironmentSource`; a `games.Games`, which says what its arrays are and what its methods do.

    A trial in which the environment raises, dies, hangs or gives what is not finite is over: the game is finished
    there, and ``failed``.

    Attributes:
        failures: What went wrong since somebody took it.
    """

    def __init__(self, family: Family, plan: LanePlan, num_games: int, num_workers: int, limits: WorkerLimits) -> None:
        """Starts the workers; see `Family.make_games` for the other arguments.

        Args:
            family: The game.
            plan: What is played.
            num_games: N.
            num_workers: Processes that play them; 0 for this one.
            limits: What workers are held to.
        """
        super().__init__(family, num_games, plan.num_episodes, plan.auto_start)
        if num_workers < 0:
            raise SettingError(f"workers is {num_workers}, expected 0 for none, or a number of processes")
        self.failures = FailureList()
        self.actions = family.blank_actions(num_games)
        num_workers = min(num_workers, num_games)
        arrays = {name: getattr(self, name) for name in (*BY_SEAT, *BY_GAME)}
        self._crew: Crew
        if num_workers:
            extra = {name: np.zeros(num_workers, np.int64) for name in PER_WORKER}
            shared = SharedArrays({**arrays, **extra})
            for name, array in shared.arrays().items():
                if name in arrays:
                    setattr(self, name, array)
            self._crew = WorkerCrew(plan, shared, num_workers, limits)
        else:
            self._crew = local_crew(plan, arrays)

    def begin(self, which: NDArray[np.int64]) -> None:
        """Starts trials: `reset` has checked and written what they are."""
        variants = self.family.space.variants(self.variants[which])
        trials = []
        for game, variant in zip(which.tolist(), variants, strict=True):
            self.failed[game] = self.failures.is_quarantined(variant.id)
            if self.failed[game]:
                self.finished[game] = True
                self.observations[game, :, : self.family.own_size] = 0.0
            else:
                trials.append(Trial(game, dict(variant.rules), int(self.seeds[game]), int(self.episodes[game])))
        self._note(self._crew.reset(trials))

    def next_episode(self) -> None:
        """See `Games.next_episode`."""
        self._note(self._crew.next_episode())

    def step(self, actions: NDArray[Any]) -> None:
        """See `Games.step`."""
        self.actions[...] = self.checked(actions)
        self._note(self._crew.step())

    def picture(self, game: int) -> NDArray[np.uint8] | None:
        """See `Games.picture`; a single game draws, if its environment takes ``render_mode``."""
        return self._crew.picture(game)

    def close(self) -> None:
        """See `Games.close`."""
        self._crew.close()

    def take_failures(self) -> list[Failure]:
        """What went wrong since the last call."""
        return self.failures.take()

    def _note(self, faults: Sequence[Fault]) -> None:
        for fault in faults:
            game = fault.game
            variant = self.family.space.variants(self.variants[game : game + 1])[0]
            place = int(self.seeds[game]), int(self.episodes[game]), int(self.steps[game])
            self.failures.note(
                fault.kind, self.family.name, variant, place, fault.text, fault.traceback, counts=fault.kind != LEAKED
            )
