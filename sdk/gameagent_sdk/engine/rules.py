"""Rules that are shown to an agent: their values, as a game knows them, as the numbers that a policy reads."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby, islice
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gameagent_sdk.bundle.specs import BeliefSpec
from gameagent_sdk.engine.inputs import as_array, as_number
from gameagent_sdk.errors import NUM_CHARACTERS, NUM_SHOWN, InputError, shown, shown_names, shown_value

NUM_COMPARED = 200  # names among which the nearest spelling is looked for

_FARTHEST = 1e300
_LARGEST = float(np.finfo(np.float32).max)


class ShownRules:
    """Encodes the shown rules of one plan as in training: a choice one-hot, a number x as ``(x - center) / scale``.

    Attributes:
        size: How many numbers they are in all; 0 if no rule is shown.
    """

    def __init__(self, slots: tuple[BeliefSpec, ...]) -> None:
        """Takes `PlanSpec.rules`."""
        self._slots = {rule: tuple(of_rule) for rule, of_rule in groupby(slots, key=lambda slot: slot.rule)}
        self.size = sum(slot.encoded_size for slot in slots)

    def encode(self, rules: Mapping[str, Any] | None) -> NDArray[np.float32]:
        """The numbers of a trial's rules.

        Args:
            rules: A value for each rule by its name: a number; an option's label, or the number it stands for; for an
                array rule a sequence of these. None if no rule is shown.

        Returns:
            float32 ``(size,)``, finite.

        Raises:
            InputError: Rules are given although none is shown; or one is missing, is not one of the rules, or has a
                value that it cannot have.
        """
        if not self._slots:
            if rules is not None:
                raise InputError("this bundle is not told any rules (manifest.plan.rules): leave rules out")
            return np.zeros(0, np.float32)
        if not isinstance(rules, Mapping | None):
            raise InputError(f"rules must be a dict of {self._described()}, given {shown_value(rules)}")
        self._check_names({} if rules is None else rules)
        numbers = [x for rule, slots in self._slots.items() for x in _encoded(rule, slots, (rules or {})[rule])]
        return np.array(numbers, np.float32)

    def check(self, numbers: ArrayLike) -> NDArray[np.float32]:
        """Numbers that `encode` made, read from a file.

        Raises:
            InputError: Another shape or dtype, or they are not finite.
        """

        def expected() -> str:
            return f"{self.size} finite numbers"

        with np.errstate(over="ignore"):  # which is refused
            array = as_array("rules", numbers, "iuf", (self.size,), expected).astype(np.float32)
        if not np.isfinite(array).all():
            raise InputError(f"rules must be {expected()}")
        return array

    def _check_names(self, rules: Mapping[str, Any]) -> None:
        unknown = [name for name in rules if name not in self._slots]
        missing = [name for name in self._slots if name not in rules]
        if unknown:
            raise InputError(
                f"rules: there is no rule {shown_value(unknown[0])}{_meant(unknown[0], missing or self._slots)}, the"
                f" rules are {self._described()}"
            )
        if missing:
            raise InputError(f"rules: {shown_names(missing)} must be given, the rules are {self._described()}")

    def _described(self) -> str:
        """The first rules, each with what it may be."""
        first = [f"{shown(rule, 30)} ({_allowed(slots)})" for rule, slots in islice(self._slots.items(), NUM_SHOWN)]
        more = len(self._slots) - len(first)
        return ", ".join(first) + (f" and {more} more" if more else "")


def option_index(slot: BeliefSpec, value: Any) -> int | None:
    """Which of a choice's options a game means; None if it is none of them.

    Args:
        slot: Of a categorical rule.
        value: An option's label, or the number that it stands for; True or False for labels "true" and "false".
    """
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    label = str(value).lower() if isinstance(value, bool) else value
    if isinstance(label, str):
        return slot.options.index(label) if label in slot.options else None
    if not isinstance(value, int | float):
        return None
    if value in slot.values:
        return slot.values.index(value)
    # labels of whole numbers that carry no values
    whole = str(int(value)) if value == value and abs(value) < 2**53 and value == int(value) else ""
    return slot.options.index(whole) if whole in slot.options and not slot.values else None


def _encoded(rule: str, slots: Sequence[BeliefSpec], value: Any) -> list[float]:
    """The numbers of one rule."""
    if slots[0].index is None:
        return _encoded_slot(shown(rule), slots[0], value)
    elements = value.tolist() if isinstance(value, np.ndarray) else value
    if isinstance(elements, str) or not isinstance(elements, Sequence) or len(elements) != len(slots):
        raise InputError(f"rules: {shown(rule)} must be {_allowed(slots)}, given {shown_value(value)}")
    pairs = enumerate(zip(slots, elements, strict=True))
    return [x for index, (slot, one) in pairs for x in _encoded_slot(f"{shown(rule)}[{index}]", slot, one)]


def _encoded_slot(name: str, slot: BeliefSpec, value: Any) -> list[float]:
    if slot.kind == "categorical":
        index = option_index(slot, value)
        if index is None:
            close = _meant(value, slot.options)
            raise InputError(f"rules: {name} must be {_allowed_value(slot)}, given {shown_value(value)}{close}")
        return [float(position == index) for position in range(len(slot.options))]
    try:
        x = (as_number(name, value, -_FARTHEST, _FARTHEST) - slot.center) / slot.scale
        return [as_number(name, x, -_LARGEST, _LARGEST)]
    except InputError:
        raise InputError(f"rules: {name} must be {_allowed_value(slot)}, given {shown_value(value)}") from None


def _allowed(slots: Sequence[BeliefSpec]) -> str:
    """What a rule may be, in words."""
    value = _allowed_value(slots[0])
    return value if slots[0].index is None else f"a list of {len(slots)}, each {value}"


def _allowed_value(slot: BeliefSpec) -> str:
    if slot.kind == "categorical":
        return f"one of {shown_names(slot.options)}"
    unit = f" {shown(slot.unit, 16)}" if slot.unit else ""
    return f"a finite number, trained from {slot.center - slot.scale:g} to {slot.center + slot.scale:g}{unit}"


def _meant(given: Any, names: Iterable[str]) -> str:
    """The nearest right spelling, in words; nothing if none is near."""
    import difflib  # late: only for a message

    some = list(islice(names, NUM_COMPARED))
    near = difflib.get_close_matches(given[:NUM_CHARACTERS], some, 1) if isinstance(given, str) else []
    return f" (did you mean {shown(near[0])!r}?)" if near else ""
