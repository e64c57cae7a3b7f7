"""A trained policy as a file that a game engine's own machine-learning plugin runs, under its own tensor names.

Such a file is not a bundle: the SDK refuses it, and the game does by itself what the SDK does (see docs/engines.md).
What it does share with a bundle is that it is compared with torch over whole trials before it is written.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gameagent.config import TrainConfig
from gameagent.errors import ExportError
from gameagent.export.bundling import make_manifest, training_record
from gameagent.export.engines.layout import Part
from gameagent.export.engines.playback import Playback, play_back
from gameagent.export.engines.profiles import PROFILES, Profile
from gameagent.export.engines.structure import check_structure
from gameagent.nets.interface import PolicyNetwork
from gameagent.run.folder import RunFolder
from gameagent.run.sealed_file import write_atomically
from gameagent.tracing.graph import lower, trace
from gameagent_games.interface import Family
from gameagent_sdk import Manifest

METADATA_KEY = "gameagent.engine"
SCHEMA_VERSION = 1


@dataclass(frozen=True)
class EngineFile:
    """A checked file for one engine.

    Attributes:
        profile: The engine's side of it.
        data: The whole file.
        playback: How it fared beside torch.
    """

    profile: Profile
    data: bytes
    playback: Playback


def export_engine_file(folder: RunFolder, path: Path, profile: str) -> EngineFile:
    """Writes a run's policy to ``path`` for an engine.

    Args:
        folder: The run.
        path: The ``.onnx`` file to write; replaced at once if it exists.
        profile: A key of `PROFILES`.

    Raises:
        RunError: The run's folder is broken or has no checkpoint.
        ExportError: The file cannot be written, or the engine could not run it, or it would do something else than
            the policy; the path is then left as it was.
    """
    policy, config, family, progress = folder.load_policy()
    file = make_engine_file(policy, config, family, training_record(folder, config, family, progress), profile)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, file.data)
    except OSError as error:
        raise ExportError(f"cannot write {path}: {error.strerror}") from None
    return file


def make_engine_file(
    policy: PolicyNetwork, config: TrainConfig, family: Family, training: dict[str, Any], profile: str
) -> EngineFile:
    """A policy as a checked file for an engine, in memory; raises as `export_engine_file` does."""
    if family.box is not None:
        raise ExportError(
            f"{family.name!r} acts by numbers, and files for engines carry choices only: export without --profile"
        )
    config.method.require_engine_step(policy)
    for tensor in policy.state_specs:
        if tensor.initial != 0.0 or tensor.lifetime != "trial":
            raise ExportError(
                f"engines empty an agent's memory to zeros at every trial's start, but {tensor.name} starts at "
                f"{tensor.initial:g} and lasts for a {tensor.lifetime}: export without --profile"
            )
    num_episodes = config.episodes_of_trial(family)
    manifest = make_manifest(policy, family, num_episodes, training)
    side: Profile = PROFILES[profile](manifest)
    model = lower(
        trace(side.module(config.method.step(policy)), side.inputs, side.outputs), side.max_opset, side.max_ir_version
    )
    check_structure(model, side)
    playback = play_back(model.SerializeToString(), side, policy, family, num_episodes, config.seed, config.split)
    playback.check()
    entry = model.metadata_props.add()
    entry.key, entry.value = METADATA_KEY, json.dumps(_describe(side, manifest, playback))
    return EngineFile(side, model.SerializeToString(), playback)


def _describe(profile: Profile, manifest: Manifest, playback: Playback) -> dict[str, Any]:
    """What the file says about itself under `METADATA_KEY`."""
    layout, training = profile.layout, manifest.training
    observation, state = profile.inputs[0], profile.outputs[-1]
    return {
        "schema_version": SCHEMA_VERSION,
        "profile": profile.name,
        "family": manifest.name,
        "family_version": training.get("family_version"),
        "commit": training.get("commit"),
        "steps": training.get("steps"),
        "seed": training.get("seed"),
        "num_episodes": manifest.num_episodes,
        "max_steps": manifest.max_steps,
        "actions": list(manifest.action.names),
        "observation": {"tensor": observation.name, "size": observation.shape[-1], "parts": _parts(layout.observation)},
        "state": {"tensor": state.name, "size": layout.memory_size, "parts": _parts(layout.state)},
        "memory_size": layout.memory_size,
        "playback": asdict(playback),
    }


def _parts(parts: tuple[Part, ...]) -> list[dict[str, Any]]:
    return [asdict(part) for part in parts]


__all__ = ["METADATA_KEY", "PROFILES", "EngineFile", "export_engine_file", "make_engine_file"]
