"""An environment's own observations as rows, and its own actions from a policy's, as a plan says."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gameagent_sdk.bundle.plan import NativeActionSpec, PartSpec
from gameagent_sdk.errors import InputError, shown_value


class NativeObservations:
    """Reads the observations of one plan.

    Attributes:
        size: How many numbers a row has.
    """

    def __init__(self, parts: tuple[PartSpec, ...]) -> None:
        """Takes `PlanSpec.parts`."""
        ends = np.cumsum([part.size for part in parts]).tolist()
        starts = [0, *ends[:-1]]
        self._parts = [(part, slice(start, end)) for part, start, end in zip(parts, starts, ends, strict=True)]
        self.size = ends[-1]

    def write(self, observation: Any, out: NDArray[np.float32]) -> None:
        """Writes an observation's parts where the policy reads them.

        Args:
            observation: As the environment gave it.
            out: float32 ``(size,)``; if the observation is refused it may hold anything.

        Raises:
            InputError: A part is missing, or is no array of numbers of its shape.
        """
        for part, place in self._parts:
            out[place] = _row(part, part_at(observation, part.path))


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
            above = PartSpec(path[:depth]).name
            raise InputError(f"{above} must hold {key!r}, given {shown_value(found)}") from None
    return found


def _row(part: PartSpec, value: Any) -> NDArray[np.float32]:
    """The numbers ``(part.size,)`` of one part."""
    try:
        array = np.asarray(value, np.float32)
    except (TypeError, ValueError):
        raise InputError(f"{part.name} must hold numbers of shape {part.shape}, given {shown_value(value)}") from None
    if array.shape != part.shape:
        raise InputError(f"{part.name} must have shape {part.shape}, given {array.shape}")
    if part.axes:
        array = array.transpose(part.axes)
    if part.pool > 1:
        *before, height, width = part.row_shape
        array = array[..., : height * part.pool, : width * part.pool]
        array = array.reshape(*before, height, part.pool, width, part.pool).mean((-3, -1), dtype=np.float32)
    if part.offset:
        array = array - np.float32(part.offset)
    if part.scale != 1.0:
        array = array * np.float32(part.scale)
    return array.reshape(-1)


class NativeActions:
    """Makes the actions of one plan, and reads them back."""

    def __init__(self, spec: NativeActionSpec) -> None:
        """Takes `PlanSpec.action`."""
        self._spec = spec
        self._values = [np.array(value, spec.dtype).reshape(spec.shape) for value in spec.values]
        self._indices = {value: index for index, value in enumerate(spec.values)}

    def to_native(self, action: Any) -> Any:
        """The environment's action for a policy's: an index, or float64 ``(A,)``.

        Returns:
            An int where the environment takes a plain number; otherwise a fresh array.
        """
        if not self._values:
            return np.asarray(action, np.float64).astype(self._spec.dtype).reshape(self._spec.shape)
        value = self._values[action]
        return value.copy() if self._spec.shape else int(value)

    def from_native(self, action: Any) -> Any:
        """The policy's action for an environment's: an index, or float64 ``(A,)``.

        Raises:
            InputError: It is not one that the environment takes.
        """
        try:
            array = np.asarray(action, np.float64)
        except (TypeError, ValueError):
            raise InputError(f"action must hold numbers, given {shown_value(action)}") from None
        if array.shape != self._spec.shape:
            raise InputError(f"action must have shape {self._spec.shape}, given {array.shape}")
        if not self._values:
            return array.reshape(-1)
        index = self._indices.get(tuple(array.reshape(-1).tolist()))
        if index is None:
            raise InputError(f"action must be one of the environment's own, given {shown_value(action)}")
        return index
