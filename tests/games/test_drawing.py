"""Views, sprites, the contact sheet and the panel, judged by their pixels. Needs no screen."""

import dataclasses
import itertools
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from gameagent_games.errors import FamilyError, VariantError
from gameagent_games.interface import Family
from gameagent_games.registry import built_in_names, load_family
from gameagent_games.sources.simulator import Simulator

pygame = pytest.importorskip("pygame", reason="pictures need the render extra")

from gameagent_games.drawing import palette  # noqa: E402
from gameagent_games.drawing.brush import Brush, sprite  # noqa: E402
from gameagent_games.drawing.canvas import Scene, as_record, draw_frame, load_view, to_rgb  # noqa: E402
from gameagent_games.drawing.sheet import draw_sheet  # noqa: E402
from gameagent_games.families.forage.rules import DX, DY, GONE, WALL  # noqa: E402
from gameagent_games.families.forage.sprites import paint_creature, paint_kind, paint_pillar  # noqa: E402

SIDE = 240
FAMILIES = built_in_names()


def begun(name: str, seed: int = 0, **rules: Any) -> tuple[Family, Simulator]:
    family = load_family(name)
    variant = dict(family.space.variants(family.space.sample(1, seed, "all"))[0].rules) | rules
    simulator = Simulator(family, 1, num_episodes=0, compiled=False, auto_start=False)
    simulator.reset(family.space.records([variant]), np.array([seed]))
    return family, simulator


def frame(family: Family, simulator: Simulator, **options: Any) -> np.ndarray:
    return draw_frame(simulator, SIDE, **options)


def cell(picture: np.ndarray, x: int, y: int, size: int) -> np.ndarray:
    """The pixels of a cell of forage's field."""
    border = round(0.052 * SIDE)
    width = (SIDE - 2 * border) / size
    left, top = border + x * width, border + y * width
    return picture[round(top) : round(top + width), round(left) : round(left + width)]


def pixels(surface: Any) -> np.ndarray:
    return np.asarray(to_rgb(surface), dtype=np.int64)


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("size", [64, 241])
def test_a_frame_has_the_size_asked_for(name: str, size: int) -> None:
    _, simulator = begun(name)
    picture = draw_frame(simulator, size)
    assert picture.shape == (size, size, 3)
    assert picture.dtype == np.uint8
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 10


@pytest.mark.parametrize("name", FAMILIES)
def test_a_frame_depends_on_the_records_alone(name: str) -> None:
    family, simulator = begun(name)
    surface = pygame.Surface((SIDE, SIDE))
    load_view(family).draw(surface, Scene(as_record(simulator.states[0]), as_record(simulator.variants[0])))
    np.testing.assert_array_equal(frame(family, simulator), to_rgb(surface))


@pytest.mark.parametrize("size", range(6, 11))
def test_forage_draws_what_lies_in_each_cell_on_grids_of_every_size(size: int) -> None:
    family, simulator = begun("forage", size=size)
    full, cells = frame(family, simulator), simulator.states["cells"].copy()
    simulator.states["cells"] = 0
    simulator.states["item_x"] = GONE
    bare = frame(family, simulator)
    for y, x in itertools.product(range(size), repeat=2):
        changed = (cell(full, x, y, size) != cell(bare, x, y, size)).any(axis=2).mean()
        assert changed > 0.15 if cells[0, y, x] else changed < 0.1, (x, y)


def test_the_four_kinds_differ_in_shape_and_in_colour() -> None:
    pictures = [sprite(paint_kind, 64, kind) for kind in range(4)]
    for first, second in itertools.combinations(pictures, 2):
        solid = [np.asarray(pygame.surfarray.array_alpha(p)) > 128 for p in (first, second)]
        overlap = (solid[0] & solid[1]).sum() / (solid[0] | solid[1]).sum()
        assert overlap < 0.85
        means = [pixels(p).transpose(1, 0, 2)[s].mean(axis=0) for p, s in zip((first, second), solid, strict=True)]
        assert np.linalg.norm(means[0] - means[1]) > 30


def test_the_kinds_stand_out_from_each_other_in_lightness() -> None:
    """What is left for someone who sees no colours: beetle dark, crystal light, the others apart by their shapes."""
    lightness = []
    for kind in range(4):
        picture = sprite(paint_kind, 64, kind)
        solid = np.asarray(pygame.surfarray.array_alpha(picture)) > 200
        lightness.append(pixels(picture).transpose(1, 0, 2)[solid].mean())
    assert lightness[2] < min(lightness[0], lightness[1]) - 10
    assert lightness[3] > max(lightness[0], lightness[1]) + 10


