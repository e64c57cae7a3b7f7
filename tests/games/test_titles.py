"""Titles run unchanged and headless, frame by frame; what they show follows from constants, seed and actions alone."""

import hashlib
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pygame
import pytest

import title_descriptions as described
from gameagent_games import ResetNeeded
from gameagent_games.titles import NOTHING, Playing, Recording, Title, TitleError, compare, hold, record, repeat, tap
from title_descriptions import CATCH, CATCH_AGAIN, CATCH_FAMILY, DODGE, GUESS

ROOT = Path(__file__).parents[2]
ACTIONS = [int(number) for number in np.random.default_rng(0).integers(3, size=150)]


@pytest.fixture
def played() -> Iterator[list[Playing]]:
    """Titles to be closed when a test is over."""
    titles: list[Playing] = []
    yield titles
    for title in titles:
        title.close()


def trace(playing: Playing, seed: int, constants: Any = None) -> str:
    """All that an episode shows, pixels too, in a hash."""
    shown = hashlib.sha256(repr(playing.reset(seed, constants)).encode())
    for action in ACTIONS:
        seen = playing.step(action)
        shown.update(repr((seen, playing.reward, playing.over)).encode() + playing.game().pixels().tobytes())
        if playing.over:
            break
    return shown.hexdigest()


def script(folder: Path, text: str, **fields: Any) -> Title:
    """A title of a few lines."""
    (folder / "title.py").write_text("import pygame\n" + text, encoding="utf-8")
    settings: dict[str, Any] = {"observe": lambda game: 0.0, **fields}
    return Title(folder / "title.py", {"stay": NOTHING, "space": tap("space"), "a": hold("a")}, **settings)


LOOP = "pygame.init()\nscreen = pygame.display.set_mode((20, 20))\nclock = pygame.time.Clock()\n"


def test_a_stone_falls_as_its_constants_say(played: list[Playing]) -> None:
    played.append(playing := Playing(CATCH))
    for gravity, speed in ((0.25, 4), (0.5, 3)):
        playing.reset(1, {"GRAVITY": gravity, "BASKET_SPEED": speed})
        for n in range(1, 10):
            seen = playing.step("left")
            assert seen["stone_y"] == gravity * n * (n + 1) / 2
            assert seen["basket"] == 85 - speed * n


def test_traces_depend_on_constants_seed_and_actions_alone(played: list[Playing]) -> None:
    played.append(playing := Playing(CATCH))
    first = trace(playing, 1)
    other, changed = trace(playing, 2), trace(playing, 1, {"GRAVITY": 0.3})
    assert len({first, other, changed}) == 3
    assert trace(playing, 1, {}) == first


@pytest.mark.slow
def test_another_process_shows_the_same(played: list[Playing]) -> None:
    played.append(playing := Playing(CATCH))
    code = "from games import test_titles as t; p = t.Playing(t.CATCH); p.reset(7); print(t.trace(p, 1)); p.close()"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join((str(ROOT / "tests"), os.environ.get("PYTHONPATH", "")))}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.split()[-1:] == [trace(playing, 1)], done.stderr


def test_a_title_may_start_again_by_itself(played: list[Playing]) -> None:
    played.append(playing := Playing(CATCH_AGAIN))
    for seed in (3, 4, 3):
        playing.reset(seed)
        scripts = {id(playing.game()._script)}
        while not playing.over:
            playing.step("stay")
    lives = playing.reset(5)["lives"]
    assert lives == 3
    assert {id(playing.game()._script)} == scripts  # its own loop went on
    playing.step("stay")
    assert playing.reset(5)["stone_y"] == 0.0  # in the middle of an episode the keys would not help
    assert {id(playing.game()._script)} != scripts


def test_time_timers_and_modules(played: list[Playing]) -> None:
    played.append(playing := Playing(DODGE, {"settings:SPAWN_MS": 100, "Game.start_x": 20, "Game.shift": 7}))
    assert playing.reset(1)["car"] == 20
    cars = [playing.step(action)["car"] for action in (("right", "nothing"), ("stay", "hop"), ("stay", "hop"), (0, 2))]
    assert cars == [23, 30, 37, 24]  # by 3, by 7, by 7 again, and the middle to x = 30
    seen = [playing.step((0, 0)) for _ in range(16)]
    assert [one["rocks"] for one in seen] == [1] * 5 + [2] * 5 + [3] * 5 + [4]  # every 5 frames of 20 ms
    assert seen[0]["rock_y"] == [pytest.approx(-10 + 80 * 0.02)]
    assert playing.game().frames_played == 20  # one a step, however often it draws
    assert playing.reward == 1.0


