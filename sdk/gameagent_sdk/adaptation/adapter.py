"""Learning by gradient inside the game: after episodes, the file's own gradient steps change the agent's weights.

An episode's steps are gathered as they are played. When enough episodes have ended, the adaptation graph turns them
and the weights into new weights. Three things keep that from doing harm: the graph bounds the gradients' norms; the
change is cut back until the action distributions, in states spread over the experience, move by no more than
``manifest.gradient.max_kl``; and if the episodes that follow go clearly worse than those played by the weights before,
these are put back, and the next changes are shorter (see :mod:`gameagent_sdk.adaptation.guard`).

The change takes effect at the next ``act`` at the latest, so what an agent does never depends on how much of the work
``tick`` has done before.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from gameagent_sdk.adaptation.experience import Experience
from gameagent_sdk.adaptation.guard import Guard
from gameagent_sdk.adaptation.probes import NUM_PROBES, Probes
from gameagent_sdk.backends import Backend
from gameagent_sdk.engine.policy import Policy, PolicyStep
from gameagent_sdk.engine.sampling import action_probabilities
from gameagent_sdk.errors import BundleError

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
        episode: index in the trial of the episode after which it happened.
        outcome: "changed"; "dropped" if no change was small enough or the numbers were not finite; "rolled back" if
            the episodes that followed went clearly worse, or the game asked for it.
        num_steps: steps of experience that it learnt from.
        change: norm of the change of all weights together.
        kl: nats, mean over the states below: how far the action distribution moved.
        before: float64 (P, A), the action probabilities in states spread over the experience, at most 16 of them, in
            order; of continuous actions the means.
        after: float64 (P, A), those after the change.
        trust: factor that the change was made shorter by, as earlier ones did harm or brought nothing.
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
    """What a mind keeps of it, beside the weights, which are part of the context.

    Attributes:
        previous: the weights before the last change; None if there is nothing to go back to.
        guard: float64 (10,), see :meth:`gameagent_sdk.adaptation.guard.Guard.state`.
        experience: float32 (T, W), see :class:`Experience`.
        probes: by input of the policy step, states of the experience, see :meth:`Probes.rows`.
        places: int64, where these are in it, see :meth:`gameagent_sdk.adaptation.probes.Probes.places`.
    """

    previous: Weights | None
    guard: NDArray[np.float64]
    experience: NDArray[np.float32]
    probes: dict[str, NDArray[np.generic]]
    places: NDArray[np.int64]


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
        self._probes = Probes({name: array for name, array in step.inputs.items() if name not in self._weights})
        self._guard = Guard(spec.rollback_margin, spec.episodes_per_step, by_returns=self.adapts_policy)
        self._experience = Experience(policy.manifest, policy.bundle.max_experience)
        self._work: Iterator[None] | None = None
        self.clear()

    def clear(self) -> None:
        """Forgets all but the weights: a new trial."""
        self.pause()
        self._guard.clear()

    def pause(self) -> None:
        """Forgets what it has not learnt from yet, and what it could go back to: learning is frozen."""
        self._drop_experience()
        self._guard.pause()
        self._previous: Weights | None = None
        self._work = None
        self.last: Adaptation | None = None

    @property
    def adapts_policy(self) -> bool:
        """Whether the policy itself takes the steps, by the gradient of what it drew; else beliefs are corrected."""
        return self._spec.learns_from == "advantages"

    # While an episode is played

    def perceived(self) -> None:
        """Finishes what is due, and keeps what the policy is about to decide on."""
        self.finish()
        self._probes.perceived()

    def decided(self) -> None:
        """The decision was made on what was perceived last."""
        self._probes.decided()

    def observed(self, action: NDArray[np.float32], reward: float, ended: bool, returns: Sequence[float]) -> bool:
        """Takes in what came of a decision.

        Args:
            action: float32 (A,), as :func:`gameagent_sdk.bundle.signature.experience_ports` says.
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
        if self._guard.returned(returns[-1]):
            self.rollback()
        if self._experience.num_episodes < self._spec.episodes_per_step or len(self._experience) < MIN_STEPS:
            return False
        self._work = self._adapt(len(returns) - 1)
        return True

    def drop_episode(self) -> None:
        """Drops what was gathered of the current episode: a step of it is not known."""
        self._experience.drop_episode()

    def rollback(self) -> bool:
        """Puts the weights back to what they were before the last change; what was played since is not learnt from.

        It would lead the way that did harm, and so would what that change was learnt from, which is gone: the next
        change is learnt from what the old weights play now, and is shorter.

        Returns:
            Whether there was a change to take back.
        """
        self.finish()
        self._drop_experience()
        if self._previous is None:
            return False
        self._set(self._previous)
        self._previous = None
        self._guard.taken_back()
        if self.last is not None:
            self.last = replace(self.last, outcome="rolled back")
        return True

    def fade(self, fraction: float, initial: Weights) -> None:
        """What it could go back to goes that share of the way to the initial weights, as the present ones do."""
        for name, array in (self._previous or {}).items():
            array += np.float32(fraction) * (initial[name] - array)

    # After its end

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
        num_steps, trust = len(self._experience), self._guard.trust
        proposed = self._gradient_steps(current)
        yield
        before = self._actions(current)
        scale, outcome = trust, "dropped"
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
            self._previous = current
            self._set(changed)
            self._guard.changed()
        self._drop_experience()
        change = np.sqrt(sum(float(np.square(changed[name] - array).sum()) for name, array in current.items()))
        self.last = Adaptation(episode, outcome, num_steps, float(change), kl, before[0], after[0], trust)  # type: ignore[arg-type]

    def _gradient_steps(self, weights: Weights) -> Weights | None:
        """The weights that the adaptation graph makes; None where they are not finite."""
        tensors = {**weights, **self._experience.tensors(self._guard.first)}
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
        """What actions are drawn by in the probes under some weights: probabilities, or means and deviations.

        Each of them is float64 (P, A).
        """
        if self._probe_step is None:
            self._probe_step = PolicyStep(self._policy, NUM_PROBES)
        step, probes = self._probe_step, self._probes.rows()
        count = len(probes["observation"])
        for name, rows in probes.items():
            step.inputs[name][:count] = rows
        for name, array in weights.items():
            step.inputs[name][:] = array
        step.run()
        if "mean" in step.outputs:
            mean, log_std = (step.outputs[name][:count].astype(np.float64) for name in ("mean", "log_std"))
            return mean, np.exp(log_std)
        return (action_probabilities(step.outputs["logits"][:count], probes.get("legal_actions")),)

    def _drop_experience(self) -> None:
        self._experience.clear()
        self._probes.clear()

    def _set(self, weights: Weights) -> None:
        for name, array in weights.items():
            np.copyto(self._weights[name], array)

    # What a mind keeps

    def state(self) -> AdaptationState:
        """All but the weights, in arrays of its own; finishes what is due."""
        self.finish()
        previous = None if self._previous is None else {name: array.copy() for name, array in self._previous.items()}
        rows = self._experience.rows.copy()
        return AdaptationState(previous, self._guard.state(), rows, self._probes.rows(), self._probes.places())

    def take_over(self, state: AdaptationState) -> None:
        """Goes on from a state."""
        self.clear()
        self._previous = state.previous
        self._guard.take_over(state.guard)
        self._experience.take_over(state.experience)
        self._probes.take_over(state.probes, state.places)


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
