"""GridNavi against the benchmark's text: hand-made positions, and players whose returns are known exactly."""

from collections.abc import Callable

import numpy as np
import pytest

from gameagent_games import Simulator
from gameagent_games.families.gridnavi.family import GRIDNAVI

# The benchmark as published (Zintgraf et al. 2020): 21 goals outside the 2 x 2 cells at the start.
GOALS = [(x, y) for x in range(5) for y in range(5) if not (x < 2 and y < 2)]
NOOP, UP, RIGHT, DOWN, LEFT = range(5)
STEP = {(0, 0): NOOP, (0, 1): UP, (1, 0): RIGHT, (0, -1): DOWN, (-1, 0): LEFT}

Cell = tuple[int, int]


def records(goals: list[Cell]) -> np.ndarray:
    return GRIDNAVI.space.records([{"goal": f"{x},{y}"} for x, y in goals])


def episode_returns(goals: list[Cell], player: Callable[[], "Learner"]) -> np.ndarray:
    """Return of each episode ``(num goals, 4)`` of one learner per goal, which sees its cell and its rewards."""
    simulator = Simulator(GRIDNAVI, len(goals))
    simulator.reset(records(goals), np.arange(len(goals)))
    learners = [player() for _ in goals]
    returns = np.zeros((len(goals), 4))
    for episode in range(4):
        for _ in range(15):
            cells = [(int(x), int(y)) for x, y in zip(simulator.states["x"], simulator.states["y"], strict=True)]
            simulator.step(np.array([[learner.act(cell)] for learner, cell in zip(learners, cells, strict=True)]))
            returns[:, episode] += simulator.rewards[:, 0]
            for learner, reward in zip(learners, simulator.rewards[:, 0].tolist(), strict=True):
                learner.learn(reward)
        assert simulator.truncated.all()
        assert not simulator.terminated.any()
        for learner in learners:
            learner.restart()
    assert simulator.finished.all()
    return returns


class Learner:
    """Walks to ``target``, along either axis at random; finds the goal by standing on it."""

    generator = np.random.default_rng(0)

    def __init__(self) -> None:
        self.candidates = set(GOALS)
        self.here: Cell = (0, 0)
        self.restart()

    def restart(self) -> None:
        self.time = 0

    def act(self, cell: Cell) -> int:
        target = self.target()
        dx, dy = (int(np.sign(target[axis] - cell[axis])) for axis in (0, 1))
        if dx and dy:
            dx, dy = (dx, 0) if self.generator.random() < 0.5 else (0, dy)
        self.here = (cell[0] + dx, cell[1] + dy)
        self.time += 1
        return STEP[dx, dy]

    def learn(self, reward: float) -> None:
        self.candidates &= {self.here} if reward > 0 else self.candidates - {self.here}

    def target(self) -> Cell:
        raise NotImplementedError


class BayesOptimal(Learner):
    """Visits a new candidate at each step from the second on; the seven it leaves out lie on one shortest path.

    So the second episode meets each of the seven as early as can be, and no play is better in any episode.
    """

    FIRST = (
        (0, 1), (0, 2), (0, 3), (0, 4), (1, 4), (1, 3), (1, 2), (2, 2),
        (2, 1), (3, 1), (3, 2), (3, 3), (2, 3), (2, 4), (3, 4),
    )  # fmt: skip
    REST = ((1, 0), (2, 0), (3, 0), (4, 0), (4, 1), (4, 2), (4, 3), (4, 4))

    def target(self) -> Cell:
        if len(self.candidates) == 1:
            return next(iter(self.candidates))
        return (self.FIRST if len(self.candidates) > 7 else self.REST)[self.time]


class PosteriorSampling(Learner):
    """Believes in one candidate until it is refuted, then in another (Thompson sampling)."""

    belief: Cell = (0, 0)

    def target(self) -> Cell:
        if self.belief not in self.candidates:
            self.belief = sorted(self.candidates)[self.generator.integers(len(self.candidates))]
        return self.belief


def test_the_goals_are_those_of_the_benchmark() -> None:
    assert sorted(GRIDNAVI.space.rules[0].distribution.options) == sorted(f"{x},{y}" for x, y in GOALS)  # type: ignore[attr-defined]
    assert (len(GOALS), GRIDNAVI.max_steps, GRIDNAVI.num_episodes) == (21, 15, 4)


def test_hand_made_positions() -> None:
    simulator = Simulator(GRIDNAVI, 1, compiled=False)
    simulator.reset(records([(2, 1)]), np.array([0]))
    walked = []
    for action in (DOWN, LEFT, RIGHT, RIGHT, UP, NOOP, RIGHT, RIGHT, RIGHT, UP, UP, UP, UP, LEFT):
        simulator.step(np.array([[action]]))
        walked.append((int(simulator.states["x"][0]), int(simulator.states["y"][0]), float(simulator.rewards[0, 0])))
    miss, hit = -0.1, 1.0
    assert walked == [
        (0, 0, miss), (0, 0, miss), (1, 0, miss), (2, 0, miss), (2, 1, hit), (2, 1, hit), (3, 1, miss),
        (4, 1, miss), (4, 1, miss), (4, 2, miss), (4, 3, miss), (4, 4, miss), (4, 4, miss), (3, 4, miss),
    ]  # fmt: skip
    assert simulator.observations[0, 0].tolist() == [0.5, 1.0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1]
    simulator.step(np.array([[NOOP]]))
    assert simulator.truncated[0]
    assert simulator.observations[0, 0].tolist() == [-1.0, -1.0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0]


def test_the_goal_is_never_seen() -> None:
    seen = []
    for goal in GOALS:
        simulator = Simulator(GRIDNAVI, 1)
        simulator.reset(records([goal]), np.array([0]))
        for action in (RIGHT, UP) * 4:
            simulator.step(np.array([[action]]))
        seen.append(simulator.observations.tobytes())
    assert len(set(seen)) == 1


def test_bayes_optimal_play_earns_the_ceiling() -> None:
    means = episode_returns(GOALS, BayesOptimal).mean(axis=0)
    known = np.mean([16.1 - 1.1 * (x + y) for x, y in GOALS])  # x + y - 1 steps off the goal, the rest on it
    assert means == pytest.approx([4.0, known, known, known])
    assert GRIDNAVI.ceiling is not None
    assert GRIDNAVI.ceiling.episodes is not None
    assert means == pytest.approx(GRIDNAVI.ceiling.episodes, abs=0.005)
    assert means.sum() == pytest.approx(GRIDNAVI.ceiling.total, abs=0.005)


def test_posterior_sampling_earns_what_is_known() -> None:
    returns = episode_returns(GOALS * 150, PosteriorSampling)
    error = returns.std(axis=0) / np.sqrt(len(returns))
    assert (np.abs(returns.mean(axis=0) - [2.98, 7.82, 10.49, 11.07]) < 4 * error + 0.005).all(), returns.mean(axis=0)


def test_random_play_earns_what_is_known() -> None:
    goals = GOALS * 200
    simulator = Simulator(GRIDNAVI, len(goals))
    simulator.reset(records(goals), np.arange(len(goals)))
    generator, total = np.random.default_rng(0), np.zeros(len(goals))
    for _ in range(60):
        simulator.step(generator.integers(0, 5, (len(goals), 1)))
        total += simulator.rewards[:, 0]
    assert abs(total.mean() / 4 - -1.16) < 4 * total.std() / 4 / np.sqrt(len(goals)) + 0.005
