"""What an agent asks of its gradient steps, and the answer of one that takes none."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Weights: TypeAlias = dict[str, NDArray[np.float32]]  # by name, (1, *shape) each
Outcome: TypeAlias = Literal["changed", "dropped", "rolled back"]


@dataclass(frozen=True)
class Adaptation:
    """What one adaptation did.

    Attributes:
        episode: Index in the trial of the episode after which it happened.
        outcome: "changed"; "dropped" if no change was small enough or the numbers were not finite; "rolled back" if
            the episodes that followed went clearly worse, or the game asked for it.
        num_steps: Steps of experience that it learnt from.
        change: Norm of the change of all weights together.
        kl: How far the action distribution moved, in nats: the mean over the states below.
        before: float64 (P, A), the action probabilities in states spread over the experience, at most 16 of them, in
            order; of continuous actions the means.
        after: float64 (P, A), those after the change.
        trust: The factor by which the change was shortened, since earlier ones did harm or brought nothing.
    """

    episode: int
    outcome: Outcome
    num_steps: int
    change: float
    kl: float
    before: NDArray[np.float64]
    after: NDArray[np.float64]
    trust: float = 1.0


@dataclass(frozen=True)
class AdaptationState:
    """What a mind keeps of gradient steps, beside the weights, which are part of the context.

    Attributes:
        previous: The weights before the last change; None if there is nothing to go back to.
        guard: float64 (10,), see `gameagent_sdk.adaptation.guard.RollbackGuard.state`.
        experience: float32 (T, W), see `gameagent_sdk.adaptation.experience.ExperienceBuffer`.
        probes: By input of the policy step, states of the experience; see
            `gameagent_sdk.adaptation.probes.Probes.rows`.
        places: int64, where these are in it; see `gameagent_sdk.adaptation.probes.Probes.places`.
    """

    previous: Weights | None
    guard: NDArray[np.float64]
    experience: NDArray[np.float32]
    probes: dict[str, NDArray[np.generic]]
    places: NDArray[np.int64]


class NoAdapter:
    """The gradient steps of a bundle without any: nothing is gathered, nothing is due, nothing changes.

    Attributes:
        last: What the last adaptation of this trial did; None before the first.
        adapts_policy: Whether the policy itself takes the steps, by the gradient of what it drew; else beliefs are
            corrected.
    """

    adapts_policy = False
    last: Adaptation | None = None

    def clear(self) -> None:
        """Forgets everything but the weights: a new trial."""

    def pause(self) -> None:
        """Forgets what it has not learnt from yet, and what it could go back to: learning is frozen."""

    def perceived(self) -> None:
        """Finishes what is due, and keeps what the policy is about to decide on."""

    def decided(self) -> None:
        """The decision was made on what was perceived last."""

    def observed(self, action: NDArray[np.float32], reward: float, ended: bool, returns: Sequence[float]) -> bool:
        """Takes in the outcome of a decision.

        Args:
            action: float32 (A,), as `gameagent_sdk.bundle.signature.experience_ports` says.
            reward: Of the step.
            ended: Whether the episode ended.
            returns: Of the trial's episodes, the one that ended last.

        Returns:
            Whether there is work to do: see `work`.
        """
        return False

    def drop_episode(self) -> None:
        """Drops what was gathered of the current episode: a step of it is not known."""

    def rollback(self) -> bool:
        """Puts the weights back to what they were before the last change; what was played since is not learnt from.

        It would lead the way that did harm, and so would what that change was learnt from, which is gone: the next
        change is learnt from what the old weights play now, and is shorter.

        Returns:
            Whether there was a change to take back.
        """
        return False

    def fade(self, fraction: float, initial: Weights) -> None:
        """Moves what it could go back to by that fraction towards the initial weights, as the current ones are."""

    def work(self) -> Iterator[None]:
        """What is due, in slices; whoever iterates over it first does it."""
        yield from ()

    def finish(self) -> None:
        """Does what is due."""

    def state(self) -> AdaptationState | None:
        """Everything but the weights, in arrays of its own, after finishing what is due; None if there is nothing."""
        return None

    def take_over(self, state: AdaptationState) -> None:
        """Goes on from a state."""
