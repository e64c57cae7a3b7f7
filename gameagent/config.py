"""Everything that a run depends on, in one flat frozen dataclass."""

import math
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import numpy as np

from gameagent.errors import ConfigError
from gameagent_games.interface import Family
from gameagent_games.recipes import recipe
from gameagent_games.variants.variant import SPLITS, Split
from gameagent_sdk.regular_file import open_regular, reason_of

_GRADIENT = ("maml", "reptile")


@dataclass(frozen=True)
class Setting:
    """What a field of `TrainConfig` means and what it may be; it stands in the field's metadata.

    Attributes:
        meaning: For a person; what 0 stands for, where 0 is special.
        low: Least number; None for fields that are no numbers.
        high: Greatest number: where a budget or size is still one that somebody can mean.
        above: Whether ``low`` itself is excluded.
        algorithms: The algorithms that it matters to; empty for all.
    """

    meaning: str
    low: float | None = None
    high: float | None = None
    above: bool = False
    algorithms: tuple[str, ...] = ()

    def allows(self, value: float) -> bool:
        """Whether a number is in range."""
        if self.low is None or self.high is None:
            return True
        return (self.low < value if self.above else self.low <= value) and value <= self.high  # False for NaN

    @property
    def range(self) -> str:
        """What numbers it may be, such as "from 1 to 4,096"; empty for fields that are no numbers."""
        if self.low is None or self.high is None:
            return ""
        low, high = _figure(self.low), _figure(self.high)
        return f"above {low}, at most {high}" if self.above else f"from {low} to {high}"


def _setting(meaning: str, default: Any, low: float | None = None, high: float | None = None, *, above: bool = False,
             by: tuple[str, ...] = ()) -> Any:  # fmt: skip
    return field(default=default, metadata={"setting": Setting(meaning, low, high, above, by)})


def _memory(meaning: str, default: Any, low: float | None = None, high: float | None = None, **rest: Any) -> Any:
    return _setting(meaning, default, low, high, by=("rl2",), **rest)


def _by_gradient(meaning: str, default: Any, low: float | None = None, high: float | None = None, **rest: Any) -> Any:
    return _setting(meaning, default, low, high, by=_GRADIENT, **rest)


