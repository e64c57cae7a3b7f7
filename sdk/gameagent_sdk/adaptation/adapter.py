"""Learning by gradient inside the game: after episodes, the file's own gradient steps change the agent's weights.

Steps are collected while episodes are played. When enough episodes have ended, the adaptation graph turns them and the
weights into new weights. Three things keep that from doing harm: the graph limits the gradients' norms; the change is
cut back until the action distributions, in states spread over the experience, move by at most
``manifest.gradient.max_kl``; and if the following episodes go clearly worse than those played with the old weights,
the change is rolled back, and the next changes are shorter (see `gameagent_sdk.adaptation.guard`).

The change takes effect at the next ``act`` at the latest, so what an agent does never depends on how much of the work
``tick`` has already done.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from gameagent_sdk.adaptation.experience import ExperienceBuffer
from gameagent_sdk.adaptation.guard import RollbackGuard
from gameagent_sdk.adaptation.interface import Adaptation, AdaptationState, NoAdapter, Outcome, Weights
from gameagent_sdk.adaptation.probes import NUM_PROBES, Probes
from gameagent_sdk.backends import Backend
from gameagent_sdk.engine.actions import Moments, divergence
from gameagent_sdk.engine.policy import Policy, PolicyStep
from gameagent_sdk.errors import BundleError

MIN_STEPS = 3  # of experience; the graph is exported for no fewer
MAX_BOUND = 4  # lengths for which the graph stays bound: as many as there are between one and its double
MAX_BOUND_STEPS = 2048  # in all of them, unless one is longer by itself: buffers take some 10 kB a step
MAX_TRIES = 4  # to get into the trust region


class Adapter(NoAdapter):
    """The gradient steps of one agent, on the weights of its policy step."""

    def __init__(self, policy: Policy, step: PolicyStep) -> None:
        """For one row.

        Args:
            policy: Of a bundle that adapts by gradient.
            step: Of one row, whose weights are changed in place.
        """
        spec, backend = policy.manifest.gradient, policy.adaptation_backend
        assert spec is not None and backend is not None, "only for bundles that adapt by gradient"
        self._spec, self._backend, self._policy, self._step = spec, backend, policy, step
        self._probe_step: PolicyStep | None = None
        self._bound: dict[int, _Bound] = {}  # by length of experience, the one used last at the end
        self._weights: Weights = step.context.weights
        self._probes = Probes({name: array for name, array in step.inputs.items() if name not in self._weights})
        self.adapts_policy = spec.learns_from == "advantages"
        self._guard = RollbackGuard(spec.rollback_margin, spec.episodes_per_step, by_returns=self.adapts_policy)
        self._experience = ExperienceBuffer(policy.manifest, policy.bundle.max_experience)
        self._work: Iterator[None] | None = None
        self.clear()

    def clear(self) -> None:
        """Forgets everything but the weights."""
        self.pause()
        self._guard.clear()

    def pause(self) -> None:
        """Forgets experience and the weights before the last change."""
        self._drop_experience()
        self._guard.pause()
        self._previous: Weights | None = None
        self._work = None
        self.last: Adaptation | None = None

    # While an episode is played

    def perceived(self) -> None:
        """Finishes what is due, and keeps the state if it is one to probe."""
        self.finish()
        self._probes.perceived()

    def decided(self) -> None:
        """Counts the state that was perceived last."""
        self._probes.decided()

    def observed(self, action: NDArray[np.float32], reward: float, ended: bool, returns: Sequence[float]) -> bool:
        """Adds a step of experience; see `NoAdapter.observed`."""
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
        """Drops the current episode's steps."""
        self._experience.drop_episode()

    def rollback(self) -> bool:
        """Puts the weights back, and learns from new episodes in shorter steps; see `NoAdapter.rollback`."""
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
        """Moves the weights before the last change towards the initial ones."""
        for name, array in (self._previous or {}).items():
            array += np.float32(fraction) * (initial[name] - array)

    # After its end

    def work(self) -> Iterator[None]:
        """The adaptation that is due, in slices."""
        while self._work is not None:
            self._slice()
            yield

    def finish(self) -> None:
        """Does the adaptation that is due."""
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
        outcome: Outcome = "dropped"
        scale = trust
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
        self.last = Adaptation(episode, outcome, num_steps, float(change), kl, before[0], after[0], trust)

    def _gradient_steps(self, weights: Weights) -> Weights | None:
        """The weights that the adaptation graph makes; None if they are not finite."""
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

    def _actions(self, weights: Weights) -> Moments:
        """What actions are drawn by in the probes under some weights."""
        if self._probe_step is None:
            self._probe_step = PolicyStep(self._policy, NUM_PROBES)
        step, probes = self._probe_step, self._probes.rows()
        count = len(probes["observation"])
        for name, rows in probes.items():
            step.inputs[name][:count] = rows
        for name, array in weights.items():
            step.inputs[name][:] = array
        step.run()
        return self._policy.actions.moments(step.outputs, count, probes.get("legal_actions"))

    def _drop_experience(self) -> None:
        self._experience.clear()
        self._probes.clear()

    def _set(self, weights: Weights) -> None:
        for name, array in weights.items():
            np.copyto(self._weights[name], array)

    # What a mind keeps

    def state(self) -> AdaptationState:
        """Guard, experience, probes, and the weights before the last change."""
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


def adapter_for(policy: Policy, step: PolicyStep) -> NoAdapter:
    """The gradient steps of one agent, whose policy step has one row; those of a bundle without do nothing."""
    return NoAdapter() if policy.manifest.gradient is None else Adapter(policy, step)
