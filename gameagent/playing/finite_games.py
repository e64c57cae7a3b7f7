"""Plays games and refuses, before anything is computed with it, what a game gives that is not a usable number."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gameagent.errors import GameValueError
from gameagent_games.games import Games
from gameagent_games.interface import Family

LARGEST = 1e15
"""Of a reward or an observed value, in size: sums of squares over a rollout still fit float32, which ends at 3.4e38."""


def reset_games(
    games: Games,
    variants: NDArray[Any],
    seeds: NDArray[np.int64],
    episodes: NDArray[np.int64] | int = 0,
    which: NDArray[np.int64] | None = None,
) -> None:
    """`Games.reset`, its observations checked.

    Raises:
        GameValueError: An observation is not finite, or larger than `LARGEST`.
    """
    games.reset(variants, seeds, episodes, which)
    _check_observations(games)


def step_games(games: Games, actions: NDArray[Any]) -> None:
    """`Games.step`, its rewards and observations checked.

    Raises:
        GameValueError: A reward or an observation is not finite, or larger than `LARGEST`; names family, variant, seed,
            episode, step and seat.
    """
    episodes, steps = games.episodes.copy(), games.steps.copy()
    games.step(actions)
    if (place := _unusable(games.rewards)) is not None:
        game, seat = place
        what = f"rewards[{seat}]" if games.family.num_seats > 1 else "the reward"
        when = f"episode {episodes[game] + 1}, step {steps[game] + 1}"
        raise GameValueError(_message(games, what, float(games.rewards[game, seat]), game, seat, when))
    _check_observations(games)


def _check_observations(games: Games) -> None:
    if (place := _unusable(games.observations)) is not None:
        game, seat, index = place
        steps = int(games.steps[game])
        when = f"episode {games.episodes[game] + 1}, " + (f"after step {steps}" if steps else "at its start")
        what = f"observation[{index}] ({_feature_at(games.family, index)})"
        raise GameValueError(_message(games, what, float(games.observations[place]), game, seat, when))


def _unusable(values: NDArray[np.floating[Any]]) -> tuple[int, ...] | None:
    """Where the first value stands that is not finite or too large, if there is one."""
    usable = np.abs(values) <= LARGEST  # False for NaN
    if usable.all():
        return None
    return tuple(int(index) for index in np.argwhere(~usable)[0])


def _message(games: Games, what: str, value: float, game: int, seat: int, when: str) -> str:
    family = games.family
    variant = family.space.variants(games.variants[game : game + 1])[0]
    rules = ", ".join(f"{name}={value!r}" for name, value in variant.rules.items())
    who = f", seat {family.seat_names[seat]!r}" if family.num_seats > 1 else ""
    return (
        f"family {family.name!r}: {what} is {value:g} in {when}{who}, of the game with seed {games.seeds[game]} of "
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
