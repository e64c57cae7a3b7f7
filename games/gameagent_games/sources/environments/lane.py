"""A lane: neighbouring games of one process, stepped one after the other into arrays that others read."""

import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gameagent_games.sources.environments.adapters import Playable, make_playable
from gameagent_games.sources.environments.recipe import EnvironmentRecipe, Rules
from gameagent_sdk import InputError
from gameagent_sdk.authoring import NativeActions, NativeObservations, PlanSpec

BY_SEAT: Final = ("observations", "legal_actions", "acting", "rewards", "actions")
BY_GAME: Final = ("terminated", "truncated", "finished", "failed", "episodes", "last_episodes", "steps", "seeds")
IDLE: Final = -1  # in `Lane.busy` while no environment's code runs


class Trial(NamedTuple):
    """What a game of a lane plays.

    Attributes:
        game: Its index within the lane.
        rules: Of its variant, by name.
        seed: Of the trial.
        episode: Number of its first episode.
    """

    game: int
    rules: Rules
    seed: int
    episode: int


class Fault(NamedTuple):
    """A failure in the code of one game's environment.

    Attributes:
        game: Its index within the lane.
        kind: See `failures.Failure`.
        text: What happened.
        traceback: Where.
    """

    game: int
    kind: str
    text: str
    traceback: str


@dataclass(frozen=True)
class LanePlan:
    """What a lane must know to play, in any process.

    Attributes:
        recipe: Makes the environments.
        plan: How observations are read and actions made.
        own_size: Values of a row that the environment fills.
        max_steps: Time limit of an episode in steps.
        num_episodes: Of a trial; 0 for no end.
        auto_start: Whether the next episode starts in the step that ended the one before.
        masked: Whether some actions can be illegal.
        pictures: Whether environments should draw, if they can.
    """

    recipe: EnvironmentRecipe
    plan: PlanSpec
    own_size: int
    max_steps: int
    num_episodes: int
    auto_start: bool
    masked: bool
    pictures: bool = False


