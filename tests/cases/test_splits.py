"""Splits: equal margins, nothing held out where nothing can be, and the harder hold-outs. Oracle: counting."""

# mypy: disable-error-code="arg-type, no-any-return"

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, get_args

import numpy as np
import pytest

from gameagent_games import (
    Choice,
    Distribution,
    Family,
    Feature,
    Fixed,
    Integers,
    Permutation,
    Rule,
    Rules,
    Slot,
    Split,
    Uniform,
    VariantError,
    VariantSpace,
    check_family,
    load_family,
    space_from_dict,
    space_to_dict,
    state_type,
)
from gameagent_games.variants.splits import interface as module

HELD_OUT: tuple[Split, ...] = ("validation", "test")
SPLITS: tuple[Split, ...] = ("train", *HELD_OUT)


def space(*distributions: Distribution, hold_out: module.HoldOut = "combinations") -> VariantSpace:
    return VariantSpace(tuple(Rule(f"rule_{i}", one) for i, one in enumerate(distributions)), hold_out)


def names(num: int) -> tuple[str, ...]:
    return tuple(f"name {i}" for i in range(num))


def flags(num: int, **options: Any) -> Choice:
    return Choice((False, True), shape=(num,), **options)


class Bell:
    """A distribution as a user writes one: a normal variable within three deviations, in eight cells of its own."""

    shape: tuple[int, ...] = ()
    dtype = np.dtype(np.float64)
    has_beyond = False

    def draw(self, generator: np.random.Generator, num: int, beyond: bool = False) -> np.ndarray:
        return np.asarray(3.0 * np.tanh(generator.normal(size=num) / 3.0))

    def cells(self, stored: np.ndarray) -> np.ndarray:
        return np.minimum(np.floor((stored + 3.0) / 6.0 * 8), 7).astype(np.int64)[:, None]

    def contains(self, stored: np.ndarray) -> np.ndarray:
        return np.abs(stored) <= 3.0

    def store(self, value: Any) -> np.ndarray:
        return np.array(float(value))

    def show(self, stored: np.ndarray) -> float:
        return float(stored)

    def slots(self, rule: str, unit: str) -> tuple[Slot, ...]:
        return (Slot(rule, None, "scalar", scale=3.0, unit=unit),)

    def encode(self, stored: np.ndarray) -> np.ndarray:
        return (stored[:, None] / 3.0).astype(np.float32)


class Dice(Bell):
    """Of a user's own, too: one of eight numbers, which it cannot list."""

    def draw(self, generator: np.random.Generator, num: int, beyond: bool = False) -> np.ndarray:
        return generator.integers(0, 8, num) / 4.0 - 1.0


class ListedDice(Dice):
    num_values = 8

    def all_values(self) -> tuple[np.ndarray, np.ndarray]:
        return np.arange(8) / 4.0 - 1.0, np.full(8, 1 / 8)


def surprise(first: np.ndarray, second: np.ndarray) -> float:
    """Pearson's chi-square of two samples of small integers, in standard deviations from its mean."""
    counts = np.stack([np.bincount(cells, minlength=1 + max(first.max(), second.max())) for cells in (first, second)])
    counts = counts[:, counts.sum(axis=0) >= 20].astype(float)  # fewer follow no chi-square
    expected = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / counts.sum()
    degrees = max(counts.shape[1] - 1, 1)
    return float((((counts - expected) ** 2 / expected).sum() - degrees) / np.sqrt(2 * degrees))


def columns(space: VariantSpace, records: np.ndarray) -> np.ndarray:
    """Options, places in orders, twentieths of ranges, sixteenths of many whole numbers: ``(num, columns)``."""
    found = []
    for rule in space.rules:
        values = records[rule.name].reshape(len(records), -1)
        if values.dtype.kind == "f" or (isinstance(rule.distribution, Integers) and np.unique(values).size > 70):
            num = 20 if values.dtype.kind == "f" else 16
            low, high = values.min(), values.max() + (values.dtype.kind == "i")
            found.append(np.minimum((values - low) / (high - low) * num, num - 1).astype(np.int64))
        else:
            found.append(np.unique(values, return_inverse=True)[1].reshape(values.shape))
    return np.concatenate(found, axis=1)


