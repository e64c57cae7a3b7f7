"""N agents side by side on one bundle: the one place that carries memory, previous action and previous reward.

:class:`gameagent_sdk.Agent` is built on it with N = 1; an evaluator steps thousands of games in one call.
"""

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gameagent_sdk.backends import Backend, load_backend
from gameagent_sdk.bundle import Bundle
from gameagent_sdk.context import Context
from gameagent_sdk.errors import BundleError, CallOrderError, InputError
from gameagent_sdk.inputs import as_actions, as_flags, as_legal_actions, as_observations, as_rewards
from gameagent_sdk.manifest import Manifest
from gameagent_sdk.signature import step_outputs

Phase = Literal["reset", "step", "observe"]  # the call that is due


class PolicySession:
    """A bundle's policy with the context of N trials, which may start and end at different times.

    The calls go round: ``reset``, then ``step`` and ``observe`` in turn::

        session = PolicySession(Bundle.read("forage.onnx"))
        session.reset(num_rows=1000)
        logits = session.step(observations)
        ...                                          # sample actions, step the games
        session.observe(actions, rewards, episode_ended)
        session.reset_rows(trial_ended)

    Rows never influence one another. A call that raises leaves the session as it was.
    """

    def __init__(self, bundle: Bundle, backend: Backend | None = None) -> None:
        """Starts a session.

        Args:
            bundle: what :meth:`Bundle.read` returned.
            backend: an engine with that bundle loaded, to share one between sessions; None starts one.

        Raises:
            BundleError: as for :func:`load_backend`.
            MissingBackend: as for :func:`load_backend`.
        """
        self.manifest: Manifest = bundle.manifest
        self._backend = load_backend(bundle) if backend is None else backend
        self._output_shapes = {port.name: port.shape[1:] for port in step_outputs(bundle.manifest)}
        self._context = Context.blank(bundle.manifest, 0)
        self._beliefs: NDArray[np.float32] | None = None
        self._phase: Phase = "reset"

    @property
    def phase(self) -> Phase:
        """The call that is due: "reset", "step" or "observe"."""
        return self._phase

    @property
    def num_rows(self) -> int:
        """N; 0 before the first reset."""
        return len(self._context.previous_reward)

    @property
    def context(self) -> Context:
        """What is carried to the next step. Its arrays are the session's own: copy them before you keep them."""
        return self._context

    @property
    def beliefs(self) -> NDArray[np.float32]:
        """The belief output of the last step, float32 (N, E), layout as in the manifest; E is 0 if it has none.

        Rows that were reset since then still show what was believed in the trial that ended.

        Raises:
            CallOrderError: no step was taken since ``reset``.
        """
        if self._beliefs is None:
            raise CallOrderError("there are no beliefs before the first step: call step() first")
        return self._beliefs

    def reset(self, num_rows: int) -> None:
        """Starts a new trial in each of N rows, forgetting all others.

        Raises:
            InputError: ``num_rows`` is below 1.
        """
        if num_rows < 1:
            raise InputError(f"num_rows must be at least 1, given {num_rows}")
        self.resume(Context.blank(self.manifest, num_rows), None, "step")

    def reset_rows(self, rows: ArrayLike) -> None:
        """Starts a new trial in some of the rows; to be called between ``observe`` and ``step``.

        Args:
            rows: bool (N,), True where a trial starts.

        Raises:
            InputError: another shape or dtype.
            CallOrderError: called before ``reset``, or between ``step`` and ``observe``.
        """
        self._expect("step", "reset_rows")
        self._context.clear(as_flags("rows", rows, self._rows))

    def step(self, observations: ArrayLike, legal_actions: ArrayLike | None = None) -> NDArray[np.float32]:
        """Takes one policy step in every row and moves its memory on.

        Args:
            observations: (N, D), finite numbers.
            legal_actions: bool (N, A), at least one True a row; if and only if the manifest's action spec has a mask.

        Returns:
            The logits, float32 (N, A); those of illegal actions are meaningless, see ``action_probabilities``.

        Raises:
            InputError: a wrong shape, dtype or value.
            CallOrderError: called before ``reset``, or twice without ``observe``.
            BundleError: the engine failed, or the policy gave numbers that are not finite.
        """
        self._expect("step", "step")
        inputs: dict[str, NDArray[Any]] = {
            "observation": as_observations(self.manifest, observations, self._rows),
            **self._context.inputs(),
        }
        legal = as_legal_actions(self.manifest, legal_actions, self._rows)
        if legal is not None:
            inputs["legal_actions"] = legal
        outputs = self._run(inputs)
        self._context.hidden_state = {name: outputs[f"next_{name}"] for name in self._context.hidden_state}
        self._beliefs = outputs.get("beliefs", np.zeros((self.num_rows, 0), np.float32))
        self._phase = "observe"
        return outputs["logits"]

    def observe(self, actions: ArrayLike, rewards: ArrayLike, episode_ended: ArrayLike) -> None:
        """Tells what was done and what came of it. Memory is kept when an episode ends.

        Args:
            actions: integers (N,), the actions taken, 0 to A-1.
            rewards: (N,), finite.
            episode_ended: bool (N,), True where the episode terminated or was truncated.

        Raises:
            InputError: a wrong shape, dtype or value.
            CallOrderError: called without a ``step`` before it.
        """
        self._expect("observe", "observe")
        chosen = as_actions(self.manifest, actions, self._rows)
        reward = as_rewards(rewards, self._rows)
        ended = as_flags("episode_ended", episode_ended, self._rows)
        self._context.previous_action = np.eye(self.manifest.num_actions, dtype=np.float32)[chosen]
        self._context.previous_reward = reward[:, None]
        self._context.episode_start = ended[:, None].astype(np.float32)
        self._phase = "step"

    def resume(self, context: Context, beliefs: NDArray[np.float32] | None, phase: Phase) -> None:
        """Goes on from a context that was saved.

        Args:
            context: the session's own from now on.
            beliefs: float32 (N, E), the belief output of the last step; None before a trial's first.
            phase: the call that is due.
        """
        self._context, self._beliefs, self._phase = context, beliefs, phase

    @property
    def _rows(self) -> tuple[int]:
        return (self.num_rows,)

    def _run(self, inputs: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """One policy step, its outputs checked."""
        outputs = self._backend.run(inputs)
        for name, shape in self._output_shapes.items():
            expected, given = (self.num_rows, *shape), outputs[name].shape
            if given != expected:
                raise BundleError(f"the policy gave {name} of shape {given} instead of {expected}: export again")
            if not np.isfinite(outputs[name]).all():
                raise BundleError(f"the policy gave {name} with NaN or infinite values: was it trained to the end?")
        return outputs

    def _expect(self, phase: Phase, call: str) -> None:
        if self._phase != phase:
            raise CallOrderError(
                f"{call}() was called where {self._phase}() is due: reset once, then step and observe in turn"
            )
