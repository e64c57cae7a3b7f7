"""The parts of a manifest: features, actions, hidden state and beliefs."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from gameagent_sdk.bundle.checks import MAX_ACTIONS, MAX_AXES, MAX_BOUND, MAX_SIZE, require, require_unique
from gameagent_sdk.bundle.json_fields import OPTIONAL

KINDS = ("vector", "flags", "category", "grid")  # of a feature
LIFETIMES = ("trial", "season")  # of a tensor of hidden state
STEP_INPUTS = ("observation", "legal_actions", "previous_action", "previous_reward", "episode_start")
EXPERIENCE = ("observations", "beliefs", "actions", "rewards", "advantages", "episode_end")  # of gradient steps
STEP_NAMES = (*STEP_INPUTS, *EXPERIENCE, "logits", "mean", "log_std")  # what hidden state must not be called


@dataclass(frozen=True)
class FeatureSpec:
    """One named group of neighbouring numbers in the observation.

    Attributes:
        name: The game's name for it.
        size: How many numbers it has.
        low: The lowest value in training, in ``unit``; None if unbounded.
        high: The highest value in training, in ``unit``; None if unbounded.
        unit: The unit of every number in the group; "" if there is none.
        meaning: One line for the integrator who has to provide it.
        kind: How to read the numbers: "vector"; "flags", 0 or 1 each; "category", one of n options each, by its
            number from 0 to n - 1 (``high``); or "grid", a map of ``shape`` (channels, height, width).
        shape: The axes that the numbers are laid out on, last axis fastest; empty for a single axis of ``size``.
    """

    name: str
    size: int = 1
    low: float | None = None
    high: float | None = None
    unit: str = ""
    meaning: str = ""
    kind: str = field(default="vector", metadata={OPTIONAL: True})
    shape: tuple[int, ...] = field(default=(), metadata={OPTIONAL: True})

    def __post_init__(self) -> None:
        where = f"observation feature {self.name!r}"
        require(1 <= self.size <= MAX_SIZE, f"{where}: size must be at least 1, given {self.size}")
        require(self.kind in KINDS, f"{where}: kind must be one of {', '.join(KINDS)}, given {self.kind!r}")
        require(
            len(self.shape) <= MAX_AXES and all(1 <= size <= self.size for size in self.shape),
            f"{where}: shape must have at most {MAX_AXES} axes of sizes from 1 to {self.size}, given {self.shape}",
        )
        require(
            not self.shape or math.prod(self.shape) == self.size,
            f"{where}: shape {self.shape} must hold size {self.size} numbers",
        )
        bounds = [bound for bound in (self.low, self.high) if bound is not None]
        require(
            all(abs(bound) <= MAX_BOUND for bound in bounds),
            f"{where}: low and high must be within {MAX_BOUND:g} of 0, or None if unbounded",
        )
        require(bounds == sorted(bounds), f"{where}: low {self.low} is above high {self.high}")


@dataclass(frozen=True)
class ActionSpec:
    """The actions: ``act`` returns an index into ``names``, or a number for each of them if the actions are a box.

    Attributes:
        names: What each of the A actions does, in the policy's order; for a box, what each component is.
        mask: Whether the game says which actions are legal at each decision; never for a box.
        kind: "discrete", or "box" if an action is A numbers at once.
        low: The lowest value of each component of a box, in ``unit``; empty if discrete.
        high: The highest value of each component, likewise.
        unit: The unit of every component; "" if there is none.
    """

    names: tuple[str, ...]
    mask: bool = False
    kind: str = "discrete"
    low: tuple[float, ...] = field(default=(), metadata={OPTIONAL: True})
    high: tuple[float, ...] = field(default=(), metadata={OPTIONAL: True})
    unit: str = field(default="", metadata={OPTIONAL: True})

    def __post_init__(self) -> None:
        require(
            self.kind in ("discrete", "box"),
            f"action.kind must be 'discrete' or 'box', given {self.kind!r}: upgrade gameagent-sdk?",
        )
        require(
            1 <= len(self.names) <= MAX_ACTIONS,
            f"action.names must name at least one action and at most {MAX_ACTIONS}, given {len(self.names)}",
        )
        require_unique(self.names, "action.names")
        if self.kind == "box":
            self._check_box()
        else:
            require(not self.low and not self.high and not self.unit, "action: low, high and unit are for a box")

    @property
    def outputs(self) -> tuple[str, ...]:
        """The policy's outputs that actions are drawn by; those of a box are in ``unit``."""
        return ("mean", "log_std") if self.kind == "box" else ("logits",)

    def _check_box(self) -> None:
        require(not self.mask, "action.mask must be false for a box")
        require(
            len(self.low) == len(self.high) == len(self.names),
            f"action: a box needs low and high for each of its {len(self.names)} names",
        )
        for name, low, high in zip(self.names, self.low, self.high, strict=True):
            usable = max(abs(low), abs(high)) <= MAX_BOUND and (high - low) / 2 > 0  # NaN is not
            require(usable, f"action {name!r}: low {low} must be below high {high}, both within {MAX_BOUND:g} of 0")


