"""The suite's one table, its summary as JSON, and the comparison of two suites."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gameagent.run.sealed_file import write_atomically
from learning_suite.intervals import aggregate, difference, mean
from learning_suite.results import SUMMARY, Result
from learning_suite.tasks import BY_NAME

GOOD = 0.95  # of the ceiling
HEAD = (
    "task", "steps", "updates", "seconds", "random", "ceiling", "mean", "score", "worst seed", "scores", "episodes",
    "beyond", "out of range",
)  # fmt: skip
SHOWN_EPISODES = 6


def write_summary(results: Sequence[Result], out: Path) -> str:
    """Writes ``suite.json`` and ``suite.md``, and returns the latter's text."""
    document = json.dumps(summary(results), indent=1)
    text = table(results)
    write_atomically(out / SUMMARY, document.encode())
    write_atomically(out / "suite.md", text.encode())
    return text


def summary(results: Sequence[Result]) -> dict[str, Any]:
    """The figures of the whole suite and of each task, as a JSON document."""
    tasks = by_task(results)
    scores = list(map(_scores, tasks.values()))
    (iqm, *iqm_interval), (average, *average_interval) = aggregate(scores), aggregate(scores, by=mean)
    return {
        "iqm": iqm,
        "iqm_ci95": iqm_interval,
        "mean": average,
        "mean_ci95": average_interval,
        "num_good": sum(float(row.mean()) >= GOOD for row in scores),
        "tasks": {name: _figures(runs) for name, runs in tasks.items()},
        "failed": {f"{one.task}-{one.seed}": one.failed for one in results if one.failed},
        "hours": sum(one.seconds for one in results) / 3600,
        "commits": sorted({one.commit for one in results if one.commit is not None}),
        "splits": sorted({one.split for one in results}),
        "settings": results[0].settings,
        "pay": results[0].pay,
    }


def by_task(results: Sequence[Result]) -> dict[str, list[Result]]:
    """Results by name of the task, in the order of `TASKS`; each list in the order of seeds."""
    order = [*BY_NAME, *sorted({one.task for one in results} - BY_NAME.keys())]
    found = {name: sorted((one for one in results if one.task == name), key=lambda one: one.seed) for name in order}
    return {name: runs for name, runs in found.items() if runs}


def _scores(runs: Sequence[Result]) -> NDArray[np.float64]:
    return np.array([one.score for one in runs])


def _figures(runs: Sequence[Result]) -> dict[str, Any]:
    """Figures of one task over its seeds."""
    done = [one for one in runs if not one.failed]
    scores = _scores(runs)
    figures: dict[str, Any] = {
        "steps": runs[0].steps,
        "seeds": [one.seed for one in runs],
        "score": float(scores.mean()),
        "worst_score": float(scores.min()),
        "scores": scores.tolist(),
    }
    if done:
        kept = [one.beyond for one in done if one.beyond is not None]
        figures |= {name: float(np.mean([getattr(one, name) for one in done])) for name in AVERAGED}
        figures |= {name: np.mean([getattr(one, name) for one in done], axis=0).tolist() for name in CURVES}
        figures["worst"] = min(one.mean for one in done)
        figures["beyond"] = float(np.mean(kept)) if kept else None
    return figures


def below_floors(results: Sequence[Result]) -> list[str]:
    """What to say of each task whose mean score is below its floor, of the runs that had budget enough for it."""
    found = []
    for name, runs in by_task(results).items():
        task = BY_NAME[name]
        enough = [one for one in runs if one.steps >= task.short_steps]
        if task.floor and enough and (score := float(_scores(enough).mean())) < task.floor:
            found.append(f"{name}: score {score:.3f}, below its floor of {task.floor:g}")
    return found


AVERAGED = ("updates", "seconds", "random", "ceiling", "mean")
CURVES = ("episodes", "beyond_episodes", "out_of_range")


