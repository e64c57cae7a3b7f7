"""Makes the bundle that is measured: an LSTM of 128 units for the forage family, its weights drawn and not trained.

    python -m sdk_promises.made_bundle OUT.onnx

What a decision costs does not depend on what the weights are.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from gameagent.export.bundling import make_manifest, trace_step
from gameagent.nets.interface import PolicySpec
from gameagent.nets.network import AgentNetwork
from gameagent_games.registry import load_family
from gameagent_sdk.authoring import attach_manifest

HIDDEN_SIZE = 128


def main(argv: Sequence[str]) -> int:
    """Writes the bundle."""
    (path,) = argv
    torch.manual_seed(0)
    family = load_family("forage")
    policy = AgentNetwork(PolicySpec.of(family, family.num_episodes, True), HIDDEN_SIZE, True)
    manifest = make_manifest(policy, family, family.num_episodes, {}, None)
    Path(path).write_bytes(attach_manifest(trace_step(policy, manifest), manifest))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
