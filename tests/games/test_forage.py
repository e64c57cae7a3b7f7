"""Forage on hand-made levels: every rule of the game, one at a time; and what generated levels must be like."""

# mypy: disable-error-code="index"

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from gameagent_games import Simulator
from gameagent_games.families.forage.family import FORAGE, KINDS
from gameagent_games.families.forage.rules import GONE, ITEMS_PER_KIND, NUM_ITEMS, WALL

STAY, UP, RIGHT, DOWN, LEFT = range(5)
MOVES = {"stay": (0, 0), "up": (0, -1), "right": (1, 0), "down": (0, 1), "left": (-1, 0)}
PLAIN = {
    "worth": [1.0, -0.5, 0.5, -1.0],
    "mirror": "none",
    "wrap": False,
    "slip": 0.0,
    "regrows": [False] * 4,
    "size": 6,
}
OPEN = """
......
......
..@...
......
......
......
"""


@dataclass
class Level:
    """One game of forage on a level drawn by hand: ``@`` creature, ``#`` wall, letters a to d items of each kind."""

    simulator: Simulator

    @classmethod
    def lay(cls, picture: str, slip: float | None = None, seed: int = 0, **rules: Any) -> "Level":
        simulator = Simulator(FORAGE, 1, num_episodes=0, compiled=False)
        record = FORAGE.space.records([PLAIN | rules])
        if slip is not None:
            record["slip"] = slip  # 1.0, beyond what a variant may have
        simulator.reset(record, np.array([seed]))
        state = simulator.states[0]
        state["cells"], state["item_x"] = WALL, GONE
        used = Counter[int]()
        for y, row in enumerate(picture.split()):
            for x, letter in enumerate(row):
                state["cells"][y, x] = WALL if letter == "#" else 0
                if letter == "@":
                    state["x"], state["y"] = x, y
                elif letter in "abcd":
                    kind = "abcd".index(letter)
                    item = kind * ITEMS_PER_KIND + used[kind]
                    used[kind] += 1
                    state["item_x"][item], state["item_y"][item], state["cells"][y, x] = x, y, item + 1
        return cls(simulator)

    def play(self, *actions: int) -> list[float]:
        """Takes the actions; returns their rewards."""
        rewards = []
        for action in actions:
            self.simulator.step(np.array([[action]]))
            rewards.append(float(self.simulator.rewards[0, 0]))
        return rewards

    @property
    def place(self) -> tuple[int, int]:
        return int(self.simulator.states["x"][0]), int(self.simulator.states["y"][0])

    def seen(self, name: str) -> list[float]:
        """A feature of what the creature sees now."""
        column = 0
        for feature in FORAGE.features:
            if feature.name == name:
                return self.simulator.observations[0, 0, column : column + feature.size].tolist()  # type: ignore[no-any-return]
            column += feature.size
        raise KeyError(name)

    def items(self) -> list[tuple[int, int]]:
        """Where the items that are left lie, checked against the cells."""
        state = self.simulator.states[0]
        left = {item: (int(state["item_x"][item]), int(state["item_y"][item])) for item in range(NUM_ITEMS)}
        left = {item: (x, y) for item, (x, y) in left.items() if x != GONE}
        lying = {int(state["cells"][y, x]) - 1: (x, y) for y, x in np.argwhere(state["cells"] > 0).tolist()}
        assert lying == left
        return sorted(left.values())


@pytest.mark.parametrize(
    ("mirror", "signs"), [("none", (1, 1)), ("horizontal", (-1, 1)), ("vertical", (1, -1)), ("both", (-1, -1))]
)
@pytest.mark.parametrize("action", range(5))
def test_controls_under_each_mirror(mirror: str, signs: tuple[int, int], action: int) -> None:
    level = Level.lay(OPEN, mirror=mirror)
    level.play(action)
    dx, dy = MOVES[FORAGE.actions[action]]
    assert level.place == (2 + signs[0] * dx, 2 + signs[1] * dy)


