"""From an environment's spaces to features, actions and the plan that leads from one to the other."""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np

from gameagent_games.errors import FamilyError
from gameagent_games.field_types import nearest
from gameagent_games.interface import Box, Feature
from gameagent_games.sources.environments.adapters import MASK
from gameagent_sdk.authoring import NativeActionSpec, PartSpec

LARGEST_SIDE: Final = 48  # pixels of an image that is read as it is; larger ones are shrunk
LEAST_MAP: Final = 5  # cells: what has shorter sides is read as plain numbers
MOST_CATEGORIES: Final = 4096  # of a number that is read one-hot
MOST_ACTIONS: Final = 512  # combinations of a MultiDiscrete
BYTE: Final = 255
LARGE: Final = 1e30  # a bound beyond which there is none
KINDS: Final = ("vector", "flags", "category", "grid", "drop")


@dataclass(frozen=True)
class Reading:
    """How a person wants one part of an observation to be read, against what its space suggests.

    Attributes:
        kind: A kind of features, or "drop" to leave it out; empty for what the space suggests.
        pool: Side of the squares of an image whose mean is taken; 0 for what its size suggests.
        channels: "first" or "last" of the three axes of an image; empty for what its shape suggests.
        high: Greatest number of a category; None for what the space says.
    """

    kind: str = ""
    pool: int = 0
    channels: str = ""
    high: int | None = None


@dataclass
class Observations:
    """What becomes of an observation space.

    Attributes:
        features: In the order of the row.
        parts: How each of them is filled.
        dropped: Names of what is left out, with the reason.
        mask: Where the legal actions are; empty if they are not part of the observation.
    """

    features: list[Feature] = field(default_factory=list)
    parts: list[PartSpec] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    mask: tuple[str, ...] = ()


def read_observations(space: Any, readings: Mapping[str, Reading], game: str) -> Observations:
    """What an agent reads of an observation space.

    Args:
        space: Gymnasium's.
        readings: What a person wants, by the part's name, as features are named.
        game: For messages.

    Raises:
        FamilyError: A part is of a kind that cannot be read, or a name in ``readings`` is none of the parts'.
    """
    found, names = Observations(), []
    for path, leaf in _leaves(space, ()):
        if path and path[-1] == MASK:
            found.mask = path
            continue
        name = _name(path)
        names.append(name)
        _add(found, path, leaf, name, readings.get(name, Reading()), game)
    if unknown := sorted(set(readings) - set(names)):
        hint = nearest(unknown[0], names)
        raise FamilyError(f"observation has no part {unknown[0]!r}; its parts are {', '.join(names)}{hint}")
    if not found.features:
        raise FamilyError(f"game {game!r}: nothing of its observation can be read: {'; '.join(found.dropped)}")
    return found


