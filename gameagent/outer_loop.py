"""Training: the outer loop over updates, with its checkpoints and its log."""

import contextlib
import json
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gameagent.config import TrainConfig
from gameagent.errors import TrainingError
from gameagent.methods.interface import Update
from gameagent.methods.learning import make_learner
from gameagent.run.event_log import EventLog
from gameagent.run.folder import Progress, RunFolder
from gameagent.workers import Workers
from gameagent_games.interface import Family

COMPARE_EVERY = 20  # updates between comparisons of the processes' weights

Report = Callable[[Progress, dict[str, Any]], None]
"""Called in process 0 after every update with how far the run is and the update's metrics."""


def train(config: TrainConfig, family: Family, folder: RunFolder, workers: Workers, report: Report) -> None:
    """Trains until the config's budget is spent, starting from the folder's checkpoint if there is one.

    Every process of the run calls this. A run that is stopped at any moment and continued ends with the same weights
    as one that was not: no random state is carried from update to update, and the state of the curriculum is saved.

    Args:
        config: The run's config.
        family: Its family, with all rules shown if ``config.reveal``.
        folder: Where the run lives; process 0 writes to it.
        workers: This process among the run's processes.
        report: For progress.

    Raises:
        TrainingError: A loss, a gradient norm or a weight is not finite, or weights differ between processes; the last
            good checkpoint is kept.
        GameValueError: A game gave an unusable reward or observation; nothing was learnt from it.
        OSError: The folder can no longer be written.
    """
    learner = make_learner(config, family, workers)
    with contextlib.closing(learner):
        policy, optimizer, source = learner.policy, learner.optimizer, learner.source
        progress = folder.load(policy, optimizer, source) if folder.has_checkpoint() else Progress()
        workers.require_equal(policy, "at the start")
        with contextlib.closing(MetricsLog(folder, progress)) if workers.rank == 0 else contextlib.nullcontext() as log:
            while progress.steps < config.steps:
                update = learner.update(progress.updates, progress.steps / config.steps)
                _count(progress, update)
                folder.note_failures(update.failures)
                if progress.updates % COMPARE_EVERY == 0 or progress.steps >= config.steps:
                    workers.require_equal(policy, f"after update {progress.updates}")
                if log is not None:
                    _require_finite(progress, update.metrics)
                    log.write(progress, update.metrics)
                    folder.save(policy, optimizer, progress, source)
                    report(progress, update.metrics)
    if workers.rank == 0 and folder.load_calibration(progress) is None:
        folder.save_calibration(progress, config.method.calibrate(policy.cpu(), config, family))
    workers.barrier()


def _require_finite(progress: Progress, metrics: dict[str, float]) -> None:
    """Raises TrainingError if a loss, a gradient norm or a return is not finite."""
    if broken := [f"{name} {value:g}" for name, value in metrics.items() if not math.isfinite(value)]:
        raise TrainingError(
            f"update {progress.updates} gave values that are not finite: {', '.join(broken)}; the update is discarded. "
            "A lower learning_rate usually helps."
        )


def _count(progress: Progress, update: Update) -> None:
    """Adds an update to the progress."""
    progress.steps += update.num_steps
    progress.updates += 1
    progress.episode_returns, progress.informed_returns = update.returns, update.informed_returns


class MetricsLog:
    """Writes every update's metrics to metrics.jsonl and to TensorBoard."""

    def __init__(self, folder: RunFolder, progress: Progress) -> None:
        """Opens the log and drops what a killed run wrote after its last checkpoint."""
        self._file = folder.metrics.open("ab")
        self._file.truncate(min(progress.metrics_bytes, os.fstat(self._file.fileno()).st_size))
        self._events = EventLog(folder.tensorboard, progress.steps + 1 if progress.steps else None)

    def write(self, progress: Progress, metrics: dict[str, float]) -> None:
        """Writes one update and notes the log's length in ``progress``."""
        line = {
            "steps": progress.steps,
            "updates": progress.updates,
            "episode_returns": list(progress.episode_returns),
            "informed_returns": list(progress.informed_returns),
            **metrics,
        }
        self._file.write(json.dumps(line).encode() + b"\n")
        self._file.flush()
        progress.metrics_bytes = os.fstat(self._file.fileno()).st_size
        shown = {f"train/{name}": value for name, value in metrics.items()}
        for group, returns in (("return", progress.episode_returns), ("informed_return", progress.informed_returns)):
            shown |= {f"{group}/episode_{k + 1}": value for k, value in enumerate(returns)}
        self._events.write(shown, progress.steps)

    def close(self) -> None:
        """Closes both files."""
        self._file.close()
        self._events.close()


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """The lines of a metrics.jsonl."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
