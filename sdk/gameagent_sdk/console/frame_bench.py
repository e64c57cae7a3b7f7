"""Measures a bundle in one backend, in this process: loading, memory, decisions and ticks in a frame loop.

Run as a program it prints the figures as JSON; ``gameagent-sdk bench`` starts it afresh for each backend.
"""

import importlib
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from time import perf_counter
from typing import Any, cast

import numpy as np

from gameagent_sdk.agent.agent import DEADLINE_MS, Agent
from gameagent_sdk.agent.squad import Squad
from gameagent_sdk.backends import BackendName
from gameagent_sdk.console.frame_loop import OtherWork, RandomGame, Spread, frames
from gameagent_sdk.engine.policy import Policy
from gameagent_sdk.errors import SdkError

TICK_MS = 1.0  # of each frame, for pending work
SAVE_EVERY = 30  # frames
TICK_SECONDS = 5.0  # at most
NUM_RELOADS = 5

_ENGINES = {"onnxruntime": "gameagent_sdk.backends.onnx_runtime", "numpy": "gameagent_sdk.backends.numpy_executor"}


def measure(
    path: str | os.PathLike[str], backend: BackendName, num_agents: Sequence[int], seconds: float, fps: float
) -> dict[str, Any]:
    """Loads a bundle and measures it; the first figures hold in a fresh process only.

    Args:
        path: The bundle's path.
        backend: The engine.
        num_agents: How many agents decide at once: 1 is an agent on its own, more are a squad.
        seconds: For each measurement.
        fps: Frames per second.

    Returns:
        In milliseconds and megabytes: ``engine_import_ms``, ``load_ms`` and ``first_act_ms`` for the first time,
        ``memory_mb`` after that (None if the system does not say), ``load_again_ms`` with the first act, ``act``
        (a spread by number of agents), and ``tick`` (a spread of those that had work to do, as one agent is saved
        again and again).

    Raises:
        SdkError: The bundle cannot be used.
    """
    figures: dict[str, Any] = {"backend": backend, **measure_start(path, backend)}
    figures["load_again_ms"] = measure_reload(path, backend)
    policy, work = Policy.load(path, backend), OtherWork()
    figures["act"] = {str(count): asdict(measure_acts(policy, count, seconds, fps, work)) for count in num_agents}
    figures["tick"] = asdict(measure_ticks(policy, min(seconds, TICK_SECONDS), fps, work))
    return figures


def measure_start(path: str | os.PathLike[str], backend: BackendName) -> dict[str, float | None]:
    """What the first load of a process takes, up to the first decision; see `measure`."""
    begin = perf_counter()
    importlib.import_module(_ENGINES[backend])
    imported = perf_counter() - begin
    _agent, loaded, acted = _load(path, backend)  # it lives on while the memory is taken
    return {
        "engine_import_ms": imported * 1000.0,
        "load_ms": loaded * 1000.0,
        "first_act_ms": acted * 1000.0,
        "memory_mb": memory_mb(),
    }


def measure_reload(path: str | os.PathLike[str], backend: BackendName) -> float:
    """What loading and the first act take in a process that has loaded before: the median, in milliseconds."""
    return float(np.median([sum(_load(path, backend)[1:]) for _ in range(NUM_RELOADS)])) * 1000.0


def _load(path: str | os.PathLike[str], backend: BackendName) -> tuple[Agent, float, float]:
    """An agent that has decided once, the seconds that loading it took, and those that its first act took."""
    begin = perf_counter()
    agent = Agent.load(path, backend=backend, seed=0)
    loaded = perf_counter()
    game = RandomGame(agent.manifest)
    agent.begin_trial(game.rules())
    observation, legal = game.observation(), game.legal_actions()
    acting = perf_counter()
    agent.act(observation, legal)
    return agent, loaded - begin, perf_counter() - acting


def measure_acts(policy: Policy, num_agents: int, seconds: float, fps: float, work: Callable[[], None]) -> Spread:
    """Decisions in a frame loop: of one agent on its own, or of a squad whose members all decide in every frame."""
    squad, game = Squad(policy, seed=0), RandomGame(policy.manifest)
    members = [squad.join(rules=game.rules()) for _ in range(num_agents)]
    acts = []
    for _ in frames(seconds, fps, work):
        observations = {member: game.observation() for member in members}
        masks = {member: game.legal_actions() for member in members}
        legal = {member: mask for member, mask in masks.items() if mask is not None} or None
        begin = perf_counter()
        if num_agents == 1:
            members[0].act(observations[members[0]], masks[members[0]])
        else:
            squad.act(observations, legal)
        acts.append(perf_counter() - begin)
        for member in members:
            game.answer(member)
    return Spread.of(acts, DEADLINE_MS)


def measure_ticks(policy: Policy, seconds: float, fps: float, work: Callable[[], None]) -> Spread:
    """The ticks in a frame loop that write an agent's mind to a file, begun afresh every half second or so."""
    import tempfile  # late: it takes memory, which is measured at the start

    agent, game = Agent(policy, seed=0), RandomGame(policy.manifest)
    agent.begin_trial(game.rules())
    ticks = []
    with tempfile.TemporaryDirectory(prefix="gameagent-bench-") as folder:
        pending = 0
        for frame in frames(seconds, fps, work):
            agent.act(game.observation(), game.legal_actions())
            game.answer(agent)
            if frame % SAVE_EVERY == 0:
                agent.save_soon(Path(folder) / "agent.mind")
                pending += 1
            if pending:
                begin = perf_counter()
                pending = agent.tick(TICK_MS)
                ticks.append(perf_counter() - begin)
        while agent.tick(1000.0):
            pass
    return Spread.of(ticks, TICK_MS)


def memory_mb() -> float | None:
    """The memory that this process occupies, in megabytes (2^20 bytes); None if the system does not say."""
    try:
        with open("/proc/self/status", encoding="ascii", errors="replace") as file:
            lines = dict(line.split(":", 1) for line in file if ":" in line)
        return int(lines["VmRSS"].split()[0]) / 1024
    except (OSError, KeyError, ValueError, IndexError):
        return None


def main(argv: Sequence[str]) -> int:
    """Prints the figures, or what went wrong, as JSON.

    Args:
        argv: The arguments of `measure`, numbers of agents separated by commas.
    """
    path, backend, num_agents, seconds, fps = argv
    try:
        counts = [int(count) for count in num_agents.split(",")]
        answer = measure(path, cast(BackendName, backend), counts, float(seconds), float(fps))
    except SdkError as error:
        answer = {"error": str(error)}
    print(json.dumps(answer))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