class Lane:
    """Plays its games. Whatever an environment does wrong ends that game's trial, and no other."""

    def __init__(self, plan: LanePlan, arrays: Mapping[str, NDArray[Any]], busy: NDArray[np.int64]) -> None:
        """Takes the arrays of its games, as `Games` has them, and what else is in `BY_SEAT` and `BY_GAME`.

        Args:
            plan: What is played.
            arrays: By name, ``(games of this lane, …)`` each.
            busy: ``(1,)``; the game whose environment's code runs, or `IDLE`: what is found there after a crash.
        """
        self._plan, self._busy = plan, busy
        self._reader, actions = NativeObservations(plan.plan.parts), NativeActions(plan.plan.action)
        self._to_native = actions.to_native
        self._observations, self._legal = arrays["observations"], arrays["legal_actions"]
        self._acting, self._rewards, self._chosen = arrays["acting"], arrays["rewards"], arrays["actions"]
        self._terminated, self._truncated = arrays["terminated"], arrays["truncated"]
        self._finished, self._failed, self._seeds = arrays["finished"], arrays["failed"], arrays["seeds"]
        self._episodes, self._last, self._steps = arrays["episodes"], arrays["last_episodes"], arrays["steps"]
        self._playables: list[Playable | None] = [None] * len(self._finished)
        self._rules: list[Rules | None] = [None] * len(self._finished)
        self._rows = [[row[: plan.own_size] for row in seats] for seats in self._observations]  # sliced once

    def reset(self, trials: Sequence[Trial]) -> list[Fault]:
        """Starts trials; an environment is made anew unless its variant stays the same."""
        faults: list[Fault] = []
        for trial in trials:
            game = trial.game
            self._seeds[game], self._episodes[game] = trial.seed, trial.episode
            count = self._plan.num_episodes
            self._last[game] = trial.episode + count - 1 if count else np.iinfo(np.int64).max
            self._finished[game] = self._failed[game] = False
            self._terminated[game] = self._truncated[game] = False
            self._rewards[game] = 0.0
            self._guarded(faults, game, self._begin_trial, trial.rules)
        self._refuse_what_is_not_finite(faults, np.array([trial.game for trial in trials], np.int64))
        return faults

    def next_episode(self) -> list[Fault]:
        """Starts the current episode of every game that is not finished."""
        faults: list[Fault] = []
        for game in np.flatnonzero(~self._finished).tolist():
            self._guarded(faults, game, self._begin)
        self._refuse_what_is_not_finite(faults, np.arange(len(self._finished)))
        return faults

    def step(self) -> list[Fault]:
        """Takes the decisions that stand in the actions' array."""
        faults: list[Fault] = []
        self._rewards[:] = 0.0
        self._terminated[:] = self._truncated[:] = False
        playing = np.flatnonzero(~self._finished)
        self._steps[playing] += 1
        for game, actions in zip(playing.tolist(), self._given(playing), strict=True):
            self._guarded(faults, game, self._advance, actions)
        self._refuse_what_is_not_finite(faults, playing)
        return faults

    def picture(self, game: int) -> NDArray[np.uint8] | None:
        """What a game's environment draws; None if it does not."""
        playable = self._playables[game]
        if playable is None or not self._plan.pictures or getattr(playable.environment, "render_mode", None) is None:
            return None
        try:
            drawn = np.asarray(playable.environment.render())
        except Exception:  # a picture is no reason to stop a game
            return None
        return drawn.astype(np.uint8) if drawn.ndim == 3 and drawn.shape[2] == 3 else None

    def close(self) -> None:
        """Closes every environment, whatever they do."""
        for game in range(len(self._playables)):
            self._drop(game)

    def _guarded(self, faults: list[Fault], game: int, call: Any, *arguments: Any) -> None:
        self._busy[0] = game
        try:
            call(game, *arguments)
        except InputError as error:
            self._fail(faults, game, "gave a wrong observation", error)
        except Exception as error:  # an environment's own code may raise anything
            self._fail(faults, game, "raised", error)
        self._busy[0] = IDLE

    def _fail(self, faults: list[Fault], game: int, kind: str, error: Exception) -> None:
        text = str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
        faults.append(Fault(game, kind, text, "".join(traceback.format_exception(error))))
        self.give_up(game)

    def give_up(self, game: int) -> None:
        """Ends a game's trial as failed, and leaves nothing of it in the arrays."""
        self._drop(game)
        self._finished[game] = self._failed[game] = True
        self._terminated[game] = self._truncated[game] = False
        self._rewards[game], self._legal[game], self._acting[game] = 0.0, True, True
        self._observations[game, :, : self._plan.own_size] = 0.0

    def _drop(self, game: int) -> None:
        playable, self._playables[game], self._rules[game] = self._playables[game], None, None
        if playable is not None:
            try:
                playable.close()
            except Exception:  # it is given up anyhow
                return

    def _begin_trial(self, game: int, rules: Rules) -> None:
        self._drop(game)  # also one of the same variant: what the others remember belongs to a trial
        self._playables[game], self._rules[game] = make_playable(self._plan.recipe, rules, self._plan.pictures), rules
        self._begin(game)

    def _begin(self, game: int) -> None:
        playable = self._playables[game]
        assert playable is not None
        self._steps[game] = 0
        playable.reset(episode_seed(int(self._seeds[game]), int(self._episodes[game])))
        self._show(game, playable)

    def _advance(self, game: int, actions: list[Any]) -> None:
        playable = self._playables[game]
        assert playable is not None
        playable.step(actions)
        self._rewards[game] = playable.rewards
        if playable.terminated:
            self._terminated[game] = True
        elif playable.truncated or self._steps[game] >= self._plan.max_steps:
            self._truncated[game] = True
        else:
            self._show(game, playable)
            return
        self._show(game, playable)
        self._episodes[game] += 1
        self._steps[game] = 0
        self._finished[game] = self._episodes[game] > self._last[game]
        if self._plan.auto_start and not self._finished[game]:
            self._begin(game)

    def _given(self, playing: NDArray[np.int64]) -> list[list[Any]]:
        """The environments' own actions of some games, by seat."""
        chosen = self._chosen[playing]
        by_game: Any = chosen.tolist() if chosen.ndim == 2 else chosen
        return [[self._to_native(action) for action in seats] for seats in by_game]

    def _show(self, game: int, playable: Playable) -> None:
        for row, observation in zip(self._rows[game], playable.observations, strict=True):
            if observation is None:
                row[:] = 0.0
            else:
                self._reader.write(observation, row)
        if self._plan.masked or len(playable.acting) > 1:
            self._acting[game] = playable.acting
            if self._plan.masked:
                self._show_masks(game, playable)

    def _refuse_what_is_not_finite(self, faults: list[Fault], games: NDArray[np.int64]) -> None:
        """Looks at all games at once, which costs a fraction of looking at each."""
        if np.isfinite(self._rewards).all() and np.isfinite(self._observations).all():
            return
        for game in games.tolist():
            for what, array in (("reward", self._rewards), ("observation", self._observations)):
                broken = ~np.isfinite(array[game])
                if broken.any() and not self._failed[game]:
                    text = f"its {what} has {int(broken.sum())} of {broken.size} values that are NaN or infinite"
                    faults.append(Fault(game, "gave what is not finite", text, ""))
                    self.give_up(game)

    def _show_masks(self, game: int, playable: Playable) -> None:
        for seat, mask in enumerate(playable.masks):
            legal = self._legal[game, seat]
            if mask is None:
                legal[:] = True
                continue
            given = np.asarray(mask, bool).reshape(-1)
            if given.shape != legal.shape:
                raise InputError(f"the action mask has shape {np.shape(mask)}, expected {legal.shape}")
            legal[:] = given
            if not given.any():  # nothing can be done: the seat waits
                self._acting[game, seat] = False
                legal[:] = True


def episode_seed(seed: int, episode: int) -> int:
    """The seed that an environment is reset with: below 2^31, as some take no larger one."""
    return int(np.random.SeedSequence([seed, episode]).generate_state(1)[0] >> 1)