HOLD_OUT = {
    "one number": space(Uniform((0.0, 1.0))),
    "a range with a gap": space(Uniform((-1.0, -0.25), (0.25, 1.2))),
    "two numbers": space(Uniform((0.0, 1.0)), Uniform((5.0, 6.0))),
    "an array of five": space(Uniform((0.0, 1.0), shape=(5,))),
    "twenty numbers": space(Uniform((0.0, 1.0), shape=(20,))),
    "a flag and a number": space(flags(1), Uniform((0.0, 1.0))),
    "a weighted name and a number": space(Choice(names(3), weights=(8, 1, 1)), Uniform((0.0, 1.0))),
    "few integers and a number": space(Integers(0, 3, shape=(3,)), Uniform((0.0, 1.0))),
    "an order and a number": space(Permutation(4), Uniform((0.0, 1.0))),
    "a user's own": space(Bell()),
    "a user's own and names": space(Bell(), Choice(names(3))),
    "an unlisted dice and a number": space(Dice(), Uniform((0.0, 1.0))),
    "160 integers": space(Integers(1, 160)),
    "a thousand integers": space(Integers(1, 1000)),
    "a million integers": space(Integers(1, 1_000_000)),
    "a square of ten": space(Integers(0, 9), Choice(names(10))),
    "a square of seventy": space(Choice(names(70)), Integers(-35, 34)),
    "11 by 13": space(Choice(names(11)), Choice(names(13))),
    "3 by 4 by 5": space(Choice(names(3)), Choice(names(4)), Choice(names(5))),
    "five flags": space(flags(5)),
    "fifteen flags": space(flags(15)),
    "twenty flags": space(flags(20)),
    "three of forty": space(Choice(names(40), shape=(3,))),
    "an order of five": space(Permutation(5)),
    "an order of eight": space(Permutation(8)),
    "an order of ten": space(Permutation(10)),
    "two orders": space(Permutation(4), Permutation(4)),
    "weighted names": space(Choice(names(20), shape=(3,), weights=tuple(1 / (i + 1) for i in range(20)))),
    "weighted flags": space(flags(8, weights=(1, 2))),
    "a fixed rule beside": space(Fixed(3), Integers(0, 999)),
    **{name: load_family(name).space for name in ("bandit", "forage", "navigation")},
}


@pytest.mark.parametrize("name", HOLD_OUT)
def test_every_rule_looks_the_same_in_each_split(name: str) -> None:
    held = HOLD_OUT[name]
    assert held.holds_out
    assert held.split_scheme == f"combinations-{module.SCHEME}"
    samples = {split: held.sample(20_000, number, split) for number, split in enumerate(SPLITS)}
    for split, records in samples.items():
        assert (held.split_of(records) == split).all()
    together = columns(held, np.concatenate(list(samples.values())))
    train, *others = np.split(together, 3)
    for other in others:
        worst = max(surprise(a, b) for a, b in zip(train.T, other.T, strict=True))
        assert worst < 5.5  # twice 20 columns at most; chance exceeds it once in some thousand runs


@pytest.mark.parametrize("name", HOLD_OUT)
def test_no_variant_is_in_two_splits_and_most_are_for_training(name: str) -> None:
    held = HOLD_OUT[name]
    records = held.sample(50_000, 5, "all")
    splits = held.split_of(records)
    assert set(splits.tolist()) == {"train", "validation", "test"}
    owner = dict(zip((variant.id for variant in held.variants(records[:3000])), splits[:3000], strict=True))
    again = held.records([dict(variant.rules) for variant in held.variants(records[:3000])])
    assert all(owner[variant.id] == split for variant, split in
               zip(held.variants(again), held.split_of(again), strict=True))  # fmt: skip
    assert 0.5 < (splits == "train").mean() < 0.85
    most = 0.35 if name == "weighted flags" else 0.25  # of the draws; of the variants it is a tenth there, too
    assert all(0.07 < (splits == split).mean() < most for split in HELD_OUT)


def test_a_uniform_rule_is_uniform_in_every_split() -> None:
    for number, split in enumerate(SPLITS):
        drawn = np.sort(HOLD_OUT["one number"].sample(20_000, number, split)["rule_0"])
        distance = np.abs(drawn - (np.arange(20_000) + 0.5) / 20_000).max()
        assert distance < 2.23 / np.sqrt(20_000)  # Kolmogorov-Smirnov's 99.99 % point


