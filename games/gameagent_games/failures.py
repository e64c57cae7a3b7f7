"""What went wrong in a game that others wrote, said so that it can be found again."""

import json
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Failure:
    """A failure of what plays a game; it costs one trial at most.

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
