"""The processes of one run: each plays its share of the games, and gradients are summed, so weights stay equal.

A run's result does not depend on the number of processes. Every process draws the random numbers of all games of the
run and uses its `Share` of them; sums over processes are divided by counts over processes.
"""

import contextlib
import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from time import sleep
from typing import Any, NamedTuple, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from gameagent.errors import TrainingError

TIMEOUT = timedelta(minutes=10)
LOOK_EVERY = 0.0002  # seconds between checks whether the others have answered

Rows = TypeVar("Rows")
"""An array or tensor whose first axis runs over all games, tasks or rows of a run."""


class Share(NamedTuple):
    """The games, tasks or rows of a run that one process has: ``start`` to ``stop`` of ``total``."""

    start: int
    stop: int
    total: int

    @property
    def size(self) -> int:
        """How many this process has."""
        return self.stop - self.start

    def times(self, num: int) -> "Share":
        """The same share if each game or task has ``num`` rows, such as its seats or its rollouts."""
        return Share(num * self.start, num * self.stop, num * self.total)

    def of(self, rows: Rows) -> Rows:
        """This process's part of an array ``(total, …)``."""
        part: Rows = rows[self.start : self.stop]  # type: ignore[index]
        return part

    @classmethod
    def whole(cls, num: int) -> "Share":
        """Everything, for a process that is alone."""
        return cls(0, num, num)


@contextlib.contextmanager
def _in_touch() -> Iterator[None]:
    """Turns the loss of another process into an error that says so."""
    try:
        yield
    except RuntimeError as error:
        raise TrainingError("a training process died or stopped answering; continue with --resume") from error


def _wait(work: Any) -> None:
    """Waits for the other processes here rather than inside torch, where Ctrl-C would go unheard."""
    while not work.is_completed():
        sleep(LOOK_EVERY)
    work.wait()


def under_torchrun() -> bool:
    """Whether torchrun started this process."""
    return "TORCHELASTIC_RUN_ID" in os.environ


class Workers:
    """This process among the processes of a run; alone (``size`` 1) it communicates with nobody."""

    def __init__(self, rank: int = 0, size: int = 1) -> None:
        self.rank = rank
        self.size = size

    @classmethod
    def connect(cls, rank: int, size: int, meeting: Any) -> "Workers":
        """Joins the group; every process must call this. ``meeting`` is an ``init_method`` of torch, or a store."""
        if size > 1:
            where: dict[str, Any] = {"init_method" if isinstance(meeting, str) else "store": meeting}
            dist.init_process_group("gloo", rank=rank, world_size=size, timeout=TIMEOUT, **where)
        return cls(rank, size)

    @classmethod
    def from_torchrun(cls) -> "Workers | None":
        """Joins the group that torchrun set up, or None if torchrun did not start this process."""
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
                _wait(dist.barrier(async_op=True))

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
                _wait(dist.all_reduce(values, operation, async_op=True))
        return values

    def share(self, num: int) -> Share:
        """This process's part of ``num`` games or tasks; the parts differ by at most one."""
        each, rest = divmod(num, self.size)
        start = self.rank * each + min(self.rank, rest)
        return Share(start, start + each + (self.rank < rest), num)

    def weight(self, num: int) -> float:
        """The weight of the mean over this process's ``num`` tasks in the mean over all processes' tasks."""
        return num / float(self.sum(torch.tensor(float(num), dtype=torch.float64)))

    def gather(self, rows: Tensor, share: Share) -> Tensor:
        """All processes' rows, ``(total, …)``, from each one's own ``(share.size, …)``."""
        everything = rows.new_zeros(share.total, *rows.shape[1:])
        everything[share.start : share.stop] = rows
        return self.sum(everything)

    def sum_by_name(self, values: Mapping[str, float]) -> dict[str, float]:
        """The sum over processes of each value; every process gives the same names in the same order."""
        total = self.sum(torch.tensor(list(values.values()), dtype=torch.float64))
        return dict(zip(values, total.tolist(), strict=True))

    def mean_and_std(self, values: Tensor) -> tuple[float, float]:
        """Mean and standard deviation of all processes' values ``(n,)`` together."""
        numbers = values.double()
        count, total = self.sum(torch.stack((numbers.new_full((), len(numbers)), numbers.sum())))
        mean = total / count
        squares = self.sum(((numbers - mean) ** 2).sum())
        return float(mean), float((squares / count).sqrt())

    def sum_gradients(self, params: Iterable[Tensor]) -> None:
        """Replaces every gradient by its sum over processes; a missing gradient counts as zeros."""
        learnt = list(params)
        for param in learnt:
            if param.grad is None:
                param.grad = torch.zeros_like(param)
        if self.size == 1:
            return
        gradients = [param.grad for param in learnt if param.grad is not None]
        flat = self.sum(torch.cat([gradient.reshape(-1) for gradient in gradients]))
        start = 0
        for gradient in gradients:
            gradient.copy_(flat[start : start + gradient.numel()].view_as(gradient))
            start += gradient.numel()

    def require_equal(self, module: nn.Module, when: str) -> None:
        """Compares all weights and buffers of a module across processes, bit by bit.

        Args:
            module: The policy.
            when: The moment, for the error: "after update 40".

        Raises:
            TrainingError: They differ, in every process; or one of the processes died.
        """
        if self.size == 1:
            return
        digest = hashlib.sha256()
        for tensor in module.state_dict().values():
            digest.update(tensor.detach().contiguous().numpy().tobytes())
        mine = torch.tensor(int.from_bytes(digest.digest()[:7], "big"), dtype=torch.int64)
        largest, smallest = self.max(torch.stack((mine, -mine)))
        if largest != -smallest:
            raise TrainingError(
                f"the weights of the {self.size} training processes differ {when}, though they should be equal to the "
                "last bit: the processes do not run the same program on the same data. Check that all machines have "
                "the same versions installed, or train with num_processes=1, and continue with --resume"
            )
