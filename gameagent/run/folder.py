"""A run's folder: its config, checkpoints and metrics. All writes are atomic, and loading never unpickles code.

runs/x/run.json                config, versions, commit
runs/x/rules.toml              a copy of the rule file that the family comes from, if there is one
runs/x/checkpoint.pt           weights, optimizer, curriculum, how far the run is; with a checksum over every byte
runs/x/checkpoint-previous.pt  the same, one update earlier
runs/x/calibration.json        what an export needs and only playing measures; written when training ends
runs/x/metrics.jsonl           one line per update
runs/x/failures.jsonl          one line for each failure of an environment that others wrote; missing without any
runs/x/tensorboard/            the same for TensorBoard
runs/x/memoryless/ …           baselines, each in a run folder of its own
"""

import io
import json
import math
import os
import pickle
import subprocess
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gameagent.config import TrainConfig, config_of_run, has_earlier_networks
from gameagent.errors import ConfigError, RunError, TrainingError
from gameagent.nets.interface import PolicyNetwork
from gameagent.run.sealed_file import (
    BrokenSeal,
    check_seal,
    partial_of,
    sealed,
    sync_folder,
    write_atomically,
    write_durably,
)
from gameagent_games.errors import GamesError
from gameagent_games.failures import Failure
from gameagent_games.interface import Family
from gameagent_games.registry import is_rule_file, load_family
from gameagent_games.variants.curriculum import VariantSource

FIRST_SCHEME = "combinations-1"  # splits of runs from before `VariantSpace.split_scheme` was recorded
BASELINES = ("memoryless", "oracle")
_UNREADABLE = (
    AttributeError, EOFError, LookupError, RuntimeError, TypeError, ValueError, pickle.UnpicklingError,
)  # fmt: skip  # what a checkpoint of something else raises


@dataclass
class Progress:
    """How far a run is.

    Attributes:
        steps: Decisions taken, over all processes.
        updates: Outer-loop updates done.
        metrics_bytes: Length of metrics.jsonl at this point.
        episode_returns: Mean training return by episode index in the last update's trials that were not informed,
            or by number of gradient steps taken; empty if all were informed.
        informed_returns: The same over the informed trials; empty if there were none.
    """

    steps: int = 0
    updates: int = 0
    metrics_bytes: int = 0
    episode_returns: tuple[float, ...] = ()
    informed_returns: tuple[float, ...] = ()


