"""The lake against dynamic programming over the layouts that are left, and crossings by hand."""

from functools import cache
from itertools import combinations

import numpy as np
import pytest

from gameagent_games import VariantError
from gameagent_games.families.reference.lake import LAKE
from gameagent_games.games import Games
from reference_play import played, trial_returns

UP, RIGHT, DOWN, LEFT = range(4)
GOAL = 15
BESIDE = [
    {UP: cell + 4 if cell < 12 else cell, DOWN: cell - 4 if cell > 3 else cell,
     RIGHT: cell + 1 if cell % 4 < 3 else cell, LEFT: cell - 1 if cell % 4 else cell}
    for cell in range(16)
]  # fmt: skip

Cells = frozenset[int]


def reachable(safe: Cells) -> Cells:
    """The cells that can be walked to from the start over cells known to be safe."""
    reached = {0}
    while more := {there for cell in reached for there in BESIDE[cell].values() if there in safe} - reached:
        reached |= more
    return frozenset(reached)


LAYOUTS = [
    frozenset(holes) for holes in combinations(range(1, 15), 4) if GOAL in reachable(frozenset(range(16)) - set(holes))
]
HOLES = np.array([[cell in layout for cell in range(16)] for layout in LAYOUTS])


class Knowledge:
    """The layouts that are left, by number; the cells that can be reached safely; the risk of those beside them."""

    def __init__(self, left: np.ndarray) -> None:
        self.left = left
        risk = HOLES[left].mean(axis=0)
        self.reached = reachable(frozenset(np.flatnonzero(risk == 0).tolist()))
        beyond = {there for cell in self.reached for there in BESIDE[cell].values()} - self.reached
        self.risks = {cell: float(risk[cell]) for cell in sorted(beyond) if risk[cell] < 1}

    def after(self, cell: int, hole: bool) -> "Knowledge":
        """What is known after a step onto a cell."""
        return Knowledge(self.left[HOLES[self.left, cell] == hole])


@cache
def best(left: bytes, episodes: int) -> tuple[float, int]:
    """Value of the trial from the middle of an episode, if ``episodes`` are left with it, and the cell to step onto.

    Walking over safe cells is free, so only steps onto others count.
    """
    known = Knowledge(np.frombuffer(left, np.int64))
    if episodes == 0 or GOAL in known.reached:
        return float(episodes), GOAL
    values = {
        cell: (1 - risk) * best(known.after(cell, False).left.tobytes(), episodes)[0]
        + risk * best(known.after(cell, True).left.tobytes(), episodes - 1)[0]
        for cell, risk in known.risks.items()
    }
    cell = max(values, key=lambda one: values[one])
    return values[cell], cell


def first_action(cell: int, target: int, safe: Cells) -> int:
    """The first action of a shortest way to a cell over safe ones."""
    paths = [(cell, -1)]
    for at, first in paths:  # grows meanwhile
        for action, there in BESIDE[at].items():
            if there == target:
                return action if first < 0 else first
            if there in safe and there not in [one for one, _ in paths]:
                paths.append((there, action if first < 0 else first))
    raise AssertionError("no way")


class Player:
    """Bayes-optimal play in one game."""

    def __init__(self) -> None:
        self.known, self.stepping, self.episode = Knowledge(np.arange(len(LAYOUTS))), -1, 0

    def act(self, episode: int, cell: int) -> int:
        """Learns from the last step and decides on the next."""
        if self.stepping in self.known.risks:
            self.known = self.known.after(self.stepping, hole=episode > self.episode)
        self.episode = episode
        target = best(self.known.left.tobytes(), LAKE.num_episodes - episode)[1]
        action = first_action(cell, target, self.known.reached)
        self.stepping = BESIDE[cell][action]
        return action


@pytest.mark.slow
def test_the_ceiling_is_the_value_of_bayes_optimal_play_and_is_reached() -> None:
    value = best(np.arange(len(LAYOUTS)).tobytes(), LAKE.num_episodes)[0]
    players = [Player() for _ in LAYOUTS]

    def choose(games: Games) -> np.ndarray:
        cells = games.observations[:, 0].reshape(-1, 2, 4).argmax(axis=2) @ [1, 4]
        return np.array(
            [
                [UP if games.finished[i] else player.act(int(games.episodes[i]), int(cells[i]))]
                for i, player in enumerate(players)
            ]
        )

    records = LAKE.space.records([{"holes": [int(cell in layout) for cell in range(1, 15)]} for layout in LAYOUTS])
    returns = trial_returns(LAKE, records, choose)
    assert returns.sum(axis=1).mean() == pytest.approx(value, abs=1e-9)
    assert LAKE.ceiling is not None
    assert LAKE.ceiling.total == pytest.approx(value, abs=5e-5)
    assert LAKE.ceiling.episodes is not None
    assert returns.mean(axis=0) == pytest.approx(LAKE.ceiling.episodes, abs=5e-5)
    held_out = returns[LAKE.space.split_of(records) == "test"]
    assert abs(held_out.sum(axis=1).mean() - value) < 0.05 * value


def test_one_crossing_by_hand() -> None:
    # With two cells in doubt, one a hole: the first try succeeds half the time, and the second always.
    two = [number for number, layout in enumerate(LAYOUTS) if layout in ({1, 7, 10, 12}, {4, 7, 10, 12})]
    assert best(np.array(two).tobytes(), 2)[0] == pytest.approx(1.5)


def test_the_layouts_are_all_that_can_be_crossed() -> None:
    every = {tuple(flags) for flags in LAKE.space.rules[0].distribution.all_values()[0].tolist()}  # type: ignore[attr-defined]
    assert every == {tuple(int(cell in layout) for cell in range(1, 15)) for layout in LAYOUTS}
    assert len(every) == 757
    drawn = LAKE.space.sample(20_000, 0, "all")["holes"]
    assert drawn.mean(axis=0) == pytest.approx(HOLES[:, 1:15].mean(axis=0), abs=0.015)


def test_the_splits_share_no_layout_and_look_alike() -> None:
    assert LAKE.space.holds_out
    test, train = (LAKE.space.sample(5000, 1, split)["holes"] for split in ("test", "train"))
    assert not {tuple(flags) for flags in test.tolist()} & {tuple(flags) for flags in train.tolist()}
    assert test.mean(axis=0) == pytest.approx(train.mean(axis=0), abs=0.04)


def test_falling_and_crossing() -> None:
    holes = {"holes": [int(cell in (1, 6, 8, 12)) for cell in range(1, 15)]}
    seen = played(LAKE, holes, [RIGHT, LEFT, UP, RIGHT, LEFT, UP])
    assert [reward for reward, _ in seen] == [0.0] * 6
    assert [where for _, where in seen] == [
        [1, 0, 0, 0, 1, 0, 0, 0],  # fell, and starts again
        [1, 0, 0, 0, 1, 0, 0, 0],
        [1, 0, 0, 0, 0, 1, 0, 0],
        [0, 1, 0, 0, 0, 1, 0, 0],
        [1, 0, 0, 0, 0, 1, 0, 0],
        [1, 0, 0, 0, 1, 0, 0, 0],  # fell again
    ]
    crossed = played(LAKE, {"holes": [int(cell in (5, 6, 9, 10)) for cell in range(1, 15)]}, [RIGHT] * 3 + [UP] * 3)
    assert [reward for reward, _ in crossed] == [0.0] * 5 + [1.0]


def test_holes_without_a_way_are_refused() -> None:
    with pytest.raises(VariantError, match="leave a way"):
        LAKE.space.records([{"holes": [1, 0, 0, 1, *[0] * 8, 1, 1]}])
