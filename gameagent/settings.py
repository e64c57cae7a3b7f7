"""Settings of a run: what each one means, which values it takes, and how they are read from text."""

import math
import tomllib
from dataclasses import MISSING, dataclass, field, fields
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, get_args, get_origin, get_type_hints

import numpy as np

from gameagent.errors import ConfigError
from gameagent_sdk.regular_file import open_regular, reason_of

if TYPE_CHECKING:
    from gameagent.config import TrainConfig


@dataclass(frozen=True)
class Setting:
    """What a field of a config means and which values it takes; stored in the field's metadata.

    Attributes:
        meaning: A sentence for a person; it says what 0 stands for if 0 is special.
        low: Smallest number; None for fields that are not numbers.
        high: Largest number that anybody can mean.
        above: Whether ``low`` itself is excluded.
    """

    meaning: str
    low: float | None = None
    high: float | None = None
    above: bool = False

    def allows(self, value: float) -> bool:
        """Whether a number is in range."""
        if self.low is None or self.high is None:
            return True
        return (self.low < value if self.above else self.low <= value) and value <= self.high  # False for NaN

    @property
    def range(self) -> str:
        """The numbers it takes, such as "from 1 to 4,096"; empty for fields that are not numbers."""
        if self.low is None or self.high is None:
            return ""
        low, high = _figure(self.low), _figure(self.high)
        return f"above {low}, at most {high}" if self.above else f"from {low} to {high}"


def setting(
    meaning: str,
    default: Any = MISSING,
    low: float | None = None,
    high: float | None = None,
    *,
    above: bool = False,
) -> Any:
    """A dataclass field with its `Setting`."""
    return field(default=default, metadata={"setting": Setting(meaning, low, high, above)})


@dataclass(frozen=True)
class SettingField:
    """One setting of a config class.

    Attributes:
        name: The field's name.
        kind: Its type: int, float, bool or str.
        options: What a text may be; empty for any text.
        default: What it is if nobody says otherwise; `dataclasses.MISSING` if somebody has to.
        setting: Its meaning and range.
    """

    name: str
    kind: type
    options: tuple[str, ...]
    default: Any
    setting: Setting

    def parse(self, value: Any) -> Any:
        """Checks a value's type, and turns text such as "12M", "1e-3" or "true" into it.

        numpy scalars are taken for the Python numbers they hold.

        Raises:
            ConfigError: The value has another type, or the text cannot be read.
        """
        kind = self.kind
        if isinstance(value, np.generic | np.ndarray) and value.ndim == 0:
            value = value.item()
        if self.options:
            if isinstance(value, str) and value in self.options:
                return value
            raise ConfigError(f"{self.name}: got {shown(value)}, expected one of {', '.join(map(repr, self.options))}")
        try:
            if kind is bool and isinstance(value, str):
                return {"true": True, "false": False}[value.lower()]
            if kind is int and isinstance(value, str):
                return parse_count(value)
            if kind is float and isinstance(value, str | int) and not isinstance(value, bool):
                return float(value)
        except (KeyError, ValueError, OverflowError):
            raise ConfigError(f"{self.name}: got {shown(value)}, expected {kind.__name__}") from None
        if type(value) is not kind:
            raise ConfigError(f"{self.name}: got {shown(value)}, expected {kind.__name__}")
        return value


def settings_of(config: type) -> dict[str, SettingField]:
    """The settings of a config class by name, in order."""
    found, types = {}, get_type_hints(config)
    for one in fields(config):
        if "setting" in one.metadata:
            kind = types[one.name]
            options = get_args(kind) if get_origin(kind) is Literal else ()
            found[one.name] = SettingField(
                one.name, str if options else kind, options, one.default, one.metadata["setting"]
            )
    return found


def require_ranges(config: Any) -> None:
    """Checks every setting of a config instance.

    Raises:
        ConfigError: A number is out of range, or a choice is not one of the options.
    """
    for name, one in settings_of(type(config)).items():
        value, setting = getattr(config, name), one.setting
        if setting.low is not None and not setting.allows(value):
            raise ConfigError(f"{name} is {shown(value)}, expected a number {setting.range}")
        if one.options and value not in one.options:
            raise ConfigError(f"{name} is {shown(value)}, expected one of {', '.join(one.options)}")


@dataclass(frozen=True)
class MethodConfig:
    """The settings that one way of learning adds to the shared ones; see `gameagent.methods.interface.Method`."""

    def __post_init__(self) -> None:
        require_ranges(self)

    @classmethod
    def of(cls, config: "TrainConfig") -> Self:
        """A run's own settings, as those of this class.

        Raises:
            TypeError: The run learns by another method.
        """
        if not isinstance(config.own, cls):
            raise TypeError(f"a run of {config.algorithm} has {type(config.own).__name__}, not {cls.__name__}")
        return config.own


def shown(value: Any) -> str:
    """A value as it may stand in a message: short, whatever it is."""
    if isinstance(value, int) and value.bit_length() > 128:
        return f"a number of about {value.bit_length() * 0.30103:.0f} digits"
    if value is not None and not isinstance(value, str | int | float):
        return f"a {type(value).__name__}"
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _figure(number: float) -> str:
    """A bound: with commas, or as a power of ten or two if it is very large."""
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
    except ArithmeticError:  # not a number, or not a finite one
        pass
    raise ValueError(f"{text!r} is not a whole number")


def read_config_file(path: Path) -> dict[str, Any]:
    """Reads settings from a TOML file.

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
    except ValueError as error:  # not TOML, not UTF-8, a number of thousands of digits, an impossible path
        raise ConfigError(f"{path} is not valid TOML: {error}") from None
