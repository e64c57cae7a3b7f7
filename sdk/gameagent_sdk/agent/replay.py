"""Plays a recording again."""

import base64
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gameagent_sdk.agent.agent import Agent
from gameagent_sdk.agent.squad import Batches
from gameagent_sdk.bundle.file import Bundle
from gameagent_sdk.engine.actions import Action
from gameagent_sdk.engine.policy import Policy
from gameagent_sdk.errors import RecordingError, SdkError, shown, shown_path, shown_value
from gameagent_sdk.regular_file import as_path, open_regular, reason_of
from gameagent_sdk.saving.mind import Mind
from gameagent_sdk.saving.mind_file import decode_mind
from gameagent_sdk.saving.recording import FORMAT_VERSION

MAX_LINE = 2**26  # bytes: a longer line is refused
MAX_ELEMENTS = 2**23  # of a batch's inputs and outputs: an engine takes up to 40 bytes for each
ALWAYS_ROWS = 16  # of a batch: this many are allowed for any bundle


@dataclass(frozen=True)
class Replay:
    """The result of a replay.

    Attributes:
        agent: The agent as it was at the recording's end; it can play on.
        actions: The recorded actions in order, each as ``act`` returned it.
        num_different: How many of them came out differently this time; 0 on the backend they were recorded on.
        first_different: The index of the first of these in ``actions``, or None.
    """

    agent: Agent
    actions: tuple[Action, ...]
    num_different: int
    first_different: int | None


def replay(path: str | os.PathLike[str], policy: Policy | Bundle) -> Replay:
    """Plays a recording again with a new agent, which gets the same inputs and continues from the recorded actions.

    If its own choice differs from the recorded one (on another backend, or another version of it), the difference is
    counted and the recorded action is taken.

    Args:
        path: The file that `Agent.record` wrote.
        policy: The bundle that it was recorded with.

    Raises:
        RecordingError: The file does not exist, is damaged, or was made with another bundle. A last line that a crash
            has cut short is ignored.
    """
    policy = policy if isinstance(policy, Policy) else Policy(policy)
    lines = _lines(as_path(path))
    try:
        agent = _agent_at_start(next(lines), policy)
        native, agent.decider.native = agent.decider.native, None  # a recording holds rows
        done, different = _replay_calls(agent, lines)
        agent.decider.native = native
        actions = tuple(map(agent.decider.given_out, done))
        return Replay(agent, actions, len(different), different[0] if different else None)
    except (SdkError, ValueError, KeyError, TypeError, StopIteration) as error:
        reason = "it is empty" if isinstance(error, StopIteration) else shown(str(error), 400)
        name = shown_path(as_path(path))
        raise RecordingError(f"{name} is damaged or not a recording of this bundle: {reason}") from error


def _replay_calls(agent: Agent, calls: Iterator[dict[str, Any]]) -> tuple[list[Action], list[int]]:
    """Plays on rows; gives the recorded actions, and the indices of those that came out differently."""
    actions: list[Action] = []
    different: list[int] = []
    batches = Batches(agent.policy)
    for line in calls:
        call = line.pop("call")
        if call == "act":
            done = agent.policy.actions.check(line["action"], rows=())
            if not np.array_equal(_act(agent, line, batches), done):
                different.append(len(actions))
                agent.decider.correct(done)
            actions.append(done)
        elif call == "observe":
            agent.observe(**line)
        elif call in ("temperature", "strength"):
            setattr(agent, call, line["value"])
        elif call == "cut_episode":
            agent.decider.cut_episode(line["reward"])
        elif call == "forget":
            agent.forget(line["fraction"])
        elif call in ("begin_trial", "begin_season"):
            agent.decider.begin(call, agent.policy.shown_rules.check(line.get("rules", [])))
        elif call in ("freeze", "unfreeze", "rollback"):
            getattr(agent, call)()
        elif call == "restore":
            agent.decider.take_over(_decode(line["mind"], agent.policy))
        else:
            raise RecordingError(
                f"it holds a call {shown_value(call)} that this gameagent-sdk does not know: upgrade it?"
            )
    return actions, different


def _act(agent: Agent, line: dict[str, Any], batches: Batches) -> Action:
    """Decides in a batch of the recorded size, in the recorded row: so that the engine computes the very same."""
    rows, row = line["rows"], line["row"]
    if not (type(rows) is int and type(row) is int and 0 <= row < rows):
        raise RecordingError(
            f"it holds a decision in row {shown_value(row)} of {shown_value(rows)}, which is impossible"
        )
    most = max(MAX_ELEMENTS // agent.policy.row_elements, ALWAYS_ROWS)
    if rows > most:
        raise RecordingError(
            f"it holds a decision in one of {shown_value(rows)} rows, of this bundle {most} are the most"
        )
    if rows == 1:
        return agent.act(line["observation"], line["legal"])
    agent.decider.perceive(line["observation"], line["legal"])
    return batches.act([agent.decider], rows, [row])[0]


def _agent_at_start(header: dict[str, Any], policy: Policy) -> Agent:
    if header["format_version"] != FORMAT_VERSION:
        given = shown_value(header["format_version"])
        raise RecordingError(f"it is of format {given}, this gameagent-sdk reads {FORMAT_VERSION}")
    agent = Agent(policy, seed=0, temperature=header["temperature"], strength=header["strength"])
    agent.decider.start_at(
        _decode(header["mind"], policy),
        None if header["frozen"] is None else _decode(header["frozen"], policy),
        before_trial=header["phase"] == "begin_trial",
        freeze_again=header.get("freeze_again", False) is True,
    )
    return agent


def _decode(text: str, policy: Policy) -> Mind:
    return decode_mind(base64.b64decode(text, validate=True), policy.bundle)


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    """The recording's lines; the last may be cut short."""
    try:
        with open_regular(path) as file:
            while line := file.readline(MAX_LINE):
                if len(line) == MAX_LINE:
                    raise RecordingError("a line is too long")
                if not line.endswith(b"\n"):
                    return
                value = json.loads(line)
                if not isinstance(value, dict):
                    raise RecordingError("a line is not a JSON object")
                yield value
    except OSError as error:
        raise RecordingError(f"it cannot be read ({reason_of(error)})") from error
    except RecursionError as error:
        raise RecordingError("a line does not belong in a recording") from error
