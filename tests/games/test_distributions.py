"""Distributions against closed forms: where draws fall, what belongs, how values are written and encoded."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gameagent_games import Choice, Fixed, Integers, Permutation, Uniform, VariantError
from gameagent_games.variants.distributions import Distribution

ALL: list[Distribution] = [
    Uniform((0.0, 1.0)),
    Uniform((-1.0, -0.25), (0.25, 1.2), shape=(4,), beyond=((-1.8, -1.0), (1.2, 2.0))),
    Integers(6, 8, beyond=(9, 10)),
    Integers(-50, 1000, shape=(3,)),
    Choice(("none", "horizontal", "vertical"), beyond=("both",)),
    Choice((False, True), shape=(4,)),
    Choice((0.5, 1, 2), beyond=(4,)),
    Choice((40, 10, 20), beyond=(5,), weights=(1, 2, 5)),
    Choice(("hot", "cold", "warm"), shape=(3,), beyond=("icy",)),
    Choice(("a", "c", "b"), weights=(0.7, 0.2, 0.1)),
    Permutation(5),
    Fixed(3),
    Fixed(0.5),
    Fixed(True),
    Fixed("calm"),
    Fixed((2, 0.5)),
    Fixed(("wild", "calm", "wild")),
    Fixed("wild", of=Choice(("calm", "wild"))),
    Fixed(True, of=Choice((False, True))),
    Fixed(("wild", "calm"), of=Choice(("calm", "wild"), shape=(2,))),
    Fixed((1, 0, 2), of=Permutation(3)),
]


def close_to_uniform(counts: np.ndarray) -> bool:
    """Pearson's chi-square within 4.5 standard deviations of its mean."""
    expected, degrees = counts.sum() / counts.size, counts.size - 1
    chi_square = ((counts - expected) ** 2 / expected).sum()
    return bool(abs(chi_square - degrees) < 4.5 * np.sqrt(2 * degrees))


def test_uniform_is_uniform_over_the_union_of_its_intervals() -> None:
    intervals = ((3.0, 4.0), (-2.0, 0.5), (0.5, 0.75))
    drawn = Uniform(*intervals).draw(np.random.default_rng(1), 200_000)
    total = sum(high - low for low, high in intervals)
    for low, high in intervals:
        inside = drawn[(drawn >= low) & (drawn < high)]
        share = (high - low) / total
        assert abs(len(inside) / len(drawn) - share) < 4.5 * np.sqrt(share * (1 - share) / len(drawn))
        # Kolmogorov-Smirnov within the interval; the statistic's 99.99 % point is 2.23 / sqrt(n)
        rank = np.sort((inside - low) / (high - low))
        assert np.abs(rank - (np.arange(len(rank)) + 0.5) / len(rank)).max() < 2.23 / np.sqrt(len(rank))


@pytest.mark.parametrize("distribution", [Integers(-3, 7), Choice(tuple("abcdefg")), Permutation(4)], ids=repr)
def test_listed_values_are_equally_likely(distribution: Distribution) -> None:
    drawn = distribution.draw(np.random.default_rng(2), 60_000).reshape(60_000, -1)
    for column in drawn.T:
        assert close_to_uniform(np.unique(column, return_counts=True)[1])


def test_every_order_of_a_permutation_is_equally_likely() -> None:
    drawn = Permutation(4).draw(np.random.default_rng(3), 48_000)
    counts = np.unique(drawn @ np.array([1, 10, 100, 1000]), return_counts=True)[1]
    assert len(counts) == 24
    assert close_to_uniform(counts)


