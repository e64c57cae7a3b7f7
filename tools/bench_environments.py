"""How fast environments are played side by side, against Gymnasium's SyncVectorEnv, on two idle cores.

    python tools/bench_environments.py [--games 64] [--json speeds.json]

Both play the same environments, with actions at random; episodes that end are followed by the next at once. Each
layout is measured in turn, again and again, and the median of the ratios within a round is given: a machine that is
busy for a while slows all of them. MiniGrid's row is left out where MiniGrid is not installed.
"""

import argparse
import importlib
import importlib.util
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

from gameagent_games import load_family
from gameagent_games.sources.environments.source import EnvironmentSource

CART_POLE = """
game = "gymnasium:CartPole-v1"
episodes = 1
[rules.length]
uniform = [0.3, 0.8]
[environment.reach]
length = "attribute unwrapped.length"
"""
MINIGRID = """
game = "minigrid.envs:EmptyEnv"
episodes = 1
[rules.size]
choice = [8, 9]
"""


def sync_vector(make: Callable[[], Any], num_games: int) -> Callable[[int], None]:
    """Plays steps of Gymnasium's vector environment."""
    envs = gymnasium.vector.SyncVectorEnv([make] * num_games)
    envs.reset(seed=0)
    envs.action_space.seed(0)
    actions = [envs.action_space.sample() for _ in range(16)]

    def play(num_steps: int) -> None:
        for step in range(num_steps):
            envs.step(actions[step % len(actions)])

    return play


def ours(rule_file: Path, rules: dict[str, Any], num_games: int, workers: int) -> Callable[[int], None]:
    """Plays steps of games of one variant of a rule file, in so many workers."""
    family = load_family(str(rule_file))
    source = family.source
    assert isinstance(source, EnvironmentSource)
    family = replace(family, source=replace(source, workers=workers))
    games = family.make_games(num_games, num_episodes=0)
    generator = np.random.default_rng(0)
    games.reset(family.space.records([rules] * num_games), np.arange(num_games))
    actions = [family.random_actions(generator, num_games) for _ in range(16)]

    def play(num_steps: int) -> None:
        for step in range(num_steps):
            games.step(actions[step % len(actions)])

    return play


def compared(plays: dict[str, Callable[[int], None]], num_games: int, rounds: int, seconds: float) -> dict[str, Any]:
    """Microseconds of a game's step in each layout, and each layout's speed in units of the first one's."""
    counts: dict[str, int] = {}
    times: dict[str, list[float]] = {name: [] for name in plays}
    for name, play in plays.items():
        play(50)
        begin = time.perf_counter()
        play(50)
        counts[name] = max(10, int(50 * seconds / (time.perf_counter() - begin)))
    for _ in range(rounds):
        for name, play in plays.items():
            begin = time.perf_counter()
            play(counts[name])
            times[name].append((time.perf_counter() - begin) / counts[name] / num_games * 1e6)
    first = times[next(iter(plays))]
    return {
        name: {
            "microseconds": statistics.median(own),
            "ratio": statistics.median(a / b for a, b in zip(first, own, strict=True)),
        }
        for name, own in times.items()
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Times every layout and prints a line for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--games", type=int, default=64, help="games side by side (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=15, help="rounds (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=0.3, help="of a layout in a round (default: %(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to FILE")
    arguments = parser.parse_args(argv)

    def cart_pole() -> Any:
        return gymnasium.make("CartPole-v1", disable_env_checker=True)

    def minigrid() -> Any:
        return importlib.import_module("minigrid.envs").EmptyEnv(size=8)

    games: dict[str, tuple[Callable[[], Any], str, dict[str, Any]]] = {
        "CartPole": (cart_pole, CART_POLE, {"length": 0.5})
    }
    if importlib.util.find_spec("minigrid"):
        games["MiniGrid"] = (minigrid, MINIGRID, {"size": 8})
    figures = {}
    print(f"{'environment':14}{'layout':18}{'us a step':>10}{'ratio':>8}")
    for name, (make, text, rules) in games.items():
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "game.toml"
            path.write_text(text, encoding="utf-8")
            plays = {"SyncVectorEnv": sync_vector(make, arguments.games)}
            for layout, workers in {"this process": 0, "one worker": 1, "two workers": 2}.items():
                plays[layout] = ours(path, rules, arguments.games, workers)
            figures[name] = compared(plays, arguments.games, arguments.rounds, arguments.seconds)
        for layout, figure in figures[name].items():
            print(f"{name:14}{layout:18}{figure['microseconds']:10.1f}{figure['ratio']:8.2f}", flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps({"games": arguments.games, "environments": figures}, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
