"""Checks what a game passes in, and converts it to the policy's shapes and dtypes.

``rows`` is the leading shape: () for one agent's own value, (N,) for N agents side by side. Errors say what was
expected, what was given, and for observations which feature is meant.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gameagent_sdk.bundle.manifest import Manifest
from gameagent_sdk.errors import InputError, shown, shown_names, shown_value

_LARGEST = float(np.finfo(np.float32).max)
_LARGEST_SETTING = 1e300

Rows = tuple[()] | tuple[int]


def as_observations(manifest: Manifest, value: ArrayLike, rows: Rows) -> NDArray[np.float32]:
    """Observations as float32 (*rows, D), C-contiguous, finite.

    Raises:
        InputError: Another shape or dtype, or a NaN or infinity; the message names the features.
    """

    def expected() -> str:
        return f"finite numbers of shape {shape}, the features {describe_features(manifest)}"

    shape = (*rows, manifest.observation_size)
    array = as_array("observation", value, "biuf", shape, expected)
    observations = _as_float32(array)
    finite = np.isfinite(observations)
    if not finite.all():
        position = tuple(np.argwhere(~finite)[0])
        at, feature = ", ".join(map(str, position)), shown(_feature_at(manifest, int(position[-1])))
        raise InputError(f"observation[{at}] ({feature}) must be a finite number, given {array[position]}")
    return observations


def fill_legal_actions(
    manifest: Manifest, value: ArrayLike | None, out: NDArray[np.bool_] | None, name: str = "legal_actions"
) -> None:
    """Writes one agent's legal actions where the policy reads them: `as_legal_actions` of one agent.

    Args:
        manifest: Says whether there is a mask.
        value: (A,) True or False; None if the policy takes no mask.
        out: bool (A,); None if the policy takes no mask.
        name: What messages call it.

    Raises:
        InputError: As `as_legal_actions`.
    """
    if out is not None and isinstance(value, np.ndarray) and value.dtype == np.bool_ and value.shape == out.shape:
        out[:] = value
        if value.any():
            return
    legal = as_legal_actions(manifest, value, (), name)
    if out is not None and legal is not None:
        out[:] = legal


def as_legal_actions(
    manifest: Manifest, value: ArrayLike | None, rows: Rows, name: str = "legal_actions"
) -> NDArray[np.bool_] | None:
    """Legal actions as bool (*rows, A) with a legal one in each row; None if the policy takes no mask.

    Raises:
        InputError: It is given although there is no mask, or missing although there is one; it has another shape or
            dtype; or no action is legal.
    """

    def expected() -> str:
        return f"of shape {shape}, one True or False (not an index) for each of {shown_names(manifest.action.names)}"

    shape = (*rows, manifest.num_actions)
    if not manifest.action.mask:
        if value is not None:
            raise InputError("this bundle's actions have no mask (manifest.action.mask): leave legal_actions out")
        return None
    if value is None:
        raise InputError(f"{name} is needed at every decision, {expected()}")
    array = as_array(name, value, "biu", shape, expected)
    legal = array != 0
    if not (legal == array).all():
        raise InputError(f"{name} must be {expected()}, given the value {array[legal != array][0]}")
    if not legal.any(axis=-1).all():
        raise InputError(f"{name} has no True: at least one action must be legal at every decision")
    return np.ascontiguousarray(legal)


def as_reward(value: float) -> float:
    """One reward as a float that is finite in single precision too; raises as `as_rewards`."""
    if type(value) in (float, int) and -_LARGEST <= value <= _LARGEST:
        return float(value)
    return float(as_rewards(value, rows=()))


def as_rewards(value: ArrayLike, rows: Rows) -> NDArray[np.float32]:
    """Rewards as float32 (*rows), finite.

    Raises:
        InputError: Another shape or dtype, or not finite in single precision.
    """
    array = as_array("reward", value, "biuf", rows, lambda: one_or_many("a finite number", rows))
    rewards = _as_float32(array)
    if not np.isfinite(rewards).all():
        raise InputError(f"reward must be a finite number, given {array[~np.isfinite(rewards)].flat[0]}")
    return rewards


def as_flag(name: str, value: bool | np.bool_) -> bool:
    """One flag; raises as `as_flags`."""
    return value if isinstance(value, bool) else bool(as_flags(name, value, rows=()))


def as_flags(name: str, value: ArrayLike, rows: Rows) -> NDArray[np.bool_]:
    """Flags as bool (*rows).

    Raises:
        InputError: Another shape or dtype.
    """
    return as_array(name, value, "b", rows, lambda: one_or_many("True or False", rows))


def as_number(name: str, value: Any, low: float, high: float = math.inf) -> float:
    """A setting as a float; numpy numbers are accepted like Python's.

    Raises:
        InputError: It is not a finite number from ``low`` to ``high``.
    """
    number = _plain(value)
    usable = isinstance(number, int | float) and low <= number <= min(high, _LARGEST_SETTING)
    if not usable:
        limits = f"of {low:g} or above" if high == math.inf else f"from {low:g} to {high:g}"
        raise InputError(f"{name} must be a finite number {limits}, given {shown_value(value)}")
    return float(number)


def as_count(name: str, value: Any, low: int = 1) -> int:
    """A count as an int.

    Raises:
        InputError: It is not an integer of ``low`` or above.
    """
    number = _plain(value)
    if not (isinstance(number, int) and number >= low):
        raise InputError(f"{name} must be at least {low}, an integer, given {shown_value(value)}")
    return number


def as_seed(value: Any) -> int | None:
    """A seed.

    Raises:
        InputError: It is neither None nor an integer of 0 or above.
    """
    number = _plain(value)
    if number is not None and not (isinstance(number, int) and number >= 0):
        given = shown_value(value)
        raise InputError(f"seed must be an integer of 0 or above, or None for a fresh one every time, given {given}")
    return number


def all_finite(numbers: NDArray[np.float32], small: NDArray[np.float32]) -> bool:
    """Whether a vector is finite, in one product: a sum that is weighted so lightly that it cannot overflow.

    Args:
        numbers: (D,).
        small: (D,), from `small_weights`.
    """
    return math.isfinite(numbers.dot(small))


def small_weights(size: int) -> NDArray[np.float32]:
    """The weights for `all_finite`: up to 10**5 of the largest float32 add up to less than the largest."""
    return np.full(size, 1e-6, np.float32)


def describe_features(manifest: Manifest) -> str:
    """The observation's features in order with their sizes, such as ``ball (2), paddle (1)``."""
    return shown_names(f"{feature.name} ({feature.size})" for feature in manifest.observation)


