"""Which device a run trains on, and what "auto" comes to: the one on which an update is measured to be faster."""

from collections.abc import Callable
from time import perf_counter

import torch
import torch.distributed as dist
from torch import Tensor

from gameagent.config import TrainConfig
from gameagent.errors import ConfigError
from gameagent.methods.learning import make_learner
from gameagent.workers import Workers
from gameagent_games.interface import Family

MEASURED = 2  # updates that are timed, after a first one that also compiles and allocates
ENOUGH = 10.0  # seconds, after which the second one is left out


def require_gpu(device: str) -> None:
    """Raises ConfigError if a run is to train on a GPU and there is none."""
    if device == "cuda" and not torch.cuda.is_available():
        raise ConfigError(
            f"device is 'cuda', but torch {torch.__version__} finds no GPU here: install a torch built for CUDA where "
            'there is a GPU; or leave device out, or, to go on with a run without its GPU, set it to "cpu" in the '
            "run's run.json"
        )


def faster_device(
    on_cpu: TrainConfig, on_gpu: TrainConfig, family: Family, notify: Callable[[str], None]
) -> TrainConfig:
    """The config, of two that differ in device and number of processes, with which an update takes less time.

    Both take whole updates for a trial, of which nothing is kept. If the GPU fails, it is not chosen.

    Args:
        on_cpu: The run on the CPU.
        on_gpu: The same run on the GPU.
        family: Its family, with all rules shown if the run is an oracle.
        notify: Called with a line that says what was chosen and why.
    """
    name = torch.cuda.get_device_name()
    try:
        gpu = seconds_of_update(on_gpu, family)
    except RuntimeError as error:  # too little memory; no kernels for such a GPU
        notify(f"training on the CPU, as the GPU ({name}) fails: {str(error).splitlines()[0]}")
        return on_cpu
    finally:
        torch.cuda.empty_cache()
    cpu = seconds_of_update(on_cpu, family)
    there = f"{gpu:.2g} s on the GPU ({name})"
    here = f"{cpu:.2g} s on the CPU in {on_cpu.num_processes} process" + ("es" if on_cpu.num_processes > 1 else "")
    if gpu < cpu:
        notify(f"training on the GPU: an update takes {there}, {here}")
        return on_gpu
    notify(f"training on the CPU: an update takes {here}, {there}")
    return on_cpu


def seconds_of_update(config: TrainConfig, family: Family) -> float:
    """How long an update of a fresh learner takes, if the run's other processes never keep this one waiting."""
    torch.set_num_threads(1)  # as in training
    learner = make_learner(config, family, OneOfMany(0, config.num_processes))
    took: list[float] = []
    while len(took) <= MEASURED and (len(took) < 2 or sum(took) < ENOUGH):
        started = perf_counter()
        learner.update(len(took), 0.0)
        took.append(perf_counter() - started)
    return min(took[1:])


class OneOfMany(Workers):
    """One process of a run whose other processes are imagined: they have at all times what this one has."""

    def _reduced(self, values: Tensor, operation: dist.ReduceOp.RedOpType) -> Tensor:
        return values * self.size if operation == dist.ReduceOp.SUM else values
