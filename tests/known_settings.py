"""Settings for tests that are run by several methods."""

from collections.abc import Mapping
from typing import Any

from gameagent.config import settings_by_name


def known_settings(given: Mapping[str, Any]) -> dict[str, Any]:
    """Those of some settings that the method chosen among them has."""
    known = settings_by_name(given.get("algorithm", "rl2"))
    return {name: value for name, value in given.items() if name in known}
