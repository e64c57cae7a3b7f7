"""For exporters, evaluators and tools: what bundles are made of, and how to run and measure them in bulk.

A game needs none of it: its names are in `gameagent_sdk` itself.

To export, describe the policy in a `gameagent_sdk.Manifest`, write a graph with the inputs and outputs that
`step_inputs` and `step_outputs` list, and make the bundle with `attach_manifest`. To evaluate, play
thousands of trials at once with a `PolicySession`.
"""

from gameagent_sdk.backends import load_adaptation
from gameagent_sdk.bundle.file import attach_manifest
from gameagent_sdk.bundle.gradient import AdvantageSpec, GradientSpec
from gameagent_sdk.bundle.plan import NativeActionSpec, PartSpec, PlanSpec
from gameagent_sdk.bundle.signature import adaptation_inputs, adaptation_outputs, step_inputs, step_outputs
from gameagent_sdk.bundle.specs import ActionSpec, BeliefSpec, FeatureSpec, TensorSpec
from gameagent_sdk.engine.native import NativeActions, NativeObservations, part_at
from gameagent_sdk.engine.sampling import BoxOutput, action_probabilities, sample_actions
from gameagent_sdk.engine.session import PolicySession
from gameagent_sdk.graph import Port

__all__ = [
    "ActionSpec",
    "AdvantageSpec",
    "BeliefSpec",
    "BoxOutput",
    "FeatureSpec",
    "GradientSpec",
    "NativeActionSpec",
    "NativeActions",
    "NativeObservations",
    "PartSpec",
    "PlanSpec",
    "PolicySession",
    "Port",
    "TensorSpec",
    "action_probabilities",
    "adaptation_inputs",
    "adaptation_outputs",
    "attach_manifest",
    "load_adaptation",
    "part_at",
    "sample_actions",
    "step_inputs",
    "step_outputs",
]
