"""The batch loops over one set of rules: written once, and bound to each set of rules anew.

Here they are ordinary functions of this module's names. `bind` makes copies whose names mean one set of rules, so that
numba compiles them for these rules, and can keep what it has compiled (see `kept`).
"""

from collections.abc import Callable
from pathlib import Path
from types import FunctionType
from typing import Any, NamedTuple

from gameagent_games.game_rng import begin_episode
from gameagent_games.sources.rules import EVERY_SEAT


class Loops(NamedTuple):
    """The two batch loops of one set of rules."""

    begin: Callable[..., None]
    advance: Callable[..., None]


def _unbound(*arguments: Any) -> Any:
    raise NotImplementedError("loops play the rules that they are bound to")


start = step = observe = legal = turn = _unbound


def look(state: Any, variant: Any, own_size: int, observations: Any, masks: Any, acting: Any) -> None:
    """Shows one game: what every seat sees, what it may do, and whether it acts."""
    mover = turn(state, variant)
    for seat in range(len(acting)):
        acting[seat] = mover in (EVERY_SEAT, seat)
        observe(state, variant, seat, observations[seat, :own_size])
        legal(state, variant, seat, masks[seat])


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
    """See `GameArrays.begin`."""
    for game in which:
        state = states[game]
        begin_episode(state, seeds[game], episodes[game])
        start(state, variants[game])
        look(state, variants[game], own_size, observations[game], masks[game], acting[game])


def advance(
    states: Any, variants: Any, seeds: Any, actions: Any, rewards: Any, terminated: Any, truncated: Any,
    finished: Any, episodes: Any, steps: Any, max_steps: int, last_episodes: Any, auto_start: bool,
    own_size: int, observations: Any, masks: Any, acting: Any,
) -> None:  # fmt: skip
    """See `Games.step`."""
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


def bind(
    rules: dict[str, Callable[..., Any]],
    inner: Callable[[Callable[..., Any]], Callable[..., Any]] = lambda function: function,
    outer: Callable[[Callable[..., Any]], Callable[..., Any]] = lambda function: function,
    file: Path | None = None,
) -> Loops:
    """The loops over one set of rules.

    Args:
        rules: Function by the name that it has in this module: all that are unbound here.
        inner: What becomes of each function that loops call.
        outer: What becomes of the loops themselves.
        file: What the loops are to name as the file that they stand in; None for this one.
    """
    names = globals() | {name: inner(function) for name, function in rules.items()}

    def bound(function: Any) -> Callable[..., Any]:
        code = function.__code__ if file is None else function.__code__.replace(co_filename=str(file))
        return FunctionType(code, names, function.__name__)

    names["look"] = inner(bound(look))
    return Loops(outer(bound(begin)), outer(bound(advance)))
