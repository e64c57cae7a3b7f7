"""Measures training speed: steps a second over all processes, and where the time goes.

    python tools/bench_training.py --family gridnavi --steps 3M

The median over updates is printed, compiling and the first update left out.
"""

import argparse
import tempfile
from itertools import pairwise
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import gameagent
from gameagent.run.folder import Progress


def main() -> None:
    """Reads the arguments, trains in a temporary folder, prints the speed."""
    parser = argparse.ArgumentParser(description="Measures training speed in steps a second.")
    parser.add_argument("--family", default="gridnavi", help="family to train (default: %(default)s)")
    parser.add_argument("--steps", default="2M", help="budget (default: %(default)s)")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="one config field")
    args = parser.parse_args()
    marks: list[tuple[float, int, dict[str, Any]]] = []

    def report(progress: Progress, metrics: dict[str, Any]) -> None:
        marks.append((perf_counter(), progress.steps, metrics))

    settings: dict[str, Any] = {"steps": args.steps} | dict(pair.split("=", 1) for pair in args.set)
    with tempfile.TemporaryDirectory(prefix="gameagent-bench-") as place:
        config = gameagent.train(args.family, out=Path(place) / "run", report=report, quiet=True, **settings).config
    if len(marks) < 3:
        parser.error("--steps is too small: at least three updates are needed")
    speeds = [(steps - before) / (end - start) for (start, before, _), (end, steps, _) in pairwise(marks[1:])]
    play = median(metrics["play_seconds"] for _, _, metrics in marks[1:])
    update = median(metrics["update_seconds"] for _, _, metrics in marks[1:])
    print(
        f"{config.family}: {median(speeds) / 1000:.0f} k steps/s (median of {len(speeds)} updates, "
        f"{config.num_processes} processes, hidden {config.hidden_size}, algorithm {config.algorithm})"
    )
    print(f"  of an update's time: play {play / (play + update):.0%}, gradient steps {update / (play + update):.0%}")


if __name__ == "__main__":
    main()
