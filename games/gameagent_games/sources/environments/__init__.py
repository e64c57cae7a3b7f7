"""Games that exist already: Gymnasium's and PettingZoo's environments, and factories of them, as a source of games.

A rule file says where the environment comes from and how its rules reach it (see ``docs/environments.md``).
"""

from gameagent_games.sources.environments.building import family_from_environment
from gameagent_games.sources.environments.source import EnvironmentSource

__all__ = ["EnvironmentSource", "family_from_environment"]
