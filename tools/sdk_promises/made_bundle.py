"""Makes the bundle that is measured: an LSTM of 128 units for the forage family, its weights drawn and not trained.

    python -m sdk_promises.made_bundle OUT.onnx

What a decision costs does not depend on what the weights are.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from gameagent.config import make_config
from gameagent.export.bundling import make_manifest
from gameagent.tracing.graph import trace
from gameagent_games.registry import load_family
from gameagent_sdk.authoring import attach_manifest, step_inputs, step_outputs

HIDDEN_SIZE = 128


def main(argv: Sequence[str]) -> int:
    """Writes the bundle."""
    (path,) = argv
    torch.manual_seed(0)
    family = load_family("forage")
    config = make_config(family, {"hidden_size": HIDDEN_SIZE})
    policy = config.method.make_policy(config, family)
    manifest = make_manifest(policy, family, family.num_episodes, {})
    step = trace(config.method.step(policy), step_inputs(manifest), step_outputs(manifest))
    Path(path).write_bytes(attach_manifest(bytes(step.SerializeToString()), manifest))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
