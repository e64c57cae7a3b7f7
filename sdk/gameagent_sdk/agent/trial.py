"""One agent's trial: what is carried from call to call, and which call is due."""

from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gameagent_sdk.adaptation.adapter import adapter_for
from gameagent_sdk.bundle.manifest import Manifest
from gameagent_sdk.bundle.plan import path_name
from gameagent_sdk.engine.actions import Action, Decision
from gameagent_sdk.engine.context import Context, Tally
from gameagent_sdk.engine.inputs import fill_legal_actions
from gameagent_sdk.engine.intake import Intake
from gameagent_sdk.engine.native import Native, NativeObservations, part_at
from gameagent_sdk.engine.policy import Policy, PolicyStep
from gameagent_sdk.errors import CallOrderError, InputError
from gameagent_sdk.saving.mind import DecidedOn, Mind

Phase: TypeAlias = Literal["begin_trial", "act", "observe"]  # the call that is due


class TrialState:
    """The state of one agent's trial, on the arrays of a policy step of one row.

    Attributes:
        step: The policy step; its outputs are of the last run, whether or not it led to a decision.
        observation: float32 (D,), where the step reads it.
        rules: Its end, where the shown rules of a plan are; they stay there for the trial.
        legal: bool (A,), likewise; None if there is no mask.
        given: float32 (A,) each, where the step writes what actions are drawn by.
        tally: What is counted.
        phase: The call that is due.
        frozen_at: What every episode starts from while learning is frozen; else None.
        freeze_again: Whether that is to become what is known once the outcome of the last decision is in.
        adapter: The gradient steps.
        intake: Checks and counts what the game hands in.
    """

    def __init__(self, policy: Policy) -> None:
        """The state before any trial."""
        self._manifest: Manifest = policy.manifest
        self.step = PolicyStep(policy, 1)
        self._actions = policy.actions
        self.tally = Tally(self._actions.undecided)
        self.phase: Phase = "begin_trial"
        self.frozen_at: Context | None = None
        self.freeze_again = False
        self._outcome_may_be_missing = False
        self._incomplete = False
        self.observation: NDArray[np.float32] = self.step.inputs["observation"][0]
        first_rule = self._manifest.observation_size - self._manifest.shown_size
        self._parts, self.rules = self.observation[:first_rule], self.observation[first_rule:]
        mask = self.step.inputs.get("legal_actions")
        self.legal: NDArray[np.bool_] | None = None if mask is None else mask[0]
        self.intake = Intake(self._manifest)
        self.given: tuple[NDArray[np.float32], ...] = tuple(
            self.step.outputs[name][0] for name in self._manifest.action.outputs
        )
        self._previous_action = self.step.context.previous_action[0]
        self._previous_reward = self.step.context.previous_reward[0]
        self._episode_start = self.step.context.episode_start[0]
        self.adapter = adapter_for(policy, self.step)

    def begin_season(self) -> None:
        """Forgets everything, and begins a trial."""
        self.step.context.clear()
        self.begin()

    def begin(self) -> None:
        """Begins a trial: clears everything but the arrays and the hidden state that is kept for a season."""
        self.step.context.begin_trial()
        self.step.beliefs[:] = 0.0
        self.tally = Tally(self._actions.undecided)
        self.phase = "act"
        self._outcome_may_be_missing = self._incomplete = False
        self.adapter.clear()
        if self.frozen_at is not None:
            self.freeze()

    def perceive(self, observation: Any, legal_actions: ArrayLike | None, native: Native | None) -> None:
        """Puts a decision's inputs in place; nothing is counted yet. Raises like `Agent.act`.

        Args:
            observation: As `Agent.act` takes it; without ``native`` a row.
            legal_actions: Likewise.
            native: Reads the environment's own observations.
        """
        self.expect_act("act")
        name = "legal_actions"
        if native is None:
            self.intake.observe(observation, self.observation)
        else:
            self._read(observation, native.observations)
            if legal_actions is None and native.mask:
                legal_actions, name = part_at(observation, native.mask), path_name(native.mask)
        if self.legal is not None or legal_actions is not None:
            fill_legal_actions(self._manifest, legal_actions, self.legal, name)
        if self.phase == "observe":
            self._go_on_without_outcome()
        self.adapter.perceived()

    def _read(self, observation: Any, reader: NativeObservations) -> None:
        """Puts an environment's own observation in place, before the shown rules, which are there."""
        reader.write(observation, self._parts)
        try:
            self.intake.observe(self.observation, self.observation)
        except InputError:  # of a number that is not finite
            reader.refuse_infinite(self._parts)
            raise

    def _go_on_without_outcome(self) -> None:
        """Feeds the next step a reward of 0 for the last action, in an episode that gradient steps skip.

        It counts once `decided` is called. Until then the outcome may still come in and overwrite it.
        """
        self._feed(self.tally.decision.action, 0.0, ended=False)
        if self.freeze_again:
            self.freeze()
            self.freeze_again = True
        self._skip_episode()

    def decided(self, decision: Decision) -> None:
        """Counts the decision that a step led to; ``observe`` is due.

        If the outcome of the decision before has not come in, that one counts as a step without a reward.
        """
        if self.phase == "observe":
            self.tally.observed(0.0, ended=False)
            self._outcome_may_be_missing = self.freeze_again = False
        self.tally.decision = decision
        self.tally.num_decisions += 1
        self.phase = "observe"
        self.adapter.decided()

    def observed(self, action: Action, reward: float, ended: bool) -> bool:
        """Takes in what was done and its outcome; returns whether gradient steps are due now."""
        fed = self.intake.reward(reward)
        self._feed(action, fed, ended)
        if self.frozen_at is not None:
            if self.freeze_again:
                self.freeze()
                self.freeze_again = False
            if ended:
                self.step.context.assign(self.frozen_at)
            self._incomplete = True
        self.tally.observed(reward, ended)
        self.phase = "act"
        self._outcome_may_be_missing = False
        teaches, self._incomplete = not self._incomplete, self._incomplete and not ended
        if not teaches:
            return False
        learnt_from = self._previous_action
        if self.adapter.adapts_policy:
            learnt_from = self._actions.taught(action, self.tally.decision, learnt_from)
        return self.adapter.observed(learnt_from, fed, ended, self.tally.returns)

    def cut_episode(self, reward: float) -> bool:
        """Ends an episode that will not be played on; returns whether one had begun.

        Memory and counters see an episode that was cut off. Gradient steps skip it, since to them the return of a part
        would look like a failure.

        Args:
            reward: Finite; what has come of the last decision, if ``observe`` is due.
        """
        if self.phase == "observe":
            self._skip_episode()
            self.observed(self.tally.decision.action, reward, ended=True)
            return True
        if not self.tally.step:
            return False
        self._skip_episode()
        self._incomplete = False
        self.step.context.episode_start[0] = 1.0
        if self.frozen_at is not None:
            self.step.context.assign(self.frozen_at)
        self.tally.end_episode()
        return True

    def _skip_episode(self) -> None:
        """Keeps gradient steps from learning from the current episode."""
        self._incomplete = True
        self.adapter.drop_episode()

    def _feed(self, action: Action, reward: float, ended: bool) -> None:
        """Writes what the next step gets to know about the last one."""
        self._actions.encode(action, self._previous_action)
        self._previous_reward[0] = reward
        self._episode_start[0] = ended

    def freeze(self) -> None:
        """Makes every episode start from what is known at this moment.

        If the outcome of the last decision is not in yet, it starts from what is known once it is.
        """
        self._incomplete = self._incomplete or self.phase == "observe" or self.tally.step > 0
        self.adapter.finish()
        self.adapter.pause()
        self.frozen_at = self.step.context.copy()
        self.frozen_at.episode_start[:] = 1.0
        self.freeze_again = self.phase == "observe"

    def forget(self, fraction: float, rng: "np.random.Generator") -> None:
        """Clears each memory cell with a probability (the same cells in all tensors of a shape), and the last outcome.

        Adapted weights move back by that fraction towards the initial ones.
        """
        self.adapter.finish()
        self.adapter.fade(fraction, self.step.context.initial_weights)
        outcome_lost = rng.random() < fraction
        lost: dict[tuple[int, ...], NDArray[np.bool_]] = {}
        for context in (self.step.context, self.frozen_at) if self.frozen_at is not None else (self.step.context,):
            for spec in context.tensors:
                cells = context.hidden_state[spec.name]
                if cells.shape not in lost:
                    lost[cells.shape] = rng.random(cells.shape) < fraction
                cells[lost[cells.shape]] = spec.initial
            for name, initial in context.initial_weights.items():
                context.weights[name] += np.float32(fraction) * (initial - context.weights[name])
            if outcome_lost:
                context.previous_action[:] = 0.0
                context.previous_reward[:] = 0.0

    def mind(self, rng_state: tuple[int, int]) -> Mind:
        """Everything that was gathered, in arrays of its own."""
        adaptation = self.adapter.state()  # first, since the weights are part of the context
        return Mind(
            context=self.step.context.copy(),
            beliefs=self.step.beliefs.copy(),
            tally=self.tally.copy(),
            awaits_observe=self.phase == "observe",
            rng_state=rng_state,
            adaptation=adaptation,
            decided_on=None if adaptation is None else self._decided_on(),
            rules=self.rules.copy(),
        )

    def _decided_on(self) -> DecidedOn:
        legal = np.ones(0, np.bool_) if self.legal is None else self.legal
        return DecidedOn(self.observation.copy(), legal.copy(), self._incomplete)

    def take_over(self, mind: Mind) -> None:
        """Continues from a mind; if learning is frozen, it is frozen at that mind."""
        self.step.context.assign(mind.context)
        self.step.beliefs[:] = mind.beliefs
        self.tally = mind.tally
        self.phase = "observe" if mind.awaits_observe else "act"
        self._outcome_may_be_missing = mind.awaits_observe
        self._incomplete = False
        if mind.decided_on is not None:
            self.observation[:] = mind.decided_on.observation
            if self.legal is not None:
                self.legal[:] = mind.decided_on.legal_actions
            self._incomplete = mind.decided_on.incomplete
        self.rules[:] = mind.rules
        if mind.adaptation is not None:
            self.adapter.take_over(mind.adaptation)
        if self.frozen_at is not None:
            self.freeze()

    def expect_act(self, call: str) -> None:
        """Raises CallOrderError unless ``act`` is due, or allowed: after a restore the outcome may never come."""
        if not self._outcome_may_be_missing:
            self.expect("act", call)

    def expect(self, phase: Phase, call: str) -> None:
        """Raises CallOrderError unless that phase is due."""
        if self.phase != phase:
            raise CallOrderError(f"{call}() was called out of order: {_DUE[self.phase]}")

    def expect_trial(self) -> None:
        """Raises CallOrderError before the first trial."""
        if self.phase == "begin_trial":
            raise CallOrderError("there is no trial: call begin_trial() first")

    def expect_decision(self, what: str) -> None:
        """Raises CallOrderError before a trial's first decision."""
        if not self.tally.num_decisions:
            raise CallOrderError(f"there are no {what} before a trial's first decision: call act() first")


_DUE = {
    "begin_trial": "call begin_trial() first, it starts a trial",
    "act": "there is no action to observe the outcome of, call act() first",
    "observe": "call observe() with the outcome of the last act() first",
}
