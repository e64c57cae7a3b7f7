"""Room: what knowing the hidden rules is worth, and how much of it is found out within an episode and between episodes.

Four players of one budget are compared on the same variants and levels: one that is shown the rules (the oracle), one
with memory, the same with its memory wiped at the end of every episode, and one without memory. Their mean returns by
episode are placed on a scale on which random play is 0 and the oracle 1.
"""

import io
import math
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from gameagent.errors import ConfigError
from gameagent.judging.contestants import Contestant
from gameagent.judging.evaluate import evaluate_bundle, evaluate_random
from gameagent.judging.intervals import estimate, resampled_means
from gameagent.judging.report import Evaluation, evaluate, write_document
from gameagent.judging.room_words import NAMES, sentences, table, warnings
from gameagent_games.interface import Family
from gameagent_games.variants.variant import Split

PLAYERS = tuple(NAMES)
LEAST_GAIN = 0.25  # of the oracle over random play, in standard deviations of random play over variants
STILL_RISING = 0.1  # of the way from random play to the oracle, gained in the last quarter of a run
PROBED_VARIANTS = 16  # to see whether what one seat wins another loses


class Share(NamedTuple):
    """A difference of two players' mean returns, as a share of that of the oracle over random play.

    Attributes:
        value: Of the means over all variants.
        low: Lower end of its 95 % interval: the percentile bootstrap over variants.
        high: Upper end.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Room:
    """What there is to learn about a family's hidden rules, and when, as short training runs show it.

    Attributes:
        evaluation: Returns of "oracle", "agent" (with memory), "wiped" (its memory cleared at the end of every
            episode), "memoryless" and "random", each of one run.
        gains: By run, how much its training returns grew in the last quarter of the budget, in units of return per
            episode; None of a run with too few updates to tell.
    """

    evaluation: Evaluation
    gains: dict[str, float | None]

    @property
    def room(self) -> Share:
        """What knowing the hidden rules is worth: (oracle - memoryless) / (oracle - random)."""
        return self.share("oracle", "memoryless")

    @property
    def within(self) -> Share:
        """The part of the room that the agent gets within single episodes: with its memory wiped after each."""
        return self.share("wiped", "memoryless")

    @property
    def between(self) -> Share:
        """The part of the room that the agent gets because it remembers earlier episodes."""
        return self.share("agent", "wiped")

    @property
    def found(self) -> Share:
        """The part of the room that the agent gets in all."""
        return self.share("agent", "memoryless")

    @property
    def missed(self) -> Share:
        """The part of the room that the agent does not get."""
        return self.share("oracle", "agent")

    def score(self, name: str) -> Share:
        """A player's normalised score: (its return - random) / (oracle - random)."""
        return self.share(name, "random")

    def share(self, better: str, worse: str) -> Share:
        """How much more one player gets than another, see `Share`; NaN if the oracle is no better than random play."""
        column = PLAYERS.index
        with np.errstate(divide="ignore", invalid="ignore"):
            ratios = (self._means[:, column(better)] - self._means[:, column(worse)]) / (
                self._means[:, column("oracle")] - self._means[:, column("random")]
            )
        if not np.isfinite(ratios).all():
            return Share(math.nan, math.nan, math.nan)
        low, high = np.percentile(ratios[1:], (2.5, 97.5))
        return Share(float(ratios[0]), float(low), float(high))

    @cached_property
    def by_variant(self) -> dict[str, NDArray[np.float64]]:
        """Mean return per episode by player, ``(num_variants,)``; over seats, too."""
        return {name: self.evaluation.returns[name][0].mean(axis=(1, 2)) for name in PLAYERS}

    @cached_property
    def _means(self) -> NDArray[np.float64]:
        """Mean return per episode of each of `PLAYERS`: over all variants in row 0, then over resampled ones."""
        figures = np.stack([self.by_variant[name] for name in PLAYERS], axis=1)
        return np.concatenate([figures.mean(axis=0)[None], resampled_means(figures)])

    def mean(self, name: str) -> float:
        """A player's mean return per episode."""
        return float(self.by_variant[name].mean())

    @property
    def learnt(self) -> bool:
        """Whether the oracle does clearly better than random play; otherwise the room says nothing."""
        gain = estimate((self.by_variant["oracle"] - self.by_variant["random"])[None])
        return gain.ci95[0] > 0.0 and gain.mean >= LEAST_GAIN * float(self.by_variant["random"].std())

    @property
    def rising(self) -> list[str]:
        """The runs that were still getting better when the budget ended, or had too few updates to tell."""
        least = STILL_RISING * (self.mean("oracle") - self.mean("random"))
        return [name for name, gain in self.gains.items() if gain is None or gain > max(least, 0.0)]

    @property
    def sentences(self) -> list[str]:
        """What the figures mean, for a designer of rules."""
        return sentences(self)

    @property
    def warnings(self) -> list[str]:
        """What is wrong with the rules, or with the measure, and what to do about it."""
        return warnings(self)

    def as_dict(self) -> dict[str, Any]:
        """The JSON document of ``--json``; figures that do not exist are null."""
        parts = ("room", "found", "within", "between", "missed")
        return {
            "scores": {name: _figure(self.score(name)) for name in PLAYERS},
            **{name: _figure(getattr(self, name)) for name in parts},
            "learnt": self.learnt,
            "still_rising": self.rising,
            "sentences": self.sentences,
            "warnings": self.warnings,
            "evaluation": self.evaluation.as_dict(),
        }

    def write_json(self, path: Path) -> None:
        """Writes the JSON document. Raises ExportError if it cannot be written."""
        write_document(path, self.as_dict())

    def __str__(self) -> str:
        """The report as plain text."""
        console = Console(width=100, file=io.StringIO(), color_system=None)
        with console.capture() as text:
            self.show(console)
        return text.get()

    def show(self, console: Console) -> None:
        """Prints the table, the sentences and the warnings."""
        console.print(table(self))
        for line in (*self.sentences, *(f"Warning: {warning}" for warning in self.warnings)):
            console.print(line, highlight=False, markup=False)
            console.print()


