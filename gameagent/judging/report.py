"""What an evaluation says: a table, a JSON document, a plot."""

import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from gameagent.errors import ExportError
from gameagent.judging.contestants import Contestant
from gameagent.judging.evaluate import (
    baseline_bundles,
    evaluate_bundle,
    evaluate_random,
    held_out,
)
from gameagent.judging.intervals import estimate, gain_interval
from gameagent.run.sealed_file import write_atomically
from gameagent_games.interface import Ceiling, Family
from gameagent_games.variants.variant import Split

COLOURS = {
    "agent": "#0b6e99",
    "no gradient steps": "#5aa9c9",
    "oracle": "#d98c00",
    "memoryless": "#8a4fa3",
    "random": "#8c8c8c",
}
MARKS = "o^sDv"  # by seat


@dataclass(frozen=True)
class Evaluation:
    """Returns of an agent and its baselines on the same variants and levels.

    Attributes:
        family: Name of the family.
        split: Split that the variants were drawn from.
        held_out: What the split's variants are to training, in words: `gameagent.judging.evaluate.held_out`.
        seed: Seed of variants, levels and choices.
        training_steps: Decisions that the agent was trained on.
        returns: By name ("agent" first), float64 ``(R, num_variants, K, num_seats)`` of R training runs; R is 1 for
            what was not trained.
        seat_names: Name of each seat.
        ceiling: Best mean return of any learner, where known and of this trial length.
    """

    family: str
    split: Split
    held_out: str
    seed: int
    training_steps: int
    returns: dict[str, NDArray[np.float64]]
    seat_names: tuple[str, ...]
    ceiling: Ceiling | None

    @property
    def num_runs(self) -> int:
        """Training runs of the agent (R)."""
        return len(self.returns["agent"])

    @property
    def num_variants(self) -> int:
        """Trials played by each policy of each run."""
        return int(self.returns["agent"].shape[1])

    @property
    def num_episodes(self) -> int:
        """Episodes of each trial (K)."""
        return int(self.returns["agent"].shape[2])

    @cached_property
    def curves(self) -> dict[str, NDArray[np.float64]]:
        """Returns by name, ``(R, num_variants, K)``; of games of several seats one entry for each, "agent, left".

        Returns are never averaged over seats: those of a zero-sum game would all be 0.
        """
        return self._by_seat(self.returns)

    def _by_seat(self, returns: dict[str, NDArray[np.float64]]) -> dict[str, NDArray[np.float64]]:
        if len(self.seat_names) == 1:
            return {name: array[..., 0] for name, array in returns.items()}
        return {
            f"{name}, {seat}": array[..., index]
            for name, array in returns.items()
            for index, seat in enumerate(self.seat_names)
        }

    @cached_property
    def differences(self) -> dict[str, NDArray[np.float64]]:
        """What the agent gets more than each baseline on the same variants, by name and in the form of `returns`."""
        agent = self.returns["agent"]
        return {name: agent - returns for name, returns in self.returns.items() if name != "agent"}

    def as_dict(self) -> dict[str, Any]:
        """The JSON document of ``--json``."""
        baselines: dict[str, Any] = {
            name: self._figures(self.returns[name]) | {"agent_minus": self._figures(difference)}
            for name, difference in self.differences.items()
        }
        if self.ceiling is not None:
            by_episode = self.ceiling.episodes or ()
            baselines["ceiling"] = {
                "episodes": [{"mean": mean} for mean in by_episode],
                "total_mean": self.ceiling.total,
                "source": self.ceiling.source,
            }
        document: dict[str, Any] = {
            "family": self.family,
            "split": self.split,
            "held_out": self.held_out,
            "num_runs": self.num_runs,
            "num_variants": self.num_variants,
            "num_episodes": self.num_episodes,
            **self._figures(self.returns["agent"]),
            "baselines": baselines,
            "training_steps": self.training_steps,
            "seed": self.seed,
        }
        if self.num_episodes > 1:
            last = min(2, self.num_episodes - 1)
            mean, low, high = gain_interval(self.returns["agent"].mean(axis=3), 0, last)
            document["gain"] = {"from_episode": 1, "to_episode": last + 1, "mean": mean, "ci95": [low, high]}
        return document

    def _figures(self, returns: NDArray[np.float64]) -> dict[str, Any]:
        """Estimates of returns ``(R, V, K, num_seats)``: means over seats, and each seat's if several."""
        figures = _estimates(returns.mean(axis=3))
        if len(self.seat_names) > 1:
            figures["seats"] = {name: _estimates(returns[..., seat]) for seat, name in enumerate(self.seat_names)}
        return figures

    def summary(self) -> dict[str, Any]:
        """What a manifest carries of it."""
        return {
            "split": self.split,
            "held_out": self.held_out,
            "num_variants": self.num_variants,
            "seed": self.seed,
            "mean_returns": {name: curve.mean(axis=(0, 1)).round(4).tolist() for name, curve in self.curves.items()},
        }

    def __str__(self) -> str:
        """The table as plain text."""
        console = Console(width=100, emoji=False, file=io.StringIO(), color_system=None)
        with console.capture() as text:
            console.print(self.table())
        return text.get()

    def table(self) -> Table:
        """The adaptation curves for a terminal."""
        runs = "" if self.num_runs == 1 else f", {self.num_runs} training runs"
        over = "bootstrap over variants" if self.num_runs == 1 else "over training runs and variants"
        table = Table(
            title=f"{self.family}: mean return by episode, {self.num_variants} variants of split {self.split!r}{runs}",
            caption=(
                f"{self.held_out}\n± half the 95 % interval of the mean ({over}); iqm of the last episode; "
                "vs x: the lead over x on the same variants"
            ),
            box=SIMPLE_HEAD,
            padding=(0, 1, 0, 0),
            pad_edge=False,
        )
        table.add_column("policy")
        shown = self.shown_episodes
        for episode in shown:
            table.add_column(f"{episode + 1}", justify="right", no_wrap=True)
        for name in ("total", "iqm"):
            table.add_column(name, justify="right", no_wrap=True)
        for name, curve in self.curves.items():
            table.add_row(name, *_cells(curve, shown), f"{estimate(curve[..., -1]).iqm:.2f}")
        if self.ceiling is not None:
            by_episode = self.ceiling.episodes
            cells = [f"{by_episode[k]:.2f}" if by_episode else "" for k in shown]
            table.add_row("ceiling", *cells, f"{self.ceiling.total:.2f}", "", style="dim")
        table.add_section()
        for name, difference in self._by_seat(self.differences).items():
            table.add_row(f"vs {name}", *_cells(difference, shown), "")
        return table

    @property
    def shown_episodes(self) -> list[int]:
        """Indices of the episodes that a table shows, at most four: the first ones and the last."""
        return sorted({0, 1, 2, self.num_episodes - 1} & set(range(self.num_episodes)))

    def plot(self, path: Path) -> None:
        """Draws the adaptation curves as a PNG.

        Raises:
            ExportError: matplotlib is not installed, or the file cannot be written.
        """
        try:
            from matplotlib.backends.backend_agg import FigureCanvasAgg
            from matplotlib.figure import Figure
        except ImportError:
            raise ExportError("plots need matplotlib; install it with: pip install 'gameagent[plot]'") from None
        figure = Figure(figsize=(7, 4.2), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        x = np.arange(1, self.num_episodes + 1)
        for name, curve in self.curves.items():
            policy, _, seat = name.partition(", ")
            episodes = [estimate(curve[..., k]) for k in range(self.num_episodes)]
            low, high = np.array([episode.ci95 for episode in episodes]).T
            line, mark = (
                "-" if policy == "agent" else "--",
                MARKS[self.seat_names.index(seat) % len(MARKS) if seat else 0],
            )
            axes.plot(x, [e.mean for e in episodes], line, marker=mark, color=COLOURS.get(policy), label=name)
            axes.fill_between(x, low, high, color=COLOURS.get(policy), alpha=0.2, linewidth=0)
        if self.ceiling is not None and self.ceiling.episodes:
            axes.plot(x, self.ceiling.episodes, ":", color="black", label=f"ceiling ({self.ceiling.source})")
        axes.set_xlabel("episode of one variant")
        axes.set_ylabel("mean return (band: 95 % interval)")
        axes.set_xticks(x if self.num_episodes <= 12 else x[:: -(-self.num_episodes // 12)])
        axes.set_title(f"{self.family}: adaptation on {self.num_variants} variants of split {self.split!r}")
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            figure.savefig(path, dpi=150, format="png")
        except OSError as error:
            raise ExportError(f"cannot write {path}: {error.strerror}") from None

    def write_json(self, path: Path) -> None:
        """Writes the JSON document. Raises ExportError if it cannot be written."""
        write_document(path, self.as_dict())


def write_document(path: Path, document: dict[str, Any]) -> None:
    """Writes a JSON document. Raises ExportError if it cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, (json.dumps(document, indent=2) + "\n").encode())
    except OSError as error:
        raise ExportError(f"cannot write {path}: {error.strerror}") from None


def _estimates(curve: NDArray[np.float64]) -> dict[str, Any]:
    """Estimates by episode and of a trial's total, of returns ``(R, V, K)``; and each run's own mean total."""
    totals = curve.sum(axis=2)
    return {
        "episodes": [asdict(estimate(curve[..., k])) for k in range(curve.shape[2])],
        "total": asdict(estimate(totals)),
        "total_mean": float(totals.mean()),
        "total_by_run": totals.mean(axis=1).tolist(),
    }


def _cells(curve: NDArray[np.float64], shown: list[int]) -> list[str]:
    """Table cells of some episodes and of the total."""
    estimates = [estimate(curve[..., k]) for k in shown] + [estimate(curve.sum(axis=2))]
    return [f"{one.mean:.2f}±{one.half:.2f}" for one in estimates]


def evaluate(
    agents: Sequence[Contestant],
    family: Family,
    *,
    split: Split = "test",
    num_variants: int = 1000,
    num_episodes: int | None = None,
    seed: int = 0,
    temperature: float | None = None,
) -> Evaluation:
    """Evaluates exported agents of one or several training runs beside the random policy and the runs' baselines.

    Args:
        agents: The agents of one config trained with different seeds; all meet the same variants and levels.
        family: Their family, rules hidden as the agents' training hid them.
        split: Split of the variant space.
        num_variants: Trials for each policy.
        num_episodes: Episodes of a trial; None for the number that the first agent was trained with.
        seed: Of variants, levels and choices.
        temperature: Of the agents' and baselines' choice of actions; None for what their manifests say.

    Raises:
        ExportError: An agent is for another game, or for another version of it.
    """
    episodes = num_episodes or agents[0].bundle.manifest.num_episodes
    trial: dict[str, Any] = {"split": split, "num_variants": num_variants, "num_episodes": episodes, "seed": seed}
    played: dict[str, list[NDArray[np.float64]]] = {}
    for agent in agents:
        for name, returns in _play_with_baselines(agent, family, temperature, trial).items():
            played.setdefault(name, []).append(returns)
    played = {name: runs for name, runs in played.items() if len(runs) == len(agents)}  # in all runs, or left out
    played["random"] = [evaluate_random(family, **trial)]
    ceiling = family.ceiling if family.ceiling is not None and family.ceiling.num_episodes == episodes else None
    steps = int(agents[0].bundle.manifest.training.get("steps", 0))
    stacked = {name: np.stack(runs) for name, runs in played.items()}
    what = held_out(agents[0].bundle, family, split)
    return Evaluation(family.name, split, what, seed, steps, stacked, family.seat_names, ceiling)


def _play_with_baselines(
    agent: Contestant, family: Family, temperature: float | None, trial: dict[str, Any]
) -> dict[str, NDArray[np.float64]]:
    """Returns of one run's agent and baselines by name, each ``(num_variants, K, num_seats)``."""
    returns = {"agent": evaluate_bundle(agent.bundle, family, temperature=temperature, **trial)}
    if agent.bundle.manifest.gradient is not None:
        alone = evaluate_bundle(agent.bundle, family, temperature=temperature, gradient=False, **trial)
        returns["no gradient steps"] = alone
    for name, baseline in (baseline_bundles(agent.folder) if agent.folder is not None else {}).items():
        seen = family.revealed() if name == "oracle" else family
        returns[name] = evaluate_bundle(baseline, seen, temperature=temperature, **trial)
    return returns
