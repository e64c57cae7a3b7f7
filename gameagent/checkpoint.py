"""A run's folder: its config, its checkpoint, its metrics. All writes are atomic, no pickle of code is loaded.

runs/x/run.json          config, versions, commit
runs/x/checkpoint.pt     weights, optimizer, how far the run is
runs/x/metrics.jsonl     one line per update
runs/x/tensorboard/      the same for TensorBoard
runs/x/memoryless/ …     baselines, each a run's folder of its own
"""

import json
import os
import pickle
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from gameagent.config import TrainConfig, make_config
from gameagent.errors import ConfigError, RunError
from gameagent.policies import TrainedPolicy, make_policy
from gameagent_games.errors import GamesError
from gameagent_games.interface import Family
from gameagent_games.registry import load_family

FIRST_SCHEME = "combinations-1"  # splits of runs from before `VariantSpace.split_scheme` was written down
BASELINES = ("memoryless", "oracle")
_UNREADABLE = (
    AttributeError, EOFError, LookupError, OSError, RuntimeError, TypeError, ValueError, pickle.UnpicklingError,
)  # fmt: skip  # what a damaged checkpoint raises, by where the damage is


@dataclass
class Progress:
    """How far a run is.

    Attributes:
        steps: Decisions taken, over all processes.
        updates: Outer-loop updates done.
        metrics_bytes: Length of metrics.jsonl at this point.
        episode_returns: Mean training return by episode index in the last update.
    """

    steps: int = 0
    updates: int = 0
    metrics_bytes: int = 0
    episode_returns: tuple[float, ...] = ()


class RunFolder:
    """Reads and writes one run's folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.description = path / "run.json"
        self.checkpoint = path / "checkpoint.pt"
        self.metrics = path / "metrics.jsonl"
        self.tensorboard = path / "tensorboard"

    def exists(self) -> bool:
        """Whether a run was started here."""
        return self.description.exists()

    def create(self, config: TrainConfig, family: Family) -> None:
        """Starts a run here.

        Raises:
            RunError: There is one already, or the folder cannot be written.
        """
        if self.exists():
            raise RunError(f"{self.path} already holds a run; continue it with --resume or choose another --out")
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            text = json.dumps(
                {
                    "config": config.as_dict(),
                    "family_version": family.version,
                    "splits": family.space.split_scheme,
                    "torch": torch.__version__,
                    "commit": current_commit(),
                },
                indent=2,
            )
            write_atomically(self.description, text.encode())
        except OSError as error:
            raise RunError(
                f"cannot write to {self.path}: {error.strerror}; free space or choose another --out"
            ) from None

    def describe(self) -> dict[str, Any]:
        """The content of run.json.

        Raises:
            RunError: There is no run here, or run.json is broken.
        """
        try:
            found = json.loads(self.description.read_text(encoding="utf-8"))
            return dict(found)
        except FileNotFoundError:
            raise RunError(f"{self.path} holds no run (no run.json); train one with 'gameagent train'") from None
        except (OSError, ValueError, TypeError) as error:
            raise RunError(f"{self.description} cannot be read: {error}") from None

    def load_config(self) -> tuple[TrainConfig, Family]:
        """The run's config and its family, with all rules shown if the run is an oracle."""
        values = self.describe().get("config")
        if not isinstance(values, dict):
            raise RunError(f"{self.description} has no config; the file is broken")
        try:
            family = load_family(str(values.get("family")))
            config = make_config(family, values)
        except (ConfigError, GamesError) as error:
            raise RunError(f"{self.description}: {error}") from None
        return config, family.revealed() if config.reveal else family

    def save(self, policy: TrainedPolicy, optimizer: torch.optim.Optimizer, progress: Progress) -> None:
        """Writes the checkpoint atomically.

        Raises:
            RunError: The disk is full or the folder not writable; the last checkpoint is kept.
        """
        content = {
            "policy": policy.state_dict(),
            "optimizer": optimizer.state_dict(),
            "steps": progress.steps,
            "updates": progress.updates,
            "metrics_bytes": progress.metrics_bytes,
            "episode_returns": list(progress.episode_returns),
        }
        partial = self.checkpoint.with_suffix(".partial")
        try:
            torch.save(content, partial)
            os.replace(partial, self.checkpoint)
        except (OSError, RuntimeError) as error:
            partial.unlink(missing_ok=True)
            raise RunError(
                f"cannot write {self.checkpoint}: {error}; the checkpoint before it is kept, "
                "free space and continue with --resume"
            ) from None

    def load(self, policy: TrainedPolicy, optimizer: torch.optim.Optimizer | None = None) -> Progress:
        """Loads the checkpoint into the policy, and into the optimizer if given.

        Raises:
            RunError: There is no checkpoint, it is broken, or it belongs to another config.
        """
        if not self.checkpoint.exists():
            raise RunError(f"{self.path} has no checkpoint.pt yet; train for at least one update")
        try:
            content = torch.load(self.checkpoint, weights_only=True)
            policy.load_state_dict(content["policy"])
            if optimizer is not None:
                optimizer.load_state_dict(content["optimizer"])
            return Progress(
                int(content["steps"]),
                int(content["updates"]),
                int(content["metrics_bytes"]),
                tuple(float(value) for value in content["episode_returns"]),
            )
        except _UNREADABLE as error:
            raise RunError(f"{self.checkpoint} is broken or belongs to another config: {error}") from None

    def load_policy(self) -> tuple[TrainedPolicy, TrainConfig, Family, Progress]:
        """The trained policy with everything that belongs to it."""
        config, family = self.load_config()
        policy = make_policy(config, family)
        progress = self.load(policy)
        return policy.eval(), config, family, progress

    def baseline(self, name: str) -> "RunFolder":
        """The folder of a baseline trained beside this run."""
        return RunFolder(self.path / name)


def write_atomically(path: Path, content: bytes) -> None:
    """Replaces a file's content at once: a reader sees the old or the new one, never a part."""
    partial = path.with_name(path.name + ".partial")
    try:
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise


def current_commit() -> str | None:
    """The commit of the working tree that gameagent runs from, or None where it is installed otherwise."""
    try:
        answer = subprocess.run(
            ["git", "rev-parse", "--short=12", "HEAD"],
            cwd=Path(__file__).parent, capture_output=True, text=True, timeout=5, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip()
