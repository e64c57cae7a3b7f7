"""Processes of a run as threads of one: the same calls, without sockets."""

import threading
from typing import Any

import torch
import torch.distributed as dist

from gameagent.workers import Workers


class Meeting:
    """Where the threads of a run exchange tensors."""

    def __init__(self, size: Any) -> None:
        self.size, self.barrier, self.brought = size, threading.Barrier(size, timeout=60), [None] * size


class ThreadWorkers(Workers):
    """One of the threads."""

    def __init__(self, rank: Any, meeting: Any) -> None:
        super().__init__(rank, meeting.size)
        self.meeting = meeting

    def _reduced(self, values: Any, operation: Any) -> torch.Tensor:
        self.meeting.brought[self.rank] = values.clone()
        self.meeting.barrier.wait()
        everything = torch.stack(self.meeting.brought)
        self.meeting.barrier.wait()
        return everything.sum(0) if operation == dist.ReduceOp.SUM else everything.amax(0)


def together(size: Any, make: Any, work: Any) -> list[None]:
    """What ``work(member)`` gives for each of ``size`` members, which work side by side.

    Args:
        size: Of the run.
        make: Makes a member from its `Workers`, one after another.
        work: Called with a member, in a thread of its own.
    """
    meeting = Meeting(size)
    members = [make(ThreadWorkers(rank, meeting)) for rank in range(size)]
    results, errors = [None] * size, []

    def run(rank: Any) -> None:
        try:
            results[rank] = work(members[rank])
        except BaseException as error:
            errors.append(error)
            meeting.barrier.abort()

    threads = [threading.Thread(target=run, args=(rank,)) for rank in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for error in errors:
        if not isinstance(error, threading.BrokenBarrierError):
            raise error
    assert not errors
    return results
