"""How fast games run: steps a second on one core, compiled and in the interpreter, and variants sampled a second.

    python tools/bench_games.py [--family forage] [--json speeds.json]

Each figure is the median over repeats, compilation excluded. Actions are uniformly random; episodes that end are
followed by the next at once, so that drawing levels counts too.
"""

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from gameagent_games import Family, family_names, load_family


def rate(work: Callable[[], int], repeats: int) -> float:
    """Median over ``repeats`` of the units that ``work`` does (and returns) per second, after one call to warm up."""
    work()
    rates = []
    for _ in range(repeats):
        begin = time.perf_counter()
        units = work()
        rates.append(units / (time.perf_counter() - begin))
    return statistics.median(rates)


def steps_per_second(family: Family, num_games: int, num_steps: int, repeats: int, *, compiled: bool) -> float:
    """Game steps a second of ``num_games`` side by side, every game with its own variant."""
    simulator = family.make_games(num_games, num_episodes=0, compiled=compiled)
    simulator.reset(family.space.sample(num_games, 0, "all"), np.arange(num_games))
    generator = np.random.default_rng(0)
    actions = [family.random_actions(generator, num_games) for _ in range(16)]

    def play() -> int:
        for step in range(num_steps):
            simulator.step(actions[step % len(actions)])
        return num_games * num_steps

    return rate(play, repeats)


def bench(family: Family, num_games: int, repeats: int) -> dict[str, float]:
    """The three figures of one family."""

    def draw() -> int:
        return len(family.space.sample(10_000, 0))

    return {
        "steps_per_second": steps_per_second(family, num_games, 128, repeats, compiled=True),
        "uncompiled_steps_per_second": steps_per_second(family, 64, 32, min(repeats, 3), compiled=False),
        "variants_per_second": rate(draw, repeats),
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Times every family and prints one line each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--family", action="append", help="only this family; may be given again (default: all)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to FILE")
    parser.add_argument("--games", type=int, default=4096, help="games side by side (default: %(default)s)")
    parser.add_argument("--repeats", type=int, default=9, help="repeats per figure (default: %(default)s)")
    arguments = parser.parse_args(argv)
    if arguments.games < 1 or arguments.repeats < 1:
        parser.error("--games and --repeats must be at least 1")

    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})  # one core, whatever a library would like
    figures = {}
    print(f"{'family':12}{'steps/s':>14}{'interpreted':>14}{'variants/s':>14}")
    for name in arguments.family or family_names():
        figures[name] = bench(load_family(name), arguments.games, arguments.repeats)
        print(f"{name:12}" + "".join(f"{figure:14,.0f}" for figure in figures[name].values()), flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps({"games": arguments.games, "families": figures}, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
