"""The two kinds of actions, discrete and continuous: everything that depends on the kind is here.

The rest of the SDK asks the `Actions` of its policy and handles both kinds alike.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gameagent_sdk.bundle.specs import ActionSpec
from gameagent_sdk.engine.bounds import Bounds
from gameagent_sdk.engine.inputs import Rows, as_array, one_or_many
from gameagent_sdk.engine.sampling import (
    BoxOutput,
    action_probabilities,
    one_row_action,
    one_row_box_action,
    one_row_probabilities,
    one_row_std,
    sample_actions,
    sample_box_actions,
)
from gameagent_sdk.errors import InputError, SdkError, shown_names

Action: TypeAlias = Any
"""An int, or float64 (A,) if actions are continuous: the manifest says which."""
Moments: TypeAlias = tuple[NDArray[np.float64], ...]
"""What actions are drawn by in P states: their probabilities (P, A); or means and deviations, each (P, A)."""


@dataclass(slots=True)  # made at every decision: a frozen one, or a NamedTuple, takes twice as long to make
class Decision:
    """What was decided, and what it was drawn by. Fields of the other kind of action are empty.

    Attributes:
        action: An index; or A numbers within the bounds.
        probabilities: A chances of discrete actions.
        drawn: A numbers, a continuous action before it was cut to the bounds.
        mean: A numbers that it was drawn by, in the box's units.
        std: A standard deviations, likewise.
    """

    action: int | list[float]
    probabilities: Sequence[float] = ()
    drawn: Sequence[float] = ()
    mean: Sequence[float] = ()
    std: Sequence[float] = ()


class Actions(ABC):
    """How actions of one kind are drawn, checked, encoded and compared.

    Attributes:
        spec: What the manifest says of them.
        undecided: What stands for the last decision before there is one.
        num_indices: The values that a discrete action can take; 1 for a continuous one, whose index is always 0.
    """

    undecided: Decision
    num_indices: int

    def __init__(self, spec: ActionSpec) -> None:
        self.spec = spec

    # One row, on plain numbers: what a game's agent does at every decision.

    @abstractmethod
    def decide(
        self,
        given: Sequence[Sequence[float]],
        legal: Sequence[bool] | None,
        temperature: float,
        strength: float,
        rng: "np.random.Generator",
    ) -> tuple[Action, Decision]:
        """Draws an action.

        Args:
            given: A numbers of each of the policy's outputs that ``spec.outputs`` names.
            legal: A flags, at least one True; None if there is no mask.
            temperature: 1 as trained, above 1 more varied, below 1 more decided, 0 the likeliest.
            strength: From 0 to 1, the share of decisions that are the policy's own; the rest are uniform.
            rng: Where random numbers come from.

        Returns:
            The action in an object of its own, and the decision.
        """

    @abstractmethod
    def taught(self, action: Action, decision: Decision, encoded: NDArray[np.float32]) -> NDArray[np.float32]:
        """What a policy gradient learns from, float32 (A,): the agent's own choice as it was drawn.

        Args:
            action: What was really done.
            decision: What the agent had decided.
            encoded: The action as `encode` writes it.
        """

    @abstractmethod
    def probabilities(self, decision: Decision) -> NDArray[np.float64]:
        """The chances that an action was drawn by, float64 (A,); raises SdkError for continuous actions."""

    @abstractmethod
    def distribution(self, decision: Decision) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean and deviation that it was drawn by, each float64 (A,); raises SdkError for discrete actions."""

    # One row or many.

    @abstractmethod
    def check(self, value: ArrayLike, rows: Rows) -> Action:
        """Actions that a game says were taken.

        Args:
            value: Integers (*rows), 0 to A-1; or finite numbers (*rows, A), which are cut to the bounds as games do.
            rows: () for one action, (N,) for N.

        Returns:
            An int or int64 (N,); or float64 (*rows, A).

        Raises:
            InputError: Another shape or dtype, no such action, or a NaN or infinity.
        """

    @abstractmethod
    def encode(self, actions: Action, out: NDArray[np.float32]) -> None:
        """Writes actions as the policy's input ``previous_action``, float32 (A,) or (N, A)."""

    @abstractmethod
    def read(self, outputs: Mapping[str, NDArray[Any]]) -> Any:
        """What the policy gave for N rows, copied: logits float32 (N, A), or a `BoxOutput`."""

    @abstractmethod
    def sample(
        self, given: Any, legal_actions: NDArray[np.bool_] | None, temperature: float, rng: "np.random.Generator"
    ) -> NDArray[Any]:
        """Draws an action for each row of what `read` gave: int64 (N,), or float64 (N, A) within the bounds."""

    # For gradient steps.

    @abstractmethod
    def moments(self, outputs: Mapping[str, NDArray[Any]], count: int, legal: NDArray[np.bool_] | None) -> Moments:
        """What actions are drawn by in the first ``count`` rows, at a temperature of 1."""

    # In a saved mind.

    @abstractmethod
    def to_arrays(self, decision: Decision) -> tuple[int, dict[str, NDArray[np.float64]]]:
        """A decision as an index and named arrays."""

    @abstractmethod
    def from_arrays(self, index: int, arrays: Mapping[str, NDArray[Any]]) -> Decision:
        """The decision that `to_arrays` wrote."""

    @abstractmethod
    def fault(self, previous_action: NDArray[np.float32], decision: Decision) -> str:
        """What is impossible about a decision and the last action (1, A) as it was encoded; "" if nothing is."""


