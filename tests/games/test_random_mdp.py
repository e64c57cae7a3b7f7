"""The random MDP: its parts by their laws, and players whose returns are known; one of them knows the process."""

# mypy: disable-error-code="no-any-return"

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest

from gameagent_games.families.reference.random_mdp import RANDOM_MDP, Normal
from gameagent_games.game_rng import trial_uniform
from gameagent_games.games import Games
from reference_play import near, trial_returns


def plan(rewards: np.ndarray, chances: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
    """Backward induction over 10 steps, for N processes: values ``(N, states)``, and actions by step.

    Args:
        rewards: Mean rewards ``(N, states, actions)``.
        chances: Transition probabilities ``(N, states, actions, states)``.
    """
    values, actions = np.zeros(rewards.shape[:2]), []
    for _ in range(10):
        worth = rewards + np.einsum("nsaf,nf->nsa", chances, values)
        actions.append(worth.argmax(axis=2))
        values = worth.max(axis=2)
    return values, actions[::-1]


def transitions(games: Games) -> np.ndarray:
    """Transition probabilities ``(N, states, actions, states)`` of games, from their trials' seeds."""
    assert games.states is not None
    trial = SimpleNamespace(trial_key=games.states["trial_key"][:, None])
    weights = -np.log(1.0 - trial_uniform(trial, np.arange(500)[None]))  # type: ignore[arg-type]
    weights = weights.reshape(-1, 10, 5, 10)
    return weights / weights.sum(axis=3, keepdims=True)


def planned(make_plan: Callable[[Games, np.ndarray], list[np.ndarray]], num: int) -> np.ndarray:
    """Totals of trials with a new plan for each episode, made from what was seen: visits and rewards.

    ``make_plan`` gets counts and sums, ``(N, states, actions, 11)``: visits by following state, and rewards.
    """
    seen, index = np.zeros((num, 10, 5, 11)), np.arange(num)
    now: dict[str, np.ndarray] = {}
    plans: list[np.ndarray] = []

    def choose(games: Games) -> np.ndarray:
        place = games.observations[:, 0, 0].astype(np.int64)
        if now:
            seen[index, now["place"], now["action"], 10] += games.rewards[:, 0]
            if games.steps[0]:
                seen[index, now["place"], now["action"], place] += 1
        if games.steps[0] == 0:
            plans[:] = make_plan(games, seen)
        now.update(place=place, action=plans[games.steps[0]][index, place])
        return now["action"][:, None]

    return trial_returns(RANDOM_MDP, RANDOM_MDP.space.sample(num, 5, "all"), choose).sum(axis=1)


def test_rewards_are_those_of_the_state_and_the_action() -> None:
    num, generator = 2000, np.random.default_rng(0)
    games = RANDOM_MDP.make_games(num)
    games.reset(RANDOM_MDP.space.records([{"mean_reward": [100.0 * i for i in range(50)]}] * num), np.arange(num))
    noise = []
    for _ in range(10):
        place = games.observations[:, 0, 0]
        actions, expected = generator.integers(0, 5, num), 500 * place.astype(np.float64)
        games.step(actions[:, None])
        noise.append(games.rewards[:, 0] - expected - 100 * actions)
    assert abs(np.mean(noise)) < 4 / np.sqrt(10 * num)
    assert np.std(noise) == pytest.approx(1.0, abs=0.02)
    assert np.mean(np.abs(noise) < 1.0) == pytest.approx(0.6827, abs=0.015)  # normal
    assert (games.observations[:, 0, 0] == 0).all()  # the next episode


def test_rows_of_transitions_are_dirichlet_and_stay_for_the_trial() -> None:
    games = RANDOM_MDP.make_games(2000)
    games.reset(RANDOM_MDP.space.sample(2000, 0, "all"), np.arange(2000))
    first = transitions(games)
    assert first.mean(axis=(0, 1, 2)) == pytest.approx([0.1] * 10, abs=0.002)
    assert first.var(axis=(0, 1, 2)) == pytest.approx([9 / 1100] * 10, rel=0.05)  # of Dirichlet(1, ..., 1)
    for _ in range(10):
        games.step(np.zeros((2000, 1), np.int64))
    assert games.episodes.tolist() == [1] * 2000
    assert (transitions(games) == first).all()


def test_states_follow_the_transitions() -> None:
    num = 20_000
    games = RANDOM_MDP.make_games(num, num_episodes=0)
    records = RANDOM_MDP.space.sample(1, 0, "all")
    games.reset(np.repeat(records, num), np.full(num, 7), np.arange(num))  # episodes of one trial, side by side
    games.step(np.full((num, 1), 3, np.int64))
    counts = np.bincount(games.observations[:, 0, 0].astype(np.int64), minlength=10)
    expected = num * transitions(games)[0, 0, 3]
    assert ((counts - expected) ** 2 / expected).sum() < 33.7  # chi-square of 9 degrees: one in 10,000 is above


def test_who_knows_the_process_earns_its_optimum() -> None:
    generator = np.random.default_rng(0)
    values, _ = plan(generator.normal(1.0, 1.0, (8000, 10, 5)), generator.dirichlet(np.ones(10), (8000, 10, 5)))
    assert near(10 * values[:, 0], 218.3, 0.05)
    totals = planned(
        lambda games, _: plan(games.variants["mean_reward"].reshape(-1, 10, 5), transitions(games))[1], 2000
    )
    assert near(totals, 218.3, 0.05)


def test_a_planner_with_a_bonus_earns_what_is_known() -> None:
    def make_plan(games: Games, seen: np.ndarray) -> list[np.ndarray]:
        visits = seen[..., :10].sum(axis=3)
        chances = (seen[..., :10] + 1.0) / (visits[..., None] + 10.0)
        return plan((seen[..., 10] + 1.0) / (visits + 1.0) + 0.5 / np.sqrt(visits + 1.0), chances)[1]

    assert near(planned(make_plan, 4000), 152.2, 0.5)


def test_random_play_earns_a_hundred() -> None:
    generator = np.random.default_rng(0)
    records = RANDOM_MDP.space.sample(4000, 1, "all")
    totals = trial_returns(RANDOM_MDP, records, lambda games: generator.integers(0, 5, (4000, 1))).sum(axis=1)
    assert near(totals, 100.0)


def test_the_normal_distribution() -> None:
    normal = Normal(2.0, 3.0, shape=(4,))
    drawn = normal.draw(np.random.default_rng(0), 20_000)
    assert drawn.mean() == pytest.approx(2.0, abs=0.05)
    assert drawn.std() == pytest.approx(3.0, abs=0.05)
    values = np.array([[2.0 - 9.0, 0.0, 3.0, 8.0]])
    assert normal.encode(values).tolist() == [pytest.approx([-3.0, -2 / 3, 1 / 3, 2.0])]
    assert normal.cells(values).tolist() == [[0, 1, 2, 3]]
    assert normal.show(normal.store([1, 2.5, -3, 0])) == [1.0, 2.5, -3.0, 0.0]
    assert [slot.label for slot in normal.slots("pay", "1")] == ["pay[0]", "pay[1]", "pay[2]", "pay[3]"]
    with pytest.raises(ValueError, match="finite number"):
        normal.store([1, 2, 3, float("inf")])
