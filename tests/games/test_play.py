"""Playing with and without a screen: the session, the panel, the keys, the command line."""

# mypy: disable-error-code="assignment, var-annotated"

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from gameagent_games.errors import GamesError
from gameagent_games.family_files import AGENT, family_file
from gameagent_games.interface import Box
from gameagent_games.play import main as play
from gameagent_games.play.agents import AgentPlayer
from gameagent_games.play.session import PlaySession
from gameagent_games.players import Outcome, Sight
from gameagent_games.registry import load_family
from gameagent_sdk import Belief
from gameagent_sdk.overlay import brush as sdk_brush

pygame = pytest.importorskip("pygame", reason="playing needs the render extra")

from gameagent_games.drawing import palette  # noqa: E402
from gameagent_games.drawing.canvas import load_view, to_rgb  # noqa: E402
from gameagent_games.drawing.keys import push  # noqa: E402
from gameagent_games.drawing.window import Window  # noqa: E402
from gameagent_games.play.beliefs import make_items  # noqa: E402
from gameagent_games.play.change import action_colour  # noqa: E402
from gameagent_games.play.stage import Stage  # noqa: E402

FORAGE, GRIDNAVI, BANDIT = load_family("forage"), load_family("gridnavi"), load_family("bandit")
NAVIGATION = load_family("navigation")
RIGHT, LEFT = 2, 4
BOARD = 480
NAVIGATORS_MANIFEST = SimpleNamespace(name="navigation", action=SimpleNamespace(kind="discrete"), training={})
FIXTURES = Path(__file__).parents[1] / "sdk" / "fixtures"


@dataclass
class FakePlayer:
    """Does always the same and believes always the same."""

    action: Any = RIGHT
    thoughts: dict[str, Any] = field(default_factory=dict)
    calls: list[Any] = field(default_factory=list)
    change: Any = None

    @property
    def by_gradient(self) -> bool:
        return self.change is not None

    def last_change(self) -> Any:
        return self.change

    def begin(self, num_rows: int) -> None:
        assert num_rows == 1
        self.calls.append("begin")

    def act(self, sight: Sight) -> np.ndarray:
        assert sight.observations.dtype == np.float32 and sight.deciding.tolist() == [True]
        self.calls.append("act")
        return np.array([self.action])

    def observe(self, outcome: Outcome) -> None:
        assert outcome.reported.all()
        ends = bool(outcome.terminated[0]), bool(outcome.truncated[0])
        self.calls.append((outcome.actions[0].tolist(), float(outcome.rewards[0]), *ends))

    def beliefs(self) -> dict[str, Any]:
        return self.thoughts


def certain(option: str, *others: str) -> Belief:
    chances = {option: 0.9} | {other: 0.1 / len(others) for other in others}
    return Belief("categorical", "", chances, None, None, option, 0.9)


def number(mean: float) -> Belief:
    return Belief("scalar", "", {}, mean, 0.1, mean, 0.9)


def forage_thoughts(wrap: str) -> dict[str, Any]:
    return {
        "worth": tuple(number(mean) for mean in (0.5, -0.5, 0.3, 1.0)),
        "mirror": certain("none", "horizontal", "vertical", "both"),
        "wrap": certain(wrap, "false" if wrap == "true" else "true"),
        "slip": number(0.1),
        "regrows": tuple(certain(*options) for options in 2 * [("true", "false"), ("false", "true")]),
    }


def begun(family: Any = FORAGE, player: FakePlayer | None = None, **rules: Any) -> PlaySession:
    session = PlaySession(family, player)
    variant = dict(family.space.variants(family.space.sample(1, 0, "all"))[0].rules) | rules
    session.begin(family.space.records([variant])[0], seed=1)
    return session


def staged(session: PlaySession) -> Stage:
    record = session.record.copy()
    return Stage(session, BOARD, lambda: session.begin(record, seed=2))