class RunFolder:
    """Reads and writes one run's folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.description = path / "run.json"
        self.rules = path / "rules.toml"
        self.checkpoint = path / "checkpoint.pt"
        self.previous = path / "checkpoint-previous.pt"
        self.damaged = path / "checkpoint-damaged.pt"
        self.calibration = path / "calibration.json"
        self.metrics = path / "metrics.jsonl"
        self.failures = path / "failures.jsonl"
        self.tensorboard = path / "tensorboard"

    def exists(self) -> bool:
        """Whether a run was trained here, for one update at least."""
        logged = self.metrics.exists() and self.metrics.stat().st_size > 0
        return self.description.exists() and (logged or self.has_checkpoint())

    def has_checkpoint(self) -> bool:
        """Whether there is a checkpoint, of any age."""
        return self.checkpoint.exists() or self.previous.exists()

    def create(self, config: TrainConfig, family: Family) -> None:
        """Starts a run here; what a run left that came to no update is written over.

        Raises:
            RunError: There is one already, or the folder cannot be written.
        """
        if self.exists():
            raise RunError(f"{self.path} already holds a run; continue it with --resume or choose another --out")
        rules = family.rule_file
        text = json.dumps(
            {
                "config": config.as_dict(),
                "family_version": family.version,
                "splits": family.space.split_scheme,
                **({} if rules is None else {"rules": rules.digest}),
                "torch": torch.__version__,
                "commit": current_commit(),
            },
            indent=2,
        )
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            if rules is not None:
                write_atomically(self.rules, rules.text.encode())
            write_atomically(self.description, text.encode())
        except OSError as error:
            raise RunError(
                f"cannot write to {self.path}: {error.strerror}; free space or choose another --out"
            ) from None

    def discard(self) -> None:
        """Removes what a run that came to no update has written; files of others stay."""
        for path in (self.description, self.rules, self.metrics, self.failures, *self.path.glob("*.partial")):
            path.unlink(missing_ok=True)
        for path in self.tensorboard.glob("events.*"):
            path.unlink(missing_ok=True)
        if self.tensorboard.is_dir() and not any(self.tensorboard.iterdir()):
            self.tensorboard.rmdir()

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
        except RecursionError:
            raise RunError(f"{self.description} cannot be read: it is nested too deeply") from None
        except (OSError, ValueError, TypeError) as error:
            raise RunError(f"{self.description} cannot be read: {error}") from None

    def load_config(self) -> tuple[TrainConfig, Family]:
        """The run's config and its family, with all rules shown if the run is an oracle.

        Raises:
            RunError: run.json is missing or broken, or the networks or the family have changed since.
        """
        description = self.describe()
        values = description.get("config")
        if not isinstance(values, dict):
            raise RunError(f"{self.description} has no config; the file is broken")
        if has_earlier_networks(values):
            raise RunError(
                f"{self.path} was trained by an earlier version of gameagent, whose networks this version cannot load; "
                "its exported files still play; train anew with another --out"
            )
        try:
            family = self._family(description, str(values.get("family")))
            config = config_of_run(family, values)
        except (ConfigError, GamesError) as error:
            raise RunError(f"{self.description}: {error}") from None
        trained = description.get("family_version")
        if trained != family.version:
            raise RunError(
                f"{self.path} was trained on version {trained!r} of {family.name!r}, but this is version "
                f"{family.version}, whose rules differ; train anew with another --out, or go back to that version"
            )
        return config, family.revealed() if config.reveal else family

    def family_place(self, config: TrainConfig) -> str:
        """Where `load_family` finds the run's family: of a family from a rule file, the run's own copy of the file."""
        return os.fspath(self.rules) if is_rule_file(config.family) else config.family

    def _family(self, description: Mapping[str, Any], place: str) -> Family:
        """The family at a place, or of the run's copy of a rule file, which must be as it was when the run began."""
        if not is_rule_file(place):
            return load_family(place)
        family = load_family(os.fspath(self.rules))
        kept = description.get("rules")
        if family.rule_file is None or family.rule_file.digest != kept:
            raise RunError(
                f"{self.rules} is not what the run was started with (its digest is not {kept}): put it back; a run "
                "with other rules needs another --out"
            )
        return family

    def note_failures(self, failures: Sequence[Failure]) -> None:
        """Adds lines to failures.jsonl; every process of a run adds its own."""
        if failures:
            with self.failures.open("a", encoding="utf-8") as file:
                file.write("".join(f"{failure.to_json()}\n" for failure in failures))

    def failures_in_words(self) -> str:
        """What failed in the run's games, in one line; empty if nothing did."""
        if not self.failures.exists():
            return ""
        listed = [json.loads(line) for line in self.failures.read_text(encoding="utf-8").splitlines()]
        kinds = Counter(one["kind"] for one in listed)
        text = ", ".join(f"{kind} {num} {'time' if num == 1 else 'times'}" for kind, num in kinds.most_common())
        given_up = {one["variant_id"] for one in listed if one["quarantined"]}
        ending = f"; no longer played: variants {', '.join(sorted(given_up))}" if given_up else ""
        return f"environments failed ({text}), each time at the cost of one trial at most: {self.failures}{ending}"

    def save(
        self, policy: PolicyNetwork, optimizer: torch.optim.Optimizer, progress: Progress,
        source: VariantSource | None = None,
    ) -> None:  # fmt: skip
        """Writes the checkpoint atomically and keeps the one before it.

        Raises:
            TrainingError: A weight is not finite; nothing is written.
            RunError: The disk is full or the folder not writable; the last checkpoint is kept.
        """
        content = _on_cpu({"policy": policy.state_dict(), "optimizer": optimizer.state_dict(), **asdict(progress)})
        if source is not None:
            content["curriculum"] = {name: torch.from_numpy(array) for name, array in source.state().items()}
        if broken := _not_finite(content):
            raise TrainingError(
                f"after update {progress.updates} {broken} is not finite; the checkpoint before it is kept. "
                "A lower learning_rate usually helps."
            )
        archive = io.BytesIO()
        torch.save(content, archive)
        partial = partial_of(self.checkpoint)
        try:
            write_durably(partial, sealed(archive.getvalue()))
            if self.checkpoint.exists():
                os.replace(self.checkpoint, self.previous)
            os.replace(partial, self.checkpoint)
            sync_folder(self.path)
        except OSError as error:
            partial.unlink(missing_ok=True)
            kept = "the checkpoint before it is kept, free space and continue with --resume"
            raise RunError(
                f"cannot write {self.checkpoint}: {error.strerror or error}; "
                + (kept if self.has_checkpoint() else "nothing of this run is kept")
            ) from None

    def load(
        self, policy: PolicyNetwork, optimizer: torch.optim.Optimizer | None = None, source: VariantSource | None = None
    ) -> Progress:
        """Loads the newest checkpoint into the policy, and into the optimizer and the source of variants if given.

        Every byte of it is verified before anything is used.

        Raises:
            RunError: There is no checkpoint, it is broken, or it belongs to another config.
        """
        path, archive = self._newest()
        try:
            check_seal(archive)
        except BrokenSeal as error:
            raise RunError(f"{path} is broken: {error}; {self._way_out(path)}") from None
        try:
            content = torch.load(io.BytesIO(archive), map_location="cpu", weights_only=True)
            if broken := _not_finite(content):
                raise ValueError(f"{broken} is not finite")
            self._require_same_networks(path, content["policy"], policy)
            policy.load_state_dict(content["policy"])
            if optimizer is not None:
                optimizer.load_state_dict(content["optimizer"])
            if source is not None:  # runs of earlier versions have no curriculum
                source.load({name: array.numpy() for name, array in content.get("curriculum", {}).items()})
            return Progress(
                int(content["steps"]),
                int(content["updates"]),
                int(content["metrics_bytes"]),
                tuple(float(value) for value in content["episode_returns"]),
                tuple(float(value) for value in content["informed_returns"]),
            )
        except _UNREADABLE as error:
            why = " ".join(str(error).split())
            raise RunError(f"{path} is broken or belongs to another config or version of gameagent: {why}") from None

    def _require_same_networks(self, path: Path, trained: Mapping[str, Tensor], policy: PolicyNetwork) -> None:
        shapes, expected = ({name: one.shape for name, one in of.items()} for of in (trained, policy.state_dict()))
        if shapes != expected:
            raise RunError(
                f"{path} holds other networks than this version of gameagent makes of {self.description}: it was "
                "trained by an earlier version, or run.json was changed; its exported files still play; train anew "
                "with another --out"
            )

    def save_calibration(self, progress: Progress, calibration: Mapping[str, float]) -> None:
        """Keeps what the run's method measured of the policy at this point, if anything; see `Method.calibrate`."""
        if calibration:
            content = {"updates": progress.updates, **calibration}
            write_atomically(self.calibration, json.dumps(content, indent=2).encode())

    def load_calibration(self, progress: Progress) -> dict[str, float] | None:
        """What was measured of the policy at this point.

        None if nothing was: of a run that is not finished, and of one that an earlier version trained.
        """
        try:
            content = json.loads(self.calibration.read_text(encoding="utf-8"))
            if content.pop("updates") != progress.updates:
                return None
            return {str(name): float(value) for name, value in content.items()}
        except FileNotFoundError:
            return None
        except (OSError, RecursionError, *_UNREADABLE) as error:
            raise RunError(
                f"{self.calibration} cannot be read ({error}): delete it, and exporting measures anew"
            ) from None

    def fall_back(self) -> str | None:
        """Puts the checkpoint before the newest one in its place if the newest one is broken.

        Returns:
            What was done, in one line; None where nothing needed to be done, or nothing can be.
        """
        if not self.checkpoint.exists() or _is_whole(self.checkpoint) or not _is_whole(self.previous):
            return None
        os.replace(self.checkpoint, self.damaged)
        os.replace(self.previous, self.checkpoint)
        sync_folder(self.path)
        return (
            f"{self.checkpoint} was broken and is now {self.damaged.name}; going on from the checkpoint before it, "
            "one update earlier"
        )

    def _newest(self) -> tuple[Path, bytes]:
        for path in (self.checkpoint, self.previous):  # between two renames of `save` there is the previous one alone
            try:
                return path, path.read_bytes()
            except FileNotFoundError:
                continue
            except OSError as error:
                raise RunError(f"{path} cannot be read: {error.strerror}") from None
        raise RunError(f"{self.path} has no checkpoint.pt yet; train for at least one update")

    def _way_out(self, broken: Path) -> str:
        if broken == self.checkpoint and _is_whole(self.previous):
            return (
                f"the one before it is whole: continue from there with 'gameagent train … --out {self.path} --resume'"
            )
        return "no older one is whole: train anew with another --out"

    def load_policy(self) -> tuple[PolicyNetwork, TrainConfig, Family, Progress]:
        """The trained policy with everything that belongs to it."""
        config, family = self.load_config()
        policy: PolicyNetwork = config.method.make_policy(config, family)
        progress = self.load(policy)
        return policy.eval(), config, family, progress

    def baseline(self, name: str) -> "RunFolder":
        """The folder of a baseline trained beside this run."""
        return RunFolder(self.path / name)


def _is_whole(path: Path) -> bool:
    try:
        check_seal(path.read_bytes())
    except (OSError, BrokenSeal):
        return False
    return True


def _on_cpu(content: Any) -> Any:
    """A checkpoint's content as any machine can load it."""
    if isinstance(content, torch.Tensor):
        return content.cpu()
    if isinstance(content, dict):
        return {key: _on_cpu(value) for key, value in content.items()}
    if isinstance(content, list):
        return [_on_cpu(value) for value in content]
    return content


def _not_finite(content: Any, name: str = "") -> str | None:
    """The name of a tensor or number in a checkpoint's content that is not finite, if there is one."""
    if isinstance(content, dict):
        parts = ((f"{name}.{key}" if name else str(key), value) for key, value in content.items())
        return next((broken for key, value in parts if (broken := _not_finite(value, key))), None)
    if isinstance(content, torch.Tensor):
        return None if bool(torch.isfinite(content).all()) else name
    if isinstance(content, float):
        return None if math.isfinite(content) else name
    if isinstance(content, list | tuple):
        return _not_finite(dict(enumerate(content)), name)
    return None


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
