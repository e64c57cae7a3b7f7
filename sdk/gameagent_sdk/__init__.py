"""Run a gameagent bundle inside a game: it acts, learns the rules and the opponent at hand, and is saved.

Start at :class:`Agent`. Engines are imported when the first agent is loaded.
"""

from gameagent_sdk.adaptation import Adaptation
from gameagent_sdk.agent import Agent
from gameagent_sdk.backends import Backend, load_adaptation, load_backend
from gameagent_sdk.beliefs import Belief, decode_beliefs
from gameagent_sdk.bundle import Bundle, attach_manifest, graph_sha256
from gameagent_sdk.context import Context
from gameagent_sdk.errors import (
    BundleError,
    CallOrderError,
    Finding,
    InputError,
    InputWarning,
    ManifestError,
    MindError,
    MissingBackend,
    RecordingError,
    SdkError,
)
from gameagent_sdk.manifest import (
    ActionSpec,
    AdvantageSpec,
    BeliefSpec,
    FeatureSpec,
    GradientSpec,
    Manifest,
    TensorSpec,
)
from gameagent_sdk.observation_report import FeatureReport, ObservationReport
from gameagent_sdk.policy import Policy
from gameagent_sdk.replay import Replay, replay
from gameagent_sdk.sampling import Gaussian, action_probabilities, sample_actions, sample_box_actions
from gameagent_sdk.save_slots import SaveSlots
from gameagent_sdk.session import PolicySession
from gameagent_sdk.signature import Port, adaptation_inputs, adaptation_outputs, step_inputs, step_outputs
from gameagent_sdk.squad import Squad
from gameagent_sdk.timing import CallTimes

__version__ = "0.1.0"

__all__ = [
    "ActionSpec",
    "Adaptation",
    "AdvantageSpec",
    "Agent",
    "Backend",
    "Belief",
    "BeliefSpec",
    "Bundle",
    "BundleError",
    "CallOrderError",
    "CallTimes",
    "Context",
    "FeatureReport",
    "FeatureSpec",
    "Finding",
    "Gaussian",
    "GradientSpec",
    "InputError",
    "InputWarning",
    "Manifest",
    "ManifestError",
    "MindError",
    "MissingBackend",
    "ObservationReport",
    "Policy",
    "PolicySession",
    "Port",
    "RecordingError",
    "Replay",
    "SaveSlots",
    "SdkError",
    "Squad",
    "TensorSpec",
    "__version__",
    "action_probabilities",
    "adaptation_inputs",
    "adaptation_outputs",
    "attach_manifest",
    "decode_beliefs",
    "graph_sha256",
    "load_adaptation",
    "load_backend",
    "replay",
    "sample_actions",
    "sample_box_actions",
    "step_inputs",
    "step_outputs",
]
