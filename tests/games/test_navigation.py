"""Navigation against the benchmark's text: closed forms, walks by hand, and what may be known of the goal."""

# mypy: disable-error-code="arg-type, attr-defined"

import math

import numpy as np
import pytest

from gameagent_games import Simulator
from gameagent_games.families.navigation.family import NAVIGATION

C = math.sqrt(2) + math.log(1 + math.sqrt(2))  # six times the mean distance of the unit square's points to its middle


def walk(goal: tuple[float, float], moves: list[tuple[float, float]], compiled: bool = False) -> Simulator:
    simulator = Simulator(NAVIGATION, 1, num_episodes=1, compiled=compiled)
    simulator.reset(NAVIGATION.space.records([{"goal": list(goal)}]), np.array([0]))
    for move in moves:
        simulator.step(np.array([[move]]))
    return simulator


def episode_returns(goals: np.ndarray, known: bool) -> np.ndarray:
    """Return of one episode for each goal ``(num, 2)``, of who walks straight to it or of who stays."""
    records = np.zeros(len(goals), NAVIGATION.space.dtype)
    records["goal"] = goals
    simulator = Simulator(NAVIGATION, len(goals), num_episodes=1)
    simulator.reset(records, np.zeros(len(goals), np.int64))
    returns = np.zeros(len(goals))
    while not simulator.finished.all():
        to_go = goals - np.stack([simulator.states["x"], simulator.states["y"]], axis=1)
        simulator.step(to_go[:, None, :] if known else np.zeros((len(goals), 1, 2)))
        returns += simulator.rewards[:, 0]
    return returns


def grid(num: int) -> np.ndarray:
    """Middles of ``num`` by ``num`` equal cells of the square: their mean is the midpoint rule."""
    ticks = (np.arange(num) + 0.5) / num - 0.5
    return np.stack(np.meshgrid(ticks, ticks), axis=-1).reshape(-1, 2)


def straight_walk(longest: float = 0.1, half: float = 0.5) -> float:
    """Mean return of the straight walk over the square.

    After t steps what is left along an axis is (a - 0.1 t)+ of the a ~ U[0, 0.5] at first. With l = 0.5 - 0.1 t both
    are left on an l by l square, over which the distance sums to l^3 c / 3; one alone on two strips 0.1 t wide.
    """
    total = 0.0
    for t in range(1, round(half / longest)):
        left = half - longest * t
        both, one = left**3 * C / 3, 2 * longest * t * left**2 / 2
        total -= (both + one) / half**2
    return total


def test_staying_costs_the_mean_distance_a_hundred_times() -> None:
    returns = episode_returns(grid(64), known=False)
    assert returns.mean() == pytest.approx(-100 * C / 6, abs=0.01)
    assert returns.mean() == pytest.approx(-38.3, abs=0.05)  # as published


def test_the_straight_walk_to_a_known_goal_costs_what_is_known() -> None:
    returns = episode_returns(grid(64), known=True)
    assert returns.mean() == pytest.approx(straight_walk(), abs=0.001)
    assert returns.mean() == pytest.approx(-0.51, abs=0.005)  # as published


def test_drawn_goals_fill_the_square_evenly() -> None:
    goals = NAVIGATION.space.sample(20_000, 0, "all")["goal"]
    assert np.abs(goals).max() <= 0.5
    assert goals.mean(axis=0) == pytest.approx([0, 0], abs=0.01)
    assert goals.var(axis=0) == pytest.approx([1 / 12, 1 / 12], abs=0.002)
    assert np.corrcoef(goals.T)[0, 1] == pytest.approx(0, abs=0.03)


def test_out_of_range_goals_lie_beyond_the_square_along_both_axes() -> None:
    goals = np.abs(NAVIGATION.space.sample(2_000, 0, "out_of_range")["goal"])
    assert goals.min() > 0.5
    assert goals.max() < 0.8
    assert (NAVIGATION.space.split_of(NAVIGATION.space.records([{"goal": [0.2, -0.7]}])) == "out_of_range").all()


