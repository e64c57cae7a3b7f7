"""What an agent shows to a player or a designer."""

import numpy as np
from numpy.typing import NDArray

from gameagent_sdk.adaptation.interface import Adaptation
from gameagent_sdk.agent.trial import Phase, TrialState
from gameagent_sdk.bundle.manifest import Manifest
from gameagent_sdk.engine.beliefs import Belief, decode_beliefs
from gameagent_sdk.engine.observation_report import ObservationReport
from gameagent_sdk.engine.policy import Policy


class Readout:
    """The read-only part of an agent."""

    def __init__(self, policy: Policy, trial: TrialState) -> None:
        """Shows a trial on a policy."""
        self._policy = policy
        self._trial = trial

    def beliefs(self) -> dict[str, Belief | tuple[Belief, ...]]:
        """What the agent thinks the hidden rules are, after its last decision.

        Returns:
            By rule: a `Belief`, or a tuple of them for an array rule. Empty if the bundle has none.

        Raises:
            CallOrderError: No decision was made in this trial.
        """
        if not self.manifest.beliefs:
            return {}
        self._trial.expect_decision("beliefs")
        return decode_beliefs(self.manifest.beliefs, self._trial.step.beliefs[0])

    @property
    def probabilities(self) -> NDArray[np.float64]:
        """The probabilities of the last decision, float64 (A,), with temperature, strength and legal actions applied.

        Raises:
            CallOrderError: No decision was made in this trial.
            SdkError: Actions are continuous; see `distribution`.
        """
        probabilities = self._policy.actions.probabilities(self._trial.tally.decision)
        self._trial.expect_decision("probabilities")
        return probabilities

    def observation_report(self) -> ObservationReport:
        """What the agent has seen of each feature since it was loaded, and how often outside its declared range."""
        return self._trial.intake.report()

    @property
    def last_adaptation(self) -> Adaptation | None:
        """What the last gradient steps of this trial did; None before the first, and for a bundle without any."""
        return self._trial.adapter.last

    @property
    def distribution(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean and standard deviation of the last decision, each float64 (A,) in the box's units.

        Temperature is applied, strength is not. The mean may lie outside the bounds, as actions are cut to them only
        after they are drawn.

        Raises:
            CallOrderError: No decision was made in this trial.
            SdkError: Actions are discrete: see `probabilities`.
        """
        distribution = self._policy.actions.distribution(self._trial.tally.decision)
        self._trial.expect_decision("means and deviations")
        return distribution

    @property
    def phase(self) -> Phase:
        """The call that is due: "begin_trial", "act" or "observe"; right after a restore "observe" may be skipped."""
        return self._trial.phase

    @property
    def episode(self) -> int:
        """Index of the current episode in the trial, from 0; after an episode's end, of the next one."""
        return len(self._trial.tally.returns)

    @property
    def step(self) -> int:
        """How many steps of the current episode have been observed."""
        return self._trial.tally.step

    @property
    def num_decisions(self) -> int:
        """How many decisions have been made in this trial."""
        return self._trial.tally.num_decisions

    @property
    def returns(self) -> tuple[float, ...]:
        """The return (sum of rewards) of each finished episode of this trial."""
        return tuple(self._trial.tally.returns)

    @property
    def episode_return(self) -> float:
        """The sum of rewards in the current episode so far."""
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
