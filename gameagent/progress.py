"""Live progress of long work in a terminal; plain lines where there is none."""

from time import perf_counter
from types import TracebackType
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table

from gameagent import checkpoint

LINE_EVERY = 10.0  # seconds between plain lines
SPEED_WINDOW = 10.0  # seconds over which the speed is averaged


class TrainingDisplay:
    """Shows steps, steps a second, time left and the training returns by episode so far.

    Use it as a context manager and pass `report` to `launch`.
    """

    def __init__(self, title: str, total_steps: int, console: Console) -> None:
        self._title = title
        self._total = total_steps
        self._console = console
        self._history: list[tuple[float, int]] = []
        self._last_line = 0.0
        self._bar = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("{task.fields[speed]}"),
            console=console,
        )
        self._task = self._bar.add_task(title, total=total_steps, speed="compiling the game …")
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
        speed = self._speed()
        status = f"{_count(progress.steps)} of {_count(self._total)} steps, {speed}"
        self._bar.update(self._task, completed=progress.steps, speed=status)
        if self._live is not None:
            self._live.update(Group(self._bar, _curve_table(progress.episode_returns, metrics)))
        elif now - self._last_line > LINE_EVERY or progress.steps >= self._total:
            self._last_line = now
            curve = "  ".join(f"{value:.2f}" for value in progress.episode_returns[:8])
            self._console.print(f"{self._title}: {status}; return by episode: {curve}", highlight=False, soft_wrap=True)

    def _speed(self) -> str:
        (start, before), (end, after) = self._history[0], self._history[-1]
        if after == before:
            return "measuring speed"
        rate = (after - before) / (end - start)
        left = max(self._total - after, 0) / rate
        return f"{rate / 1000:.0f} k steps/s, {int(left // 60)}:{int(left % 60):02d} left"


def _curve_table(returns: tuple[float, ...], metrics: dict[str, Any]) -> Table:
    table = Table(title="training return by episode of a trial", title_justify="left")
    for episode in range(min(len(returns), 8)):
        table.add_column(f"{episode + 1}", justify="right")
    table.add_column("belief loss", justify="right")
    table.add_column("entropy", justify="right")
    values = [f"{value:.2f}" for value in returns[:8]]
    belief = f"{metrics['belief_loss']:.2f}" if "belief_loss" in metrics else "-"
    table.add_row(*values, belief, f"{metrics.get('entropy', float('nan')):.2f}")
    return table


def _count(steps: int) -> str:
    return f"{steps / 1e6:.1f} M" if steps >= 1_000_000 else f"{steps / 1e3:.0f} k"
