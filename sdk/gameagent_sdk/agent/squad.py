"""Many agents of one bundle that decide together, in a single call of the engine.

::

    squad = Squad.load("guard.onnx")
    guards = [squad.join() for _ in range(16)]           # ordinary agents, each with a memory of its own
    ...
    actions = squad.act({guard: what_it_sees(guard) for guard in guards})
    for guard, action in actions.items():
        ...                                              # the game moves on
        guard.observe(reward)
    squad.leave(guards.pop())
"""

import os
from collections.abc import Mapping, Sequence
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from gameagent_sdk.agent.agent import DEADLINE_MS, Agent
from gameagent_sdk.agent.decider import Decider
from gameagent_sdk.agent.timing import CallTimes
from gameagent_sdk.backends import BackendName
from gameagent_sdk.bundle.file import Bundle
from gameagent_sdk.engine.actions import Action
from gameagent_sdk.engine.inputs import as_number, as_seed
from gameagent_sdk.engine.intake import Intake
from gameagent_sdk.engine.observation_report import ObservationReport
from gameagent_sdk.engine.policy import Policy, PolicyStep
from gameagent_sdk.errors import InputError


class Squad:
    """Agents of one bundle that decide in a single call. They may join and leave at any time."""

    def __init__(self, policy: Policy | Bundle, *, seed: int | None = None, deadline_ms: float = DEADLINE_MS) -> None:
        """Makes a squad with no members.

        Args:
            policy: What the members run on; a bundle is started in the default engine.
            seed: From which the members' seeds are drawn, 0 or above; None for fresh ones every time.
            deadline_ms: How long one `act` may take; `act_times` counts those that took longer.

        Raises:
            BundleError: The engine refuses the bundle.
            InputError: ``seed`` or ``deadline_ms`` is out of range.
        """
        self.policy = policy if isinstance(policy, Policy) else Policy(policy)
        self.act_times = CallTimes(as_number("deadline_ms", deadline_ms, 0.0))
        self._entropy = np.random.SeedSequence(as_seed(seed)).entropy
        self._num_joined = self._turn = 0
        self._members: dict[Agent, None] = {}
        self._leaving: list[Agent] = []  # left with work pending
        self._batches = Batches(self.policy)

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        *,
        backend: BackendName | None = None,
        seed: int | None = None,
        deadline_ms: float = DEADLINE_MS,
    ) -> "Squad":
        """Loads a bundle; raises as `Agent.load` does.

        Args:
            path: Of the ``.onnx`` file.
            backend: "onnxruntime" or "numpy"; None takes onnxruntime if it can be imported, else numpy.
            seed: As for the constructor.
            deadline_ms: As for the constructor.
        """
        return cls(Policy.load(path, backend), seed=seed, deadline_ms=deadline_ms)

    @property
    def members(self) -> tuple[Agent, ...]:
        """The agents that have joined and not left, in the order in which they joined."""
        return tuple(self._members)

    def join(
        self,
        *,
        seed: int | None = None,
        temperature: float | None = None,
        strength: float = 1.0,
        rules: Mapping[str, Any] | None = None,
    ) -> Agent:
        """Adds a new member at the start of a trial: an ordinary agent, which can do everything that an agent can.

        Args:
            seed: For its own random numbers; None draws one from the squad's.
            temperature: As for `Agent`.
            strength: As for `Agent`.
            rules: As for `Agent.begin_trial`.

        Raises:
            InputError: A setting is out of range, or the rules are not those of the bundle. Nobody has joined.
        """
        if seed is None:
            drawn = np.random.SeedSequence(self._entropy, spawn_key=(self._num_joined,))
            seed = int(drawn.generate_state(1, np.uint64)[0])
        member = Agent(self.policy, seed=seed, temperature=temperature, strength=strength)
        member.begin_trial(rules)
        self._num_joined += 1
        self._members[member] = None
        return member

    def leave(self, member: Agent) -> None:
        """Removes a member. It keeps what it learnt, and may be saved or act alone.

        Raises:
            InputError: It is not a member.
        """
        if member not in self._members:
            raise InputError("this agent is not a member of the squad: it never joined, or it has left")
        del self._members[member]
        if member.num_pending:
            self._leaving.append(member)

    def act(
        self, observations: Mapping[Agent, Any], legal_actions: Mapping[Agent, ArrayLike] | None = None
    ) -> dict[Agent, Action]:
        """Chooses actions for some or all of the members, in one call of the engine.

        Args:
            observations: By member, as for `Agent.act`; members left out do not decide.
            legal_actions: By member, as for `Agent.act`, and needed where it needs them.

        Returns:
            Each member's action, in the order given. Each of them then observes the outcome.

        Raises:
            InputError: An agent is not a member, or a wrong shape, dtype or value. Nobody has decided.
            CallOrderError: A member has not observed the outcome of its last action. Nobody has decided.
            BundleError: The policy failed or gave numbers that are not finite. Nobody has decided.
        """
        started = perf_counter()
        agents = list(observations)
        if not self._members.keys() >= observations.keys():
            raise InputError("an agent that is not a member of the squad cannot act with it: let it join() first")
        for agent in agents:
            legal = None if legal_actions is None else legal_actions.get(agent)
            agent.decider.perceive(observations[agent], legal)
        deciders = [agent.decider for agent in agents]
        actions = self._batches.act(deciders, len(agents), slice(len(agents))) if agents else []
        given = (decider.given_out(action) for decider, action in zip(deciders, actions, strict=True))
        chosen = dict(zip(agents, given, strict=True))
        self.act_times.count(perf_counter() - started)
        return chosen

    def observation_report(self) -> ObservationReport:
        """What all members together have seen of each feature; each has a report of its own, too."""
        nothing = Intake(self.policy.manifest).report()
        return ObservationReport.together([nothing, *(member.observation_report() for member in self._members)])

    def tick(self, budget_ms: float) -> int:
        """Does pending work in slices, as `Agent.tick` does: of the members, and of those who left with some.

        They take turns at being first. If one of them cannot write, its error is raised and the others wait for the
        next tick.

        Returns:
            How many tasks are left.
        """
        end = perf_counter() + as_number("budget_ms", budget_ms, 0.0) / 1000.0
        self._leaving = [agent for agent in self._leaving if agent.num_pending]
        waiting = [agent for agent in (*self._members, *self._leaving) if agent.num_pending]
        self._turn = (self._turn + 1) % max(len(waiting), 1)
        for agent in waiting[self._turn :] + waiting[: self._turn]:
            agent.tick(max(end - perf_counter(), 0.0) * 1000.0)
        return sum(agent.num_pending for agent in waiting)


class Batches:
    """Steps of many rows on one policy, kept from call to call.

    Sizes are powers of two, so that a game in which agents come and go needs only a handful of them.
    """

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._steps: dict[int, PolicyStep] = {}

    def act(self, deciders: Sequence[Decider], num_rows: int, rows: slice | list[int]) -> list[Action]:
        """Decides for agents that have perceived, in one call of the engine.

        Args:
            deciders: One agent's each, every one once.
            num_rows: Of the batch; rows without an agent are idle.
            rows: Each agent's own.

        Returns:
            Each agent's action.

        Raises:
            BundleError: The policy failed or gave numbers that are not finite. Nobody has decided.
        """
        size = 1 << (num_rows - 1).bit_length()
        if size not in self._steps:
            self._steps[size] = PolicyStep(self._policy, size)
        given = self._steps[size].run_for([decider.trial.step for decider in deciders], rows)
        placed = range(num_rows)[rows] if isinstance(rows, slice) else rows
        return [
            decider.decide(numbers, num_rows, row)
            for decider, numbers, row in zip(deciders, given, placed, strict=True)
        ]
