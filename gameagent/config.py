"""Everything that a run depends on, in one flat frozen dataclass."""

import math
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from gameagent.errors import ConfigError
from gameagent_games.interface import Family
from gameagent_games.variant import SPLITS, Split

_COUNTS = (
    "steps", "inner_steps", "num_rollouts", "meta_batch_size", "hidden_size", "num_games", "num_epochs",
    "num_minibatches",
)  # fmt: skip
_NOT_NEGATIVE = (
    "seed", "num_episodes", "num_processes", "entropy_start", "entropy_end", "value_weight", "belief_weight",
)  # fmt: skip


@dataclass(frozen=True)
class TrainConfig:
    """Config of one run. A family's own suggestions (`Family.training`) replace the defaults below.

    Fields in brackets matter to these algorithms only.

    Attributes:
        family: Registered name, or "package.module:NAME".
        seed: Seed of everything random.
        algorithm: "rl2" learns by memory (`algorithms/rl2.py`); "maml" and "reptile" by gradient steps between
            episodes, for games of one seat.
        steps: Budget in decisions of acting seats, over all processes.
        split: Split of the variant space that training draws from.
        num_episodes: Episodes of a trial (K); 0 for the family's number, or for as many as all gradient steps and the
            return behind them take (maml, reptile).
        memory: "lstm" for Meta-LSTM, "none" for a memoryless policy (rl2).
        beliefs: Whether a belief head predicts the hidden rules and the policy acts on it (rl2).
        gradient: Whether gradient steps correct the belief after each episode: memory and gradient (rl2).
        inner_lr: Step size of the inner loop's gradient steps; where it is learnt, at the start.
        inner_steps: Gradient steps after an episode; in turn, each on episodes of its own (maml, reptile).
        num_rollouts: Episodes that a gradient step learns from (maml, reptile).
        meta_batch_size: Tasks of an update, over all processes (maml, reptile).
        first_order: Whether inner gradients are taken for constants: FOMAML (maml).
        head_only: Whether the head alone adapts: ANIL (maml, reptile).
        learn_step_sizes: Whether each parameter's step size is learnt: Meta-SGD (maml).
        standardise: Whether each task's advantages are brought to mean zero and deviation one (maml, reptile).
        polyak: Whether a gradient step is as long as a task's return is far from the best seen, and the gradient says
            its direction alone: for games whose returns say how far off a policy is (maml, reptile).
        reveal: Whether all rules are shown: the oracle.
        hidden_size: Width of the recurrent layer and of the other hidden layers (H).
        num_games: Games side by side, over all processes (rl2).
        num_processes: Training processes; 0 for one per core. Under torchrun its world size is used.
        told_share: Share of trials, at the start, in which the true rules stand in for the belief (rl2).
        told_until: Part of the budget after which no trial is told any more; the share falls linearly.
        discount: gamma, per step; also across the ends of episodes (rl2).
        gae_lambda: lambda of generalised advantage estimation.
        reward_scale: Factor on rewards in the loss, so that values are of order one (rl2).
        learning_rate: Adam's step size at the start; falls linearly to a tenth at the budget's end.
        num_epochs: Passes over each batch of trials (rl2), outer steps on each meta-batch (maml).
        num_minibatches: Gradient steps of one pass; each takes whole trials (rl2).
        clip_ratio: PPO's clipping of the probability ratio (rl2, maml).
        entropy_start: Weight of the entropy bonus at the start (rl2).
        entropy_end: Weight at the budget's end; falls linearly (rl2).
        value_weight: Weight of the value loss (rl2).
        belief_weight: Weight of the belief loss (rl2).
        max_gradient_norm: Gradients are scaled down to this norm.
    """

    family: str
    algorithm: Literal["rl2", "maml", "reptile"] = "rl2"
    seed: int = 0
    steps: int = 12_000_000
    split: Split = "train"
    num_episodes: int = 0
    memory: Literal["lstm", "none"] = "lstm"
    beliefs: bool = True
    gradient: bool = False
    inner_lr: float = 0.1
    inner_steps: int = 3
    num_rollouts: int = 20
    meta_batch_size: int = 20
    first_order: bool = False
    head_only: bool = False
    learn_step_sizes: bool = True
    standardise: bool = True
    polyak: bool = False
    reveal: bool = False
    hidden_size: int = 64
    num_games: int = 512
    num_processes: int = 0
    told_share: float = 0.5
    told_until: float = 0.5
    discount: float = 0.95
    gae_lambda: float = 0.95
    reward_scale: float = 1.0
    learning_rate: float = 2e-3
    num_epochs: int = 2
    num_minibatches: int = 4
    clip_ratio: float = 0.2
    entropy_start: float = 0.02
    entropy_end: float = 0.001
    value_weight: float = 0.5
    belief_weight: float = 0.2
    max_gradient_norm: float = 1.0

    def __post_init__(self) -> None:
        def require(condition: bool, field: str, expected: str) -> None:
            if not condition:
                raise ConfigError(f"{field} is {getattr(self, field)!r}, expected {expected}")

        for field in _COUNTS:
            require(getattr(self, field) >= 1, field, "at least 1")
        for field in _NOT_NEGATIVE:
            require(0 <= getattr(self, field) < math.inf, field, "a finite number of at least 0")
        for field in ("told_share", "told_until", "discount", "gae_lambda"):
            require(0.0 <= getattr(self, field) <= 1.0, field, "a number from 0 to 1")
        for field in ("reward_scale", "inner_lr", "learning_rate", "clip_ratio", "max_gradient_norm"):
            require(0.0 < getattr(self, field) < math.inf, field, "a finite number above 0")
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
    common = {name: value for name, value in family.training.items() if not isinstance(value, Mapping)}
    values: dict[str, Any] = {"family": family.name}
    for source in (common, family.training.get(algorithm, {}), given):
        for name, value in source.items():
            values[name] = parse_field(name, value)
    if algorithm != "rl2" and family.num_seats != 1:
        raise ConfigError(
            f"algorithm is {algorithm!r}, which learns games of one seat only, and {family.name!r} has "
            f"{family.num_seats}: set it to 'rl2'"
        )
    return TrainConfig(**values)


def parse_field(name: str, value: Any) -> Any:
    """Checks one field's value, and turns text such as "12M", "1e-3" or "true" into the field's type."""
    types_by_name = get_type_hints(TrainConfig)
    if name not in types_by_name:
        raise ConfigError(f"no config field {name!r}; the fields are {', '.join(f.name for f in fields(TrainConfig))}")
    wanted = types_by_name[name]
    if get_origin(wanted) is Literal:
        options = get_args(wanted)
        if value in options:
            return value
        raise ConfigError(f"{name}: got {value!r}, expected one of {', '.join(map(repr, options))}")
    try:
        if wanted is bool and isinstance(value, str):
            return {"true": True, "false": False}[value.lower()]
        if wanted is int and isinstance(value, str):
            return parse_count(value)
        if wanted is float and isinstance(value, str | int) and not isinstance(value, bool):
            return float(value)
    except (KeyError, ValueError):
        raise ConfigError(f"{name}: got {value!r}, expected {wanted.__name__}") from None
    if type(value) is not wanted:
        raise ConfigError(f"{name}: got {value!r}, expected {wanted.__name__}")
    return value


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
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read the config file {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not valid TOML: {error}") from None
