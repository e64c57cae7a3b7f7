"""Families without a view: drawn plainly, and played with several seats, by a person and by agents."""

# mypy: disable-error-code="attr-defined, call-arg, type-var"

import math
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cases.families.closures import TOSSES
from gameagent_games import Feature
from gameagent_games.errors import FamilyError, GamesError
from gameagent_games.interface import Box, Family
from gameagent_games.play import main as play
from gameagent_games.play.session import PlaySession
from gameagent_games.players import Outcome, RandomPlayer, Sight
from two_seat_families import NIM, THROWS, TUG

pygame = pytest.importorskip("pygame", reason="drawing needs the render extra")

from gameagent_games.drawing import palette  # noqa: E402
from gameagent_games.drawing.brush import Brush  # noqa: E402
from gameagent_games.drawing.canvas import Scene, View, load_view, to_rgb  # noqa: E402
from gameagent_games.drawing.keys import action_of, key_hints  # noqa: E402
from gameagent_games.drawing.plain import PlainView, number, share  # noqa: E402
from gameagent_games.drawing.sheet import draw_sheet  # noqa: E402
from gameagent_games.play.stage import Stage  # noqa: E402

SIDE = 720
BOX_TOSSES = replace(TOSSES, actions=Box(("steer", "throttle"), low=(-1.0, 0.0), high=1.0))


@pytest.fixture(autouse=True)
def _no_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")


def showing(*values: float, seats: int = 1, actions: Any = ("left", "right"), **feature: Any) -> Family:
    """A family whose only feature shows these values, to every seat."""

    def observe(state: Any, variant: Any, seat: int, observation: Any) -> None:
        observation[:] = values

    one = Feature("shown", len(values), **feature)
    rules = replace(TOSSES.source, observe=observe)
    return replace(TOSSES, source=rules, features=(one,), actions=actions, num_seats=seats, seat_names=())


def picture(family: Family, side: int = SIDE, **scene: Any) -> np.ndarray:
    surface = pygame.Surface((side, side))
    games = family.make_games(1, compiled=False)
    games.reset(family.space.sample(1, 0), np.zeros(1, np.int64))
    PlainView(family).draw(surface, Scene.of(games, **scene))
    return np.asarray(to_rgb(surface), np.int64)


def painted(image: np.ndarray, colour: palette.Colour) -> np.ndarray:
    """Where a colour is: rows and columns, ``(pixels, 2)``."""
    return np.argwhere(np.abs(image - np.array(colour)).sum(axis=2) < 12)


# -- the drawing --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "bounds", "filled"),
    [
        (1.0, (0.0, 1.0), 1.0), (0.25, (0.0, 1.0), 0.25), (0.5, (-1.0, 1.0), 0.25), (-1.0, (-1.0, 1.0), 0.5),
        (30.0, (10.0, 50.0), 0.5), (99.0, (0.0, 1.0), 1.0), (math.inf, (0.0, 1.0), 1.0),
        (1.0, (-math.inf, math.inf), 0.25),
    ],
)  # fmt: skip
def test_a_gauge_is_filled_from_zero_as_far_as_the_value_goes(value: float, bounds: Any, filled: float) -> None:
    full = painted(picture(showing(1.0, low=0.0)), palette.HAND)
    width = np.ptp(full[:, 1])
    columns = painted(picture(showing(value, low=bounds[0], high=bounds[1])), palette.HAND)[:, 1]
    assert np.ptp(columns) / width == pytest.approx(filled, abs=0.02)


def test_a_number_that_is_none_leaves_its_gauge_empty() -> None:
    assert len(painted(picture(showing(math.nan, low=0.0)), palette.HAND)) == 0
    assert len(painted(picture(showing(*[math.nan] * 9, low=0.0)), palette.HAND)) == 0


def test_of_many_flags_those_that_are_set_are_filled() -> None:
    flags = [0.0] * 30
    flags[3] = flags[26] = 1.0  # the second lies on a second line
    places = painted(picture(showing(*flags, low=0.0, unit="flag")), palette.HAND)
    lines = places[:, 0] > places[:, 0].mean()
    first, second = places[~lines].mean(axis=0), places[lines].mean(axis=0)
    assert second[0] - first[0] > 15
    assert first[1] > second[1]  # number 3 of its line, and number 2


