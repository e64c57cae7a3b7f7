"""Family: what everybody may know of a game: its name, what is seen and done in it, its variants and its source."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from gameagent_games.errors import FamilyError
from gameagent_games.field_types import as_count, as_text, as_tuple, expect, kind_of
from gameagent_games.games import Games, Source
from gameagent_games.pickling import reduce_family
from gameagent_games.variants.rule_files import RuleFile
from gameagent_games.variants.variant import VariantSpace

if TYPE_CHECKING:
    from gameagent_sdk.authoring import PlanSpec

MOST_GAMES = 2048
"""Games side by side that a source plays at most where nothing else decides, unless it says another number."""

Action: TypeAlias = int | NDArray[np.float64]
"""What one seat does: a discrete action's number, or the components ``(A,)`` of a continuous one."""


FeatureKind: TypeAlias = Literal["vector", "flags", "category", "grid"]
"""How the values of a feature are meant, and so how a network reads them."""


@dataclass(frozen=True)
class Feature:
    """One named part of an observation, which travels as ``size`` float32 values in a row.

    Attributes:
        name: Unique within the family, snake_case.
        size: Number of float32 values.
        low: Lowest value that can occur; 0 for flags and categories.
        high: Highest value that can occur; 1 for flags, and for one of n categories n - 1.
        unit: Unit of the values, such as "cells" or "1" for a flag.
        meaning: One sentence for a person.
        shape: Axes of the values, whose product is ``size``; ``(size,)`` unless given. Either of the two is enough.
        kind: "vector" for numbers; "flags" for numbers that are 0 or 1; "category" for values that each name one of n
            things by its number from 0 to n - 1; "grid" for a map of ``shape`` (channels, height, width).
    """

    name: str
    size: int = 1
    low: float = -1.0
    high: float = 1.0
    unit: str = "1"
    meaning: str = ""
    shape: tuple[int, ...] = ()
    kind: FeatureKind = "vector"

    def __post_init__(self) -> None:
        """Checks the fields and fills in size, shape and the bounds of flags and categories.

        Raises:
            FamilyError: They do not fit together.
        """
        as_text("feature", "name", self.name)
        owner = f"feature {self.name!r}"
        object.__setattr__(self, "size", as_count(owner, "size", self.size))
        self._settle_shape(owner)
        for bound in ("low", "high"):
            expect(owner, bound, getattr(self, bound), (int, float, np.number), "a number")
        if self.kind in ("flags", "category"):
            self._settle_bounds(owner)
        if not self.low < self.high:
            raise FamilyError(f"{owner}: low {self.low} is not below high {self.high}")

    def _settle_shape(self, owner: str) -> None:
        if self.kind not in get_args(FeatureKind):
            kinds = ", ".join(map(repr, get_args(FeatureKind)))
            raise FamilyError(f"{owner}: kind is {kind_of(self.kind)}, expected one of {kinds}")
        given = as_tuple(owner, "shape", self.shape, int) or (self.size,)
        shape = tuple(as_count(owner, "shape", length) for length in given)
        if self.size not in (1, math.prod(shape)):
            raise FamilyError(f"{owner}: shape {shape} has {math.prod(shape)} values, but size is {self.size}")
        if self.kind == "grid" and len(shape) != 3:
            raise FamilyError(f"{owner}: shape is {shape}, expected (channels, height, width) of a grid")
        object.__setattr__(self, "shape", shape)
        object.__setattr__(self, "size", math.prod(shape))

    def _settle_bounds(self, owner: str) -> None:
        low = 0.0 if self.low == -1.0 else self.low  # the default means the kind's own bound
        if low != 0.0 or not float(self.high).is_integer() or (self.kind == "flags" and self.high != 1.0):
            expected = "0 and 1" if self.kind == "flags" else "0 and n - 1 for n categories"
            raise FamilyError(f"{owner}: low {self.low} and high {self.high} of {self.kind!r}, expected {expected}")
        object.__setattr__(self, "low", low)

    @property
    def num_categories(self) -> int:
        """Number of things that a value of a category may name (n)."""
        return int(self.high) + 1