class DiscreteActions(Actions):
    """One of A actions, an index into the names of the spec."""

    def __init__(self, spec: ActionSpec) -> None:
        super().__init__(spec)
        self.num_indices = len(spec.names)
        self.undecided = Decision(0, [0.0] * self.num_indices)

    def decide(
        self,
        given: Sequence[Sequence[float]],
        legal: Sequence[bool] | None,
        temperature: float,
        strength: float,
        rng: "np.random.Generator",
    ) -> tuple[int, Decision]:
        """Draws one of the legal actions; exactly one uniform number is used."""
        probabilities = one_row_probabilities(given[0], legal, temperature, strength)
        action = one_row_action(probabilities, rng.random())
        return action, Decision(action, probabilities)

    def taught(self, action: Action, decision: Decision, encoded: NDArray[np.float32]) -> NDArray[np.float32]:
        """The action as it is encoded."""
        return encoded

    def probabilities(self, decision: Decision) -> NDArray[np.float64]:
        """The chances, 0 for illegal actions."""
        return np.array(decision.probabilities)

    def distribution(self, decision: Decision) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Raises SdkError: there is no mean."""
        raise SdkError("this bundle's actions are discrete, they have no mean: see agent.probabilities")

    def check(self, value: ArrayLike, rows: Rows) -> Action:
        """Indices, an int or int64 (N,)."""
        array = as_array("action", value, "iu", rows, lambda: one_or_many("an integer", rows))
        if array.min() < 0 or array.max() >= self.num_indices:
            raise InputError(f"actions must be from 0 to {self.num_indices - 1}, given {array.min()} to {array.max()}")
        return array.astype(np.int64) if rows else int(array)

    def encode(self, actions: Action, out: NDArray[np.float32]) -> None:
        """One-hot."""
        out[:] = 0.0
        if out.ndim == 1:
            out[actions] = 1.0
        else:
            out[np.arange(len(out)), actions] = 1.0

    def read(self, outputs: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
        """Logits (N, A); those of illegal actions are meaningless."""
        logits: NDArray[np.float32] = outputs["logits"].copy()
        return logits

    def sample(
        self, given: Any, legal_actions: NDArray[np.bool_] | None, temperature: float, rng: "np.random.Generator"
    ) -> NDArray[np.int64]:
        """One uniform number is used for each row."""
        return sample_actions(action_probabilities(given, legal_actions, temperature), rng)

    def moments(self, outputs: Mapping[str, NDArray[Any]], count: int, legal: NDArray[np.bool_] | None) -> Moments:
        """Probabilities, float64 (count, A)."""
        return (action_probabilities(outputs["logits"][:count], legal),)

    def to_arrays(self, decision: Decision) -> tuple[int, dict[str, NDArray[np.float64]]]:
        """The index, and the chances."""
        assert isinstance(decision.action, int), "discrete actions are indices"
        return decision.action, {"probabilities": np.array(decision.probabilities, np.float64)}

    def from_arrays(self, index: int, arrays: Mapping[str, NDArray[Any]]) -> Decision:
        """As it was written."""
        return Decision(index, arrays["probabilities"].tolist())

    def fault(self, previous_action: NDArray[np.float32], decision: Decision) -> str:
        """It must be one-hot, or zeros at a trial's start."""
        one_hot = bool(((previous_action == 0) | (previous_action == 1)).all()) and previous_action.sum() <= 1
        return "" if one_hot else "its previous action is impossible"


