"""Prepares a run and starts it, in processes of its own or in those that torchrun started."""

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from gameagent.config import TrainConfig, make_config, parse_settings
from gameagent.devices import faster_device, require_gpu
from gameagent.errors import ConfigError, RunError
from gameagent.memory import physical_memory
from gameagent.outer_loop import Report, train
from gameagent.run.folder import RunFolder
from gameagent.run.lock import locked, locked_new
from gameagent.run.processes import Store, others_started
from gameagent.workers import Workers, under_torchrun
from gameagent_games.conformance import require_effective, require_sound
from gameagent_games.interface import Family
from gameagent_games.processes import available_cores
from gameagent_games.registry import is_rule_file, load_family

MOST_PER_CORE = 8  # processes: beyond that they only wait for each other


@contextlib.contextmanager
def open_run(
    folder: RunFolder, given: dict[str, Any], *, resume: bool, notify: Callable[[str], None] = lambda line: None
) -> Iterator[TrainConfig]:
    """Locks a run's folder and prepares the run in it (`prepare_run`); a run without an update leaves nothing behind.

    If the run is resumed and its newest checkpoint is broken, the one before it takes its place.

    Args:
        folder: Where the run lives.
        given: Settings that were asked for.
        resume: Whether to continue the run in ``folder`` if there is one.
        notify: Called with a line if an older checkpoint is used, or if there was a choice of devices.

    Raises:
        RunError: As `prepare_run`; or another process trains this run.
        ConfigError: As `prepare_run`.
    """
    if not _leads():
        yield prepare_run(folder, given, resume=resume)
        return
    try:
        with locked_new(folder.path, folder.description.exists):
            if resume and (notice := folder.fall_back()):
                notify(notice)
            try:
                yield prepare_run(folder, given, resume=resume, notify=notify)
            finally:
                if not folder.has_checkpoint():
                    folder.discard()
    except OSError as error:
        raise RunError(
            f"cannot write to {folder.path}: {error.strerror or error}; free space or choose another --out"
        ) from None


def launch(folder: RunFolder, report: Report) -> None:
    """Trains the run that ``folder`` describes, in as many processes as its config says.

    Args:
        folder: A run's folder, see `RunFolder.create`.
        report: Called after every update, in this process only.

    Raises:
        GameAgentError: As `train` does; or a process died, or another process is training this run.
        KeyboardInterrupt: Ctrl-C was pressed; the checkpoint of the last update is kept.
    """
    joined = Workers.from_torchrun()  # before the folder is read: process 0 has created it once all have joined
    config, _ = folder.load_config()
    size = config.num_processes or 1
    if joined is not None:
        if joined.size != size:
            joined.close()
            raise ConfigError(f"torchrun started {joined.size} processes, but the run's num_processes is {size}")
        with locked(folder.path) if joined.rank == 0 else contextlib.nullcontext():
            _work(folder, joined, report)
        return
    with locked(folder.path):
        if size == 1:
            _work(folder, Workers(), report)
            return
        with others_started(_other, os.fspath(folder.path), size) as store:
            _work(folder, Workers.connect(0, size, store), report)


def prepare_run(
    folder: RunFolder, given: dict[str, Any], *, resume: bool, notify: Callable[[str], None] = lambda line: None
) -> TrainConfig:
    """Creates the folder of a new run, or checks that the run to resume is the one that was asked for.

    Args:
        folder: Where the run lives.
        given: Settings that were asked for, "family" among them.
        resume: Whether to continue the run in ``folder`` if there is one.
        notify: Called with a line if there was a choice of devices, or if rules could not be probed.

    Returns:
        The run's config.

    Raises:
        FamilyError: The family breaks its contract, or a rule that sets an attribute changes nothing.
        RunError: There is a run and ``resume`` is False.
        ConfigError: A setting is wrong, differs from that of the run to resume, or asks for more than this machine has.
    """
    if resume and folder.exists():
        config, family = folder.load_config()
        asked = _filled_in(parse_settings(str(given.get("algorithm", config.algorithm)), given), config, family)
        if _has_rules_of(folder, family, str(asked.get("family", ""))):
            asked["family"] = config.family
        if "num_processes" in asked:  # as `settle_processes` filled it in
            asked["num_processes"] = min(asked["num_processes"] or config.num_processes, config.num_parallel)
        if asked.get("device") == "auto":
            asked["device"] = config.device
        used = config.as_dict()
        differing = [
            f"{name} (run: {used.get(name)!r}, asked: {value!r})"
            for name, value in asked.items()
            if name not in used or used[name] != value
        ]
        if differing:
            raise ConfigError(f"{folder.path} was started with another config: {', '.join(differing)}")
        require_gpu(config.device)
        return config
    family = require_effective(require_sound(load_family(given["family"])), notify)
    config = make_config(family, given)
    require_gpu(config.device)
    _check_memory(config, family)
    config = settle_device(config, family, notify)
    if _leads():
        folder.create(config, family)
    return config


