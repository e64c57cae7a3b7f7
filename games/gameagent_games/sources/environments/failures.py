"""What went wrong in an environment, said so that it can be found again; and variants that go wrong every time."""

import json
import logging
from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any, Final

from gameagent_games.variants.variant import Variant

LOG: Final = logging.getLogger("gameagent_games.environments")
MOST_FAILURES: Final = 3  # of one variant, then it is played no more


@dataclass(frozen=True)
class Failure:
    """One failure of an environment, by which a trial is lost.

    Attributes:
        kind: "raised", "died", "hung", "not finite", "wrong observation" or "not repeatable".
        family: Name of the game.
        variant: The variant's rules, as plain values.
        variant_id: Its id.
        seed: Of the trial.
        episode: Index of the episode within the trial.
        step: Steps taken in the episode before.
        text: One line that says what happened.
        traceback: Where, if it is known.
        quarantined: Whether the variant is played no more after this.
    """

    kind: str
    family: str
    variant: dict[str, Any]
    variant_id: str
    seed: int
    episode: int
    step: int
    text: str
    traceback: str = ""
    quarantined: bool = False

    def __str__(self) -> str:
        rules = ", ".join(f"{name}={value!r}" for name, value in self.variant.items())
        ending = "; the variant is played no more" if self.quarantined else ""
        return (
            f"{self.family}: an environment {self.kind}: {self.text} (variant {self.variant_id}: {rules}; "
            f"seed {self.seed}, episode {self.episode + 1}, step {self.step + 1}){ending}"
        )

    def to_json(self) -> str:
        """One line of JSON."""
        return json.dumps(asdict(self), default=str)


class FailureList(list[Failure]):
    """Failures since somebody took them, and how often each variant has failed."""

    def __init__(self) -> None:
        super().__init__()
        self._counts: Counter[str] = Counter()

    def note(
        self, kind: str, family: str, variant: Variant, place: tuple[int, int, int], text: str, trace: str,
        counts: bool = True,
    ) -> None:  # fmt: skip
        """Takes down a failure.

        Args:
            kind: See `Failure`.
            family: Name of the game.
            variant: What was played.
            place: The trial's seed, the episode and its steps.
            text: What happened.
            trace: Where.
            counts: Whether it speaks against the variant.
        """
        self._counts[variant.id] += counts
        seed, episode, step = place
        failure = Failure(
            kind, family, dict(variant.rules), variant.id, seed, episode, step, " ".join(text.split())[:500], trace,
            self.is_quarantined(variant.id),
        )  # fmt: skip
        LOG.warning("%s", failure)
        self.append(failure)

    def is_quarantined(self, variant_id: str) -> bool:
        """Whether a variant has failed so often that it is played no more."""
        return self._counts[variant_id] >= MOST_FAILURES

    def take(self) -> list[Failure]:
        """All failures since the last call."""
        taken = list(self)
        self.clear()
        return taken
