"""Joint constraints: what they say of a variant is what Python says of it, and spaces keep them everywhere."""

import ast
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

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
    space_from_dict,
    space_to_dict,
)
from gameagent_games.variants.constraints import read_constraint

RULES = (
    Rule("low", Uniform((0.0, 1.0), beyond=((1.0, 2.0),))),
    Rule("high", Uniform((0.0, 1.0))),
    Rule("count", Integers(-3, 3, beyond=(4, 9))),
    Rule("worth", Uniform((-1.0, 1.0), shape=(3,))),
    Rule("order", Permutation(4)),
    Rule("mirrored", Choice((False, True), weights=(3, 1))),
    Rule("weather", Choice(("calm", "hot", "wild"))),
    Rule("items", Choice(("ore", "gem"), shape=(2,))),
    Rule("flags", Choice((False, True), shape=(2,))),
    Rule("limit", Fixed(2)),
)
SPACE = VariantSpace(RULES)

# -- expressions, beside Python's own evaluation of the same text ----------------------------------------------

NUMBERS: st.SearchStrategy[str] = st.deferred(
    lambda: st.one_of(
        st.sampled_from(["low", "high", "count", "limit", "worth[0]", "worth[-1]", "order[2]", "0", "1.5", "-2", "3"]),
        st.tuples(NUMBERS, st.sampled_from("+-*"), NUMBERS).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        st.tuples(NUMBERS, st.sampled_from(["/", "//", "%"]), st.sampled_from(["2", "-1.5", "4"])).map(
            lambda t: f"({t[0]} {t[1]} {t[2]})"
        ),
        NUMBERS.map(lambda n: f"abs({n})"),
        NUMBERS.map(lambda n: f"(-{n})"),
        NUMBERS.map(lambda n: f"({n} ** 2)"),
        st.tuples(st.sampled_from(["min", "max"]), NUMBERS, NUMBERS).map(lambda t: f"{t[0]}({t[1]}, {t[2]})"),
        st.sampled_from(["min(worth)", "max(worth)", "sum(worth)", "sum(flags)", "(mirrored + mirrored)"]),
    )
)
CONDITIONS: st.SearchStrategy[str] = st.deferred(
    lambda: st.one_of(
        st.tuples(NUMBERS, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), NUMBERS).map(" ".join),
        st.tuples(NUMBERS, NUMBERS, NUMBERS).map(lambda t: f"{t[0]} < {t[1]} <= {t[2]}"),
        st.sampled_from(["mirrored", "flags[1]", "weather == 'hot'", 'items[0] != "gem"', "mirrored == True"]),
        st.sampled_from(["weather in ('calm', 'wild')", "count not in [1, 2]", "'gem' in items", "limit in order"]),
        CONDITIONS.map(lambda c: f"not ({c})"),
        st.tuples(CONDITIONS, st.sampled_from(["and", "or"]), CONDITIONS).map(lambda t: f"({t[0]}) {t[1]} ({t[2]})"),
    )
)
RECORDS = SPACE.sample(40, 0, "all")
VARIANTS = [dict(variant.rules) for variant in SPACE.variants(RECORDS)]


@settings(max_examples=60, deadline=None)
@given(CONDITIONS)
def test_a_condition_says_what_python_says(text: str) -> None:
    names = {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}
    assume(names & {rule.name for rule in RULES} and len(list(ast.walk(ast.parse(text)))) < 200 and len(text) < 1000)
    constraint = read_constraint(text, RULES)
    known = {"abs": abs, "min": min, "max": max, "sum": sum}
    expected = [bool(eval(text, {"__builtins__": {}}, known | variant)) for variant in VARIANTS]
    assert constraint.holds(RECORDS).tolist() == expected


