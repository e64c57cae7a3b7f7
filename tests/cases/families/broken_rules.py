"""Games with one mistake each that the interpreter meets at once: what `train`, `evaluate` and `play` must refuse."""

# mypy: disable-error-code="call-arg, name-defined"

import math
import sys
from typing import Any

import numpy as np
from numba import njit

from cases.families.digging import dig, observe, start, step
from gameagent_games import Box, uniform

SEEN = {"now": 0.0}


# -- arrays left ------------------------------------------------------------------------------------------------------


def observes_too_much(state: Any, variant: Any, seat: int, observation: Any) -> None:
    for cell in range(4):
        observation[cell] = 1.0


def observes_far_too_much(state: Any, variant: Any, seat: int, observation: Any) -> None:
    for cell in range(500):
        observation[cell] = 1.0


def reads_past_the_observation(state: Any, variant: Any, seat: int, observation: Any) -> None:
    observe(state, variant, seat, observation)
    observation[0] = observation[3]


def observes_before_the_start(state: Any, variant: Any, seat: int, observation: Any) -> None:
    observe(state, variant, seat, observation)
    observation[-4] = 1.0


def observes_the_other_end(state: Any, variant: Any, seat: int, observation: Any) -> None:
    observe(state, variant, seat, observation)
    observation[state.x - 1] = 0.0


def pays_a_missing_seat(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    rewards[1] = 1.0
    return True


def reads_a_missing_seats_action(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    rewards[0] = actions[1]
    return True


def masks_a_missing_action(state: Any, variant: Any, seat: int, mask: Any) -> None:
    for action in range(4):
        mask[action] = True


def writes_past_the_state(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    state.dug[state.x + 2] = 1
    return False


def reads_past_the_variant(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    rewards[0] = variant.ore[state.x + 2]
    return False


def reads_a_missing_component(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    rewards[0] = actions[0, 2]
    return True


def indexes_with_a_float(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    rewards[0] = variant.ore[state.x / 2]
    return True


def stores_too_many(state: Any, variant: Any, seat: int, observation: Any) -> None:
    observation[:] = np.ones(4)


# -- names ------------------------------------------------------------------------------------------------------------


def reads_a_misspelt_rule(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    rewards[0] = variant.lucky
    return True


def reads_a_missing_field(state: Any, variant: Any, seat: int, observation: Any) -> None:
    observe(state, variant, seat, observation)
    observation[0] = state.position


def writes_a_misspelt_field(state: Any, variant: Any) -> None:
    start(state, variant)
    state.dig = 0


def misspells_in_a_helper(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    rewards[0] = _worth(variant)
    return True


def _worth(variant: Any) -> Any:
    return variant.oar[0]


def uses_an_undefined_name(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    rewards[0] = WORTH  # noqa: F821
    return True


# -- endless ----------------------------------------------------------------------------------------------------------


def starts_for_ever(state: Any, variant: Any) -> None:
    state.x = 0
    while state.x < 1:
        pass


def steps_for_ever(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    while state.x < 100:
        state.dug[0] += 1
    return True


def observes_for_ever(state: Any, variant: Any, seat: int, observation: Any) -> None:
    cell = 0
    while cell < 3:
        observation[cell] = 0.0


def masks_for_ever(state: Any, variant: Any, seat: int, mask: Any) -> None:
    while not mask[0]:
        mask[1] = True


def turns_for_ever(state: Any, variant: Any) -> int:
    seat = 0
    while seat < state.x:
        seat = 0
    return seat


# -- values -----------------------------------------------------------------------------------------------------------


def pays_nan(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    rewards[0] = math.nan if uniform(state) < 0.02 else 0.0
    return True


def pays_infinity(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    rewards[0] = -math.inf
    return True


def observes_nan(state: Any, variant: Any, seat: int, observation: Any) -> None:
    observe(state, variant, seat, observation)
    observation[2] = math.nan


def divides_by_zero(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    rewards[0] = 1.0 / int(state.dug[0])
    return True


def returns_nothing(state: Any, variant: Any, actions: Any, rewards: Any) -> None:
    rewards[0] = 1.0


def returns_a_number(state: Any, variant: Any, actions: Any, rewards: Any) -> int:
    return 1


def pays_a_text(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    rewards[0] = "much"
    return True


def calls_wrongly(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    rewards[0] = _worth(variant, state)
    return True


@njit
def _compiled_place(state: Any) -> Any:
    return state.x


def calls_an_njit_helper(state: Any, variant: Any, seat: int, observation: Any) -> None:
    observe(state, variant, seat, observation)
    observation[0] = _compiled_place(state)


def interrupts(state: Any, variant: Any, actions: Any, rewards: Any) -> None:
    sys.exit(3)


OBSERVES_TOO_MUCH = dig(observe=observes_too_much)
OBSERVES_FAR_TOO_MUCH = dig(observe=observes_far_too_much)
READS_PAST_THE_OBSERVATION = dig(observe=reads_past_the_observation)
OBSERVES_BEFORE_THE_START = dig(observe=observes_before_the_start)
OBSERVES_THE_OTHER_END = dig(observe=observes_the_other_end)
PAYS_A_MISSING_SEAT = dig(step=pays_a_missing_seat)
READS_A_MISSING_SEATS_ACTION = dig(step=reads_a_missing_seats_action)
MASKS_A_MISSING_ACTION = dig(legal=masks_a_missing_action)
WRITES_PAST_THE_STATE = dig(step=writes_past_the_state)
READS_PAST_THE_VARIANT = dig(step=reads_past_the_variant)
READS_A_MISSING_COMPONENT = dig(step=reads_a_missing_component, actions=Box(("dx", "dy")))
INDEXES_WITH_A_FLOAT = dig(step=indexes_with_a_float)
STORES_TOO_MANY = dig(observe=stores_too_many)
READS_A_MISSPELT_RULE = dig(step=reads_a_misspelt_rule)
READS_A_MISSING_FIELD = dig(observe=reads_a_missing_field)
WRITES_A_MISSPELT_FIELD = dig(start=writes_a_misspelt_field)
MISSPELLS_IN_A_HELPER = dig(step=misspells_in_a_helper)
USES_AN_UNDEFINED_NAME = dig(step=uses_an_undefined_name)
STARTS_FOR_EVER = dig(start=starts_for_ever)
STEPS_FOR_EVER = dig(step=steps_for_ever)
OBSERVES_FOR_EVER = dig(observe=observes_for_ever)
MASKS_FOR_EVER = dig(legal=masks_for_ever)
TURNS_FOR_EVER = dig(turn=turns_for_ever)
PAYS_NAN = dig(step=pays_nan)
PAYS_INFINITY = dig(step=pays_infinity)
OBSERVES_NAN = dig(observe=observes_nan)
DIVIDES_BY_ZERO = dig(step=divides_by_zero)
RETURNS_NOTHING = dig(step=returns_nothing)
RETURNS_A_NUMBER = dig(step=returns_a_number)
PAYS_A_TEXT = dig(step=pays_a_text)
CALLS_WRONGLY = dig(step=calls_wrongly)
CALLS_AN_NJIT_HELPER = dig(observe=calls_an_njit_helper)
EXITS = dig(step=interrupts)
NAMED_LIKE_OURS = dig(name="forage", step=step)