def test_a_title_that_waits_for_events_and_ends(played: list[Playing]) -> None:
    played.append(playing := Playing(GUESS))
    playing.reset(3)
    lit_at = playing.game().lit_at
    while not playing.step("wait")[0]:
        pass
    assert playing.game().now >= lit_at > playing.game().now - 20
    reaction = playing.game().now - lit_at  # the frame that reads the click has its time already
    assert playing.step("click").tolist() == [1, reaction]  # the variables that it ended with
    assert playing.over
    assert (playing.game().pixels()[0, 0] == [0, 255, 0]).all()
    with pytest.raises(ResetNeeded, match="call reset"):
        playing.step("wait")


def test_nothing_is_left_behind(played: list[Playing]) -> None:
    before = (time.time, random.random, np.random.rand, pygame.event.get, pygame.time.Clock, threading.Thread.start)
    modules, path, arguments, folder = set(sys.modules), list(sys.path), list(sys.argv), Path.cwd()
    random.seed(5)
    np.random.seed(5)  # noqa: NPY002
    expected = random.Random(5).random(), np.random.RandomState(5).rand()
    played.append(playing := Playing(DODGE))
    playing.reset(0)
    playing.step((0, 0))
    assert abs(time.time() - playing.game().self.began) > 1e6  # our time is ours, the title's its own
    assert (random.random(), np.random.rand()) == expected  # noqa: NPY002
    playing.close()
    playing.close()
    assert before == (
        time.time, random.random, np.random.rand, pygame.event.get, pygame.time.Clock, threading.Thread.start
    )  # fmt: skip
    assert "settings" not in sys.modules and set(sys.modules) >= modules
    assert (sys.path, sys.argv, Path.cwd()) == (path, arguments, folder)
    assert [one.name for one in threading.enumerate() if one.name == "title"] == []
    with pytest.raises(TitleError, match="was closed"):
        playing.reset(0)


def test_one_title_at_a_time(played: list[Playing]) -> None:
    played.append(Playing(CATCH))
    with pytest.raises(TitleError, match=r"catch\.py is in hand .* process of its own"):
        Playing(DODGE)


def test_constants_are_found_wherever_they_are_set(tmp_path: Path, played: list[Playing]) -> None:
    title = script(
        tmp_path,
        LOOP + "A, B = 1, 2\nif True:\n    C: int = 3\nD = A * 10\n"
        "class Ball:\n    speed = 4\n    def __init__(self, size=5):\n        self.weight, self.size = 6, size\n"
        "def main(lives=7):\n    goal = 8\n    while True:\n        goal = goal + 0\n"
        "        pygame.event.get()\n        pygame.display.flip()\n"
        "ball = Ball()\nmain()\n",
        observe=lambda game: [
            game.A, game.B, game.C, game.D, game.ball.speed, game.ball.size, game.ball.weight, game.lives, game.goal
        ],
    )  # fmt: skip
    played.append(playing := Playing(title))
    assert playing.reset(0) == [1, 2, 3, 10, 4, 5, 6, 7, 8]
    for values, expected in (
        ({"A": 9}, [9, 2, 3, 90, 4, 5, 6, 7, 8]),
        ({"B": 0, "C": 0}, [1, 0, 0, 10, 4, 5, 6, 7, 8]),
        ({"Ball.speed": 0, "Ball.weight": 9}, [1, 2, 3, 10, 0, 5, 9, 7, 8]),
        ({"Ball.__init__.size": 0, "main.lives": 1, "main.goal": 2}, [1, 2, 3, 10, 4, 0, 6, 1, 2]),
    ):
        assert playing.reset(0, values) == expected
    assert title.numbers() == {
        "A": 1, "B": 2, "C": 3, "Ball.speed": 4, "Ball.__init__.size": 5, "Ball.__init__.self.weight": 6,
        "Ball.weight": 6, "main.lives": 7, "main.goal": 8,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("constants", "message"),
    [
        ({"GRAVTY": 1}, r"catch\.py sets no constant 'GRAVTY'.* did you mean 'GRAVITY'"),
        ({"setings:X": 1}, "no module 'setings' beside"),
    ],
)
def test_a_misspelt_constant(constants: dict[str, Any], message: str) -> None:
    with pytest.raises(TitleError, match=message):
        Playing(CATCH, constants)


