"""The learning suite: trains every game of it by one default, and says how near each comes to its ceiling.

    python tools/measure_learning.py --out runs/suite                     seeds 0 1 2: 465 M steps
    python tools/measure_learning.py --short --out runs/short             half the games, one seed: 26 M steps
    python tools/measure_learning.py --long --out runs/suite              also the random MDP, whose budget is 100 M
    python tools/measure_learning.py --tasks bandit forage --budget 0.5 --set learning_rate=1e-3 --out runs/try
    python tools/measure_learning.py --out runs/try --compare runs/suite  what the change is worth
    python tools/measure_learning.py --pay 1000 --out runs/kilo           every reward a thousand times as large

No game has settings of its own but for its budget (`tools/learning_suite/tasks.py`). Every run is judged through its
exported file on held-out variants, beside the random policy, the ceiling, and in trials ten times as long as in
training. Runs that are complete are not repeated, so a stopped suite continues where it was. Each run leaves
``OUT/TASK-SEED.json`` (and its folder and log), the whole suite ``OUT/suite.json`` and ``OUT/suite.md``.

A run that fails, or a score below the task's floor (``tasks.py``), makes the exit status 1: so the nightly run, which
takes the short form, says when a change has made the trainer worse.

Settings are chosen on ``--split validation``; what is reported comes from the test split, the default.
"""

import argparse
import signal
import sys
from pathlib import Path
from typing import Any

from learning_suite.results import Result, read_result, read_results
from learning_suite.runs import Job, carry_out
from learning_suite.tables import below_floors, comparison, write_summary
from learning_suite.tasks import BY_NAME, TASKS

from gameagent_games.processes import available_cores
from gameagent_games.variants.variant import SPLITS


def main() -> None:
    """Reads the arguments; carries out what is missing and prints the table, or compares two suites."""
    args = parse_arguments()
    if args.compare is not None:
        print(comparison(read_results(args.out), read_results(args.compare)), end="")
        return
    for sign in (signal.SIGINT, signal.SIGTERM):  # either way the runs are ended, too
        signal.signal(sign, stop)
    args.out.mkdir(parents=True, exist_ok=True)
    done, missing = divided(asked_for(args), args.out)

    def finished(result: Result) -> None:
        done.append(result)
        write_summary(done, args.out)
        said = f"FAILED, {result.failed}" if result.failed else f"score {result.score:.3f}, {result.seconds:.0f} s"
        print(f"{result.task} seed {result.seed}: {said}", file=sys.stderr, flush=True)

    carry_out(missing, args.out, args.jobs, finished)
    print(write_summary(done, args.out), end="")
    print(*(sunk := below_floors(done)), sep="\n", end="\n" if sunk else "", file=sys.stderr)
    if sunk or any(one.failed for one in done):
        sys.exit(1)


def stop(*_: Any) -> None:
    """Ends the suite; what was trained so far is kept."""
    raise SystemExit("stopped; the same command goes on from here")


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--out", type=Path, default=Path("runs/suite"), help="folder (default: %(default)s)")
    parser.add_argument("--tasks", nargs="+", choices=list(BY_NAME), metavar="TASK", help=f"of {', '.join(BY_NAME)}")
    parser.add_argument("--seeds", type=int, nargs="+", help="default: 0 1 2, and 0 in the short form")
    parser.add_argument("--short", action="store_true", help="the short form: fewer games, smaller budgets")
    parser.add_argument("--long", action="store_true", help="the long form: also the games of the largest budgets")
    parser.add_argument("--budget", type=float, default=1.0, metavar="FACTOR", help="on every budget (default: 1)")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting, for all games")
    parser.add_argument("--pay", type=float, default=1.0, metavar="FACTOR", help="on every reward (default: 1)")
    parser.add_argument("--split", choices=SPLITS, default="test", help="judge on this one (default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=available_cores(), help="runs side by side (default: all cores)")
    parser.add_argument("--compare", type=Path, metavar="OTHER_OUT", help="train nothing: compare OUT with this suite")
    args = parser.parse_args()
    if wrong := [pair for pair in args.set if "=" not in pair]:
        parser.error(f"--set {wrong[0]}: expected KEY=VALUE")
    if args.jobs < 1 or not min(args.budget, args.pay) > 0:
        parser.error("--jobs, --budget and --pay must be above 0")
    return args


def asked_for(args: argparse.Namespace) -> list[Job]:
    """The jobs that the arguments ask for. Without names, the short form has the games with a short budget."""
    settings = dict(pair.split("=", 1) for pair in args.set)
    jobs = []
    chosen = [task for task in TASKS if args.long or not task.long]
    for task in [BY_NAME[name] for name in args.tasks] if args.tasks else chosen:
        steps = task.short_steps if args.short else task.steps
        if not steps and args.tasks:
            raise SystemExit(f"{task.name} has no place in the short form: leave out --short, or give --budget instead")
        for seed in args.seeds or ([0] if args.short else [0, 1, 2]):
            if steps:
                jobs.append(Job(task.name, seed, max(round(steps * args.budget), 1), args.split, settings, args.pay))
    return jobs


def divided(jobs: list[Job], out: Path) -> tuple[list[Result], list[Job]]:
    """The results that are there already, and the jobs that are still to be done.

    Raises:
        SystemExit: The folder has results of the same tasks and seeds that were asked for differently.
    """
    done, missing = [], []
    for job in jobs:
        result = read_result(out, job.task, job.seed)
        if result is None or result.failed:
            missing.append(job)
        elif result.origin == job.result().origin:
            done.append(result)
        else:
            raise SystemExit(f"{out} holds {job.name} of another suite, {result.origin}: choose another --out")
    return done, missing


if __name__ == "__main__":
    main()
