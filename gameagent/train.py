"""Training: the outer loop over updates, and in each the trials in which the policy's memory learns."""

import contextlib
import json
import math
import os
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import torch

from gameagent.algorithms import rl2
from gameagent.checkpoint import Progress, RunFolder
from gameagent.config import TrainConfig
from gameagent.errors import TrainingError
from gameagent.policies import make_policy
from gameagent.policies.network import AgentNetwork
from gameagent.rollout import Rollout, Trials
from gameagent.seeding import game_seeds, numpy_generator, torch_generator
from gameagent.workers import Workers
from gameagent_games.interface import Family

Report = Callable[[Progress, dict[str, Any]], None]
"""Called in process 0 after every update with how far the run is and the update's metrics."""


def train(config: TrainConfig, family: Family, folder: RunFolder, workers: Workers, report: Report) -> None:
    """Trains until the config's budget is spent, from the folder's checkpoint where there is one.

    Every process of the run calls this. A run that is stopped at any moment and called again ends with the same
    weights as one that was not: nothing random is carried from update to update.

    Args:
        config: The run's config.
        family: Its family, with all rules shown if ``config.reveal``.
        folder: Where the run lives; process 0 writes to it.
        workers: This process among the run's processes.
        report: For progress.

    Raises:
        TrainingError: A loss is not finite; the last good checkpoint is kept.
    """
    policy, optimizer, progress = _begin(config, family, folder)
    num_games = workers.share(config.num_games)
    belief_size = policy.belief_head.size if policy.belief_head else 0
    trials = Trials(family, num_games, config.num_episodes or family.num_episodes, belief_size)
    with contextlib.closing(MetricsLog(folder, progress)) if workers.rank == 0 else contextlib.nullcontext() as log:
        while progress.steps < config.steps:
            started = perf_counter()
            place = (progress.updates, workers.rank)
            schedule = rl2.Schedule.at(config, progress.steps / config.steps)
            draw = numpy_generator(config.seed, "trials", *place)
            variants = family.space.sample(num_games, draw, config.split)
            told = draw.random(num_games) < schedule.told_share
            seeds = game_seeds(config.seed, "games", num_games, *place)

            rollout = trials.play(policy, variants, seeds, told, torch_generator(config.seed, "actions", *place))
            played = perf_counter()
            metrics = rl2.update(policy, optimizer, rollout, config, schedule, workers, draw)

            _count(progress, rollout, workers)
            if log is not None:
                if not all(math.isfinite(value) for value in metrics.values()):
                    raise TrainingError(
                        f"update {progress.updates} gave a loss that is not finite ({metrics}); the checkpoint before "
                        "it is kept. A lower learning_rate or reward_scale usually helps."
                    )
                now = perf_counter()
                metrics |= {"play_seconds": played - started, "update_seconds": now - played, **schedule._asdict()}
                log.write(progress, metrics)
                folder.save(policy, optimizer, progress)
                report(progress, metrics)
    workers.barrier()


def _begin(
    config: TrainConfig, family: Family, folder: RunFolder
) -> tuple[AgentNetwork, torch.optim.Optimizer, Progress]:
    with torch.random.fork_rng():
        torch.manual_seed(config.seed)
        policy = make_policy(config, family)
    optimizer = torch.optim.Adam(policy.parameters(), config.learning_rate, eps=1e-5, fused=True)
    progress = folder.load(policy, optimizer) if folder.checkpoint.exists() else Progress()
    return policy, optimizer, progress


def _count(progress: Progress, rollout: Rollout, workers: Workers) -> None:
    """Adds an update to the progress, over all processes."""
    mine = torch.tensor([float(rollout.num_steps), *rollout.episode_returns], dtype=torch.float64)
    steps, *returns = workers.sum(mine).tolist()
    progress.steps += int(steps)
    progress.updates += 1
    progress.episode_returns = tuple(value / workers.size for value in returns)


class MetricsLog:
    """Writes every update's metrics to metrics.jsonl and to TensorBoard."""

    def __init__(self, folder: RunFolder, progress: Progress) -> None:
        """Opens the log and drops what a killed run wrote behind its last checkpoint."""
        from torch.utils.tensorboard import SummaryWriter

        self._file = folder.metrics.open("ab")
        self._file.truncate(min(progress.metrics_bytes, os.fstat(self._file.fileno()).st_size))
        self._board = SummaryWriter(
            os.fspath(folder.tensorboard), purge_step=progress.steps + 1 if progress.steps else None
        )

    def write(self, progress: Progress, metrics: dict[str, float]) -> None:
        """Writes one update and notes the log's length in ``progress``."""
        line = {
            "steps": progress.steps,
            "updates": progress.updates,
            "episode_returns": list(progress.episode_returns),
            **metrics,
        }
        self._file.write(json.dumps(line).encode() + b"\n")
        self._file.flush()
        progress.metrics_bytes = os.fstat(self._file.fileno()).st_size
        for name, value in metrics.items():
            self._board.add_scalar(f"train/{name}", value, progress.steps)
        for episode, value in enumerate(progress.episode_returns):
            self._board.add_scalar(f"return/episode_{episode + 1}", value, progress.steps)

    def close(self) -> None:
        """Closes both files."""
        self._file.close()
        self._board.close()


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """The lines of a metrics.jsonl."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
