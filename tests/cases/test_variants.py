"""What a Choice hands to the rules, splits with equal margins, small spaces, and rules that vary within a trial."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gameagent_games import (
    Choice,
    Family,
    FamilyError,
    Feature,
    Rule,
    Rules,
    Simulator,
    Uniform,
    VariantSpace,
    check_family,
    read_variants,
    space_from_dict,
    space_to_dict,
    state_type,
    write_variants,
)

# -- a game of one step that pays what its rules say -------------------------------------------------------------


def start(state: Any, variant: Any) -> None:
    state.pulls = 0


def observe(state: Any, variant: Any, seat: int, observation: Any) -> None:
    observation[0] = 1.0


def paying(step: Callable[..., bool], *rules: Rule) -> Family:
    return Family(
        name="paying",
        summary="pays what the rules say",
        source=Rules(start, step, observe, state=state_type([("pulls", np.int64)])),
        space=VariantSpace((*rules, Rule("p", Uniform((0.25, 1.0))))),
        features=(Feature("constant", low=0.0, high=1.0),),
        actions=("a", "b"),
        max_steps=3,
        num_episodes=2,
    )


def pays(family: Family, records: Any, *, compiled: bool) -> np.ndarray:
    games = Simulator(family, len(records), compiled=compiled)
    games.reset(records, np.arange(len(records)))
    games.step(family.blank_actions(len(records)))
    return games.rewards[:, 0].copy()


def failures(family: Family) -> dict[str, str]:
    return {result.name: result.message for result in check_family(family).failures}


# -- numbers -----------------------------------------------------------------------------------------------------


def step_speed(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    rewards[0] = variant.speed
    return True


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize(
    ("values", "dtype"),
    [((10.0, 20.0, 40.0), np.float64), ((40, 10, 20), np.int64), ((10, 20.5, 40), np.float64)],
)
def test_a_choice_of_numbers_pays_its_numbers(values: tuple[float, ...], dtype: Any, compiled: bool) -> None:
    family = paying(step_speed, Rule("speed", Choice(values, beyond=(80,))))
    assert family.space.dtype["speed"] == dtype
    records = family.space.sample(200, 0, "all")
    assert set(pays(family, records, compiled=compiled).tolist()) == set(values)
    assert set(pays(family, family.space.sample(9, 0, "out_of_range"), compiled=compiled).tolist()) == {80.0}
    one = family.space.records([{"speed": values[1], "p": 0.5}])
    assert pays(family, one, compiled=compiled).tolist() == [values[1]]


def test_a_choice_of_numbers_keeps_the_contract() -> None:
    assert not failures(paying(step_speed, Rule("speed", Choice((10.0, 20.0, 40.0)))))


def step_flags(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    rewards[0] = (1.0 if variant.single else 0.0) + (10.0 if variant.several[1] else 0.0) + 100.0 * variant.counts[0]
    return True


@pytest.mark.parametrize("compiled", [False, True])
def test_flags_and_arrays_of_numbers_are_handed_over_as_they_are(compiled: bool) -> None:
    family = paying(
        step_flags,
        Rule("single", Choice((True, False))),
        Rule("several", Choice((True, False), shape=(2,))),
        Rule("counts", Choice((5, 3), shape=(2,))),
    )
    given = [
        {"single": True, "several": [True, False], "counts": [3, 5], "p": 0.5},
        {"single": False, "several": [False, True], "counts": [5, 3], "p": 0.5},
    ]
    records = family.space.records(given)
    assert pays(family, records, compiled=compiled).tolist() == [301.0, 510.0]
    assert [dict(variant.rules) for variant in family.space.variants(records)] == given


# -- names -------------------------------------------------------------------------------------------------------

WEATHER = Rule("weather", Choice(("hot", "cold"), beyond=("schwül",)))
DRINK, MILK = "tea", "milk"


def step_weather(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    rewards[0] = variant.p if variant.weather == "hot" else 5.0 if variant.weather == "schwül" else 0.0
    return True


@pytest.mark.parametrize("compiled", [False, True])
def test_a_choice_of_names_is_compared_by_name(compiled: bool) -> None:
    family = paying(step_weather, WEATHER)
    records = family.space.sample(4000, 0, "all")
    paid = pays(family, records, compiled=compiled)
    assert (paid == np.where(records["weather"] == "hot", records["p"], 0.0)).all()
    assert abs((paid > 0).mean() - 0.5) < 4.5 * np.sqrt(0.25 / 4000)
    assert (pays(family, family.space.sample(5, 0, "out_of_range"), compiled=compiled) == 5.0).all()


def test_a_choice_of_names_keeps_the_contract() -> None:
    assert not failures(paying(step_weather, WEATHER))


def step_drinks(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    for cup in range(3):
        if variant.drinks[cup] == 2:
            rewards[0] += 10.0**cup
    return True


@pytest.mark.parametrize("compiled", [False, True])
def test_an_array_of_names_holds_their_positions(compiled: bool) -> None:
    family = paying(step_drinks, Rule("drinks", Choice(("tea", "milk", "cocoa"), shape=(3,))))
    given = [{"drinks": ["cocoa", "tea", "cocoa"], "p": 0.5}, {"drinks": ["milk", "cocoa", "tea"], "p": 0.5}]
    records = family.space.records(given)
    assert pays(family, records, compiled=compiled).tolist() == [101.0, 10.0]
    assert [dict(variant.rules) for variant in family.space.variants(records)] == given
    assert not failures(family)


def wrong_index(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    rewards[0] = 1.0 if variant.weather == 0 else 0.0
    return True


def wrong_spelling(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    rewards[0] = 1.0 if variant.weather != "hto" else 0.0
    return True


def wrong_side(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    rewards[0] = 1.0 if "hto" == variant.weather else 0.0  # noqa: SIM300
    return True


def wrong_list(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    rewards[0] = 1.0 if variant.weather in ("hot", "warm") else 0.0
    return True


def wrong_truth(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    rewards[0] = 1.0 if variant.weather else 0.0
    return True


def wrong_order(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    rewards[0] = 1.0 if variant.weather > 0 else 0.0
    return True


def wrong_sum(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    rewards[0] = 1.0 + variant.weather
    return True


def wrong_table(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    rewards[0] = (1.0, 2.0)[variant.weather]
    return True


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (wrong_index, "rule 'weather' is compared with 0, expected one of its names: 'hot', 'cold', 'schwül'"),
        (wrong_spelling, "rule 'weather' is compared with 'hto', expected one of its names"),
        (wrong_side, "rule 'weather' is compared with 'hto', expected one of its names"),
        (wrong_list, "rule 'weather' is compared with 'warm', expected one of its names"),
        (wrong_truth, "rule 'weather' is a name, not a number; compare it with == and one of 'hot', 'cold'"),
        (wrong_order, "rule 'weather' is a name, not a number"),
        (wrong_sum, "rule 'weather' is a name, not a number"),
        (wrong_table, "rule 'weather' is a name, not a number"),
    ],
)
def test_a_wrong_use_of_a_name_does_not_pass_the_check(step: Callable[..., bool], words: str) -> None:
    family = paying(step, WEATHER)
    with pytest.raises(FamilyError, match=words):
        pays(family, family.space.sample(8, 0), compiled=False)
    found = failures(family)
    assert words in found["rules_run"]
    assert "\n" not in found["rules_run"]


def wrong_number(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    rewards[0] = 1.0 if variant.speed == "fast" else 0.0
    return True


@pytest.mark.parametrize("values", [(10, 20), (10.0, 20.5)])
def test_a_number_compared_with_a_text_does_not_pass_the_check(values: Any) -> None:
    found = failures(paying(wrong_number, Rule("speed", Choice(values))))
    assert "rule 'speed' is compared with 'fast', but it is a number (" in found["rules_run"]


def wrong_code(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    rewards[0] = 1.0 if variant.drinks[0] == 3 else 0.0
    return True


def wrong_name(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    rewards[0] = 1.0 if variant.drinks[0] == "milk" else 0.0
    return True


def wrong_array(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    rewards[0] = 1.0 if (variant.drinks == "milk").any() else 0.0
    return True


@pytest.mark.parametrize(("step", "given"), [(wrong_code, "3"), (wrong_name, "'milk'"), (wrong_array, "'milk'")])
def test_a_wrong_use_of_an_array_of_names_does_not_pass_the_check(step: Callable[..., bool], given: str) -> None:
    family = paying(step, Rule("drinks", Choice(("tea", "milk", "cocoa"), shape=(2,))))
    words = f"rule 'drinks' is compared with {given}; an array of names holds 0 for 'tea', 1 for 'milk', 2 for 'cocoa'"
    assert words in failures(family)["rules_run"]


# -- weights -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(), (2,)])
@pytest.mark.parametrize("values", [(7, 3, 5), ("x", "y", "z"), (0.5, 0.25, 0.75)])
def test_weights_say_how_likely_each_value_is(values: Any, shape: tuple[int, ...]) -> None:
    distribution = Choice(values, shape=shape, weights=(6, 1, 3))
    drawn = distribution.cells(distribution.draw(np.random.default_rng(1), 30_000)).reshape(-1)
    counts = np.bincount(drawn, minlength=3)
    expected = np.array([0.6, 0.1, 0.3]) * counts.sum()
    assert ((counts - expected) ** 2 / expected).sum() < 18.4  # chi-square of 2 degrees: exceeded once in 10,000


def test_values_beyond_have_no_weights_and_all_come_up() -> None:
    drawn = Choice((1, 2), weights=(1, 99), beyond=(3, 4)).draw(np.random.default_rng(0), 4000, beyond=True)
    assert abs((drawn == 3).mean() - 0.5) < 4.5 * np.sqrt(0.25 / 4000)
    assert set(drawn.tolist()) == {3, 4}


def test_weights_change_neither_ids_nor_encodings() -> None:
    plain, weighted = (
        VariantSpace((Rule("a", Choice(("x", "y"), weights=weights)), Rule("b", Uniform((0.0, 1.0)))))
        for weights in ((), (1, 9))
    )
    given = [{"a": "y", "b": 0.5}, {"a": "x", "b": 0.25}]
    ids = [[variant.id for variant in space.variants(space.records(given))] for space in (plain, weighted)]
    assert ids[0] == ids[1]
    encoded = [space.encode(space.records(given), hidden=True).tolist() for space in (plain, weighted)]
    assert encoded[0] == encoded[1] == [[0.0, 1.0, 0.0], [1.0, 0.0, -0.5]]
    assert plain.hidden_slots == weighted.hidden_slots


@pytest.mark.parametrize("suffix", [".json", ".toml"])
def test_choices_of_every_kind_pass_through_files(tmp_path: Path, suffix: str) -> None:
    space = VariantSpace(
        (
            Rule("weather", Choice(("hot", "cold"), beyond=("schwül",), weights=(0.25, 0.75))),
            Rule("speed", Choice((10, 20.5))),
            Rule("lives", Choice((3, 1)), hidden=False),
            Rule("wrap", Choice((True, False))),
            Rule("drinks", Choice(("tea", "milk"), shape=(2,))),
        )
    )
    assert space_from_dict(json.loads(json.dumps(space_to_dict(space)))) == space
    variants = space.variants(space.sample(20, 0, "all")) + space.variants(space.sample(5, 0, "out_of_range"))
    write_variants(tmp_path / f"v{suffix}", "own", variants)
    assert read_variants(tmp_path / f"v{suffix}", space) == variants
    assert {type(variant.rules["speed"]) for variant in variants} == {int, float}  # 10 stays 10, as it was written
    records = space.records(variants)
    assert (space.revealed().encode(records, hidden=False)[:, 5:7] == (records["lives"][:, None] == [3, 1])).all()
    assert replace(space.rules[1], hidden=False).slots[0].values == (10.0, 20.5)