def test_the_creature_leaves_its_cell_when_it_moves() -> None:
    for seed in range(50):
        family, simulator = begun("forage", seed, slip=0.0, mirror="none", size=7)
        state = simulator.states[0]
        x, y = int(state["x"]), int(state["y"])
        free = [
            a for a in range(1, 5)
            if 0 <= x + DX[a] < 7 and 0 <= y + DY[a] < 7 and state["cells"][y + DY[a], x + DX[a]] == 0
        ]  # fmt: skip
        if free:
            break
    old, before = frame(family, simulator), state.copy()
    simulator.step(np.array([[free[0]]]))
    new = frame(family, simulator, before=before)
    there = (x + DX[free[0]], y + DY[free[0]])
    body = np.array([124, 92, 224])

    def shows_body(picture: np.ndarray, at: tuple[int, int]) -> bool:
        return bool((np.abs(cell(picture, *at, 7).astype(int) - body).sum(axis=2) < 40).sum() > 20)

    assert shows_body(old, (x, y)) and not shows_body(old, there)
    assert shows_body(new, there) and not shows_body(new, (x, y))


def test_the_creature_looks_where_it_went() -> None:
    looks = {
        facing: pixels(sprite(paint_creature, 64, facing, "calm"))
        for facing in ((0, 0), (1, 0), (-1, 0), (0, 1), (0, -1))
    }
    for first, second in itertools.combinations(looks.values(), 2):
        assert (first != second).any()


def test_eating_shows_on_the_creature() -> None:
    family, simulator = begun("forage", worth=[0.5, -0.5, 0.5, -0.5])
    pictures = []
    for last_kind in (-1, 0, 1):
        simulator.states["last_kind"] = last_kind
        pictures.append(frame(family, simulator).astype(int))
    for first, second in itertools.combinations(pictures, 2):
        assert (np.abs(first - second).sum(axis=2) > 60).sum() > 100


def test_pillars_are_drawn() -> None:
    assert pixels(sprite(paint_pillar, 32)).std() > 10
    family, simulator = begun("forage", 3, size=8)
    with_walls = frame(family, simulator)
    cells = simulator.states["cells"]
    assert (cells == WALL).any()
    cells[cells == WALL] = 0
    assert (with_walls != frame(family, simulator)).any()


@pytest.mark.parametrize("outline", [0.0, 1.0, 8.0])
def test_a_box_stays_within_itself(outline: float) -> None:
    surface = pygame.Surface((60, 60))
    Brush(surface, 2.0).box((10, 14, 10, 2), (255, 0, 0), 3, outline)
    painted = np.argwhere(pixels(surface).any(axis=2))
    assert painted.min(axis=0).tolist() == [28, 20] and painted.max(axis=0).tolist() == [31, 39]


@pytest.mark.parametrize(
    ("name", "rule", "values"),
    [
        ("forage", "wrap", (False, True)),
        ("gridnavi", "goal", ("4,4", "2,0")),
        ("navigation", "goal", ([0.4, 0.4], [-0.7, 0.6])),
    ],
)
def test_hidden_rules_are_seen_only_when_revealed(name: str, rule: str, values: tuple[Any, Any]) -> None:
    first, second = (begun(name, **{rule: value}) for value in values)
    np.testing.assert_array_equal(frame(*first), frame(*second))
    assert (frame(*first, reveal=True) != frame(*second, reveal=True)).any()


