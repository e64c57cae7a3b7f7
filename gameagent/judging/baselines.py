"""The policies that a run is compared with: trained on the same budget, in trials of the same length."""

from collections.abc import Mapping
from typing import Any

from gameagent.config import TrainConfig, make_config
from gameagent_games.interface import Family

FEWEST_GAMES = 8  # side by side, where trials are so long that a usual batch would hold fewer


def baseline_fields(config: TrainConfig, family: Family, given: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The config fields of a run's baselines, by name: "memoryless" and "oracle".

    Those of an agent that learns by gradient have no memory either, as its network has none. They are trained by PPO
    on the agent's budget, with trials of as many episodes as the agent's, and as many games side by side as make an
    update of the usual size for the family.

    Args:
        config: The agent's config.
        family: Its family.
        given: The fields that were asked for, as the agent's config was made from them.
    """
    if config.algorithm == "rl2":
        return {
            "memoryless": {**given, "memory": "none", "beliefs": False, "gradient": False},
            "oracle": {**given, "reveal": True, "gradient": False},
        }
    by_memory = {**given, "algorithm": "rl2", "memory": "none", "beliefs": False, "gradient": False}
    usual = make_config(family, by_memory)
    num_episodes = config.episodes_of_trial(family)
    num_games = max(usual.num_games * usual.episodes_of_trial(family) // num_episodes, FEWEST_GAMES)
    same = {name: getattr(config, name) for name in ("steps", "seed", "split", "hidden_size")}
    fields = {"num_games": num_games, **by_memory, **same, "num_episodes": num_episodes}
    return {"memoryless": fields, "oracle": {**fields, "reveal": True}}
