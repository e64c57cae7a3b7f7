"""Learning by gradient inside the game: after episodes, the file's own gradient steps change the agent's weights.

An episode's steps are gathered as they are played. When enough episodes have ended, the adaptation graph turns them
and the weights into new weights. Three things keep that from doing harm: the graph bounds the gradients' norms; the
change is cut back until the action distributions of the last states move by no more than ``manifest.gradient.max_kl``;
and if the following episode goes clearly worse than those before, the weights are put back.

The change takes effect at the next ``act`` at the latest, so what an agent does never depends on how much of the work
``tick`` has done before.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from gameagent_sdk.backends import Backend
from gameagent_sdk.errors import BundleError
from gameagent_sdk.experience import Experience
from gameagent_sdk.policy import Policy, PolicyStep
from gameagent_sdk.sampling import action_probabilities

NUM_PROBES = 16  # last states, on which a change of weights is judged
MIN_STEPS = 3  # of experience; the graph is exported for no fewer
MAX_BOUND = 4  # lengths for which the graph stays bound: as many as there are between one and its double
MAX_BOUND_STEPS = 2048  # in all of them, unless one is longer by itself: buffers take some 10 kB a step
MAX_TRIES = 4  # to get into the trust region

Weights: TypeAlias = dict[str, NDArray[np.float32]]  # by name, (1, *shape) each
Outcome: TypeAlias = Literal["changed", "dropped", "rolled back"]


@dataclass(frozen=True)
class Adaptation:
    """What one adaptation did.

    Attributes:
        episode: index in the trial of the episode behind which it happened.
        outcome: "changed"; "dropped" if no change was small enough or the numbers were not finite; "rolled back" if
            the episode that followed went clearly worse, or the game asked for it.
        num_steps: steps of experience that it learnt from.
        change: norm of the change of all weights together.
        kl: nats, mean over the last states: how far the action distribution moved.
        before: float64 (P, A), the action probabilities in the last states, at most 16 of them, the newest last; of
            continuous actions the means.
        after: float64 (P, A), those after the change.
    """

    episode: int
    outcome: Outcome
    num_steps: int
    change: float
    kl: float
    before: NDArray[np.float64]
    after: NDArray[np.float64]


@dataclass(frozen=True)
class AdaptationState:
    """What a mind keeps of it, beside the weights, which are part of the context.

    Attributes:
        previous: the weights before the last change; None if there is nothing to go back to.
        judging: whether the episode at hand decides if the last change stays.
        experience: float32 (T, W), see :class:`Experience`.
        probes: by input of the policy step, its last rows, the oldest first.
    """

    previous: Weights | None
    judging: bool
    experience: NDArray[np.float32]
    probes: dict[str, NDArray[np.generic]]


class Adapter:
    """The gradient steps of one agent, on the weights of its policy step."""

    def __init__(self, policy: Policy, step: PolicyStep) -> None:
        """For one row.

        Args:
            policy: of a bundle that adapts by gradient.
            step: of one row, whose weights are changed in place.
        """
        spec, backend = policy.manifest.gradient, policy.adaptation_backend
        assert spec is not None and backend is not None, "only for bundles that adapt by gradient"
        self._spec, self._backend, self._policy, self._step = spec, backend, policy, step
        self._probe_step: PolicyStep | None = None
        self._bound: dict[int, _Bound] = {}  # by length of experience, the one used last at the end
        self._weights: Weights = step.context.weights
        self._probes = {
            name: np.zeros((NUM_PROBES, *array.shape[1:]), array.dtype)
            for name, array in step.inputs.items()
            if name not in self._weights
        }
        self._experience = Experience(policy.manifest, policy.bundle.max_experience)
        self._work: Iterator[None] | None = None
        self.clear()

    def clear(self) -> None:
        """Forgets all but the weights: a new trial, or learning was frozen."""
        self._experience.clear()
        self._num_probes = 0
        self._previous: Weights | None = None
        self._judging = False
        self._work = None
        self.last: Adaptation | None = None

    @property
    def adapts_policy(self) -> bool:
        """Whether the policy itself takes the steps, by the gradient of what it drew; else beliefs are corrected."""
        return self._spec.advantages is not None

    # While an episode is played

    def perceived(self) -> None:
        """Finishes what is due, and keeps what the policy is about to decide on."""
        self.finish()
        slot = self._num_probes % NUM_PROBES
        for name, kept in self._probes.items():
            kept[slot] = self._step.inputs[name][0]

    def decided(self) -> None:
        """The decision was made on what was perceived last."""
        self._num_probes += 1

    def observed(self, action: NDArray[np.float32], reward: float, ended: bool, returns: Sequence[float]) -> bool:
        """Takes in what came of a decision.

        Args:
            action: float32 (A,), as :func:`gameagent_sdk.signature.experience_ports` says.
            reward: of the step.
            ended: whether the episode ended.
            returns: of the trial's episodes, the one that ended last.

        Returns:
            Whether there is work to do: see :meth:`work`.
        """
        step = self._step
        beliefs = [step.beliefs[0]] if self._policy.manifest.beliefs else []
        masked = self.adapts_policy and "legal_actions" in step.inputs
        legal = [step.inputs["legal_actions"][0]] if masked else []
        seen = step.inputs["observation"][0], *beliefs, *legal
        self._experience.add(*seen, action, reward, ended=ended)
        if not ended:
            return False
        if self._judging and len(returns) > 1 and returns[-1] < np.mean(returns[:-1]) - self._spec.harm:
            self.rollback()
        self._judging = False
        if self._experience.num_episodes < self._spec.episodes_per_step or len(self._experience) < MIN_STEPS:
            return False
        self._work = self._adapt(len(returns) - 1)
        return True

    def drop_episode(self) -> None:
        """Drops what was gathered of the current episode: a step of it is not known."""
        self._experience.drop_episode()

    def rollback(self) -> bool:
        """Puts the weights back to what they were before the last change; what it was learnt from is dropped too.

        Returns:
            Whether there was a change to take back.
        """
        self.finish()
        self._experience.clear()
        self._judging = False
        if self._previous is None:
            return False
        self._set(self._previous)
        self._previous = None
        if self.last is not None:
            self.last = replace(self.last, outcome="rolled back")
        return True

    # Behind its end

    def work(self) -> Iterator[None]:
        """What is due, in slices; whoever goes through it first does it."""
        while self._work is not None:
            self._slice()
            yield

    def finish(self) -> None:
        """Does what is due."""
        while self._work is not None:
            self._slice()

    def _slice(self) -> None:
        assert self._work is not None, "there must be work"
        work, self._work = self._work, None
        for _ in work:
            self._work = work
            return

    def _adapt(self, episode: int) -> Iterator[None]:
        current = {name: array.copy() for name, array in self._weights.items()}
        num_steps = len(self._experience)
        proposed = self._gradient_steps(current)
        self._experience.clear()
        yield
        before = self._actions(current)
        scale, outcome = 1.0, "dropped"
        kl, after, changed = 0.0, before, current
        for _ in range(MAX_TRIES if proposed is not None else 0):
            assert proposed is not None, "or there are no tries"
            changed = {name: array + scale * (proposed[name] - array) for name, array in current.items()}
            after = self._actions(changed)
            kl = divergence(before, after)
            yield
            if kl <= self._spec.max_kl:
                outcome = "changed"
                break
            scale *= 0.9 * np.sqrt(self._spec.max_kl / kl) if np.isfinite(kl) else 0.1
        if outcome == "dropped":
            kl, after, changed = 0.0, before, current
        else:
            self._previous, self._judging = current, True
            self._set(changed)
        change = np.sqrt(sum(float(np.square(changed[name] - array).sum()) for name, array in current.items()))
        self.last = Adaptation(episode, outcome, num_steps, float(change), kl, before[0], after[0])  # type: ignore[arg-type]

    def _gradient_steps(self, weights: Weights) -> Weights | None:
        """The weights that the adaptation graph makes; None where they are not finite."""
        tensors = {**weights, **self._experience.tensors()}
        try:
            proposed = self._bound_for(tensors, weights).run(tensors)
        except Exception as error:  # the engines' exceptions share no base class
            raise BundleError(f"{self._backend.name} failed on the gradient steps: {error}") from error
        return proposed if all(np.isfinite(array).all() for array in proposed.values()) else None

    def _bound_for(self, tensors: Mapping[str, NDArray[np.generic]], weights: Weights) -> "_Bound":
        """The graph bound for as many steps; those used least lately make room for it first."""
        length = len(tensors["episode_end"])
        bound = self._bound.pop(length, None)
        if bound is None:
            while self._bound and (len(self._bound) == MAX_BOUND or sum(self._bound) + length > MAX_BOUND_STEPS):
                del self._bound[next(iter(self._bound))]
            bound = _Bound(self._backend, tensors, weights)
        self._bound[length] = bound
        return bound

    def _actions(self, weights: Weights) -> tuple[NDArray[np.float64], ...]:
        """What actions are drawn by in the last states under some weights: probabilities, or means and deviations.

        Each of them is float64 (P, A).
        """
        if self._probe_step is None:
            self._probe_step = PolicyStep(self._policy, NUM_PROBES)
        step = self._probe_step
        for name, kept in self._probes.items():
            step.inputs[name][:] = kept
        for name, array in weights.items():
            step.inputs[name][:] = array
        step.run()
        newest = self._newest()
        if "mean" in step.outputs:
            mean, log_std = (step.outputs[name][newest].astype(np.float64) for name in ("mean", "log_std"))
            return mean, np.exp(log_std)
        legal = self._probes.get("legal_actions")
        return (action_probabilities(step.outputs["logits"][newest], None if legal is None else legal[newest]),)

    def _newest(self) -> NDArray[np.int64]:
        """The slots of the last states, the oldest first."""
        count = min(self._num_probes, NUM_PROBES)
        return np.arange(self._num_probes - count, self._num_probes) % NUM_PROBES

    def _set(self, weights: Weights) -> None:
        for name, array in weights.items():
            np.copyto(self._weights[name], array)

    # What a mind keeps

    def state(self) -> AdaptationState:
        """All but the weights, in arrays of its own; finishes what is due."""
        self.finish()
        newest = self._newest()
        probes = {name: kept[newest] for name, kept in self._probes.items()}
        previous = None if self._previous is None else {name: array.copy() for name, array in self._previous.items()}
        return AdaptationState(previous, self._judging, self._experience.rows.copy(), probes)

    def take_over(self, state: AdaptationState) -> None:
        """Goes on from a state."""
        self.clear()
        self._previous, self._judging = state.previous, state.judging
        self._experience.take_over(state.experience)
        for name, kept in state.probes.items():
            self._probes[name][: len(kept)] = kept
            self._num_probes = len(kept)


class _Bound:
    """The adaptation graph tied to arrays of its own: binding takes longer than running, and lengths often recur."""

    def __init__(self, backend: Backend, tensors: Mapping[str, NDArray[np.generic]], weights: Weights) -> None:
        self.inputs = {name: np.array(array, order="C") for name, array in tensors.items()}
        self._outputs = {f"next_{name}": np.zeros_like(array) for name, array in weights.items()}
        self._step = backend.bind(self.inputs, self._outputs)

    def run(self, tensors: Mapping[str, NDArray[np.generic]]) -> Weights:
        """New weights, in arrays of their own."""
        for name, array in tensors.items():
            np.copyto(self.inputs[name], array)
        self._step()
        return {name.removeprefix("next_"): array.copy() for name, array in self._outputs.items()}


def divergence(before: tuple[NDArray[np.float64], ...], after: tuple[NDArray[np.float64], ...]) -> float:
    """Mean Kullback-Leibler divergence in nats of ``after`` from ``before``, of (P, A) each; NaN where one is NaN."""
    if not len(before[0]):
        return 0.0
    if len(before) == 2:
        (mean, std), (new_mean, new_std) = before, after
        terms = np.log(new_std / std) + (std**2 + (mean - new_mean) ** 2) / (2.0 * new_std**2) - 0.5
    else:
        tiny = np.finfo(np.float64).tiny
        terms = before[0] * (np.log(np.maximum(before[0], tiny)) - np.log(np.maximum(after[0], tiny)))
    return float(terms.sum(axis=1).mean())
