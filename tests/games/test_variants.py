"""Variants, their ids, spaces, splits and files."""

# mypy: disable-error-code="attr-defined"

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tomli_w
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import gameagent_games
from gameagent_games import (
    Choice,
    Fixed,
    Integers,
    Permutation,
    Rule,
    Uniform,
    Variant,
    VariantError,
    VariantSpace,
    load_family,
    read_variants,
    registry,
    space_from_dict,
    space_to_dict,
    write_variants,
)

SPACE = VariantSpace(
    (
        Rule("worth", Uniform((-1.0, -0.25), (0.25, 1.2), shape=(3,), beyond=((1.2, 2.0),)), unit="reward"),
        Rule("gravity", Uniform((0.5, 2.0)), hidden=False, unit="g", meaning="pull downwards"),
        Rule("lives", Integers(1, 5, beyond=(6, 9))),
        Rule("mode", Choice(("calm", "wild"), beyond=("chaos",))),
        Rule("flags", Choice((False, True), shape=(2,))),
        Rule("order", Permutation(4)),
        Rule("limit", Fixed(30)),
    )
)
FAMILIES = registry.built_in_names()
PLAIN: dict[str, Any] = {
    "worth": [0.5, -0.5, 1.0],
    "gravity": 1.0,
    "lives": 3,
    "mode": "calm",
    "flags": [True, False],
    "order": [3, 0, 2, 1],
    "limit": 30,
}


def with_rules(**changes: Any) -> dict[str, Any]:
    return PLAIN | changes


# -- ids ------------------------------------------------------------------------------------------------------


def test_ids_never_change() -> None:
    assert Variant({"goal": "4,4"}).id == "2c71115c3ab6"
    assert Variant(PLAIN).id == "6c308693deee"
    assert Variant({"win_probability": [0.0, 0.25, 0.5, 0.75, 1.0]}).id == "ef16f9f01ff9"


def test_an_id_is_the_hash_of_the_sorted_rules_as_json() -> None:
    assert Variant({"b": 1, "a": [True, 0.5]}).id == Variant({"a": [True, 0.5], "b": 1}).id
    assert Variant({"a": 1}).id != Variant({"a": 1.0}).id
    assert Variant({"a": 1}) != Variant({"a": True})
    assert len({Variant({"a": 1}), Variant({"a": 1}), Variant({"a": 2})}) == 2


def test_numpy_tuples_and_minus_zero_do_not_leak_into_a_variant() -> None:
    variant = Variant({"a": np.float64(0.5), "b": np.array([1, 2]), "c": np.True_, "d": (-0.0, 1), "e": np.int8(3)})
    assert json.dumps(variant.rules) == '{"a": 0.5, "b": [1, 2], "c": true, "d": [0.0, 1], "e": 3}'


@pytest.mark.parametrize("value", [float("nan"), float("inf"), None, {"nested": 1}, object(), 1j])
def test_a_variant_of_other_values_is_refused(value: object) -> None:
    with pytest.raises(VariantError, match="rule 'a'"):
        Variant({"a": value})


def test_what_a_space_returns_is_in_its_own_spelling() -> None:
    given = with_rules(gravity=1, lives=3.0, worth=(0.5, -0.5, 1), order=np.array([3, 0, 2, 1]))
    del given["limit"]
    assert SPACE.canonical(given).id == Variant(PLAIN).id
    assert SPACE.canonical(Variant(given)).rules == PLAIN


# -- records --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("split", ["train", "test", "all"])
def test_records_and_variants_are_the_same(name: str, split: gameagent_games.Split) -> None:
    space = load_family(name).space
    records = space.sample(64, 0, split)
    variants = space.variants(records)
    assert (space.records(variants) == records).all()
    assert [variant.id for variant in space.variants(space.records(variants))] == [variant.id for variant in variants]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (with_rules(gravty=1.0), "no rule named 'gravty'; the rules are .*did you mean 'gravity'"),
        ({name: PLAIN[name] for name in PLAIN if name != "lives"}, "lacks 'lives'"),
        (with_rules(gravity=float("nan")), "rule 'gravity': got nan"),
        (with_rules(gravity=3.0), "rule 'gravity': got 3.0, expected a value of 0.5 to 2.0"),
        (with_rules(worth=[1.0, 1.0]), "rule 'worth': .*a list of 3 values"),
        (with_rules(mode="clam"), "rule 'mode': got 'clam', expected a value of 'calm', 'wild', 'chaos'"),
        (with_rules(limit=31), "rule 'limit': got 31, but this rule is fixed at 30"),
        (["worth"], "a table of rules"),
    ],
)
def test_a_wrong_variant_is_refused_with_the_rule_at_fault(given: Any, words: str) -> None:
    with pytest.raises(VariantError, match=words):
        SPACE.records([given])


