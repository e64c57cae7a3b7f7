"""The agent that a game embeds; five calls are all that most games need. The README is the manual.

::

    agent = Agent.load("pong.onnx")
    agent.begin_trial()                               # a new opponent, or new rules
    while playing:
        action = agent.act(observation)               # every decision
        ...                                           # the game moves on
        agent.observe(reward, terminated, truncated)  # what came of it
    agent.save("player-one.mind")                     # another day: agent.restore("player-one.mind")

A trial is a series of episodes against one opponent under one set of rules. The agent learns within it, so its memory
is kept when an episode ends; only ``begin_trial`` clears it. The agent owns no loop, opens no window and starts no
thread. A call that raises leaves it as it was.
"""

import os
from collections.abc import Mapping
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from gameagent_sdk.agent.decider import Decider
from gameagent_sdk.agent.readout import Readout
from gameagent_sdk.agent.timing import CallTimes
from gameagent_sdk.backends import BackendName
from gameagent_sdk.bundle.file import Bundle
from gameagent_sdk.engine.actions import Action
from gameagent_sdk.engine.inputs import as_flag, as_number, as_reward, as_seed
from gameagent_sdk.engine.policy import Policy
from gameagent_sdk.errors import SdkError
from gameagent_sdk.regular_file import as_path
from gameagent_sdk.saving.mind_file import read_mind, write_mind, write_mind_in_slices
from gameagent_sdk.saving.pending import PendingWork
from gameagent_sdk.saving.recording import Recording

DEADLINE_MS = 4.0  # a quarter of a frame at 60 frames a second


