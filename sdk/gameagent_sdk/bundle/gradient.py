"""The part of a manifest that says how gradient steps adapt the policy."""

import math
from dataclasses import dataclass, field

from gameagent_sdk.bundle.checks import MAX_COUNT, require, require_hash, require_unique
from gameagent_sdk.bundle.json_fields import OPTIONAL
from gameagent_sdk.bundle.specs import TensorSpec

LEARNS_FROM = ("rewards", "advantages")


@dataclass(frozen=True)
class AdvantageSpec:
    """How the runtime computes advantages, for gradient steps that learn from them.

    Attributes:
        discount: Gamma, per step.
        gae_lambda: Lambda of generalised advantage estimation.
        standardise: Whether the advantages of one adaptation are brought to mean zero and deviation one.
        best_return: The return of an episode after adaptation that can be expected of a task in which the return
            before it was ``pre_adaptation_return``: the nearer the episodes learnt from come to it, the shorter the
            step. None if steps do not depend on that.
        pre_adaptation_return: The return of an episode before any step, for which a step's scale is 1.
        best_slope: How much higher the best return is if the return before any step is higher by one.
    """

    discount: float
    gae_lambda: float
    standardise: bool
    best_return: float | None = field(default=None, metadata={OPTIONAL: True})
    pre_adaptation_return: float | None = field(default=None, metadata={OPTIONAL: True})
    best_slope: float = field(default=0.0, metadata={OPTIONAL: True})

    def __post_init__(self) -> None:
        for name in ("discount", "gae_lambda"):
            value = getattr(self, name)
            require(0 <= value <= 1, f"gradient.advantages.{name} must be from 0 to 1, given {value}")
        best, before = self.best_return, self.pre_adaptation_return
        require(
            best is before is None
            or (best is not None and before is not None and -math.inf < before < best < math.inf),
            "gradient.advantages.best_return must be above pre_adaptation_return, or both missing,"
            f" given {best} and {before}",
        )
        require(
            math.isfinite(self.best_slope),
            f"gradient.advantages.best_slope must be a finite number, given {self.best_slope}",
        )


@dataclass(frozen=True, kw_only=True)
class GradientSpec:
    """How gradient steps after episodes adapt the policy.

    Attributes:
        weights: What adapts: inputs of the policy step, one set per row, whose initial values are in the graph, too.
        episodes_per_step: How many episodes one adaptation learns from.
        max_kl: The trust region in nats: how far one adaptation may move the action distributions, in states spread
            over the experience that it learns from.
        rollback_margin: How far the mean return of the first episodes after an adaptation (how many:
            `gameagent_sdk.adaptation.guard.first_look`) may fall below that of the episodes before it. If it
            falls further, the adaptation is rolled back.
        learns_from: "rewards" if the steps correct beliefs, by what followed each action; "advantages" if they are
            a policy gradient, by how much better than usual each action went.
        advantages: How these advantages are computed; None if the steps learn from rewards.
        graph_sha256: sha256 of the adaptation graph, which the file's metadata carries, in hex.
    """

    weights: tuple[TensorSpec, ...]
    episodes_per_step: int = 1
    max_kl: float
    rollback_margin: float
    learns_from: str
    advantages: AdvantageSpec | None = field(default=None, metadata={OPTIONAL: True})
    graph_sha256: str = ""

    @property
    def scales_steps(self) -> bool:
        """Whether steps get shorter as returns come near the best that can be expected."""
        return self.advantages is not None and self.advantages.best_return is not None

    def __post_init__(self) -> None:
        require(len(self.weights) >= 1, "gradient.weights must name at least one tensor")
        require_unique([name for w in self.weights for name in (w.name, f"next_{w.name}")], "gradient.weights")
        require(
            1 <= self.episodes_per_step <= MAX_COUNT,
            f"gradient.episodes_per_step must be at least 1, at most {MAX_COUNT}: {self.episodes_per_step}",
        )
        require(
            all(w.lifetime == "trial" and w.initial == 0.0 for w in self.weights),
            "gradient.weights start from their values in the graph: leave lifetime and initial out",
        )
        for name in ("max_kl", "rollback_margin"):
            value = getattr(self, name)
            require(0 < value < math.inf, f"gradient.{name} must be finite and above 0, given {value}")
        require(
            self.learns_from in LEARNS_FROM,
            f"gradient.learns_from must be one of {', '.join(LEARNS_FROM)}, given {self.learns_from!r}",
        )
        require(
            (self.learns_from == "advantages") == (self.advantages is not None),
            "gradient.advantages must be given if and only if gradient.learns_from is 'advantages'",
        )
        require_hash("gradient.graph_sha256", self.graph_sha256)
