"""Shows mutated bundles and saved minds to the SDK, and counts what it makes of them.

    python tools/fuzz_files.py --files 200000 --processes 2
    python tools/fuzz_files.py --only 1234 --keep runs/mutants    one of them again; its file is kept

A mutant must be refused by the promised error, fast, in bounded memory, without another file being opened or
onnxruntime seeing it; or be accepted, and then play on in both backends or raise an SdkError. Everything else is
listed with its index, and the exit status is 1. What a mutant is depends on --seed, its index and the bundles alone.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fuzzing.mutants import Source, make_mutant

from sdk.hostile.judge import ONE_THREAD, LossyProcess

TOOLS = Path(__file__).resolve().parent
FIXTURES = sorted((TOOLS.parent / "tests" / "sdk" / "fixtures").glob("*.onnx"))
SEARCHED = os.pathsep.join([str(TOOLS), *filter(None, [os.environ.get("PYTHONPATH")])])
SETTINGS = ONE_THREAD | {"ORT_DISABLE_TELEMETRY": "1", "PYTHONPATH": SEARCHED}
GOOD = ("refused", "accepted")
FAULTS = (
    *("crashed", "hung", "foreign open", "unexpected exception", "engine saw it", "agent changed", "slow"),
    "slow to play",
)
NUM_LISTED = 20


@dataclass
class Tally:
    """Counts of what came of the mutants.

    Attributes:
        outcomes: by outcome.
        ways: by (way, outcome).
        reasons: of refusals.
        later: accepted mutants of which a backend raised an SdkError later.
        disagreements: indices of accepted mutants that the backends see differently; no fault of the check.
        faults: (index, outcome, reason).
        worst: by what it is, the most that an accepted bundle took, and its index.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    ways: Counter[tuple[str, str]] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    later: int = 0
    disagreements: list[int] = field(default_factory=list)
    faults: list[tuple[int, str, str]] = field(default_factory=list)
    worst: dict[str, tuple[float, int]] = field(default_factory=dict)

    def add(self, index: int, verdict: dict[str, Any]) -> None:
        """Counts one."""
        outcome = verdict["outcome"]
        self.outcomes[outcome] += 1
        self.ways[verdict.get("way", ""), outcome] += 1
        self.later += verdict.get("later", 0) > 0
        if verdict.get("disagree"):
            self.disagreements.append(index)
        for what, amount in verdict.get("costs", {}).items():
            self.worst[what] = max(self.worst.get(what, (0.0, 0)), (amount, index))
        if outcome == "refused":
            self.reasons[verdict["reason"]] += 1
        if outcome not in GOOD:
            self.faults.append((index, outcome, verdict["reason"]))


class Worker:
    """A process that judges mutants in a folder of its own, started again when it is lost."""

    def __init__(self, seed: int, paths: Sequence[Path], time_limit: float, plant: str) -> None:
        self._folder = tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None)
        folder = Path(self._folder.name)
        (folder / "canary.bin").write_bytes(bytes(64))
        command = [sys.executable, "-m", "fuzzing.worker", str(seed), plant, *(str(path) for path in paths)]
        self._process = LossyProcess(command, folder, time_limit, SETTINGS)

    def judge(self, index: int) -> dict[str, Any]:
        """The verdict on a mutant."""
        found = self._process.ask(index)
        return {"reason": found["error"], **found} if "error" in found else found

    def close(self) -> None:
        """Ends the process and removes its folder."""
        self._process.close()
        self._folder.cleanup()


