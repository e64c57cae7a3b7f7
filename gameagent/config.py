"""The config of a run: settings that every method shares, and those of the method that learns."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

from gameagent.errors import ConfigError
from gameagent.methods.interface import Method
from gameagent.methods.registry import DEFAULT_METHOD, METHODS
from gameagent.settings import MethodConfig, SettingField, require_ranges, setting, settings_of, shown
from gameagent_games.interface import Family
from gameagent_games.recipes import recipe
from gameagent_games.variants.curriculum import Curriculum
from gameagent_games.variants.variant import Split

RENAMED = {
    "polyak": "return_scaled_steps",
    "told_share": "informed_share",
    "told_until": "informed_until",
    "entropy_start": "exploration_weight",
    "entropy_weight": "exploration_weight",
}
"""Settings that earlier versions knew by another name."""

REMOVED = {
    "reward_scale": "rewards of any unit are learnt alike",
    "entropy_end": "exploration ends at 0",
}
"""Settings of learning by memory that earlier versions had, whose networks were others, and why they are gone."""

SHORTEST_HORIZON = 10  # steps


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Config of one run, as `make_config` builds it.

    Each field's `Setting` says what it means and which values it takes; ``gameagent train --help-settings`` prints
    them.

    Attributes:
        own: Settings of the method that the algorithm's name stands for.
    """

    family: str = setting('Registered name, or "package.module:NAME".')
    own: MethodConfig
    algorithm: str = setting("Way of learning.", DEFAULT_METHOD)
    seed: int = setting("Seed of everything random.", 0, 0, 2**63 - 1)
    steps: int = setting("Budget in decisions of acting seats, over all processes.", 12_000_000, 1, 10**13)
    split: Split = setting("Split of the variant space that training draws from.", "train")  # noqa: RUF009
    curriculum: Curriculum = setting(  # noqa: RUF009
        "Which variants of the split training meets: uniform for all alike; learnability for half of them drawn again "
        "by how much the returns of their trials differ, where most variants are hopeless or trivial.", "uniform",
    )  # fmt: skip
    num_episodes: int = setting(
        "Episodes of a trial (K). 0 for the family's number; of methods that learn by gradient alone, for as many as "
        "all gradient steps and the return after them take.", 0, 0, 100_000,
    )  # fmt: skip
    reveal: bool = setting("Whether all rules are shown: the oracle.", False)
    hidden_size: int = setting("Width of the recurrent layer and of the other hidden layers (H).", 64, 1, 4096)
    num_processes: int = setting("Training processes. 0 for one per core; under torchrun its world size.", 0, 0, 1024)
    device: Literal["auto", "cpu", "cuda"] = setting(
        "Where the policy is while it learns by memory: cpu; cuda for a GPU, in one process; auto for a GPU if there "
        "is one, and an update turns out to be faster there.", "auto",
    )  # fmt: skip
    discount: float = setting(
        "gamma, per step; with memory also across the ends of episodes. 0 for 1 - 1/T, T being the longest trial in "
        "steps, or the longest episode if gradient steps alone adapt.", 0.0, 0, 1,
    )  # fmt: skip
    gae_lambda: float = setting("lambda of generalised advantage estimation.", 0.8, 0, 1)
    learning_rate: float = setting(
        "The optimizer's step size at the start; falls linearly to a tenth at the budget's end. With memory, times "
        "a factor that follows target_kl.", 2e-3, 0, 1, above=True,
    )  # fmt: skip
    max_gradient_norm: float = setting("Gradients are scaled down to this norm.", 1.0, 0, 1e6, above=True)

    def __post_init__(self) -> None:
        require_ranges(self)

    @property
    def method(self) -> Method[Any]:
        """The way of learning; everything that depends on it is asked of it."""
        return METHODS[self.algorithm]

    @property
    def role(self) -> str:
        """What the run's policy is in a report: "agent", "memoryless" or "oracle"."""
        return "oracle" if self.reveal else self.method.role(self)

    @property
    def num_parallel(self) -> int:
        """What an update shares out among processes: games side by side, or tasks of a meta-batch."""
        return self.method.num_parallel(self)

    def episodes_of_trial(self, family: Family) -> int:
        """Episodes of a trial (K) of this run on its family."""
        return self.num_episodes or self.method.usual_episodes(self, family)

    def learning_rate_at(self, done: float) -> float:
        """The outer step size after a share ``done`` (0 to 1) of the budget."""
        return self.learning_rate * (1.0 - 0.9 * done)

    def as_dict(self) -> dict[str, Any]:
        """All settings as JSON-able values by name, the method's own after the shared ones; `make_config` reads it."""
        shared = {one.name: getattr(self, one.name) for one in fields(self) if one.name != "own"}
        return shared | {one.name: getattr(self.own, one.name) for one in fields(self.own)}


