"""Runs a gameagent bundle inside a game: the agent acts, learns the rules and its opponent, and can be saved.

Start at `Agent`. Engines are imported when the first agent is loaded. What exporters and evaluators need is in
`gameagent_sdk.authoring`.
"""

from gameagent_sdk.adaptation.interface import Adaptation
from gameagent_sdk.agent.agent import Agent
from gameagent_sdk.agent.pacer import Pacer
from gameagent_sdk.agent.replay import Replay, replay
from gameagent_sdk.agent.slots import SaveSlots
from gameagent_sdk.agent.squad import Squad
from gameagent_sdk.bundle.file import Bundle
from gameagent_sdk.bundle.manifest import Manifest
from gameagent_sdk.engine.beliefs import Belief
from gameagent_sdk.engine.policy import Policy
from gameagent_sdk.errors import (
    BundleError,
    CallOrderError,
    InputError,
    InputWarning,
    ManifestError,
    MindError,
    MissingBackend,
    RecordingError,
    SdkError,
)

__version__ = "0.1.0"

__all__ = [
    "Adaptation",
    "Agent",
    "Belief",
    "Bundle",
    "BundleError",
    "CallOrderError",
    "InputError",
    "InputWarning",
    "Manifest",
    "ManifestError",
    "MindError",
    "MissingBackend",
    "Pacer",
    "Policy",
    "RecordingError",
    "Replay",
    "SaveSlots",
    "SdkError",
    "Squad",
    "__version__",
    "replay",
]
