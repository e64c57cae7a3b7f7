"""Windows beside those of the program around them; each scene is a program of its own, with a screen of nobody's."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

pytest.importorskip("pygame", reason="windows need the render extra")

TESTS = Path(__file__).parents[1]
START = """
import copy, pickle
import numpy as np
import pygame
import gymnasium, gameagent_games
from gameagent_games.envs import one_game
from gameagent_games.envs.gymnasium_env import FamilyEnv
from gameagent_games.envs.pettingzoo_env import FamilyAECEnv, FamilyParallelEnv
from gameagent_games.drawing import screens
from gameagent_games.drawing.window import Window
from two_seat_families import NIM, THROWS

one_game.RENDER_FPS = 1000  # no waiting
opened = []  # every window of ours, in order

def recorded(size, title, real=screens.open_screen):
    opened.append(real(size, title))
    return opened[-1]

import gameagent_games.drawing.window as window_module
window_module.open_screen = recorded

def begun(make, *arguments, **settings):
    env = make(*arguments, render_mode="human", **settings)
    env.reset(seed=0)
    return env

def act(env):
    if isinstance(env.unwrapped, FamilyParallelEnv):
        return env.step(dict.fromkeys(env.agents, 0))
    return env.step(0)
"""
FACES = """
FACES = [
    lambda: begun(gymnasium.make, "gameagent/Gridnavi-v0"),
    lambda: begun(FamilyParallelEnv, "gridnavi"),
    lambda: begun(FamilyParallelEnv, THROWS, num_episodes=5),  # drawn plainly
    lambda: begun(FamilyAECEnv, "gridnavi"),
    lambda: begun(FamilyAECEnv, NIM, num_episodes=5),
]
for make in FACES:
    opened.clear()
"""
NUM_FACES = 5
PYGAMES = {"ce": "", "2": "pygame.__dict__.pop('Window', None)\n"}  # pygame 2 has its windows in pygame._sdl2 only
both_pygames = pytest.mark.parametrize("which", PYGAMES)


def run_faces(code: str, which: str = "ce") -> list[str]:
    """What one face after the other printed, which must be the same for all: that of one."""
    printed = run(FACES + textwrap.indent(code, "    "), which)
    assert len(printed) % NUM_FACES == 0
    size = len(printed) // NUM_FACES
    assert printed == printed[:size] * NUM_FACES
    return printed[:size]


def run(code: str, which: str = "ce") -> list[str]:
    """What the program printed, line by line."""
    start = START.replace("import pygame\n", "import pygame\n" + PYGAMES[which], 1)
    path = os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])
    environment = {
        "PYTHONPATH": path,
        "SDL_VIDEODRIVER": "dummy",
        "SDL_AUDIODRIVER": "dummy",
        "PYGAME_HIDE_SUPPORT_PROMPT": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", start + code],
        env=os.environ | environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@both_pygames
def test_a_closed_window_leaves_all_others_open(which: str) -> None:
    code = """
first, second = make(), begun(FamilyAECEnv, "forage")
first.close()
print([screen.is_open() for screen in opened])
act(second)
third = make()
act(third)
second.close(); second.close()
act(third)
print([screen.is_open() for screen in opened], pygame.display.get_init())
"""
    assert run_faces(code, which) == ["[False, True]", "[False, False, True] True"]


@both_pygames
def test_the_programs_own_surface_and_settings_stay_as_they_were(which: str) -> None:
    code = """
pygame.init()
pygame.key.set_repeat(77, 7)
host = pygame.display.set_mode((320, 200))
pygame.display.set_caption("host")
host.fill((9, 8, 7))
env = make()
act(env)
env.close()
print(pygame.display.get_surface() is host, host.get_size(), tuple(host.get_at((5, 5))))
print(pygame.key.get_repeat(), pygame.display.get_caption()[0], pygame.font.get_init())
pygame.display.flip()
"""
    assert run_faces(code, which) == ["True (320, 200) (9, 8, 7, 255)", "(77, 7) host True"]


@both_pygames
def test_the_programs_surface_may_come_after_our_window(which: str) -> None:
    code = """