def shared_settings() -> dict[str, SettingField]:
    """The settings of every run by name, in order."""
    found = settings_of(TrainConfig)
    ways = "; ".join(f"{name} {method.summary}" for name, method in METHODS.items())
    explained = replace(found["algorithm"].setting, meaning=f"Way of learning: {ways}.")
    return found | {"algorithm": replace(found["algorithm"], options=tuple(METHODS), setting=explained)}


def settings_by_name(algorithm: str) -> dict[str, SettingField]:
    """All settings of a method's runs by name, its own after the shared ones."""
    return shared_settings() | settings_of(METHODS[algorithm].config)


def make_config(family: Family, given: Mapping[str, Any]) -> TrainConfig:
    """Builds a config: ``given`` over what the family suggests (`gameagent_games.recipes`) over the defaults.

    Args:
        family: The game.
        given: Settings by name; strings are parsed to the setting's type.

    Raises:
        ConfigError: A setting is misspelt, belongs to another method, has the wrong type or is out of range; or the
            method cannot learn this game.
    """
    algorithm = shared_settings()["algorithm"].parse(given.get("algorithm", DEFAULT_METHOD))
    try:
        suggested = suggestions(family, algorithm)
    except ConfigError as error:
        raise ConfigError(f"family {family.name!r} suggests for training: {error}") from None
    values = {"family": family.name} | suggested | parse_settings(algorithm, given)
    own = {name: values.pop(name) for name in settings_of(METHODS[algorithm].config) if name in values}
    config = TrainConfig(own=METHODS[algorithm].config(**own), **values)
    config = replace(config, discount=config.discount or default_discount(config.method.horizon(config, family)))
    config = config.method.settled(config, family)
    config.method.check(config, family)
    return config


def default_discount(horizon: int) -> float:
    """gamma for credit that must reach as far as ``horizon`` steps."""
    return 1.0 - 1.0 / max(horizon, SHORTEST_HORIZON)


def config_of_run(family: Family, written: Mapping[str, Any]) -> TrainConfig:
    """The config that a run's folder or a file holds, also one of an earlier version.

    Earlier versions wrote the settings of every method; those of methods that the run did not use are left out, and so
    are those that are gone. They trained on the CPU, and played one trial in a row. Where they wrote a discount of 0
    they meant it: now a run's own is never 0.

    Raises:
        ConfigError: As `make_config`.
    """
    named = {RENAMED.get(name, name): value for name, value in written.items() if name not in REMOVED}
    named = {"device": "cpu", "trials_in_a_row": 1} | named
    algorithm = named.get("algorithm", DEFAULT_METHOD)
    if algorithm in METHODS:
        own = settings_by_name(algorithm)
        named = {name: value for name, value in named.items() if name in own or not methods_with(name)}
    config = make_config(family, named)
    return replace(config, discount=0.0) if named.get("discount") == 0.0 else config


def has_earlier_networks(written: Mapping[str, Any]) -> bool:
    """Whether the config that a run's folder holds is of a version whose networks of that method were others."""
    return written.get("algorithm", DEFAULT_METHOD) == DEFAULT_METHOD and not REMOVED.keys().isdisjoint(written)


def suggestions(family: Family, algorithm: str) -> dict[str, Any]:
    """The settings that a family suggests for an algorithm, without those that only other methods have.

    Raises:
        ConfigError: A setting is misspelt or has the wrong type.
        FamilyError: The family's ``train.toml`` cannot be read.
    """
    known, suggested = settings_by_name(algorithm), recipe(family, algorithm)
    usable = {name: value for name, value in suggested.items() if name in known or not methods_with(name)}
    return parse_settings(algorithm, usable)


def parse_settings(algorithm: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Checks the names and types of settings of an algorithm's run, and parses text.

    Raises:
        ConfigError: A setting is misspelt, belongs to another method, or has the wrong type.
    """
    known = settings_by_name(algorithm)
    for name in given:
        if name not in known:
            raise ConfigError(_unknown(name, algorithm))
    return {name: known[name].parse(value) for name, value in given.items()}


def methods_with(name: str) -> list[str]:
    """The methods that have a setting of their own by this name."""
    return [algorithm for algorithm, method in METHODS.items() if name in settings_of(method.config)]


def _unknown(name: str, algorithm: str) -> str:
    if owners := methods_with(name):
        choices = " or ".join(f"algorithm={owner}" for owner in owners)
        return f"{name} is not a setting of {algorithm}: leave it out, or set {choices}, which has it"
    if name in RENAMED:
        return f"{name} is now called {RENAMED[name]}"
    if name in REMOVED:
        return f"there is no {name} any more, as {REMOVED[name]}: leave it out"
    return (
        f"no config field {shown(name)}; the fields of {algorithm} are {', '.join(settings_by_name(algorithm))}; "
        "gameagent train --help-settings explains them"
    )
