"""Starts the processes of a run on this machine, or joins those that torchrun started."""

import multiprocessing
import os
import signal
import tempfile
from dataclasses import replace
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import torch

from gameagent.checkpoint import RunFolder
from gameagent.config import TrainConfig, make_config, parse_field
from gameagent.errors import ConfigError, GameAgentError, RunError
from gameagent.train import Report, train
from gameagent.workers import Workers, under_torchrun
from gameagent_games.registry import load_family


def available_cores() -> int:
    """Cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on every platform
        return os.cpu_count() or 1


def launch(folder: RunFolder, report: Report) -> None:
    """Trains the run that ``folder`` describes, in as many processes as its config says.

    Args:
        folder: A run's folder, see `RunFolder.create`.
        report: Called after every update, in this process only.

    Raises:
        GameAgentError: What `train` raises, a process died, or the folder cannot be written any more.
        KeyboardInterrupt: Ctrl-C; the last update's checkpoint is there.
    """
    joined = Workers.from_torchrun()  # before the folder is read: process 0 has created it once all have joined
    config, _ = folder.load_config()
    size = config.num_processes or 1
    if joined is not None:
        if joined.size != size:
            joined.close()
            raise ConfigError(f"torchrun started {joined.size} processes, but the run's num_processes is {size}")
        _work(folder, joined, report)
        return
    with tempfile.TemporaryDirectory(prefix="gameagent-") as meeting_place:
        init_method = (Path(meeting_place) / "workers").as_uri()
        others = _start_others(folder.path, size, init_method)
        try:
            _work(folder, Workers.connect(0, size, init_method), report)
        except BaseException:
            for process in others:
                process.kill()  # they wait for this process, which alone writes files
            raise
        finally:
            for process in others:
                process.join(timeout=5)
                process.kill()


def prepare_run(folder: RunFolder, given: dict[str, Any], *, resume: bool) -> TrainConfig:
    """Creates the folder of a new run, or checks that a run to be resumed is the one that is asked for.

    Args:
        folder: Where the run lives.
        given: Config fields that were asked for, the family's place among them.
        resume: Whether to continue the run in ``folder`` if there is one.

    Returns:
        The run's config.

    Raises:
        RunError: There is a run and ``resume`` is False.
        ConfigError: A field is wrong, or differs from the run that is to be resumed.
    """
    if resume and folder.exists():
        config, _ = folder.load_config()
        asked = {name: parse_field(name, value) for name, value in given.items()}
        if "num_processes" in asked:  # as `settle_processes` settled it
            asked["num_processes"] = min(asked["num_processes"] or config.num_processes, config.num_parallel)
        differing = [
            f"{name} (run: {getattr(config, name)!r}, asked: {value!r})"
            for name, value in asked.items()
            if getattr(config, name) != value
        ]
        if differing:
            raise ConfigError(f"{folder.path} was started with another config: {', '.join(differing)}")
        return config
    family = load_family(given["family"])
    config = settle_processes(make_config(family, given))
    workers_rank = int(os.environ.get("RANK", "0")) if under_torchrun() else 0
    if workers_rank == 0:
        folder.create(config, family)
    return config


def settle_processes(config: TrainConfig) -> TrainConfig:
    """The config with its number of processes filled in, so that a resumed run uses the same."""
    wanted = int(os.environ["WORLD_SIZE"]) if under_torchrun() else config.num_processes or available_cores()
    return replace(config, num_processes=min(wanted, config.num_parallel))


def _start_others(path: Path, size: int, init_method: str) -> list[BaseProcess]:
    context = multiprocessing.get_context("spawn")
    others: list[BaseProcess] = []
    for rank in range(1, size):
        process = context.Process(target=_other, args=(path, rank, size, init_method), daemon=True)
        process.start()
        others.append(process)
    return others


def _other(path: Path, rank: int, size: int, init_method: str) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # process 0 answers Ctrl-C and ends the others
    try:
        _work(RunFolder(path), Workers.connect(rank, size, init_method), lambda progress, metrics: None)
    except (GameAgentError, RuntimeError):
        raise SystemExit(1) from None  # process 0 reports


def _work(folder: RunFolder, workers: Workers, report: Report) -> None:
    torch.set_num_threads(1)  # parallelism is by processes: two OpenMP threads fight for the caches
    try:
        config, family = folder.load_config()
        train(config, family, folder, workers, report)
    except OSError as error:
        raise RunError(f"cannot write to {folder.path}: {error}; free space and continue with --resume") from error
    finally:
        workers.close()
