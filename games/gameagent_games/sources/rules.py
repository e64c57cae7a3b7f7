"""Rules: games as plain scalar functions over two records, written for **one** game, which numba compiles.

    start(state, variant)                            a new episode; draw what is random with `game_rng`
    step(state, variant, actions, rewards) -> bool   one decision of every seat that acts; True = terminated
    observe(state, variant, seat, observation)       fills a float32 array of `Family.own_size`
    legal(state, variant, seat, mask)                optional: fills a bool array of `Family.num_actions`
    turn(state, variant) -> int                      optional: the seat that acts now, or `EVERY_SEAT`

``actions`` is int64 of ``(num_seats,)``; if actions are continuous (a `Box`) it is float64 of
``(num_seats, num_actions)``, finite and within the box. Only the entries of seats that act are read.
``rewards`` is float64 of ``(num_seats,)`` and arrives as zeros. A time limit is not the rules' business: the
simulator cuts an episode at `Family.max_steps` and reports it as truncated. Helpers that the rules call are
marked with ``numba.extending.register_jitable``, so that the same code also runs uncompiled, in a debugger.

``variant`` has one field per rule, of the rule's own values: a number is a number, a flag a bool, and a name a text
that rules compare by name, ``variant.weather == "hot"`` (see `distributions.Choice`; comparing names costs some
25 ns each, so do it in ``start`` if every step needs the answer). Uncompiled play, and so `check_family`, refuses
a comparison with anything that is not one of the rule's names.

A state does not outlive its episode. What varies from episode to episode of a trial is computed in ``start`` from the
variant, the episode's number ``state.episode`` (from 0) and draws that are the same in every episode of the trial,
`game_rng.trial_uniform`.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from gameagent_games.errors import FamilyError
from gameagent_games.field_types import expect, kind_of
from gameagent_games.game_rng import SIMULATOR_FIELDS

if TYPE_CHECKING:
    from gameagent_games.interface import Family
    from gameagent_games.sources.simulator import Simulator

EVERY_SEAT = -1
"""What ``turn`` returns when all seats act at once."""

PARAMETERS: Final[Mapping[str, tuple[str, ...]]] = {
    "start": ("state", "variant"),
    "step": ("state", "variant", "actions", "rewards"),
    "observe": ("state", "variant", "seat", "observation"),
    "legal": ("state", "variant", "seat", "mask"),
    "turn": ("state", "variant"),
}
"""What each rule is called with."""


@dataclass(frozen=True)
class Rules:
    """A game's rules as functions, and the record that they work on; see the module's text for their contract.

    A `games.Source`: its games are a `simulator.Simulator`.

    Attributes:
        start: Starts an episode.
        step: Takes one decision.
        observe: Writes what a seat sees.
        legal: Marks the legal actions; None if all are legal at all times.
        turn: Says whose turn it is; None if all seats act at once.
        state: Record type of all that changes in an episode (see `game_rng.state_type`).
    """

    start: Callable[..., None]
    step: Callable[..., bool]
    observe: Callable[..., None]
    legal: Callable[..., None] | None = None
    turn: Callable[..., int] | None = None
    _: KW_ONLY
    state: np.dtype[Any]

    def __post_init__(self) -> None:
        """Checks the functions' parameters and the record.

        Raises:
            FamilyError: One of them is not what is expected.
        """
        for name in PARAMETERS:
            if getattr(self, name) is not None or name not in ("legal", "turn"):
                object.__setattr__(self, name, _function(name, getattr(self, name)))
        expect("Rules", "state", self.state, np.dtype, "what state_type([(name, type), ...]) returns")
        if not set(SIMULATOR_FIELDS) <= set(self.state.names or ()):
            raise FamilyError(f"Rules: state lacks {', '.join(SIMULATOR_FIELDS)}; build it with state_type")

    @property
    def has_mask(self) -> bool:
        """Whether some actions can be illegal."""
        return self.legal is not None

    @property
    def takes_turns(self) -> bool:
        """Whether there are steps in which some seat does not act."""
        return self.turn is not None

    @property
    def module(self) -> str:
        """Name of the module that defines the rules."""
        return self.start.__module__

    @property
    def is_trusted(self) -> bool:
        """Whether these are rules of this package's own families, whose tests run them with bounds checks."""
        functions = [getattr(self, name) for name in PARAMETERS]
        return all(one is None or one.__module__.startswith("gameagent_games.families.") for one in functions)

    def make_games(
        self,
        family: "Family",
        num_games: int,
        *,
        num_episodes: int,
        auto_start: bool = True,
        compiled: bool = True,
        checked: bool | None = None,
    ) -> "Simulator":
        """Makes a simulator; ``checked`` as it takes it."""
        from gameagent_games.sources.simulator import Simulator  # numba takes a second to import

        return Simulator(
            family, num_games, num_episodes=num_episodes, auto_start=auto_start, compiled=compiled, checked=checked
        )


def _function(name: str, given: Any) -> Callable[..., Any]:
    """The Python function behind a rule, its parameters checked."""
    function = getattr(given, "py_func", given)  # what numba has compiled: the simulator compiles by itself
    expected = f"a function {name}({', '.join(PARAMETERS[name])})"
    if not inspect.isfunction(function):
        raise FamilyError(f"Rules: {name} is {kind_of(given)}, expected {expected}")
    signature = inspect.signature(function)
    try:
        signature.bind(*PARAMETERS[name])
    except TypeError:
        code, written = function.__code__, f"{function.__name__}({', '.join(signature.parameters)})"
        raise FamilyError(
            f"{code.co_filename}:{code.co_firstlineno}: {written} is given as rules.{name}, expected {expected}"
        ) from None
    return function