@pytest.mark.parametrize("size", [25, 192, 600, 5000])
def test_a_feature_of_any_size_is_drawn(size: int) -> None:
    half = [1.0] * (size // 2) + [0.0] * (size - size // 2)
    places = painted(picture(showing(*half, low=0.0)), palette.HAND)
    none = painted(picture(showing(*[0.0] * size, low=0.0)), palette.HAND)
    assert len(places) > 500 and len(none) == 0


@pytest.mark.parametrize(
    ("value", "words"),
    [(0.0, "0.00"), (-0.5, "\u22120.50"), (-3e-5, "\u22123e\u221205"), (1e7, "1e+07"), (999.0, "999.00")],
)
def test_numbers_are_short(value: float, words: str) -> None:
    assert number(value) == words


@pytest.mark.parametrize("action", [0, 1, 2])
def test_the_action_taken_is_lit_up(action: int) -> None:
    family = showing(0.0, low=0.0, actions=("left", "dig", "right"))
    chips = {taken: painted(picture(family, moves={0: taken}), palette.HAND)[:, 1].mean() for taken in range(3)}
    assert sorted(chips, key=chips.__getitem__) == [0, 1, 2]
    assert (
        len(painted(picture(family), palette.HAND))
        < 100
        < len(painted(picture(family, moves={0: action}), palette.HAND))
    )


@pytest.mark.parametrize("action", [0, 60, 119])
def test_of_very_many_actions_the_one_taken_is_seen(action: int) -> None:
    family = showing(0.0, low=0.0, actions=tuple(f"a_rather_long_name_{number}" for number in range(120)))
    assert len(painted(picture(family, moves={0: action}), palette.HAND)) > 100


def test_components_of_an_action_are_gauges_between_their_bounds() -> None:
    family = showing(math.nan, low=0.0, actions=Box(("steer", "throttle"), low=(-1.0, 0.0), high=1.0))
    places = painted(picture(family, moves={0: np.array([-0.5, 0.5])}), palette.HAND)
    lines = places[:, 0] > places[:, 0].mean()
    steer, throttle = np.ptp(places[~lines][:, 1]), np.ptp(places[lines][:, 1])
    assert throttle == pytest.approx(2 * steer, rel=0.05)  # half of the whole, a quarter of the whole
    assert places[~lines][:, 1].max() > places[lines][:, 1].min()
    assert len(painted(picture(family), palette.HAND)) == 0


def test_returns_and_rewards_are_coloured_by_their_sign() -> None:
    family = showing(0.0, low=0.0, seats=2)
    moves = {0: 0, 1: 1}
    image = picture(family, moves=moves, rewards=(1.0, -1.0), returns=(3.0, -3.0))
    good, bad = painted(image, palette.GOOD), painted(image, palette.BAD)
    assert len(good) and len(bad)
    assert good[:, 0].max() < SIDE / 2 < bad[:, 0].min()  # the first seat above the second
    calm = picture(family, moves=moves, rewards=(0.0, 0.0), returns=(0.0, 0.0))
    assert len(painted(calm, palette.GOOD)) == len(painted(calm, palette.BAD)) == 0


@pytest.mark.parametrize("seats", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("side", [64, 241, SIDE])
def test_every_seat_gets_a_card_in_a_picture_of_any_size(seats: int, side: int) -> None:
    image = picture(showing(1.0, 0.5, low=0.0, seats=seats), side)
    assert image.shape == (side, side, 3)
    if side == SIDE:
        at_the_left = np.abs(image[:, 18] - np.array(palette.CARD)).sum(axis=1) < 12  # between card's edge and words
        cards = int((np.diff(at_the_left.astype(int)) == 1).sum())
        assert cards == {1: 1, 2: 2, 3: 3, 4: 2, 7: 4}[seats]  # from four on in two columns


def test_features_that_do_not_fit_are_counted() -> None:
    features = tuple(Feature(f"feature_with_a_long_name_{number}", 1, 0.0) for number in range(100))

    def observe(state: Any, variant: Any, seat: int, observation: Any) -> None:
        observation[:] = 1.0

    crowded = replace(TOSSES, features=features, source=replace(TOSSES.source, observe=observe))
    rows = np.unique(painted(picture(crowded), palette.HAND)[:, 0])
    assert 10 < (np.diff(rows) > 1).sum() < 40
    assert rows.max() < 0.9 * SIDE


def test_the_seat_to_move_is_framed() -> None:
    session = PlaySession(NIM)
    session.begin(NIM.space.sample(1, 3, "all")[0], seed=1)
    frames = []
    for _ in range(2):
        mover = session.acting[0]
        image = np.asarray(to_rgb(Stage(session, SIDE, lambda: None).draw(moving=False)), np.int64)
        blue = painted(image[:, :SIDE], palette.mix(palette.CARD, palette.HAND, 0.6))
        frames.append((mover, blue[:, 0].mean() > SIDE / 2))
        session.step(0)
    assert [int(low) for _, low in frames] == [mover for mover, _ in frames]
    assert frames[0][0] != frames[1][0]


def test_words_that_are_too_long_are_cut() -> None:
    brush = Brush(pygame.Surface((100, 100)), 1.0)
    assert brush.fitting("short", 90, 20) == "short"
    cut = brush.fitting("incomprehensibilities", 90, 20)
    assert cut.endswith("\N{HORIZONTAL ELLIPSIS}") and brush.width(cut, 20) <= 90 < brush.width(
        cut[:-1] + "en\u2026", 20
    )


def test_shares_of_a_range() -> None:
    assert [share(Feature("f", low=-2.0, high=2.0), value) for value in (-3, -2, 0, 1, 9)] == [0, 0, 0.5, 0.75, 1]
    endless = Feature("f", low=-math.inf, high=math.inf)
    assert [share(endless, value) for value in (-math.inf, -1, 0, 3, math.inf)] == [0, 0.25, 0.5, 0.875, 1]


def test_a_family_with_a_view_keeps_it() -> None:
    assert not isinstance(load_view(play.load_family("bandit")), PlainView)
    assert isinstance(load_view(TOSSES), PlainView) and isinstance(load_view(TOSSES), View)


@pytest.mark.parametrize("family", [TOSSES, BOX_TOSSES, NIM, THROWS, TUG], ids=lambda family: family.name)
def test_sheets_show_families_without_a_view(family: Family, tmp_path: Path) -> None:
    draw_sheet(family, family.space.variants(family.space.sample(3, 1, "all")), tmp_path / "sheet.png")
    sheet = np.asarray(to_rgb(pygame.image.load(tmp_path / "sheet.png")), np.int64)
    assert len(painted(sheet, palette.CARD)) > 3 * 200**2 / 2


# -- several seats ------------------------------------------------------------------------------------------------


@dataclass
class Seated:
    """Plays a list of actions, and keeps what it was asked and told."""

    actions: list[Any]
    told: list[Any] = field(default_factory=list)
    by_gradient: bool = False

    def begin(self, num_rows: int) -> None:
        self.told.append("begin")

    def act(self, sight: Sight) -> np.ndarray:
        if not sight.deciding[0]:
            return np.zeros(1, np.int64)
        self.told.append("act")
        return np.array([self.actions.pop(0)])

    def observe(self, outcome: Outcome) -> None:
        if outcome.reported[0]:
            ends = bool(outcome.terminated[0]), bool(outcome.truncated[0])
            self.told.append((int(outcome.actions[0]), float(outcome.rewards[0]), *ends))

    def beliefs(self) -> dict[str, Any]:
        return {}

    def last_change(self) -> None:
        return None


def nim_of_seven(*players: Any) -> PlaySession:
    """Seven pieces or a few more, at most four at a time, the last to take wins; the seed lets seat 0 begin."""
    session = PlaySession(NIM, *(players[:1] or [None]), players[1:])
    record = NIM.space.records([{"last_loses": False, "max_take": 4, "pile": 7}])[0]
    session.begin(record, next(seed for seed in range(99) if starts(record, seed) == (0, 7)))
    return session


def starts(record: Any, seed: int) -> tuple[int, int]:
    session = PlaySession(NIM)
    session.begin(record, seed)
    return session.acting[0], int(session.state["pile"])


def test_players_of_a_game_with_turns_are_told_at_their_next_turn_what_came_of_it() -> None:
    first, second = Seated([3, 0]), Seated([1, 0])  # 7 - 4 = 3, 3 - 2 = 1, 1 - 1 = 0: the first takes the last
    session = nim_of_seven(first, second)
    for _ in range(3):
        session.step()
    assert session.ended and session.seat_returns == [[1.0, -1.0]] and session.returns == [1.0]
    assert first.told == ["begin", "act", (3, 0.0, False, False), "act", (0, 1.0, True, False)]
    assert second.told == ["begin", "act", (1, -1.0, True, False)]


def test_a_person_plays_every_seat_in_turn_without_an_agent() -> None:
    session = nim_of_seven()
    stage = Stage(session, 240, lambda: None)
    seats = []
    for key in ("4", "2", "1"):
        seats.append(session.seat)
        stage.press(key)
        stage.advance(60.0)
    assert seats == [0, 1, 0] and session.seat_returns == [[1.0, -1.0]]


def test_illegal_keys_do_nothing() -> None:
    session = nim_of_seven()
    stage = Stage(session, 240, lambda: None)
    stage.press("3")
    assert int(session.state["pile"]) == 4
    stage.press("9")
    stage.press("2")
    assert int(session.state["pile"]) == 2 and session.step_count == 2
    stage.press("3")  # two are left
    stage.press("4")
    assert int(session.state["pile"]) == 2 and session.step_count == 2


def test_a_person_plays_the_first_seat_and_the_agent_the_other() -> None:
    session = nim_of_seven(Seated([0, 0, 0]), Seated([1]))
    stage = Stage(session, 240, lambda: None)
    stage.press("h")
    assert session.awaits_person and session.seat == 0
    stage.advance(10.0)
    assert session.step_count == 0
    stage.press("4")
    assert not session.awaits_person and session.step_count == 1
    stage.press("1")  # not the person's turn
    assert session.step_count == 1
    stage.advance(0.26)
    assert session.step_count == 2 and session.awaits_person
    stage.press("1")
    assert session.seat_returns == [[1.0, -1.0]]


def test_seats_that_act_at_once_are_asked_one_after_the_other() -> None:
    session = PlaySession(THROWS)
    record = THROWS.space.records([{"prize": [1.0, 1.5, 0.5], "tie_break": 0.5, "rounds": 6}])[0]
    session.begin(record, 0)
    with pytest.raises(GamesError, match="nobody decides"):
        session.step()
    session.step(1)
    assert (session.seat, session.step_count) == (1, 0)
    session.step(0)
    assert (session.seat, session.step_count) == (0, 1)
    assert session.moves == {0: 1, 1: 0} and session.rewards == [1.5, -1.5]  # paper beats rock


def test_there_is_a_player_for_every_seat_or_for_none() -> None:
    with pytest.raises(FamilyError, match="'nim' has 2 seats, got 0 rivals: expected none, or a player for every seat"):
        PlaySession(NIM, Seated([]))
    with pytest.raises(FamilyError, match="got 1 rivals"):
        PlaySession(NIM, None, [Seated([])])


def test_keys_reach_every_action() -> None:
    mixed = replace(TOSSES, actions=("up", "dig", "wait", "left"))
    assert [action_of(mixed, key) for key in ("up", "left", "2", "[4]", ".", "5", "x", "dig")] == [
        0, 3, 1, 3, 2, None, None, None,
    ]  # fmt: skip
    assert [key for key, _ in key_hints(mixed)] == ["ARROWS", ".", "1", "4"]
    assert [key for key, _ in key_hints(TOSSES)] == ["1", "2"]
    assert [key for key, _ in key_hints(BOX_TOSSES)] == ["ARROWS", "."]


class Chance(RandomPlayer):
    """Plays at random, and shows nothing."""

    by_gradient = False

    def beliefs(self) -> dict[str, Any]:
        return {}

    def last_change(self) -> None:
        return None


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("cases.families.closures:TOSSES", r"episode 1  return \+\d\.00"),
        ("two_seat_families:NIM", r"episode 1  return seat_0 [+-]1\.00  seat_1 [+-]1\.00"),
        ("two_seat_families:THROWS", r"episode 1  return seat_0 .*  seat_1 .*"),
        ("two_seat_families:TUG", r"episode 1  return seat_0 .*  seat_1 .*"),
    ],
)
def test_any_family_is_played_headless_and_leaves_a_picture(
    place: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(play, "load_player", lambda path, family, seed: Chance(family, np.random.default_rng(seed)))
    path = tmp_path / "out.png"
    arguments = ["--agent", "any.onnx", "--headless", "--split", "all", "--size", "240", "--screenshot", str(path)]
    assert play.main([place, *arguments]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert re.fullmatch(words, lines[1])
    image = np.asarray(to_rgb(pygame.image.load(path)), np.int64)
    assert image.shape == (240, 393, 3) and len(painted(image[:, :240], palette.HAND)) > 20
