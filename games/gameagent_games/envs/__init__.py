"""Families as environments for Gymnasium and PettingZoo.

Importing this package registers an id for every family with Gymnasium; so does an id that names the package:

    gymnasium.make("gameagent_games.envs:gameagent/Forage-v0")
"""

from gameagent_games.envs.registration import register_families

register_families()
