"""What can be shown of an agent to a player or a designer."""

import numpy as np
from numpy.typing import NDArray

from gameagent_sdk.adaptation.interface import Adaptation
from gameagent_sdk.agent.trial import Phase, TrialState
from gameagent_sdk.bundle.manifest import Manifest
from gameagent_sdk.engine.beliefs import Belief, decode_beliefs
from gameagent_sdk.engine.observation_report import ObservationReport
from gameagent_sdk.engine.policy import Policy


class Readout:
    """The part of an agent that is only looked at."""

    def __init__(self, policy: Policy, trial: TrialState) -> None:
        """Shows a trial on a policy."""
        self._policy = policy
        self._trial = trial

    def beliefs(self) -> dict[str, Belief | tuple[Belief, ...]]:
        """What the agent thinks the hidden rules are, as of its last decision.

        Returns:
            By rule: a :class:`Belief`, or a tuple of them for an array rule. Empty if the bundle has none.

        Raises:
            CallOrderError: no decision was made in this trial.
        """
        if not self.manifest.beliefs:
            return {}
        self._trial.expect_decision("beliefs")
        return decode_beliefs(self.manifest.beliefs, self._trial.step.beliefs[0])

    @property
    def probabilities(self) -> NDArray[np.float64]:
        """The chances that the last action was drawn by, float64 (A,): temperature, strength, legal actions applied.

        Raises:
            CallOrderError: no decision was made in this trial.
            SdkError: actions are continuous: see :attr:`distribution`.
        """
        probabilities = self._policy.actions.probabilities(self._trial.tally.decision)
        self._trial.expect_decision("probabilities")
        return probabilities

    def observation_report(self) -> ObservationReport:
        """What the agent has seen of each feature since it was loaded, and how often outside its declared range."""
        return self._trial.intake.report()

    @property
    def last_adaptation(self) -> Adaptation | None:
        """What the last gradient steps of this trial did; None before the first, and for a bundle without."""
        return self._trial.adapter.last

    @property
    def distribution(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean and deviation that the last continuous action was drawn by, each float64 (A,) in the box's units.

        Temperature is applied; what lies outside the bounds is brought to them only after it is drawn, and so the mean
        may lie there too. A strength below 1 is not in it.

        Raises:
            CallOrderError: no decision was made in this trial.
            SdkError: actions are discrete: see :attr:`probabilities`.
        """
        distribution = self._policy.actions.distribution(self._trial.tally.decision)
        self._trial.expect_decision("means and deviations")
        return distribution

    @property
    def phase(self) -> Phase:
        """The call that is due: "begin_trial", "act" or "observe". Just restored, "observe" may be left out."""
        return self._trial.phase

    @property
    def episode(self) -> int:
        """Index in the trial, from 0, of the episode at hand; after an episode's end, of the next."""
        return len(self._trial.tally.returns)

    @property
    def step(self) -> int:
        """How many steps of the episode at hand were observed."""
        return self._trial.tally.step

    @property
    def num_decisions(self) -> int:
        """How many decisions were made in this trial."""
        return self._trial.tally.num_decisions

    @property
    def returns(self) -> tuple[float, ...]:
        """The return (sum of rewards) of each episode of this trial that has ended."""
        return tuple(self._trial.tally.returns)

    @property
    def episode_return(self) -> float:
        """The sum of rewards so far in the episode at hand."""
        return self._trial.tally.episode_return

    @property
    def manifest(self) -> Manifest:
        """What the bundle says about itself: observation, actions, beliefs, how it was trained and how well it does."""
        return self._policy.manifest

    @property
    def num_actions(self) -> int:
        """A, the number of actions, or of the components of a box."""
        return self.manifest.num_actions

    @property
    def policy(self) -> Policy:
        """What it runs on: the bundle and the engine."""
        return self._policy