@pytest.mark.parametrize("distribution", ALL, ids=repr)
class TestEvery:
    def test_draws_belong_and_those_beyond_do_not(self, distribution: Distribution) -> None:
        generator = np.random.default_rng(4)
        drawn = distribution.draw(generator, 5000)
        assert drawn.shape == (5000, *distribution.shape)
        assert drawn.dtype == distribution.dtype
        assert distribution.contains(drawn).all()
        if distribution.has_beyond:
            assert not distribution.contains(distribution.draw(generator, 5000, beyond=True)).any()

    def test_shown_and_stored_again_it_is_the_same(self, distribution: Distribution) -> None:
        generator = np.random.default_rng(5)
        beyond = (False, True) if distribution.has_beyond else (False,)
        for stored in [one for far in beyond for one in distribution.draw(generator, 50, beyond=far)]:
            shown = distribution.show(stored)
            assert type(shown) in (bool, int, float, str, list)
            assert np.array_equal(distribution.store(shown), stored)

    def test_encodings_are_one_hot_or_within_one(self, distribution: Distribution) -> None:
        encoded = distribution.encode(distribution.draw(np.random.default_rng(6), 2000))
        slots = distribution.slots("rule", "1")
        assert encoded.dtype == np.float32
        assert encoded.shape == (2000, sum(slot.size for slot in slots))
        column = 0
        for slot in slots:
            part = encoded[:, column : column + slot.size]
            column += slot.size
            if slot.kind == "categorical":
                assert (np.sort(part, axis=1)[:, -1] == 1.0).all()
                assert (part.sum(axis=1) == 1.0).all()
            else:
                assert np.abs(part).max() <= 1.0

    def test_cells_are_few_and_reach_no_farther_for_values_beyond(self, distribution: Distribution) -> None:
        generator = np.random.default_rng(7)
        cells = distribution.cells(distribution.draw(generator, 5000))
        assert cells.shape[0] == 5000
        assert cells.size == 0 or (cells.min() >= 0 and cells.max() < 16)
        if distribution.has_beyond and not isinstance(distribution, Choice):
            beyond = distribution.cells(distribution.draw(generator, 5000, beyond=True))
            assert beyond.min() >= 0
            assert beyond.max() < 16


def test_cells_of_a_union_are_sixteenths_of_its_length() -> None:
    distribution = Uniform((0.0, 1.0), (9.0, 10.0))
    values = np.array([0.0, 0.124, 0.126, 0.999, 9.001, 9.9, 10.0])
    assert distribution.cells(values)[:, 0].tolist() == [0, 0, 1, 7, 8, 15, 15]


def test_an_end_that_both_ranges_share_is_not_beyond() -> None:
    class Extremes(np.random.Generator):
        def __init__(self) -> None:
            super().__init__(np.random.PCG64(0))

        def random(self, size: object = None, *_: object, **__: object) -> np.ndarray:  # type: ignore[override]
            return np.array([0.0, 0.5, 1.0 - 2.0**-53])

    distribution = Uniform((0.0, 1.0), beyond=((-1.0, 0.0), (1.0, 2.0)))
    assert not distribution.contains(distribution.draw(Extremes(), 3, beyond=True)).any()
    assert distribution.contains(distribution.draw(Extremes(), 3)).all()


def test_scalars_are_encoded_by_the_middle_and_half_the_width_of_the_training_range() -> None:
    distribution = Uniform((-1.0, 0.0), (1.0, 3.0), beyond=((3.0, 5.0),))
    assert distribution.encode(np.array([-1.0, 1.0, 3.0, 5.0]))[:, 0].tolist() == [-1.0, 0.0, 1.0, 2.0]
    assert Integers(6, 8, beyond=(9, 10)).encode(np.array([6, 7, 8, 10]))[:, 0].tolist() == [-1.0, 0.0, 1.0, 3.0]


