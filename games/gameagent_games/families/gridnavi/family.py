"""GridNavi: the grid-world benchmark of VariBAD (Zintgraf et al. 2020), with an exact ceiling."""

import numpy as np

from gameagent_games.families.gridnavi import rules
from gameagent_games.families.gridnavi.rules import GOAL_NAMES, SIZE
from gameagent_games.game_rng import state_type
from gameagent_games.interface import Ceiling, Family, Feature
from gameagent_games.sources.rules import Rules
from gameagent_games.variants.distributions import Choice
from gameagent_games.variants.variant import Rule, VariantSpace

GRIDNAVI = Family(
    name="gridnavi",
    summary="find and hold a hidden goal cell on a 5 x 5 grid",
    source=Rules(
        rules.start,
        rules.step,
        rules.observe,
        state=state_type([("x", np.int64), ("y", np.int64), ("goal_x", np.int64), ("goal_y", np.int64)]),
    ),
    space=VariantSpace(
        (
            Rule(
                "goal",
                Choice(GOAL_NAMES),
                unit="cell x,y",
                meaning="the cell that pays; never seen",
            ),
        )
    ),
    features=(
        Feature("position", 2, meaning="own x and y, the grid's width and height being 2"),
        Feature("column", SIZE, 0.0, 1.0, unit="flag", meaning="1 at the column the player stands in"),
        Feature("row", SIZE, 0.0, 1.0, unit="flag", meaning="1 at the row the player stands in"),
    ),
    actions=("noop", "up", "right", "down", "left"),
    max_steps=15,
    num_episodes=4,
    ceiling=Ceiling(37.21, (4.00, 11.07, 11.07, 11.07), 4, "Bayes-optimal play, exact"),
    view="gameagent_games.families.gridnavi.view:GridnaviView",
)
