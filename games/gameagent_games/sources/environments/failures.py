"""Failures of environments as they come in, and variants that fail every time."""

from collections import Counter
from typing import Final

from gameagent_games.failures import Failure
from gameagent_games.variants.variant import Variant

MOST_FAILURES: Final = 3  # of one variant, then it is played no more


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
        self.append(failure)

    def is_quarantined(self, variant_id: str) -> bool:
        """Whether a variant has failed so often that it is played no more."""
        return self._counts[variant_id] >= MOST_FAILURES

    def take(self) -> list[Failure]:
        """All failures since the last call."""
        taken = list(self)
        self.clear()
        return taken