@dataclass(frozen=True)
class TrainConfig:
    """Config of one run. A family's own suggestions (`gameagent_games.recipes`) replace the defaults below.

    Each field's `Setting` says what it means, its range and for which algorithms it matters; `gameagent train
    --help-settings` prints them.
    """

    family: str = field(metadata={"setting": Setting('Registered name, or "package.module:NAME".')})
    algorithm: Literal["rl2", "maml", "reptile"] = _setting(
        "rl2 learns by memory; maml and reptile by gradient steps between episodes, for games of one seat.", "rl2"
    )
    seed: int = _setting("Seed of everything random.", 0, 0, 2**63 - 1)
    steps: int = _setting("Budget in decisions of acting seats, over all processes.", 12_000_000, 1, 10**13)
    split: Split = field(
        default="train", metadata={"setting": Setting("Split of the variant space that training draws from.")}
    )
    num_episodes: int = _setting(
        "Episodes of a trial (K). 0 for the family's number (rl2), or for as many as all gradient steps and the return "
        "after them take (maml, reptile).", 0, 0, 100_000,
    )  # fmt: skip
    memory: Literal["lstm", "none"] = _memory("lstm for Meta-LSTM, none for a memoryless policy.", "lstm")
    beliefs: bool = _memory("Whether a belief head predicts the hidden rules and the policy acts on it.", True)
    gradient: bool = _memory(
        "Whether gradient steps correct the belief after each episode: memory and gradient.", False
    )
    inner_lr: float = _setting(
        "Step size of the inner loop's gradient steps; where it is learnt, at the start.", 0.1, 0, 100, above=True
    )
    inner_steps: int = _setting(
        "Gradient steps after an episode; for maml and reptile in turn, each on episodes of its own.", 3, 1, 100
    )
    num_rollouts: int = _by_gradient("Episodes that a gradient step learns from.", 20, 1, 100_000)
    meta_batch_size: int = _by_gradient("Tasks of an update, over all processes.", 20, 1, 1_000_000)
    first_order: bool = _setting("Whether inner gradients are taken for constants: FOMAML.", False, by=("maml",))
    head_only: bool = _by_gradient("Whether the head alone adapts: ANIL.", False)
    learn_step_sizes: bool = _setting("Whether each parameter's step size is learnt: Meta-SGD.", True, by=("maml",))
    standardise: bool = _by_gradient("Whether each task's advantages are brought to mean zero and deviation one.", True)
    polyak: bool = _by_gradient(
        "Whether a gradient step is as long as a task's return is far from the best that can be expected of it, and "
        "the gradient says its direction alone: for games whose returns say how far off a policy is.", False,
    )  # fmt: skip
    reveal: bool = _setting("Whether all rules are shown: the oracle.", False)
    hidden_size: int = _setting("Width of the recurrent layer and of the other hidden layers (H).", 64, 1, 4096)
    num_games: int = _memory("Games side by side, over all processes.", 512, 1, 1_000_000)
    num_processes: int = _setting("Training processes. 0 for one per core; under torchrun its world size.", 0, 0, 1024)
    informed_share: float = _memory(
        "Share of trials, at the start, that are informed: the true rules stand in for the belief.", 0.5, 0, 1
    )
    informed_until: float = _memory(
        "Part of the budget after which no trial is informed any more; the share falls linearly.", 0.5, 0, 1
    )
    discount: float = _setting("gamma, per step; in rl2 also across the ends of episodes.", 0.95, 0, 1)
    gae_lambda: float = _setting("lambda of generalised advantage estimation.", 0.95, 0, 1)
    reward_scale: float = _memory(
        "Factor on rewards in the loss, so that values are of order one.", 1.0, 0, 1e6, above=True
    )
    learning_rate: float = _setting(
        "Adam's step size at the start; falls linearly to a tenth at the budget's end.", 2e-3, 0, 1, above=True
    )
    num_epochs: int = _setting(
        "Passes over each batch of trials (rl2), outer steps on each meta-batch (maml).", 2, 1, 1000, by=("rl2", "maml")
    )
    num_minibatches: int = _memory("Gradient steps of one pass; each takes whole trials.", 4, 1, 100_000)
    clip_ratio: float = _setting("PPO's clipping of the probability ratio.", 0.2, 0, 10, above=True, by=("rl2", "maml"))
    entropy_start: float = _memory("Weight of the entropy bonus at the start.", 0.02, 0, 1000)
    entropy_end: float = _memory("Weight of the entropy bonus at the budget's end; falls linearly.", 0.001, 0, 1000)
    value_weight: float = _memory("Weight of the value loss.", 0.5, 0, 1000)
    belief_weight: float = _memory("Weight of the belief loss.", 0.2, 0, 1000)
    max_gradient_norm: float = _setting("Gradients are scaled down to this norm.", 1.0, 0, 1e6, above=True)

    def __post_init__(self) -> None:
        def require(condition: bool, field: str, expected: str) -> None:
            if not condition:
                raise ConfigError(f"{field} is {shown(getattr(self, field))}, expected {expected}")

        for name, setting in settings().items():
            if setting.low is not None:
                require(setting.allows(getattr(self, name)), name, f"a number {setting.range}")
        by_memory = self.algorithm == "rl2"
        require(by_memory or not self.gradient, "gradient", f"False where algorithm is {self.algorithm!r}")
        corrects = self.memory == "lstm" and self.beliefs and not self.reveal
        require(corrects or not self.gradient, "gradient", "False where there are no beliefs to correct")
        require(self.memory in ("lstm", "none"), "memory", "'lstm' or 'none'")
        require(self.split in SPLITS, "split", "one of " + ", ".join(SPLITS))

    @property
    def role(self) -> str:
        """What the run's policy is in a report: "agent", "memoryless" or "oracle"."""
        if self.reveal:
            return "oracle"
        return "memoryless" if self.memory == "none" else "agent"

    @property
    def num_parallel(self) -> int:
        """What an update shares out among processes: games side by side, or tasks of a meta-batch."""
        return self.num_games if self.algorithm == "rl2" else self.meta_batch_size

    def episodes_of_trial(self, family: Family) -> int:
        """Episodes of a trial (K) of this run on its family."""
        usual = family.num_episodes if self.algorithm == "rl2" else self.num_rollouts * (self.inner_steps + 1)
        return self.num_episodes or usual

    def record_bytes(self, family: Family) -> int:
        """Memory that the record of one update takes, over all processes; weights and gradients come on top."""
        by_memory = self.algorithm == "rl2"
        per_step = 4 * (family.observation_size + 2 * family.num_actions + (6 if by_memory else 5))
        if by_memory:
            return per_step * self.num_games * family.num_seats * self.episodes_of_trial(family) * family.max_steps
        episodes = self.meta_batch_size * self.num_rollouts * (self.inner_steps + 1)
        return per_step * episodes * family.max_steps

    def as_dict(self) -> dict[str, Any]:
        """The fields as JSON-able values."""
        return asdict(self)


