"""Live progress of training in a terminal; plain lines where there is none."""

from collections.abc import Sequence
from time import perf_counter
from types import TracebackType
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table

from gameagent.config import TrainConfig
from gameagent.run import folder as checkpoint

LINE_EVERY = 10.0  # seconds between plain lines
SPEED_WINDOW = 10.0  # seconds over which the speed is averaged
MOST_SHOWN = 8  # episodes of a trial: where it has more, the first and the last ones
FEW_UPDATES = 200  # a budget of fewer is said to be small


class TrainingDisplay:
    """Shows steps, updates, time left, and the training returns by episode.

    Returns of informed trials stand apart from those of the others: their share falls over a run, and in one mean of
    both the curve would fall while the agent learns.

    Use it as a context manager and pass `report` to `launch`.
    """

    def __init__(self, title: str, config: TrainConfig, console: Console) -> None:
        """Prepares it.

        Args:
            title: Stands before every line.
            config: Of the run.
            console: Where to show it.
        """
        self._title = title
        self._config = config
        self._console = console
        self._history: list[tuple[float, int]] = []
        self._last_line = float("-inf")
        self._warned = False
        self._bar = Progress(
            TextColumn("{task.description}", style="bold", markup=False),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("{task.fields[status]}"),
            console=console,
        )
        self._task = self._bar.add_task(title, total=config.steps, status="starting the game ...")
        self._live = Live(self._bar, console=console, refresh_per_second=4) if console.is_terminal else None

    def __enter__(self) -> "TrainingDisplay":
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def report(self, progress: "checkpoint.Progress", metrics: dict[str, Any]) -> None:
        """Shows one update."""
        now = perf_counter()
        self._history.append((now, progress.steps))
        while len(self._history) > 2 and now - self._history[1][0] > SPEED_WINDOW:
            self._history.pop(0)
        self._warn_of_few_updates(progress)
        status = self._status(progress)
        self._bar.update(self._task, completed=progress.steps, status=status)
        if self._live is not None:
            self._live.update(Group(self._bar, self._table(progress, metrics)))
        elif now - self._last_line > LINE_EVERY or progress.steps >= self._config.steps:
            self._last_line = now
            self._print(f"{self._title}: {status}; {self._line(progress)}")

    def _warn_of_few_updates(self, progress: "checkpoint.Progress") -> None:
        total = updates_in_all(progress, self._config.steps)
        if not self._warned and total < FEW_UPDATES:
            size = self._config.method.sizes[0]
            self._print(
                f"note: this budget is about {total} updates, and agents usually need several hundred; "
                f"raise --steps, or lower {size} ({self._config.as_dict()[size]})"
            )
        self._warned = True

    def _print(self, line: str) -> None:
        self._console.print(line, highlight=False, markup=False, soft_wrap=True)

    def _status(self, progress: "checkpoint.Progress") -> str:
        updates = f"update {progress.updates} of about {updates_in_all(progress, self._config.steps)}"
        steps = f"{_count(progress.steps)} of {_count(self._config.steps)} steps"
        return f"{updates}, {steps}, {self._speed()}"

    def _speed(self) -> str:
        (start, before), (end, after) = self._history[0], self._history[-1]
        if after == before:
            return "measuring speed"
        rate = (after - before) / (end - start)
        left = max(self._config.steps - after, 0) / rate
        return f"{rate / 1000:.1f} k steps/s, {int(left // 60)}:{int(left % 60):02d} left"

    def _line(self, progress: "checkpoint.Progress") -> str:
        by = self._config.method.curve.brief
        parts = [f"return {by}: {_curve(progress.episode_returns)}"] if progress.episode_returns else []
        if progress.informed_returns:
            parts.append(f"informed trials: {_curve(progress.informed_returns)}")
        return "; ".join(parts)

    def _table(self, progress: "checkpoint.Progress", metrics: dict[str, Any]) -> Table:
        curve = self._config.method.curve
        table = Table(title=f"training return by {curve.by}", title_justify="left")
        table.add_column("trials")
        either = progress.episode_returns or progress.informed_returns
        for index in shown_episodes(len(either)):
            table.add_column("..." if index is None else str(index + curve.first), justify="right")
        for name in ("belief loss", "entropy"):
            table.add_column(name, justify="right")
        losses = [_figure(metrics.get(name)) for name in ("belief_loss", "entropy")]
        groups = ((curve.trials, progress.episode_returns), ("informed", progress.informed_returns))
        for name, returns in groups:
            if returns:
                table.add_row(name, *_cells(returns), *losses)
                losses = ["", ""]
        return table


def updates_in_all(progress: "checkpoint.Progress", total_steps: int) -> int:
    """Updates that a budget comes to, if all take as many steps as those so far."""
    left = max(total_steps - progress.steps, 0)
    return progress.updates + -(-left * progress.updates // max(progress.steps, 1))


def shown_episodes(num: int) -> list[int | None]:
    """Indices of the episodes to show out of ``num``; None for the gap between the first and the last ones."""
    if num <= MOST_SHOWN:
        return list(range(num))
    half = MOST_SHOWN // 2
    return [*range(half), None, *range(num - half, num)]


def _cells(returns: Sequence[float]) -> list[str]:
    return ["..." if index is None else f"{returns[index]:.2f}" for index in shown_episodes(len(returns))]


def _curve(returns: Sequence[float]) -> str:
    """Returns as text; after the gap of a long trial stands the number of the episode that follows."""
    if len(returns) <= MOST_SHOWN:
        return "  ".join(_cells(returns))
    first_of_last = len(returns) - MOST_SHOWN // 2 + 1
    return "  ".join(cell if cell != "..." else f"... {first_of_last}:" for cell in _cells(returns))


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _count(steps: int) -> str:
    return f"{steps / 1e6:.1f} M" if steps >= 1_000_000 else f"{steps / 1e3:.0f} k" if steps >= 10_000 else str(steps)
