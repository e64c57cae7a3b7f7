"""An agent in a game that runs in frames: it decides every few of them, and its action is held in between.

::

    with Pacer(Agent.load("pong.onnx"), save_to="player-one.mind") as pacer:
        reward = 0.0
        while running:                                  # 60 times a second
            action = pacer.frame(what_it_sees, reward)
            reward = ...                                # the game moves on by one frame
            if round_over:
                pacer.end_round(reward)
"""

import os
import warnings
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from gameagent_sdk.agent.agent import Agent
from gameagent_sdk.agent.interrupts import WholeCalls
from gameagent_sdk.engine.actions import Action
from gameagent_sdk.engine.inputs import as_count, as_flag, as_reward
from gameagent_sdk.errors import CallOrderError, InputWarning, MindError, SdkError, shown_path
from gameagent_sdk.regular_file import as_path
from gameagent_sdk.saving.mind import Mind
from gameagent_sdk.saving.mind_file import make_folder, set_aside


class Pacer:
    """Lets an agent decide every few frames of a game, and adds up the rewards in between.

    A frame is a step of the game's simulation, drawn or not: `frame` counts its calls, not seconds. A game that is
    drawn at a varying rate calls it once for each step of its simulation, and a paused game does not call it.

    **Which reward is whose.** Give `frame` the reward of what has happened since it was last called, which came of the
    actions that it returned before. With a decision every 3 frames::

        frame      0    1    2    3    4    5    6
        reward          a    b    c    d    e    f
        decides    *              *              *
        observes                a+b+c          d+e+f

    So a decision gets the sum of the rewards up to the frame of the next one, or up to the round's end, where
    `end_round` takes the last reward. If a round ends in the very frame of a decision, that reward is all it gets. The
    first frame of a round always decides; a reward that is given to it came of no decision of this round, and is not
    counted.

    **Which agents.** The pacer begins a trial if the agent has none. For a new opponent or new rules, call
    ``agent.begin_trial()`` between two rounds; ``restore``, ``freeze`` and ``forget`` belong there, too. What else an
    agent can do, it can do at any time. Several agents may share a `Policy`, each with its own pacer. A `Squad` cannot
    be paced, since it decides for all its members in one call: call that every few frames instead, and add up the
    rewards.
    """

    def __init__(
        self,
        agent: Agent,
        frames_per_decision: int | None = None,
        *,
        save_to: str | os.PathLike[str] | None = None,
        defer_sigint: bool = False,
    ) -> None:
        """Paces an agent, and restores what it knew the last time.

        A saved mind may turn out to be damaged, or to belong to another bundle. The game starts all the same: the file
        is renamed, for example to ``player.mind.old``, an `InputWarning` says so, and the agent is left as it is.

        Args:
            agent: The agent. Its trial goes on, if it has one, unless another is restored.
            frames_per_decision: How many frames there are from one decision to the next; None for the number that the
                agent was trained for, ``agent.manifest.frames_per_decision``.
            save_to: Where its mind is kept from day to day: it is read now, if the file exists, and written by `quit`.
            defer_sigint: Whether Ctrl-C waits while the agent is in the middle of a call, so that nothing of the
                current round is lost. It sets a handler for SIGINT as long as the pacer's ``with`` lasts, which calls
                the handler before it.

        Raises:
            InputError: ``frames_per_decision`` is not a count, or ``defer_sigint`` not True or False.
            MindError: ``save_to`` is a folder, or something else that is not a file.
        """
        rate = agent.manifest.frames_per_decision if frames_per_decision is None else frames_per_decision
        self._frames_per_decision = as_count("frames_per_decision", rate)
        self._agent = agent
        self._save_to = None if save_to is None else as_path(save_to)
        self._saved_to: Path | None = None
        self._defer_sigint = as_flag("defer_sigint", defer_sigint)
        self._calls = WholeCalls()
        self._in_round = self._decided = self._restored = self._ended = False
        self._put_aside: Path | None = None
        self._frames_left = 0  # in which the action is held
        self._action: Action = 0
        self._reward = 0.0  # since the last decision
        self._num_decisions = -1  # the agent's, counting the one that is pending; -1 if none is
        self._reward_may_be_late = self._warned = False
        if self._save_to is not None:
            self._restore(self._save_to)
        self._round_start: Mind | None = None if agent.phase == "begin_trial" else agent.decider.mind()

    @property
    def agent(self) -> Agent:
        """The agent."""
        return self._agent

    @property
    def frames_per_decision(self) -> int:
        """How many frames there are from one decision to the next."""
        return self._frames_per_decision

    @property
    def decided(self) -> bool:
        """Whether the last frame made a decision; if not, it returned the action that is held."""
        return self._decided

    @property
    def restored(self) -> bool:
        """Whether the agent goes on from a mind that ``save_to`` held."""
        return self._restored

    @property
    def put_aside(self) -> Path | None:
        """Where a saved mind that could not be used is now; None if there was none, or it could not be renamed."""
        return self._put_aside

    def frame(self, observation: Any, reward: float = 0.0, legal_actions: Any = None) -> Action:
        """Takes a frame's reward and returns its action: to be called once a frame, before the game moves on.

        Args:
            observation: What `Agent.act` takes, or a function without arguments that returns it, which is called only
                in frames that decide.
            reward: What has been earned since the last call, a finite number.
            legal_actions: What `Agent.act` takes, or a function likewise. It is for decisions: an action that is held
                may have become illegal.

        Returns:
            The action, as `Agent.act` returned it.

        Raises:
            InputError: The reward is not a finite number; it was not counted. In frames that decide also as for
                `Agent.act`: the reward was counted then, and the next frame decides.
            CallOrderError: After `quit`; or the agent's ``act``, ``observe``, ``begin_trial`` or ``restore`` were
                called within the round.
            BundleError: As for `Agent.act`.
            InputWarning: If warnings are errors: as for `Agent.act`; or a round's first frame was given a reward, and
                the `end_round` before it was not, which suggests that the reward came too late.
        """
        self._expect_open("frame")
        self._mend()
        value, self._decided = as_reward(reward), False
        if self._in_round:
            self._reward = as_reward(self._reward + value)
            if self._frames_left:
                self._frames_left -= 1
                return self._held()
        else:
            self._warn_if_late(value)
        seen = observation() if callable(observation) else observation
        legal = legal_actions() if callable(legal_actions) else legal_actions
        with self._calls:
            if self._in_round:
                self._close()
            else:
                self._begin_round()
            self._action = self._agent.act(seen, legal)
            self._num_decisions = self._agent.num_decisions
            self._frames_left = self._frames_per_decision - 1
            self._in_round = self._decided = True
        return self._held()

    def end_round(self, reward: float = 0.0, truncated: bool = False) -> None:
        """Ends a round, which is an episode of the agent's. The next frame begins another one, with a decision.

        Args:
            reward: What has been earned since the last frame, a finite number.
            truncated: Whether the round was cut off, for example by a time limit; if not, the game's rules ended it.

        Raises:
            InputError: The reward is not a finite number, or ``truncated`` is not True or False.
            CallOrderError: There is no round, since `frame` was not called after the last one; or as for `frame`.
        """
        self._expect_open("end_round")
        if self._mend():
            return
        if not self._in_round:
            raise CallOrderError("end_round() was called while there is no round: frame() begins one")
        value, truncated = as_reward(reward), as_flag("truncated", truncated)
        total = as_reward(self._reward + value)
        with self._calls:
            if self._num_decisions < 0:  # the last frame's observation was refused
                self._agent.decider.cut_episode(total)
            else:
                self._expect_own_decision()
                self._agent.observe(total, not truncated, truncated)
            self._leave_round()
        self._reward_may_be_late = value == 0.0

    def void(self) -> None:
        """Takes back a round that should not count, because the window was minimised or the opponent quit.

        The agent becomes what it was before the round's first frame: memory, beliefs, counters, returns and gradient
        steps. Only its random numbers are not the same again, so that nobody can find out beforehand what it will do.
        The next frame begins another round. While there is no round, this has no effect.

        Raises:
            CallOrderError: As for `frame`.
        """
        if self._mend() or not self._in_round:
            return
        self._expect_own_decision()
        with self._calls:
            self._go_back()

    def tick(self, budget_ms: float) -> int:
        """Does pending work in slices: `Agent.tick`, with its result and its errors.

        Gradient steps are pending from the end of a round to the first frame of the next, which does what is left of
        them. So call it in the frames between rounds, such as those that show the score.

        Args:
            budget_ms: How long it may take, in milliseconds.
        """
        with self._calls:
            return self._agent.tick(budget_ms)

    def quit(self, path: str | os.PathLike[str] | None = None) -> None:
        """Closes what is pending, and saves the mind. Repeating it is harmless, and allowed with another path.

        If a round is running it is cut off: the agent observes what was earned in it so far, and remembers what it
        learnt. Gradient steps skip it, since its return is not known. If a KeyboardInterrupt came out of the middle of
        a call (see ``defer_sigint``), the agent goes back to the round's start.

        Args:
            path: Where to save it; None for ``save_to``. Its folder is made if it does not exist. If there is no path,
                or the agent has no trial, nothing is saved.

        Raises:
            MindError: The mind cannot be written; an older file is kept.
        """
        target = self._save_to if path is None else as_path(path)
        self._mend()
        with self._calls:
            if self._in_round:
                self._agent.decider.cut_episode(self._reward)
                self._leave_round()
            self._ended = True
            if target is not None and target != self._saved_to and self._agent.phase != "begin_trial":
                make_folder(target.parent)
                self._agent.save(target)
                self._saved_to = target

    def __enter__(self) -> "Pacer":
        """Calls `quit` when the ``with`` is left, however that happens.

        Raises:
            CallOrderError: After `quit`; or ``defer_sigint`` was asked for outside the main thread.
        """
        self._expect_open("with")
        if self._defer_sigint:
            self._calls.defer_sigint()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Calls `quit`. If an exception is on its way and the mind cannot be saved, a note on the exception says so.

        Raises:
            MindError: The mind cannot be written, and no exception is on its way.
        """
        try:
            self.quit()
        except SdkError as failure:
            if error is None:
                raise
            error.add_note(f"The agent's mind was not saved: {failure}")
        finally:
            self._calls.release_sigint()

    def _begin_round(self) -> None:
        """Begins a trial if there is none, ends an episode that was left open, and notes what the agent knows."""
        if self._agent.phase == "begin_trial":
            self._agent.begin_trial()
        self._agent.decider.cut_episode(0.0)
        self._round_start = self._agent.decider.mind()

    def _close(self) -> None:
        """Tells the last decision what came of it, unless it was told and the observation after it was refused."""
        if self._num_decisions >= 0:
            self._expect_own_decision()
            self._agent.observe(self._reward)
            self._reward, self._num_decisions = 0.0, -1

    def _leave_round(self) -> None:
        self._in_round = self._reward_may_be_late = False
        self._frames_left, self._reward, self._num_decisions = 0, 0.0, -1

    def _go_back(self) -> None:
        """Makes the agent what it was before the round's first frame, and leaves the round."""
        if self._round_start is None:
            self._agent.begin_trial()
        else:
            self._agent.decider.go_back(self._round_start)
        self._leave_round()

    def _mend(self) -> bool:
        """Takes back a round in which a call was left in the middle; returns whether there was one."""
        if not self._calls.broken:
            return False
        with self._calls:
            self._go_back()
            self._calls.broken = False
        return True

    def _held(self) -> Action:
        """The action, as a copy: the game may change what it is given."""
        return self._action.copy() if isinstance(self._action, np.ndarray) else self._action

    def _restore(self, path: Path) -> None:
        self._agent.finish_saving(path)
        if not os.path.exists(path):
            return
        try:
            self._agent.restore(path)
            self._restored = True
        except MindError as error:
            if not os.path.isfile(path):
                raise
            self._put_aside = set_aside(path)
            kept = "cannot be renamed" if self._put_aside is None else f"was renamed to {shown_path(self._put_aside)}"
            warnings.warn(f"{error}. The agent starts without it, and the file {kept}", InputWarning, stacklevel=3)

    def _warn_if_late(self, value: float) -> None:
        if value and self._reward_may_be_late and not self._warned:
            self._warned = True
            warnings.warn(
                f"reward {value:g} was given to a round's first frame and is not counted, as it came of no decision of"
                " this round: give the last reward of a round to end_round(reward)",
                InputWarning,
                stacklevel=3,
            )

    def _expect_open(self, call: str) -> None:
        if self._ended:
            raise CallOrderError(f"{call} was used after quit(): make another Pacer")

    def _expect_own_decision(self) -> None:
        now = self._agent.phase, self._agent.num_decisions
        if self._num_decisions >= 0 and now != ("observe", self._num_decisions):
            raise CallOrderError(
                "act, observe, begin_trial or restore of the agent was called within a round, which is for its pacer"
                " alone: end the round first, with end_round() or void()"
            )
