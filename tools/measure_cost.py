"""Measures how speed and memory of training change with the size of a run.

    python tools/measure_cost.py                          the whole table: some twenty rows
    python tools/measure_cost.py --quick                  two small rows
    python tools/measure_cost.py --only width processes   some parts of the table

Every row trains a game whose episodes have exactly as many steps as the row says, in fresh processes. Its speed is
relative to a bare ``nn.LSTM`` of the same width on one thread, forward and backward over 60 steps of 256 rows, timed
before and after every update in the same processes, so that whatever else the machine does slows both. Memory is what
the first update adds to a process's peak, after an update of two games has loaded and compiled everything.
"""

import argparse
import json
import resource
import socket
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
import torch

from gameagent.config import make_config
from gameagent.methods.learning import make_learner
from gameagent.workers import Workers
from gameagent_games import Family, Feature, Rule, Rules, Uniform, VariantSpace, state_type

BARE_STEPS, BARE_ROWS = 60, 256
MEBIBYTE = 2**20 if sys.platform == "darwin" else 2**10  # in the units of ru_maxrss


@dataclass(frozen=True)
class Run:
    """The size of a run.

    Attributes:
        length: Steps of an episode; a trial has one episode.
        limit: The time limit that the game declares; 0 for the length.
        width: Of the recurrent layer and the others (H).
        games: Side by side.
        seats: That act at every step.
        nodes: Calls of torchrun.
        per_node: Processes of each.
        updates: That are timed.
    """

    length: int = 32
    limit: int = 0
    width: int = 64
    games: int = 128
    seats: int = 1
    nodes: int = 1
    per_node: int = 1
    updates: int = 3


PARTS = {
    "length": [Run(length=length, games=64) for length in (32, 128, 512, 1024, 4096)],
    "limit": [Run(limit=limit) for limit in (32, 1024, 32768)],
    "width": [Run(width=width) for width in (32, 64, 128, 256, 512)],
    "games": [Run(games=games) for games in (128, 512, 2048, 4096, 16384)],
    "seats": [Run(seats=seats) for seats in (1, 2, 4)],
    "processes": [Run(games=512), Run(games=512, per_node=2), Run(games=512, nodes=2)],
}
QUICK = {"length": [Run(games=8, updates=1), Run(length=96, games=8, updates=1)]}


def main() -> None:
    """Reads the arguments; prints the table, or measures one row."""
    parser = argparse.ArgumentParser(description="Measures how speed and memory of training change with size.")
    parser.add_argument("--quick", action="store_true", help="two small rows")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), help="parts of the table")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="one config field")
    parser.add_argument("--row", nargs=2, metavar=("SIZE", "FILE"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    settings = dict(pair.split("=", 1) for pair in args.set)
    if args.row:
        measure_here(Run(**json.loads(args.row[0])), settings, Path(args.row[1]))
        return
    parts = QUICK if args.quick else {name: PARTS[name] for name in args.only}
    print("| part | length | limit | width | games | seats | processes | speed / bare layer | k steps/s | peak MiB |")
    print("| --- " * 10 + "|")
    for name, runs in parts.items():
        for run in runs:
            found = measure(run, args.set)
            print(
                f"| {name} | {run.length} | {run.limit or run.length} | {run.width} | {run.games} | {run.seats} "
                f"| {run.nodes} x {run.per_node} | {found['ratio']:.2f} | {found['speed'] / 1000:.1f} "
                f"| {found['memory']:.0f} |",
                flush=True,
            )


def measure(run: Run, settings: list[str]) -> dict[str, float]:
    """Measures a run in processes of its own, started by torchrun if there are several.

    Returns:
        ``ratio``, ``speed`` in steps/s and ``memory`` in MiB, of all processes together.
    """
    with tempfile.TemporaryDirectory(prefix="gameagent-cost-") as place:
        file, port = Path(place) / "row.json", free_port()
        own = [__file__, "--row", json.dumps(asdict(run)), str(file)]
        for setting in settings:
            own += ["--set", setting]
        commands = [[sys.executable, *own]]
        if run.nodes * run.per_node > 1:
            torchrun = [sys.executable, "-m", "torch.distributed.run", f"--nnodes={run.nodes}"]
            torchrun += [f"--nproc-per-node={run.per_node}", "--master-addr=127.0.0.1", f"--master-port={port}"]
            commands = [[*torchrun, f"--node-rank={node}", *own] for node in range(run.nodes)]
        nodes = [subprocess.Popen(command) for command in commands]
        codes = [node.wait() for node in nodes]
        if any(codes):
            raise SystemExit(f"a process of {run} failed")
        found: dict[str, float] = json.loads(file.read_text())
    return found


def measure_here(run: Run, settings: dict[str, Any], file: Path) -> None:
    """Measures this process's part of a run; the first process writes the figures of all."""
    torch.set_num_threads(1)
    workers = Workers.from_torchrun() or Workers()
    game, bare = make_game(run), BareLayer(run.width)
    config = make_config(game, {"family": game.name, "hidden_size": run.width, "num_games": run.games} | settings)
    tiny = make_config(game, {"family": game.name, "hidden_size": run.width, "num_games": 2} | settings)
    make_learner(tiny, game, Workers()).update(0, 0.0)
    learner, before = make_learner(config, game, workers), peak()
    learner.update(0, 0.0)
    memory = peak() - before
    bare.speed()
    ratios, speeds = [], []
    for number in range(1, run.updates + 1):
        around = [bare.speed()]
        workers.barrier()
        start = perf_counter()
        num_steps = learner.update(number, 0.1).num_steps
        speeds.append(num_steps / (perf_counter() - start))
        around.append(bare.speed())
        ratios.append(speeds[-1] / float(np.mean(around)))
    sums = workers.sum(torch.tensor([median(ratios) / workers.size, median(speeds) / workers.size, memory])).tolist()
    if workers.rank == 0:
        file.write_text(json.dumps(dict(zip(("ratio", "speed", "memory"), sums, strict=True))))
    workers.close()


class BareLayer:
    """An ``nn.LSTM``, forward and backward, and nothing else."""

    def __init__(self, width: int) -> None:
        self._layer = torch.nn.LSTM(width, width)
        self._inputs = torch.randn(BARE_STEPS, BARE_ROWS, width)

    def speed(self) -> float:
        """Steps a second, the median of three passes."""
        times = []
        for _ in range(3):
            start = perf_counter()
            self._layer(self._inputs)[0].sum().backward()
            times.append(perf_counter() - start)
        return BARE_STEPS * BARE_ROWS / median(times)


def make_game(run: Run) -> Family:
    """A game of one episode: one of two buttons pays, at every step alike."""
    length, seats = run.length, run.seats

    def start(state: Any, variant: Any) -> None:
        state.step = 0

    def step(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
        for seat in range(seats):
            rewards[seat] = variant.pay[actions[seat]]
        state.step += 1
        return bool(state.step == length)

    def observe(state: Any, variant: Any, seat: int, observation: Any) -> None:
        observation[0] = state.step / length

    return Family(
        name="buttons",
        summary="two buttons that pay",
        source=Rules(start, step, observe, state=state_type([("step", np.int64)])),
        space=VariantSpace((Rule("pay", Uniform((-1.0, 1.0), shape=(2,))),)),
        features=(Feature("elapsed", low=0.0, high=1.0),),
        actions=("left", "right"),
        max_steps=run.limit or length,
        num_episodes=1,
        num_seats=seats,
    )


def peak() -> float:
    """The most memory that this process has had, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MEBIBYTE


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
    return port


if __name__ == "__main__":
    main()
