"""The games of compiled rules: the batch loops over a family's scalar functions.

Compiled by numba this runs tens of millions of steps a second on one core; uncompiled it runs the very same
functions in the Python interpreter, for a debugger, with the same bits in every array.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
from numba import config, njit
from numpy.typing import NDArray

from gameagent_games.errors import FamilyError, RuleError
from gameagent_games.field_types import kind_of
from gameagent_games.interface import Family
from gameagent_games.sources import loops
from gameagent_games.sources.arrays import GameArrays
from gameagent_games.sources.compile_errors import compile_error, is_compile_error
from gameagent_games.sources.guarded_rules import Guard, described, guard_rules, quiet
from gameagent_games.sources.kept import file_for
from gameagent_games.sources.loops import Loops, bind
from gameagent_games.sources.rules import EVERY_SEAT, Rules
from gameagent_games.variants.distributions.names import named, numbered


def _everything_legal(state: Any, variant: Any, seat: int, mask: Any) -> None:
    mask[:] = True


def _every_seat(state: Any, variant: Any) -> int:
    return EVERY_SEAT


@lru_cache(maxsize=64)
def make_loops(rules: Rules, compiled: bool, checked: bool = False) -> Loops:
    """The batch loops over ``rules``, plain Python or compiled at their first call, unless that is `kept` already.

    Loops that are to be compiled with bounds checks are others than those without: see `Simulator`.
    """
    functions = {
        "start": rules.start,
        "step": rules.step,
        "observe": rules.observe,
        "legal": rules.legal or _everything_legal,
        "turn": rules.turn or _every_seat,
    }
    if not compiled:
        return bind(functions)
    file = file_for(functions | {"loop_begin": loops.begin, "loop_advance": loops.advance}, checked=checked)
    # Inlined by force: a call that LLVM keeps costs reference counts on every array handed over (~30 ns).
    inner = njit(nogil=True, forceinline=True)
    return bind(functions, inner, njit(nogil=True, forceinline=True, cache=file is not None), file)


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


class Simulator(GameArrays):
    """The games of a family of `Rules`; a `games.Games`, which says what its arrays are and what its methods do.

    Compiled rules of ours read and write arrays unchecked. Those of other packages are compiled with bounds checks,
    which cost 40 to 230 ns a step on our four families: an index out of range raises `RuleError` and never touches
    foreign memory.

    Attributes:
        states: Records of the rules' state type, ``(N,)``.
    """

    states: NDArray[Any]

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

        Raises:
            FamilyError: The family's games come from elsewhere.
        """
        super().__init__(family, num_games, family.num_episodes if num_episodes is None else num_episodes, auto_start)
        self.states = np.zeros(num_games, self._rules.state)
        self._checked = not family.is_trusted if checked is None else checked
        self._prepare(compiled)

    @property
    def _rules(self) -> Rules:
        source = self.family.source
        if not isinstance(source, Rules):
            raise FamilyError(f"family {self.family.name!r}: source is {kind_of(source)}, a Simulator plays Rules")
        return source

    def _prepare(self, compiled: bool) -> None:
        self._compiled = compiled and not config.DISABLE_JIT  # type: ignore[attr-defined]
        self._loops = make_loops(self._rules, self._compiled, self._compiled and self._checked)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_loops"}  # closures do not pickle

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._prepare(self._compiled)

    def begin(self, which: NDArray[np.int64]) -> None:
        """Starts the current episode of some games; see `GameArrays.begin`."""
        self._call(
            self._loops.begin, None,
            which, self._records(self.states), self._records(self.variants), self.seeds, self.episodes,
            self.family.own_size, self.observations, self.legal_actions, self.acting,
        )  # fmt: skip

    def step(self, actions: NDArray[Any]) -> None:
        """Takes one decision of every acting seat in every unfinished game; see `Games.step`.

        Raises:
            ActionError: Wrong shape or type, a discrete action out of range, or a number that is not finite.
            RuleError: Compiled rules raised.
        """
        actions = self.checked(actions)
        self._call(
            self._loops.advance, actions,
            self._records(self.states), self._records(self.variants), self.seeds, actions, self.rewards,
            self.terminated, self.truncated, self.finished, self.episodes, self.steps, self.family.max_steps,
            self.last_episodes, self.auto_start, self.family.own_size, self.observations, self.legal_actions,
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
                raise compile_error(error, self._rules, self.family.space) from error
            if before is not None:
                self._play_again(before, actions)
            raise RuleError(f"the compiled rules raised {described(error)}") from error
        finally:
            config.BOUNDSCHECK = boundscheck  # type: ignore[attr-defined]

    def _moment(self) -> dict[str, NDArray[Any]]:
        names = ("states", "variants", "seeds", "episodes", "last_episodes", "steps", "finished")
        return {name: getattr(self, name).copy() for name in names}

    def _play_again(self, before: dict[str, NDArray[Any]], actions: NDArray[Any] | None) -> None:
        """Takes a step, or starts the games, again in the interpreter, which raises `RuleError` naming the place."""
        guarded = replace(self.family, source=guard_rules(self._rules, self.family.space, Guard()))
        again = guarded.make_games(
            self.num_games, num_episodes=self.num_episodes, auto_start=self.auto_start, compiled=False
        )
        for name, array in before.items():
            getattr(again, name)[:] = array
        with quiet(divide="raise"):
            again.next_episode() if actions is None else again.step(actions)

    def _records(self, array: NDArray[Any]) -> Any:
        names = self.family.space.names if array is self.variants else None
        return array if self._compiled else [RecordView(array, game, names) for game in range(self.num_games)]
