"""The Bernoulli bandit: the smallest game whose best player must explore."""

import numpy as np

from gameagent_games.families.bandit import rules
from gameagent_games.game_rng import state_type
from gameagent_games.interface import Ceiling, Family, Feature
from gameagent_games.sources.rules import Rules
from gameagent_games.variants.distributions import Uniform
from gameagent_games.variants.variant import Rule, VariantSpace

BAYES_OPTIMAL = {(5, 10): 6.660, (10, 10): 6.714, (50, 10): 6.714, (5, 100): 78.9, (10, 100): 83.8, (50, 100): 85.6}
"""Mean total reward of the Bayes-optimal player by (arms, pulls), p ~ U[0, 1]; Duan et al. 2016, table 1, and
Gittins-index calculations."""


def make_bandit(num_arms: int, num_pulls: int) -> Family:
    """A Bernoulli bandit of ``num_arms`` arms whose trial has ``num_pulls`` episodes of one pull each."""
    ceiling = BAYES_OPTIMAL.get((num_arms, num_pulls))
    return Family(
        name="bandit" if (num_arms, num_pulls) == (5, 10) else f"bandit-{num_arms}-{num_pulls}",
        summary=f"{num_arms} arms with hidden win probabilities, {num_pulls} pulls",
        source=Rules(rules.start, rules.step, rules.observe, state=state_type([("pulls", np.int64)])),
        space=VariantSpace(
            (
                Rule(
                    "win_probability",
                    Uniform((0.0, 1.0), shape=(num_arms,)),
                    unit="probability",
                    meaning="chance that a pull of each arm wins",
                ),
            )
        ),
        features=(Feature("constant", low=0.0, high=1.0, meaning="always 1: a bandit shows nothing"),),
        actions=tuple(f"arm_{arm}" for arm in range(num_arms)),
        max_steps=1,
        num_episodes=num_pulls,
        ceiling=None if ceiling is None else Ceiling(ceiling, None, num_pulls, "Bayes-optimal play"),
        view="gameagent_games.families.bandit.view:BanditView",
    )


BANDIT = make_bandit(num_arms=5, num_pulls=10)