@pytest.mark.parametrize(("wrap", "there"), [(False, [(0, 0), (0, 0)]), (True, [(5, 0), (5, 5)])])
def test_edges_stop_or_lead_to_the_other_side(wrap: bool, there: list[tuple[int, int]]) -> None:
    level = Level.lay("@.....\n......\n......\n......\n......\n......", wrap=wrap)
    places = []
    for action in (LEFT, UP):
        level.play(action)
        places.append(level.place)
    assert places == there
    if wrap:
        level.play(RIGHT, DOWN)
        assert level.place == (0, 0)


def test_walls_stop_also_across_an_edge() -> None:
    level = Level.lay("@#....\n#.....\n......\n......\n......\n.....#", wrap=True)
    level.play(RIGHT, DOWN)
    assert level.place == (0, 0)
    level.play(LEFT)
    assert level.place == (5, 0)
    level.play(UP)
    assert level.place == (5, 0)


def test_without_slip_moves_are_certain_and_with_slip_1_they_always_go_to_the_side() -> None:
    assert {_after_right(slip=0.0, seed=seed) for seed in range(50)} == {(3, 2)}
    places = Counter(_after_right(slip=1.0, seed=seed) for seed in range(400))
    assert set(places) == {(2, 1), (2, 3)}
    assert abs(places[2, 1] - 200) < 4 * 10  # either way alike; standard deviation 10


def test_slip_is_a_probability() -> None:
    places = Counter(_after_right(slip=0.2, seed=seed) for seed in range(2000))
    assert abs(places[3, 2] - 1600) < 4.5 * np.sqrt(2000 * 0.2 * 0.8)
    assert abs(places[2, 1] - 200) < 4.5 * np.sqrt(2000 * 0.1 * 0.9)


def _after_right(slip: float, seed: int) -> tuple[int, int]:
    level = Level.lay(OPEN, slip=slip, seed=seed)
    level.play(RIGHT)
    return level.place


def test_staying_never_slips() -> None:
    level = Level.lay(OPEN, slip=1.0)
    level.play(*[STAY] * 10)
    assert level.place == (2, 2)


def test_eating_pays_what_the_kind_is_worth_once() -> None:
    level = Level.lay("@abcd.\n......\n......\n......\n......\n......")
    assert level.play(RIGHT, RIGHT, RIGHT, RIGHT, RIGHT) == [1.0, -0.5, 0.5, -1.0, 0.0]
    assert level.items() == []
    assert level.play(LEFT, LEFT) == [0.0, 0.0]


def test_what_was_just_eaten_is_seen_for_one_step() -> None:
    level = Level.lay("@.c...\n......\n......\n......\n......\n......")
    seen = [level.play(action) and level.seen("just_ate") for action in (RIGHT, RIGHT, STAY)]
    assert seen == [[0, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]]


def test_what_regrows_lies_in_another_free_cell() -> None:
    for seed in range(20):
        level = Level.lay(
            "@ab...\n.#.#..\n......\n......\n......\n......", seed=seed, regrows=[True, False, False, False]
        )
        assert level.play(RIGHT, RIGHT)[0] == 1.0
        [(x, y)] = level.items() or [(0, 0)]
        assert level.simulator.states["cells"][0, y, x] == 1


@pytest.mark.parametrize(
    ("picture", "there", "offset", "side"),
    [
        ("...a..\n......\n@.....\n......\na.....\n......", 1, (0, 2), (0, 1)),  # 2 steps rather than 5
        ("a.....\n......\n..@..a\n......\n......\n......", 1, (3, 0), (1, 0)),
        ("......\n.a....\n..@...\n...a..\n......\n......", 1, (-1, -1), (-1, -1)),  # a tie: the first of them
        ("......\n......\n..@...\n......\n....bb\n....cd", 0, (0, 0), (0, 0)),
    ],
)
def test_the_nearest_item_of_a_kind_is_seen(
    picture: str, there: int, offset: tuple[int, int], side: tuple[int, int]
) -> None:
    level = Level.lay(picture)
    level.play(STAY)
    assert level.seen("berry_there") == [there]
    assert level.seen("berry_offset") == pytest.approx([cells / 5 for cells in offset])
    assert level.seen("berry_side") == list(side)


