"""Gymnasium ids of all registered families."""

from gameagent_games.errors import MissingExtra
from gameagent_games.registry import family_names

try:
    import gymnasium
except ModuleNotFoundError as error:
    raise MissingExtra(
        "Gymnasium is not installed; install it with: pip install 'gameagent-games[gymnasium]'"
    ) from error

ENTRY_POINT = "gameagent_games.envs.gymnasium_env:FamilyEnv"


def environment_id(family_name: str) -> str:
    """The Gymnasium id of a family: ``gameagent/RandomMdp-v0`` for ``random_mdp``."""
    words = family_name.replace("-", "_").split("_")
    return f"gameagent/{''.join(word[:1].upper() + word[1:] for word in words)}-v0"


def register_families() -> None:
    """Registers the id of every family that has none yet."""
    for name in family_names():
        if environment_id(name) not in gymnasium.registry:
            gymnasium.register(environment_id(name), entry_point=ENTRY_POINT, kwargs={"family": name})
