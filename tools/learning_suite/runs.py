"""Trains and judges one task with one seed, and carries out many such jobs side by side, each in a process of its own.

A job that dies, for whatever reason, is a line in the table and not the end of the suite.
"""

import multiprocessing
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

import gameagent
from gameagent.config import settings_by_name, suggestions
from gameagent.judging.evaluate import evaluation_variants
from gameagent.judging.report import Evaluation
from gameagent.methods.registry import DEFAULT_METHOD
from gameagent.run.folder import current_commit
from gameagent_games import Family
from gameagent_games.variants.variant import Split
from learning_suite.pay import paid
from learning_suite.results import Result, read_result
from learning_suite.tasks import BY_NAME, Task

EVALUATION_SEED = 1000  # apart from the seeds of training
MOST_DECISIONS = 1_000_000  # of one evaluation
EVALUATION_SHARE = 5  # an evaluation takes at most this part of the decisions that training takes
FEWEST_VARIANTS, MOST_VARIANTS = 100, 20_000
BEYOND = 10  # times as many episodes as in training
LEAST_LEAD = 0.1  # of the ceiling's: below it nothing has been learnt that could be kept up


@dataclass(frozen=True)
class Job:
    """One training run that is asked for.

    Attributes:
        task: Name of its task.
        seed: Seed of training.
        steps: Budget in decisions.
        split: Split to judge on.
        settings: Settings of the trainer over its defaults.
        pay: Factor on all rewards.
    """

    task: str
    seed: int
    steps: int
    split: Split = "test"
    settings: dict[str, str] = field(default_factory=dict)
    pay: float = 1.0

    @property
    def game(self) -> Task:
        """Its task, in the unit of reward that was asked for."""
        task = BY_NAME[self.task]
        return task if self.pay == 1.0 else paid(task, self.pay)

    @property
    def name(self) -> str:
        """Name of its run's folder and of its log."""
        return f"{self.task}-{self.seed}"

    def result(self, **figures: Any) -> Result:
        """The result with these figures."""
        known: dict[str, Any] = {"task": self.task, "seed": self.seed, "steps": self.steps, "split": self.split}
        return Result(**known, settings=self.settings, pay=self.pay, commit=current_commit(), **figures)


def train_and_judge(job: Job, out: Path) -> Result:
    """Trains a job's run, or what is left of it, and judges it through its exported file, ``TASK-SEED.onnx``."""
    task, started = job.game, perf_counter()
    family, own = task.family(), {"num_processes": 1, "seed": job.seed, "steps": job.steps}
    settings = defaults_over(family, job.settings) | own | job.settings
    run = gameagent.train(task.place, out=out / job.name, resume=True, quiet=True, **settings)
    seconds = perf_counter() - started
    file = out / f"{job.name}.onnx"
    run.export(file, num_variants=0)
    judged, long = _judge(file, job, job.split), _judge(file, job, job.split, BEYOND)
    ceiling, random = task.best_return(), task.counted(_means(judged, task, "random"))
    by_episode = (ceiling - random) / (family.num_episodes if task.counted_episode is None else 1)
    outside = any(rule.distribution.has_beyond for rule in family.space.rules)
    return job.result(
        updates=len(run.metrics),
        seconds=seconds,
        num_variants=judged.num_variants,
        mean=task.counted(_means(judged, task, "agent")),
        random=random,
        ceiling=ceiling,
        episodes=_means(judged, task, "agent"),
        beyond=lasting_share(_means(long, task, "agent"), _means(long, task, "random"), LEAST_LEAD * by_episode),
        beyond_episodes=_means(long, task, "agent"),
        out_of_range=_means(_judge(file, job, "out_of_range"), task, "agent") if outside else [],
    )


def lasting_share(agent: Sequence[float], random: Sequence[float], least: float) -> float | None:
    """What is left, in the last quarter of a long trial, of the lead at the end of training's length.

    Args:
        agent: Mean return by episode, `BEYOND` times as many as in training.
        random: The same of the random policy.
        least: The smallest lead that is worth speaking of.

    Returns:
        1 for an agent that goes on as it did in the last episode of training's length; None without a lead then.
    """
    lead = np.subtract(agent, random)
    then = float(lead[len(lead) // BEYOND - 1])
    return float(lead[-(len(lead) // 4) :].mean()) / then if then > least else None


def defaults_over(family: Family, settings: Mapping[str, str]) -> dict[str, Any]:
    """The trainer's defaults of whatever a family suggests otherwise: no game of the suite has settings of its own."""
    algorithm = settings.get("algorithm", DEFAULT_METHOD)
    known = settings_by_name(algorithm)
    return {name: known[name].default for name in suggestions(family, algorithm)}


def _judge(file: Path, job: Job, split: Split, longer: int = 1) -> Evaluation:
    """Plays trials of the family's own length, however long they were in training, or ``longer`` times that."""
    task = job.game
    family = task.family()
    num_episodes = family.num_episodes * longer
    affordable = min(MOST_DECISIONS, job.steps // EVALUATION_SHARE) // (num_episodes * family.max_steps)
    return gameagent.evaluate(
        file,
        family=task.place,
        split=split,
        num_variants=min(max(affordable, FEWEST_VARIANTS), MOST_VARIANTS),
        num_episodes=num_episodes,
        seed=EVALUATION_SEED,
    )


def _means(evaluation: Evaluation, task: Task, policy: str) -> list[float]:
    """Mean return by episode, over variants and seats, in the task's unit."""
    returns = evaluation.returns[policy].mean(axis=(0, 3))
    if task.unit:
        variants = evaluation_variants(task.family(), evaluation.split, evaluation.num_variants, evaluation.seed)
        returns = returns / variants[task.unit].astype(float)[:, None]
    means: list[float] = returns.mean(axis=0).tolist()
    return means


def carry_out(jobs: Sequence[Job], out: Path, num_parallel: int, finished: Callable[[Result], None]) -> None:
    """Carries out jobs, the longest first, several at a time; results are written as soon as they are there.

    Args:
        jobs: What is to be trained.
        out: Folder of the suite.
        num_parallel: Processes side by side.
        finished: Called with every result, also with that of a job that failed.
    """
    context = multiprocessing.get_context("spawn")
    waiting = sorted(jobs, key=lambda job: job.steps)
    running: dict[int, tuple[Job, BaseProcess]] = {}
    try:
        while waiting or running:
            while waiting and len(running) < num_parallel:
                job = waiting.pop()
                process: BaseProcess = context.Process(target=_work, args=(job, out))
                process.start()
                running[process.sentinel] = job, process
            for sentinel in wait(list(running)):
                if isinstance(sentinel, int):
                    job, process = running.pop(sentinel)
                    process.join()
                    finished(_outcome(job, out, process.exitcode))
    finally:
        for _, process in running.values():
            process.terminate()
            process.join()


def _work(job: Job, out: Path) -> None:
    """The process of one job; whatever it or a library says goes to its log."""
    with log_file(job, out).open("wb") as log:
        for stream in (sys.stdout, sys.stderr):
            os.dup2(log.fileno(), stream.fileno())
    train_and_judge(job, out).write(out)


def _outcome(job: Job, out: Path, exit_code: int | None) -> Result:
    if exit_code == 0 and (result := read_result(out, job.task, job.seed)) is not None:
        return result
    lines = log_file(job, out).read_text(encoding="utf-8", errors="replace").split("\n")
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    result = job.result(failed=f"exit status {exit_code}" + (f": {last}" if last else ""))
    result.write(out)
    return result


def log_file(job: Job, out: Path) -> Path:
    """What a job's process says."""
    return out / f"{job.name}.log"
