"""Spot Kick, a title that is not ours: it runs, the agent goes in with ten lines, and the keeper learns its shooter.

The titles run as a player starts them. Only the keyboard, the clock and the screen's refresh are a robot's.
"""

# mypy: disable-error-code="arg-type, func-returns-value, redundant-expr, union-attr"

import difflib
import re
import runpy
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pygame
import pytest

from gameagent.config import make_config
from gameagent.judging.evaluate import evaluate_bundle, evaluate_random
from gameagent.judging.intervals import estimate, gain_interval
from gameagent_games import Family, Simulator, check_family
from gameagent_sdk import Agent, Bundle

FOLDER = Path(__file__).parents[2] / "sdk" / "examples" / "spot_kick"
KEEPER = FOLDER / "keeper.onnx"
GREEN, RED = (92, 214, 112), (236, 84, 78)  # a goal's and a save's dot on the board
CENTRE, FAR_RIGHT = 2, 4


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the titles' folder, as they write beside themselves."""
    for name in ("football.py", "kick.py", "kick_with_agent.py", "keeper.onnx"):
        shutil.copy(FOLDER / name, tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    monkeypatch.setenv("SDL_AUDIODRIVER", "dummy")
    return tmp_path


@pytest.fixture(scope="module")
def shooters() -> Iterator[Any]:
    """The training side's module."""
    sys.path.insert(0, str(FOLDER))
    try:
        import shooters  # type: ignore[import-not-found]

        yield shooters
    finally:
        sys.path.remove(str(FOLDER))


def pressed(key: int, text: str = "") -> pygame.event.Event:
    return pygame.event.Event(pygame.KEYDOWN, key=key, unicode=text)


class Robot:
    """A player: types a name, steps to the right, shoots hard at the spots given, and quits when they are used up."""

    def __init__(self, name: str, spots: list[int]) -> None:
        self.events = [*(pressed(pygame.K_a, letter) for letter in name), pressed(pygame.K_RETURN)]
        self.spots = spots
        self.states: list[str] = []
        self.last_screen: pygame.Surface | None = None

    def read(self) -> list[pygame.event.Event]:
        title = sys._getframe(1).f_globals
        self.states.append(title["state"])
        title["SHOW_FRAMES"] = 20  # a shout is long for a robot
        if self.events:
            return [self.events.pop(0)]
        if title["state"] == "aim" and self.spots:
            if title["lane"] == 1:
                return [pressed(pygame.K_RIGHT)]
            if 0.6 < title["power"] < 0.8:
                return [pressed(pygame.K_1 + self.spots.pop(0))]
            return []
        return [pygame.event.Event(pygame.QUIT)] if title["state"] in ("aim", "over") else []

    def refresh(self) -> None:
        if self.states[-1] == "over":
            self.last_screen = pygame.display.get_surface().copy()


class NoClock:
    def tick(self, fps: int) -> int:
        assert fps == 60
        return 16


@pytest.fixture
def run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Robot], dict[str, Any]]:
    """Runs a title under a robot's hands; returns what its variables were at the end."""

    def run(name: str, robot: Robot) -> dict[str, Any]:
        monkeypatch.setattr(pygame.event, "get", robot.read)
        monkeypatch.setattr(pygame.display, "flip", robot.refresh)
        monkeypatch.setattr(pygame.time, "Clock", NoClock)
        return runpy.run_path(str(folder / name))

    return run