@dataclass(frozen=True)
class Box:
    """Continuous actions: several numbers at once, each within bounds of its own.

    The simulator clips what lies outside to the bounds before the rules see it; what is not finite it refuses.

    Example: ``Box(("steer", "throttle"), low=(-1.0, 0.0), high=1.0)``.

    Attributes:
        names: Name of each component, A of them; the play window steers by "up", "down", "left" and "right".
        low: Least value of each component.
        high: Greatest value of each component.
        unit: Unit of the values.
    """

    names: tuple[str, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    unit: str = "1"

    def __init__(
        self,
        names: Sequence[str],
        low: float | Sequence[float] = -1.0,
        high: float | Sequence[float] = 1.0,
        unit: str = "1",
    ) -> None:
        """Makes a box; a single number is the bound of every component.

        Raises:
            FamilyError: No components, names that repeat, or bounds that are no finite low < high for each.
        """
        if isinstance(names, str) or not names or len(set(names)) != len(names):
            comma = f"; a tuple of one needs a comma: ({names!r},)" if isinstance(names, str) else ""
            raise FamilyError(f"Box: names is {names!r}, expected different names, one per component{comma}")
        given = as_tuple("Box", "names", names, str)
        object.__setattr__(self, "names", given)
        object.__setattr__(self, "low", self._per_component(low))
        object.__setattr__(self, "high", self._per_component(high))
        object.__setattr__(self, "unit", unit)
        for name, least, most in zip(self.names, self.low, self.high, strict=True):
            if not (-np.inf < least < most < np.inf):
                raise FamilyError(f"Box component {name!r}: low {least} and high {most} must be finite, low below high")

    def _per_component(self, bound: float | Sequence[float]) -> tuple[float, ...]:
        try:
            values = np.asarray(bound, np.float64)
        except (TypeError, ValueError):
            raise FamilyError(f"Box: got bounds {bound!r}, expected numbers") from None
        if values.shape not in ((), (len(self.names),)):
            raise FamilyError(f"Box: got bounds {bound!r}, expected one number or {len(self.names)}, one per component")
        return tuple(np.broadcast_to(values, len(self.names)).tolist())

    def clip(self, actions: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """What the rules are given: ``(..., A)`` moved to the nearest point of the box, as a fresh float64 array."""
        inside: NDArray[np.float64] = np.clip(np.asarray(actions, np.float64), self.low, self.high)
        return inside

    def scale(self, shares: NDArray[np.float64]) -> NDArray[np.float64]:
        """The point of the box at a share of the way from low to high: ``(..., A)`` from [0, 1] to the bounds."""
        low, high = np.array(self.low), np.array(self.high)
        return self.clip(low + shares * (high - low))  # rounding may lead out


@dataclass(frozen=True)
class Ceiling:
    """The best mean return that any learner can reach, where it is known.

    Attributes:
        total: Mean return of a whole trial.
        episodes: Mean return by episode index, or None where only the total is known.
        num_episodes: The trial length K that the figures hold for.
        source: Where the figure comes from.
    """

    total: float
    episodes: tuple[float, ...] | None
    num_episodes: int
    source: str


@dataclass(frozen=True)
class Family:
    """A parametrised game: its mechanics and the space of its rule variants.

    Attributes:
        name: Name in the registry.
        summary: One line for a person.
        source: Where its games come from: ``Rules(start, step, observe, state=…)``, or another source.
        space: The space of rule variants; gives the variant's record type.
        features: The observation's parts in order, as the source fills them.
        actions: Name of each discrete action; or a `Box` where actions are continuous.
        max_steps: Time limit of an episode in steps; reaching it is truncation.
        frames_per_decision: How many frames of a title one step stands for: the rate at which the SDK's ``Pacer`` lets
            the exported agent decide there.
        num_episodes: Episodes of a trial (K) that training uses unless told otherwise.
        num_seats: Number of seats.
        seat_names: Name of each seat; "seat_0", … unless given.
        ceiling: The best mean return, where known.
        view: ``"module:CLASS"`` of the family's view for rendering, or None.
        training: Training settings that suit this game, by name, over those of the ``train.toml`` in its folder (see
            `recipes`); for families that a function makes.
        version: Raised when a change of the rules changes traces.
        rule_file: The rule file that changed the family, if it comes from one.
        widened: Whether the rule file lets rules take values that the family itself never draws.
    """

    name: str
    summary: str
    source: Source
    space: VariantSpace
    features: tuple[Feature, ...]
    actions: tuple[str, ...] | Box
    max_steps: int
    num_episodes: int
    num_seats: int = 1
    seat_names: tuple[str, ...] = field(default=())
    frames_per_decision: int = 1
    ceiling: Ceiling | None = None
    view: str | None = None
    training: Mapping[str, Any] = field(default_factory=dict)
    version: int = 1
    rule_file: RuleFile | None = field(default=None, compare=False, repr=False)
    widened: bool = field(default=False, compare=False)

    def __post_init__(self) -> None:
        def require(condition: bool, message: str) -> None:
            if not condition:
                raise FamilyError(f"family {self.name!r}: {message}")

        self._check_types()
        if self.box is None:
            require(self.num_actions >= 2, f"has {self.num_actions} actions, expected at least 2")
            require(len(set(self.action_names)) == self.num_actions, f"action names repeat: {self.action_names}")
        require(self.box is None or not self.has_mask, "its source masks discrete actions, but these are a Box")
        require(len(self.features) >= 1, "has no features, expected at least 1")
        names = [feature.name for feature in self.features]
        require(len(set(names)) == len(names), f"feature names repeat: {names}")
        if not self.seat_names:
            object.__setattr__(self, "seat_names", tuple(f"seat_{i}" for i in range(self.num_seats)))
        require(len(self.seat_names) == self.num_seats, "seat_names and num_seats differ in length")

    def _check_types(self) -> None:
        """Refuses fields of a wrong type; lists become tuples, numpy's integers become Python's."""
        as_text("Family", "name", self.name)
        owner = f"family {self.name!r}"
        source: Any = self.source
        if isinstance(source, type) or not isinstance(source, Source):
            expected = "Rules(start, step, observe, state=...), or another source of games"
            raise FamilyError(f"{owner}: source is {kind_of(self.source)}, expected {expected}")
        expect(owner, "space", self.space, VariantSpace, "a VariantSpace((Rule(...), ...))")
        expect(owner, "ceiling", self.ceiling, (Ceiling, type(None)), "a Ceiling or None")
        expect(owner, "view", self.view, (str, type(None)), "'module:CLASS' or None")
        expect(owner, "training", self.training, Mapping, "a table of the trainer's settings, such as {'gamma': 0.9}")
        object.__setattr__(self, "features", as_tuple(owner, "features", self.features, Feature))
        object.__setattr__(self, "seat_names", as_tuple(owner, "seat_names", self.seat_names, str))
        if not isinstance(self.actions, Box):
            object.__setattr__(self, "actions", as_tuple(owner, "actions", self.actions, str))
        for name in ("max_steps", "num_episodes", "num_seats", "frames_per_decision", "version"):
            object.__setattr__(self, name, as_count(owner, name, getattr(self, name)))

    @property
    def box(self) -> Box | None:
        """The continuous actions; None where actions are discrete."""
        return self.actions if isinstance(self.actions, Box) else None

    @property
    def action_names(self) -> tuple[str, ...]:
        """Name of each discrete action, or of each component of continuous ones."""
        return self.actions.names if isinstance(self.actions, Box) else self.actions

    @property
    def num_actions(self) -> int:
        """Number of discrete actions, or of components of continuous ones (A)."""
        return len(self.action_names)

    def blank_actions(self, num_games: int) -> NDArray[Any]:
        """Actions for `Games.step`, to be filled in: all 0.

        Returns:
            int64 ``(num_games, seats)``; for a `Box` float64 ``(num_games, seats, A)``.
        """
        if self.box is None:
            return np.zeros((num_games, self.num_seats), np.int64)
        return np.zeros((num_games, self.num_seats, self.num_actions), np.float64)

    def random_actions(self, generator: np.random.Generator, num_games: int) -> NDArray[Any]:
        """Uniformly random actions for `Games.step`, in the form of `blank_actions`; they ignore masks."""
        if self.box is None:
            return generator.integers(0, self.num_actions, (num_games, self.num_seats))
        return self.box.scale(generator.random((num_games, self.num_seats, self.num_actions)))

    @cached_property
    def game_features(self) -> tuple[Feature, ...]:
        """All parts of what an agent observes: the family's own, then one for each shown rule."""
        shown = tuple(
            Feature(f"rule_{slot.label}", slot.size, *slot.bounds, unit="1", meaning=f"shown rule {slot.label}")
            for slot in self.space.shown_slots
        )
        return self.features + shown

    @cached_property
    def own_size(self) -> int:
        """Number of values that the source fills; the shown rules come after them."""
        return sum(feature.size for feature in self.features)

    @cached_property
    def observation_size(self) -> int:
        """Number of values of a whole observation (D): the family's own and the shown rules."""
        return sum(feature.size for feature in self.game_features)

    @property
    def has_mask(self) -> bool:
        """Whether some actions can be illegal."""
        return self.source.has_mask

    @property
    def takes_turns(self) -> bool:
        """Whether there are steps in which some seat does not act."""
        return self.source.takes_turns

    @property
    def plan(self) -> "PlanSpec | None":
        """How the games' own observations and actions become rows and back; None if they are rows.

        Its rules are left to the exporter, which knows them from ``space``.
        """
        plan: PlanSpec | None = getattr(self.source, "plan", None)
        return plan

    @property
    def is_trusted(self) -> bool:
        """Whether the quick check is skipped: this package's own tests have checked the games, for all their values."""
        return self.source.is_trusted and not self.widened

    @property
    def most_games(self) -> int:
        """How many games are played side by side at most, where nothing else decides."""
        return int(getattr(self.source, "most_games", MOST_GAMES))

    def make_games(
        self, num_games: int, *, num_episodes: int | None = None, auto_start: bool = True, compiled: bool = True
    ) -> Games:
        """Makes games of this family, side by side; `Games.reset` starts them, and who made them closes them.

        Args:
            num_games: Number of games (N), at least 1.
            num_episodes: Episodes of a trial; 0 for trials without end; None for the family's own number.
            auto_start: Whether a trial's next episode starts in the step that ended the one before.
            compiled: Whether rules are compiled, which takes seconds and pays off in long play; False runs them in
                the interpreter. A source without rules ignores it.

        Raises:
            FamilyError: The family's definition does not fit its source.
        """
        wanted = self.num_episodes if num_episodes is None else num_episodes
        return self.source.make_games(self, num_games, num_episodes=wanted, auto_start=auto_start, compiled=compiled)

    def revealed(self) -> "Family":
        """The same game with every rule shown: what an oracle plays."""
        return replace(self, space=self.space.revealed())

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Pickles rules that have no name of their own, too; see `pickling`."""
        return reduce_family(self, super().__reduce_ex__(protocol))

    def __deepcopy__(self, memo: Any) -> "Family":
        """The family itself: nothing in it changes."""
        return self
