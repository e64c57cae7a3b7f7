"""What a policy carries from one step of a trial to the next."""

from collections.abc import Collection
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from gameagent_sdk.bundle.manifest import Manifest
from gameagent_sdk.bundle.specs import LIFETIMES, TensorSpec
from gameagent_sdk.engine.actions import Decision


@dataclass
class Tally:
    """What is counted of one agent's trial, for its game and for overlays.

    Attributes:
        decision: The last decision; before the first, `Actions.undecided`.
        num_decisions: In this trial.
        step: Observed steps of the current episode.
        episode_return: The sum of rewards so far in the current episode.
        returns: Of the episodes of this trial that have ended.
    """

    decision: Decision
    num_decisions: int = 0
    step: int = 0
    episode_return: float = 0.0
    returns: list[float] = field(default_factory=list)

    def observed(self, reward: float, ended: bool) -> None:
        """Counts a step, and an episode if it ended."""
        self.step += 1
        self.episode_return += reward
        if ended:
            self.end_episode()

    def end_episode(self) -> None:
        """Counts an episode, of the steps so far."""
        self.returns.append(self.episode_return)
        self.step, self.episode_return = 0, 0.0

    def copy(self) -> "Tally":
        """One with a list of returns of its own."""
        return replace(self, returns=self.returns.copy())


@dataclass(frozen=True)
class Context:
    """The inputs of the next policy step other than the game's observations, for N rows.

    Attributes:
        hidden_state: By tensor name, each float32 (N, *shape).
        previous_action: float32 (N, A), one-hot, or from -1 to 1 over the box; zeros at a trial's start.
        previous_reward: float32 (N, 1); zero at a trial's start.
        episode_start: float32 (N, 1), 1 at the first step of each episode, else 0.
        tensors: The hidden state's specs: their lifetimes and initial values.
        weights: By tensor name, each float32 (N, *shape): what gradient steps adapt; empty if nothing is.
        initial_weights: By tensor name, each float32 (*shape): what they are at a trial's start.
    """

    hidden_state: dict[str, NDArray[np.float32]]
    previous_action: NDArray[np.float32]
    previous_reward: NDArray[np.float32]
    episode_start: NDArray[np.float32]
    tensors: tuple[TensorSpec, ...]
    weights: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    initial_weights: dict[str, NDArray[np.float32]] = field(default_factory=dict)

    @classmethod
    def blank(cls, manifest: Manifest, num_rows: int) -> "Context":
        """The context of N rows at a trial's start."""
        return cls(
            hidden_state={t.name: np.full((num_rows, *t.shape), t.initial, np.float32) for t in manifest.hidden_state},
            previous_action=np.zeros((num_rows, manifest.num_actions), np.float32),
            previous_reward=np.zeros((num_rows, 1), np.float32),
            episode_start=np.ones((num_rows, 1), np.float32),
            tensors=manifest.hidden_state,
            weights={t.name: np.zeros((num_rows, *t.shape), np.float32) for t in manifest.adapting_weights},
        )

    def clear(self, rows: NDArray[np.bool_] | slice = slice(None)) -> None:
        """Puts rows back to the start of a season, which is the start of its first trial.

        Args:
            rows: bool (N,), True for each row to clear; all rows if left out.
        """
        self._begin(rows, LIFETIMES)

    def begin_trial(self, rows: NDArray[np.bool_] | slice = slice(None)) -> None:
        """Puts rows to the start of a trial; hidden state whose lifetime is a season is kept.

        Args:
            rows: bool (N,), True where a trial begins; all rows if left out.
        """
        self._begin(rows, ("trial",))

    def _begin(self, rows: NDArray[np.bool_] | slice, lifetimes: Collection[str]) -> None:
        for tensor in self.tensors:
            if tensor.lifetime in lifetimes:
                self.hidden_state[tensor.name][rows] = tensor.initial
        self.previous_action[rows] = 0.0
        self.previous_reward[rows] = 0.0
        self.episode_start[rows] = 1.0
        for name, initial in self.initial_weights.items():
            self.weights[name][rows] = initial

    def copy(self) -> "Context":
        """One with arrays of its own."""
        hidden = {name: tensor.copy() for name, tensor in self.hidden_state.items()}
        weights = {name: tensor.copy() for name, tensor in self.weights.items()}
        last = self.previous_action.copy(), self.previous_reward.copy(), self.episode_start.copy()
        return Context(hidden, *last, self.tensors, weights, self.initial_weights)

    def assign(self, other: "Context") -> None:
        """Copies the numbers of another context with as many rows into its own arrays."""
        mine, theirs = self.inputs(), other.inputs()
        for name, array in mine.items():
            np.copyto(array, theirs[name])

    def inputs(self) -> dict[str, NDArray[np.float32]]:
        """The context as inputs of the policy step: its own arrays."""
        return {
            "previous_action": self.previous_action,
            "previous_reward": self.previous_reward,
            "episode_start": self.episode_start,
            **self.hidden_state,
            **self.weights,
        }
