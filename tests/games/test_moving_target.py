"""The moving target against a bound by numerical integration, and a player who infers gain and drift from two steps."""

import numpy as np
import pytest
from numpy.typing import NDArray

from gameagent_games.families.reference.moving_target import MOVING_TARGET
from gameagent_games.games import Games
from reference_play import near, trial_returns

Floats = NDArray[np.float64]


def middles(low: float, high: float, num: int) -> Floats:
    """The middles of equal parts of a range, to integrate over it."""
    return np.asarray(low + (np.arange(num) + 0.5) / num * (high - low))


def steps_if_known(x: Floats, target: float, gain: Floats, drift: Floats) -> Floats:
    """Steps to the target of a player who knows everything: at full speed, and exactly onto it with the last one."""
    speed = gain + np.sign(target - x) * drift
    return np.maximum(np.ceil((np.abs(target - x) - 0.1) / speed), 1.0)


def bounds() -> tuple[float, float]:
    """Mean return of an episode of who learns all after the first step of the trial, and of who knows all.

    The first step is the best one for the target, against all levers that there may be.
    """
    direction, gain, drift = np.meshgrid((-1.0, 1.0), middles(0.25, 0.6, 48), middles(-0.1, 0.1, 24), indexing="ij")
    first, known = [], []
    for target in middles(0.5, 1.5, 100):  # those to the left are its mirror image
        values = []
        for action in np.linspace(0.0, 1.0, 41):
            x = direction * gain * action + drift
            further = np.where(np.abs(x - target) <= 0.1, 0.0, steps_if_known(x, target, gain, drift))
            values.append(float((0.9 - 0.1 * further).mean()))
        first.append(max(values))
        known.append(float((1.0 - 0.1 * steps_if_known(np.zeros_like(gain), target, gain, drift)).mean()))
    return float(np.mean(first)), float(np.mean(known))


class Learner:
    """Pushes by 0.55 once, which tells the lever's direction; then heads for the target with what fits best so far.

    The first step leaves a line of gains and drifts, whose middle is taken; a second, different one leaves a point.
    """

    def __init__(self, num: int) -> None:
        self.action, self.moved, self.lever = np.zeros((num, 1)), np.zeros((num, 1)), np.zeros((num, 2))
        self.num_known = np.zeros(num, np.int64)
        self.x = self.last = np.zeros(num)

    def act(self, games: Games) -> NDArray[np.float64]:
        """Decides in all games, and notes what comes of it when it is asked again."""
        x, target = games.observations[:, 0].astype(np.float64).T
        if self.last.any():
            self._learn(x - self.x, (games.steps > 0) & ~games.finished)
        gain, drift = self.lever.T
        actions = np.full(len(x), 0.55)
        some = self.num_known > 0
        actions[some] = np.clip((target - x - drift)[some] / gain[some], -1.0, 1.0)
        self.x, self.last = x, actions
        return actions[:, None, None]

    def _learn(self, move: Floats, seen: NDArray[np.bool_]) -> None:
        first, second = seen & (self.num_known == 0), seen & (self.num_known == 1)
        second &= np.abs(self.last - self.action[:, 0]) > 0.05
        self.action[first, 0], self.moved[first, 0] = self.last[first], move[first]
        side = np.sign(move[first])
        ends = np.sort(move[first] - 0.55 * side * np.array([[0.25], [0.6]]), axis=0).clip(-0.1, 0.1)
        drift = ends.mean(axis=0)
        self.lever[first] = np.stack([(move[first] - drift) / 0.55, drift], axis=1)
        gain = (move - self.moved[:, 0])[second] / (self.last - self.action[:, 0])[second]
        self.lever[second] = np.stack([gain, move[second] - gain * self.last[second]], axis=1)
        self.num_known += first.astype(int) + second


def test_the_ceiling_is_the_bound_and_a_learner_comes_within_a_third_of_a_percent() -> None:
    first, known = bounds()
    assert MOVING_TARGET.ceiling is not None
    assert MOVING_TARGET.ceiling.episodes == pytest.approx((first, known, known), abs=2e-3)
    assert MOVING_TARGET.ceiling.total == pytest.approx(first + 2 * known, abs=4e-3)
    learner = Learner(20_000)
    returns = trial_returns(MOVING_TARGET, MOVING_TARGET.space.sample(20_000, 1, "all"), learner.act)
    total = returns.sum(axis=1)
    error = float(total.std() / np.sqrt(len(total)))
    assert total.mean() < MOVING_TARGET.ceiling.total + 4 * error
    assert total.mean() > MOVING_TARGET.ceiling.total * 0.997 - 4 * error
    assert near(returns[:, 2], known)


def test_a_cart_that_is_pushed_by_hand() -> None:
    games = MOVING_TARGET.make_games(1, compiled=False)
    games.reset(MOVING_TARGET.space.records([{"mirrored": True, "gain": 0.5, "drift": 0.1}]), np.array([0]))
    target = float(games.observations[0, 0, 1])
    toward = -np.sign(target)  # a mirrored lever
    places = []
    for action in (0.0, toward):
        games.step(np.array([[[action]]]))
        places.append(float(games.observations[0, 0, 0]))
        assert games.rewards[0, 0] == -0.1
    assert places == pytest.approx([0.1, 0.2 + np.sign(target) * 0.5])


@pytest.mark.parametrize(("away", "last", "steps"), [(False, 0.9, 2), (True, -1.1, 4)])
def test_touching_pays_and_leaving_costs(away: bool, last: float, steps: int) -> None:
    games = MOVING_TARGET.make_games(1, compiled=False)
    for seed in range(100):
        games.reset(MOVING_TARGET.space.records([{"mirrored": False, "gain": 0.6, "drift": 0.0}]), np.array([seed]))
        target = float(games.observations[0, 0, 1])
        if 1.11 < target < 1.29:  # two steps of 0.6 touch it, one does not
            break
    action = np.array([[[-1.0 if away else 1.0]]])
    for _ in range(steps - 1):
        games.step(action)
        assert games.rewards[0, 0] == -0.1
        assert not games.terminated[0]
    games.step(action)
    assert games.terminated[0]
    assert games.rewards[0, 0] == pytest.approx(last)