def fuzz(args: argparse.Namespace, indices: Sequence[int], paths: Sequence[Path]) -> Tally:
    """Judges the mutants of some indices.

    Args:
        args: of the command line.
        indices: of the mutants.
        paths: of the sound bundles.
    """
    tally, lock, left = Tally(), threading.Lock(), iter(indices)
    failures: list[BaseException] = []

    def work() -> None:
        worker = Worker(args.seed, paths, args.time_limit, args.plant)
        try:
            for index in _shared(left, lock):
                verdict = worker.judge(index)
                with lock:
                    tally.add(index, verdict)
        except BaseException as error:  # raised again below, in the thread that waits
            failures.append(error)
        finally:
            worker.close()

    threads = [threading.Thread(target=work) for _ in range(min(args.processes, len(indices)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    tally.faults.sort()
    tally.disagreements.sort()
    return tally


def _shared(left: Iterator[int], lock: threading.Lock) -> Iterator[int]:
    """Takes turns with other threads at an iterator."""
    while True:
        with lock:
            index = next(left, None)
        if index is None:
            return
        yield index


def summarise(tally: Tally, seconds: float) -> str:
    """The table."""
    total = sum(tally.outcomes.values())
    counts = [("files", total), *((name, tally.outcomes[name]) for name in (*GOOD, *FAULTS))]
    counts[3:3] = [("  SdkErrors later", tally.later), ("  backends disagree", len(tally.disagreements))]
    lines = [f"{name:24}{count:8}" for name, count in counts]
    lines += [f"{'files a second':24}{total / seconds:8.0f}", "", "by what was changed, refused / accepted:"]
    for way in sorted({way for way, _ in tally.ways if way}):
        lines.append(f"  {way:22}{tally.ways[way, 'refused']:8}{tally.ways[way, 'accepted']:8}")
    lines += ["", f"reasons of refusals, {len(tally.reasons)} of them:"]
    lines += [f"{count:8}  {reason}" for reason, count in tally.reasons.most_common(NUM_LISTED)]
    units = {"load": "seconds to load", "call": "seconds of an act or tick", "megabytes": "megabytes"}
    lines += ["", "the most that an accepted bundle took:"]
    lines += [f"{amount:8.3f}  {units[what]} (index {index})" for what, (amount, index) in sorted(tally.worst.items())]
    if tally.disagreements:
        lines += ["", f"backends disagree on {' '.join(map(str, tally.disagreements[:NUM_LISTED]))}"]
    if tally.faults:
        lines += ["", "FAULTS, each to be seen again by --only INDEX with the same seed and bundles:"]
        lines += [f"{index:8}  {outcome}: {reason}" for index, outcome, reason in tally.faults[:NUM_LISTED]]
    return "\n".join(lines)


def keep(tally: Tally, args: argparse.Namespace, paths: Sequence[Path]) -> None:
    """Writes the mutants that were faults, or the one asked for, to a folder."""
    wanted = [args.only] if args.only is not None else [index for index, *_ in tally.faults]
    args.keep.mkdir(parents=True, exist_ok=True)
    sources = [Source(path.read_bytes(), _mind_of(path)) for path in paths]
    for index in wanted:
        mutant = make_mutant(args.seed, index, sources)
        path = args.keep / f"mutant-{args.seed}-{index}.{'mind' if mutant.way == 'mind' else 'onnx'}"
        path.write_bytes(mutant.data)
        print(f"{path}: {mutant.way} of {paths[mutant.source].name}")


def _mind_of(path: Path) -> bytes:
    """The mind that workers mutate: made by the same code, in a folder that is removed."""
    code = "import sys; from fuzzing.worker import make_source; "
    code += "sys.stdout.buffer.write(make_source(open(sys.argv[1], 'rb').read()).mind)"
    environment = os.environ | SETTINGS
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", code, str(path)]
        return subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=True).stdout


def main() -> int:
    """Reads the arguments, judges, prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("bundles", nargs="*", type=Path, help="sound .onnx bundles beside the tests' own")
    parser.add_argument("--files", type=int, default=10_000, help="how many mutants")
    parser.add_argument("--first", type=int, default=0, help="index of the first")
    parser.add_argument("--only", type=int, metavar="INDEX", help="this one alone")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--time-limit", type=float, default=10.0, help="seconds until a mutant counts as hung")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="where to write the mutants that were faults")
    parser.add_argument("--plant", default="", metavar="CODE", help="damage each worker first: is it reported?")
    args = parser.parse_args()
    paths = [*FIXTURES, *(path.resolve() for path in args.bundles)]
    indices = range(args.first, args.first + args.files) if args.only is None else [args.only]
    started = time.perf_counter()
    tally = fuzz(args, indices, paths)
    print(summarise(tally, time.perf_counter() - started))
    if args.keep:
        keep(tally, args, paths)
    return 1 if tally.faults else 0


if __name__ == "__main__":
    sys.exit(main())
