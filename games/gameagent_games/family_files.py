"""Files that lie beside a family's rules: settings for training it, a trained agent."""

import sys
from pathlib import Path
from typing import Final

from gameagent_games.interface import Family

RECIPE: Final = "train.toml"
AGENT: Final = "agent.onnx"


def family_file(family: Family, name: str) -> Path | None:
    """A file in the folder of the module that defines the family's rules; None if it is not there."""
    source = getattr(sys.modules.get(family.source.module), "__file__", None)
    path = None if source is None else Path(source).with_name(name)
    return path if path is not None and path.is_file() else None
