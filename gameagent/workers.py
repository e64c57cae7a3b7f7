"""The processes of one run: each plays its own games, gradients are averaged so that weights stay equal."""

import contextlib
import os
from collections.abc import Iterator
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor, nn

from gameagent.errors import TrainingError

TIMEOUT = timedelta(minutes=10)


@contextlib.contextmanager
def _in_touch() -> Iterator[None]:
    """Turns the loss of another process into an error that says so."""
    try:
        yield
    except RuntimeError as error:
        raise TrainingError("a training process died or stopped answering; continue with --resume") from error


def under_torchrun() -> bool:
    """Whether torchrun started this process."""
    return "TORCHELASTIC_RUN_ID" in os.environ


class Workers:
    """This process among the processes of a run; alone (``size`` 1) it communicates with nobody."""

    def __init__(self, rank: int = 0, size: int = 1) -> None:
        self.rank = rank
        self.size = size

    @classmethod
    def connect(cls, rank: int, size: int, init_method: str) -> "Workers":
        """Joins the group; every process must call this. ``init_method`` as `torch.distributed` takes it."""
        if size > 1:
            dist.init_process_group("gloo", init_method=init_method, rank=rank, world_size=size, timeout=TIMEOUT)
        return cls(rank, size)

    @classmethod
    def from_torchrun(cls) -> "Workers | None":
        """Joins the group that torchrun set up, or None where this process was not started by it."""
        if not under_torchrun():
            return None
        return cls.connect(int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"]), "env://")

    def close(self) -> None:
        """Leaves the group."""
        if dist.is_initialized():
            dist.destroy_process_group()

    def barrier(self) -> None:
        """Waits for the others. Raises TrainingError if one of them died."""
        if self.size > 1:
            with _in_touch():
                dist.barrier()

    def sum(self, values: Tensor) -> Tensor:
        """The sum over processes of a tensor, in every process. Raises TrainingError if one of them died."""
        return self._reduced(values, dist.ReduceOp.SUM)

    def max(self, values: Tensor) -> Tensor:
        """The largest of all processes' values of a tensor. Raises TrainingError if one of them died."""
        return self._reduced(values, dist.ReduceOp.MAX)

    def _reduced(self, values: Tensor, operation: dist.ReduceOp.RedOpType) -> Tensor:
        if self.size > 1:
            values = values.clone()
            with _in_touch():
                dist.all_reduce(values, operation)
        return values

    def share(self, num: int) -> int:
        """This process's part of ``num`` games; the parts differ by at most one."""
        return num // self.size + (self.rank < num % self.size)

    def mean_and_std(self, values: Tensor) -> tuple[float, float]:
        """Mean and standard deviation of all processes' values ``(n,)`` together."""
        numbers = values.double()
        count, total = self.sum(torch.stack((torch.tensor(float(len(numbers))).double(), numbers.sum())))
        mean = total / count
        squares = self.sum(((numbers - mean) ** 2).sum())
        return float(mean), float((squares / count).sqrt())

    def average_gradients(self, module: nn.Module) -> None:
        """Replaces every gradient by its mean over processes."""
        if self.size == 1:
            return
        gradients = [p.grad for p in module.parameters() if p.grad is not None]
        flat = self.sum(torch.cat([g.reshape(-1) for g in gradients])) / self.size
        start = 0
        for gradient in gradients:
            gradient.copy_(flat[start : start + gradient.numel()].view_as(gradient))
            start += gradient.numel()