def _leaves(space: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    kind = _kind(space)
    if kind == "Dict":
        for key, inner in space.spaces.items():
            yield from _leaves(inner, (*path, str(key)))
    elif kind == "Tuple":
        for index, inner in enumerate(space.spaces):
            yield from _leaves(inner, (*path, str(index)))
    else:
        yield path, space


def _kind(space: Any) -> str:
    """Name of the class of Gymnasium's that a space is of, without importing Gymnasium."""
    names = [one.__name__ for one in type(space).__mro__ if one.__module__.startswith("gymnasium.spaces")]
    return names[0] if names else type(space).__name__


def _name(path: tuple[str, ...]) -> str:
    words = [f"part_{step}" if step.isdigit() else step for step in path]
    name = "_".join("".join(c if c.isalnum() else "_" for c in word) for word in words).strip("_").lower()
    return name or "observation"


def _add(found: Observations, path: tuple[str, ...], space: Any, name: str, reading: Reading, game: str) -> None:
    if reading.kind == "drop":
        found.dropped.append(f"{name} (as asked)")
        return
    kind = _kind(space)
    if kind == "Text" or _is_text(space):
        found.dropped.append(f"{name} (text)")
        return
    readers = {"Box": _box, "Discrete": _discrete, "MultiDiscrete": _multi_discrete, "MultiBinary": _multi_binary}
    if kind not in readers:
        raise FamilyError(
            f"game {game!r}: observation part {name!r} is a {type(space).__name__} space, which cannot be read; "
            "expected Box, Discrete, MultiDiscrete, MultiBinary, or a Dict or Tuple of these. Wrap the environment so "
            f'that it gives one of them, or leave the part out: [environment.observation] {name} = "drop"'
        )
    feature, part = readers[kind](space, name, reading)
    found.features.append(feature)
    found.parts.append(replace(part, path=path))


def _is_text(space: Any) -> bool:
    """Whether a space of a class of its own holds texts, as MiniGrid's missions do."""
    if _kind(space) not in ("Space", type(space).__name__):
        return False
    try:
        return isinstance(space.sample(), str)
    except Exception:  # a space may be anything
        return False


def _box(space: Any, name: str, reading: Reading) -> tuple[Feature, PartSpec]:
    shape = tuple(int(size) for size in space.shape)
    low, high = float(np.min(space.low)), float(np.max(space.high))
    if reading.kind == "category":
        return _as_categories(name, shape, int(high if reading.high is None else reading.high))
    if reading.kind == "grid" or (not reading.kind and _looks_like_a_map(shape)):
        return _as_map(space, name, shape, reading)
    binary = (low, high) == (0.0, 1.0) and np.dtype(space.dtype).kind in "bui"
    if reading.kind == "flags" or (binary and not reading.kind):
        return Feature(name, shape=shape or (1,), kind="flags"), PartSpec(shape=shape)
    low, high = _bounds(space)
    if np.dtype(space.dtype).kind == "f" and (low, high) != (0.0, 1.0):  # environments leave such bounds now and then
        low, high = -math.inf, math.inf
    return Feature(name, shape=shape or (1,), low=low, high=high), PartSpec(shape=shape)


def _bounds(space: Any) -> tuple[float, float]:
    """Least and greatest value of a Box, infinite where there is no bound; a value that never varies gets room."""
    low, high = float(np.min(space.low)), float(np.max(space.high))
    low, high = low if low > -LARGE else -math.inf, high if high < LARGE else math.inf
    return low, high if low < high else low + 1.0


def _looks_like_a_map(shape: tuple[int, ...]) -> bool:
    return len(shape) in (2, 3) and sorted(shape)[-2] >= LEAST_MAP and (len(shape) == 3 or min(shape) >= LEAST_MAP)


def _as_map(space: Any, name: str, shape: tuple[int, ...], reading: Reading) -> tuple[Feature, PartSpec]:
    """A feature with channels first, shrunk if it is large; bytes become numbers from 0 to 1."""
    if len(shape) not in (2, 3):
        raise FamilyError(f"observation part {name!r} has shape {shape}, which is no grid: expected 2 or 3 axes")
    last = len(shape) == 3 and (reading.channels or _likely_channels(shape)) == "last"
    part = PartSpec(shape=shape, axes=(2, 0, 1) if last else ())
    height, width = part.row_shape[-2:]
    pool = reading.pool or max(1, -(-max(height, width) // LARGEST_SIDE))
    low, high = _bounds(space)
    is_image = np.dtype(space.dtype) == np.uint8 and high == BYTE
    scale = 1.0 / BYTE if is_image else 1.0
    part = replace(part, pool=pool, scale=scale)
    row_shape = part.row_shape if len(shape) == 3 else (1, *part.row_shape)
    return Feature(name, shape=row_shape, kind="grid", low=low * scale, high=high * scale), part


def _likely_channels(shape: tuple[int, ...]) -> str:
    return "first" if shape[0] < min(shape[1:]) else "last"


def _discrete(space: Any, name: str, reading: Reading) -> tuple[Feature, PartSpec]:
    feature, part = _as_categories(name, (), int(space.n) - 1)
    return feature, replace(part, offset=float(space.start))


def _multi_discrete(space: Any, name: str, reading: Reading) -> tuple[Feature, PartSpec]:
    start = np.broadcast_to(getattr(space, "start", 0), space.nvec.shape)
    if (start != start.flat[0]).any():
        raise FamilyError(f"observation part {name!r} is a MultiDiscrete with different starts: give all the same")
    feature, part = _as_categories(name, tuple(space.nvec.shape), int(space.nvec.max()) - 1)
    return feature, replace(part, offset=float(start.flat[0]))


def _multi_binary(space: Any, name: str, reading: Reading) -> tuple[Feature, PartSpec]:
    shape = tuple(int(size) for size in space.shape)
    return Feature(name, shape=shape, kind="flags"), PartSpec(shape=shape)


def _as_categories(name: str, shape: tuple[int, ...], high: int) -> tuple[Feature, PartSpec]:
    """One-hot, or a plain number where there is nothing to choose, or far too much."""
    if 1 <= high < MOST_CATEGORIES:
        return Feature(name, shape=shape or (1,), kind="category", low=0.0, high=high), PartSpec(shape=shape)
    return Feature(name, shape=shape or (1,), low=0.0, high=float(max(high, 1))), PartSpec(shape=shape)


def read_actions(space: Any, names: Sequence[str], game: str) -> tuple[tuple[str, ...] | Box, NativeActionSpec]:
    """What an agent does in an action space: numbered actions, or a box; and how it becomes the environment's own.

    Args:
        space: Gymnasium's.
        names: Of the discrete actions, or of a box's components; empty to number them.
        game: For messages.

    Raises:
        FamilyError: The space is of another kind, has infinite bounds, too many combinations, or other names.
    """
    kind = _kind(space)
    if kind == "Box":
        return _box_actions(space, names, game)
    if kind == "Discrete":
        start = int(space.start)
        values: list[tuple[int, ...]] = [(number,) for number in range(start, start + int(space.n))]
        shape: tuple[int, ...] = ()
        dtype = "int64"
    elif kind in ("MultiDiscrete", "MultiBinary"):
        sizes = np.full(space.shape, 2) if kind == "MultiBinary" else space.nvec
        starts = np.broadcast_to(getattr(space, "start", 0), sizes.shape)
        if math.prod(int(size) for size in sizes.flat) > MOST_ACTIONS:
            raise FamilyError(
                f"game {game!r}: its {kind} actions make {math.prod(int(size) for size in sizes.flat)} combinations, "
                f"expected at most {MOST_ACTIONS}; offer fewer in a wrapper (gymnasium.wrappers.TransformAction)"
            )
        ranges = [range(int(low), int(low + size)) for low, size in zip(starts.flat, sizes.flat, strict=True)]
        values, shape, dtype = list(itertools.product(*ranges)), tuple(sizes.shape), str(np.dtype(space.dtype))
    else:
        raise FamilyError(
            f"game {game!r}: its actions are a {type(space).__name__} space, expected Discrete, MultiDiscrete, "
            "MultiBinary or Box; wrap the environment so that it takes one of them"
        )
    if len(values) < 2:
        raise FamilyError(f"game {game!r} has a single action: there is nothing to decide")
    named = _names(names, ["_".join(map(str, value)) for value in values], "action_", game)
    return named, NativeActionSpec(shape, dtype, tuple(values))


def _box_actions(space: Any, names: Sequence[str], game: str) -> tuple[Box, NativeActionSpec]:
    low, high = (np.asarray(bound, np.float64).reshape(-1) for bound in (space.low, space.high))
    if not (np.abs(low) < LARGE).all() or not (np.abs(high) < LARGE).all():
        raise FamilyError(
            f"game {game!r}: the bounds of its Box of actions are infinite; name finite ones in a factory, with "
            "gymnasium.wrappers.RescaleAction or TransformAction"
        )
    shape = tuple(int(size) for size in space.shape)
    named = _names(names, [str(number) for number in range(len(low))], "action_", game)
    return Box(named, low.tolist(), high.tolist()), NativeActionSpec(shape, str(np.dtype(space.dtype)))


def _names(given: Sequence[str], plain: list[str], prefix: str, game: str) -> tuple[str, ...]:
    if not given:
        return tuple(prefix + one for one in plain)
    if len(given) != len(plain) or len(set(given)) != len(given):
        raise FamilyError(f"game {game!r}: got {len(given)} names of actions, expected {len(plain)} different ones")
    return tuple(given)