def as_array(
    name: str, value: ArrayLike, kinds: str, shape: tuple[int, ...], expected: Callable[[], str]
) -> NDArray[Any]:
    """An array of a wanted shape and of numpy's dtype kinds ("b" bool, "iu" integers, "f" floats)."""
    try:
        array = np.asarray(value)
    except (TypeError, ValueError, RuntimeError) as error:  # ragged lists, or tensors of another library
        raise InputError(
            f"{name} must be {expected()}: given what does not make an array ({shown(str(error), 200)})"
        ) from error
    if array.dtype.kind not in kinds:
        raise InputError(f"{name} must be {expected()}: given {type(value).__name__} of dtype {array.dtype}")
    if array.shape != shape:
        raise InputError(f"{name} must be {expected()}: given shape {array.shape}")
    return array


def _plain(value: Any) -> Any:
    """A number of numpy's as Python's, and an array of one entry without axes likewise; anything else as it is.

    Comparing numpy's own would warn if a limit does not fit into their type, or lose digits.
    """
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    if isinstance(value, np.floating):
        return float(value)  # np.longdouble.item() is not one of Python's
    return value.item() if isinstance(value, np.integer | np.bool_) else value


def _as_float32(array: NDArray[Any]) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):  # too large for float32 becomes infinite, and the caller says so
        return array.astype(np.float32, order="C")


def _feature_at(manifest: Manifest, index: int) -> str:
    """The name of the feature that the observation's number ``index`` belongs to."""
    ends = np.cumsum([feature.size for feature in manifest.observation])
    return manifest.observation[int(np.searchsorted(ends, index, side="right"))].name


def one_or_many(what: str, rows: Rows) -> str:
    """What is expected, in words: one thing, or one for each row."""
    return f"{what} for each row, of shape {rows}" if rows else what
