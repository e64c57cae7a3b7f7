"""Games that pay more or less, beside the games that they are made of."""

import numpy as np
import pytest

from corridor import CORRIDOR
from gameagent_games import Family, FamilyError, load_family
from gameagent_games.families.bandit.family import BANDIT
from gameagent_games.families.navigation.family import NAVIGATION
from gameagent_games.families.reference.meeting import MEETING
from gameagent_games.families.reference.pay import BANDIT_CENTI, BANDIT_KILO, MIXED_PAY, make_pay
from gameagent_games.registry import place_of


def course(family: Family, records: np.ndarray, num_steps: int, compiled: bool = True) -> tuple[np.ndarray, ...]:
    """Rewards ``(steps, games, seats)``, what is seen, and what ends, of random play that is always the same."""
    games, generator = family.make_games(len(records), compiled=compiled), np.random.default_rng(4)
    games.reset(records, np.arange(len(records)))
    seen = []
    for _ in range(num_steps):
        games.step(family.random_actions(generator, len(records)))
        seen.append((games.rewards.copy(), games.observations.copy(), games.terminated.copy()))
    return tuple(np.array(part) for part in zip(*seen, strict=True))


@pytest.mark.parametrize(
    ("family", "paying", "factor"),
    [(BANDIT, BANDIT_CENTI, 0.01), (BANDIT, BANDIT_KILO, 1000.0)]
    + [(family, make_pay(family, 100.0), 100.0) for family in (MEETING, NAVIGATION)],
    ids=lambda one: getattr(one, "name", ""),
)
def test_the_unit_of_reward_is_all_that_differs(family: Family, paying: Family, factor: float) -> None:
    records = family.space.sample(200, 0, "all")
    rewards, *others = course(family, records, 10)
    paid, *same = course(paying, records, 10)
    assert rewards.any()
    assert paid.tolist() == (factor * rewards).tolist()
    assert all((one == other).all() for one, other in zip(others, same, strict=True))


def test_interpreted_pay_is_the_same() -> None:
    records = BANDIT_KILO.space.sample(20, 0, "all")
    compiled, interpreted = (course(BANDIT_KILO, records, 10, compiled)[0] for compiled in (True, False))
    assert compiled.tolist() == interpreted.tolist()
    assert set(compiled.ravel().tolist()) == {0.0, 1000.0}


def test_ceilings_grow_with_the_pay() -> None:
    for family, total in ((BANDIT_CENTI, 0.0666), (BANDIT_KILO, 6660.0), (MIXED_PAY, 6.66 * 1101.01 / 4)):
        assert family.ceiling is not None
        assert family.ceiling.total == pytest.approx(total)
    assert (ceiling := make_pay(MEETING, 10.0).ceiling) is not None
    assert ceiling.episodes == pytest.approx((82.0, 98.0, 98.0))
    assert make_pay(NAVIGATION, 2.0).ceiling is None


@pytest.mark.parametrize("factor", [0.0, -1.0, float("inf"), float("nan")])
def test_other_factors_are_refused(factor: float) -> None:
    with pytest.raises(FamilyError, match="factor is"):
        make_pay(BANDIT, factor)


def test_mixed_pay_is_the_bandit_in_units_of_its_pay() -> None:
    records = MIXED_PAY.space.sample(400, 0, "all")
    plain = np.zeros(len(records), BANDIT.space.dtype)
    plain["win_probability"] = records["win_probability"]
    wins, paid = course(BANDIT, plain, 10)[0], course(MIXED_PAY, records, 10)[0]
    assert set(records["pay"].tolist()) == {0.01, 1.0, 100.0, 1000.0}
    assert (paid == wins * records["pay"][:, None]).all()
    assert [rule.hidden for rule in MIXED_PAY.space.rules] == [True, True]


def test_other_processes_find_a_game_whose_step_has_no_name() -> None:
    for family in (BANDIT_CENTI, BANDIT_KILO, MIXED_PAY):
        assert load_family(place_of(family)) is family


def test_games_that_are_no_rules_are_refused() -> None:
    with pytest.raises(FamilyError, match="does not come from Rules"):
        make_pay(CORRIDOR, 2.0)