@pytest.mark.parametrize("compiled", [False, True])
def test_a_walk_by_hand(compiled: bool) -> None:
    simulator = Simulator(NAVIGATION, 1, num_episodes=1, compiled=compiled)
    simulator.reset(NAVIGATION.space.records([{"goal": [0.3, -0.4]}]), np.array([0]))
    assert simulator.observations[0, 0].tolist() == [0.0, 0.0]
    seen = []
    for move in [(0.1, -0.1), (-0.3, 0.05), (0.1, -7.0), (0.1, 0.0), (0.1, -0.1), (0.0, -0.1), (0.0, -0.1)]:
        simulator.step(np.array([[move]]))
        seen.append((*simulator.observations[0, 0].tolist(), float(simulator.rewards[0, 0])))
    expected = [
        (0.1, -0.1, -math.hypot(0.2, 0.3)),
        (0.0, -0.05, -math.hypot(0.3, 0.35)),  # -0.3 counts as -0.1
        (0.1, -0.15, -math.hypot(0.2, 0.25)),  # -7 counts as -0.1
        (0.2, -0.15, -math.hypot(0.1, 0.25)),
        (0.3, -0.25, -0.15),
        (0.3, -0.35, -0.05),
    ]
    np.testing.assert_allclose(seen[:6], expected, atol=1e-7)
    assert not simulator.terminated[0]  # 0.05 beyond the goal, whose other coordinate is met exactly
    assert seen[6][2] == pytest.approx(-0.05)
    simulator.step(np.array([[(0.005, 0.045)]]))
    assert simulator.terminated[0]
    assert simulator.rewards[0, 0] == pytest.approx(-math.hypot(0.005, 0.005))


@pytest.mark.parametrize(
    ("goal", "move", "ends"),
    [
        ((0.1095, 0.0905), (0.1, 0.1), True),
        ((0.1095, 0.0895), (0.1, 0.1), False),  # near enough along x alone
        ((0.0895, 0.1), (0.1, 0.1), False),
        ((0.009, -0.009), (0.0, 0.0), True),
        ((0.0, 0.0), (0.0, 0.1), False),  # the start is not looked at: the move leads away
    ],
)
def test_an_episode_ends_near_the_goal_along_both_axes(
    goal: tuple[float, float], move: tuple[float, float], ends: bool
) -> None:
    assert walk(goal, [move]).terminated.tolist() == [ends]


def test_a_hundred_steps_are_the_limit_and_lead_as_far_as_observations_tell() -> None:
    simulator = walk((0.3, 0.3), [(-1.0, -1.0)] * 99)
    assert not simulator.truncated[0]
    simulator = walk((0.3, 0.3), [(-1.0, -1.0)] * 100)
    assert simulator.truncated[0]
    assert not simulator.terminated[0]
    np.testing.assert_allclose([simulator.states["x"], simulator.states["y"]], -10.0)
    assert (simulator.observations >= NAVIGATION.features[0].low).all()


def test_the_goal_is_never_seen_and_every_episode_begins_at_the_start() -> None:
    seen = []
    for goal in ([0.4, 0.1], [-0.2, 0.45]):
        simulator = Simulator(NAVIGATION, 1, num_episodes=2)
        simulator.reset(NAVIGATION.space.records([{"goal": goal}]), np.array([3]))
        observations = [simulator.observations.tobytes()]
        for _ in range(100):
            simulator.step(np.full((1, 1, 2), -0.1))
            observations.append(simulator.observations.tobytes())
        assert simulator.episodes.tolist() == [1]
        assert observations[0] == observations[-1] == np.zeros(2, np.float32).tobytes()
        seen.append(observations)
    assert seen[0] == seen[1]


def test_seeds_change_nothing_and_actions_everything() -> None:
    traces = []
    for seed, scale in ((0, 0.05), (7, 0.05), (7, 0.04)):
        simulator = Simulator(NAVIGATION, 1)
        simulator.reset(NAVIGATION.space.records([{"goal": [0.4, 0.1]}]), np.array([seed]))
        generator, trace = np.random.default_rng(1), []
        for _ in range(150):
            simulator.step(scale * generator.normal(size=(1, 1, 2)))
            trace.append((simulator.observations.tobytes(), simulator.rewards.tobytes()))
        traces.append(trace)
    assert traces[0] == traces[1] != traces[2]


def test_the_path_is_kept_and_never_grows_past_its_end() -> None:
    simulator = walk((0.4, 0.4), [(0.1, 0.0), (0.05, -0.1)])
    np.testing.assert_allclose(simulator.states["path"][0, :3], [[0, 0], [0.1, 0], [0.15, -0.1]], atol=1e-7)
    full = NAVIGATION.source.state["path"].shape[0]
    simulator.states["num_moves"] = full + 5  # as after a longer time limit than ours
    before = simulator.states["path"].tobytes()
    simulator.step(np.zeros((1, 1, 2)))
    assert simulator.states["path"].tobytes() == before
