"""Plays a simulator and refuses, before anything is computed with it, what a game gives that is not a usable number."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gameagent.errors import GameValueError
from gameagent_games.interface import Family
from gameagent_games.sources.rules import Simulator

LARGEST = 1e15
"""Of a reward or an observed value, in size: sums of squares over a rollout still fit float32, which ends at 3.4e38."""


def reset_games(
    simulator: Simulator, variants: NDArray[Any], seeds: NDArray[np.int64], episodes: NDArray[np.int64] | int = 0
) -> None:
    """`Simulator.reset`, its observations checked.

    Raises:
        GameValueError: An observation is not finite, or larger than `LARGEST`.
    """
    simulator.reset(variants, seeds, episodes)
    _check_observations(simulator)


def step_games(simulator: Simulator, actions: NDArray[Any]) -> None:
    """`Simulator.step`, its rewards and observations checked.

    Raises:
        GameValueError: A reward or an observation is not finite, or larger than `LARGEST`; names family, variant, seed,
            episode, step and seat.
    """
    episodes, steps = simulator.episodes.copy(), simulator.steps.copy()
    simulator.step(actions)
    if (place := _unusable(simulator.rewards)) is not None:
        game, seat = place
        what = f"rewards[{seat}]" if simulator.family.num_seats > 1 else "the reward"
        when = f"episode {episodes[game] + 1}, step {steps[game] + 1}"
        raise GameValueError(_message(simulator, what, float(simulator.rewards[game, seat]), game, seat, when))
    _check_observations(simulator)


def _check_observations(simulator: Simulator) -> None:
    if (place := _unusable(simulator.observations)) is not None:
        game, seat, index = place
        steps = int(simulator.steps[game])
        when = f"episode {simulator.episodes[game] + 1}, " + (f"after step {steps}" if steps else "at its start")
        what = f"observation[{index}] ({_feature_at(simulator.family, index)})"
        raise GameValueError(_message(simulator, what, float(simulator.observations[place]), game, seat, when))


def _unusable(values: NDArray[np.floating[Any]]) -> tuple[int, ...] | None:
    """Where the first value stands that is not finite or too large, if there is one."""
    usable = np.abs(values) <= LARGEST  # False for NaN
    if usable.all():
        return None
    return tuple(int(index) for index in np.argwhere(~usable)[0])


def _message(simulator: Simulator, what: str, value: float, game: int, seat: int, when: str) -> str:
    family = simulator.family
    variant = family.space.variants(simulator.variants[game : game + 1])[0]
    rules = ", ".join(f"{name}={value!r}" for name, value in variant.rules.items())
    who = f", seat {family.seat_names[seat]!r}" if family.num_seats > 1 else ""
    return (
        f"family {family.name!r}: {what} is {value:g} in {when}{who}, of the game with seed {simulator.seeds[game]} of "
        f"variant {variant.id} ({rules if len(rules) <= 300 else rules[:300] + ' …'}); expected a finite number of at "
        f"most {LARGEST:g} in size. Mend the family's rules: nothing was learnt from this."
    )


def _feature_at(family: Family, index: int) -> str:
    """Name of the feature that an observation's value belongs to."""
    for feature in family.game_features:
        if index < feature.size:
            return feature.name
        index -= feature.size
    raise IndexError(index)
