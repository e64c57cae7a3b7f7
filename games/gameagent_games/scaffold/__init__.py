"""A new family in a project of its own, to start from: ``gameagent new my_game``."""

from gameagent_games.scaffold.project import new_game

__all__ = ["new_game"]
