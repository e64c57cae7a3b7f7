"""Exact Bayes-optimal play of a small game by dynamic programming over what a player can know.

A *knowledge* is a hashable value that holds all that a player knows, the visible state included. The game is handed
over as a function from a knowledge and an action to its outcomes, written down without the rules under test; the policy
that comes back is then played through the real simulator, where its mean return must be the value found here.
"""

# mypy: disable-error-code="no-any-return"

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from gameagent_games import Family, Simulator

Knowledge = Hashable


class Outcome(NamedTuple):
    """One thing that may happen at a step.

    Attributes:
        chance: How likely it is.
        reward: What the step pays.
        known: What the player knows afterwards.
        ended: Whether the episode is terminated.
    """

    chance: float
    reward: float
    known: Any
    ended: bool = False


Outcomes = Callable[[Any, int], list[Outcome]]


@dataclass
class Search:
    """The value and the policy of Bayes-optimal play of a trial.

    Attributes:
        value: Mean return of the trial.
        places: Number of each knowledge.
        best: The best action by (steps done in the trial's episodes, knowledge): ``best[episode][step][place]``.
    """

    value: float
    places: dict[Knowledge, int]
    best: list[list[np.ndarray]]


def search(
    first: Any,
    outcomes: Outcomes,
    restart: Callable[[Any], Any],
    num_actions: int,
    max_steps: int,
    num_episodes: int,
) -> Search:
    """Solves a trial by backward induction.

    Args:
        first: What is known at the start of the trial.
        outcomes: What may come of an action; chances sum to 1, and reward and end tell them apart.
        restart: What is known at the start of an episode, from what was known at the end of the one before.
        num_actions: Number of actions.
        max_steps: Time limit of an episode.
        num_episodes: Episodes of the trial.
    """
    places, table, known = {first: 0}, [], [first]
    for place in known:  # grows meanwhile
        row = [outcomes(place, action) for action in range(num_actions)]
        for after in [one.known for found in row for one in found]:
            for reached in (after, restart(after)):
                if reached not in places:
                    places[reached] = len(known)
                    known.append(reached)
        table.append(row)
    width = max(len(found) for row in table for found in row)
    chance, reward = np.zeros((2, len(known), num_actions, width))
    after, again, ended = (np.zeros((len(known), num_actions, width), kind) for kind in (np.int32, np.int32, bool))
    for place, row in enumerate(table):
        for action, found in enumerate(row):
            for i, one in enumerate(found):
                chance[place, action, i], reward[place, action, i] = one.chance, one.reward
                after[place, action, i], ended[place, action, i] = places[one.known], one.ended
                again[place, action, i] = places[restart(one.known)]
    assert np.allclose(chance.sum(axis=2), 1.0)
    paid = (chance * reward).sum(axis=2)
    next_episode, best = np.zeros(len(known)), [[np.zeros(0)] * max_steps for _ in range(num_episodes)]
    for episode in reversed(range(num_episodes)):
        fresh = next_episode[again]
        values = next_episode  # of what is known at the time limit, looked up by where one starts again
        for step in reversed(range(max_steps)):
            later = np.where(ended, fresh, values[after]) if step < max_steps - 1 else fresh
            worth = paid + (chance * later).sum(axis=2)
            best[episode][step] = worth.argmax(axis=1).astype(np.int8)
            values = worth.max(axis=1)
        next_episode = values
    return Search(float(next_episode[0]), places, best)


def play(
    family: Family,
    found: Search,
    first: Any,
    outcomes: Outcomes,
    restart: Callable[[Any], Any],
    as_actions: Callable[[int], Any] = lambda action: [action],
) -> np.ndarray:
    """Plays a policy through the simulator, in all variants of a listed space.

    Args:
        family: The game.
        found: The policy.
        first: See `search`.
        outcomes: See `search`.
        restart: See `search`.
        as_actions: The seats' actions of an action.

    Returns:
        Returns of seat 0 by variant and episode, ``(variants, episodes)``. The variants are equally likely.
    """
    records = every_variant(family)
    games = Simulator(family, len(records))
    games.reset(records, np.arange(len(records)))
    known, steps = [first] * len(records), [0] * len(records)
    returns = np.zeros((len(records), family.num_episodes))
    while not games.finished.all():
        episodes, playing = games.episodes.tolist(), np.flatnonzero(~games.finished).tolist()
        actions = family.blank_actions(len(records))
        chosen = {game: int(found.best[episodes[game]][steps[game]][found.places[known[game]]]) for game in playing}
        for game, action in chosen.items():
            actions[game] = as_actions(action)
        games.step(actions)
        for game, action in chosen.items():
            ended, cut = bool(games.terminated[game]), bool(games.truncated[game])
            happened = [
                one.known
                for one in outcomes(known[game], action)
                if one.ended == ended and abs(one.reward - games.rewards[game, 0]) < 1e-9
            ]
            assert len(happened) == 1, (known[game], action, happened)
            returns[game, episodes[game]] += games.rewards[game, 0]
            known[game] = restart(happened[0]) if ended or cut else happened[0]
            steps[game] = 0 if ended or cut else steps[game] + 1
    return returns


def every_variant(family: Family) -> np.ndarray:
    """All variants of a listed space whose rules are independent and uniform, as records."""
    columns = [rule.distribution.all_values()[0] for rule in family.space.rules]  # type: ignore[attr-defined]
    picks = np.meshgrid(*(np.arange(len(column)) for column in columns), indexing="ij")
    records = np.zeros(picks[0].size, family.space.dtype)
    for rule, column, pick in zip(family.space.rules, columns, picks, strict=True):
        records[rule.name] = column[pick.ravel()]
    return records