def _figure(share: Share) -> dict[str, Any] | None:
    return None if math.isnan(share.value) else {"value": share.value, "ci95": [share.low, share.high]}


def measure_room(
    agent: Contestant, family: Family, gains: dict[str, float | None], *, split: Split, num_variants: int, seed: int
) -> Room:
    """Measures the room on a trained agent and its baselines.

    Args:
        agent: The agent; "memoryless" and "oracle" were trained in its folder.
        family: Its family.
        gains: See `Room.gains`.
        split: Split of the variant space.
        num_variants: Trials for each player.
        seed: Of variants, levels and choices.
    """
    trial: dict[str, Any] = {"split": split, "num_variants": num_variants, "seed": seed}
    evaluation = evaluate([agent], family, **trial)
    wiped = evaluate_bundle(agent.bundle, family, num_episodes=evaluation.num_episodes, forgets=True, **trial)
    return Room(replace(evaluation, returns=evaluation.returns | {"wiped": wiped[None]}), gains)


def require_measurable(family: Family, split: Split, seed: int) -> None:
    """Checks, before anything is trained, that a family has room that can be measured.

    Raises:
        ConfigError: It hides no rules; or what one seat wins another loses, so that an agent that plays itself gets
            the same whatever it knows.
    """
    if not family.space.hidden_slots:
        raise ConfigError(f"{family.name} hides no rules, so there is nothing to find out: hide at least one")
    if family.num_seats == 1:
        return
    trial: dict[str, Any] = {"split": split, "num_variants": PROBED_VARIANTS, "num_episodes": family.num_episodes}
    returns = evaluate_random(family, seed=seed, **trial)
    sums, largest = returns.sum(axis=2), np.abs(returns).max()
    if largest > 0.0 and np.ptp(sums) <= 1e-9 * largest:
        raise ConfigError(
            f"in {family.name} what one seat wins another loses, so an agent that plays all seats gets the same "
            "whatever it knows: measure the room of a version with one seat whose rivals are part of the rules"
        )


def last_gain(metrics: list[dict[str, Any]]) -> float | None:
    """How much the training returns grew from the third quarter of a run's updates to the last, per episode.

    Args:
        metrics: The lines of its metrics.jsonl.

    Returns:
        None if there are fewer than 8 updates with trials as in the game.
    """
    returns = [float(np.mean(line["episode_returns"])) for line in metrics if line["episode_returns"]]
    quarter = len(returns) // 4
    if quarter < 2:
        return None
    return float(np.mean(returns[-quarter:]) - np.mean(returns[-2 * quarter : -quarter]))
