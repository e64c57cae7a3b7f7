"""Export: a trained policy and its manifest as one ``.onnx`` file, checked against torch before it is written."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gameagent.config import TrainConfig
from gameagent.errors import ExportError
from gameagent.export.adaptation import gradient_spec, rollback_margin, trace_correction
from gameagent.export.graph import add_initial_values, trace
from gameagent.export.parity import measure_parity
from gameagent.export.step import PolicyStep
from gameagent.methods.gradient.graphs import GradientPolicyStep, policy_gradient_spec, trace_policy_gradient
from gameagent.methods.gradient.policy import GradientPolicy
from gameagent.methods.making import TrainedPolicy
from gameagent.run.folder import FIRST_SCHEME, Progress, RunFolder
from gameagent.run.sealed_file import write_atomically
from gameagent_games.interface import Family, Feature
from gameagent_games.variants.distributions import Slot
from gameagent_sdk import Bundle, Manifest
from gameagent_sdk.authoring import (
    ActionSpec,
    BeliefSpec,
    FeatureSpec,
    GradientSpec,
    TensorSpec,
    attach_manifest,
    step_inputs,
    step_outputs,
)


def export_run(folder: RunFolder, path: Path, evaluation: dict[str, Any] | None = None) -> Bundle:
    """Writes a run's policy to ``path``.

    Args:
        folder: The run.
        path: The ``.onnx`` file to write; replaced at once if it exists.
        evaluation: Summary to carry in the manifest.

    Raises:
        RunError: The run's folder is broken or has no checkpoint.
        ExportError: The file cannot be written, or does not do what the policy does.
    """
    bundle = bundle_run(folder, evaluation)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, bundle.data)
    except OSError as error:
        raise ExportError(f"cannot write {path}: {error.strerror}") from None
    return Bundle.read(path)


def bundle_run(folder: RunFolder, evaluation: dict[str, Any] | None = None) -> Bundle:
    """A run's policy as a bundle in memory; raises as `export_run` does."""
    policy, config, family, progress = folder.load_policy()
    return bundle_policy(policy, config, family, training_record(folder, config, family, progress), evaluation)


def training_record(folder: RunFolder, config: TrainConfig, family: Family, progress: Progress) -> dict[str, Any]:
    """How a run's policy came to be, for the manifest."""
    return {
        "algorithm": config.algorithm,
        "role": config.role,
        "seed": config.seed,
        "steps": progress.steps,
        "family_version": family.version,
        "splits": folder.describe().get("splits", FIRST_SCHEME),
        "commit": folder.describe().get("commit"),
        "config": config.as_dict(),
    }


def bundle_policy(
    policy: TrainedPolicy,
    config: TrainConfig,
    family: Family,
    training: dict[str, Any],
    evaluation: dict[str, Any] | None = None,
) -> Bundle:
    """A policy as a bundle in memory, parity checked.

    Raises:
        ExportError: The graph does not do what the policy does.
    """
    num_episodes = config.episodes_of_trial(family)
    gradient, gradient_steps = None, b""
    if isinstance(policy, GradientPolicy):
        gradient = policy_gradient_spec(policy, config, family)
    elif policy.correction is not None:
        gradient = gradient_spec(policy.correction, rollback_margin(policy, config, family))
    manifest = make_manifest(policy, family, num_episodes, training, evaluation, gradient)
    graph = trace_step(policy, manifest)
    if isinstance(policy, GradientPolicy):
        gradient_steps = trace_policy_gradient(policy, family, manifest)
    elif policy.correction is not None:
        gradient_steps = trace_correction(policy.correction, manifest)
    bundle = Bundle.from_bytes(attach_manifest(graph, manifest, gradient_steps))
    parity = measure_parity(policy, config, family, bundle)
    for engine, result in parity.items():
        result.check(engine)
    measured: dict[str, Any] = {engine: asdict(result) for engine, result in parity.items()}
    return Bundle.from_bytes(attach_manifest(graph, replace(manifest, parity=measured), gradient_steps))


def make_manifest(
    policy: TrainedPolicy,
    family: Family,
    num_episodes: int,
    training: dict[str, Any],
    evaluation: dict[str, Any] | None,
    gradient: GradientSpec | None = None,
) -> Manifest:
    """The manifest of a family's policy; without ``gradient``, of one whose gradient steps are left out."""
    hidden = policy.initial_state(1)
    return Manifest(
        name=family.name,
        summary=family.summary,
        observation=tuple(_feature_spec(feature) for feature in family.game_features),
        action=_action_spec(family),
        hidden_state=tuple(TensorSpec(name, tuple(tensor.shape[1:])) for name, tensor in hidden.items()),
        beliefs=tuple(_belief_spec(slot) for slot in policy.spec.belief_slots),
        num_episodes=num_episodes,
        max_steps=family.max_steps,
        adaptation=(*(["memory"] if hidden else []), *(["gradient"] if gradient else [])),
        gradient=gradient,
        training=training,
        evaluation=evaluation,
    )


def trace_step(policy: TrainedPolicy, manifest: Manifest) -> bytes:
    """The policy's step as a serialized ONNX model, named as the manifest says, with a dynamic leading axis."""
    step = GradientPolicyStep(policy) if isinstance(policy, GradientPolicy) else PolicyStep(policy)
    model = trace(step, step_inputs(manifest), step_outputs(manifest))
    for weight in manifest.adapting_weights:
        initial = policy.weights[weight.name] if isinstance(policy, GradientPolicy) else torch.zeros(weight.shape)
        add_initial_values(model, {weight.name: initial.unsqueeze(0)})
    return bytes(model.SerializeToString())


def _action_spec(family: Family) -> ActionSpec:
    if family.box is None:
        return ActionSpec(names=family.action_names, mask=family.has_mask)
    return ActionSpec(family.action_names, kind="box", low=family.box.low, high=family.box.high, unit=family.box.unit)


def _feature_spec(feature: Feature) -> FeatureSpec:
    low = float(feature.low) if np.isfinite(feature.low) else None
    high = float(feature.high) if np.isfinite(feature.high) else None
    return FeatureSpec(feature.name, feature.size, low, high, feature.unit, feature.meaning)


def _belief_spec(slot: Slot) -> BeliefSpec:
    return BeliefSpec(
        rule=slot.rule,
        kind=slot.kind,
        index=slot.index,
        options=slot.options,
        values=slot.values,
        center=slot.center,
        scale=slot.scale,
        unit=slot.unit,
    )
