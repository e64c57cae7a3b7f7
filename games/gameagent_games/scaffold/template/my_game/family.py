"""The game as a family: what varies, what the player sees and does, and how long it plays."""

import numpy as np
from gameagent_games import Choice, Family, Feature, Integers, Rule, Rules, VariantSpace, state_type

from my_game import rules

MY_GAME = Family(
    name="my_game",
    summary="cross a river on stepping stones, half of which sink",
    source=Rules(
        rules.start,
        rules.step,
        rules.observe,
        state=state_type(  # what changes during an episode: in rules.py, the fields of `state`
            [
                ("row", np.int64),
                ("side", np.int64),
                ("sunk", np.bool_),
                ("pearls", np.int64, (rules.MAX_ROWS,)),
            ]
        ),
    ),
    space=VariantSpace(  # what varies from trial to trial: in rules.py, the fields of `variant`
        (
            Rule(  # hidden: an agent has to find it out, and remembers it until the trial ends
                "holds",
                Choice(rules.SIDES, shape=(rules.MAX_ROWS,)),  # in rules.py 0 or 1 for each row
                meaning="the stone of each row that holds",
            ),
            Rule(
                "rows",
                Integers(5, rules.MAX_ROWS),
                hidden=False,  # shown: added to what the player sees
                unit="rows",
                meaning="width of the river",
            ),
        )
    ),
    features=(  # what `observe` fills in, in this order
        Feature("row", rules.MAX_ROWS, kind="flags", meaning="1 at the number of rows crossed"),
        Feature("pearl", len(rules.SIDES), kind="flags", meaning="1 at the side of the next row's pearl"),
    ),
    actions=rules.SIDES,  # actions named after arrow keys are played with them, others with the digits 1, 2, 3, ...
    max_steps=rules.MAX_ROWS,
    num_episodes=5,  # of a trial: time to find out the rules, and to make use of them
    view="my_game.view:MyGameView",
)
