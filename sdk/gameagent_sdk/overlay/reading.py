"""What an agent shows at one moment, and the truth to show beside it, as plain data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gameagent_sdk.agent.agent import Agent
from gameagent_sdk.bundle.specs import BeliefSpec
from gameagent_sdk.engine.beliefs import Belief
from gameagent_sdk.engine.rules import option_index
from gameagent_sdk.errors import InputError, shown, shown_names, shown_value
from gameagent_sdk.overlay.rows import Row, Truth
from gameagent_sdk.overlay.wording import shown_label


@dataclass(frozen=True)
class Reading:
    """What is shown of an agent except its beliefs, which take longer to read and change with every decision.

    Attributes:
        in_trial: Whether a trial has begun.
        num_decisions: Decisions in the trial.
        episode: Index of the running episode in the trial, from 0.
        step: Steps observed in it.
        episode_return: Sum of rewards in it so far.
        returns: Returns of the last ended episodes, as many as are shown.
        learning: Whether what happens now changes what the agent knows.
        strength: From 0 to 1, the share of decisions that are the agent's own.
        probabilities: ``(A,)``, of the last decision; None before a trial's first, and if actions are continuous.
        distribution: Mean and deviation, ``(A,)`` each, of the last continuous action; else None.
    """

    in_trial: bool
    num_decisions: int
    episode: int
    step: int
    episode_return: float
    returns: tuple[float, ...]
    learning: bool
    strength: float
    probabilities: tuple[float, ...] | None
    distribution: tuple[tuple[float, ...], tuple[float, ...]] | None = None


def read_agent(agent: Agent, num_returns: int) -> Reading:
    """Reads an agent, at any time in its life; at most the last ``num_returns`` ended episodes."""
    decided, boxed = bool(agent.num_decisions), agent.manifest.action.kind == "box"
    mean, std = agent.distribution if decided and boxed else (None, None)
    return Reading(
        in_trial=agent.phase != "begin_trial",
        num_decisions=agent.num_decisions,
        episode=agent.episode,
        step=agent.step,
        episode_return=agent.episode_return,
        returns=agent.returns[-num_returns:],
        learning=agent.learning,
        strength=agent.strength,
        probabilities=tuple(agent.probabilities.tolist()) if decided and not boxed else None,
        distribution=None if mean is None or std is None else (tuple(mean.tolist()), tuple(std.tolist())),
    )


def read_beliefs(agent: Agent) -> tuple[Belief | None, ...]:
    """One per belief slot of the manifest, in its order; None before a trial's first decision."""
    if not agent.num_decisions:
        return (None,) * len(agent.manifest.beliefs)
    return tuple(
        belief
        for of_rule in agent.beliefs().values()
        for belief in (of_rule if isinstance(of_rule, tuple) else (of_rule,))
    )


def belief_rows(specs: tuple[BeliefSpec, ...]) -> list[Row]:
    """A row for each of a manifest's belief slots."""
    elements = ["" if spec.index is None else f"[{spec.index}]" for spec in specs]
    return [
        Row(shown_label(spec.rule) + element, spec.options, spec.center, spec.scale)
        for spec, element in zip(specs, elements, strict=True)
    ]


def truths_by_slot(specs: tuple[BeliefSpec, ...], truth: Mapping[str, object]) -> list[Truth]:
    """The truth in each belief slot.

    Args:
        specs: The manifest's belief slots.
        truth: Values by rule, a sequence of them for an array rule; rules without a slot are ignored.

    Raises:
        InputError: A value is not a number where one is needed, is not one of the options, or a sequence is too short.
    """
    return [None if spec.rule not in truth else _truth(spec, truth[spec.rule]) for spec in specs]


def _truth(spec: BeliefSpec, value: object) -> Truth:
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if spec.index is not None:
        elements = value if isinstance(value, Sequence) and not isinstance(value, str) else ()
        if spec.index >= len(elements):
            what = f"a sequence of more than {spec.index}, given {shown_value(value)}"
            raise InputError(f"truth of {shown(spec.rule)!r} must be {what}")
        value = elements[spec.index]
    if spec.kind == "scalar":
        if not isinstance(value, int | float):
            raise InputError(f"truth of {shown(spec.rule)!r} must be a number, given {shown_value(value)}")
        return float(value)
    option = option_index(spec, value)
    if option is not None:
        return spec.options[option]
    raise InputError(
        f"truth of {shown(spec.rule)!r} must be one of {shown_names(spec.options)}, given {shown_value(value)}"
    )