@pytest.mark.parametrize(
    ("distribution", "value", "words"),
    [
        (Uniform((0.0, 1.0)), 1.5, "0.0 to 1.0"),
        (Uniform((0.0, 1.0)), float("nan"), "finite"),
        (Uniform((0.0, 1.0)), "0.5", "numbers"),
        (Uniform((0.0, 1.0)), True, "numbers"),
        (Uniform((0.0, 1.0)), 10**400, "numbers"),
        (Uniform((0.0, 1.0)), [0.5], "a value"),
        (Uniform((0.0, 1.0), shape=(2,)), 0.5, "a list of 2"),
        (Uniform((0.0, 1.0), shape=(2,)), [0.5, 0.5, 0.5], "a list of 2"),
        (Uniform((0.0, 1.0), shape=(2,)), [0.5, True], "numbers"),
        (Uniform((0.0, 1.0), shape=(2,)), [[0.5], 0.5], "numbers"),
        (Integers(1, 3), 2.5, "whole numbers 1 to 3"),
        (Integers(1, 3), 4, "whole numbers 1 to 3"),
        (Integers(1, 3, beyond=(7, 8)), 5, "1 to 3 or 7 to 8"),
        (Choice(("a", "b")), "c", "'a', 'b'"),
        (Choice((0, 1)), True, "got True"),
        (Choice((False, True)), 1, "got 1"),
        (Choice(("a", "b"), shape=(2,)), "ab", "a list of 2"),
        (Permutation(3), [0, 1, 1], "order of 0 to 2"),
        (Fixed(3), 4, "fixed at 3"),
        (Fixed(True), 1, "fixed at True"),
        (Fixed(3), None, "got None"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_with_what_would(
    distribution: Distribution, value: object, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        distribution.store(value)


def test_equal_spellings_are_stored_alike() -> None:
    assert Uniform((0.0, 1.0)).show(Uniform((0.0, 1.0)).store(1)) == 1.0
    assert str(Uniform((-1.0, 1.0)).show(Uniform((-1.0, 1.0)).store(-0.0))) == "0.0"
    assert Integers(1, 3).show(Integers(1, 3).store(2.0)) == 2
    assert Choice((1, 2)).show(Choice((1, 2)).store(np.float64(1.0))) == 1
    assert Choice((False, True)).store(np.True_) == 1
    assert Integers(0, 2**61).show(Integers(0, 2**61).store(2**60 + 1)) == 2**60 + 1


@pytest.mark.parametrize(
    "make",
    [
        lambda: Uniform(),
        lambda: Uniform((1.0, 1.0)),
        lambda: Uniform((0.0, float("inf"))),
        lambda: Uniform((0.0, 1.0), beyond=((0.5, 2.0),)),
        lambda: Uniform((0.0, 1.0), shape=(0,)),
        lambda: Uniform((0.0, 1.0), shape=4),  # type: ignore[arg-type]
        lambda: Uniform((0.0, 1.0), shape=(2, 2)),
        lambda: Integers(3, 1),
        lambda: Integers(1.5, 3),  # type: ignore[arg-type]
        lambda: Integers(1, 3, beyond=(3, 4)),
        lambda: Choice(()),
        lambda: Choice((1, True)),
        lambda: Choice((1, "1")),
        lambda: Choice((1, "a")),
        lambda: Choice((True, "a")),
        lambda: Choice((0.5, False)),
        lambda: Choice((1, 2), beyond=("far",)),
        lambda: Choice("ab"),  # type: ignore[arg-type]
        lambda: Choice(("a", "")),
        lambda: Choice(("a", "b\0")),
        lambda: Choice((2**63, 1)),
        lambda: Choice((2**53, 2**53 + 1, 0.5)),
        lambda: Choice((1, 2), weights=(1.0,)),
        lambda: Choice((1, 2), weights=(1.0, 0.0)),
        lambda: Choice((1, 2), weights=(1.0, float("inf"))),
        lambda: Choice((1, 2), weights=("a", 1.0)),  # type: ignore[arg-type]
        lambda: Choice((float("nan"), 1.0)),
        lambda: Permutation(1),
        lambda: Fixed(""),
        lambda: Fixed(()),
        lambda: Fixed(("a", 1)),
        lambda: Fixed(("a", "")),
        lambda: Fixed((1.0, (2.0,))),
        lambda: Fixed("mild", of=Choice(("calm", "wild"))),
        lambda: Fixed(float("nan")),
    ],
)
def test_an_impossible_distribution_is_refused(make: object) -> None:
    with pytest.raises(VariantError):
        make()  # type: ignore[operator]


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=8, unique=True), st.integers(0, 2**32))
def test_draws_lie_in_any_intervals(ends: list[float], seed: int) -> None:
    ends = sorted(ends)[: len(ends) // 2 * 2]
    distribution = Uniform(*zip(ends[::2], ends[1::2], strict=True))
    drawn = distribution.draw(np.random.default_rng(seed), 50)
    assert distribution.contains(drawn).all()
    assert distribution.cells(drawn).min() >= 0
    assert distribution.cells(drawn).max() < 16
