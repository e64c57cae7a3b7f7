"""What the suite finds out about one training run, and the folder that keeps it."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from gameagent.run.sealed_file import write_atomically

SUMMARY = "suite.json"


@dataclass(frozen=True)
class Result:
    """One training run, judged through its exported file.

    Attributes:
        task: Name of the task.
        seed: Seed of training.
        steps: Training budget in decisions.
        split: Split of the variants that it was judged on.
        settings: Settings that were given with ``--set``, for all tasks alike.
        pay: Factor on all rewards.
        commit: The commit that trained it, if known.
        failed: Why there are no figures; empty if there are.
        updates: Updates of the outer loop.
        seconds: Wall time of training, since it was last resumed.
        num_variants: Trials that it was judged on, each of another variant.
        mean: Mean return of what counts: the whole trial, or one episode of it.
        random: The same of the random policy.
        ceiling: The same of the best learner, or the best known.
        episodes: Mean return by episode.
        beyond: In trials ten times as long as in training, the lead over the random policy in the last quarter, as a
            share of the lead in the last episode of training's length; None if there is no lead to speak of.
        beyond_episodes: Mean return by episode of these long trials.
        out_of_range: Mean return by episode on variants beyond the training range; empty if there are none.
    """

    task: str
    seed: int
    steps: int
    split: str
    settings: dict[str, str]
    pay: float = 1.0
    commit: str | None = None
    failed: str = ""
    updates: int = 0
    seconds: float = 0.0
    num_variants: int = 0
    mean: float = 0.0
    random: float = 0.0
    ceiling: float = 0.0
    episodes: list[float] = field(default_factory=list)
    beyond: float | None = None
    beyond_episodes: list[float] = field(default_factory=list)
    out_of_range: list[float] = field(default_factory=list)

    @property
    def score(self) -> float:
        """The normalised score: 0 for the random policy, 1 for the ceiling. A run that failed scores 0."""
        return 0.0 if self.failed else (self.mean - self.random) / (self.ceiling - self.random)

    @property
    def origin(self) -> dict[str, Any]:
        """What was asked for, apart from task and seed."""
        return {name: getattr(self, name) for name in ("steps", "split", "settings", "pay")}

    def write(self, folder: Path) -> None:
        """Writes ``TASK-SEED.json`` in one go."""
        text = json.dumps(asdict(self), indent=1)
        write_atomically(result_file(folder, self.task, self.seed), text.encode())


def result_file(folder: Path, task: str, seed: int) -> Path:
    """Where the result of a task and seed is kept."""
    return folder / f"{task}-{seed}.json"


def read_result(folder: Path, task: str, seed: int) -> Result | None:
    """The result of a task and seed, if there is one yet."""
    path = result_file(folder, task, seed)
    return Result(**json.loads(path.read_text(encoding="utf-8"))) if path.exists() else None


def read_results(folder: Path) -> list[Result]:
    """All results in a folder, by task and seed.

    Raises:
        SystemExit: There are none.
    """
    paths = [path for path in sorted(folder.glob("*-*.json")) if path.name != SUMMARY]
    found = [Result(**json.loads(path.read_text(encoding="utf-8"))) for path in paths]
    if not found:
        raise SystemExit(f"{folder} holds no results of the learning suite: run it with --out {folder} first")
    return sorted(found, key=lambda one: (one.task, one.seed))
