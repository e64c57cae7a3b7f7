"""Games that the interpreter plays and numba does not compile, and games whose mistakes are too rare to be met soon."""

# mypy: disable-error-code="assignment, comparison-overlap, name-defined"

import math
from typing import Any

from numba.extending import register_jitable

from cases.families.digging import dig, observe, step
from gameagent_games import uniform

TABLE = {0: 1.0, 1: 2.0, 2: 3.0}


def plain(number: float) -> float:
    return number * 2.0


@register_jitable
def calls_plain(number: float) -> Any:
    return plain(number)


def calls_a_plain_helper(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    rewards[0] = plain(1.0)
    return True


def calls_a_plain_helper_of_a_helper(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    rewards[0] = calls_plain(1.0)
    return True


def reads_a_dict(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    rewards[0] = TABLE[state.x]
    return True


def changes_a_type(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    worth = 1
    if actions[0] == 1:
        worth = "none"
    rewards[0] = 0.0 if worth == "none" else 1.0
    return True


def formats_a_text(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    rewards[0] = len(f"{state.x:.2f}")
    return True


def stores_a_text_rarely(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    if state.x > 100:
        rewards[0] = "much"
    return True


def misspells_a_rule_rarely(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    if state.x > 100:
        rewards[0] = variant.lucky
    return True


def misspells_a_field_rarely(state: Any, variant: Any, seat: int, observation: Any) -> None:
    observe(state, variant, seat, observation)
    if state.x > 100:
        state.y = 1


@register_jitable
def worth_of(variant: Any) -> Any:
    return variant.oar


def misspells_in_a_helper_rarely(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    rewards[0] = worth_of(variant) if state.x > 100 else 0.0
    return True


def uses_an_undefined_name_rarely(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    if state.x > 100:
        rewards[0] = WORTH  # noqa: F821
    return True


def uses_what_numba_lacks(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    rewards[0] = math.fsum((1.0, 2.0))
    return True


PLAIN_HELPER = dig(step=calls_a_plain_helper)
PLAIN_HELPER_OF_A_HELPER = dig(step=calls_a_plain_helper_of_a_helper)
READS_A_DICT = dig(step=reads_a_dict)
CHANGES_A_TYPE = dig(step=changes_a_type)
FORMATS_A_TEXT = dig(step=formats_a_text)
STORES_A_TEXT = dig(step=stores_a_text_rarely)
MISSPELT_RULE = dig(step=misspells_a_rule_rarely)
MISSPELT_FIELD = dig(observe=misspells_a_field_rarely)
MISSPELT_IN_A_HELPER = dig(step=misspells_in_a_helper_rarely)
UNDEFINED_NAME = dig(step=uses_an_undefined_name_rarely)
NUMBA_LACKS = dig(step=uses_what_numba_lacks)

# -- compiled, and wrong in one step of two thousand ------------------------------------------------------------------


@register_jitable
def put(observation: Any, place: int) -> None:
    observation[place] = 1.0


def observes_too_much_rarely(state: Any, variant: Any, seat: int, observation: Any) -> None:
    observe(state, variant, seat, observation)
    put(observation, 3 if state.dug[0] == 7777 else 0)


def pays_a_missing_seat_rarely(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    rewards[1 if uniform(state) < 0.0005 else 0] = 1.0
    return True


def writes_past_the_state_rarely(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    state.dug[3 if uniform(state) < 0.0005 else 0] = 1
    return True


def divides_by_zero_rarely(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    rewards[0] = 1.0 / (state.x - 1) if uniform(state) < 0.0005 else 0.0
    return True


def starts_past_the_state_rarely(state: Any, variant: Any) -> None:
    state.x = 1
    state.dug[:] = 0
    state.dug[3 if uniform(state) < 0.0005 else 0] = 0


def steps_to_a_rare_state(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    step(state, variant, actions, rewards)
    state.dug[0] = 7777 if uniform(state) < 0.0005 else 0
    return False


RARE_OBSERVATION = dig(observe=observes_too_much_rarely, step=steps_to_a_rare_state)
RARE_SEAT = dig(step=pays_a_missing_seat_rarely)
RARE_STATE = dig(step=writes_past_the_state_rarely)
RARE_DIVISION = dig(step=divides_by_zero_rarely)
RARE_START = dig(start=starts_past_the_state_rarely, max_steps=1)
