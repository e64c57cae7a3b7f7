"""A mind as named arrays, and back. Arrays that come from a file are not trusted: each is checked before it is used."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gameagent_sdk.adaptation import guard, probes
from gameagent_sdk.adaptation.interface import AdaptationState
from gameagent_sdk.bundle.file import Bundle
from gameagent_sdk.bundle.signature import experience_ports, step_inputs
from gameagent_sdk.engine.actions import actions_of
from gameagent_sdk.engine.context import Context, Tally
from gameagent_sdk.engine.intake import MAX_FED
from gameagent_sdk.errors import MindError, shown
from gameagent_sdk.onnx_file.limits import MAX_STEPS
from gameagent_sdk.saving.mind import DecidedOn, Mind

FORMAT_VERSION = 1
MAX_COUNT = 2**53  # of decisions: nobody plays that long
MAX_RETURN = MAX_COUNT * 3.5e38  # of as many decisions, each with the largest reward in single precision
HIDDEN_STATE = "hidden_state."  # prefix of the arrays that hold it
RULES = "shown_rules"
WEIGHTS, PREVIOUS_WEIGHTS, PROBES = "weights.", "previous_weights.", "probe."  # likewise


def to_arrays(mind: Mind, bundle: Bundle) -> dict[str, NDArray[Any]]:
    """A mind's arrays by name, some of them its own."""
    tally = mind.tally
    index, decision = actions_of(bundle.manifest.action).to_arrays(tally.decision)
    counters = [index, tally.num_decisions, tally.step, mind.awaits_observe]
    return {
        "format_version": np.array(FORMAT_VERSION, np.int64),
        "bundle_hash": np.frombuffer(bytes.fromhex(bundle.bundle_hash), np.uint8),
        "previous_action": mind.context.previous_action,
        "previous_reward": mind.context.previous_reward,
        "episode_start": mind.context.episode_start,
        "beliefs": mind.beliefs,
        **decision,
        "counters": np.array(counters, np.int64),
        "episode_return": np.array(tally.episode_return, np.float64),
        "returns": np.array(tally.returns, np.float64),
        "rng_state": np.array([half for word in mind.rng_state for half in divmod(word, 2**64)], np.uint64),
        **{HIDDEN_STATE + name: tensor for name, tensor in mind.context.hidden_state.items()},
        **({RULES: mind.rules} if mind.rules.size else {}),
        **_adaptation_arrays(mind),
        **_decided_on_arrays(mind),
    }


def _adaptation_arrays(mind: Mind) -> dict[str, NDArray[Any]]:
    """What gradient steps add to a mind: nothing if there are none."""
    state = mind.adaptation
    if state is None:
        return {}
    previous = mind.context.weights if state.previous is None else state.previous
    kept = {name: array.astype(np.uint8) if array.dtype == bool else array for name, array in state.probes.items()}
    return {
        "may_go_back": np.array(state.previous is not None, np.int64),
        "guard": state.guard,
        "experience": state.experience,
        "probe_places": state.places,
        **{WEIGHTS + name: tensor for name, tensor in mind.context.weights.items()},
        **{PREVIOUS_WEIGHTS + name: tensor for name, tensor in previous.items()},
        **{PROBES + name: tensor for name, tensor in kept.items()},
    }


def _decided_on_arrays(mind: Mind) -> dict[str, NDArray[Any]]:
    """What gradient steps need of the last decision: nothing if there are none."""
    decided_on = mind.decided_on
    if decided_on is None:
        return {}
    return {
        "observation": decided_on.observation,
        "legal_actions": decided_on.legal_actions.astype(np.uint8),
        "incomplete": np.array(decided_on.incomplete, np.int64),
    }


def check_origin(arrays: dict[str, NDArray[Any]], bundle: Bundle) -> None:
    """Raises MindError if arrays are of another format or were saved with another bundle."""
    version = int(arrays["format_version"])
    if version != FORMAT_VERSION:
        raise MindError(f"saved in format {version}, this gameagent-sdk reads {FORMAT_VERSION}: upgrade it?")
    if "adaptation" in arrays:
        raise MindError("saved by an older gameagent-sdk, whose gradient steps kept less: begin a new trial")
    given = arrays["bundle_hash"].tobytes().hex()
    if given != bundle.bundle_hash:
        name = shown(bundle.path.name)
        raise MindError(
            f"saved with another bundle (hash {given[:12]}, where {name} has {bundle.bundle_hash[:12]}): "
            "restore it with that bundle, or begin a new trial"
        )


