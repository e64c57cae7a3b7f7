"""What chooses an agent's actions: settings, random numbers and a recording, on the state of its trial.

`gameagent_sdk.Agent` is the face that games see; squads and replays, which decide for agents, work with this.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gameagent_sdk.agent.trial import TrialState
from gameagent_sdk.engine.actions import Action
from gameagent_sdk.engine.inputs import as_reward
from gameagent_sdk.engine.policy import Policy
from gameagent_sdk.saving.mind import Mind
from gameagent_sdk.saving.recording import Recording


class Decider:
    """Chooses actions for one agent.

    Attributes:
        trial: The state that it decides on.
        native: What reads the environment's own observations and makes its actions; None where the game gives rows and
            takes indices or the numbers of a box, as recordings do.
        temperature: Finite, 0 or above.
        strength: From 0 to 1.
        recording: What notes down its calls; None while nothing is recorded.
        random_bits: Where its random numbers come from.
    """

    def __init__(self, policy: Policy, seed: int | None) -> None:
        """Before any trial; settings are the policy's own."""
        self._actions = policy.actions
        self.trial = TrialState(policy)
        self.native = policy.native
        self.temperature = policy.manifest.temperature
        self.strength = 1.0
        self.recording: Recording | None = None
        self.random_bits = np.random.PCG64(seed)
        self.rng = np.random.Generator(self.random_bits)

    def begin(self, call: str, rules: NDArray[np.float32]) -> None:
        """Begins a trial, or a season.

        Args:
            call: "begin_trial" or "begin_season".
            rules: The shown rules, encoded.
        """
        (self.trial.begin if call == "begin_trial" else self.trial.begin_season)()
        self.trial.rules[:] = rules
        self.note(call, **({"rules": rules.tolist()} if rules.size else {}))

    def perceive(self, observation: Any, legal_actions: ArrayLike | None) -> None:
        """Puts a decision's inputs in place; raises like `Agent.act`."""
        self.trial.perceive(observation, legal_actions, self.native)

    def given_out(self, action: Action) -> Action:
        """A policy's action as the game takes it."""
        return action if self.native is None else self.native.actions.to_native(action)

    def taken_in(self, action: ArrayLike) -> Action:
        """An action of the game's as the policy's, in an object of its own.

        Raises:
            InputError: There is no such action.
        """
        own = action if self.native is None else self.native.actions.from_native(action)
        return self._actions.check(own, rows=())

    def decide(self, given: Sequence[Sequence[float]], rows: int = 1, row: int = 0) -> Action:
        """Chooses an action after a policy step: an index, or the numbers of a box.

        Args:
            given: A numbers of each of the outputs that actions are drawn by.
            rows: Of the batch that the step was taken in.
            row: The agent's own in it.
        """
        trial = self.trial
        legal = None if trial.legal is None else trial.legal.tolist()
        action, decision = self._actions.decide(given, legal, self.temperature, self.strength, self.rng)
        trial.decided(decision)
        if self.recording is not None:
            seen, done = trial.observation.tolist(), decision.action
            self.recording.note("act", observation=seen, legal=legal, action=done, rows=rows, row=row)
        return action

    def correct(self, action: Action) -> None:
        """Puts another action in place of the last decision's, as if it had been drawn."""
        done = action.tolist() if isinstance(action, np.ndarray) else action
        self.trial.tally.decision = replace(self.trial.tally.decision, action=done)

    def note(self, call: str, **details: Any) -> None:
        """Records a call, if calls are being recorded."""
        if self.recording is not None:
            self.recording.note(call, **details)

    def mind(self) -> Mind:
        """Everything that was gathered in the trial, in arrays of its own."""
        return self.trial.mind(self._rng_state())

    def _rng_state(self) -> tuple[int, int]:
        state = self.random_bits.state["state"]
        return state["state"], state["inc"]

    def take_over(self, mind: Mind) -> None:
        """Goes on from a mind."""
        self.trial.take_over(mind)
        state, increment = mind.rng_state
        self.random_bits.state = {
            "bit_generator": "PCG64",
            "state": {"state": state, "inc": increment},
            "has_uint32": 0,
            "uinteger": 0,
        }

    def resume(self, mind: Mind) -> None:
        """Goes on from a mind, as a call that is recorded."""
        self.take_over(mind)
        if self.recording is not None:
            self.recording.note("restore", mind=self.recording.encode(mind))

    def go_back(self, mind: Mind) -> None:
        """Goes back to what it was before, but not in its random numbers: what follows need not be the same again."""
        last = self.trial.adapter.last
        self.resume(replace(mind, rng_state=self._rng_state()))
        self.trial.adapter.last = last  # for show; no mind keeps it

    def cut_episode(self, reward: float) -> None:
        """Ends an episode that will not be played on; see `TrialState.cut_episode`.

        Raises:
            InputError: The reward is not a finite number.
        """
        value = as_reward(reward)
        if self.trial.cut_episode(value):
            self.note("cut_episode", reward=value)

    def snapshot(self) -> tuple[Mind, Mind | None, dict[str, Any]]:
        """Where it stands: its mind, the mind that it goes back to if it is frozen, and settings ready for JSON."""
        trial, mind = self.trial, self.mind()
        frozen = None if trial.frozen_at is None else replace(mind, context=trial.frozen_at)
        settings = {
            "temperature": self.temperature,
            "strength": self.strength,
            "phase": trial.phase,
            "freeze_again": trial.freeze_again,
        }
        return mind, frozen, settings

    def start_at(self, mind: Mind, frozen: Mind | None, *, before_trial: bool, freeze_again: bool) -> None:
        """Goes on from a `snapshot`, settings aside."""
        self.take_over(mind)
        if frozen is not None:
            self.trial.frozen_at, self.trial.freeze_again = frozen.context, freeze_again
        if before_trial:
            self.trial.phase = "begin_trial"