@pytest.mark.parametrize(
    ("text", "fields", "message"),
    [
        ("x = 1\n", {}, r"title\.py: the title ran to its end without asking for input; .* Title\.entry"),
        ("def main(): pass\n", {"entry": "mian"}, "has no function 'mian'; it has main"),
        ("import sys\nsys.exit('no joystick')\n", {}, r"title\.py:3: the title left with 'no joystick' before play"),
        ("def f():\n    return 1 / 0\nf()\n", {}, r"title\.py:3 in f\(\): the title failed in frame 0: ZeroDivision"),
        ("while True:\n    pass\n", {"deadline_s": 0.5}, r"title\.py:\d: .* not asked .* 0\.5 s(.|\n)*py\", line \d"),
        ("name = input('who? ')\n", {}, r"title\.py:2: the title asks for typed input"),
        ("import threading\nthreading.Thread(target=print).start()\n", {}, r"title\.py:3: the title starts a thread"),
        ("def f(:\n", {}, r"title\.py:2: is not Python"),
        (LOOP + "pygame.image.load('none.png')", {}, r"title\.py:5: the title failed .* FileNotFoundError"),
    ],
)  # fmt: skip
def test_a_title_that_fails(
    text: str, fields: dict[str, Any], message: str, tmp_path: Path, played: list[Playing]
) -> None:
    played.append(playing := Playing(script(tmp_path, text, **fields)))
    with pytest.raises(TitleError, match=message):
        playing.reset(0)
    with pytest.raises(ResetNeeded):
        playing.step(0)


def test_a_title_that_fails_in_play_says_where(tmp_path: Path, played: list[Playing]) -> None:
    text = (
        LOOP + "n = 0\nwhile True:\n    pygame.event.get()\n    n += 1\n    assert n < 3, 'three'\n    clock.tick()\n"
    )
    title = script(tmp_path, text, score=lambda game: game.m if game.n == 2 else 0.0)
    played.append(playing := Playing(title))
    playing.reset(0)
    playing.step(0)
    with pytest.raises(
        TitleError,
        match=r"test_titles.py:\d+.* Title\.score failed .* no variable 'm' in the script.* at .*title\.py:7",
    ):
        playing.step(0)
    playing.close()
    played.append(playing := Playing(script(tmp_path, text)))
    playing.reset(0)
    playing.step(0)
    playing.step(0)
    with pytest.raises(TitleError, match=r"title\.py:9: the title failed in frame 3: AssertionError: three"):
        playing.step(0)
    assert playing.reset(0) == 0.0  # and runs again


def test_a_title_that_catches_everything_can_be_ended(tmp_path: Path) -> None:
    text = LOOP + (
        "while True:\n    try:\n        while True:\n            pygame.event.get()\n            clock.tick(30)\n"
        "    except:\n        pass\n"
    )
    playing = Playing(script(tmp_path, text))
    playing.reset(0)
    playing.step(0)
    playing.close()
    assert not playing._handover.thread.is_alive()


def test_loops_that_wait_by_watching(tmp_path: Path, played: list[Playing]) -> None:
    """A busy wait for the clock passes; one for a key is played frame by frame."""
    text = LOOP + (
        "import time\nbegan = time.perf_counter()\nwhile time.perf_counter() < began + 2: pass\nwaiting = True\n"
        "while waiting:\n    for event in pygame.event.get():\n"
        "        if event.type == pygame.KEYDOWN: waiting = False\n"
        "started = time.perf_counter() - began\nwhile True:\n    pygame.event.pump()\n    clock.tick(100)\n"
    )
    title = script(tmp_path, text, observe=lambda game: [game.waiting, game.get("started", 0)])
    played.append(playing := Playing(title))
    assert playing.reset(0) == [True, 0]
    assert playing.step("stay")[0] is True
    waiting, started = playing.step("space")
    assert waiting is False and 2.0 < started < 2.1


