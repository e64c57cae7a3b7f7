"""A loop like a game's, for measuring: one call is timed in each frame, and the caches cool down in between.

A call that is repeated at once finds everything in the processor's caches. In a game other work comes in between, and
the same call takes several times as long: that is what counts, and what is measured here.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gameagent_sdk.agent.agent import Agent
from gameagent_sdk.bundle.manifest import Manifest

MEGABYTES = 8  # touched in a frame
NUM_SPRITES = 1000  # moved in a frame

_FARTHEST = 1e30  # float32 holds it; manifests may name bounds that it does not

_LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class Spread:
    """How long calls of one kind took, in milliseconds.

    Attributes:
        calls: The number of calls.
        p50_ms: The median.
        p99_ms: One call in a hundred took longer.
        worst_ms: The longest.
        misses: How many took longer than the deadline.
        deadline_ms: How long a call may take.
    """

    calls: int
    p50_ms: float
    p99_ms: float
    worst_ms: float
    misses: int
    deadline_ms: float

    @classmethod
    def of(cls, seconds: Sequence[float], deadline_ms: float) -> "Spread":
        """The spread of at least one call."""
        ms = np.asarray(seconds) * 1000.0
        p50, p99 = np.percentile(ms, (50, 99)).tolist()
        return cls(len(ms), p50, p99, float(ms.max()), int((ms > deadline_ms).sum()), deadline_ms)


def frames(seconds: float, fps: float, work: Callable[[], None]) -> Iterator[int]:
    """Yields at the start of each frame, right after the sleep that ends the one before; at least once.

    A frame that took too long is followed by the next at once, and the beat goes on from there.

    Args:
        seconds: How long the loop runs.
        fps: Frames per second.
        work: What else the frame does, after the caller's part.
    """
    begin = due = perf_counter()
    number = 0
    while number == 0 or perf_counter() - begin < seconds:
        yield number
        work()
        number += 1
        due += 1.0 / fps
        left = due - perf_counter()
        if left > 0:
            time.sleep(left)
        else:
            due -= left


class OtherWork:
    """A frame's work beside the agents': touches some megabytes, and moves sprites that are plain Python objects."""

    def __init__(self) -> None:
        self._memory = np.zeros(MEGABYTES * 2**20 // 4, np.float32)
        self._sprites = [{"x": float(i), "y": 0.0} for i in range(NUM_SPRITES)]

    def __call__(self) -> None:
        """Does one frame's."""
        np.add(self._memory, 1.0, out=self._memory)
        for sprite in self._sprites:
            sprite["x"] = (sprite["x"] + 1.5) % 640.0
            sprite["y"] = (sprite["y"] + 0.5) % 480.0


class RandomGame:
    """Stands in for a game that is not there: says random things that the bundle's own game could say."""

    def __init__(self, manifest: Manifest, seed: int = 0) -> None:
        """Takes ranges from the manifest; if a side is unbounded, numbers within 1 of the other side, or of 0."""
        self._manifest = manifest
        self._rng = np.random.default_rng(seed)
        bounds = [_bounds(feature.low, feature.high) for feature in manifest.observation]
        sizes = [feature.size for feature in manifest.observation]
        self._low = np.repeat([low for low, _ in bounds], sizes)
        self._range = np.repeat([high - low for low, high in bounds], sizes)
        parts = () if manifest.plan is None else manifest.plan.parts
        self._parts = list(zip(parts, bounds, strict=False))  # features of shown rules have no part

    def observation(self) -> Any:
        """Uniform in the features' ranges: float32 (D,); with a plan, as its environment would give it.

        A plan does not say whether parts are in dicts or in tuples: here they are in dicts.
        """
        if not self._parts:
            return (self._low + self._range * self._rng.random(len(self._low))).astype(np.float32)
        around: dict[str, Any] = {}
        for part, (low, high) in self._parts:
            numbers = low + (high - low) * self._rng.random(part.shape)
            value = np.clip(numbers / part.scale + part.offset, -_LARGEST, _LARGEST).astype(np.float32)
            if not part.path:
                return value
            inner = around
            for key in part.path[:-1]:
                inner = inner.setdefault(key, {})
            inner[part.path[-1]] = value
        return around

    def rules(self) -> dict[str, Any] | None:
        """For a trial's start, where a plan has shown rules: the first of its options, or the middle, of each."""
        slots = () if self._manifest.plan is None else self._manifest.plan.rules
        told: dict[str, Any] = {}
        for slot in slots:
            value = slot.options[0] if slot.kind == "categorical" else slot.center
            if slot.index is None:
                told[slot.rule] = value
            else:
                told.setdefault(slot.rule, []).append(value)
        return told or None

    def legal_actions(self) -> NDArray[np.bool_] | None:
        """Bool (A,), each legal with even chances and at least one of them; None for a bundle without a mask."""
        if not self._manifest.action.mask:
            return None
        legal = self._rng.random(self._manifest.num_actions) < 0.5
        legal[self._rng.integers(self._manifest.num_actions)] = True
        return legal

    def answer(self, agent: Agent) -> None:
        """Gives an agent that has acted an outcome; ends episodes and trials as training did."""
        ended = agent.step + 1 >= self._manifest.max_steps
        agent.observe(float(self._rng.uniform(-1.0, 1.0)), truncated=ended)
        if agent.episode >= self._manifest.num_episodes:
            agent.begin_trial(self.rules())


def _bounds(low: float | None, high: float | None) -> tuple[float, float]:
    if low is None:
        low = -1.0 if high is None else high - 1.0
        high = 1.0 if high is None else high
    elif high is None:
        high = low + 1.0
    return max(low, -_FARTHEST), min(high, _FARTHEST)