@pytest.mark.parametrize(("name", "most"), [("160 integers", 0.07), ("a thousand integers", 0.03)])
def test_held_out_integers_lie_all_over_the_range(name: str, most: float) -> None:
    held = HOLD_OUT[name]
    high = held.num_variants or 0
    for split in HELD_OUT:
        ranks = np.arange(1, high + 1)
        below = (held.sample(20_000, 0, split)["rule_0"][:, None] <= ranks).mean(axis=0)
        assert (
            np.abs(below - ranks / high).max() < most
        )  # at least 1 / held-out integers; strewn at random about 1.2 / sqrt of it


def test_weights_hold_in_every_split() -> None:
    for number, split in enumerate(SPLITS):
        drawn = HOLD_OUT["weighted flags"].sample(20_000, number, split)["rule_0"]
        assert (np.abs(drawn.mean(axis=0) - 2 / 3) < 4.5 * np.sqrt(2 / 9 / 20_000)).all()


def test_combinations_are_held_out_where_all_can_be_counted() -> None:
    """Every option is with every split, and each combination in one split only."""
    held = HOLD_OUT["a square of ten"]
    grid = held.records([{"rule_0": a, "rule_1": b} for a in range(10) for b in names(10)])
    splits = held.split_of(grid).reshape(10, 10)
    for split, each in (("validation", 1), ("test", 1), ("train", 8)):
        assert ((splits == split).sum(axis=0) == each).all()
        assert ((splits == split).sum(axis=1) == each).all()
        drawn = held.sample(5000, 0, split)
        assert len(np.unique(drawn)) == 10 * each
        assert set(held.split_of(drawn).tolist()) == {split}


# -- nothing to hold out -----------------------------------------------------------------------------------------

ALL = {
    "one variant": (space(Fixed(1)), 1),
    "two variants": (space(Choice((False, True))), 2),
    "ten variants": (space(Integers(0, 9)), 10),
    "two rules, ten variants": (space(Choice(names(2)), Integers(1, 5)), 10),
    "one choice": (space(Choice(names(50))), 50),
    "gridnavi": (load_family("gridnavi").space, 21),
    "an order of three": (space(Permutation(3)), 6),
    "a dice of a user's own": (space(ListedDice()), 8),
    "fewer than ten of a value": (space(Choice(names(500)), Choice(names(9))), 4500),
    "one combination as likely as all others": (space(flags(6, weights=(9, 1))), 64),
}


@pytest.mark.parametrize("name", ALL)
def test_where_nothing_can_be_held_out_every_split_means_all(name: str) -> None:
    small, num = ALL[name]
    assert small.num_variants == num
    assert not small.holds_out
    assert small.split_scheme == "none"
    for split in SPLITS:
        records = small.sample(40 * num, 1, split)
        assert (records == small.sample(40 * num, 1, "all")).all()
        assert set(small.split_of(records).tolist()) == {"all"}
        if num <= 50:
            assert len(np.unique(records)) > 0.7 * num


def test_spaces_count_their_variants() -> None:
    assert HOLD_OUT["3 by 4 by 5"].num_variants == 60
    assert HOLD_OUT["an order of ten"].num_variants == 3_628_800
    assert HOLD_OUT["twenty flags"].num_variants == 2**20
    assert HOLD_OUT["one number"].num_variants is None
    assert HOLD_OUT["a user's own"].num_variants is None


def test_a_small_space_keeps_its_out_of_range_split() -> None:
    small = space(Choice(names(2), beyond=("far",)))
    assert set(small.split_of(small.sample(9, 0, "out_of_range")).tolist()) == {"out_of_range"}
    assert not small.holds_out


# -- harder hold-outs --------------------------------------------------------------------------------------------

WIDE = (Uniform((0.0, 1.0), shape=(4,)), Choice(names(6)), Integers(0, 9), Permutation(6), flags(2))


@pytest.mark.parametrize("distributions", [WIDE, (Uniform((0.0, 1.0), shape=(20,)),), (Integers(0, 19, shape=(20,)),)])
def test_values_held_out_are_never_trained_on(distributions: Sequence[Distribution]) -> None:
    hard = space(*distributions, hold_out="values")
    cells = {split: cells_of(hard, hard.sample(3000, 0, split)) for split in SPLITS}
    for split in SPLITS:
        assert (hard.split_of(hard.sample(500, 1, split)) == split).all()
    for split in HELD_OUT:
        new = np.stack([~np.isin(cells[split][:, i], cells["train"][:, i]) for i in range(cells[split].shape[1])], 1)
        assert new.any(axis=1).all()  # each variant has a value that none of 3000 training variants has
    for i in range(cells["train"].shape[1]):
        num = len(np.unique(cells_of(hard, hard.sample(3000, 2, "all"))[:, i]))
        assert 0.55 * num <= len(np.unique(cells["train"][:, i])) <= num