@pytest.mark.parametrize(
    "rules",
    [(), (Rule("a", Fixed(1)), Rule("a", Fixed(2))), (Rule("no name", Fixed(1)),)],
    ids=["none", "twice", "name"],
)
def test_an_impossible_space_is_refused(rules: tuple[Rule, ...]) -> None:
    with pytest.raises(VariantError):
        VariantSpace(rules)


def test_encodings_line_up_with_slots() -> None:
    records = SPACE.records([PLAIN])
    hidden = SPACE.encode(records, hidden=True)[0].tolist()
    assert [slot.label for slot in SPACE.shown_slots] == ["gravity"]
    assert SPACE.encode(records, hidden=False)[0].tolist() == pytest.approx([(1.0 - 1.25) / 0.75])
    worth = [(value - 0.1) / 1.1 for value in PLAIN["worth"]]
    flags, order = [0, 1, 1, 0], [0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0]
    assert hidden == pytest.approx([*worth, 0.0, 1, 0, 0, *flags, *order])
    assert len(hidden) == sum(slot.size for slot in SPACE.hidden_slots)
    assert SPACE.revealed().hidden_slots == ()


# -- splits ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("space", [SPACE, load_family("forage").space, load_family("bandit").space])
def test_shares_are_about_80_10_10(space: VariantSpace) -> None:
    splits = space.split_of(space.sample(100_000, 1, "all"))
    for split, share in (("train", 0.8), ("validation", 0.1), ("test", 0.1)):
        assert abs((splits == split).mean() - share) < 0.01


@pytest.mark.parametrize("split", ["train", "validation", "test"])
@pytest.mark.parametrize("name", ["bandit", "forage", "navigation"])
def test_samples_belong_to_their_split_and_depend_on_the_seed_alone(name: str, split: gameagent_games.Split) -> None:
    space = load_family(name).space
    records = space.sample(500, 3, split)
    assert (space.split_of(records) == split).all()
    assert (space.sample(500, 3, split) == records).all()
    assert not (space.sample(500, 4, split) == records).all()


def test_splits_never_change() -> None:
    """A change of these figures is another split: raise ``SCHEME`` with it."""
    grid = VariantSpace((Rule("a", Integers(0, 9)), Rule("b", Choice(tuple("abcdefghij")))))
    cells = grid.records([{"a": a, "b": b} for a in range(10) for b in "abcdefghij"])
    assert np.flatnonzero(grid.split_of(cells) == "test").tolist() == [0, 17, 24, 31, 48, 52, 66, 75, 89, 93]
    line = VariantSpace((Rule("a", Uniform((0.0, 1.0))),))
    places = line.records([{"a": a / 64 + 1e-3} for a in range(64)])
    held_out = {split: np.flatnonzero(line.split_of(places) == split).tolist() for split in ("validation", "test")}
    assert held_out == {"validation": [5, 8, 11, 14, 40, 43, 46, 49], "test": [2, 31, 34, 37]}


def test_out_of_range_is_beyond_in_every_rule_that_has_a_beyond() -> None:
    records = SPACE.sample(2000, 0, "out_of_range")
    assert (SPACE.split_of(records) == "out_of_range").all()
    assert ((records["worth"] > 1.2) & (records["worth"] <= 2.0)).all()
    assert ((records["lives"] >= 6) & (records["lives"] <= 9)).all()
    assert (records["mode"] == "chaos").all()
    assert ((records["gravity"] >= 0.5) & (records["gravity"] <= 2.0)).all()


def test_splits_that_cannot_be_are_refused() -> None:
    with pytest.raises(VariantError, match="choose one of train, validation"):
        SPACE.sample(1, 0, "trian")  # type: ignore[arg-type]
    with pytest.raises(VariantError, match="no rule of this space has values beyond"):
        load_family("bandit").space.sample(1, 0, "out_of_range")
    with pytest.raises(VariantError, match="hold_out is 'combos', expected one of combinations, pairs, values"):
        VariantSpace((Rule("limit", Fixed(1)),), hold_out="combos")  # type: ignore[arg-type]


# -- files ----------------------------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 2**32), st.integers(1, 4), st.sampled_from([".json", ".toml"]), st.booleans())
def test_a_variant_read_back_is_the_one_written(tmp_path: Path, seed: int, num: int, suffix: str, far: bool) -> None:
    variants = SPACE.variants(SPACE.sample(num, seed, "out_of_range" if far else "all"))
    path = tmp_path / f"variants{suffix}"
    write_variants(path, "own", variants)
    assert read_variants(path, SPACE, "own") == variants
    assert [variant.rules for variant in read_variants(path, SPACE)] == [variant.rules for variant in variants]


