"""The agent that a game embeds. This page is the integrator's manual; five calls are all there is to it.

::

    agent = Agent.load("pong.onnx")
    agent.begin_trial()                               # a new opponent, or new rules
    while playing:
        action = agent.act(observation)               # every decision
        ...                                           # the game moves on
        agent.observe(reward, terminated, truncated)  # what came of it
    agent.save("player-one.mind")                     # and some other day: agent.restore("player-one.mind")

A trial is a row of episodes against one opponent under one set of rules: within it the agent learns, so its memory
is kept when an episode ends. ``begin_trial`` alone clears it. The agent owns no loop, opens no window, starts no
thread. A call that raises leaves it as it was.
"""

import math
import os

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gameagent_sdk.beliefs import Belief, decode_beliefs
from gameagent_sdk.bundle import Bundle
from gameagent_sdk.context import Progress
from gameagent_sdk.errors import CallOrderError, InputError
from gameagent_sdk.inputs import as_flags, as_legal_actions, as_observations, as_rewards
from gameagent_sdk.manifest import Manifest
from gameagent_sdk.mind import Mind, read_mind, write_mind
from gameagent_sdk.sampling import action_probabilities, sample_actions
from gameagent_sdk.session import PolicySession


class Agent:
    """One agent in a game."""

    def __init__(self, bundle: Bundle, *, seed: int | None = None, temperature: float | None = None) -> None:
        """Makes an agent of a bundle that is in memory; :meth:`load` does it from a path.

        Args:
            bundle: what :meth:`Bundle.read` returned; several agents may share it.
            seed: of the agent's own random numbers, 0 or above; None for a fresh one every time.
            temperature: how freely actions are sampled; None for the bundle's recommendation, 0 for always the
                likeliest action.

        Raises:
            BundleError: the engine refuses the bundle.
            MissingBackend: onnxruntime is not installed.
            InputError: ``seed`` or ``temperature`` is out of range.
        """
        if seed is not None and seed < 0:
            raise InputError(f"seed must be 0 or above, or None for a fresh one every time, given {seed}")
        if temperature is not None and not 0 <= temperature < math.inf:
            raise InputError(f"temperature must be a finite number of 0 or above, given {temperature}")
        self._bundle = bundle
        self._session = PolicySession(bundle)
        self._temperature = bundle.manifest.temperature if temperature is None else float(temperature)
        self._random_bits = np.random.PCG64(seed)
        self._rng = np.random.Generator(self._random_bits)
        self._progress = Progress(np.zeros(self.num_actions))

    # The life of an agent: load, then begin_trial, then act and observe in turn.

    @classmethod
    def load(
        cls, path: str | os.PathLike[str], *, seed: int | None = None, temperature: float | None = None
    ) -> "Agent":
        """Loads a bundle. Takes a moment, onnxruntime's start included: do it on the loading screen.

        Args:
            path: of the ``.onnx`` file.
            seed: of the agent's own random numbers, 0 or above; None for a fresh one every time.
            temperature: how freely actions are sampled; None for the bundle's recommendation, 0 for always the
                likeliest action.

        Raises:
            BundleError: no such file, no bundle, damaged, or changed after export.
            ManifestError: an ONNX file without a manifest that this SDK can use.
            MissingBackend: onnxruntime is not installed.
            InputError: ``seed`` or ``temperature`` is out of range.
        """
        return cls(Bundle.read(path), seed=seed, temperature=temperature)

    def begin_trial(self) -> None:
        """Starts afresh: a new opponent or new rules. Clears the memory and the counters; may be called any time."""
        self._session.reset(num_rows=1)
        self._progress = Progress(np.zeros(self.num_actions))

    def act(self, observation: ArrayLike, legal_actions: ArrayLike | None = None) -> int:
        """Decides.

        Args:
            observation: (D,) finite numbers, the features of ``manifest.observation`` in order and in their units.
            legal_actions: (A,) True or False for each action, at least one True; needed if and only if
                ``manifest.action.mask``.

        Returns:
            The action, an index into ``manifest.action.names``; always a legal one.

        Raises:
            InputError: a wrong shape, dtype or value.
            CallOrderError: before ``begin_trial``, or twice without ``observe``.
            BundleError: the policy failed or gave numbers that are not finite.
        """
        self._expect("step", "act")
        observation = as_observations(self.manifest, observation, rows=())
        legal = as_legal_actions(self.manifest, legal_actions, rows=())
        legal = None if legal is None else legal[None]
        logits = self._session.step(observation[None], legal)
        probabilities = action_probabilities(logits, legal, self._temperature)
        action = int(sample_actions(probabilities, self._rng)[0])
        self._progress.decided(action, probabilities[0])
        return action

    def observe(
        self, reward: float, terminated: bool = False, truncated: bool = False, *, action: int | None = None
    ) -> None:
        """Tells what came of the last action. Memory is kept when the episode ends.

        Args:
            reward: a finite number, on the scale used in training.
            terminated: whether the episode ended by the game's rules.
            truncated: whether it was cut off, by a time limit say.
            action: what was really done, where it was not what ``act`` chose: a person took over, say.

        Raises:
            InputError: the reward is no finite number, a flag is not True or False, or there is no such action.
            CallOrderError: there was no ``act`` to observe the outcome of.
        """
        self._expect("observe", "observe")
        ended = bool(as_flags("terminated", terminated, rows=()) | as_flags("truncated", truncated, rows=()))
        done = self._progress.last_action if action is None else action
        self._session.observe([done], as_rewards(reward, rows=())[None], [ended])
        self._progress.observed(float(reward), ended)

    # What can be shown to a player or a designer.

    def beliefs(self) -> dict[str, Belief | tuple[Belief, ...]]:
        """What the agent thinks the hidden rules are, as of its last decision.

        Returns:
            By rule: a :class:`Belief`, or a tuple of them for an array rule. Empty if the bundle has none.

        Raises:
            CallOrderError: no decision was made in this trial.
        """
        if not self.manifest.beliefs:
            return {}
        self._expect_decision("beliefs")
        return decode_beliefs(self.manifest.beliefs, self._session.beliefs[0])

    @property
    def probabilities(self) -> NDArray[np.float64]:
        """The chances that the last action was drawn by, float64 (A,), temperature and legal actions applied.

        Raises:
            CallOrderError: no decision was made in this trial.
        """
        self._expect_decision("probabilities")
        return self._progress.probabilities.copy()

    @property
    def episode(self) -> int:
        """Index in the trial, from 0, of the episode at hand; after an episode's end, of the next."""
        return len(self._progress.returns)

    @property
    def step(self) -> int:
        """How many steps of the episode at hand were observed."""
        return self._progress.step

    @property
    def returns(self) -> tuple[float, ...]:
        """The return (sum of rewards) of each episode of this trial that has ended."""
        return self._progress.returns

    @property
    def episode_return(self) -> float:
        """The sum of rewards so far in the episode at hand."""
        return self._progress.episode_return

    @property
    def manifest(self) -> Manifest:
        """What the bundle says about itself: observation, actions, beliefs, how it was trained and how well it does."""
        return self._bundle.manifest

    @property
    def num_actions(self) -> int:
        """A, the number of actions."""
        return self.manifest.num_actions

    @property
    def temperature(self) -> float:
        """How freely actions are sampled; 0 is always the likeliest."""
        return self._temperature

    # What the agent learnt, kept for another day.

    def save(self, path: str | os.PathLike[str]) -> None:
        """Saves all that the agent gathered in this trial, the state of its random numbers included.

        May be called between any two calls. The file is replaced in one go. The temperature is not in it: it is a
        setting of the game's, like the bundle itself.

        Raises:
            MindError: the file cannot be written.
            CallOrderError: there is no trial to save.
        """
        if self._session.phase == "reset":
            raise CallOrderError("there is no trial to save: call begin_trial() first")
        random_bits = self._random_bits.state["state"]
        no_beliefs = np.zeros((1, self.manifest.belief_size), np.float32)
        mind = Mind(
            context=self._session.context,
            beliefs=self._session.beliefs if self._progress.num_decisions else no_beliefs,
            progress=self._progress,
            awaits_observe=self._session.phase == "observe",
            rng_state=(random_bits["state"], random_bits["inc"]),
        )
        write_mind(path, mind, self._bundle)

    def restore(self, path: str | os.PathLike[str]) -> None:
        """Goes on exactly where :meth:`save` left off, in place of the trial at hand if any.

        Raises:
            MindError: no such file, damaged, or saved with another bundle. The trial at hand is kept.
        """
        mind = read_mind(path, self._bundle)
        beliefs = mind.beliefs if mind.progress.num_decisions else None
        self._session.resume(mind.context, beliefs, "observe" if mind.awaits_observe else "step")
        self._progress = mind.progress
        state, increment = mind.rng_state
        self._random_bits.state = {
            "bit_generator": "PCG64",
            "state": {"state": state, "inc": increment},
            "has_uint32": 0,
            "uinteger": 0,
        }

    def _expect(self, phase: str, call: str) -> None:
        if self._session.phase != phase:
            raise CallOrderError(f"{call}() was called out of order: {_DUE[self._session.phase]}")

    def _expect_decision(self, what: str) -> None:
        if not self._progress.num_decisions:
            raise CallOrderError(f"there are no {what} before a trial's first decision: call act() first")


_DUE = {
    "reset": "call begin_trial() first, it starts a trial",
    "step": "there is no action to observe the outcome of, call act() first",
    "observe": "call observe() with the outcome of the last act() first",
}
