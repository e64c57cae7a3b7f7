"""A variant's values as the interpreter hands them to the rules: a comparison that can never hold is an error.

Compiled code compares values as they are: ``variant.weather == "hto"``, ``variant.weather == 0`` and
``variant.speed == "fast"`` are silently False there. So the interpreter, which `check_family` runs, gets values that
refuse such a comparison.
"""

from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from gameagent_games.errors import FamilyError


class RuleName(str):
    """The name that a variant has for a rule; compares with the rule's names only."""

    _rule: str
    _names: tuple[str, ...]

    def __new__(cls, value: str, rule: str, names: tuple[str, ...]) -> "RuleName":
        """``value`` is what the variant says, one of ``names``."""
        name = super().__new__(cls, value)
        name._rule, name._names = rule, names
        return name

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, str) or str.__str__(other) not in self._names:
            raise FamilyError(_compared(self._rule, self._names, other))
        return str.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = str.__hash__

    def _refuse(self, *_: Any) -> NoReturn:
        listed = ", ".join(map(repr, self._names))
        raise FamilyError(f"rule {self._rule!r} is a name, not a number; compare it with == and one of {listed}")

    __bool__ = __int__ = __float__ = __index__ = __lt__ = __le__ = __gt__ = __ge__ = _refuse
    __add__ = __radd__ = __mul__ = __rmul__ = __mod__ = __and__ = __rand__ = _refuse


class RuleCode(int):
    """The position of a name in its rule's list; compares with such positions only."""

    _rule: str
    _names: tuple[str, ...]

    def __new__(cls, value: int, rule: str, names: tuple[str, ...]) -> "RuleCode":
        """``value`` is what the variant says, an index into ``names``."""
        code = super().__new__(cls, value)
        code._rule, code._names = rule, names
        return code

    def __eq__(self, other: object) -> bool:
        if isinstance(other, str) or other not in range(len(self._names)):
            raise FamilyError(_compared_code(self._rule, self._names, other))
        return int.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = int.__hash__


class CodedNames(np.ndarray[Any, np.dtype[np.int64]]):
    """An array rule of names as the positions of its names, int64; entries are `RuleCode`."""

    _rule: str
    _names: tuple[str, ...]

    def __new__(cls, stored: NDArray[np.int64], rule: str, names: tuple[str, ...]) -> "CodedNames":
        """A view of ``stored``."""
        codes = stored.view(cls)
        codes._rule, codes._names = rule, names
        return codes

    def __getitem__(self, index: Any) -> Any:
        entry = np.asarray(self)[index]
        return RuleCode(int(entry), self._rule, self._names) if np.ndim(entry) == 0 else entry

    def __iter__(self) -> Any:
        return (self[index] for index in range(len(self)))

    def __eq__(self, other: object) -> Any:
        if np.asarray(other).dtype.kind in "US":
            raise FamilyError(_compared_code(self._rule, self._names, other))
        return np.asarray(self) == other

    def __ne__(self, other: object) -> Any:
        return np.logical_not(self == other)

    __hash__ = None


class RuleInt(int):
    """A whole number that a variant has for a rule; refuses to be compared with a text."""

    _rule: str

    def __eq__(self, other: object) -> bool:
        if isinstance(other, str):
            raise FamilyError(_compared_number(self._rule, self, other))
        return int.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = int.__hash__


class RuleFloat(float):
    """A real number that a variant has for a rule; refuses to be compared with a text."""

    _rule: str

    def __eq__(self, other: object) -> bool:
        if isinstance(other, str):
            raise FamilyError(_compared_number(self._rule, self, other))
        return float.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = float.__hash__


def numbered(value: Any, rule: str) -> Any:
    """A single stored value that is not a name as the interpreter hands it to the rules."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    number = RuleInt(value) if isinstance(value, int) else RuleFloat(value)
    number._rule = rule
    return number


def named(stored: Any, rule: str, names: tuple[str, ...]) -> RuleName | CodedNames:
    """A stored value of a Choice of names as the interpreter hands it to the rules."""
    return CodedNames(stored, rule, names) if stored.ndim else RuleName(stored.item(), rule, names)


def _compared(rule: str, names: tuple[str, ...], other: object) -> str:
    return f"rule {rule!r} is compared with {other!r}, expected one of its names: {', '.join(map(repr, names))}"


def _compared_number(rule: str, value: float, other: str) -> str:
    return f"rule {rule!r} is compared with {other!r}, but it is a number ({value!r} here)"


def _compared_code(rule: str, names: tuple[str, ...], other: object) -> str:
    listed = ", ".join(f"{code} for {name!r}" for code, name in enumerate(names))
    return f"an entry of rule {rule!r} is compared with {other!r}; an array of names holds {listed}"
