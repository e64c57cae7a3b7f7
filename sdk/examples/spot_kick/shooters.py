"""Thousands of people who shoot penalties, each with habits of their own: what the keeper is trained on.

A variant is a shooter, an episode is a match, an action is a dive. Which shot is saved, and what the keeper sees, is
decided by the title's own functions in ``football.py``. Only the shooters are made up here.
"""

from typing import Any

import numpy as np
from gameagent_games import (
    Choice,
    Family,
    Feature,
    Integers,
    Rule,
    Rules,
    Uniform,
    VariantSpace,
    below,
    state_type,
    uniform,
)
from numba.extending import register_jitable

import football

register_jitable(football.result_of)  # numba may compile the title's functions where the rules call them
register_jitable(football.keeper_sees)

# What a shot may follow from: the last one, and the dive that met it.
AFTER = ("own mind", "same again", "other side", "next along", "anywhere else", "where the keeper was not")
MIDDLE = 1
HOME_SHARE = 0.7  # chance that a shooter with a favourite lane takes it; a random lane otherwise
POWER_SPREAD = 0.25  # a shot's power lies within this of the shooter's usual power, small misses likelier


def start(state: Any, variant: Any) -> None:
    state.kick = 0
    state.last_spot = -1
    state.last_power = -1.0
    state.last_result = -1
    state.last_dive = -1
    state.shift = 1 + below(state, football.NUM_SPOTS - 1) if uniform(state) < variant.fickle else 0
    state.lane = next_lane(state, variant)


def step(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    spot = next_spot(state, variant)
    power = min(max(variant.power + POWER_SPREAD * (uniform(state) + uniform(state) - 1.0), 0.0), 1.0)
    result = football.result_of(spot, power, actions[0])
    if result == football.SAVED:
        rewards[0] = 1.0
    state.last_spot = spot
    state.last_power = power
    state.last_result = result
    state.last_dive = actions[0]
    state.kick += 1
    state.lane = next_lane(state, variant)
    return bool(state.kick == football.KICKS)


@register_jitable
def next_lane(state: Any, variant: Any) -> int:
    """The lane that the shooter runs up in, which the keeper sees."""
    if variant.home_lane != "any" and uniform(state) < HOME_SHARE:
        for lane in range(football.NUM_LANES):
            if variant.home_lane == football.LANES[lane]:
                return lane
    return below(state, football.NUM_LANES)


@register_jitable
def next_spot(state: Any, variant: Any) -> int:
    """Where the shooter aims: anywhere on a whim, depending on the last kick's outcome, or at the lane's favourite."""
    if uniform(state) >= variant.discipline:
        return below(state, football.NUM_SPOTS)
    if state.kick > 0 and uniform(state) < variant.sway:
        habit = variant.after_goal if state.last_result == football.GOAL else variant.after_miss
        if habit == "same again":
            return int(state.last_spot)
        if habit == "other side":
            return football.NUM_SPOTS - 1 - int(state.last_spot)
        if habit == "next along":
            return (int(state.last_spot) + int(variant.stride)) % football.NUM_SPOTS
        if habit == "anywhere else":
            return (int(state.last_spot) + 1 + below(state, football.NUM_SPOTS - 1)) % football.NUM_SPOTS
        if habit == "where the keeper was not":
            return football.NUM_SPOTS - 1 if state.last_dive < football.NUM_SPOTS // 2 else 0
    favourite = int(variant.favourite[state.lane if variant.minds_lane else MIDDLE])
    return (favourite + int(state.shift)) % football.NUM_SPOTS


def observe(state: Any, variant: Any, seat: int, observation: Any) -> None:
    seen = football.keeper_sees(state.kick, state.lane, state.last_spot, state.last_power, state.last_result)
    for column in range(len(seen)):
        observation[column] = seen[column]


SPACE = VariantSpace(
    (
        Rule(
            "favourite",
            Choice(football.SPOTS, shape=(football.NUM_LANES,)),
            unit="spot",
            meaning="where the shooter likes to shoot from each lane; the middle one's holds where lanes do not matter",
        ),
        Rule("minds_lane", Choice((False, True)), unit="flag", meaning="whether the favourite depends on the lane"),
        Rule(
            "after_goal",
            Choice(AFTER),
            unit="habit",
            meaning="how a shot follows from a last one that went in",
        ),
        Rule(
            "after_miss",
            Choice(AFTER),
            unit="habit",
            meaning="how a shot follows from a last one that was saved or went over",
        ),
        Rule(
            "stride",
            Integers(1, football.NUM_SPOTS - 1),
            unit="spots",
            meaning="how far along is next along, beginning again at the far left",
        ),
        Rule(
            "fickle",
            Uniform((0.0, 0.25)),
            unit="probability",
            meaning="chance that the favourites of a match are other spots, all shifted alike",
        ),
        Rule(
            "sway",
            Uniform((0.0, 1.0)),
            unit="probability",
            meaning="chance that the last result counts, and not the favourite",
        ),
        Rule(
            "discipline",
            Uniform((0.4, 1.0), beyond=((0.2, 0.4),)),
            unit="probability",
            meaning="chance that a shot follows a habit at all; anywhere on a whim otherwise",
        ),
        Rule(
            "home_lane",
            Choice((*football.LANES, "any")),
            unit="lane",
            meaning="the lane that the shooter mostly takes",
        ),
        Rule(
            "power",
            Uniform((0.35, 0.8), beyond=((0.25, 0.35), (0.8, 0.85))),
            unit="share of full power",
            meaning="how hard the shooter usually shoots",
        ),
    )
)

SHOOTERS = Family(
    name="spot-kick",
    summary="keep goal against somebody whose habits you must find out",
    source=Rules(
        start,
        step,
        observe,
        state=state_type(
            [
                ("kick", np.int64),
                ("lane", np.int64),
                ("last_spot", np.int64),
                ("last_power", np.float64),
                ("last_result", np.int64),
                ("last_dive", np.int64),
                ("shift", np.int64),
            ]
        ),
    ),
    space=SPACE,
    features=(
        Feature("kick", 1, 0.0, 1.0, unit="matches", meaning="share of the match that is over"),
        Feature("lane", football.NUM_LANES, 0.0, 1.0, unit="flag", meaning="1 at the lane of the run-up"),
        Feature("last_spot", football.NUM_SPOTS, 0.0, 1.0, unit="flag", meaning="1 where the last shot went"),
        Feature("last_power", 1, 0.0, 1.0, unit="share of full power", meaning="how hard it was"),
        Feature("last_result", 3, 0.0, 1.0, unit="flag", meaning="1 at goal, saved or over"),
    ),
    actions=football.SPOTS,
    max_steps=football.KICKS,
    num_episodes=6,
)
