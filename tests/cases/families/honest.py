"""Unusual games in which nothing is wrong."""

# mypy: disable-error-code="no-any-return"

import math
from typing import Any

import numpy as np
from numba.extending import register_jitable

from cases.families.digging import dig, observe, start, step
from gameagent_games import Box, Choice, Feature, Fixed, Rule, Uniform, VariantSpace, state_type, uniform


def starts_nothing(state: Any, variant: Any) -> None:
    pass


def pulls_a_lever(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    """A jackpot falls once in two hundred pulls; every episode is one step long."""
    rewards[0] = 0.1 if actions[0] == 0 else variant.luck
    if uniform(state) < 0.005:
        rewards[0] = 5.0
    return True


def sees_one(state: Any, variant: Any, seat: int, observation: Any) -> None:
    observation[0] = 1.0


ONE = (Feature("one", low=0.0, high=1.0),)
JACKPOT = dig(name="jackpot", step=pulls_a_lever, observe=sees_one, features=ONE, max_steps=1, num_episodes=5)


def draws_in_vain(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    rewards[0] = variant.luck
    if uniform(state) < 1e-12:
        rewards[0] = 1.0
    return True


IN_VAIN = dig(name="in-vain", step=draws_in_vain)


def pays_never(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    return state.x > 100


NO_REWARD = dig(name="no-reward", step=pays_never)


def ends_rarely(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    rewards[0] = variant.luck
    return uniform(state) < 0.01


LONG = dig(name="long", step=ends_rarely, max_steps=10**9)
LIMITED = dig(name="limited", step=pays_never, max_steps=500_000)


def moves_a_little(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    total = 0.0
    for number in range(24):
        total += (actions[0, number] - 0.005 * variant.ore[0]) ** 2
    rewards[0] = 1.0 - total * 1e4 / 24
    state.x = 1 - state.x
    return uniform(state) < 0.1


NARROW_BOX = dig(
    name="narrow-box", step=moves_a_little, actions=Box(tuple(f"a{i}" for i in range(24)), low=-0.01, high=0.01)
)


def pays_every_seat(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    for seat in range(32):
        rewards[seat] = variant.luck if actions[seat] == 1 else 0.0
    state.x = (state.x + 1) % 3
    return False


MANY_SEATS = dig(name="many-seats", step=pays_every_seat, num_seats=32)


def pays_the_first(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    rewards[0] = variant.luck
    rewards[1] = -variant.luck
    return uniform(state) < 0.2


def first_seat(state: Any, variant: Any) -> int:
    return 0


def nobody_else(state: Any, variant: Any, seat: int, mask: Any) -> None:
    for action in range(3):
        mask[action] = seat == 0


IDLE_SEAT = dig(name="idle-seat", step=pays_the_first, turn=first_seat, legal=nobody_else, num_seats=2)


def counts_in_floats(state: Any, variant: Any) -> None:
    state.count = 3.0


def steps_in_floats(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    state.count = state.count - 1.0
    rewards[0] = int(variant.luck)
    return state.count == 0.0


def sees_a_share(state: Any, variant: Any, seat: int, observation: Any) -> None:
    observation[0] = 0.1 * state.count * 1.0000001  # one float32 above the bound, as a sum of roundings may be


FLOATS = dig(
    name="floats", start=counts_in_floats, step=steps_in_floats, observe=sees_a_share,
    state=state_type([("count", np.float64)]), features=(Feature("share", low=0.0, high=0.3),),
)  # fmt: skip


def compares_moods(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    if state.x > 1000 and variant.mood in ("calm", WILD):
        rewards[0] = 1.0
    return variant.mood == "wild"


WILD = "wild"
MOODY = dig(
    name="moody", step=compares_moods,
    space=VariantSpace((Rule("mood", Choice(("calm", "wild"))), Rule("luck", Uniform((0.0, 1.0))))),
)  # fmt: skip


def sees_from_the_end(state: Any, variant: Any, seat: int, observation: Any) -> None:
    observation[-1] = 1.0
    observation[0] = 0.0
    observation[-2] = 1.0


def remembers_in_a_ring(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    state.dug[state.x - 1] = actions[0]
    rewards[0] = state.dug[state.x - 2]
    state.x = (state.x + 1) % 3
    return False


FROM_THE_END = dig(name="from-the-end", step=remembers_in_a_ring, observe=sees_from_the_end)


def cubes(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    state.place = 0.9 * state.place + variant.ore[0] ** 3 + math.hypot(variant.ore[1], variant.ore[2])
    rewards[0] = math.exp(-abs(state.place)) ** 3
    return False


def starts_at_rest(state: Any, variant: Any) -> None:
    state.place = 0.0


CUBES = dig(
    name="cubes", start=starts_at_rest, step=cubes, observe=sees_one, features=ONE,
    state=state_type([("place", np.float64)]),
)  # fmt: skip


@register_jitable
def sieve(limit: int) -> int:
    primes = 0
    for number in range(2, limit):
        is_prime = True
        for divisor in range(2, number):
            if number % divisor == 0:
                is_prime = False
                break
        primes += is_prime
    return primes


def starts_slowly(state: Any, variant: Any) -> None:
    start(state, variant)
    state.x = sieve(1000) % 3


SLOW_START = dig(name="slow-start", start=starts_slowly)


def sees_anything(state: Any, variant: Any, seat: int, observation: Any) -> None:
    observation[0] = 1e6 * variant.luck


UNBOUNDED = dig(name="unbounded", observe=sees_anything, features=(Feature("any", low=-np.inf, high=np.inf),))
FIXED = dig(
    name="fixed",
    step=step,
    observe=observe,
    space=VariantSpace((Rule("ore", Uniform((-1.0, 1.0), shape=(3,))), Rule("luck", Fixed(0.5)))),
)
TWO_VARIANTS = dig(
    name="two-variants",
    space=VariantSpace((Rule("luck", Choice((0.0, 1.0))), Rule("ore", Fixed(0.5)))),
    step=pulls_a_lever, observe=sees_one, features=ONE,
)  # fmt: skip
DETERMINISTIC = dig(name="deterministic", step=pays_never, start=start)
ALL = {family.name: family for family in list(globals().values()) if type(family).__name__ == "Family"}
