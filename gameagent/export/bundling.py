"""Export: a trained policy and its manifest as one ``.onnx`` file, checked against torch before it is written."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from gameagent.config import TrainConfig
from gameagent.errors import ExportError
from gameagent.export.parity import measure_parity
from gameagent.methods.interface import Calibration
from gameagent.nets.interface import PolicyNetwork
from gameagent.run.folder import FIRST_SCHEME, Progress, RunFolder
from gameagent.run.sealed_file import write_atomically
from gameagent.tracing.graph import add_initial_values, trace
from gameagent_games.interface import Family, Feature
from gameagent_games.variants.distributions import Slot
from gameagent_sdk import Bundle, Manifest
from gameagent_sdk.authoring import (
    ActionSpec,
    BeliefSpec,
    FeatureSpec,
    GradientSpec,
    PlanSpec,
    attach_manifest,
    step_inputs,
    step_outputs,
)


def export_run(folder: RunFolder, path: Path) -> Bundle:
    """Writes a run's policy to ``path``: `bundle_run`, then `write_bundle`."""
    return write_bundle(bundle_run(folder), path)


def bundle_run(folder: RunFolder) -> Bundle:
    """A run's policy as a bundle in memory, checked against torch.

    Raises:
        RunError: The run's folder is broken or has no checkpoint.
        ExportError: The graph does not do what the policy does.
    """
    policy, config, family, progress = folder.load_policy()
    training = training_record(folder, config, family, progress)
    return bundle_policy(policy, config, family, training, folder.load_calibration(progress))


def with_evaluation(bundle: Bundle, summary: dict[str, Any]) -> Bundle:
    """The same bundle with an evaluation's summary in its manifest."""
    manifest = replace(bundle.manifest, evaluation=summary)
    return Bundle.from_bytes(attach_manifest(bundle.data, manifest, bundle.adaptation_data))


def write_bundle(bundle: Bundle, path: Path) -> Bundle:
    """Writes a bundle to a file and reads it back.

    Args:
        bundle: What to write.
        path: The ``.onnx`` file; replaced at once if it exists.

    Raises:
        ExportError: The file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, bundle.data)
    except OSError as error:
        raise ExportError(f"cannot write {path}: {error.strerror}") from None
    return Bundle.read(path)


def training_record(folder: RunFolder, config: TrainConfig, family: Family, progress: Progress) -> dict[str, Any]:
    """How a run's policy came to be, for the manifest."""
    rules, shown = family.rule_file, family.space.shown_encoding
    return {
        **({} if rules is None else {"rules": rules.digest}),
        **({"shown_rules": shown} if shown else {}),
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
    policy: PolicyNetwork,
    config: TrainConfig,
    family: Family,
    training: dict[str, Any],
    calibration: Calibration | None = None,
) -> Bundle:
    """A policy as a bundle in memory, checked against torch.

    Args:
        policy: The trained policy.
        config: Its run's config.
        family: Its family.
        training: How it came to be, see `training_record`.
        calibration: As the run's method measured it when training ended; None to measure it now.

    Raises:
        ExportError: The graph does not do what the policy does.
    """
    method = config.method
    steps, gradient = method.gradient_steps(policy, config, family), None
    if steps is not None:
        calibration = method.calibrate(policy, config, family) if calibration is None else calibration
        gradient = steps.spec(calibration)
    manifest = make_manifest(policy, family, config.episodes_of_trial(family), training, gradient)
    graph = trace(method.step(policy), step_inputs(manifest), step_outputs(manifest))
    if steps is not None:
        add_initial_values(graph, {name: value.unsqueeze(0) for name, value in steps.initial_weights().items()})
    parts = bytes(graph.SerializeToString()), b"" if steps is None else steps.trace(manifest)
    bundle = Bundle.from_bytes(attach_manifest(parts[0], manifest, parts[1]))
    parity = measure_parity(policy, config, family, bundle, steps)
    for engine, result in parity.items():
        result.check(engine)
    measured: dict[str, Any] = {engine: asdict(result) for engine, result in parity.items()}
    return Bundle.from_bytes(attach_manifest(parts[0], replace(manifest, parity=measured), parts[1]))


def make_manifest(
    policy: PolicyNetwork,
    family: Family,
    num_episodes: int,
    training: dict[str, Any],
    gradient: GradientSpec | None = None,
) -> Manifest:
    """The manifest of a family's policy; without ``gradient``, of one whose gradient steps are left out."""
    return Manifest(
        name=family.name,
        summary=family.summary,
        observation=tuple(_feature_spec(feature) for feature in family.game_features),
        action=_action_spec(family),
        hidden_state=policy.state_specs,
        beliefs=tuple(_belief_spec(slot) for slot in policy.spec.belief_slots),
        num_episodes=num_episodes,
        max_steps=family.max_steps,
        frames_per_decision=family.frames_per_decision,
        adaptation=(*(["memory"] if policy.state_specs else []), *(["gradient"] if gradient else [])),
        gradient=gradient,
        plan=_plan(family),
        training=training,
    )


def _plan(family: Family) -> PlanSpec | None:
    """The family's plan, with the rules that its space shows."""
    if family.plan is None:
        return None
    return replace(family.plan, rules=tuple(_belief_spec(slot) for slot in family.space.shown_slots))


def _action_spec(family: Family) -> ActionSpec:
    if family.box is None:
        return ActionSpec(names=family.action_names, mask=family.has_mask)
    return ActionSpec(family.action_names, kind="box", low=family.box.low, high=family.box.high, unit=family.box.unit)


def _feature_spec(feature: Feature) -> FeatureSpec:
    low = float(feature.low) if np.isfinite(feature.low) else None
    high = float(feature.high) if np.isfinite(feature.high) else None
    shape = feature.shape if len(feature.shape) > 1 else ()
    return FeatureSpec(feature.name, feature.size, low, high, feature.unit, feature.meaning, feature.kind, shape)


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
