"""Sources of training variants: what is drawn how often, from outcomes whose scores are known in closed form."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gameagent_games.registry import load_family
from gameagent_games.variants.curriculum import MEMORY, LearnabilitySource, Outcomes, UniformSource, make_source
from gameagent_games.variants.distributions import Choice, Integers, Uniform
from gameagent_games.variants.variant import Rule, VariantSpace

SPACE = VariantSpace((
    Rule("mirrored", Choice((False, True))), Rule("place", Uniform((-1.0, 1.0), shape=(2,))),
    Rule("colour", Choice(("red", "green"))), Rule("number", Integers(0, 99)),
))  # fmt: skip  # of one byte beside eight, so that its records have gaps
SPLIT_RULE = VariantSpace((Rule("number", Integers(0, 999)), Rule("other", Integers(0, 999))))


def rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def source(space: VariantSpace = SPLIT_RULE, size: int = 64) -> LearnabilitySource:
    return LearnabilitySource(space, "train", size)


def report(where: Any, variants: NDArray[Any], outcomes: list[list[float]]) -> None:
    """One row of outcomes for each variant, of one seat."""
    returns = np.array(outcomes, float)
    where.report(np.repeat(variants, returns.shape[1]), returns.reshape(-1, 1))


def scores(outcomes: Any, num_seats: int = 1) -> list[float]:
    """Of rows of outcomes, each of a variant of its own."""
    returns = np.array(outcomes, float).reshape(len(outcomes), -1, num_seats)
    keys = np.repeat(np.arange(len(returns), dtype=np.uint8), returns.shape[1])[:, None]
    found: list[float] = Outcomes.of(keys, returns.reshape(-1, num_seats)).by_variant().learnability().tolist()
    return found


# -- scores --


@pytest.mark.parametrize("pay", [1.0, 1e3, 1e-2, -4.0])
def test_the_score_of_success_and_failure_is_p_times_one_minus_p(pay: float) -> None:
    rows = [[0.0] * (8 - wins) + [pay] * wins for wins in range(9)]
    assert scores(rows) == pytest.approx([wins / 8 * (1 - wins / 8) for wins in range(9)])


def test_every_variant_has_a_unit_of_its_own_and_what_always_ends_alike_scores_nothing() -> None:
    row = rng(0).normal(size=7)
    assert scores([row, 1e6 * row, 1e-6 * row]) == pytest.approx([np.var(row) / np.abs(row).max() ** 2] * 3)
    assert scores([[3.5] * 7, [0.0] * 7]) == [0.0, 0.0]
    assert scores([[1e8, 1e8 + 1]]) < scores([[0, 1]])  # a small difference of large returns


def test_a_game_of_two_is_judged_by_each_seats_returns() -> None:
    won_and_lost = [[1.0, -1.0], [-1.0, 1.0]]  # the seats' mean never differs
    assert scores([won_and_lost, [[1.0, -1.0]] * 2], num_seats=2) == [1.0, 0.0]


def test_outcomes_add_up_as_if_they_had_come_at_once() -> None:
    parts = [rng(seed).normal(loc=5.0, size=(num, 2)) for seed, num in enumerate((1, 4, 7))]
    together = [Outcomes.of(np.zeros((len(part), 1), np.uint8), part) for part in parts]
    summed = together[0].by_variant()
    for part in together[1:]:
        summed = summed.and_also(part).by_variant()
    every = np.concatenate(parts)
    assert summed.count.tolist() == [12.0]
    np.testing.assert_allclose(summed.mean[0], every.mean(axis=0))
    np.testing.assert_allclose(summed.squares[0] / 12, every.var(axis=0))
    np.testing.assert_allclose(summed.largest[0], np.abs(every).max(axis=0))


def test_old_outcomes_fade() -> None:
    many = Outcomes.of(np.zeros((100, 1), np.uint8), np.repeat([0.0, 1.0], 50)[:, None]).by_variant().faded()
    assert many.count.tolist() == [MEMORY] and many.learnability().tolist() == [0.25]
    solved = Outcomes.of(np.zeros((16, 1), np.uint8), np.ones((16, 1)))
    share = 0.5 * MEMORY / (MEMORY + 16)  # of failures among the outcomes that count
    assert many.and_also(solved).by_variant().learnability().tolist() == pytest.approx([share * (1 - share)])


# -- draws --


def test_the_uniform_source_draws_as_the_space_does() -> None:
    uniform = make_source("uniform", SPLIT_RULE, "validation", 9)
    assert isinstance(uniform, UniformSource)
    expected = SPLIT_RULE.sample(9, 4, "validation")
    uniform.report(expected, np.arange(9.0)[:, None])
    assert (uniform.draw(9, rng(4)) == expected).all() and uniform.state() == {}
    with pytest.raises(ValueError, match="no state"):
        uniform.load({"keys": np.zeros(1)})


@pytest.mark.parametrize("num", [1, 7, 8])
def test_before_anything_is_known_every_variant_is_uniform_and_drawn_twice(num: int) -> None:
    drawn = source().draw(num, rng(3))
    assert (drawn == np.repeat(SPLIT_RULE.sample(-(-num // 2), 3, "train"), 2)[:num]).all()


def test_half_of_the_draws_are_of_what_is_learnt_from_in_proportion_to_its_score() -> None:
    learner, variants = source(), SPLIT_RULE.sample(4, 1, "train")
    report(learner, variants, [[0, 0, 0, 0, 0, 0, 0, 0], [5] * 8, [0, 0, 0, 0, 1, 1, 1, 1], [0, 0, 0, 0, 0, 0, 0, 9]])
    drawn = learner.draw(40_000, rng(2))
    assert (drawn[:20_000] == np.repeat(SPLIT_RULE.sample(10_000, 2, "train"), 2)).all()
    again = [int((drawn[20_000:] == variant).sum()) for variant in variants]
    likely = 16 / (16 + 7)  # of 4/8 * 4/8 and 1/8 * 7/8
    assert again[:2] == [0, 0] and sum(again) == 20_000
    assert again[2] / 20_000 == pytest.approx(likely, abs=4 * np.sqrt(likely * (1 - likely) / 20_000))


def test_variants_are_drawn_again_to_the_bit_whatever_lies_between_their_fields() -> None:
    assert sum(SPACE.dtype[name].itemsize for name in SPACE.dtype.names or ()) < SPACE.dtype.itemsize
    variants = SPACE.sample(5, 0, "train")
    soiled = np.full(5 * SPACE.dtype.itemsize, 7, np.uint8).view(SPACE.dtype)
    for name in SPACE.dtype.names or ():
        soiled[name] = variants[name]
    learner = source(SPACE)
    twice = np.concatenate((variants, soiled))  # the same variants, of which the first has no spread
    learner.report(twice, np.append(np.zeros(5), np.arange(5.0))[:, None])
    again = learner.draw(200, rng(1))[100:]
    assert again.dtype == SPACE.dtype
    assert {str(one) for one in again} == {str(one) for one in variants[1:]}


@pytest.mark.parametrize("name", ["forage", "navigation"])
@pytest.mark.parametrize("split", ["train", "out_of_range"])
def test_all_that_is_drawn_is_of_the_split(name: str, split: Any) -> None:
    space = load_family(name).space
    learner = make_source("learnability", space, split, 50)
    for update in range(6):
        drawn = learner.draw(50, rng(update))
        assert len(drawn) == 50 and set(space.split_of(drawn)) == {split}
        learner.report(drawn, rng(100 + update).normal(size=(50, 1)))


def test_the_best_scored_are_kept_and_what_is_mastered_is_dropped() -> None:
    learner, variants = source(size=2), SPLIT_RULE.sample(3, 1, "train")
    report(learner, variants, [[0, 0, 0, 1], [0, 0, 1, 1], [0, 1, 1, 1]])
    assert len(learner.state()["count"]) == 2
    drawn = learner.draw(400, rng(0))[200:]
    assert (drawn == variants[1]).any()  # the best of all
    for _ in range(300):
        report(learner, variants, [[1] * 16] * 3)
    assert len(learner.state()["count"]) == 0
    assert (learner.draw(8, rng(5)) == np.repeat(SPLIT_RULE.sample(4, 5, "train"), 2)).all()


# -- state --


def test_a_source_goes_on_from_its_state() -> None:
    learner, other = source(SPACE), source(SPACE)
    for update in range(3):
        drawn = learner.draw(30, rng(update))
        learner.report(drawn, rng(50 + update).normal(size=(30, 2)))
    other.load({name: array.copy() for name, array in learner.state().items()})
    for update in range(3, 6):
        drawn = learner.draw(30, rng(update))
        assert drawn.tobytes() == other.draw(30, rng(update)).tobytes()
        returns = rng(update).normal(size=(30, 2))
        learner.report(drawn, returns)
        other.report(drawn, returns)
    assert all((array == other.state()[name]).all() for name, array in learner.state().items())
    other.load({})
    assert other.state() == {}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"keys": np.zeros((4, 3), np.uint8)}, "not of this space"),
        ({"keys": np.zeros((4, 16))}, "not of this space"),
        ({"count": np.ones(3)}, "differ in length"),
        ({"mean": np.zeros((4, 2))}, "differ in length"),
        ({"more": np.zeros(4)}, "has keys, count, mean, squares, largest, more"),
    ],
)
def test_a_state_of_something_else_is_refused(wrong: dict[str, NDArray[Any]], message: str) -> None:
    learner = source()
    report(learner, SPLIT_RULE.sample(4, 1, "train"), [[0, 1]] * 4)
    with pytest.raises(ValueError, match=message):
        source().load(learner.state() | wrong)