def _has_rules_of(folder: RunFolder, family: Family, place: str) -> bool:
    """Whether what was asked for is a rule file that says what the run's copy says, wherever it is.

    Raises:
        ConfigError: It says something else.
    """
    if family.rule_file is None or not is_rule_file(place):
        return False
    asked = load_family(place).rule_file
    if asked is None or asked.digest != family.rule_file.digest:
        raise ConfigError(
            f"{place} is not what it was when {folder.path} was started: resume with the run's own copy, "
            f"{folder.rules}, or train with the new rules in another --out"
        )
    return True


def _filled_in(asked: dict[str, Any], config: TrainConfig, family: Family) -> dict[str, Any]:
    """What was asked of a run, with numbers where 0 stands for a rule, as the run's config has them."""
    used = config.as_dict()
    by_rule = {name: 0 for name, value in asked.items() if value == 0 and value is not False and used.get(name)}
    if not by_rule:
        return asked
    settled = make_config(family, used | by_rule).as_dict()
    return asked | {name: settled[name] for name in by_rule}


def settle_device(config: TrainConfig, family: Family, notify: Callable[[str], None]) -> TrainConfig:
    """The config with its device and its number of processes filled in, so that a resumed run uses the same.

    Args:
        config: Of a run to start.
        family: Its family.
        notify: Called with a line if there was a choice of devices.

    Raises:
        ConfigError: As `settle_processes`.
    """
    if config.device != "auto":
        return settle_processes(config)
    on_cpu = settle_processes(replace(config, device="cpu"))
    alone = on_cpu.num_processes == 1 if under_torchrun() else config.num_processes < 2
    if not (config.method.trains_on_gpu and alone and torch.cuda.is_available()):
        return on_cpu
    on_gpu = settle_processes(replace(config, device="cuda"))
    return faster_device(on_cpu, on_gpu, family.revealed() if config.reveal else family, notify)


def settle_processes(config: TrainConfig) -> TrainConfig:
    """The config with its number of processes filled in, so that a resumed run uses the same number.

    Raises:
        ConfigError: Far more processes than cores, or more than one on a GPU.
    """
    if config.device == "cuda":
        return replace(config, num_processes=_one_process(config))
    if under_torchrun():
        return replace(config, num_processes=min(int(os.environ["WORLD_SIZE"]), config.num_parallel))
    cores = available_cores()
    num = min(config.num_processes or cores, config.num_parallel)
    if num > MOST_PER_CORE * cores:
        raise ConfigError(
            f"num_processes is {num}, but this machine has {cores} cores; expected at most {MOST_PER_CORE * cores}, "
            "or 0 for one per core"
        )
    return replace(config, num_processes=num)


def _one_process(config: TrainConfig) -> int:
    """The one process that trains on a GPU. Raises ConfigError if more were asked for."""
    num = int(os.environ["WORLD_SIZE"]) if under_torchrun() else config.num_processes or 1
    if num > 1:
        raise ConfigError(
            f"device is 'cuda', which trains in one process, and there are to be {num}: leave num_processes out and "
            "start it without torchrun, or set device=cpu"
        )
    return 1


def _check_memory(config: TrainConfig, family: Family) -> None:
    """Raises ConfigError if the record of one update is larger than this machine's memory, whatever is played."""
    needed, available = config.method.record_bytes(config, family), physical_memory()
    if needed > available:
        named = ", ".join(f"{name} ({config.as_dict()[name]:,})" for name in config.method.sizes)
        raise ConfigError(
            f"one update would record at least {needed / 1e9:,.0f} GB, and this machine has {available / 1e9:,.0f} GB "
            f"of memory: lower {named} or num_episodes ({config.episodes_of_trial(family):,})"
        )


def _leads() -> bool:
    """Whether this process is the one that writes files."""
    return not under_torchrun() or int(os.environ.get("RANK", "0")) == 0


def _other(path: str, rank: int, size: int, store: Store) -> None:
    _work(RunFolder(Path(path)), Workers.connect(rank, size, store), lambda progress, metrics: None)


def _work(folder: RunFolder, workers: Workers, report: Report) -> None:
    torch.set_num_threads(1)  # parallelism is by processes: two OpenMP threads fight for the caches
    config, family = folder.load_config()
    try:
        train(config, family, folder, workers, report)
    except OSError as error:
        raise RunError(f"cannot write to {folder.path}: {error.strerror or error}; " + _what_is_kept(folder)) from error
    except (MemoryError, RuntimeError) as error:
        on_gpu = isinstance(error, torch.OutOfMemoryError)
        if on_gpu or isinstance(error, MemoryError) or "DefaultCPUAllocator" in str(error):
            raise RunError(
                f"this {'GPU' if on_gpu else 'machine'} does not have enough memory for the run; lower "
                f"{', '.join(config.method.sizes)}, num_episodes or hidden_size"
            ) from error
        raise
    finally:
        workers.close()


def _what_is_kept(folder: RunFolder) -> str:
    kept = "free space and continue with --resume"
    return kept if folder.has_checkpoint() else "nothing of this run is kept; free space or choose another --out"