def table(results: Sequence[Result]) -> str:
    """The suite as one Markdown table, with the figures over all tasks below it."""
    found = summary(results)
    lines = [_row(HEAD), _row(["---", *["---:"] * (len(HEAD) - 1)])]
    lines += [_row(_cells(name, figures)) for name, figures in found["tasks"].items()]
    (low, high), (mean_low, mean_high) = found["iqm_ci95"], found["mean_ci95"]
    settings = ", ".join(f"{name}={value}" for name, value in found["settings"].items()) or "the defaults"
    commits = ", ".join(found["commits"]) or "not known"
    lines += [
        "",
        f"**Interquartile mean of scores {found['iqm']:.3f}** (95 % interval {low:.3f} to {high:.3f}), mean "
        f"{found['mean']:.3f} ({mean_low:.3f} to {mean_high:.3f}); {found['num_good']} of {len(found['tasks'])} tasks "
        f"reach {GOOD} in the mean. {found['hours']:.2f} hours of training in all; settings: {settings}; "
        f"pay: {found['pay']:g} of the games' own; split: {', '.join(found['splits'])}; commit: {commits}.",
        "",
        "Score: 0 is random play, 1 the ceiling; a run that failed scores 0. Beyond: in trials ten times as long as in "
        "training, the lead over random play in the last quarter, over that in the last episode of training's length.",
    ]
    lines += ["", *(f"FAILED {name}: {why}" for name, why in found["failed"].items())] if found["failed"] else []
    return "\n".join(lines) + "\n"


def _cells(name: str, figures: dict[str, Any]) -> list[str]:
    scores = " ".join(f"{score:.3f}" for score in figures["scores"])
    ends = [f"{figures['score']:.3f}", f"{figures['worst_score']:.3f}", scores]
    if "mean" not in figures:
        return [name, _count(figures["steps"]), *["-"] * 5, *ends, *["-"] * 3]
    return [
        *(name, _count(figures["steps"]), f"{figures['updates']:.0f}", f"{figures['seconds']:.0f}"),
        *(f"{figures[key]:.3f}" for key in ("random", "ceiling", "mean")),
        *ends,
        _curve(figures["episodes"]),
        "-" if figures["beyond"] is None else f"{figures['beyond']:.2f}",
        _curve(figures["out_of_range"]) or "-",
    ]


def _curve(means: Sequence[float]) -> str:
    """At most `SHOWN_EPISODES` episodes: the first ones and the last."""
    shown = [f"{one:.2f}" for one in means]
    return " ".join(shown if len(shown) <= SHOWN_EPISODES else [*shown[: SHOWN_EPISODES - 1], "…", shown[-1]])


def _count(steps: int) -> str:
    return f"{steps / 1e6:g} M" if steps >= 1e5 else f"{steps:,}"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def comparison(results: Sequence[Result], others: Sequence[Result]) -> str:
    """How much better the first suite's scores are than the second's, in pairs of the same task and seed.

    Raises:
        SystemExit: As `_pairs`.
    """
    pairs = _pairs(results, others)
    scores, other_scores = ([_scores(runs) for runs in by_task([pair[i] for pair in pairs]).values()] for i in (0, 1))
    head = ("task", "seeds", "score", "other", "difference", "95 % interval", "by seed")
    lines = [_row(head), _row(["---", *["---:"] * (len(head) - 1)])]
    for name, ours, theirs in zip(by_task([one for one, _ in pairs]), scores, other_scores, strict=True):
        gain, low, high = difference([ours], [theirs], by=mean)
        means = str(len(ours)), f"{ours.mean():.3f}", f"{theirs.mean():.3f}", f"{gain:+.3f}"
        by_seed = " ".join(f"{one:+.3f}" for one in ours - theirs)
        lines.append(_row([name, *means, f"{low:+.3f} to {high:+.3f}", by_seed]))
    gain, low, high = difference(scores, other_scores)
    lines += ["", f"**Interquartile mean {gain:+.3f}** (95 % interval {low:+.3f} to {high:+.3f}),"]
    gain, low, high = difference(scores, other_scores, by=mean)
    left_out = len(results) + len(others) - 2 * len(pairs)
    lines += [f"mean {gain:+.3f} ({low:+.3f} to {high:+.3f}), of {len(pairs)} pairs; {left_out} runs have no partner."]
    return "\n".join(lines) + "\n"


def _pairs(results: Sequence[Result], others: Sequence[Result]) -> list[tuple[Result, Result]]:
    """Results of the same task and seed.

    Raises:
        SystemExit: There are none, or a pair was trained on different budgets or judged on different splits.
    """
    second = {(one.task, one.seed): one for one in others}
    pairs = [(one, second[one.task, one.seed]) for one in results if (one.task, one.seed) in second]
    for one, other in pairs:
        if (one.steps, one.split) != (other.steps, other.split):
            raise SystemExit(
                f"{one.task}, seed {one.seed}: {one.steps:,} steps judged on {one.split} cannot be compared with "
                f"{other.steps:,} steps judged on {other.split}"
            )
    if not pairs:
        raise SystemExit("the two suites have no task and seed in common")
    return pairs
