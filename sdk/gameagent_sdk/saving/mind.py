"""A mind: everything that an agent gathered in a trial, between two of its calls."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from gameagent_sdk.adaptation.interface import AdaptationState
from gameagent_sdk.engine.context import Context, Tally


@dataclass(frozen=True)
class DecidedOn:
    """What gradient steps need to know about the last decision once its outcome is in.

    Attributes:
        observation: float32 (D,), as it was fed to the policy.
        legal_actions: bool (A,); empty for a bundle without a mask.
        incomplete: Whether a step of the current episode is unknown, so that nothing is learnt from it.
    """

    observation: NDArray[np.float32]
    legal_actions: NDArray[np.bool_]
    incomplete: bool


@dataclass(frozen=True)
class Mind:
    """An agent's state between two calls.

    Attributes:
        context: Of one row.
        beliefs: float32 (1, E), of the last decision; zeros before the first.
        tally: What the agent keeps count of.
        awaits_observe: Whether ``observe`` is due; else ``act`` is.
        rng_state: State and increment of PCG64, each from 0 to 2**128 - 1.
        adaptation: The state of the gradient steps; None for a bundle without any.
        decided_on: What they need of the last decision; None likewise.
        rules: float32 (R,), the trial's shown rules as they are encoded; empty where none are given at its start.
    """

    context: Context
    beliefs: NDArray[np.float32]
    tally: Tally
    awaits_observe: bool
    rng_state: tuple[int, int]
    adaptation: AdaptationState | None = None
    decided_on: DecidedOn | None = None
    rules: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))