def test_a_single_variant_may_stand_alone(tmp_path: Path) -> None:
    (tmp_path / "one.toml").write_text('family = "gridnavi"\n[variant]\ngoal = "4,4"\n')
    assert read_variants(tmp_path / "one.toml", load_family("gridnavi").space) == [Variant({"goal": "4,4"})]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("v.yaml", "", "v.yaml: suffix '.yaml', expected .json or .toml"),
        ("missing.json", None, "missing.json: cannot be read: No such file"),
        ("v.json", '{\n"family": "own",\n!}', "v.json: is not valid JSON: .*line 3 column 1"),
        ("v.toml", 'family = "own"\nvariants = ?', "v.toml: is not valid TOML: .*line 2"),
        ("v.json", "[" * 100_000, "v.json: is not valid JSON"),
        ("v.json", "[]", "v.json: expected a table"),
        ("v.json", '{"family": "own", "variants": []}', "at least one table"),
        ("v.json", '{"family": "own", "varaints": []}', "unknown key 'varaints'"),
        ("v.json", '{"family": "other", "variants": [{}]}', "is for the family 'other', expected 'own'"),
        ("v.json", '{"family": "own"}', "either a list 'variants' or a single table 'variant'"),
        ("v.json", '{"family": "own", "variant": 3}', "variant 1: a variant is a table of rules, got 3"),
        ("v.json", '{"family": "own", "variant": {"lives": 1, "lives": 2}}', "key 'lives' occurs twice"),
        ("v.json", '{"family": "own", "variant": {"lives": NaN}}', "variant 1: rule 'lives'"),
        ("v.toml", 'family = "own"\n[[variants]]\nlives = 1979-05-27', "variant 1: rule 'lives'"),
    ],
)
def test_a_broken_file_is_refused_with_name_and_place(tmp_path: Path, name: str, text: str | None, words: str) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(VariantError, match=words):
        read_variants(tmp_path / name, SPACE, "own")


def test_the_second_variant_is_named_when_it_is_at_fault(tmp_path: Path) -> None:
    table = {"family": "own", "variants": [PLAIN, with_rules(gravity=9.0)]}
    (tmp_path / "v.toml").write_text(tomli_w.dumps(table))
    with pytest.raises(VariantError, match=r"v\.toml: variant 2: rule 'gravity': got 9\.0"):
        read_variants(tmp_path / "v.toml", SPACE)


def test_nothing_to_write_is_refused(tmp_path: Path) -> None:
    with pytest.raises(VariantError, match="no variants to write"):
        write_variants(tmp_path / "v.json", "own", [])


@pytest.mark.parametrize("space", [SPACE, *(load_family(name).space for name in FAMILIES)], ids=["own", *FAMILIES])
def test_spaces_pass_through_json_and_toml(space: VariantSpace) -> None:
    table = space_to_dict(space)
    assert space_from_dict(json.loads(json.dumps(table))) == space
    assert space_from_dict(gameagent_games.variants.files.tomllib.loads(tomli_w.dumps(table))) == space


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"distribution": "fixed", "value": 1}, "rule 1: expected a table with a 'name'"),
        ({"name": "a", "distribution": "gauss"}, "rule 'a': no distribution 'gauss'; choose one of uniform, integers"),
        ({"name": "a", "distribution": "fixed", "valeu": 1}, "rule 'a': unknown key 'valeu'"),
        ({"name": "a", "distribution": "fixed"}, "rule 'a': fixed: .*missing.*'value'"),
        ({"name": "a", "distribution": "uniform", "intervals": [[1.0, 0.0]]}, "rule 'a': uniform: .*low must be below"),
        ({"name": "a", "distribution": "uniform", "intervals": [0.0, 1.0]}, "expected an interval"),
        ({"name": "a", "distribution": "uniform", "intervals": 3}, "expected a list of intervals"),
        ({"name": "a", "distribution": "integers", "low": 1, "high": 3, "shape": 2}, "rule's shape is 2"),
        ({"name": "a", "distribution": "integers", "low": 1, "high": 3, "beyond": 2}, "rule 'a': integers"),
        ({"name": "a", "distribution": "choice", "values": 3}, "rule 'a': choice"),
        ({"name": "a", "distribution": "fixed", "value": 1, "hidden": 1}, "'hidden' must be true or false"),
    ],
)
def test_a_wrong_space_is_refused_with_the_rule_at_fault(rule: dict[str, Any], words: str) -> None:
    with pytest.raises(VariantError, match=words):
        space_from_dict({"rules": [rule]})
