"""The part of a manifest that says how an environment's own observations and actions are read and made.

A policy reads a row of D numbers and chooses one of A actions, or A numbers. An environment that was not made for it
gives dicts, images and counts, and takes arrays. The plan leads from one to the other, in training as in the game.
"""

import math
from dataclasses import dataclass, field

from gameagent_sdk.bundle.checks import MAX_ACTIONS, MAX_AXES, MAX_BOUND, MAX_PARTS, MAX_SIZE, require, require_unique
from gameagent_sdk.bundle.json_fields import OPTIONAL
from gameagent_sdk.bundle.specs import BeliefSpec

ACTION_DTYPES = ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "float32", "float64")
MAX_DEPTH = 16  # of dicts and tuples inside one another


@dataclass(frozen=True)
class PartSpec:
    """How one part of an environment's observation becomes one feature of the row, the one at the same position.

    The part's array is brought into the order ``axes``, its last two axes are shrunk by ``pool``, and each number x
    becomes ``(x - offset) * scale``.

    Attributes:
        path: Where the part is: keys of dicts and positions in tuples, from the outermost on; empty for an observation
            that is one array or number.
        shape: The part's own axes; empty for a single number.
        axes: The order in which its axes are laid out, such as (2, 0, 1) for an image whose channels come last; empty
            to leave them as they are.
        pool: Side of the squares whose mean is taken, in pixels; 1 for none. What fills no whole square is left out.
        offset: What is subtracted.
        scale: What is multiplied by then.
    """

    path: tuple[str, ...] = ()
    shape: tuple[int, ...] = ()
    axes: tuple[int, ...] = field(default=(), metadata={OPTIONAL: True})
    pool: int = field(default=1, metadata={OPTIONAL: True})
    offset: float = field(default=0.0, metadata={OPTIONAL: True})
    scale: float = field(default=1.0, metadata={OPTIONAL: True})

    def __post_init__(self) -> None:
        where = f"plan part {self.name!r}"
        require(len(self.path) <= MAX_DEPTH, f"{where}: path must have at most {MAX_DEPTH} steps")
        require(
            len(self.shape) <= MAX_AXES and all(size >= 1 for size in self.shape) and math.prod(self.shape) <= MAX_SIZE,
            f"{where}: shape must have at most {MAX_AXES} axes and {MAX_SIZE} numbers, given {self.shape}",
        )
        require(
            not self.axes or sorted(self.axes) == list(range(len(self.shape))),
            f"{where}: axes must be an order of the {len(self.shape)} axes, given {self.axes}",
        )
        require(
            self.pool >= 1 and (self.pool == 1 or (len(self.shape) >= 2 and min(self._laid_out[-2:]) >= self.pool)),
            f"{where}: pool must be 1, or at most the sides of an image, given {self.pool}",
        )
        require(
            abs(self.offset) <= MAX_BOUND and 0.0 < abs(self.scale) <= MAX_BOUND,
            f"{where}: offset and scale must be within {MAX_BOUND:g} of 0, and scale must not be 0",
        )

    @property
    def name(self) -> str:
        """Where it is, for a person: ``observation['image']``."""
        return "observation" + "".join(f"[{key!r}]" for key in self.path)

    @property
    def row_shape(self) -> tuple[int, ...]:
        """The axes of what it becomes."""
        if self.pool == 1:
            return self._laid_out
        *before, height, width = self._laid_out
        return (*before, height // self.pool, width // self.pool)

    @property
    def size(self) -> int:
        """How many numbers of the row it fills."""
        return math.prod(self.row_shape)

    @property
    def _laid_out(self) -> tuple[int, ...]:
        return tuple(self.shape[axis] for axis in self.axes) if self.axes else self.shape


@dataclass(frozen=True)
class NativeActionSpec:
    """The action as the environment takes it.

    Attributes:
        shape: Its axes; empty for a plain number.
        dtype: Of its numbers.
        values: What each of the policy's discrete actions is to the environment, flattened; empty for a box, whose A
            numbers are laid out on ``shape``.
    """

    shape: tuple[int, ...]
    dtype: str
    values: tuple[tuple[int, ...], ...] = ()

    def __post_init__(self) -> None:
        require(self.dtype in ACTION_DTYPES, f"plan action: dtype {self.dtype!r} is not one of {ACTION_DTYPES}")
        require(
            len(self.shape) <= MAX_AXES and all(size >= 1 for size in self.shape) and self.size <= MAX_ACTIONS,
            f"plan action: shape must have at most {MAX_AXES} axes and {MAX_ACTIONS} numbers, given {self.shape}",
        )
        require(
            all(len(value) == self.size for value in self.values),
            f"plan action: each of values must hold {self.size} numbers, as shape {self.shape} does",
        )
        require(len(self.values) <= MAX_ACTIONS, f"plan action: at most {MAX_ACTIONS} values")

    @property
    def size(self) -> int:
        """How many numbers it has."""
        return math.prod(self.shape)


@dataclass(frozen=True)
class PlanSpec:
    """How an environment's own observations and actions are read and made.

    Attributes:
        parts: How the observation is read, in the order of the manifest's features.
        action: How the action is made.
        mask: Where in the observation the legal actions are, in the form of `PartSpec.path`; empty if not there.
        rules: The shown rules, whose values follow the parts in the row and are given at a trial's start.
    """

    parts: tuple[PartSpec, ...]
    action: NativeActionSpec
    mask: tuple[str, ...] = field(default=(), metadata={OPTIONAL: True})
    rules: tuple[BeliefSpec, ...] = field(default=(), metadata={OPTIONAL: True})

    def __post_init__(self) -> None:
        require(1 <= len(self.parts) <= MAX_PARTS, f"plan: parts must have 1 to {MAX_PARTS} entries")
        require_unique([part.name for part in self.parts], "plan: paths of parts")
        require(len(self.mask) <= MAX_DEPTH, f"plan: mask must have at most {MAX_DEPTH} steps")