def test_the_title_plays_a_match(
    run: Callable[..., dict[str, Any]], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("random.randrange", lambda *limits: CENTRE)  # every dive is to the centre
    robot = Robot("Ada", [FAR_RIGHT] * 7 + [CENTRE] * 3)
    title = run("kick.py", robot)
    assert [(spot, result) for spot, _, result in title["shots"]] == [(FAR_RIGHT, 0)] * 7 + [(CENTRE, 1)] * 3
    assert list(dict.fromkeys(robot.states)) == ["title", "aim", "run", "fly", "show", "over"]
    assert (folder / "Ada.best").read_text() == "7"
    assert robot.last_screen is not None
    dots = [tuple(robot.last_screen.get_at((363 + 26 * kick, 66)))[:3] for kick in range(10)]
    assert dots == [GREEN] * 7 + [RED] * 3


def test_the_agent_sees_dives_learns_and_is_kept(
    run: Callable[..., dict[str, Any]], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []
    act = Agent.act
    monkeypatch.setattr(Agent, "act", lambda agent, view: seen.append(view) or act(agent, view))
    first = run("kick_with_agent.py", Robot("Ada", [FAR_RIGHT] * 10))
    saves = sum(result == 1 for _, _, result in first["shots"])
    assert first["agent"].returns == (saves,)
    assert seen[0] == (0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0)  # nothing yet but a run-up from the right
    _, power, result = first["shots"][8]
    results = [float(result == other) for other in range(3)]
    assert seen[9] == pytest.approx((0.9, 0, 0, 1, 0, 0, 0, 0, 1, power, *results))

    second = run("kick_with_agent.py", Robot("Ada", [FAR_RIGHT] * 10))
    assert second["agent"].returns == (saves, sum(result == 1 for _, _, result in second["shots"]))
    assert run("kick_with_agent.py", Robot("Bob", []))["agent"].episode == 0
    (folder / "Ada.mind").write_bytes(b"no mind")
    assert run("kick_with_agent.py", Robot("Ada", []))["agent"].episode == 0


def test_the_agent_costs_ten_lines() -> None:
    plain, with_agent = (
        (FOLDER / name).read_text(encoding="utf-8").splitlines() for name in ("kick.py", "kick_with_agent.py")
    )
    diff = list(difflib.unified_diff(plain, with_agent, "kick.py", "kick_with_agent.py", n=1, lineterm=""))
    changed = [line for line in diff if line[0] in "+-" and not line.startswith(("+++", "---"))]
    assert len(changed) <= 10
    text = "\n".join(diff) + "\n"
    assert (FOLDER / "agent.diff").read_text(encoding="utf-8") == text
    for readme in (FOLDER / "README.md", FOLDER.parents[1] / "README.md"):
        assert f"```diff\n{text}```" in readme.read_text(encoding="utf-8")


def test_the_shooters_keep_the_contract(shooters: Any) -> None:
    check_family(shooters.SHOOTERS).raise_for_failures()


@pytest.mark.parametrize(("result", "reward"), [(0, 0.0), (1, 1.0), (2, 0.0)])
def test_training_plays_by_the_titles_rules(
    shooters: Any, result: int, reward: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert Path(shooters.football.__file__).read_bytes() == (FOLDER / "football.py").read_bytes()
    monkeypatch.setattr(shooters.football, "result_of", lambda *shot: result)
    monkeypatch.setattr(shooters.football, "keeper_sees", lambda *seen: (0.25,) * 13)
    games = Simulator(shooters.SHOOTERS, 20, compiled=False)
    games.reset(shooters.SHOOTERS.space.sample(20, 0), np.arange(20))
    assert (games.observations == 0.25).all()
    games.step(np.zeros((20, 1), np.int64))
    assert (games.rewards == reward).all()


@pytest.mark.parametrize(
    ("spot", "power", "dive", "result"),
    [(0, 0.7, 0, 1), (0, 0.7, 1, 0), (0, 0.3, 1, 1), (0, 0.3, 2, 0), (3, 0.49, 4, 1), (3, 0.5, 4, 0), (2, 0.95, 2, 2)],
)
def test_a_dive_reaches_its_spot_and_soft_shots_beside_it(
    shooters: Any, spot: int, power: float, dive: int, result: int
) -> None:
    assert shooters.football.result_of(spot, power, dive) == result


HABITS = {
    "favourite": ["far left", "centre", "right"],
    "minds_lane": True,
    "after_goal": "own mind",
    "after_miss": "own mind",
    "stride": 1,
    "fickle": 0.0,
    "sway": 1.0,
    "discipline": 1.0,
    "home_lane": "any",
    "power": 0.6,
}


def spots_and_lanes(family: Family, dive: int, seed: Any = 3, **habits: Any) -> list[tuple[int, int]]:
    """The lane and the spot of a match's shots, all dives being to one spot."""
    games = Simulator(family, 1, num_episodes=1, compiled=False)
    games.reset(family.space.records([HABITS | habits]), np.array([seed]))
    shots = []
    while not games.finished[0]:
        lane = int(games.states["lane"][0])
        games.step(np.array([[dive]]))
        shots.append((lane, int(games.states["last_spot"][0])))
    return shots


def test_a_shooters_habits(shooters: Any) -> None:
    family = shooters.SHOOTERS
    by_lane = (0, 2, 3)
    shots = spots_and_lanes(family, dive=1)
    assert len(shots) == 10
    assert {lane for lane, _ in shots} == {0, 1, 2}
    assert all(spot == by_lane[lane] for lane, spot in shots)
    assert {spot for _, spot in spots_and_lanes(family, dive=1, minds_lane=False)} == {2}
    always = {"after_goal": "next along", "after_miss": "next along", "minds_lane": False, "stride": 3}
    assert [spot for _, spot in spots_and_lanes(family, dive=1, **always)] == [2, 0, 3, 1, 4, 2, 0, 3, 1, 4]
    crosser = {"favourite": ["right"] * 3, "after_goal": "same again", "after_miss": "other side", "power": 0.65}
    assert [spot for _, spot in spots_and_lanes(family, dive=0, **crosser)] == [3] * 10
    assert [spot for _, spot in spots_and_lanes(family, dive=3, **crosser)][:3] == [3, 1, 1]
    restless = {"after_goal": "anywhere else", "after_miss": "anywhere else"}
    spots = [spot for dive in range(5) for _, spot in spots_and_lanes(family, dive, seed=dive, **restless)]
    assert all(spots[i] != spots[i + 1] for i in range(len(spots) - 1) if i % 10 != 9)
    assert set(spots) == set(range(5))
    wary = {"after_goal": "where the keeper was not", "after_miss": "where the keeper was not"}
    assert [spot for _, spot in spots_and_lanes(family, dive=1, **wary)][1:] == [4] * 9
    assert [spot for _, spot in spots_and_lanes(family, dive=2, **wary)][1:] == [0] * 9


def test_the_keeper_beats_chance_and_learns_held_out_shooters(shooters: Any) -> None:
    setting = {"split": "test", "num_variants": 500, "num_episodes": 6, "seed": 11}
    agent = evaluate_bundle(Bundle.read(KEEPER), shooters.SHOOTERS, **setting)
    chance = evaluate_random(shooters.SHOOTERS, **setting)
    gain = (agent - chance).mean(axis=2)
    assert estimate(gain[None, :, 0]).ci95[0] > 0  # in the first match already
    assert estimate(gain[None, :, -1]).ci95[0] > 1
    assert gain_interval(agent.mean(axis=2)[None], 0, 5)[1] > 0


def test_the_readmes_command_made_the_keeper(shooters: Any) -> None:
    assert KEEPER.stat().st_size <= 500_000
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    command = re.search(r"^\$ (gameagent train .*)$", readme, re.M)
    assert command is not None
    words = shlex.split(command[1])
    assert words[2] == "shooters:SHOOTERS"
    assert f"$ gameagent export {words[words.index('--out') + 1]} keeper.onnx\n" in readme
    given = dict(words[i + 1].split("=") for i, word in enumerate(words) if word == "--set")
    given |= {key: words[words.index(f"--{key}") + 1] for key in ("steps", "seed")}
    made = make_config(shooters.SHOOTERS, given).as_dict() | {"family": words[2]}
    recorded = Bundle.read(KEEPER).manifest.training["config"]
    for name in ("family", *given):  # what the command leaves out are defaults, which change from version to version
        assert recorded[name] == made[name], name
