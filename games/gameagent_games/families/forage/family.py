"""Forage: a creature on a small grid that must taste to learn what is food and what is poison."""

import numpy as np

from gameagent_games.families.forage import rules
from gameagent_games.families.forage.rules import MAX_SIZE, NUM_ITEMS, NUM_KINDS
from gameagent_games.game_rng import state_type
from gameagent_games.interface import Family, Feature
from gameagent_games.sources.rules import Rules
from gameagent_games.variants.distributions import Choice, Integers, Uniform
from gameagent_games.variants.variant import Rule, VariantSpace

KINDS = ("berry", "mushroom", "beetle", "crystal")
"""Name of each kind of item, in the order of the rules' arrays."""

SPACE = VariantSpace(
    (
        Rule(
            "worth",
            Uniform((-1.0, -0.25), (0.25, 1.2), shape=(NUM_KINDS,), beyond=((-1.8, -1.0), (1.2, 2.0))),
            unit="reward",
            meaning="reward for eating one item of each kind; negative is poison",
        ),
        Rule(
            "mirror",
            Choice(("none", "horizontal", "vertical"), beyond=("both",)),
            unit="axis",
            meaning="along which axis the controls are swapped",
        ),
        Rule("wrap", Choice((False, True)), unit="flag", meaning="whether the grid's edges lead to the opposite side"),
        Rule(
            "slip",
            Uniform((0.0, 0.2), beyond=((0.2, 0.4),)),
            unit="probability",
            meaning="chance that a move goes a quarter turn to the side",
        ),
        Rule(
            "regrows",
            Choice((False, True), shape=(NUM_KINDS,)),
            unit="flag",
            meaning="whether an eaten item of each kind appears again elsewhere",
        ),
        Rule(
            "size",
            Integers(6, 8, beyond=(9, MAX_SIZE)),
            hidden=False,
            unit="cells",
            meaning="cells per side of the grid",
        ),
    )
)

FEATURES = (
    *(
        feature
        for kind in KINDS
        for feature in (
            Feature(f"{kind}_there", low=0.0, unit="flag", meaning=f"1 where a {kind} is left"),
            Feature(f"{kind}_offset", 2, unit="grid widths", meaning=f"right and down to the nearest {kind}"),
            Feature(f"{kind}_side", 2, unit="sign", meaning=f"signs of {kind}_offset"),
        )
    ),
    Feature("just_ate", NUM_KINDS, 0.0, 1.0, unit="flag", meaning="the kind that the last step ate"),
    Feature("position", 2, meaning="own x and y, the grid's width and height being 2"),
    Feature("wall", 4, 0.0, 1.0, unit="flag", meaning="wall or edge above, right, below, left"),
)

FORAGE = Family(
    name="forage",
    summary="eat what is good and leave what is poison, under controls you must find out",
    source=Rules(
        rules.start,
        rules.step,
        rules.observe,
        state=state_type(
            [
                ("x", np.int8),
                ("y", np.int8),
                ("last_kind", np.int8),
                ("flip_x", np.int8),
                ("flip_y", np.int8),
                ("item_x", np.int8, (NUM_ITEMS,)),
                ("item_y", np.int8, (NUM_ITEMS,)),
                ("cells", np.int8, (MAX_SIZE + 1, MAX_SIZE + 1)),
            ]
        ),
    ),
    space=SPACE,
    features=FEATURES,
    actions=("stay", "up", "right", "down", "left"),
    max_steps=32,
    num_episodes=4,
    view="gameagent_games.families.forage.view:ForageView",
)
