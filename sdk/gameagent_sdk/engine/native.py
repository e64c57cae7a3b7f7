"""An environment's own observations as rows, and its own actions from a policy's, as a plan says."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gameagent_sdk.bundle.plan import NativeActionSpec, PartSpec, PlanSpec, path_name
from gameagent_sdk.engine.inputs import as_array
from gameagent_sdk.errors import InputError, shown_names, shown_value

NUMBERS = "biuf"  # numpy's kinds of dtypes: bools, integers, floats
WORTH_GATHERING = 4  # observations: fewer are written faster one by one


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

    def write_rows(self, observations: Sequence[Any], out: NDArray[np.float32]) -> None:
        """Writes N observations at once, each as `write` would, in a fraction of the time.

        Args:
            observations: N of them, at least one, each as an environment gave it.
            out: float32 ``(N, size)``; if an observation is refused it may hold anything. For numbers that are not
                finite see `write`.

        Raises:
            InputError: As `write`, for the first part that is refused.
        """
        if len(observations) < WORTH_GATHERING:
            for observation, row in zip(observations, out, strict=True):
                self.write(observation, row)
            return
        for part, place in self._parts:
            values = [part_at(one, part.path) for one in observations] if part.path else observations
            out[:, place] = part.rows(values)

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
        return self._scaled(as_array(self.name, value, NUMBERS, self.spec.shape, self._expected)[None]).reshape(-1)

    def rows(self, values: Sequence[Any]) -> NDArray[np.float32]:
        """The numbers ``(N, spec.size)`` of N values of the part."""
        shape, first = self.spec.shape, values[0]
        if type(first) is np.ndarray and shape and first.dtype.kind in NUMBERS:
            same = set(map(type, values)) == {np.ndarray} and {one.dtype for one in values} == {first.dtype}
            if same and {one.shape for one in values} == {shape}:
                return self._scaled(np.concatenate(values).reshape(len(values), *shape)).reshape(len(values), -1)
        if not shape and isinstance(first, int | float | np.number) and all(type(one) is type(first) for one in values):
            numbers = np.array(values)
            if numbers.dtype.kind in NUMBERS:  # whole numbers of Python's may be too large for any
                return self._scaled(numbers).reshape(-1, 1)
        return np.stack([self.row(value) for value in values])

    def _scaled(self, arrays: NDArray[Any]) -> NDArray[np.float32]:
        """Values ``(N, *spec.shape)`` as the policy reads them, ``(N, *spec.row_shape)``."""
        spec = self.spec
        if spec.axes:
            arrays = arrays.transpose((0, *(1 + axis for axis in spec.axes)))
        with np.errstate(over="ignore", invalid="ignore"):  # what is not finite then is refused
            scaled = arrays.astype(np.float32, order="C")
            if spec.pool > 1:
                scaled = _pooled(scaled, spec.pool)
            if spec.offset:
                scaled -= self._offset
            if spec.scale != 1.0:
                scaled *= self._scale
        return scaled

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
        self._scalars = np.array(self._numbers, spec.dtype)
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
        return self._in_box(np.asarray(action, np.float64), ())

    def to_native_rows(self, actions: NDArray[Any]) -> list[Any]:
        """N actions at once, each as `to_native` makes it.

        Args:
            actions: int64 ``(N,)``, or floats ``(N, A)`` within the box.

        Returns:
            A list of N; plain numbers are numpy's here, as a space of Gymnasium's samples them and checks them fastest.
        """
        if self._numbers:
            return list(self._scalars[actions])
        if self._values:
            return [self._values[action].copy() for action in actions]
        return list(self._in_box(actions, (len(actions),)))

    def _in_box(self, numbers: NDArray[Any], rows: tuple[int, ...]) -> NDArray[Any]:
        rounded = np.rint(numbers) if self._rounds else numbers
        return rounded.astype(self._spec.dtype).reshape(*rows, *self._spec.shape)

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
