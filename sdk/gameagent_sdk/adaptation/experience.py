"""What an agent saw and did in the episodes that its next gradient step learns from."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gameagent_sdk.adaptation.advantages import advantages, step_scale
from gameagent_sdk.bundle.manifest import Manifest
from gameagent_sdk.bundle.signature import experience_ports, padded_length
from gameagent_sdk.graph import Port
from gameagent_sdk.onnx_file.limits import MAX_STEPS


class ExperienceBuffer:
    """Steps in the order in which they were taken, each a row of one growing array."""

    def __init__(self, manifest: Manifest, max_steps: int = MAX_STEPS) -> None:
        """An empty one.

        Args:
            manifest: Determines what is kept of a step.
            max_steps: The most that it holds; in episodes longer than any in training, older steps are forgotten.
        """
        self._max_steps = max_steps
        self.ports: tuple[Port, ...] = experience_ports(manifest)
        self._gradient = manifest.gradient
        self._ends = np.cumsum([port.shape[1] for port in self.ports]).tolist()
        self._rows = np.zeros((64, self._ends[-1]), np.float32)
        self._length = 0
        self.num_episodes = 0

    def __len__(self) -> int:
        """How many steps it holds."""
        return self._length

    @property
    def rows(self) -> NDArray[np.float32]:
        """All steps, float32 (T, W): the tensors of `experience_ports` side by side; a view."""
        return self._rows[: self._length]

    def add(self, *parts: NDArray[np.float32] | float, ended: bool) -> None:
        """Adds a step.

        Args:
            parts: A row of every one of `ports` but the last, in order.
            ended: Whether it was its episode's last.
        """
        if self._length == min(len(self._rows), self._max_steps):
            self._make_room()
        row, start = self._rows[self._length], 0
        for part, end in zip(parts, self._ends, strict=False):
            row[start:end] = part
            start = end
        row[-1] = ended
        self._length += 1
        self.num_episodes += ended

    def take_over(self, rows: NDArray[np.float32]) -> None:
        """Holds these steps instead of its own."""
        rows = rows[-self._max_steps :]
        self._rows = np.concatenate([rows, np.zeros((64, rows.shape[1]), np.float32)])
        self._length = len(rows)
        self.num_episodes = int(rows[:, -1].sum())

    def clear(self) -> None:
        """Forgets all steps."""
        self._length = self.num_episodes = 0

    def drop_episode(self) -> None:
        """Forgets the steps of the episode that has not ended."""
        ends = np.flatnonzero(self.rows[:, -1])
        self._length = int(ends[-1]) + 1 if len(ends) else 0

    def tensors(self, first_return: float | None = None) -> dict[str, NDArray[Any]]:
        """By name, what the adaptation graph gets of the steps: copies in one piece, (T, size) each but step_scale.

        The last step is followed by padding, at most a quarter more: engines bind a graph anew for every length, and
        rounded lengths recur.

        Args:
            first_return: Mean return of the episodes before the trial's first gradient step; None if these are them.
        """
        starts, length, padded = [0, *self._ends], self._length, padded_length(self._length)
        given: dict[str, NDArray[Any]] = {}
        for port, start, end in zip(self.ports, starts, self._ends, strict=False):
            given[port.name] = np.zeros((padded, end - start), port.dtype)
            given[port.name][:length] = self.rows[:, start:end]
        gradient = self._gradient
        if gradient is None or gradient.learns_from == "rewards":
            given["episode_end"][length:] = 1.0  # what ends an episode is followed by nothing that could teach
            return given
        spec = gradient.advantages
        assert spec is not None, "the manifest requires it"
        seen, rewards, episode_end = (given[name][:length] for name in ("observations", "rewards", "episode_end"))
        given["advantages"] = np.zeros_like(given.pop("rewards"))
        given["advantages"][:length] = advantages(seen, rewards, episode_end, spec)
        if spec.best_return is not None:
            mean_return = np.array([rewards.sum(dtype=np.float64) / max(self.num_episodes, 1)])
            first = None if first_return is None else np.array([first_return])
            given["step_scale"] = step_scale(mean_return, spec, first).astype(np.float32)
        return given

    def _make_room(self) -> None:
        if self._length < self._max_steps:
            self._rows = np.concatenate([self._rows, np.zeros_like(self._rows)])
            return
        kept = self.rows[self._length // 2 :].copy()
        self._rows[: len(kept)] = kept
        self._length = len(kept)
        self.num_episodes = int(kept[:, -1].sum())
