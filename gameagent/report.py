"""What an evaluation says: a table, a JSON document, a plot."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.box import SIMPLE_HEAD
from rich.table import Table

from gameagent.checkpoint import RunFolder, write_atomically
from gameagent.errors import ExportError
from gameagent.evaluate import (
    baseline_bundles,
    evaluate_bundle,
    evaluate_random,
    gain_interval,
    statistics,
)
from gameagent_games.interface import Ceiling, Family
from gameagent_games.variant import Split
from gameagent_sdk import Bundle

COLOURS = {
    "agent": "#0b6e99",
    "no gradient steps": "#5aa9c9",
    "oracle": "#d98c00",
    "memoryless": "#8a4fa3",
    "random": "#8c8c8c",
}


@dataclass(frozen=True)
class Evaluation:
    """Returns of an agent and its baselines on the same variants and levels.

    Attributes:
        family: Name of the family.
        split: Split that the variants were drawn from.
        seed: Seed of variants, levels and choices.
        training_steps: Decisions that the agent was trained on.
        returns: By name ("agent" first), float64 ``(num_variants, K)``.
        ceiling: Best mean return of any learner, where known and of this trial length.
    """

    family: str
    split: Split
    seed: int
    training_steps: int
    returns: dict[str, NDArray[np.float64]]
    ceiling: Ceiling | None

    @property
    def num_variants(self) -> int:
        """Trials played by each policy."""
        return len(self.returns["agent"])

    @property
    def num_episodes(self) -> int:
        """Episodes of each trial."""
        return int(self.returns["agent"].shape[1])

    def as_dict(self) -> dict[str, Any]:
        """The JSON document of ``--json``."""
        curves = {name: [asdict(episode) for episode in statistics(curve)] for name, curve in self.returns.items()}
        totals = {name: float(curve.sum(axis=1).mean()) for name, curve in self.returns.items()}
        baselines: dict[str, Any] = {
            name: {"episodes": curves[name], "total_mean": totals[name]} for name in curves if name != "agent"
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
            "num_variants": self.num_variants,
            "num_episodes": self.num_episodes,
            "episodes": curves["agent"],
            "total_mean": totals["agent"],
            "baselines": baselines,
            "training_steps": self.training_steps,
            "seed": self.seed,
        }
        if self.num_episodes > 1:
            last = min(2, self.num_episodes - 1)
            mean, low, high = gain_interval(self.returns["agent"], 0, last)
            document["gain"] = {"from_episode": 1, "to_episode": last + 1, "mean": mean, "ci95": [low, high]}
        return document

    def summary(self) -> dict[str, Any]:
        """What a manifest carries of it."""
        return {
            "split": self.split,
            "num_variants": self.num_variants,
            "seed": self.seed,
            "mean_returns": {name: curve.mean(axis=0).round(4).tolist() for name, curve in self.returns.items()},
        }

    def table(self) -> Table:
        """The adaptation curves for a terminal."""
        table = Table(
            title=f"{self.family}: mean return by episode, {self.num_variants} variants of split {self.split!r}",
            caption="± half the bootstrap 95 % interval of the mean; iqm and p20 of the last episode",
            box=SIMPLE_HEAD,
            padding=(0, 1, 0, 0),
            pad_edge=False,
        )
        table.add_column("policy", no_wrap=True)
        shown = self._shown_episodes()
        for episode in shown:
            table.add_column(f"{episode + 1}", justify="right", no_wrap=True)
        for name in ("iqm", "p20", "total"):
            table.add_column(name, justify="right", no_wrap=True)
        for name, curve in self.returns.items():
            episodes = statistics(curve)
            cells = [f"{episodes[k].mean:.2f}±{(episodes[k].ci95[1] - episodes[k].ci95[0]) / 2:.2f}" for k in shown]
            last = episodes[-1]
            table.add_row(name, *cells, f"{last.iqm:.2f}", f"{last.p20:.2f}", f"{curve.sum(axis=1).mean():.3f}")
        if self.ceiling is not None:
            by_episode = self.ceiling.episodes
            cells = [f"{by_episode[k]:.2f}" if by_episode else "" for k in shown]
            table.add_row("ceiling", *cells, "", "", f"{self.ceiling.total:.3f}", style="dim")
        return table

    def _shown_episodes(self) -> list[int]:
        """At most four episode indices: the first ones and the last."""
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
        for name, curve in self.returns.items():
            episodes = statistics(curve)
            low, high = np.array([episode.ci95 for episode in episodes]).T
            line = "-" if name == "agent" else "--"
            axes.plot(x, [e.mean for e in episodes], line, marker="o", color=COLOURS.get(name), label=name)
            axes.fill_between(x, low, high, color=COLOURS.get(name), alpha=0.2, linewidth=0)
        if self.ceiling is not None and self.ceiling.episodes:
            axes.plot(x, self.ceiling.episodes, ":", color="black", label=f"ceiling ({self.ceiling.source})")
        axes.set_xlabel("episode of one variant")
        axes.set_ylabel("mean return (band: bootstrap 95 % interval)")
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
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, (json.dumps(self.as_dict(), indent=2) + "\n").encode())
        except OSError as error:
            raise ExportError(f"cannot write {path}: {error.strerror}") from None


def evaluate(
    bundle: Bundle,
    family: Family,
    *,
    folder: RunFolder | None = None,
    split: Split = "test",
    num_variants: int = 1000,
    num_episodes: int | None = None,
    seed: int = 0,
    temperature: float | None = None,
) -> Evaluation:
    """Evaluates an exported agent beside the random policy and the baselines in its run's folder.

    Args:
        bundle: The agent's file.
        family: Its family, rules hidden as the agent's training hid them.
        folder: The run's folder, for its baselines.
        split: Split of the variant space.
        num_variants: Trials for each policy.
        num_episodes: Episodes of a trial; None for the number that the agent was trained with.
        seed: Of variants, levels and choices.
        temperature: Of the agent's and baselines' choice of actions; None for what their manifests say.
    """
    episodes = num_episodes or bundle.manifest.num_episodes
    trial = {"split": split, "num_variants": num_variants, "num_episodes": episodes, "seed": seed}
    returns = {"agent": evaluate_bundle(bundle, family, temperature=temperature, **trial)}  # type: ignore[arg-type]
    if bundle.manifest.gradient is not None:
        alone = evaluate_bundle(bundle, family, temperature=temperature, gradient=False, **trial)  # type: ignore[arg-type]
        returns["no gradient steps"] = alone
    baselines = baseline_bundles(folder) if folder is not None else {}
    for name, baseline in baselines.items():
        seen = family.revealed() if name == "oracle" else family
        returns[name] = evaluate_bundle(baseline, seen, temperature=temperature, **trial)  # type: ignore[arg-type]
    returns["random"] = evaluate_random(family, **trial)  # type: ignore[arg-type]
    ceiling = family.ceiling if family.ceiling is not None and family.ceiling.num_episodes == episodes else None
    steps = int(bundle.manifest.training.get("steps", 0))
    return Evaluation(family.name, split, seed, steps, returns, ceiling)
