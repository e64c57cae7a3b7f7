"""The part of a manifest that says how an environment's own observations and actions are read and made.

A policy reads a row of D numbers and chooses one of A actions, or A numbers. An environment that was not made for it
gives dicts, images and counts, and takes arrays. The plan leads from one to the other, in training as in the game.
"""

import math
from dataclasses import dataclass, field

import numpy as np

from gameagent_sdk.bundle.checks import MAX_ACTIONS, MAX_AXES, MAX_BOUND, MAX_PARTS, MAX_SIZE, require, require_unique
from gameagent_sdk.bundle.json_fields import OPTIONAL
from gameagent_sdk.bundle.specs import BeliefSpec, require_rule_order
from gameagent_sdk.errors import shown

ACTION_DTYPES = ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "float32", "float64")
MAX_DEPTH = 16  # of dicts and tuples inside one another
MAX_NAME = 120  # characters of a part's name in a message
MIN_SCALE = 1e-37  # single precision holds it with all its digits


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
            abs(self.offset) <= MAX_BOUND and MIN_SCALE <= abs(self.scale) <= MAX_BOUND,
            f"{where}: offset and scale must be within {MAX_BOUND:g} of 0, and scale must not be 0, "
            f"given {self.offset} and {self.scale}",
        )

    @property
    def name(self) -> str:
        """Where it is, for a person: ``observation['image']``."""
        return path_name(self.path)

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
        dtype: Of its numbers. Those of a box are rounded if it is one of integers.
        values: What each of the policy's discrete actions is to the environment, flattened, all different; empty for a
            box, whose A numbers are laid out on ``shape``.
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
        require(len(self.values) <= MAX_ACTIONS, f"plan action: at most {MAX_ACTIONS} values, given {len(self.values)}")
        require(
            all(len(value) == self.size for value in self.values),
            f"plan action: each of values must hold {self.size} numbers, as shape {self.shape} does",
        )
        require(len(set(self.values)) == len(self.values), "plan action: values must differ, one is given twice")
        low, high = self.bounds
        wrong = next((number for value in self.values for number in value if not low <= number <= high), None)
        require(wrong is None, f"plan action: values must be numbers of dtype {self.dtype}, given {wrong}")

    @property
    def bounds(self) -> tuple[int, int]:
        """Between which whole numbers ``dtype`` holds all of them exactly."""
        if self.dtype.startswith("float"):
            most = 2 ** (np.finfo(self.dtype).nmant + 1)
            return -most, most
        return int(np.iinfo(self.dtype).min), int(np.iinfo(self.dtype).max)

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
        self._check_nesting()
        numbers = sum(math.prod(part.shape) for part in self.parts)
        require(numbers <= MAX_SIZE, f"plan: parts must have at most {MAX_SIZE} numbers together, given {numbers}")
        require_rule_order(self.rules, "plan.rules")

    @property
    def feature_sizes(self) -> tuple[int, ...]:
        """The size of each feature of the row: of the parts, then of the rules."""
        return (*(part.size for part in self.parts), *(slot.encoded_size for slot in self.rules))

    @property
    def rules_size(self) -> int:
        """How many numbers at the row's end are shown rules."""
        return sum(slot.encoded_size for slot in self.rules)

    def _check_nesting(self) -> None:
        """A part is an array: nothing else lies within it."""
        paths = {part.path for part in self.parts}
        for path in (*paths, self.mask):
            outer = next((path[:depth] for depth in range(len(path)) if path[:depth] in paths), None)
            require(
                outer is None,
                f"plan: {path_name(path)} lies within {path_name(outer or ())}, which is a part: it must be an array",
            )


def path_name(path: tuple[str, ...]) -> str:
    """A place in an observation for a person: ``observation['image']``; of a path that is not trusted, on one line."""
    return shown("observation" + "".join(f"[{key!r}]" for key in path), MAX_NAME)
