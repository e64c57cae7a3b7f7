"""Guarded rules refuse what leaves an array, and nothing else."""

# mypy: disable-error-code="arg-type, type-var"

from dataclasses import replace

import numpy as np
import pytest

from cases.families.digging import dig, step
from gameagent_games import Family, Simulator, load_family
from gameagent_games.errors import RuleError
from gameagent_games.registry import built_in_names
from gameagent_games.sources.guarded_rules import Guard, guard_rules

ALLOWED = {  # on an observation of three entries and state.dug, an array of three
    "slices": "observation[:] = 0.0; observation[0:9] = 1.0; observation[1:] = state.dug[1:]",
    "from the end": "observation[-1] = 1.0; observation[-3] = 0.5; state.dug[state.x - 3] = 0",
    "numpy": "observation[:] = np.clip(state.dug * 0.5 + variant.ore, 0.0, 1.0); observation[np.argmax(state.dug)] = 1",
    "loops": "observation[:] = 0.0; observation[0] = len(state.dug) / 3 + sum([float(d) for d in state.dug])",
    "masks": "observation[state.dug >= 0] = 1.0",
    "numpy's integers": "observation[np.int32(2)] = 1.0; observation[np.uint8(0)] = 0.0",
}
REFUSED = {
    "observation[3] = 1.0": "observation[3] is out of range, expected 0 to 2",
    "observation[-4] = 1.0": "observation[-4] is out of range, expected 0 to 2",
    "observation[0] = state.dug[7]": "state.dug[7] is out of range, expected 0 to 2",
    "observation[0] = variant.ore[np.int64(3)]": "variant.ore[3] is out of range, expected 0 to 2",
    "observation[0, 0] = 1.0": "observation[0, 0] has 2 indices, but observation has 3 entries",
    "observation[0.0] = 1.0": "observation[0.0]: 0.0 is a float, expected a whole number",
    "observation[state.dug[0:1][2]] = 1.0": "state.dug[0:1][2] is out of range, expected 0 to 0",
    "state.dug = 'x'": "state.dug cannot hold 'x'",
    "state.x = 2**70": "state.x cannot hold",
    "state.depth = 1": "state has no field 'depth'; its fields are x, dug",
}


def observing(source: str) -> Family:
    """The digging game with an `observe` of one line."""
    names = {"np": np}
    exec(f"def observe(state, variant, seat, observation):\n    {source}\n", names)
    return dig(observe=names["observe"], step=step)


def started(family: Family) -> Simulator:
    guarded = replace(family, source=guard_rules(family.source, family.space, Guard()))
    games = Simulator(guarded, 1, compiled=False)
    games.reset(family.space.sample(1, 0, "all"), np.zeros(1, np.int64))
    return games


@pytest.mark.parametrize("source", ALLOWED.values(), ids=ALLOWED)
def test_what_stays_within_an_array_is_left_alone(source: str) -> None:
    """And does what it does unguarded."""
    family = observing(source)
    plain = Simulator(family, 1, compiled=False)
    plain.reset(family.space.sample(1, 0, "all"), np.zeros(1, np.int64))
    np.testing.assert_array_equal(started(family).observations, plain.observations)


@pytest.mark.parametrize(("source", "words"), REFUSED.items(), ids=REFUSED)
def test_what_leaves_an_array_or_a_record_is_refused(source: str, words: str) -> None:
    with pytest.raises(RuleError) as raised:
        started(observing(source))
    assert words in str(raised.value)


@pytest.mark.parametrize("name", [*built_in_names(), "two_seat_families:NIM"])
def test_guarded_games_go_as_unguarded_ones(name: str) -> None:
    family = load_family(name)
    plain, guarded = (
        Simulator(one, 3, compiled=False)
        for one in (family, replace(family, source=guard_rules(family.source, family.space, Guard())))
    )
    generator = np.random.default_rng(0)
    for games in (plain, guarded):
        games.reset(family.space.sample(3, 0, "all"), np.arange(3))
    for _ in range(40):
        actions = family.random_actions(generator, 3)
        for games in (plain, guarded):
            games.step(actions)
        np.testing.assert_array_equal(plain.observations, guarded.observations)
        np.testing.assert_array_equal(plain.rewards, guarded.rewards)
        assert plain.states.tobytes() == guarded.states.tobytes()


def test_families_of_this_package_alone_run_without_bounds_checks() -> None:
    assert load_family("forage").source.is_trusted
    assert not dig().source.is_trusted
    assert not replace(load_family("forage").source, step=step).is_trusted
