"""The size of pay: games that pay 100 times less or 1,000 times more, and one in which its size is a hidden rule.

Nothing but the unit of reward differs from the game that `make_pay` is given, so a learner's returns should differ by
the factor alone. `BANDIT_CENTI` and `BANDIT_KILO` are the bandit of five arms and ten pulls, which Bayes-optimal play
brings 6.660 wins and uniformly random play 5.0.

In `MIXED_PAY` a win of this bandit pays 0.01, 1, 100 or 1,000, the same through a trial. The size tells nothing about
the arms, so Bayes-optimal play is the bandit's whatever it is. A mean over variants would see the largest size alone:
judge by wins, each trial's return divided by its variant's ``pay``, of which 6.660 are the ceiling and 5.0 are random
play's, in the mean and for each size apart.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
from numba.extending import register_jitable

from gameagent_games.errors import FamilyError
from gameagent_games.families.bandit import family as bandit
from gameagent_games.families.bandit import rules
from gameagent_games.game_rng import state_type
from gameagent_games.interface import Ceiling, Family
from gameagent_games.sources.rules import Rules
from gameagent_games.variants.distributions import Choice
from gameagent_games.variants.variant import Rule, VariantSpace

PAYS = (0.01, 1.0, 100.0, 1000.0)


def make_pay(family: Family, factor: float) -> Family:
    """The same game with every reward, and its ceiling, multiplied.

    Args:
        family: A game of compiled rules.
        factor: Positive and finite.

    Raises:
        FamilyError: The factor is not positive and finite, or the games come from another source than `Rules`.
    """
    if not 0.0 < factor < float("inf"):
        raise FamilyError(f"make_pay: factor is {factor}, expected a positive finite number")
    if not isinstance(family.source, Rules):
        raise FamilyError(f"make_pay: family {family.name!r} does not come from Rules, whose step can be wrapped")
    return replace(
        family,
        name=f"{family.name}_x{factor:g}",
        summary=f"{family.summary}; every reward times {factor:g}",
        source=replace(family.source, step=paying(family.source.step, factor)),
        ceiling=None if family.ceiling is None else scaled(family.ceiling, factor),
    )


def scaled(ceiling: Ceiling, factor: float) -> Ceiling:
    """The ceiling of a game that pays ``factor`` times as much."""
    episodes = None if ceiling.episodes is None else tuple(one * factor for one in ceiling.episodes)
    return replace(ceiling, total=ceiling.total * factor, episodes=episodes)


def paying(step: Callable[..., bool], factor: float) -> Callable[..., bool]:
    """A rule ``step`` whose rewards are multiplied."""
    plain = jitable(step)

    def step_paying(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
        ended = plain(state, variant, actions, rewards)
        for seat in range(len(rewards)):
            rewards[seat] *= factor
        return ended

    return step_paying


@cache
def jitable(step: Callable[..., bool]) -> Callable[..., bool]:
    """A rule that compiled rules may call; each is registered once."""
    registered: Callable[..., bool] = register_jitable(step)
    return registered


def step_mixed(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    """Pulls one arm; a win pays what wins pay in this variant."""
    ended = pull(state, variant, actions, rewards)
    rewards[0] *= variant.pay
    return ended


pull = jitable(rules.step)

BANDIT_CENTI = make_pay(bandit.BANDIT, 0.01)
"""A win pays 0.01."""

BANDIT_KILO = make_pay(bandit.BANDIT, 1000.0)
"""A win pays 1,000."""

MIXED_PAY = replace(
    bandit.BANDIT,
    name="mixed_pay",
    summary=f"{bandit.BANDIT.summary}; what a win pays is hidden, too",
    source=Rules(rules.start, step_mixed, rules.observe, state=state_type([("pulls", np.int64)])),
    space=VariantSpace(
        (*bandit.BANDIT.space.rules, Rule("pay", Choice(PAYS), unit="reward", meaning="what a win pays"))
    ),
    ceiling=scaled(bandit.BANDIT.ceiling, sum(PAYS) / len(PAYS)) if bandit.BANDIT.ceiling else None,
)
"""A win pays one of four sizes; see the module's text for how to judge it."""
