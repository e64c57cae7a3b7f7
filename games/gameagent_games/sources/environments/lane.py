"""A lane: neighbouring games of one process, stepped one after the other into arrays that others read."""

import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gameagent_games.sources.environments.adapters import Playable, make_playable, mask_of
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
        self._reader, self._writer = NativeObservations(plan.plan.parts), NativeActions(plan.plan.action)
        self._observations, self._legal = arrays["observations"], arrays["legal_actions"]
        self._acting, self._rewards, self._chosen = arrays["acting"], arrays["rewards"], arrays["actions"]
        self._terminated, self._truncated = arrays["terminated"], arrays["truncated"]
        self._finished, self._failed, self._seeds = arrays["finished"], arrays["failed"], arrays["seeds"]
        self._episodes, self._last, self._steps = arrays["episodes"], arrays["last_episodes"], arrays["steps"]
        num_games, self._num_seats, _ = self._observations.shape
        self._rows = self._observations.reshape(num_games * self._num_seats, -1)[:, : plan.own_size]  # of every seat
        self._playables: list[Playable | None] = [None] * num_games

    def reset(self, trials: Sequence[Trial]) -> list[Fault]:
        """Starts trials, each with an environment of its own."""
        faults: list[Fault] = []
        games = [trial.game for trial in trials]
        self._seeds[games] = [trial.seed for trial in trials]
        self._episodes[games] = [trial.episode for trial in trials]
        count = self._plan.num_episodes
        self._last[games] = self._episodes[games] + count - 1 if count else np.iinfo(np.int64).max
        for ended in (self._finished, self._failed, self._terminated, self._truncated):
            ended[games] = False
        self._rewards[games] = 0.0
        self._each(faults, games, [partial(self._make, game) for game in games], [trial.rules for trial in trials])
        self._begin(faults, games)
        self._show(faults, games)
        return faults

    def next_episode(self) -> list[Fault]:
        """Starts the current episode of every game that is not finished."""
        faults: list[Fault] = []
        games = np.flatnonzero(~self._finished).tolist()
        self._begin(faults, games)
        self._show(faults, games)
        return faults

    def step(self) -> list[Fault]:
        """Takes the decisions that stand in the actions' array."""
        faults: list[Fault] = []
        self._rewards[:] = 0.0
        self._terminated[:] = self._truncated[:] = False
        playing = np.flatnonzero(~self._finished)
        games = playing.tolist()
        if games:
            self._steps[playing] += 1
            self._each(faults, games, [playable.step for playable in self._of(games)], self._given(playing))
            if games := self._sound(faults, games):
                self._follow(faults, games)
                self._show(faults, games)
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

    def _of(self, games: Sequence[int]) -> list[Playable]:
        """The environments of games that go on."""
        found: list[Any] = [self._playables[game] for game in games]
        return found

    def _each(
        self,
        faults: list[Fault],
        games: Sequence[int],
        calls: Sequence[Callable[[Any], None]],
        arguments: Sequence[Any],
    ) -> None:
        """Makes a call for one game after the other; a game whose call fails is given up."""
        for game, call, argument in zip(games, calls, arguments, strict=True):
            self._busy[0] = game
            try:
                call(argument)
            except Exception as error:  # an environment's own code may raise anything
                self._fail(faults, game, error)
        self._busy[0] = IDLE

    def _fail(self, faults: list[Fault], game: int, error: Exception) -> None:
        wrong = isinstance(error, InputError)
        kind = "gave a wrong observation" if wrong else "raised"
        text = str(error) if wrong else f"{type(error).__name__}: {error}"
        faults.append(Fault(game, kind, text, "".join(traceback.format_exception(error))))
        self.give_up(game)

    def _sound(self, faults: Sequence[Fault], games: list[int]) -> list[int]:
        """Those of some games that have not been given up, where something failed."""
        return [game for game in games if not self._failed[game]] if faults else games

    def give_up(self, game: int) -> None:
        """Ends a game's trial as failed, and leaves nothing of it in the arrays."""
        self._drop(game)
        self._finished[game] = self._failed[game] = True
        self._terminated[game] = self._truncated[game] = False
        self._rewards[game], self._legal[game], self._acting[game] = 0.0, True, True
        self._observations[game, :, : self._plan.own_size] = 0.0

    def _drop(self, game: int) -> None:
        playable, self._playables[game] = self._playables[game], None
        if playable is not None:
            try:
                playable.close()
            except Exception:  # it is given up anyhow
                return

    def _make(self, game: int, rules: Rules) -> None:
        self._drop(game)  # also one of the same variant: what the others remember belongs to a trial
        self._playables[game] = make_playable(self._plan.recipe, rules, self._plan.pictures)

    def _begin(self, faults: list[Fault], games: list[int]) -> None:
        """Starts the current episode of some games, as far as they go on."""
        games = self._sound(faults, games)
        self._steps[games] = 0
        pairs = zip(self._seeds[games].tolist(), self._episodes[games].tolist(), strict=True)
        calls = [playable.reset for playable in self._of(games)]
        self._each(faults, games, calls, [episode_seed(*pair) for pair in pairs])

    def _follow(self, faults: list[Fault], games: list[int]) -> None:
        """Takes over what came of a step, and starts the next episodes."""
        playables, most = self._of(games), self._plan.max_steps
        self._rewards[games] = [playable.rewards for playable in playables]
        steps = self._steps[games].tolist()
        begin = []
        for game, playable, count in zip(games, playables, steps, strict=True):
            if playable.terminated or playable.truncated or count >= most:
                (self._terminated if playable.terminated else self._truncated)[game] = True
                self._episodes[game] += 1
                self._steps[game] = 0
                self._finished[game] = self._episodes[game] > self._last[game]
                if self._plan.auto_start and not self._finished[game]:
                    begin.append(game)
        if begin:
            self._begin(faults, begin)

    def _given(self, playing: NDArray[np.int64]) -> list[list[Any]]:
        """The environments' own actions of some games, by seat."""
        chosen, seats = self._chosen[playing], self._num_seats
        flat = self._writer.to_native_rows(chosen.reshape(len(playing) * seats, *chosen.shape[2:]))
        return [list(own) for own in zip(*[iter(flat)] * seats, strict=True)]

    def _show(self, faults: list[Fault], games: list[int]) -> None:
        """Writes what the seats of some games see and may do, all at once: a fraction of one after the other."""
        games = self._sound(faults, games)
        if not games:
            return
        try:
            self._write(games)
        except Exception:  # what an environment gave may raise anything: find it, and show the others
            self._each(faults, games, [self._write] * len(games), [[game] for game in games])
        if self._plan.masked or self._num_seats > 1:
            games = self._sound(faults, games)
            self._each(faults, games, [self._show_legal] * len(games), games)
        self._refuse_what_is_not_finite(faults, games)

    def _write(self, games: Sequence[int]) -> None:
        """Writes observations to the rows of their seats; zeros for a seat that is out and sees nothing."""
        seen = [one for playable in self._of(games) for one in playable.observations]
        out = [number for number, one in enumerate(seen) if one is None] if self._num_seats > 1 else []
        if len(seen) == len(self._rows) and not out:
            self._reader.write_rows(seen, self._rows)
            return
        written = np.zeros((len(seen), self._plan.own_size), np.float32)
        if not out:
            self._reader.write_rows(seen, written)
        elif len(out) < len(seen):
            inside = [number for number, one in enumerate(seen) if one is not None]
            rows = np.empty((len(inside), self._plan.own_size), np.float32)
            self._reader.write_rows([seen[number] for number in inside], rows)
            written[inside] = rows
        self._observations[games, :, : self._plan.own_size] = written.reshape(len(games), self._num_seats, -1)

    def _refuse_what_is_not_finite(self, faults: list[Fault], games: Sequence[int]) -> None:
        """Looks at all games at once, which costs a fraction of looking at each."""
        if np.isfinite(self._rewards).all() and np.isfinite(self._observations).all():
            return
        for game in games:
            for what, array in (("reward", self._rewards), ("observation", self._observations)):
                broken = ~np.isfinite(array[game])
                if broken.any() and not self._failed[game]:
                    text = f"its {what} has {int(broken.sum())} of {broken.size} values that are NaN or infinite"
                    faults.append(Fault(game, "gave what is not finite", text, ""))
                    self.give_up(game)

    def _show_legal(self, game: int) -> None:
        (playable,) = self._of([game])
        self._acting[game] = playable.acting
        if not self._plan.masked:
            return
        for seat, seen in enumerate(zip(playable.observations, playable.infos, strict=True)):
            legal, mask = self._legal[game, seat], mask_of(*seen)
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
    """The seed that an environment is reset with: below 2^31, as some take no larger one.

    The finalizer of splitmix64 (Steele et al. 2014), in a tenth of the time that numpy's seeds take.
    """
    word = (seed + (episode + 1) * 0x9E3779B97F4A7C15) % 2**64
    word = (word ^ (word >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    word = (word ^ (word >> 27)) * 0x94D049BB133111EB % 2**64
    return (word ^ (word >> 31)) >> 33
