"""What an agent has seen of each feature of its observations, and how often outside the range of training."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from gameagent_sdk.errors import shown


@dataclass(frozen=True)
class FeatureReport:
    """What an agent has seen of one feature.

    Attributes:
        name: The feature's name.
        num_seen: How many observations there were.
        num_outside: Those in which a number of the feature was outside its declared range, by more than rounding.
            Where no range is declared, those in which one was too large to be fed to a policy: beyond 1e15.
        lowest: The lowest number seen, in ``unit``, as the game gave it in single precision; None before the first.
        highest: The highest, likewise.
        low: The lowest declared value; None if unbounded.
        high: The highest declared value; None if unbounded.
        unit: The unit of all of these; "" if there is none.
    """

    name: str
    num_seen: int
    num_outside: int
    lowest: float | None
    highest: float | None
    low: float | None
    high: float | None
    unit: str = ""

    def __str__(self) -> str:
        seen = "not seen yet" if self.lowest is None else f"{self.lowest:g} to {self.highest:g} seen"
        declared = declared_range(self.low, self.high, self.unit)
        return f"{shown(self.name)}: {seen}, {declared}, {self.num_outside} of {self.num_seen} outside"


@dataclass(frozen=True)
class ObservationReport:
    """What an agent has seen since it was loaded, by feature; as text, one line each.

    Attributes:
        num_seen: How many observations there were, one for each decision.
        features: In the order of ``manifest.observation``.
    """

    num_seen: int
    features: tuple[FeatureReport, ...]

    @property
    def outside(self) -> tuple[FeatureReport, ...]:
        """The features that have left their declared range."""
        return tuple(feature for feature in self.features if feature.num_outside)

    def __str__(self) -> str:
        return "\n".join(map(str, self.features))

    @classmethod
    def together(cls, reports: Sequence["ObservationReport"]) -> "ObservationReport":
        """One report of several agents of the same bundle; of at least one."""
        features = tuple(_together(same) for same in zip(*(report.features for report in reports), strict=True))
        return cls(sum(report.num_seen for report in reports), features)


def declared_range(low: float | None, high: float | None, unit: str = "") -> str:
    """A feature's declared range in words; the unit may be of a file that is not trusted."""
    unit = f" {shown(unit)}" if unit else ""
    if low is None:
        return "no range declared" if high is None else f"declared at most {high:g}{unit}"
    return f"declared at least {low:g}{unit}" if high is None else f"declared {low:g} to {high:g}{unit}"


def _together(reports: Sequence[FeatureReport]) -> FeatureReport:
    return replace(
        reports[0],
        num_seen=sum(report.num_seen for report in reports),
        num_outside=sum(report.num_outside for report in reports),
        lowest=min((report.lowest for report in reports if report.lowest is not None), default=None),
        highest=max((report.highest for report in reports if report.highest is not None), default=None),
    )