@pytest.fixture(autouse=True)
def _no_screen(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    yield
    pygame.display.quit()


@dataclass(frozen=True)
class FakeChange:
    """Gradient steps that turn up into down in all three last states."""

    episode: int
    outcome: str = "changed"
    num_steps: int = 32
    kl: float = 0.25
    before: Any = field(default_factory=lambda: np.tile([0.0, 1.0, 0.0, 0.0, 0.0], (3, 1)))
    after: Any = field(default_factory=lambda: np.tile([0.0, 0.0, 0.0, 1.0, 0.0], (3, 1)))


def played(session: PlaySession, num_episodes: int) -> PlaySession:
    while len(session.returns) < num_episodes:
        session.step()
    return session


# The session.


def test_an_episode_is_acted_and_observed_in_turn_and_its_end_is_seen() -> None:
    player = FakePlayer(RIGHT)
    session = begun(GRIDNAVI, player, goal="4,0")
    assert player.calls == ["begin", "act"]
    for _ in range(GRIDNAVI.max_steps):
        session.step()
    assert session.ended and session.step_count == GRIDNAVI.max_steps
    np.testing.assert_allclose(session.returns, [12 - 0.3])  # three steps off the goal, twelve on it
    assert player.calls[-1] == (RIGHT, 1.0, False, True)
    assert player.calls.count("act") == GRIDNAVI.max_steps
    session.step()
    assert not session.ended and session.step_count == 0 and session.episode == 1
    assert player.calls[-1] == "act" and player.calls.count("begin") == 1


def test_a_person_overrules_the_agent_who_is_told_what_was_done() -> None:
    player = FakePlayer(RIGHT)
    session = begun(GRIDNAVI, player)
    session.step(RIGHT)
    session.step(LEFT)
    assert int(session.state["x"]) == 0
    assert [call[0] for call in player.calls if isinstance(call, tuple)] == [RIGHT, LEFT]


def test_gradient_steps_are_booked_with_the_episode_behind_which_they_were_taken() -> None:
    player = FakePlayer(change=FakeChange(episode=0))
    session = played(begun(player=player), 1)
    assert session.changes == {0: player.change}
    player.change = FakeChange(episode=0, outcome="rolled back")
    played(session, 2)
    assert [change.outcome for change in session.changes.values()] == ["rolled back"]
    session.begin(session.record.copy(), seed=3)
    assert session.changes == {}


def test_what_gradient_steps_did_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    player = FakePlayer(change=FakeChange(episode=0))
    session = played(begun(player=player), 1)
    play._print_change(session)
    assert capsys.readouterr().out.splitlines() == [
        "  gradient steps on 32 steps moved actions by 0.25 nats, in the last 3 states:",
        "    stay 0.00 > 0.00   up 1.00 > 0.00   right 0.00 > 0.00   down 0.00 > 1.00   left 0.00 > 0.00",
    ]
    played(session, 2)
    play._print_change(session)
    assert capsys.readouterr().out == ""
    player.change = FakeChange(episode=0, outcome="rolled back")
    play._print_change(session)
    assert capsys.readouterr().out == "  the gradient steps after episode 1 were undone: the return fell\n"


def test_without_player_or_action_nobody_decides() -> None:
    with pytest.raises(GamesError, match="nobody decides"):
        begun(GRIDNAVI).step()


class FakeAgent:
    def __init__(self, said: Any = 0) -> None:
        self.said, self.seen, self.phase = said, [], "act"

    def act(self, observation: np.ndarray, legal_actions: np.ndarray | None) -> Any:
        self.phase = "observe"
        return self.said

    def observe(self, reward: float, terminated: bool, truncated: bool, action: Any = None) -> None:
        self.phase = "act"
        self.seen.append((reward, terminated, truncated, action))

    def tick(self, budget_ms: float) -> None:
        self.seen.append("ticked")


def outcome_of(family: Any, action: Any, reward: float, ended: bool, reported: bool = True) -> Outcome:
    actions = family.blank_actions(1)[:, 0]
    actions[0] = action
    flags = (np.array([flag]) for flag in (False, ended, True, reported))
    return Outcome(actions, np.array([reward]), *flags)


def test_an_agent_hears_once_of_each_decision_that_was_executed() -> None:
    agent: Any = FakeAgent()
    player = AgentPlayer(agent, GRIDNAVI)
    player.act(Sight(np.zeros((1, 2), np.float32), None, np.array([True])))
    player.observe(outcome_of(GRIDNAVI, 1, 0.25, ended=False, reported=False))
    assert agent.seen == []
    player.observe(outcome_of(GRIDNAVI, 3, 0.5, ended=True))
    assert agent.seen == [(0.5, False, True, 3), "ticked"]
    player.observe(outcome_of(GRIDNAVI, 3, 0.75, ended=True))  # rewarded in the next episode before it decides there
    assert len(agent.seen) == 2


# The panel.


def test_rows_pair_beliefs_with_the_truth() -> None:
    session = begun(FORAGE, FakePlayer(thoughts=forage_thoughts("true")), wrap=False, worth=[0.5, -0.5, 0.5, -0.5])
    items = make_items(FORAGE, session.variant, session.beliefs, load_view(FORAGE))
    names = ["berry", "mushroom", "beetle", "crystal", "mirror", "wrap", "slip", *["regrows"] * 4]
    assert [item.row.name for item in items] == names
    assert [item.truth for item in items[:4]] == [0.5, -0.5, 0.5, -0.5]
    wrap = items[5]
    assert wrap.truth == "false" and wrap.belief.best == "true"


def test_without_beliefs_every_row_is_open() -> None:
    session = begun(FORAGE)
    items = make_items(FORAGE, session.variant, session.beliefs, load_view(FORAGE))
    assert {item.belief for item in items} == {None}


def test_a_bar_reaches_as_far_as_a_truth_outside_the_training_range() -> None:
    session = begun(FORAGE, FakePlayer(thoughts=forage_thoughts("true")), worth=[2.0, -1.5, 0.5, 0.5])
    items = make_items(FORAGE, session.variant, session.beliefs, load_view(FORAGE))
    ranges = [item.row.range(truth) for item in items[:3] for truth in (item.truth, None)]
    np.testing.assert_allclose(ranges[::2], [(-1.0, 2.0), (-1.5, 1.2), (-1.0, 1.2)])
    np.testing.assert_allclose(ranges[1::2], [(-1.0, 1.2)] * 3)


def panel(stage: Stage) -> np.ndarray:
    return np.asarray(to_rgb(stage.draw())[:, BOARD:], dtype=np.int64)


def count(picture: np.ndarray, colour: palette.Colour) -> int:
    return int((np.abs(picture - np.array(colour)).sum(axis=2) < 30).sum())


def test_a_colour_means_the_same_in_the_window_and_in_the_sdk_s_overlay() -> None:
    names = [name for name in vars(palette) if name.isupper() and hasattr(sdk_brush, name)]
    assert {"BACKDROP", "INK", "BELIEF", "TRUTH", "GOOD", "BAD"} <= set(names)
    assert {name: getattr(palette, name) for name in names} == {name: getattr(sdk_brush, name) for name in names}


def test_more_rows_than_there_is_room_for_are_counted() -> None:
    from gameagent_games.families.bandit.family import make_bandit

    short, long = (panel(staged(begun(make_bandit(arms, 10), FakePlayer(0)))) for arms in (20, 60))
    foot = slice(round(0.84 * BOARD), round(0.865 * BOARD))  # of the card of the rules
    assert count(short[foot], palette.INK_FAINT) == 0 < count(long[foot], palette.INK_FAINT)


def test_truth_is_gold_and_hides_on_demand() -> None:
    stage = staged(begun(FORAGE, FakePlayer(thoughts=forage_thoughts("true"))))
    shown = count(panel(stage), palette.TRUTH)
    stage.press("r")
    assert shown > 50 and count(panel(stage), palette.TRUTH) == 0
    assert count(panel(stage), palette.BELIEF) > 20


def test_a_wrong_belief_is_crossed_and_a_right_one_ticked() -> None:
    rules = {"wrap": True, "mirror": "none", "regrows": [True, False, True, False]}
    right, wrong = (
        panel(staged(begun(FORAGE, FakePlayer(thoughts=forage_thoughts(wrap)), **rules))) for wrap in ("true", "false")
    )
    assert count(right, palette.BAD) == 0 < count(wrong, palette.BAD)
    assert count(right, palette.GOOD) > count(wrong, palette.GOOD)


def test_the_panel_shows_actions_before_and_after_gradient_steps() -> None:
    session = played(begun(player=FakePlayer(change=FakeChange(episode=0))), 1)
    picture = to_rgb(staged(session).draw(moving=False))
    up, down = ((picture == action_colour(index)).all(-1).nonzero() for index in (1, 3))
    legend = max(up[0].max(), down[0].max()) - 8  # both are in the list of names, too
    before, after = (rows[0][(rows[0] < legend) & (rows[0] > 0.68 * BOARD)] for rows in (up, down))
    assert len(before) and len(after) and before.max() < after.min()
    marks = (picture[: BOARD // 2] == palette.BELIEF).all(-1).sum()
    session.changes[0] = FakeChange(episode=0, outcome="rolled back")
    fewer = (to_rgb(staged(session).draw(moving=False))[: BOARD // 2] == palette.BELIEF).all(-1).sum()
    assert fewer < marks


def test_means_are_marked_between_the_bounds() -> None:
    change = FakeChange(0, before=np.array([[-0.1, 0.0]]), after=np.array([[0.1, 0.0]]))
    session = played(begun(NAVIGATION, FakePlayer(action=np.zeros(2), change=change)), 1)
    picture = to_rgb(staged(session).draw(moving=False))
    rows = np.unique((picture == action_colour(0)).all(-1).nonzero()[0])
    rows = rows[rows > 0.68 * BOARD]
    low, high = rows[0], rows[(rows > rows[0] + 4)][0]
    assert high - low < 0.03 * BOARD  # at the foot of "before", at the head of "after"


def test_a_gauge_moves_with_the_truth() -> None:
    thoughts = forage_thoughts("true")
    low, high = (
        panel(staged(begun(FORAGE, FakePlayer(thoughts=thoughts), worth=[w, 0.5, 0.5, 0.5], wrap=True)))
        for w in (-0.9, 1.1)
    )
    places = [np.argwhere(np.abs(picture - np.array(palette.TRUTH)).sum(axis=2) < 30) for picture in (low, high)]
    assert places[0][:, 1].min() < places[1][:, 1].min()


def test_many_arms_and_many_episodes_still_fit() -> None:
    from gameagent_games.families.bandit.family import make_bandit

    family = make_bandit(50, 100)
    session = begun(family, FakePlayer(action=3, thoughts={"win_probability": tuple(number(0.5) for _ in range(50))}))
    for _ in range(60):
        session.step()
    assert len(session.returns) == 30
    assert staged(session).draw().get_height() == BOARD


# The keys.


def press(window: Window, stage: Stage, key: int, text: str = "") -> None:
    pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=key, unicode=text))
    for name in window.pressed():
        stage.press(name)


@pytest.fixture
def window() -> Iterator[Window]:
    window = Window(100, 80, "test")
    window.pressed()
    yield window
    window.close()
    window.close()


def test_keys_pause_speed_reveal_renew_and_quit(window: Window) -> None:
    player = FakePlayer()
    stage = staged(begun(GRIDNAVI, player))
    press(window, stage, pygame.K_SPACE, " ")
    assert stage.status.paused
    stage.advance(10.0)
    assert stage.session.step_count == 0
    press(window, stage, pygame.K_SPACE, " ")
    stage.advance(0.26)
    assert stage.session.step_count == 1
    speeds = [stage.status.speed]
    for key, text in (
        (pygame.K_PLUS, "+"),
        (pygame.K_RIGHTBRACKET, "]"),
        (pygame.K_MINUS, "-"),
        (pygame.K_LEFTBRACKET, "["),
    ):
        press(window, stage, key, text)
        speeds.append(stage.status.speed)
    assert speeds == [4.0, 8.0, 16.0, 8.0, 4.0]
    press(window, stage, pygame.K_r, "r")
    assert not stage.status.reveal
    press(window, stage, pygame.K_n, "n")
    assert player.calls.count("begin") == 2 and stage.session.step_count == 0
    press(window, stage, pygame.K_ESCAPE)
    assert stage.quit


def test_speed_stays_within_its_limits() -> None:
    stage = staged(begun(GRIDNAVI, FakePlayer()))
    for key, limit in (("+", 60.0), ("-", 1.0)):
        for _ in range(9):
            stage.press(key)
        assert stage.status.speed == limit


def test_taking_over_stops_the_agent_and_arrows_move(window: Window) -> None:
    player = FakePlayer(RIGHT)
    stage = staged(begun(GRIDNAVI, player))
    press(window, stage, pygame.K_UP)
    assert stage.session.step_count == 0  # the agent plays: arrows do nothing
    press(window, stage, pygame.K_h, "h")
    stage.advance(5.0)
    assert stage.session.by_hand and stage.session.step_count == 0
    press(window, stage, pygame.K_UP)
    press(window, stage, pygame.K_PERIOD, ".")
    assert (int(stage.session.state["x"]), int(stage.session.state["y"])) == (0, 1)
    assert stage.session.step_count == 2
    press(window, stage, pygame.K_h, "h")
    stage.advance(0.26)
    assert int(stage.session.state["x"]) == 1


def test_figures_choose_where_there_are_no_directions() -> None:
    stage = staged(begun(BANDIT))
    stage.press("3")
    assert stage.session.action == 2 and stage.session.ended
    stage.press("6")
    stage.press("up")
    assert len(stage.session.returns) == 1 and stage.session.ended
    stage.press("[1]")  # the key block's 1 only starts the next episode
    assert not stage.session.ended


def test_arrows_push_a_number_to_its_end(window: Window) -> None:
    stage = staged(begun(NAVIGATION, goal=[0.4, 0.4]))
    for key in (pygame.K_UP, pygame.K_UP, pygame.K_RIGHT, pygame.K_LEFT, pygame.K_LEFT, pygame.K_PERIOD, pygame.K_DOWN):
        press(window, stage, key)
    assert stage.session.step_count == 7
    np.testing.assert_allclose([stage.session.state["x"], stage.session.state["y"]], [-0.1, 0.1])
    press(window, stage, pygame.K_1, "1")
    assert stage.session.step_count == 7  # figures mean nothing here
    assert stage.draw().get_height() == BOARD


@pytest.mark.parametrize(
    ("box", "pushed"),
    [
        (Box(("up", "right"), -2, 3), {"up": [3, 0], "down": [-2, 0], "left": [0, -2], "right": [0, 3]}),
        (Box(("left",), -2, 3), {"left": [3], "right": [-2], "up": None}),
        (Box(("steer", "throttle"), (-1, 0.5), 2), {"left": [-1, 0.5], "right": [2, 0.5], "up": [0, 2], "a": None}),
        (Box(("speed",), 1, 2), {"return": [1], "left": [1], "right": [2], "down": None}),
    ],
)
def test_keys_stand_for_components_by_name_or_by_place(box: Box, pushed: dict[str, Any]) -> None:
    for key, expected in pushed.items():
        action = push(box, key)
        assert expected is None if action is None else action.tolist() == expected


def test_an_agent_may_decide_by_numbers() -> None:
    player = FakePlayer(np.array([0.07, -0.3]))
    session = begun(NAVIGATION, player, goal=[0.4, 0.4])
    session.step()
    np.testing.assert_allclose([session.state["x"], session.state["y"]], [0.07, -0.1])
    action, reward, terminated, truncated = player.calls[-2]
    assert action == [0.07, -0.3] and reward == pytest.approx(-np.hypot(0.33, 0.5))
    assert not (terminated or truncated)


def test_an_agent_decides_in_the_form_of_its_game_when_it_is_its_turn() -> None:
    for family, said in ((NAVIGATION, [0.05, -0.1]), (GRIDNAVI, 3)):
        agent: Any = FakeAgent(said)
        for deciding, expected in ((True, said), (False, np.zeros_like(said))):
            sight = Sight(np.zeros((1, family.observation_size), np.float32), None, np.array([deciding]))
            decided = AgentPlayer(agent, family).act(sight)
            assert decided.shape == family.blank_actions(1)[:, 0].shape and np.array_equal(decided[0], expected)


def test_an_ended_episode_rests_then_gives_way() -> None:
    stage = staged(begun(BANDIT, FakePlayer(0)))
    stage.advance(0.26)
    assert stage.session.ended
    stage.advance(0.5)
    assert stage.session.ended
    stage.advance(1.0)
    assert not stage.session.ended


def test_the_loop_ends_when_the_window_is_closed(window: Window) -> None:
    stage = staged(begun(GRIDNAVI, FakePlayer()))
    pygame.event.post(pygame.event.Event(pygame.QUIT))
    stage.run(window, fps=60)
    assert window.closed and not stage.quit and window.pressed() == []


def test_a_window_shows_arrays(window: Window) -> None:
    window.show(np.full((80, 100, 3), (200, 30, 60), np.uint8))
    assert window._screen._handle.window.get_surface().get_at((50, 40))[:3] == (200, 30, 60)


# The command line.


@pytest.fixture
def _fake_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(play, "load_player", lambda path, family, seed: FakePlayer(RIGHT))


HEADLESS = ["forage", "--agent", "any.onnx", "--headless", "--size", "240"]


@pytest.mark.usefixtures("_fake_agent")
def test_headless_prints_returns_and_saves_the_last_frame(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "out.png"
    assert play.main([*HEADLESS, "--episodes", "2", "--screenshot", str(path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("forage, variant ") and [line.split()[:2] for line in lines[1:]] == [
        ["episode", "1"],
        ["episode", "2"],
    ]
    assert pygame.image.load(path).get_size() == (240 + 153, 240)
    again = tmp_path / "again.png"
    assert play.main([*HEADLESS, "--episodes", "2", "--screenshot", str(again)]) == 0
    assert again.read_bytes() == path.read_bytes()


@pytest.mark.usefixtures("_fake_agent")
def test_a_window_plays_until_escape(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def pressed(window: Window) -> list[str]:
        seen.append(window)
        return ["escape"] if len(seen) == 3 else []

    monkeypatch.setattr(Window, "pressed", pressed)
    assert play.main(["forage", "--agent", "any.onnx", "--size", "240", "--fps", "240"]) == 0
    assert len(seen) == 3 and seen[0].closed


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["forage", "--headless", "--by-hand"], "--headless needs an agent"),
        (["forage", "--agent", "x.onnx", "--by-hand"], "not allowed with"),
        (["forage", "--screenshot", "x.png"], "need --headless"),
        ([*HEADLESS, "--episodes", "0"], "at least 1"),
        ([*HEADLESS, "--screenshot", "x.gif"], "ends in .png"),
        ([*HEADLESS, "--size", "9"], "--size is 9"),
        ([*HEADLESS, "--fps", "0"], "--fps is 0"),
        ([*HEADLESS, "--seed", "-1"], "--seed is -1"),
        ([*HEADLESS, "--split", "odd"], "invalid choice"),
        ([], "required"),
    ],
)
def test_wrong_usage_exits_with_2(argv: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_info:
        play.main(argv)
    assert exit_info.value.code == 2
    assert words in capsys.readouterr().err


def failure(argv: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The one line that a failing call leaves on standard error."""
    assert play.main(argv) == 1
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1 and "Traceback" not in captured.err
    return captured.err


def test_failures_are_told_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("gameagent_sdk", reason="agents need the SDK")
    missing = str(tmp_path / "none.onnx")
    assert "none.onnx" in failure(["forage", "--agent", missing, "--headless"], capsys)
    assert "no family named 'forrage'" in failure(["forrage"], capsys)
    fixture = str(FIXTURES / "recurrent.onnx")
    assert "plays 'fixture-recurrent', not 'forage'" in failure(["forage", "--agent", fixture, "--headless"], capsys)
    agent = SimpleNamespace(manifest=NAVIGATORS_MANIFEST)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "gameagent_games.play.agents.Bundle.read", lambda path: SimpleNamespace(without_plan=lambda: None)
        )
        patch.setattr("gameagent_games.play.agents.Agent", lambda bundle, seed: agent)
        argv = ["navigation", "--agent", "old.onnx", "--headless"]
        assert "old.onnx has discrete actions, but those of 'navigation' are box" in failure(argv, capsys)
        patch.setattr(NAVIGATORS_MANIFEST, "training", {"family_version": 99})
        assert "trained on version 99 of 'navigation', this is version 1" in failure(argv, capsys)
    assert "beyond its training range" in failure(["gridnavi", "--split", "out_of_range"], capsys)


@pytest.mark.usefixtures("_fake_agent")
def test_a_screenshot_that_cannot_be_written_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    argv = [*HEADLESS, "--episodes", "1", "--screenshot", str(tmp_path / "file" / "out.png")]
    assert play.main(argv) == 1
    assert "file" in capsys.readouterr().err


def run_fresh(*argv: str, missing: str = "") -> subprocess.CompletedProcess[str]:
    """Runs the command in a process of its own, in which a package is not installed."""
    hide = f"sys.modules[{missing!r}] = None; " if missing else ""
    code = f"import sys; {hide}from gameagent_games.play.main import main; sys.exit(main({list(argv)!r}))"
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(("missing", "extra"), [("pygame", "render"), ("gameagent_sdk", "play")])
@pytest.mark.parametrize("argv", [("forage",), ("forage", "--by-hand")])
def test_what_is_not_installed_is_named_with_its_extra(missing: str, extra: str, argv: tuple[str, ...]) -> None:
    done = run_fresh(*argv, missing=missing)
    assert done.returncode == 1
    assert re.fullmatch(rf"gameagent play: .* pip install 'gameagent-games\[{extra}]'\n", done.stderr)


def test_a_picture_is_saved_without_a_word_of_pygame(tmp_path: Path) -> None:
    path = tmp_path / "out.png"
    done = run_fresh("forage", "--headless", "--episodes", "1", "--size", "160", "--screenshot", str(path))
    assert done.returncode == 0 and path.is_file()
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["forage,", "episode"]


def test_the_agent_that_comes_with_a_game_plays_it(capsys: pytest.CaptureFixture[str]) -> None:
    path = family_file(FORAGE, AGENT)
    assert path is not None and path.stat().st_size <= 500_000
    printed = []
    for given in ([], ["--agent", str(path)]):
        assert play.main(["forage", "--headless", "--episodes", "1", *given]) == 0
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1] and "episode 1" in printed[0]
    assert "no agent comes with 'gridnavi'" in failure(["gridnavi", "--headless"], capsys)


@pytest.mark.parametrize(
    ("argv", "by_hand"), [(["forage"], False), (["forage", "--by-hand"], True), (["gridnavi"], True)]
)
def test_without_an_agent_you_play(monkeypatch: pytest.MonkeyPatch, argv: list[str], by_hand: bool) -> None:
    stages: list[Stage] = []
    monkeypatch.setattr(Stage, "run", lambda stage, window, fps: stages.append(stage))
    assert play.main([*argv, "--size", "240"]) == 0
    assert (stages[0].session.player is None) == stages[0].session.by_hand == by_hand


@pytest.mark.usefixtures("_fake_agent")
def test_variants_come_from_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("gameagent_games.variants.files", reason="variant files are not there")
    from gameagent_games.variants.files import write_variants

    variants = FORAGE.space.variants(FORAGE.space.sample(2, 5))
    path = tmp_path / "variants.json"
    write_variants(path, FORAGE.name, variants)
    assert play.main([*HEADLESS, "--episodes", "1", "--variant", f"{path}#{variants[1].id[:6]}"]) == 0
    assert variants[1].id in capsys.readouterr().out
    assert "whose id starts with zzz" in failure([*HEADLESS, "--variant", f"{path}#zzz"], capsys)