def test_the_mixer_is_silent_and_keys_are_pygames(tmp_path: Path, played: list[Playing]) -> None:
    text = LOOP + (
        "pygame.mixer.init()\nsound = pygame.mixer.Sound(buffer=bytes(8))\nsound.set_volume(0.5)\n"
        "channel = sound.play()\npygame.mixer.music.set_volume(0.2)\n"
        "try:\n    pygame.mixer.Sound('none.wav')\nexcept FileNotFoundError:\n    missing = True\n"
        "log = []\nwhile True:\n    for e in pygame.event.get():\n"
        "        log.append((e.type, e.dict.get('key'), e.dict.get('unicode')))\n"
        "    keys = pygame.key.get_pressed()\n    down = keys[pygame.K_a], sum(keys), len(keys)\n    clock.tick(30)\n"
    )
    title = script(tmp_path, text, observe=lambda game: (list(game.log), game.get("down", None)))
    played.append(playing := Playing(title))
    playing.reset(0)
    game = playing.game()
    assert game.missing and not game.channel.get_busy() and game.sound.get_volume() == 0.5
    a, space = pygame.K_a, pygame.K_SPACE
    down, up, text_input = pygame.KEYDOWN, pygame.KEYUP, pygame.TEXTINPUT
    assert playing.step("a") == ([(down, a, "a"), (text_input, None, None)], (True, 1, 512))
    assert playing.step("a")[1] == (True, 1, 512)
    log, keys = playing.step("space")
    assert log[2:] == [(up, a, "a"), (down, space, " "), (text_input, None, None)] and keys == (False, 1, 512)
    log, keys = playing.step("stay")
    assert log[5:] == [(up, space, " ")] and keys == (False, 0, 512)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: hold("spcae"), "no key is named 'spcae': did you mean 'space'"),
        (lambda: Title("none.py", {"a": NOTHING}, lambda game: 0), "there is no file .*none.py"),
        (lambda: Title("no.such.module", {"a": NOTHING}, lambda game: 0), "no module 'no.such.module'"),
        (lambda: Title(CATCH.script, {}, lambda game: 0), "actions is .*, expected presses by name"),
        (lambda: Title(CATCH.script, {"a": "left"}, lambda game: 0), "action 'a' is the text 'left', expected hold"),  # type: ignore[dict-item]
        (lambda: Title(CATCH.script, {"a": NOTHING}, 3), "observe is 3, expected a function"),  # type: ignore[arg-type]
        (lambda: CATCH.press("up"), "action is 'up', expected one of 0 'stay', 1 'left'"),
        (lambda: DODGE.press(1), "action is 1, expected 2 numbers or names"),
    ],
)
def test_a_wrong_description(make: Any, message: str) -> None:
    with pytest.raises(TitleError, match=message):
        make()


def test_a_recording_repeats_itself(tmp_path: Path) -> None:
    recording = record(CATCH, ACTIONS, seed=4, constants={"GRAVITY": 0.5})
    recording.save(tmp_path / "catch.npz")
    loaded = Recording.load(tmp_path / "catch.npz")
    again = repeat(loaded, CATCH)
    assert again.difference is None and again.num_frames == len(recording.rewards)
    loaded.seen["stone_y"][7] += 1e-9
    found = repeat(loaded, CATCH).difference
    assert found is not None and (found.frame, found.name) == (7, "stone_y")
    (tmp_path / "wrong.npz").write_bytes(b"no")
    with pytest.raises(TitleError, match="is not a recording"):
        Recording.load(tmp_path / "wrong.npz")


def test_a_family_is_held_to_the_title() -> None:
    chase = [2] * 20 + [0, 1] * 200
    recording = record(CATCH, chase, seed=2, constants={"GRAVITY": 0.3, "BASKET_SPEED": 3})
    assert recording.over and recording.rewards.sum() > 0  # stones caught, and missed till the end
    right = {"gravity": 0.3, "basket_speed": 3}
    same = compare(recording, CATCH_FAMILY, variant=right, align=described.align)
    assert same.difference is None, str(same)
    assert str(same).startswith(f"the same in {len(recording.rewards)} steps: basket")
    wrong = compare(recording, CATCH_FAMILY, variant={"gravity": 0.31, "basket_speed": 3}, align=described.align)
    assert str(wrong) == ("frame 1: stone_y is 0.3 in the title, 0.3100000023841858 here (may differ by 0.0001)")
    chance = compare(recording, CATCH_FAMILY, variant=right)  # nobody says where the stone comes down
    assert chance.difference is not None and (chance.difference.frame, chance.difference.name) == (0, "stone_x")
    with pytest.raises(TitleError, match="frame 0: stone_x"):
        chance.raise_for_difference()
    part = compare(
        recording, CATCH_FAMILY, variant=right | {"basket_speed": 4}, names=["stone_y"], align=described.align
    )
    assert part.difference is None or part.difference.frame > 20  # where the basket is does not count until a catch
    early = compare(recording, CATCH_FAMILY, variant=right, names=["over"])  # stones fall where no basket is
    assert early.difference is not None and early.difference.name == "over"
    with pytest.raises(TitleError, match="there is no 'sped' to compare"):
        compare(recording, CATCH_FAMILY, variant=right, names=["sped"])
