"""Many games side by side: the batch loop over a family's scalar rules.

Compiled by numba this runs tens of millions of steps a second on one core; uncompiled it runs the very same
functions in the Python interpreter, for a debugger, with the same bits in every array.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numba import config, njit
from numpy.typing import NDArray

from gameagent_games.errors import ActionError, RuleError, VariantError
from gameagent_games.game_rng import begin_episode
from gameagent_games.interface import EVERY_SEAT, Family, Rules
from gameagent_games.sources.compile_errors import compile_error, is_compile_error
from gameagent_games.sources.guarded_rules import Guard, described, guard_rules, quiet
from gameagent_games.variants.distributions.names import named, numbered


class Loops(NamedTuple):
    """The two batch loops of one set of rules."""

    begin: Callable[..., None]
    advance: Callable[..., None]


def _everything_legal(state: Any, variant: Any, seat: int, mask: Any) -> None:
    mask[:] = True


def _every_seat(state: Any, variant: Any) -> int:
    return EVERY_SEAT


@lru_cache(maxsize=64)
def make_loops(rules: Rules, compiled: bool, checked: bool = False) -> Loops:
    """The batch loops over ``rules``, compiled at their first call (a few seconds) or plain Python.

    Loops that are to be compiled with bounds checks are others than those without: see `Simulator`.
    """

    def prepare(function: Any) -> Any:
        # Inlined by force: a call that LLVM keeps costs reference counts on every array handed over (~30 ns).
        return njit(nogil=True, forceinline=True)(function) if compiled else function

    start, step, observe = prepare(rules.start), prepare(rules.step), prepare(rules.observe)
    legal, turn = prepare(rules.legal or _everything_legal), prepare(rules.turn or _every_seat)

    @prepare
    def look(state: Any, variant: Any, own_size: int, observations: Any, masks: Any, acting: Any) -> None:
        mover = turn(state, variant)
        for seat in range(len(acting)):
            acting[seat] = mover in (EVERY_SEAT, seat)
            observe(state, variant, seat, observations[seat, :own_size])
            legal(state, variant, seat, masks[seat])

    @prepare
    def begin(
        which: Any,
        states: Any,
        variants: Any,
        seeds: Any,
        episodes: Any,
        own_size: int,
        observations: Any,
        masks: Any,
        acting: Any,
    ) -> None:
        for game in which:
            state = states[game]
            begin_episode(state, seeds[game], episodes[game])
            start(state, variants[game])
            look(state, variants[game], own_size, observations[game], masks[game], acting[game])

    @prepare
    def advance(
        states: Any, variants: Any, seeds: Any, actions: Any, rewards: Any, terminated: Any, truncated: Any,
        finished: Any, episodes: Any, steps: Any, max_steps: int, last_episodes: Any, auto_start: bool,
        own_size: int, observations: Any, masks: Any, acting: Any,
    ) -> None:  # fmt: skip
        for game in range(len(states)):
            rewards[game, :] = 0.0
            terminated[game] = False
            truncated[game] = False
            if finished[game]:
                continue
            state, variant = states[game], variants[game]
            ended = step(state, variant, actions[game], rewards[game])
            steps[game] += 1
            terminated[game] = ended
            truncated[game] = not ended and steps[game] >= max_steps
            if ended or truncated[game]:
                episodes[game] += 1
                steps[game] = 0
                finished[game] = episodes[game] > last_episodes[game]
                if auto_start and not finished[game]:
                    begin_episode(state, seeds[game], episodes[game])
                    start(state, variant)
            look(state, variant, own_size, observations[game], masks[game], acting[game])

    return Loops(begin, advance)


def is_ours(rules: Rules) -> bool:
    """Whether rules belong to a family of this package, whose tests run them with bounds checks."""
    functions = (rules.start, rules.step, rules.observe, rules.legal, rules.turn)
    return all(
        function is None or function.__module__.startswith("gameagent_games.families.") for function in functions
    )


class RecordView:
    """One record of an array with its fields as attributes: what the interpreter hands to the rules.

    (``numpy.record`` would give copies of array fields, so that writes to them were lost.)
    """

    __slots__ = ("_array", "_index", "_names")

    def __init__(self, array: NDArray[Any], index: int, names: Mapping[str, tuple[str, ...]] | None = None) -> None:
        """``names``, of a variant: its `VariantSpace.names`; comparisons that can never hold are then errors."""
        object.__setattr__(self, "_array", array)
        object.__setattr__(self, "_index", index)
        object.__setattr__(self, "_names", names)

    def __getattr__(self, name: str) -> Any:
        try:
            value = self._array[name][self._index]
        except ValueError:
            raise AttributeError(f"no field {name!r}; the fields are {', '.join(self._array.dtype.names)}") from None
        if self._names is not None and name in self._names:
            return named(value, name, self._names[name])
        if value.ndim:
            return value
        return value.item() if self._names is None else numbered(value.item(), name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in self._array.dtype.names:
            raise AttributeError(f"no field {name!r}; the fields are {', '.join(self._array.dtype.names)}")
        self._array[name][self._index] = value

    def __repr__(self) -> str:
        return f"RecordView({self._array[self._index]})"


class Simulator:
    """N games of one family side by side, each with its own variant and seed.

    An episode that ends is followed by the next one of the same variant at once (``auto_start``), until the
    trial's ``num_episodes`` are over; then the game is finished and further steps leave it alone. Arrays are
    overwritten by the next call: copy what you keep.

    Compiled rules of ours read and write arrays unchecked. Those of other packages are compiled with bounds checks,
    which cost 40 to 230 ns a step on our four families: an index out of range raises `RuleError` and never touches
    foreign memory.

    Attributes:
        observations: float32 ``(N, seats, D)``; what every seat sees now.
        legal_actions: bool ``(N, seats, A)``; all True where the family has no illegal actions, as with a `Box`.
        acting: bool ``(N, seats)``; the seats that act now.
        rewards: float64 ``(N, seats)``; of the last step.
        terminated: bool ``(N,)``; the last step ended an episode by the rules.
        truncated: bool ``(N,)``; the last step ended an episode by the time limit.
        finished: bool ``(N,)``; the trial is over.
        episodes: int64 ``(N,)``; index of the running episode.
        steps: int64 ``(N,)``; steps taken in the running episode.
        states: Records of the family's state type, ``(N,)``.
        variants: Records of the variant type, ``(N,)``.
    """

    def __init__(
        self,
        family: Family,
        num_games: int,
        *,
        num_episodes: int | None = None,
        compiled: bool = True,
        auto_start: bool = True,
        checked: bool | None = None,
    ) -> None:
        """Allocates the games; `reset` starts them.

        Args:
            family: The game.
            num_games: Number of games (N).
            num_episodes: Episodes of a trial; 0 for no end; None for the family's own number.
            compiled: Whether numba compiles the rules; False runs them in the interpreter, and so does a numba that
                is switched off (``NUMBA_DISABLE_JIT=1``).
            auto_start: Whether the next episode of a trial starts in the step that ended the last one.
            checked: Whether compiled rules check the bounds of arrays; None for all but our own families.
        """
        if num_games < 1:
            raise ValueError(f"num_games is {num_games}, expected at least 1")
        self.family = family
        self.num_games = num_games
        self.num_episodes = family.num_episodes if num_episodes is None else num_episodes
        self._auto_start = auto_start
        self._checked = not is_ours(family.rules) if checked is None else checked
        self._prepare(compiled)
        num_seats = family.num_seats
        self.states = np.zeros(num_games, family.state)
        self.variants = np.zeros(num_games, family.space.dtype)
        self.seeds = np.zeros(num_games, np.int64)
        self.observations = np.zeros((num_games, num_seats, family.observation_size), np.float32)
        self.legal_actions = np.ones((num_games, num_seats, family.num_actions), np.bool_)
        self.acting = np.ones((num_games, num_seats), np.bool_)
        self.rewards = np.zeros((num_games, num_seats), np.float64)
        self.terminated = np.zeros(num_games, np.bool_)
        self.truncated = np.zeros(num_games, np.bool_)
        self.finished = np.ones(num_games, np.bool_)
        self.episodes = np.zeros(num_games, np.int64)
        self._last_episodes = np.zeros(num_games, np.int64)
        self.steps = np.zeros(num_games, np.int64)

    def _prepare(self, compiled: bool) -> None:
        self._compiled = compiled and not config.DISABLE_JIT  # type: ignore[attr-defined]
        self._loops = make_loops(self.family.rules, self._compiled, self._compiled and self._checked)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_loops"}  # closures do not pickle

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._prepare(self._compiled)

    def reset(self, variants: NDArray[Any], seeds: NDArray[np.int64], episodes: NDArray[np.int64] | int = 0) -> None:
        """Starts a new trial in every game.

        Args:
            variants: Records of the family's variant type, ``(N,)``.
            seeds: int64 ``(N,)``, each >= 0.
            episodes: Number of the episode that each game starts with, ``(N,)`` or one for all: games of one variant
                and seed that start with episodes 0, 1, 2 … are one trial, played side by side.

        Raises:
            VariantError: Wrong record type or number of variants.
            ValueError: Wrong number of seeds, or a negative one.
        """
        if variants.dtype != self.variants.dtype or variants.shape != (self.num_games,):
            raise VariantError(
                f"got variants {variants.dtype} of shape {variants.shape}, "
                f"expected {self.variants.dtype} of shape ({self.num_games},)"
            )
        if seeds.shape != (self.num_games,) or (seeds < 0).any():
            raise ValueError(f"seeds must be {self.num_games} integers >= 0, got shape {seeds.shape}")
        self.variants[:] = variants
        self.seeds[:] = seeds
        self.episodes[:] = episodes
        self._last_episodes[:] = self.episodes + self.num_episodes - 1 if self.num_episodes else np.iinfo(np.int64).max
        self.finished[:] = False
        self.rewards[:] = 0.0
        self.terminated[:] = False
        self.truncated[:] = False
        shown = self.family.space.encode(self.variants, hidden=False)
        self.observations[:, :, self.family.own_size :] = shown[:, None, :]
        self._begin(np.arange(self.num_games))

    def next_episode(self) -> None:
        """Starts the running episode of every game anew from its seed; for simulators without ``auto_start``."""
        self._begin(np.arange(self.num_games))

    def _begin(self, which: NDArray[np.int64]) -> None:
        self.steps[which] = 0
        self._call(
            self._loops.begin, None,
            which, self._records(self.states), self._records(self.variants), self.seeds, self.episodes,
            self.family.own_size, self.observations, self.legal_actions, self.acting,
        )  # fmt: skip

    def step(self, actions: NDArray[Any]) -> None:
        """Takes one decision of every acting seat in every unfinished game.

        Args:
            actions: int64 ``(N, seats)``, each in [0, A). For a `Box` floats ``(N, seats, A)``, which are clipped to
                the box; the array itself is left as it is. Entries of seats that do not act are ignored.

        Raises:
            ActionError: Wrong shape or type, a discrete action out of range, or a number that is not finite.
            RuleError: Compiled rules raised.
        """
        box = self.family.box
        if box is None:
            self._check_choices(actions)
        else:
            self._check_numbers(actions)
            actions = box.clip(actions)
        self._call(
            self._loops.advance, actions,
            self._records(self.states), self._records(self.variants), self.seeds, actions, self.rewards,
            self.terminated, self.truncated, self.finished, self.episodes, self.steps, self.family.max_steps,
            self._last_episodes, self._auto_start, self.family.own_size, self.observations, self.legal_actions,
            self.acting,
        )  # fmt: skip

    def _call(self, loop: Callable[..., None], actions: NDArray[Any] | None, *arguments: Any) -> None:
        """Runs a loop. Whatever compiling it or the compiled rules raise becomes a `RuleError`."""
        if not self._compiled:
            loop(*arguments)
            return
        before = self._moment() if self._checked else None
        boundscheck = config.BOUNDSCHECK  # type: ignore[attr-defined]
        try:
            if self._checked:
                config.BOUNDSCHECK = 1  # type: ignore[attr-defined]  # holds for helpers, too, unlike njit's option
            loop(*arguments)
        except Exception as error:
            if is_compile_error(error):
                raise compile_error(error, self.family) from error
            if before is not None:
                self._play_again(before, actions)
            raise RuleError(f"the compiled rules raised {described(error)}") from error
        finally:
            config.BOUNDSCHECK = boundscheck  # type: ignore[attr-defined]

    def _moment(self) -> dict[str, NDArray[Any]]:
        names = ("states", "variants", "seeds", "episodes", "_last_episodes", "steps", "finished")
        return {name: getattr(self, name).copy() for name in names}

    def _play_again(self, before: dict[str, NDArray[Any]], actions: NDArray[Any] | None) -> None:
        """Takes a step, or starts the games, again in the interpreter, which raises `RuleError` naming the place."""
        guarded = replace(self.family, rules=guard_rules(self.family, Guard()))
        again = Simulator(guarded, self.num_games, num_episodes=self.num_episodes, compiled=False)
        again._auto_start = self._auto_start
        for name, array in before.items():
            getattr(again, name)[:] = array
        with quiet(divide="raise"):
            again._begin(np.arange(self.num_games)) if actions is None else again.step(actions)

    def _check_choices(self, actions: NDArray[Any]) -> None:
        if actions.shape != self.acting.shape or actions.dtype != np.int64:
            raise ActionError(
                f"got actions {actions.dtype} of shape {actions.shape}, expected int64 of shape {self.acting.shape}"
            )
        if actions.min() < 0 or actions.max() >= self.family.num_actions:
            raise ActionError(
                f"actions span {actions.min()} to {actions.max()}, expected 0 to {self.family.num_actions - 1}"
            )

    def _check_numbers(self, actions: NDArray[Any]) -> None:
        shape = (*self.acting.shape, self.family.num_actions)
        if actions.shape != shape or actions.dtype.kind != "f":
            raise ActionError(f"got actions {actions.dtype} of shape {actions.shape}, expected floats of shape {shape}")
        finite = np.isfinite(actions)
        if not finite.all():
            game, seat, _ = np.argwhere(~finite)[0]
            raise ActionError(
                f"family {self.family.name!r}: seat {self.family.seat_names[seat]!r} of game {game} "
                f"got action {actions[game, seat].tolist()}, expected finite numbers"
            )

    def _records(self, array: NDArray[Any]) -> Any:
        names = self.family.space.names if array is self.variants else None
        return array if self._compiled else [RecordView(array, game, names) for game in range(self.num_games)]