def test_own_place_and_walls_beside_are_seen() -> None:
    level = Level.lay("......\n.#....\n.@#...\n......\n......\n......")
    level.play(STAY)
    assert level.seen("position") == pytest.approx([2 * 1 / 5 - 1, 2 * 2 / 5 - 1])
    assert level.seen("wall") == [1, 1, 0, 0]
    level = Level.lay("......\n......\n......\n......\n......\n.....@", wrap=True)
    level.play(STAY)
    assert level.seen("position") == [1.0, 1.0]
    assert level.seen("wall") == [0, 1, 1, 0]  # whether an edge wraps is a hidden rule: it always looks like one


def test_an_episode_ends_by_the_time_limit_only() -> None:
    level = Level.lay(OPEN)
    level.play(*[STAY] * 31)
    assert not level.simulator.truncated[0]
    level.play(STAY)
    assert level.simulator.truncated[0]
    assert not level.simulator.terminated[0]


# -- generated levels -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def generated() -> Simulator:
    simulator = Simulator(FORAGE, 1500)
    near, far = FORAGE.space.sample(1000, 0, "all"), FORAGE.space.sample(500, 0, "out_of_range")
    simulator.reset(np.concatenate([near, far]), np.arange(1500))
    return simulator


def test_all_free_cells_of_a_level_are_connected(generated: Simulator) -> None:
    for state, size in zip(generated.states, generated.variants["size"].tolist(), strict=True):
        walls = state["cells"] == WALL
        assert walls[size:, :].all()
        assert walls[:, size:].all()
        reached, waiting = set(), [(int(state["x"]), int(state["y"]))]
        while waiting:
            x, y = waiting.pop()
            if (x, y) not in reached and 0 <= x < size and 0 <= y < size and not walls[y, x]:
                reached.add((x, y))
                waiting += [(x + dx, y + dy) for dx, dy in MOVES.values()]
        assert len(reached) == (~walls[:size, :size]).sum()


def test_a_level_has_every_item_in_a_cell_of_its_own(generated: Simulator) -> None:
    for state in generated.states:
        places = list(zip(state["item_x"].tolist(), state["item_y"].tolist(), strict=True))
        assert len(set(places)) == NUM_ITEMS == ITEMS_PER_KIND * len(KINDS)
        assert (int(state["x"]), int(state["y"])) not in places
        assert [int(state["cells"][y, x]) - 1 for x, y in places] == list(range(NUM_ITEMS))


def test_walls_are_pillars_at_odd_cells_in_four_of_ten(generated: Simulator) -> None:
    small = generated.states["cells"][generated.variants["size"] == 6][:, :6, :6] == WALL
    share = small.mean(axis=0)
    assert (share[1::2, 1::2] > 0.3).all()
    assert (share[1::2, 1::2] < 0.5).all()
    share[1::2, 1::2] = 0.0
    assert (share == 0.0).all()


def test_creature_and_items_may_be_in_any_free_cell() -> None:
    simulator = Simulator(FORAGE, 4000)
    simulator.reset(np.repeat(FORAGE.space.records([PLAIN]), 4000), np.arange(4000))
    for x, y in (("x", "y"), ("item_x", "item_y")):
        counts = np.zeros((6, 6))
        xs, ys = (simulator.states[axis].reshape(4000, -1)[:, 0] for axis in (x, y))
        np.add.at(counts, (ys, xs), 1)
        free = counts[:, ::2]  # cells that are never a wall
        expected = free.mean()
        assert (np.abs(free - expected) < 4.5 * np.sqrt(expected)).all()


def test_what_an_episode_is_like_depends_on_seed_and_episode_alone() -> None:
    variants = FORAGE.space.sample(8, 0)
    alone, together = Simulator(FORAGE, 1), Simulator(FORAGE, 8)
    together.reset(variants, np.arange(8))
    alone.reset(variants[5:6], np.array([5]))
    actions = np.random.default_rng(0).integers(0, 5, (100, 8, 1))
    for step in actions:
        together.step(step)
        alone.step(step[5:6])
        assert (together.observations[5] == alone.observations[0]).all()
        assert together.states[5].tobytes() == alone.states[0].tobytes()
