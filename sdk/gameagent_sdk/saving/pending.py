"""Work that can wait for a frame with time to spare, done in slices."""

import time
from collections import deque
from collections.abc import Iterator


class PendingWork:
    """A queue of tasks, each a generator that yields between its slices."""

    def __init__(self) -> None:
        self._tasks: deque[tuple[object, Iterator[None]]] = deque()

    def __len__(self) -> int:
        """How many tasks are unfinished."""
        return len(self._tasks)

    def add(self, task: Iterator[None], about: object = None) -> None:
        """Queues a task; nothing of it is done yet.

        Args:
            task: A generator that yields between slices.
            about: What `finish` and `drop` identify it by.
        """
        self._tasks.append((about, task))

    def tick(self, budget_ms: float) -> None:
        """Works in slices until the budget is used up or nothing is left.

        No slice is begun after the budget's end, so it is exceeded by less than one slice. A task that raises is
        dropped, and its error is raised here.

        Args:
            budget_ms: In milliseconds; with 0 nothing is done.
        """
        end = time.perf_counter() + budget_ms / 1000.0
        while self._tasks and time.perf_counter() < end:
            self._slice()

    def finish(self, about: object) -> None:
        """Does the tasks about something, however long they take; an error drops the others about it."""
        mine = [task for one, task in self._tasks if one == about]
        self._tasks = deque(pair for pair in self._tasks if pair[0] != about)
        for task in mine:
            for _ in task:
                pass

    def drop(self, about: object) -> None:
        """Drops the tasks about something, unfinished."""
        self._tasks = deque(pair for pair in self._tasks if pair[0] != about)

    def _slice(self) -> None:
        try:
            next(self._tasks[0][1])
        except StopIteration:
            self._tasks.popleft()
        except BaseException:
            self._tasks.popleft()
            raise
