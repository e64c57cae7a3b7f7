"""Navigation: the 2D navigation benchmark of MAML (Finn et al. 2017), the smallest game with continuous actions."""

import numpy as np

from gameagent_games.families.navigation import rules
from gameagent_games.families.navigation.rules import FARTHEST_GOAL, GOAL_RANGE, LONGEST_MOVE, MAX_STEPS
from gameagent_games.game_rng import state_type
from gameagent_games.interface import Box, Family, Feature, Rules
from gameagent_games.variants.distributions import Uniform
from gameagent_games.variants.variant import Rule, VariantSpace

UNIT = "sides of the goals' square"

NAVIGATION = Family(
    name="navigation",
    summary="walk a plane to a hidden goal, told only how far it is",
    rules=Rules(rules.start, rules.step, rules.observe),
    state=state_type(
        [
            ("x", np.float64),
            ("y", np.float64),
            ("num_moves", np.int64),
            ("path", np.float32, (MAX_STEPS + 1, 2)),
        ]
    ),
    space=VariantSpace(
        (
            Rule(
                "goal",
                Uniform(
                    (-GOAL_RANGE, GOAL_RANGE),
                    shape=(2,),
                    beyond=((-FARTHEST_GOAL, -GOAL_RANGE), (GOAL_RANGE, FARTHEST_GOAL)),
                ),
                unit=UNIT,
                meaning="x and y of the goal; never seen",
            ),
        )
    ),
    features=(
        Feature("position", 2, -LONGEST_MOVE * MAX_STEPS, LONGEST_MOVE * MAX_STEPS, unit=UNIT, meaning="own x and y"),
    ),
    actions=Box(("right", "up"), low=-LONGEST_MOVE, high=LONGEST_MOVE, unit=UNIT),
    max_steps=MAX_STEPS,
    num_episodes=5,
    view="gameagent_games.families.navigation.view:NavigationView",
    training={
        # Small batches and few episodes: three distances are all there is to learn, and then a walk is ten steps.
        "rl2": {
            "num_episodes": 3,
            "num_games": 64,
            "discount": 0.99,
            "gae_lambda": 0.9,
            "reward_scale": 0.2,
            "learning_rate": 1.5e-3,
            "num_epochs": 3,
            "num_minibatches": 8,
            "clip_ratio": 0.1,
            "entropy_start": 0.002,
            "informed_until": 0.7,
            "belief_weight": 0.05,
        },
        "maml": {
            "steps": 8_000_000,
            "polyak": True,  # a return says how far the goal is, a gradient's direction where
            "discount": 0.99,
            "gae_lambda": 0.8,
            "learning_rate": 3e-3,
            "num_epochs": 3,
            "clip_ratio": 0.3,
        },
        "reptile": {
            "steps": 16_000_000,
            "polyak": True,
            "discount": 0.99,
            "gae_lambda": 0.8,
            "learning_rate": 3e-3,
        },
    },
)