def make_config(family: Family, given: Mapping[str, Any]) -> TrainConfig:
    """Builds a config: ``given`` over the family's suggestions over the defaults.

    Suggestions in a table of their own, by an algorithm's name, are for that algorithm alone and go over the others.

    Args:
        family: The game.
        given: Field values by name; strings are parsed to the field's type.

    Raises:
        ConfigError: A misspelt field, a value of the wrong type or out of range, or a game that the algorithm cannot
            learn.
    """
    algorithm = parse_field("algorithm", given.get("algorithm", TrainConfig.algorithm))
    values: dict[str, Any] = {"family": family.name}
    try:
        values |= suggestions(family, algorithm)
    except ConfigError as error:
        raise ConfigError(f"family {family.name!r} suggests in its training table: {error}") from None
    values |= {name: parse_field(name, value) for name, value in given.items()}
    if algorithm != "rl2" and family.num_seats != 1:
        raise ConfigError(
            f"algorithm is {algorithm!r}, which learns games of one seat only, and {family.name!r} has "
            f"{family.num_seats}: set it to 'rl2'"
        )
    return TrainConfig(**values)


def suggestions(family: Family, algorithm: str) -> dict[str, Any]:
    """The fields that a family suggests for an algorithm; see `gameagent_games.recipes`.

    Raises:
        ConfigError: A misspelt field or a value of the wrong type.
        FamilyError: The family's ``train.toml`` cannot be read.
    """
    return {name: parse_field(name, value) for name, value in recipe(family, algorithm).items()}


def settings() -> dict[str, Setting]:
    """Every field's `Setting`, by name, in order."""
    return {one.name: one.metadata["setting"] for one in fields(TrainConfig)}


def parse_field(name: str, value: Any) -> Any:
    """Checks one field's value, and turns text such as "12M", "1e-3" or "true" into the field's type.

    Scalars of numpy are taken for what they hold.
    """
    types_by_name = get_type_hints(TrainConfig)
    if name not in types_by_name:
        raise ConfigError(
            f"no config field {shown(name)}; the fields are {', '.join(types_by_name)}; "
            "gameagent train --help-settings explains them"
        )
    wanted = types_by_name[name]
    if isinstance(value, np.generic | np.ndarray) and value.ndim == 0:
        value = value.item()
    if get_origin(wanted) is Literal:
        options = get_args(wanted)
        if isinstance(value, str) and value in options:
            return value
        raise ConfigError(f"{name}: got {shown(value)}, expected one of {', '.join(map(repr, options))}")
    try:
        if wanted is bool and isinstance(value, str):
            return {"true": True, "false": False}[value.lower()]
        if wanted is int and isinstance(value, str):
            return parse_count(value)
        if wanted is float and isinstance(value, str | int) and not isinstance(value, bool):
            return float(value)
    except (KeyError, ValueError, OverflowError):
        raise ConfigError(f"{name}: got {shown(value)}, expected {wanted.__name__}") from None
    if type(value) is not wanted:
        raise ConfigError(f"{name}: got {shown(value)}, expected {wanted.__name__}")
    return value


def shown(value: Any) -> str:
    """A value as it may stand in a message: short, whatever it is."""
    if isinstance(value, int) and value.bit_length() > 128:
        return f"a number of about {value.bit_length() * 0.30103:.0f} digits"
    if value is not None and not isinstance(value, str | int | float):
        return f"a {type(value).__name__}"
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _figure(number: float) -> str:
    """A bound: with commas, or as a power of ten or two where it is very large."""
    if number < 10**7:
        return f"{number:,.6g}" if number != int(number) else f"{int(number):,}"
    for base in (10, 2):
        power = round(math.log(number, base))
        if number in (base**power, base**power - 1):
            return f"{base}^{power}" + (" - 1" if number < base**power else "")
    return f"{number:,}"


def parse_count(text: str) -> int:
    """Reads "200k", "12M" or "12_000_000". Raises ValueError on anything else."""
    factor = {"k": 1_000, "m": 1_000_000}.get(text[-1:].lower(), 1)
    try:
        number = Decimal(text[:-1] if factor > 1 else text) * factor
        if abs(number) < 2**63 and number == int(number):
            return int(number)
    except ArithmeticError:  # no number, or not a finite one
        pass
    raise ValueError(f"{text!r} is not a whole number")


def read_config_file(path: Path) -> dict[str, Any]:
    """Reads config fields from a TOML file.

    Raises:
        ConfigError: The file is missing or not TOML.
    """
    try:
        with open_regular(path) as file:
            return tomllib.loads(file.read().decode())
    except OSError as error:
        raise ConfigError(f"cannot read the config file {path}: {reason_of(error)}") from None
    except RecursionError:
        raise ConfigError(f"{path} is not a config: it is nested too deeply") from None
    except ValueError as error:  # no TOML, no UTF-8, a number of thousands of digits, a path that cannot be one
        raise ConfigError(f"{path} is not valid TOML: {error}") from None