def test_the_way_across_a_wrapped_edge_is_seen_on_both_sides() -> None:
    family, simulator = begun("forage", wrap=True, size=6)
    records = np.repeat(simulator.states, 2)
    records["x"], records["y"] = (0, 5), (2, 2)
    surface = pygame.Surface((SIDE, SIDE))
    before, state = (as_record(record) for record in records)
    load_view(family).draw(surface, Scene(state, as_record(simulator.variants[0]), before, progress=0.5))
    body = np.abs(pixels(surface) - np.array([124, 92, 224])).sum(axis=2) < 40
    assert body[:, : SIDE // 4].any() and body[:, -SIDE // 4 :].any()
    assert not body[:, SIDE // 4 : -SIDE // 4].any()


def test_the_bandit_lights_up_the_arm_that_was_pulled() -> None:
    family, simulator = begun("bandit")
    view, pictures = load_view(family), []
    for action in (None, 0, 1):
        surface = pygame.Surface((SIDE, SIDE))
        state, variant = as_record(simulator.states[0]), as_record(simulator.variants[0])
        view.draw(surface, Scene(state, variant, action=action, reward=1.0))
        pictures.append(pixels(surface))
    changed = [np.argwhere((picture != pictures[0]).any(axis=2)).mean(axis=0) for picture in pictures[1:]]
    assert changed[0][1] < changed[1][1]  # arm 0 stands left of arm 1


def walked(moves: list[tuple[float, float]], **scene: Any) -> np.ndarray:
    """Navigation's picture after these moves from the start; the goal lies up right, at (0.4, 0.4)."""
    family, simulator = begun("navigation", goal=[0.4, 0.4])
    before = simulator.states[0].copy()
    for move in moves:
        before = simulator.states[0].copy()
        simulator.step(np.array([[move]]))
    surface = pygame.Surface((SIDE, SIDE))
    state, variant, before = (as_record(r) for r in (simulator.states[0], simulator.variants[0], before))
    load_view(family).draw(surface, Scene(state, variant, before, **scene))
    return pixels(surface)


def middle(picture: np.ndarray, colour: tuple[int, int, int]) -> tuple[float, float]:
    """Mean x and y, from the picture's middle upwards and to the right, of the pixels of a colour."""
    rows, columns = np.nonzero(np.abs(picture - np.array(colour)).sum(axis=2) < 24)
    assert len(rows) > 3
    return columns.mean() - SIDE / 2, SIDE / 2 - rows.mean()


def test_navigation_draws_the_walker_where_it_is_and_the_path_behind_it() -> None:
    body = (124, 92, 224)
    x, y = middle(walked([(0.1, 0.0)] * 3), body)
    assert x > 20 and abs(y) < 6
    x, y = middle(walked([(0.0, -0.1)] * 3), body)
    assert y < -20 and abs(x) < 6
    detour, direct = walked([(0.1, 0.1), (0.1, -0.1)]), walked([(0.1, 0.0), (0.1, 0.0)])
    changed = np.argwhere((detour != direct).any(axis=2))
    assert SIDE / 2 - changed[:, 0].min() > 10  # the way over the top is drawn although the walker is back


def test_navigation_moves_the_walker_with_the_progress_of_a_step() -> None:
    body = (124, 92, 224)
    places = [middle(walked([(0.1, 0.0)] * 2, progress=progress), body)[0] for progress in (0.0, 0.5, 1.0)]
    assert places[0] + 4 < places[1] < places[2] - 4


def test_navigation_draws_the_goal_in_gold_and_the_belief_in_violet() -> None:
    x, y = middle(walked([], reveal=True), palette.TRUTH)
    assert abs(x - 0.4 / 1.8 * SIDE) < 4 and abs(y - 0.4 / 1.8 * SIDE) < 4  # 1.8 across the picture
    thought = SimpleNamespace(mean=-0.3, std=0.1)
    x, y = middle(walked([], beliefs={"goal": (thought, thought)}), palette.BELIEF)
    assert abs(x + 0.3 / 1.8 * SIDE) < 4 and abs(y + 0.3 / 1.8 * SIDE) < 4


def test_navigation_steps_back_for_a_walker_that_leaves() -> None:
    picture = walked([(-0.1, 0.0)] * 40)
    x, y = middle(picture, (124, 92, 224))
    assert -SIDE / 2 + 10 < x < -0.2 * SIDE and abs(y) < 6


def test_a_view_that_cannot_be_loaded_is_told() -> None:
    family, _ = begun("gridnavi")
    with pytest.raises(FamilyError, match="could not be loaded"):
        load_view(dataclasses.replace(family, view="gameagent_games.nowhere:View"))
    with pytest.raises(FamilyError, match="no subclass"):
        load_view(dataclasses.replace(family, view="builtins:dict"))


@pytest.mark.parametrize("name", FAMILIES)
def test_the_sheet_has_a_card_for_each_variant(name: str, tmp_path: Path) -> None:
    family = load_family(name)
    variants = family.space.variants(family.space.sample(3, 1, "all"))
    path = tmp_path / "new" / "sheet.png"
    draw_sheet(family, variants, path, columns=2)
    wide = pygame.image.load(path)
    draw_sheet(family, variants, path, columns=1)
    narrow = pygame.image.load(path)
    assert wide.get_width() > 1.9 * narrow.get_width() - 32
    assert narrow.get_height() > 1.4 * wide.get_height()
    card = pixels(wide)[-40, -40]  # the fourth place stays empty
    np.testing.assert_array_equal(card, palette.BACKDROP)


def test_a_sheet_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(VariantError, match="at least one"):
        draw_sheet(load_family("forage"), [], tmp_path / "sheet.png")