def test_a_single_choice_can_hold_out_values() -> None:
    hard = space(Choice(names(21)), hold_out="values")
    owned = {split: set(hard.sample(2000, 0, split)["rule_0"].tolist()) for split in SPLITS}
    assert [len(owned[split]) for split in SPLITS] == [17, 2, 2]
    assert not owned["train"] & owned["validation"] and not owned["train"] & owned["test"]


@pytest.mark.parametrize("distributions", [WIDE, (Uniform((0.0, 1.0), shape=(20,)),), (Permutation(6),)])
def test_pairs_held_out_are_never_trained_on_but_their_values_are(distributions: Sequence[Distribution]) -> None:
    hard = space(*distributions, hold_out="pairs")
    cells = {split: cells_of(hard, hard.sample(20_000, 0, split)) for split in SPLITS}
    num = cells["train"].shape[1]
    for split in SPLITS:
        assert (hard.split_of(hard.sample(500, 1, split)) == split).all()
    for split in HELD_OUT:
        new = np.zeros(len(cells[split]), bool)
        for i in range(num):
            assert set(cells[split][:, i].tolist()) <= set(cells["train"][:, i].tolist())
            for j in range(i):
                ours, theirs = (100 * cells[which][:, i] + cells[which][:, j] for which in (split, "train"))
                new |= ~np.isin(ours, theirs)
        assert new.all()


def cells_of(space: VariantSpace, records: np.ndarray) -> np.ndarray:
    return np.concatenate([rule.distribution.cells(records[rule.name]) for rule in space.rules], axis=1)


def test_a_hold_out_is_part_of_the_space() -> None:
    hard = space(*WIDE, hold_out="pairs")
    assert hard.split_scheme == f"pairs-{module.SCHEME}"
    assert hard.revealed().hold_out == "pairs"
    assert space_from_dict(space_to_dict(hard)) == hard
    assert "hold_out" not in space_to_dict(space(*WIDE))
    assert get_args(module.HoldOut) == module.HOLD_OUTS


@pytest.mark.parametrize(
    ("hold_out", "distribution"),
    [("values", flags(4)), ("values", Choice(names(4))), ("pairs", Uniform((0.0, 1.0))), ("pairs", flags(9))],
)
def test_a_space_without_enough_values_is_refused(hold_out: module.HoldOut, distribution: Distribution) -> None:
    with pytest.raises(VariantError, match=f"hold_out='{hold_out}' needs .* values; this space has none"):
        space(distribution, hold_out=hold_out)


# -- the check ---------------------------------------------------------------------------------------------------


def start(state: Any, variant: Any) -> None:
    state.pulls = 0


def step(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    rewards[0] = 1.0 * actions[0]
    return True


def observe(state: Any, variant: Any, seat: int, observation: Any) -> None:
    observation[0] = 1.0


def found(space: VariantSpace) -> dict[str, str]:
    family = Family(
        "own", "of a space", Rules(start, step, observe, state=state_type([("pulls", np.int64)])), space,
        (Feature("constant", low=0.0, high=1.0),), ("a", "b"), max_steps=3, num_episodes=2,
    )  # fmt: skip
    report = check_family(family)
    return {result.name: "skipped" if result.skipped else result.message for result in report.results}


def test_the_check_measures_margins() -> None:
    assert found(HOLD_OUT["one number"])["splits_have_equal_margins"] == ""
    assert "rule 'rule_0' is not in" in found(space(Dice()))["splits_have_equal_margins"]


@pytest.mark.parametrize("name", ["one number", "a square of ten"])
def test_the_check_honours_what_cannot_or_need_not_be_equal(name: str) -> None:
    small = found(ALL["ten variants"][0])
    assert small["splits_are_disjoint"] == small["splits_have_equal_margins"] == "skipped"
    hard = found(replace(HOLD_OUT[name], hold_out="values"))
    assert hard["splits_are_disjoint"] == ""
    assert hard["splits_have_equal_margins"] == "skipped"
