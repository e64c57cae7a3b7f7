"""What the SDK promises, measured: decisions in a frame, loading, memory, size.

    python tools/bench_sdk.py [--quick] [--soak 5000000] [--json promises.json]

Everything is measured on an LSTM of 128 units for the forage family that is made here, its weights drawn and not
trained. Decisions are timed where they are used, in a pygame loop of 60 frames a second that draws moving sprites;
ratios are medians over blocks that take turns in one process; what a start costs, over fresh processes. All of it runs
on one thread. The comparison with sb3-contrib is left out where that is not installed. The exit code tells whether it
could be measured, not whether a target was met.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from sdk_promises import start

from gameagent_sdk import Bundle, SdkError
from gameagent_sdk.console.bench_report import machine, run_python

TOOLS = Path(__file__).resolve().parent
BACKENDS = ("onnxruntime", "numpy")
SQUADS = {16: 1.5, 64: 2.5}  # agents: what 99 in 100 of their decisions may take, in milliseconds
MEMORY = {"onnxruntime": 70.0, "numpy": 45.0}  # megabytes
PATIENCE = 300.0  # seconds for a process, beside those it is asked to take
SOAK_ACTS_PER_SECOND = 500  # at the very least


@dataclass(frozen=True)
class Plan:
    """How much is measured.

    Attributes:
        act_seconds: of the loop in which one agent decides.
        squad_seconds: of each loop in which a squad decides.
        blocks: of each side of a ratio.
        repeats: of a fresh process.
        soak_acts: decisions, half of them in each backend.
    """

    act_seconds: float = 20.0
    squad_seconds: float = 10.0
    blocks: int = 24
    repeats: int = 7
    soak_acts: int = 200_000


QUICK = Plan(act_seconds=0.5, squad_seconds=0.25, blocks=2, repeats=1, soak_acts=20_000)


@dataclass(frozen=True)
class Promise:
    """One line of the table.

    Attributes:
        name: what is promised.
        value: what was measured; None where it could not be.
        unit: of value and target.
        target: None where nothing is promised.
        at_least: whether the target is the least allowed, instead of the most.
        note: what else was seen, or why nothing was.
    """

    name: str
    value: float | None
    unit: str = ""
    target: float | None = None
    at_least: bool = False
    note: str = ""

    @property
    def kept(self) -> bool | None:
        """Whether the target is met; None where there is none, or nothing was measured."""
        if self.value is None or self.target is None:
            return None
        return self.value >= self.target if self.at_least else self.value <= self.target

    def __str__(self) -> str:
        measured = "-" if self.value is None else f"{self.value:.4g} {self.unit}".strip()
        sign = ">=" if self.at_least else "<="
        target = "" if self.target is None else f"{sign} {self.target:g} {self.unit}".strip()
        kept = {True: "yes", False: "NO", None: ""}[self.kept]
        return f"{self.name:50} {measured:>12}  {target:>11}  {kept:3}  {self.note}".rstrip()


def in_the_loop(path: Path, plan: Plan) -> Iterator[Promise]:
    """Decisions between the frames of a game."""
    loops = [f"1:{plan.act_seconds}", *(f"{count}:{plan.squad_seconds}" for count in SQUADS)]
    for backend in BACKENDS:
        spreads = child("pygame_loop", path, backend, *loops)
        for count, spread in spreads.items():
            who, target = ("one agent", 1.0) if count == "1" else (f"squad of {count}", SQUADS[int(count)])
            note = f"p50 {spread['p50_ms']:.3f}, worst {spread['worst_ms']:.2f}, {spread['calls']} frames"
            yield Promise(f"act, {who}, {backend}: p99", spread["p99_ms"], "ms", target, note=note)


def ratios(path: Path, plan: Plan) -> Iterator[Promise]:
    """Decisions beside the bare engine, and beside another library."""
    found = child("ratios", path, "bare", plan.blocks)
    note = f"{found['one_us']:.0f} / {found['other_us']:.0f} us, median of {plan.blocks} blocks"
    yield Promise("act / bare onnxruntime call, tight loop", found["ratio"], "x", 1.3, note=note)
    found = child("ratios", path, "sb3", plan.blocks)
    name = "RecurrentPPO.predict / act, tight loop"
    if "missing" in found:
        yield Promise(name, None, "x", 10.0, True, f"skipped: {found['missing']}")
    else:
        note = f"{found['one_us']:.0f} / {found['other_us']:.0f} us, median of {plan.blocks} blocks"
        yield Promise(name, found["ratio"], "x", 10.0, True, note)


def starting(path: Path, plan: Plan) -> Iterator[Promise]:
    """Importing, loading, memory."""
    fresh = f"median of {plan.repeats} fresh processes"
    yield Promise("import gameagent_sdk beyond numpy", start.import_ms(plan.repeats), "ms", 50.0, note=fresh)
    for backend in BACKENDS:
        found = start.load_ms(path, backend, plan.repeats)
        yield Promise(f"load and first act, {backend}, warm", found["again_ms"], "ms", 30.0)
        first = found["load_ms"] + found["first_act_ms"]
        note = f"after the engine's own import of {found['engine_import_ms']:.0f} ms; {fresh}"
        yield Promise(f"load and first act, {backend}, fresh", first, "ms", note=note)
    for backend in BACKENDS:
        memory = start.memory_mb(path, backend, plan.repeats)
        yield Promise(f"memory after the first act, {backend}", memory, "MB", MEMORY[backend], note=fresh)


def soaking(path: Path, plan: Plan) -> Iterator[Promise]:
    """Memory over many decisions."""
    acts = plan.soak_acts // len(BACKENDS)
    for backend in BACKENDS:
        samples: list[float] = child("soak", path, backend, acts, limit=PATIENCE + acts / SOAK_ACTS_PER_SECOND)
        warm = samples[len(samples) // 10 :]
        part = max(len(warm) // 10, 1)
        growth = median(warm[-part:]) - median(warm[:part])
        note = f"{acts:,} acts, {warm[0]:.1f} to {warm[-1]:.1f} MB after the first tenth, at most {max(warm):.1f}"
        yield Promise(f"growth of memory, {backend}", growth, "MB", 1.0, note=note)


def packing(path: Path, plan: Plan) -> Iterator[Promise]:
    """What is installed."""
    try:
        size, needs = start.wheel()
    except RuntimeError as error:
        yield Promise("wheel", None, "kB", 150.0, note=f"skipped: {error}")
        return
    yield Promise("wheel", size, "kB", 150.0)
    yield Promise("packages it needs", len(needs), "", 2.0, note=", ".join(needs))


def child(module: str, *arguments: object, limit: float = PATIENCE) -> Any:
    """Runs a module of ``sdk_promises`` in a process of its own; gives what it printed last, read as JSON."""
    words = ["-m", f"sdk_promises.{module}", *map(str, arguments)]
    lines = run_python(words, limit, TOOLS).splitlines()
    return json.loads(lines[-1]) if lines else None


def load_average() -> str:
    """What the machine is busy with already: timings taken beside other work say little."""
    return f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"


def main(argv: Sequence[str] | None = None) -> int:
    """Measures, and prints a line as soon as it is known."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a few seconds, to see that it works: no figures to quote")
    parser.add_argument("--bundle", type=Path, metavar="FILE", help="measure this one instead")
    parser.add_argument("--soak", type=int, metavar="N", help="decisions in the soak (default: 200000; quick: 20000)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to FILE")
    args = parser.parse_args(argv)
    plan = QUICK if args.quick else Plan()
    if args.soak is not None:
        if args.soak < 1:
            parser.error("--soak must be at least 1")
        plan = Plan(**{**asdict(plan), "soak_acts": args.soak})
    try:
        promises = run(args.bundle, plan)
    except (SdkError, OSError) as error:
        print(f"bench_sdk.py: {error}", file=sys.stderr)
        return 1
    if args.json:
        lines = [asdict(promise) | {"kept": promise.kept} for promise in promises]
        figures = {"machine": machine(), "plan": asdict(plan), "promises": lines}
        args.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    return 0


def run(bundle: Path | None, plan: Plan) -> list[Promise]:
    """Measures all promises of a bundle, or of one that is made for it."""
    with tempfile.TemporaryDirectory(prefix="gameagent-bench-") as folder:
        path = bundle or Path(folder) / "lstm128.onnx"
        if bundle is None:
            child("made_bundle", path)
        manifest = Bundle.read(path).manifest
        units = sum(tensor.shape[-1] for tensor in manifest.hidden_state if tensor.shape)
        print(", ".join(f"{name} {value}" for name, value in machine().items()))
        print(f"load average {load_average()} (processes that wanted a core in the last minute: it should be below 1)")
        print(f"{manifest.name}: {manifest.observation_size} numbers in, {manifest.num_actions} actions, "
              f"{units} numbers of hidden state")  # fmt: skip
        print(f"\n{'promise':50} {'measured':>12}  {'target':>11}  ok", flush=True)
        promises = []
        for part in (in_the_loop, ratios, starting, soaking, packing):
            for promise in part(path, plan):
                print(promise, flush=True)
                promises.append(promise)
    return promises


if __name__ == "__main__":
    sys.exit(main())