def test_a_division_by_zero_is_met_by_no_comparison() -> None:
    records = VariantSpace((Rule("a", Integers(0, 0)),)).sample(2, 0)
    for text, met in (("1 / a > 1", True), ("a / a > 1", False), ("a / a <= 1", False), ("a % a == 0", False)):
        assert (read_constraint(text, (Rule("a", Integers(0, 0)),)).holds(records) == met).all(), text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("low <", "cannot be read: invalid syntax"),
        ("low = high", "cannot be read: invalid syntax"),
        ("", "cannot be read"),
        ("low < high\0", "cannot be read"),
        ("2 < 3", "names no rule; the rules are low, high"),
        ("low + high", "is a number, expected a condition"),
        ("lwo < high", "no rule named 'lwo'; the rules are low, high, .*; did you mean 'low'"),
        ("__import__('os').system('true')", r"has \"__import__\('os'\).system\('true'\)\", expected one of abs"),
        ("low.real < 1", "'low.real' .Attribute., which no constraint may have"),
        ("(lambda: low)() < 1", "expected one of abs"),
        ("[x for x in worth] == low", "ListComp"),
        ("(low if mirrored else high) < 1", "IfExp"),
        ("low < 0.5 & mirrored", "BitAnd.*; write 'and'"),
        ("~mirrored", "Invert.*; write 'not'"),
        ("mirrored is True", "Is.*; write '=='"),
        ("(x := low) < 1", "NamedExpr"),
        ("f'{low}' == 'a'", "JoinedStr"),
        ("worth < 1", r"worth is a list of 3 numbers: take an entry, such as worth\[0\]"),
        ("worth[3] < 1", r"'worth\[3\]', expected an index from 0 to 2"),
        ("worth[0:2] == low", "expected an index"),
        ("worth[count] < 1", "expected an index"),
        ("low[0] < 1", "but low is a number"),
        ("not count", "count is a number, expected a condition"),
        ("mirrored and count", "count is a number, expected a condition"),
        ("mirrored == 1", "compares a flag with a number"),
        ("weather == 1", "compares a text with a number"),
        ("weather == 'hto'", "'hto' is none of the names of rule 'weather': 'calm', 'hot', 'wild'; did you mean 'hot'"),
        ("items[0] in ('ore', 'gme')", "'gme' is none of the names of rule 'items'"),
        ("weather < 'hot'", "only numbers have an order"),
        ("weather + 1 < 2", "weather is a text, expected a number"),
        ("low ** count < 1", "expected a number up to 8 as the exponent"),
        ("low ** 99 < 1", "expected a number up to 8 as the exponent"),
        ("round(low) < 1", r"expected one of abs\(...\), min\(...\)"),
        ("min(low, key=abs) < 1", "expected one of"),
        ("min(low) < 1", "expected an array rule of numbers in min"),
        ("max() < 1", "expected an array rule"),
        ("sum(low) < 1", "expected an array rule of numbers in sum"),
        ("abs(low, high) < 1", "expected one argument"),
        ("low < 1e999", "expected a number below"),
        ("low < 1j", "expected a number below"),
        ("low < None", "expected a number below"),
        ("low in high", "expected a list such as"),
        ("low < 1" + " and low < 1" * 50, "has more than 200 parts"),
        ("low < " + "-" * 990 + "1", "has more than 200 parts"),
        ("low < 1" + " " * 1000, "has 1007 characters"),
        ("(" * 300 + "low" + ")" * 300 + " < 1", "cannot be read"),
        ("low < 1and high < 1", "cannot be read"),
    ],
)  # fmt: skip
def test_anything_else_is_refused_by_name(text: str, message: str) -> None:
    with pytest.raises(VariantError, match=message):
        VariantSpace(RULES, constraints=(text,))


# -- spaces ---------------------------------------------------------------------------------------------------

