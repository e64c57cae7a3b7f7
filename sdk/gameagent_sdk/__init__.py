"""Run a gameagent bundle inside a game: it acts, learns the rules and the opponent at hand, and is saved.

Start at :class:`Agent`. Engines are imported when the first agent is loaded.
"""

from gameagent_sdk.adaptation.adapter import Adaptation
from gameagent_sdk.agent.agent import Agent
from gameagent_sdk.agent.replay import Replay, replay
from gameagent_sdk.agent.slots import SaveSlots
from gameagent_sdk.agent.squad import Squad
from gameagent_sdk.agent.timing import CallTimes
from gameagent_sdk.backends import Backend, load_adaptation, load_backend
from gameagent_sdk.bundle.file import Bundle, attach_manifest, graph_sha256
from gameagent_sdk.bundle.manifest import (
    ActionSpec,
    AdvantageSpec,
    BeliefSpec,
    FeatureSpec,
    GradientSpec,
    Manifest,
    TensorSpec,
)
from gameagent_sdk.bundle.signature import adaptation_inputs, adaptation_outputs, step_inputs, step_outputs
from gameagent_sdk.engine.beliefs import Belief, decode_beliefs
from gameagent_sdk.engine.context import Context
from gameagent_sdk.engine.observation_report import FeatureReport, ObservationReport
from gameagent_sdk.engine.policy import Policy
from gameagent_sdk.engine.sampling import Gaussian, action_probabilities, sample_actions, sample_box_actions
from gameagent_sdk.engine.session import PolicySession
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
from gameagent_sdk.graph import Port

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
