"""An environment's own observations as rows, and its own actions from a policy's, as a plan says."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gameagent_sdk.bundle.plan import NativeActionSpec, PartSpec, PlanSpec, path_name
from gameagent_sdk.engine.inputs import as_array
from gameagent_sdk.errors import InputError, shown_names, shown_value

NUMBERS = "biuf"  # numpy's kinds of dtypes: bools, integers, floats


class Native:
    """What stands between an environment and a policy's rows, as a plan says.

    Attributes:
        observations: Reads the environment's observations.
        actions: Makes its actions.
        mask: Where in an observation the legal actions are; empty if not there.
    """

    def __init__(self, plan: PlanSpec) -> None:
        """Takes the plan of a manifest."""
        self.observations = NativeObservations(plan.parts)
        self.actions = NativeActions(plan.action)
        self.mask = plan.mask


class NativeObservations:
    """Reads the observations of one plan.

    Attributes:
        size: How many numbers a row has.
    """

    def __init__(self, parts: tuple[PartSpec, ...]) -> None:
        """Takes `PlanSpec.parts`."""
        ends = np.cumsum([part.size for part in parts]).tolist()
        starts = [0, *ends[:-1]]
        self._parts = [(_Part(part), slice(start, end)) for part, start, end in zip(parts, starts, ends, strict=True)]
        self.size: int = ends[-1]

    def write(self, observation: Any, out: NDArray[np.float32]) -> None:
        """Writes an observation's parts where the policy reads them.

        Args:
            observation: As the environment gave it. Parts that are float32 arrays and taken as they are are fastest.
            out: float32 ``(size,)``; if the observation is refused it may hold anything. Numbers that are not finite,
                or too large for single precision, are written as NaN or infinity; see `refuse_infinite`.

        Raises:
            InputError: A part is missing, or is no array of numbers of its shape.
        """
        for part, place in self._parts:
            value = part_at(observation, part.path) if part.path else observation
            if (
                part.is_copied
                and type(value) is np.ndarray
                and value.dtype == np.float32
                and value.shape == part.spec.shape
            ):
                out[place] = value.reshape(-1)
            else:
                out[place] = part.row(value)

    def refuse_infinite(self, row: NDArray[np.float32]) -> None:
        """Refuses a row that `write` wrote if not all of its numbers are finite.

        Args:
            row: float32 ``(size,)``.

        Raises:
            InputError: Some are not; the message names the part.
        """
        for part, place in self._parts:
            numbers = row[place]
            wrong = numbers[~np.isfinite(numbers)]
            if wrong.size:
                raise InputError(f"{part.name} must hold finite numbers, given what is {wrong[0]} in single precision")


class _Part:
    """One part, with what need not be worked out again for every observation."""

    def __init__(self, spec: PartSpec) -> None:
        self.spec = spec
        self.path = spec.path
        self.name = spec.name
        self.is_copied = not spec.axes and spec.pool == 1 and spec.offset == 0.0 and spec.scale == 1.0
        self._offset, self._scale = np.float32(spec.offset), np.float32(spec.scale)

    def row(self, value: Any) -> NDArray[np.float32]:
        """The numbers ``(spec.size,)`` of the part."""
        spec = self.spec
        array = as_array(self.name, value, NUMBERS, spec.shape, self._expected)
        if spec.axes:
            array = array.transpose(spec.axes)
        with np.errstate(over="ignore", invalid="ignore"):  # what is not finite then is refused
            array = array.astype(np.float32, order="C")
            if spec.pool > 1:
                array = _pooled(array, spec.pool)
            if spec.offset:
                array -= self._offset
            if spec.scale != 1.0:
                array *= self._scale
        return array.reshape(-1)

    def _expected(self) -> str:
        return f"numbers of shape {self.spec.shape}" if self.spec.shape else "a number"


def _pooled(array: NDArray[np.float32], pool: int) -> NDArray[np.float32]:
    """The means of squares of the last two axes, in an array of their own."""
    *before, height, width = array.shape
    height, width = height // pool, width // pool
    array = array[..., : height * pool, : width * pool]
    # neighbouring lines first: several times faster than both axes at once
    lines = array.reshape(*before, height, pool, width * pool).sum(axis=-2)
    squares: NDArray[np.float32] = lines.reshape(*before, height, width, pool).sum(axis=-1)
    squares /= pool * pool
    return squares


def part_at(observation: Any, path: tuple[str, ...]) -> Any:
    """What an observation holds at a path; see `PartSpec.path`.

    Raises:
        InputError: There is nothing.
    """
    found = observation
    for depth, key in enumerate(path):
        try:
            found = found[int(key)] if isinstance(found, tuple | list) else found[key]
        except (LookupError, TypeError, ValueError):
            raise InputError(f"{path_name(path[:depth])} must hold {key!r}, given {_called(found)}") from None
    return found


def _called(value: Any) -> str:
    """What was found in place of something that holds parts."""
    if isinstance(value, Mapping):
        return f"a dict of {shown_names(map(repr, value))}" if value else "an empty dict"
    return f"a tuple of {len(value)}" if isinstance(value, tuple) else shown_value(value)


class NativeActions:
    """Makes the actions of one plan, and reads them back."""

    def __init__(self, spec: NativeActionSpec) -> None:
        """Takes `PlanSpec.action`."""
        self._spec = spec
        self._values = [np.array(value, spec.dtype).reshape(spec.shape) for value in spec.values]
        self._numbers = [value[0] for value in spec.values] if not spec.shape else []
        self._indices = {value: index for index, value in enumerate(spec.values)}
        self._rounds = not spec.dtype.startswith("float")

    def to_native(self, action: Any) -> Any:
        """The environment's action for a policy's: an index, or float64 ``(A,)`` within the box.

        Returns:
            An int where the environment takes one of several plain numbers; otherwise a fresh array.
        """
        if self._numbers:
            return self._numbers[action]
        if self._values:
            return self._values[action].copy()
        numbers = np.asarray(action, np.float64)
        return (np.rint(numbers) if self._rounds else numbers).astype(self._spec.dtype).reshape(self._spec.shape)

    def from_native(self, action: Any) -> Any:
        """The policy's action for an environment's: an index, or ``(A,)`` numbers, which need not be within the box.

        Raises:
            InputError: It is not one that the environment takes.
        """
        array = as_array("action", action, NUMBERS, self._spec.shape, self._expected)
        if not self._values:
            return array.reshape(-1)
        index = self._indices.get(tuple(array.reshape(-1).tolist()))
        if index is None:
            raise InputError(f"action must be {self._expected()}, given {shown_value(action)}")
        return index

    def _expected(self) -> str:
        shape = f"numbers of shape {self._spec.shape}" if self._spec.shape else "a number"
        if not self._values:
            return f"{shape}, as the environment takes them"
        plain = self._numbers or [value.tolist() for value in self._values[:9]]
        return f"{shape}, one of the environment's own: {shown_names(map(str, plain))}"