class BoxActions(Actions):
    """A numbers at once, each within bounds and drawn from a normal distribution of its own."""

    num_indices = 1

    def __init__(self, spec: ActionSpec) -> None:
        super().__init__(spec)
        self.bounds = Bounds(spec)
        middle, zeros = self.bounds.middle.tolist(), [0.0] * len(spec.names)
        self.undecided = Decision(middle, (), middle, zeros, zeros)

    def decide(
        self,
        given: Sequence[Sequence[float]],
        legal: Sequence[bool] | None,
        temperature: float,
        strength: float,
        rng: "np.random.Generator",
    ) -> tuple[NDArray[np.float64], Decision]:
        """Draws a normal number for each component; with the chance of 1 - ``strength`` a uniform one."""
        mean, std = given[0], one_row_std(given[1], temperature)
        drawn = one_row_box_action(self.bounds, mean, std, strength, rng)
        action = self.bounds.clip(drawn)
        return action, Decision(action.tolist(), (), drawn.tolist(), mean, std)

    def taught(self, action: Action, decision: Decision, encoded: NDArray[np.float32]) -> NDArray[np.float32]:
        """As it was drawn, also beyond the bounds, if the agent's own action was taken."""
        if np.array_equal(action, decision.action):
            return self.bounds.scale_freely(decision.drawn)
        return encoded

    def probabilities(self, decision: Decision) -> NDArray[np.float64]:
        """Raises SdkError: no single action has a chance."""
        raise SdkError("this bundle's actions are continuous, none has a chance of its own: see agent.distribution")

    def distribution(self, decision: Decision) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean and deviation, in the box's units; the temperature is applied."""
        return np.array(decision.mean), np.array(decision.std)

    def check(self, value: ArrayLike, rows: Rows) -> NDArray[np.float64]:
        """Numbers cut to the bounds, float64 (*rows, A)."""
        shape = (*rows, len(self.spec.names))

        def expected() -> str:
            return f"finite numbers of shape {shape}, one for each of {shown_names(self.spec.names)}"

        array = as_array("action", value, "iuf", shape, expected)
        finite = np.isfinite(array)
        if not finite.all():
            raise InputError(f"action must be {expected()}, given {array[~finite][0]}")
        return self.bounds.clip(array)

    def encode(self, actions: Action, out: NDArray[np.float32]) -> None:
        """From -1 at the lower bound to 1 at the upper."""
        out[:] = self.bounds.scale(actions)

    def read(self, outputs: Mapping[str, NDArray[Any]]) -> BoxOutput:
        """Mean and logarithm of the deviation."""
        return BoxOutput(outputs["mean"].copy(), outputs["log_std"].copy())

    def sample(
        self, given: Any, legal_actions: NDArray[np.bool_] | None, temperature: float, rng: "np.random.Generator"
    ) -> NDArray[np.float64]:
        """A normal number is used for each component."""
        return sample_box_actions(self.spec, given, temperature, rng)

    def moments(self, outputs: Mapping[str, NDArray[Any]], count: int, legal: NDArray[np.bool_] | None) -> Moments:
        """Means and deviations, each float64 (count, A)."""
        mean, log_std = (outputs[name][:count].astype(np.float64) for name in self.spec.outputs)
        return mean, np.exp(log_std)

    def to_arrays(self, decision: Decision) -> tuple[int, dict[str, NDArray[np.float64]]]:
        """All its numbers."""
        parts = {
            "last_action": decision.action, "drawn": decision.drawn, "mean": decision.mean, "std": decision.std
        }  # fmt: skip
        return 0, {name: np.array(numbers, np.float64) for name, numbers in parts.items()}

    def from_arrays(self, index: int, arrays: Mapping[str, NDArray[Any]]) -> Decision:
        """As it was written."""
        action, drawn, mean, std = (arrays[name].tolist() for name in ("last_action", "drawn", "mean", "std"))
        return Decision(action, (), drawn, mean, std)

    def fault(self, previous_action: NDArray[np.float32], decision: Decision) -> str:
        """Everything must be within the bounds, and no deviation below 0."""
        if (np.abs(previous_action) > 1).any():
            return "its previous action is impossible"
        if (self.bounds.clip(decision.action) != decision.action).any():
            return "its last action lies outside the bounds"
        return "its deviations are below 0" if min(decision.std) < 0 else ""


def actions_of(spec: ActionSpec) -> Actions:
    """The kind of actions that a manifest declares."""
    return BoxActions(spec) if spec.kind == "box" else DiscreteActions(spec)


def divergence(before: Moments, after: Moments) -> float:
    """Mean Kullback-Leibler divergence of ``after`` from ``before`` in nats, of either kind of action.

    Returns:
        The mean over the P states, 0 if there are none; NaN if a number is NaN.
    """
    if not len(before[0]):
        return 0.0
    if len(before) == 2:
        (mean, std), (new_mean, new_std) = before, after
        terms = np.log(new_std / std) + (std**2 + (mean - new_mean) ** 2) / (2.0 * new_std**2) - 0.5
    else:
        tiny = np.finfo(np.float64).tiny
        terms = before[0] * (np.log(np.maximum(before[0], tiny)) - np.log(np.maximum(after[0], tiny)))
    return float(terms.sum(axis=1).mean())
