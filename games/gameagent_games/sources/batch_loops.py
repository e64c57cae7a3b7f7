"""The batch loops over a family's rules, for `simulator.make_loops`, which gives them the rules that they call.

They are functions without closures, so that numba can keep what it compiles of them.
"""

from typing import Any

from gameagent_games.game_rng import begin_episode
from gameagent_games.sources.rules import EVERY_SEAT


def _not_given(*_: Any) -> Any:
    raise NotImplementedError


start = step = observe = legal = turn = look_at = _not_given


def everything_legal(state: Any, variant: Any, seat: int, mask: Any) -> None:
    """The rule ``legal`` of games that have none."""
    mask[:] = True


def every_seat(state: Any, variant: Any) -> int:
    """The rule ``turn`` of games that have none."""
    return EVERY_SEAT


def look(state: Any, variant: Any, own_size: int, observations: Any, masks: Any, acting: Any) -> None:
    """Fills in what the seats of one game see, may do, and who acts."""
    mover = turn(state, variant)
    for seat in range(len(acting)):
        acting[seat] = mover in (EVERY_SEAT, seat)
        observe(state, variant, seat, observations[seat, :own_size])
        legal(state, variant, seat, masks[seat])


def begin(
    which: Any, states: Any, variants: Any, seeds: Any, episodes: Any, own_size: int, observations: Any, masks: Any,
    acting: Any,
) -> None:  # fmt: skip
    """Starts the current episode of some games; see `simulator.Simulator.begin`."""
    for game in which:
        state = states[game]
        begin_episode(state, seeds[game], episodes[game])
        start(state, variants[game])
        look_at(state, variants[game], own_size, observations[game], masks[game], acting[game])


def advance(
    states: Any, variants: Any, seeds: Any, actions: Any, rewards: Any, terminated: Any, truncated: Any, finished: Any,
    episodes: Any, steps: Any, max_steps: int, last_episodes: Any, auto_start: bool, own_size: int, observations: Any,
    masks: Any, acting: Any,
) -> None:  # fmt: skip
    """Takes one decision in every unfinished game; see `simulator.Simulator.step`."""
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
        look_at(state, variant, own_size, observations[game], masks[game], acting[game])