def from_arrays(arrays: dict[str, NDArray[Any]], bundle: Bundle) -> Mind:
    """A mind from its arrays, each checked against those of a fresh mind of the bundle."""
    manifest, fresh = bundle.manifest, _fresh(bundle)
    actions = actions_of(manifest.action)
    require("returns" in arrays, "it holds no returns")
    fresh.tally.returns = [0.0] * arrays["returns"].size
    if manifest.gradient is not None:
        fresh = replace(fresh, adaptation=_fresh_adaptation(arrays, bundle), decided_on=_nothing_decided_on(bundle))
    _check_arrays(arrays, to_arrays(fresh, bundle))
    index, num_decisions, step, awaits_observe = arrays["counters"].tolist()
    require(
        0 <= index < actions.num_indices
        and 0 <= step <= num_decisions < MAX_COUNT
        and awaits_observe in ((0, 1) if num_decisions else (0,)),
        f"its counters {arrays['counters'].tolist()} are impossible",
    )
    start = arrays["episode_start"]
    decision = actions.from_arrays(index, arrays)
    impossible = actions.fault(arrays["previous_action"], decision)
    require(not impossible, impossible)
    require(start.item() in (0.0, 1.0), "its episode start is neither yes nor no")
    require(abs(arrays["previous_reward"].item()) <= MAX_FED, "its previous reward is larger than any that is fed")
    shown_rules = arrays.get(RULES, fresh.rules)
    require(bool((np.abs(shown_rules) <= MAX_FED).all()), "its shown rules are larger than any that are fed")
    sums = arrays["episode_return"], arrays["returns"]
    require(all((np.abs(array) <= MAX_RETURN).all() for array in sums), "its returns are larger than any can be")
    words = arrays["rng_state"].tolist()
    rng_state = (words[0] << 64 | words[1], words[2] << 64 | words[3])
    require(rng_state[1] % 2 == 1, "its rng_state is impossible")
    return Mind(
        context=Context(
            hidden_state={name: arrays[HIDDEN_STATE + name] for name in fresh.context.hidden_state},
            previous_action=arrays["previous_action"],
            previous_reward=arrays["previous_reward"],
            episode_start=arrays["episode_start"],
            tensors=manifest.hidden_state,
            weights={name: arrays[WEIGHTS + name] for name in fresh.context.weights},
        ),
        beliefs=arrays["beliefs"],
        tally=Tally(
            decision=decision,
            num_decisions=num_decisions,
            step=step,
            episode_return=float(arrays["episode_return"]),
            returns=arrays["returns"].tolist(),
        ),
        awaits_observe=bool(awaits_observe),
        rng_state=rng_state,
        adaptation=None if fresh.adaptation is None else _adaptation(arrays, fresh.adaptation),
        decided_on=None if fresh.decided_on is None else _decided_on(arrays),
        rules=shown_rules,
    )


def _fresh_adaptation(arrays: dict[str, NDArray[Any]], bundle: Bundle) -> AdaptationState:
    """Arrays of as many steps and probes as a mind holds, for the shapes and dtypes."""
    manifest = bundle.manifest
    num_steps, num_probes = len(arrays["experience"]), len(arrays[PROBES + "observation"])
    require(num_steps <= MAX_STEPS, f"it holds {num_steps} steps of experience, {MAX_STEPS} are the most")
    most = probes.NUM_PROBES
    require(num_probes <= most, f"it holds {num_probes} states to compare actions in, {most} are the most")
    weights = {tensor.name for tensor in manifest.adapting_weights}
    width = sum(port.shape[1] or 0 for port in experience_ports(manifest))
    kept = {
        port.name: np.zeros([num_probes, *(size or 0 for size in port.shape[1:])], port.dtype)
        for port in step_inputs(manifest)
        if port.name not in weights
    }
    experience, places = np.zeros((num_steps, width), np.float32), np.zeros(num_probes + 1, np.int64)
    return AdaptationState(None, np.zeros(guard.STATE_SIZE), experience, kept, places)


def _adaptation(arrays: dict[str, NDArray[Any]], fresh: AdaptationState) -> AdaptationState:
    may_go_back, experience = arrays["may_go_back"].item(), arrays["experience"]
    require(may_go_back in (0, 1), "whether it can go back to other weights is neither yes nor no")
    require(bool(np.isin(experience[:, -1], (0.0, 1.0)).all()), "its episodes' ends are neither yes nor no")
    previous = {
        name.removeprefix(PREVIOUS_WEIGHTS): array
        for name, array in arrays.items()
        if name.startswith(PREVIOUS_WEIGHTS)
    }
    kept = {name: arrays[PROBES + name].astype(array.dtype) for name, array in fresh.probes.items()}
    judged, places = arrays["guard"], arrays["probe_places"]
    require(guard.possible(judged), f"its record of gradient steps {judged.tolist()} is impossible")
    require(probes.possible(places), f"its states are in places {places.tolist()} of the experience")
    return AdaptationState(previous if may_go_back else None, judged, experience, kept, places)


def _nothing_decided_on(bundle: Bundle) -> DecidedOn:
    manifest = bundle.manifest
    num_legal = manifest.num_actions if manifest.action.mask else 0
    return DecidedOn(np.zeros(manifest.observation_size, np.float32), np.zeros(num_legal, np.bool_), incomplete=False)


def _decided_on(arrays: dict[str, NDArray[Any]]) -> DecidedOn:
    legal, incomplete = arrays["legal_actions"], int(arrays["incomplete"])
    require(bool((legal <= 1).all()) and incomplete in (0, 1), "its flags are neither yes nor no")
    require(bool((np.abs(arrays["observation"]) <= MAX_FED).all()), "its observation is larger than any that is fed")
    return DecidedOn(arrays["observation"], legal.astype(np.bool_), bool(incomplete))


def _fresh(bundle: Bundle) -> Mind:
    """The mind of an agent that has not decided anything."""
    return Mind(
        context=Context.blank(bundle.manifest, 1),
        beliefs=np.zeros((1, bundle.manifest.belief_size), np.float32),
        tally=Tally(actions_of(bundle.manifest.action).undecided),
        awaits_observe=False,
        rng_state=(0, 0),
        rules=np.zeros(bundle.manifest.shown_size, np.float32),
    )


def _check_arrays(arrays: dict[str, NDArray[Any]], expected: dict[str, NDArray[Any]]) -> None:
    require(arrays.keys() == expected.keys(), f"it holds {len(arrays)} arrays other than the {len(expected)} of a mind")
    for name, array in arrays.items():
        wanted = expected[name]
        require(
            array.shape == wanted.shape and array.dtype == wanted.dtype,
            f"{name} is {array.dtype} {array.shape} instead of {wanted.dtype} {wanted.shape}",
        )
        require(bool(np.isfinite(array).all()), f"{name} holds NaN or infinite values")


def require(condition: bool, message: str) -> None:
    """Raises MindError with what is wrong with a file, unless a condition holds."""
    if not condition:
        raise MindError(f"it is damaged or forged: {message}")