class Agent(Readout):
    """One agent in a game."""

    def __init__(
        self,
        policy: Policy | Bundle,
        *,
        seed: int | None = None,
        temperature: float | None = None,
        strength: float = 1.0,
        deadline_ms: float = DEADLINE_MS,
    ) -> None:
        """Makes an agent from a policy or bundle in memory; `load` makes one from a path.

        Args:
            policy: What the agent runs on. Agents may share it, each with a memory of its own; a bundle is started in
                the default engine.
            seed: For the agent's own random numbers, 0 or above; None for a fresh one every time.
            temperature: How freely actions are sampled; None for the bundle's recommendation, 0 to always take the
                likeliest action.
            strength: See `strength`.
            deadline_ms: How long one ``act`` may take; `act_times` counts those that took longer.

        Raises:
            BundleError: The engine refuses the bundle.
            InputError: ``seed``, ``temperature``, ``strength`` or ``deadline_ms`` is out of range.
        """
        policy = policy if isinstance(policy, Policy) else Policy(policy)
        self._decider = Decider(policy, as_seed(seed))
        super().__init__(policy, self._decider.trial)
        self._pending = PendingWork()
        self.temperature = self.manifest.temperature if temperature is None else temperature
        self.strength = strength
        self.act_times = CallTimes(as_number("deadline_ms", deadline_ms, 0.0))
        self.tick_times = CallTimes(0.0)

    # The life of an agent: load, then begin_trial, then act and observe in turn.

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        *,
        backend: BackendName | None = None,
        seed: int | None = None,
        temperature: float | None = None,
        strength: float = 1.0,
        deadline_ms: float = DEADLINE_MS,
    ) -> "Agent":
        """Loads a bundle. This takes a moment, as it starts an engine: do it on the loading screen.

        Args:
            path: The ``.onnx`` file.
            backend: "onnxruntime" or "numpy"; None takes onnxruntime if it can be imported, else numpy.
            seed: As for the constructor.
            temperature: As for the constructor.
            strength: As for the constructor.
            deadline_ms: As for the constructor.

        Raises:
            BundleError: The file does not exist, is not a bundle, is damaged, was changed after export, or cannot be
                trusted.
            ManifestError: The ONNX file has no manifest that this SDK can use.
            MissingBackend: onnxruntime was asked for and is not installed.
            InputError: A setting is out of range, or there is no such backend.
        """
        policy = Policy.load(path, backend)
        return cls(policy, seed=seed, temperature=temperature, strength=strength, deadline_ms=deadline_ms)

    @property
    def decider(self) -> Decider:
        """What chooses the actions: for squads and replays, not for games."""
        return self._decider

    def begin_trial(self, rules: Mapping[str, Any] | None = None) -> None:
        """Starts afresh: a new opponent or new rules. Clears the memory and the counters; may be called any time.

        Memory that the bundle keeps for a whole season (``manifest.hidden_state`` says which) is kept. A frozen agent
        stays frozen, now at what is left of its memory.

        Args:
            rules: The rules of this trial that the agent is told, if ``manifest.plan`` has any: a value for each of
                them by its name, such as ``{"gravity": 9.8, "colour": "red"}``. A choice is an option's label, or the
                number it stands for; an array rule is a list.

        Raises:
            InputError: A rule is missing, misspelt or has a value that it cannot have; or the bundle is not told any.
        """
        self._decider.begin("begin_trial", self._policy.shown_rules.encode(rules))

    def begin_season(self, rules: Mapping[str, Any] | None = None) -> None:
        """Starts afresh like `begin_trial`, and clears the memory that outlives trials, too.

        Args:
            rules: As for `begin_trial`.

        Raises:
            InputError: As for `begin_trial`.
        """
        self._decider.begin("begin_season", self._policy.shown_rules.encode(rules))

    def act(self, observation: Any, legal_actions: ArrayLike | None = None) -> Action:
        """Chooses an action.

        Args:
            observation: What the game shows. If ``manifest.plan`` is given, the environment's own observation, as it
                was in training: a dict, a tuple, an array or a number. Otherwise a row: (D,) finite numbers, the
                features of ``manifest.observation`` in order and in their units. Float32 arrays are fastest. The policy
                is fed at most 1e15 of each number, and `observation_report` counts those outside their declared ranges.
            legal_actions: (A,) True or False for each action, at least one True; needed if and only if
                ``manifest.action.mask``. It may be left out if the observation holds it, at ``manifest.plan.mask``.

        Returns:
            The action, always a legal one. With a plan, the environment's own: an int where it takes one of several
            plain numbers, otherwise an array. Without, an index into ``manifest.action.names``; or, where
            ``manifest.action.kind`` is "box", float64 (A,) in its units, always within its bounds.

        Raises:
            InputError: A wrong shape, dtype or value, or a part of the observation is missing.
            CallOrderError: Called before ``begin_trial``, or twice without ``observe`` (which is allowed once after a
                `restore`).
            BundleError: The policy failed or gave numbers that are not finite.
            InputWarning: If warnings are errors: the first time that a feature leaves its range.
        """
        started = perf_counter()
        trial = self._trial
        self._decider.perceive(observation, legal_actions)
        trial.step.run()
        trial.step.check_outputs()
        trial.step.advance()
        action = self._decider.given_out(self._decider.decide([output.tolist() for output in trial.given]))
        self.act_times.count(perf_counter() - started)
        return action

    def observe(
        self, reward: float, terminated: bool = False, truncated: bool = False, *, action: ArrayLike | None = None
    ) -> None:
        """Reports the outcome of the last action. Memory is kept when the episode ends.

        Args:
            reward: A finite number, on the scale used in training; the policy is fed at most 1e15 of it.
            terminated: Whether the episode ended by the game's rules.
            truncated: Whether it was cut off, for example by a time limit.
            action: What was really done, if it was not what ``act`` chose, for example because a person took over; in
                the form in which ``act`` returns it. Finite numbers of a box are cut to its bounds.

        Raises:
            InputError: The reward is not a finite number, a flag is not True or False, or there is no such action.
            CallOrderError: ``act`` was not called before.
            InputWarning: If warnings are errors: the first time that a reward is beyond 1e15.
        """
        self._trial.expect("observe", "observe")
        value = as_reward(reward)
        terminated, truncated = as_flag("terminated", terminated), as_flag("truncated", truncated)
        trial = self._trial
        done = trial.tally.decision.action if action is None else self._decider.taken_in(action)
        if trial.observed(done, value, terminated or truncated):
            self._pending.drop(trial.adapter)  # an older one, done by an act since
            self._pending.add(trial.adapter.work(), about=trial.adapter)
        if self._decider.recording is not None:
            told = done.tolist() if isinstance(done, np.ndarray) else done
            self._decider.note("observe", reward=value, terminated=terminated, truncated=truncated, action=told)

    def tick(self, budget_ms: float) -> int:
        """Does pending work in slices, in frames with time to spare.

        Pending are gradient steps, and what `save_soon` and `record` have to write.

        Args:
            budget_ms: How long it may take, in milliseconds; it is exceeded by less than one slice. The slice that
                flushes a saved mind to the disk takes as long as the disk does.

        Returns:
            How many tasks are still pending; 0 when all is done.

        Raises:
            InputError: The budget is not a finite number of 0 or above.
            MindError: A mind that was to be saved cannot be written; that task is dropped.
            RecordingError: The recording cannot be written; it has ended.
            BundleError: The gradient steps failed; they are dropped.
        """
        self.tick_times.deadline_ms = budget_ms = as_number("budget_ms", budget_ms, 0.0)
        if self._pending and budget_ms > 0:
            started = perf_counter()
            try:
                self._pending.tick(budget_ms)
            finally:
                self.tick_times.count(perf_counter() - started)
        return len(self._pending)

    @property
    def num_pending(self) -> int:
        """How many tasks wait for `tick`."""
        return len(self._pending)

    # Control for designers.

    @property
    def temperature(self) -> float:
        """How freely actions are sampled: 1 as in training, above 1 more varied, below 1 more decided, 0 the likeliest.

        For a box, it multiplies the standard deviations.
        """
        return self._decider.temperature

    @temperature.setter
    def temperature(self, value: float) -> None:
        self._decider.temperature = as_number("temperature", value, 0.0)
        self._decider.note("temperature", value=self.temperature)

    @property
    def strength(self) -> float:
        """How well it plays: 1 is its best, 0 is at random; in between, that share of the decisions is its own.

        The other decisions are drawn uniformly from the legal actions, or from the box. It learns at any strength.
        """
        return self._decider.strength

    @strength.setter
    def strength(self, value: float) -> None:
        self._decider.strength = as_number("strength", value, 0.0, 1.0)
        self._decider.note("strength", value=self.strength)

    @property
    def learning(self) -> bool:
        """Whether what it experiences changes it: False while frozen, and for a policy that cannot adapt."""
        return self._trial.frozen_at is None and bool(self.manifest.adaptation)

    def freeze(self) -> None:
        """Stops learning: from now on every episode starts from what the agent knows at this moment.

        Within an episode its memory works as usual, since it may need it to play; what was gathered is dropped when the
        episode ends. If you freeze it between episodes, it plays all of them alike.

        Raises:
            CallOrderError: There is no trial, or ``observe`` is due; after a restore it may be called
                even then, and the outcome is still taken in.
        """
        self._trial.expect_act("freeze")
        self._trial.freeze()
        self._decider.note("freeze")

    def unfreeze(self) -> None:
        """Goes on learning; has no effect if it was not frozen."""
        self._trial.frozen_at = None
        self._decider.note("unfreeze")

    def forget(self, fraction: float) -> None:
        """Lets what was learnt fade. Called at each episode's end with 0.1, for example, it forgets gradually.

        Each memory cell is cleared with that probability, and so is the last outcome, which weakens everything evenly.
        (Scaling the cells instead had no effect up to one half and then erased everything, as they saturate.)

        Args:
            fraction: From 0, nothing, to 1, everything.

        Raises:
            InputError: The fraction is out of range.
            CallOrderError: There is no trial, or ``observe`` is due; after a restore it may be called even then.
        """
        fraction = as_number("fraction", fraction, 0.0, 1.0)
        self._trial.expect_act("forget")
        self._trial.forget(fraction, self._decider.rng)
        self._decider.note("forget", fraction=fraction)

    def rollback(self) -> bool:
        """Undoes the last gradient steps: the weights become what they were before them.

        The agent does so by itself if the episodes after them went clearly worse than those before.

        Returns:
            Whether there were any to undo; earlier steps stay.

        Raises:
            CallOrderError: There is no trial.
        """
        self._trial.expect_trial()
        self._decider.note("rollback")
        return self._trial.adapter.rollback()

    # What the agent learnt, kept for another day.

    def save(self, path: str | os.PathLike[str]) -> None:
        """Saves everything that the agent gathered in this trial, including the state of its random numbers.

        It may be called between any two calls. The file is replaced atomically. Temperature, strength and freezing are
        not saved: they are settings of the game, like the bundle itself.

        Raises:
            MindError: The file cannot be written.
            CallOrderError: There is no trial to save.
        """
        self._trial.expect_trial()
        self._pending.drop(as_path(path))  # older than what is saved now
        write_mind(path, self._decider.mind(), self._policy.bundle)

    def save_soon(self, path: str | os.PathLike[str]) -> None:
        """Saves what the agent knows at this moment, like `save`, but lets the next `tick` calls write it.

        Raises:
            CallOrderError: There is no trial to save.
        """
        self._trial.expect_trial()
        self._pending.add(write_mind_in_slices(path, self._decider.mind(), self._policy.bundle), about=as_path(path))

    def finish_saving(self, path: str | os.PathLike[str]) -> None:
        """Writes what `save_soon` has queued for a path; has no effect if nothing is pending.

        Raises:
            MindError: The file cannot be written.
        """
        self._pending.finish(as_path(path))

    def restore(self, path: str | os.PathLike[str]) -> None:
        """Continues exactly where `save` left off; this replaces the current trial, if there is one.

        If it was saved between ``act`` and ``observe``, `phase` is "observe" and either call is allowed.
        ``observe`` reports the outcome, as if there had been no interruption. ``act`` closes the decision whose outcome
        will never come: memory and counters see a step that paid 0 and did not end the episode, and gradient steps skip
        that episode, as its return is not known. From then on the order is as strict as usual.

        A pending save to this path is written first. A frozen agent is frozen at what was restored.

        Raises:
            MindError: No such file, damaged, or saved with another bundle. The current trial is kept.
        """
        self.finish_saving(path)
        self._decider.resume(read_mind(path, self._policy.bundle))

    def record(self, path: str | os.PathLike[str]) -> None:
        """Starts a recording: everything the agent is given and does from now on, until `stop_recording`.

        `gameagent_sdk.replay` plays it again and gets every action bit for bit on the same backend. `tick`
        writes what was recorded; without it, it is written every few hundred calls.

        If a member of a squad decided together with very many others (thousands, for a small policy), its decisions
        cannot be replayed.

        A recording that is already running ends once the new one has begun.

        Raises:
            RecordingError: The file cannot be written.
        """
        before = self._decider.recording
        if before is not None and before.path == as_path(path):
            self.stop_recording()
        self._decider.recording = Recording(path, self._policy, *self._decider.snapshot(), self._pending)
        if before is not None and before.path != as_path(path):
            before.close()

    def stop_recording(self) -> None:
        """Ends the recording, if there is one, and writes what is left of it.

        Raises:
            RecordingError: The file cannot be written.
        """
        recording, self._decider.recording = self._decider.recording, None
        if recording is not None:
            recording.close()

    def __reduce__(self) -> Any:
        """Refuses to be copied or pickled, since a copy would share the original's arrays.

        Raises:
            SdkError: Always.
        """
        raise SdkError("an agent cannot be copied: make another with Agent(agent.policy), and save and restore a mind")
