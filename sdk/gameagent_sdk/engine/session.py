"""N trials side by side on one bundle, for programs that play thousands of games at once, such as evaluators.

A game with agents that come and go, each in its own trial, should use `gameagent_sdk.Squad` instead.
"""

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gameagent_sdk.bundle.file import Bundle
from gameagent_sdk.bundle.manifest import Manifest
from gameagent_sdk.engine.actions import Actions
from gameagent_sdk.engine.context import Context
from gameagent_sdk.engine.inputs import (
    as_count,
    as_flags,
    as_legal_actions,
    as_rewards,
)
from gameagent_sdk.engine.intake import Intake
from gameagent_sdk.engine.observation_report import ObservationReport
from gameagent_sdk.engine.policy import Policy, PolicyStep
from gameagent_sdk.errors import CallOrderError

Phase = Literal["reset", "step", "observe"]  # the call that is due


class PolicySession:
    """A bundle's policy with the context of N trials, which may start and end at different times.

    Call ``reset`` once, then ``step`` and ``observe`` in turn::

        session = PolicySession(Bundle.read("forage.onnx"))
        session.reset(num_rows=1000)
        given = session.step(observations)
        actions = session.actions.sample(given, None, 1.0, rng)
        ...                                          # step the games
        session.observe(actions, rewards, episode_ended)
        session.reset_rows(trial_ended)

    Rows never influence one another. A call that raises leaves the session as it was.
    """

    def __init__(self, policy: Policy | Bundle) -> None:
        """Starts a session.

        Args:
            policy: What to run, which sessions may share; a bundle is started in the default engine.

        Raises:
            BundleError: The engine refuses the bundle.
        """
        self._policy = policy if isinstance(policy, Policy) else Policy(policy)
        self.manifest: Manifest = self._policy.manifest
        self.actions: Actions = self._policy.actions
        self._step = PolicyStep(self._policy, 0)
        self._intake = Intake(self.manifest)
        self._beliefs: NDArray[np.float32] | None = None
        self._phase: Phase = "reset"

    @property
    def phase(self) -> Phase:
        """The call that is due: "reset", "step" or "observe"."""
        return self._phase

    @property
    def num_rows(self) -> int:
        """N; 0 before the first reset."""
        return len(self._step.context.previous_reward)

    @property
    def context(self) -> Context:
        """What is carried to the next step. Its arrays are the session's own: copy them to keep them."""
        return self._step.context

    @property
    def beliefs(self) -> NDArray[np.float32]:
        """The belief output of the last step, float32 (N, E), layout as in the manifest; E is 0 if it has none.

        Rows that were reset since then still show what was believed in the trial that ended.

        Raises:
            CallOrderError: No step was taken since ``reset``.
        """
        if self._beliefs is None:
            raise CallOrderError("there are no beliefs before the first step: call step() first")
        return self._beliefs

    def reset(self, num_rows: int) -> None:
        """Starts a new season, and its first trial, in each of N rows; everything else is forgotten.

        Raises:
            InputError: ``num_rows`` is not an integer of 1 or above.
        """
        num_rows = as_count("num_rows", num_rows)
        if num_rows != self.num_rows:
            self._step = PolicyStep(self._policy, num_rows)
        self._step.context.clear()
        self._beliefs, self._phase = None, "step"

    def reset_rows(self, rows: ArrayLike) -> None:
        """Starts a new trial in some of the rows; to be called between ``observe`` and ``step``.

        Hidden state whose lifetime is a season is kept.

        Args:
            rows: bool (N,), True where a trial starts.

        Raises:
            InputError: Another shape or dtype.
            CallOrderError: Called before ``reset``, or between ``step`` and ``observe``.
        """
        self._expect("step", "reset_rows")
        self.context.begin_trial(as_flags("rows", rows, self._rows))

    def step(self, observations: ArrayLike, legal_actions: ArrayLike | None = None) -> Any:
        """Takes one policy step in every row and moves its memory on.

        Args:
            observations: (N, D), finite numbers; the policy is fed at most 1e15 of each.
                `observation_report` counts those outside their declared ranges.
            legal_actions: bool (N, A), at least one True a row; if and only if the manifest's action spec has a mask.

        Returns:
            What ``session.actions.sample`` draws actions by: logits, float32 (N, A), of which those of illegal
            actions are meaningless; or, if ``manifest.action.kind`` is "box", a
            `gameagent_sdk.authoring.BoxOutput` of two float32 (N, A).

        Raises:
            InputError: A wrong shape, dtype or value.
            CallOrderError: Called before ``reset``, or twice without ``observe``.
            BundleError: The engine failed, or the policy gave numbers that are not finite.
            InputWarning: If warnings are errors: the first time that a feature leaves its range.
        """
        self._expect("step", "step")
        step = self._step
        legal = as_legal_actions(self.manifest, legal_actions, self._rows)
        self._intake.observe(observations, step.inputs["observation"])
        if legal is not None:
            np.copyto(step.inputs["legal_actions"], legal)
        step.run()
        step.check_outputs()
        step.advance()
        self._beliefs = step.beliefs.copy()
        self._phase = "observe"
        return self.actions.read(step.outputs)

    def observe(self, actions: ArrayLike, rewards: ArrayLike, episode_ended: ArrayLike) -> None:
        """Reports what was done and its outcome. Memory is kept when an episode ends.

        Args:
            actions: Integers (N,), the actions taken, 0 to A-1. For a box, (N, A) finite numbers, which are cut
                to its bounds.
            rewards: (N,), finite; the policy is fed at most 1e15 of each.
            episode_ended: bool (N,), True where the episode terminated or was truncated.

        Raises:
            InputError: A wrong shape, dtype or value.
            CallOrderError: Called without a ``step`` before it.
            InputWarning: If warnings are errors: the first time that a reward is beyond 1e15.
        """
        self._expect("observe", "observe")
        taken = self.actions.check(actions, self._rows)
        ended = as_flags("episode_ended", episode_ended, self._rows)
        reward = self._intake.rewards(as_rewards(rewards, self._rows))
        self.actions.encode(taken, self.context.previous_action)
        self.context.previous_reward[:, 0] = reward
        self.context.episode_start[:, 0] = ended
        self._phase = "step"

    def observation_report(self) -> ObservationReport:
        """What all rows together have seen of each feature since the session was started."""
        return self._intake.report()

    @property
    def _rows(self) -> tuple[int]:
        return (self.num_rows,)

    def _expect(self, phase: Phase, call: str) -> None:
        if self._phase != phase:
            raise CallOrderError(
                f"{call}() was called where {self._phase}() is due: reset once, then step and observe in turn"
            )