env = make()
host = pygame.display.set_mode((320, 200))
host.fill((9, 8, 7))
act(env)
print(pygame.display.get_surface() is host, tuple(host.get_at((5, 5))), len(opened))
"""
    assert run_faces(code, which) == ["True (9, 8, 7, 255) 1"]


@both_pygames
def test_the_programs_events_stay_in_their_order(which: str) -> None:
    code = """
env = make()
pygame.event.clear()
for key in (pygame.K_ESCAPE, pygame.K_a, pygame.K_b):
    pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=key, unicode="", mod=0))
    pygame.event.post(pygame.event.Event(pygame.USEREVENT, number=key))
pygame.event.post(pygame.event.Event(pygame.QUIT))
act(env); env.render(); act(env)
for event in pygame.event.get():
    print(pygame.event.event_name(event.type), getattr(event, "key", getattr(event, "number", "")))
"""
    pairs = [(name, key) for key in (27, 97, 98) for name in ("KeyDown", "UserEvent")]
    assert run_faces(code, which) == [*(f"{name} {key}" for name, key in pairs), "Quit "]


@both_pygames
def test_a_window_comes_back_after_the_program_left_pygame(which: str) -> None:
    code = """
def set_mode():
    pygame.display.init()
    pygame.display.set_mode((50, 50)).fill((9, 8, 7))

for leave in (pygame.quit, pygame.display.quit):
    for back in (lambda: None, pygame.init, pygame.display.init, set_mode):
        opened.clear()
        env = make()
        leave()
        back()
        act(env); act(env)
        print([screen.is_open() for screen in opened], end=" ")
        host = pygame.display.get_surface()
        print(host and tuple(host.get_at((5, 5)))[:3], end=" ")
        leave()
        env.close()
        print(any(screen.is_open() for screen in opened))
"""
    expected = [f"[False, True] {host} False" for host in (None, None, None, (9, 8, 7))]
    assert run_faces(code, which) == 2 * expected


@pytest.mark.parametrize("how", ["copy.deepcopy(env)", "pickle.loads(pickle.dumps(env))"])
def test_a_copy_opens_its_own_window_when_it_is_drawn(how: str) -> None:
    code = f"""
env = make()
twin = {how}
print(len(opened))
twin.render()
print(len(opened))
env.close()
act(twin)
print([screen.is_open() for screen in opened])
"""
    assert run_faces(code) == ["1", "2", "[False, True]"]


@both_pygames
def test_what_is_shown_is_what_was_drawn(which: str) -> None:
    code = """
env = begun(gymnasium.make, "gameagent/Gridnavi-v0")
handle = opened[0]._handle
surface = handle.renderer.to_surface() if handle.renderer else handle.window.get_surface()
shown = pygame.surfarray.array3d(surface).transpose(1, 0, 2)
print(np.array_equal(shown, env.unwrapped._game.frame()))
"""
    assert run(code, which) == ["True"]


def test_a_window_of_its_own_program_is_closed_by_its_own_cross() -> None:
    code = """
ours, other = Window(60, 40, "ours"), Window(60, 40, "other")
ours.pressed()
pygame.event.post(pygame.event.Event(pygame.WINDOWCLOSE, window=opened[1]._handle.window))
ours.pressed()
print(ours.closed)
pygame.event.post(pygame.event.Event(pygame.WINDOWCLOSE, window=opened[0]._handle.window))
ours.pressed()
print(ours.closed, other.closed)
"""
    assert run(code) == ["False", "True False"]


def test_where_there_is_no_screen_one_line_says_so() -> None:
    code = """
import os
os.environ["SDL_VIDEODRIVER"] = "none of these"
try:
    begun(FamilyAECEnv, "gridnavi")
except gameagent_games.GamesError as error:
    print(error)
"""
    assert run(code) == ["no window can be opened here (none of these not available): is there a screen?"]


def test_a_window_that_another_may_have_replaced_is_neither_drawn_to_nor_destroyed() -> None:
    code = """
from types import SimpleNamespace
env = begun(FamilyAECEnv, "gridnavi")
alike = SimpleNamespace(id=7, title="forage", destroy=lambda: print("destroyed"))  # the same id and title, too
first, second = screens._Handle(alike, "forage"), screens._Handle(alike, "forage")
print(first.is_open())
first.close()
pygame.quit()
pygame.init()
print(second.is_open())
second.close()
print(alike in screens._lost)
"""
    assert run(code) == ["True", "destroyed", "False", "True"]
