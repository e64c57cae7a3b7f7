"""A space of one numeric rule: the best total on held-out variants is the best total on all of them."""

from typing import Any

import numpy as np
import pytest

from gameagent_games import Family, Feature, Rule, Rules, Simulator, Split, Uniform, VariantSpace, state_type, uniform

PULLS = 100


def start(state: Any, variant: Any) -> None:
    state.pulls = 0


def step(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    chance = variant.p if actions[0] == 0 else 1.0 - variant.p
    rewards[0] = 1.0 if uniform(state) < chance else 0.0
    return True


def observe(state: Any, variant: Any, seat: int, observation: Any) -> None:
    observation[0] = 1.0


TWO_ARMS = Family(
    name="two-arms",
    summary="two arms that pay with p and 1 - p",
    source=Rules(start, step, observe, state=state_type([("pulls", np.int64)])),
    space=VariantSpace((Rule("p", Uniform((0.0, 1.0))),)),
    features=(Feature("constant", low=0.0, high=1.0),),
    actions=("first", "second"),
    max_steps=1,
    num_episodes=PULLS,
)


def best_total() -> float:
    """Every pull says as much of p as any other, so the likelier arm is the best one.

    After n pulls the number of those in favour of the first arm is uniform over 0 ... n where p is uniform, and the
    chance that it pays is (k + 1) / (n + 2), Laplace's rule of succession.
    """
    chances = [(np.arange(n + 1) + 1) / (n + 2) for n in range(PULLS)]
    return float(sum(np.maximum(chance, 1.0 - chance).mean() for chance in chances))


def total_of_the_likelier_arm(split: Split, num: int = 20_000) -> np.ndarray:
    games = Simulator(TWO_ARMS, num)
    games.reset(TWO_ARMS.space.sample(num, 11, split), np.arange(num))
    favour, totals = np.zeros(num), np.zeros(num)
    for pulls in range(PULLS):
        arm = np.where(2 * favour >= pulls, 0, 1)
        games.step(arm[:, None])
        paid = games.rewards[:, 0]
        favour += np.where(arm == 0, paid, 1.0 - paid)
        totals += paid
    return totals


def test_the_best_total_is_73_78() -> None:
    assert best_total() == pytest.approx(73.78, abs=0.005)


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_the_best_player_earns_it_on_every_split(split: Split) -> None:
    totals = total_of_the_likelier_arm(split)
    assert totals.mean() == pytest.approx(73.78, abs=4.5 * totals.std() / np.sqrt(len(totals)))
    assert totals.mean() == pytest.approx(73.78, abs=0.5)


def test_the_mean_over_held_out_chances_is_that_over_all() -> None:
    """Without the games' own chance: what the best player expects of a given p, summed over test variants."""
    grid = np.linspace(0.0, 1.0, 2001)
    expected, chances = np.zeros_like(grid), np.ones((1, len(grid)))  # of k pulls in favour of the first arm, by p
    for pulls in range(PULLS):
        first = 2 * np.arange(pulls + 1) >= pulls
        expected += (chances * np.where(first[:, None], grid, 1.0 - grid)).sum(axis=0)
        more = np.zeros((pulls + 2, len(grid)))
        more[1:] += chances * grid
        more[:-1] += chances * (1.0 - grid)
        chances = more
    held_out = TWO_ARMS.space.sample(200_000, 0, "test")["p"]
    assert np.interp(held_out, grid, expected).mean() == pytest.approx(73.78, abs=0.15)