@dataclass(frozen=True)
class TensorSpec:
    """One tensor of hidden state.

    Attributes:
        name: The name of the graph's input; the output ``next_<name>`` is its next value.
        shape: The shape of one row, without the batch axis.
        dtype: "float32", the only one so far.
        lifetime: "trial" if it starts afresh in every trial, "season" if it is kept from trial to trial.
        initial: The value that every number of it starts from.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str = "float32"
    lifetime: str = field(default="trial", metadata={OPTIONAL: True})
    initial: float = field(default=0.0, metadata={OPTIONAL: True})

    def __post_init__(self) -> None:
        require(
            re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,99}", self.name) is not None and self.name not in STEP_NAMES,
            f"hidden_state name {self.name!r} must be a plain identifier, and none of {', '.join(STEP_NAMES)}",
        )
        require(len(self.shape) <= MAX_AXES, f"hidden_state {self.name}: shape must have {MAX_AXES} axes at most")
        require(
            all(size >= 1 for size in self.shape) and math.prod(self.shape) <= MAX_SIZE,
            f"hidden_state {self.name}: shape {self.shape} must have sizes of at least 1, {MAX_SIZE} elements at most",
        )
        require(self.dtype == "float32", f"hidden_state {self.name}: dtype must be 'float32', given {self.dtype!r}")
        require(
            self.lifetime in LIFETIMES,
            f"hidden_state {self.name}: lifetime must be one of {', '.join(LIFETIMES)}, given {self.lifetime!r}",
        )
        require(
            abs(self.initial) <= MAX_BOUND,
            f"hidden_state {self.name}: initial must be within {MAX_BOUND:g} of 0, given {self.initial}",
        )


@dataclass(frozen=True)
class BeliefSpec:
    """One slot of the belief output: what the agent believes about one hidden rule, or one element of an array rule.

    Attributes:
        rule: The rule's name in the variant.
        kind: "categorical" (as many outputs as options: probabilities) or "scalar" (two: mean and std of ``x``).
        index: Position in an array rule; None for a rule with a single value.
        options: A label for each option of a categorical belief.
        values: Each option as a number, in ``unit``; empty if options are not numbers.
        center: The middle of a scalar's training range; its value is ``center + scale * x``.
        scale: Half the width of that range.
        unit: The unit of the rule's value.
    """

    rule: str
    kind: str
    index: int | None = None
    options: tuple[str, ...] = ()
    values: tuple[float, ...] = ()
    center: float = 0.0
    scale: float = 1.0
    unit: str = ""

    def __post_init__(self) -> None:
        where = f"belief {self.rule!r}"
        require(self.kind in ("categorical", "scalar"), f"{where}: kind {self.kind!r} is not categorical or scalar")
        if self.kind == "categorical":
            require(len(self.options) >= 2, f"{where}: options must hold at least two labels")
            require_unique(self.options, f"{where}: options")
            require(len(self.values) in (0, len(self.options)), f"{where}: values must be empty, or one per option")
        else:
            require(not self.options and not self.values, f"{where}: options and values are for categoricals")
        require(math.isfinite(self.scale) and self.scale > 0, f"{where}: scale must be above 0, given {self.scale}")

    @property
    def width(self) -> int:
        """How many numbers the slot has in the belief output."""
        return len(self.options) if self.kind == "categorical" else 2

    @property
    def encoded_size(self) -> int:
        """How many numbers of an observation the rule's value takes where it is shown: one-hot, or ``x``."""
        return len(self.options) if self.kind == "categorical" else 1


def require_rule_order(slots: Sequence[BeliefSpec], what: str) -> None:
    """Raises a ManifestError unless an array rule's slots stand together and in order, and others have one slot."""
    expected: dict[str, int | None] = {}
    previous = None
    for slot in slots:
        first = slot.rule not in expected
        if slot.index is None:
            require(first, f"{what}: rule {slot.rule!r} has two slots: give array rules an index")
        else:
            following = 0 if first else expected[slot.rule]
            require(
                slot.index == following and (first or slot.rule == previous),
                f"{what}: rule {slot.rule!r} must have its slots together, with indices 0, 1, 2, ... in order",
            )
        expected[slot.rule] = None if slot.index is None else slot.index + 1
        previous = slot.rule
