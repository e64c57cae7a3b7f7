"""gameagent: meta-train game agents on procedurally generated variants and export them to ONNX."""

from typing import TYPE_CHECKING, Any

from gameagent.errors import ConfigError, ExportError, GameAgentError, GameValueError, RunError, TrainingError

if TYPE_CHECKING:
    from gameagent.api import Run, evaluate, train
    from gameagent.judging.report import Evaluation
    from gameagent.judging.room import Room
    from gameagent.measuring import room

__version__ = "0.1.0"
__all__ = [
    "ConfigError",
    "Evaluation",
    "ExportError",
    "GameAgentError",
    "GameValueError",
    "Room",
    "Run",
    "RunError",
    "TrainingError",
    "__version__",
    "evaluate",
    "room",
    "train",
]
_LATE = {
    "Evaluation": "judging.report",
    "Room": "judging.room",
    "Run": "api",
    "evaluate": "api",
    "room": "measuring",
    "train": "api",
}


def __getattr__(name: str) -> Any:
    """Imports the parts that need torch when they are first asked for (PEP 562)."""
    if name not in _LATE:
        raise AttributeError(f"module 'gameagent' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"gameagent.{_LATE[name]}"), name)