SPLITS: tuple[Any, ...] = ("train", "validation", "test", "all")
CONSTRAINED = {
    "listed": VariantSpace((Rule("low", Integers(0, 19)), Rule("high", Integers(0, 19))), constraints=("low < high",)),
    "listed, three": VariantSpace(
        (Rule("a", Integers(0, 9)), Rule("b", Integers(0, 9)), Rule("c", Choice(("x", "y", "z")))),
        constraints=("a <= b", "c != 'z' or a > 2"),
    ),
    "numbers": VariantSpace(
        (Rule("low", Uniform((0.0, 1.0))), Rule("high", Uniform((0.0, 1.0))), Rule("far", Integers(0, 9))),
        constraints=("low < high", "far > 3 or low < 0.5"),
    ),
    "values": VariantSpace(
        (Rule("low", Uniform((0.0, 1.0))), Rule("high", Uniform((0.0, 1.0)))), "values", ("low < high",)
    ),
    "pairs": VariantSpace(
        (Rule("low", Uniform((0.0, 1.0))), Rule("high", Uniform((0.0, 1.0)))), "pairs", ("low < high",)
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CONSTRAINED)
def test_every_split_keeps_the_constraints_and_splits_stay_disjoint(name: str) -> None:
    space = CONSTRAINED[name]
    owner: dict[str, str] = {}
    assert space.holds_out
    for split in SPLITS[:3]:
        records = space.sample(3000, 1, split)
        assert space.meets_constraints(records).all()
        assert (space.split_of(records) == split).all()
        for variant in space.variants(records[:300]):
            assert owner.setdefault(variant.id, split) == split
    assert space.meets_constraints(space.sample(3000, 1, "all")).all()
    revealed = space.revealed()
    assert revealed.constraints == space.constraints
    records = space.sample(50, 2, "test")
    assert (revealed.split_of(records) == "test").all()


def shares(space: VariantSpace, name: str, split: Any) -> Any:
    """How often the values of a rule are in each quarter of its range."""
    values, every = (space.sample(20_000, 3, one)[name].astype(float) for one in (split, "all"))
    return np.histogram(values, np.linspace(every.min(), every.max(), 5))[0] / len(values)


@pytest.mark.parametrize("name", ["listed", "listed, three", "numbers"])
def test_margins_of_the_splits_are_as_equal_as_the_constraint_allows(name: str) -> None:
    space = CONSTRAINED[name]
    for rule in space.rules:
        if rule.distribution.dtype.kind == "U":
            continue
        train = shares(space, rule.name, "train")
        for split in ("validation", "test"):
            assert np.abs(shares(space, rule.name, split) - train).max() < 0.08, (rule.name, split)


def test_variants_are_counted_under_the_constraints() -> None:
    assert CONSTRAINED["listed"].num_variants == 190  # 20 * 19 / 2
    assert CONSTRAINED["numbers"].num_variants is None
    many = VariantSpace(
        (Rule("a", Integers(0, 9999)), Rule("b", Integers(0, 9999))), constraints=("a < b",)
    )  # too many to look at one by one
    assert many.num_variants is None and many.holds_out


def test_draws_are_those_of_the_rules_given_the_constraints() -> None:
    low = CONSTRAINED["numbers"].sample(20_000, 0, "all")["low"]
    # the smaller of two uniform numbers has mean 1/3 and lies below 1/2 in 3 of 4 cases; those above it are kept if
    # far > 3, in 6 of 10
    assert np.mean(low < 0.5) == pytest.approx(0.75 / (0.75 + 0.25 * 0.6), abs=0.01)


def test_out_of_range_variants_keep_the_constraints_too() -> None:
    rules = (
        Rule("low", Uniform((0.0, 1.0), beyond=((1.0, 3.0),))),
        Rule("high", Uniform((0.0, 1.5), beyond=((1.5, 2.0),))),
    )
    space = VariantSpace(rules, constraints=("low < high",))
    records = space.sample(500, 0, "out_of_range")
    assert (records["low"] < records["high"]).all() and (space.split_of(records) == "out_of_range").all()


def test_a_variant_that_breaks_a_constraint_is_refused_with_its_values() -> None:
    space = CONSTRAINED["numbers"]
    with pytest.raises(VariantError, match=r"breaks the constraint 'low < high': low = 0\.5, high = 0\.25$"):
        space.records([{"low": 0.5, "high": 0.25, "far": 9}])
    with pytest.raises(VariantError, match=r"constraint 'far > 3 or low < 0\.5': far = 3, low = 0\.75$"):
        space.canonical(Variant({"low": 0.75, "high": 1.0, "far": 3}))
    records = np.zeros(2, space.dtype)
    with pytest.raises(VariantError, match="breaks the constraint"):
        space.split_of(records)


def test_a_constraint_that_is_hardly_ever_met_is_named() -> None:
    rules = (Rule("low", Uniform((0.0, 1.0))), Rule("high", Uniform((2.0, 3.0))))
    with pytest.raises(VariantError, match=r"only 0 of .* combinations .* met least is 'low > high', by 0 %$"):
        VariantSpace(rules, constraints=("low < 0.9", "low > high"))
    with pytest.raises(VariantError, match="each can be met, but hardly ever together"):
        VariantSpace(rules, constraints=("low < 0.4", "low > 0.6"))


def test_constraints_are_part_of_a_space_and_of_its_form_in_files() -> None:
    space = CONSTRAINED["listed"]
    assert space != VariantSpace(space.rules)
    assert space_from_dict(json.loads(json.dumps(space_to_dict(space)))) == space
    assert "constraints" not in space_to_dict(VariantSpace(space.rules))
    for wrong in (("low < high"), (3,)):
        with pytest.raises(VariantError, match="constraints"):
            VariantSpace(space.rules, constraints=wrong)  # type: ignore[arg-type]
