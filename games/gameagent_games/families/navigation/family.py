"""Navigation: the 2D navigation benchmark of MAML (Finn et al. 2017), the smallest game with continuous actions."""

import numpy as np

from gameagent_games.families.navigation import rules
from gameagent_games.families.navigation.rules import FARTHEST_GOAL, GOAL_RANGE, LONGEST_MOVE, MAX_STEPS
from gameagent_games.game_rng import state_type
from gameagent_games.interface import Box, Family, Feature
from gameagent_games.sources.rules import Rules
from gameagent_games.variants.distributions import Uniform
from gameagent_games.variants.variant import Rule, VariantSpace

UNIT = "sides of the goals' square"

NAVIGATION = Family(
    name="navigation",
    summary="walk across a plane to a hidden goal, knowing only how far away it is",
    source=Rules(
        rules.start,
        rules.step,
        rules.observe,
        state=state_type(
            [
                ("x", np.float64),
                ("y", np.float64),
                ("num_moves", np.int64),
                ("path", np.float32, (MAX_STEPS + 1, 2)),
            ]
        ),
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
)
