"""What a way of learning consists of: the one place that the rest of the house asks about it.

A method is a folder in `gameagent.methods` and a line in `registry.py`. Its `Method` is light: torch is imported by
the functions that need it, so settings can be explained, and configs read, at once.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Generic, NamedTuple, Protocol, TypeVar

from gameagent.errors import ConfigError
from gameagent.settings import MethodConfig
from gameagent_games.failures import Failure
from gameagent_games.interface import Family
from gameagent_games.variants.curriculum import VariantSource

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from gameagent.config import TrainConfig
    from gameagent.nets.interface import PolicyNetwork
    from gameagent.playing.buffer import Rollout
    from gameagent.workers import Workers
    from gameagent_sdk import Bundle, Manifest
    from gameagent_sdk.authoring import GradientSpec
    from gameagent_sdk.backends import BackendName

PolicyT = TypeVar("PolicyT", bound="PolicyNetwork")
"""The policy that a method trains."""

Calibration = Mapping[str, float]
"""Numbers by name that an export needs of a trained policy and that playing many episodes measures."""


class Update(NamedTuple):
    """What one update did, over all processes.

    Attributes:
        num_steps: Decisions taken.
        returns: Mean return over the trials that were not informed, empty if all were: by episode index, or by number
            of gradient steps taken (see `Curve`).
        informed_returns: The same over the informed trials; empty if there were none.
        metrics: Losses and diagnostics for the log; seconds are this process's.
        failures: What failed in this process's games.
    """

    num_steps: int
    returns: tuple[float, ...]
    informed_returns: tuple[float, ...]
    metrics: dict[str, float]
    failures: Sequence[Failure] = ()


class Learner(Protocol):
    """Plays and learns, one update at a time.

    Nothing random is carried from update to update: a learner draws from the run's seed and the update's number, for
    all games of the run, of which its process plays a share. Everything that is carried is in the policy, in the
    optimizer and in the source's state, and equal in all processes.

    Attributes:
        policy: The policy that learns.
        optimizer: Of all parameters that are learnt.
        source: Of the variants that training plays.
    """

    policy: "PolicyNetwork"
    optimizer: "torch.optim.Optimizer"
    source: VariantSource

    def update(self, number: int, done: float) -> Update:
        """Takes one update of the outer loop.

        Args:
            number: Updates before it.
            done: Share of the budget that is spent, 0 to 1.
        """

    def close(self) -> None:
        """Releases the games."""


class GradientSteps(Protocol):
    """The gradient steps that a trained policy takes between episodes, as its file carries them."""

    def spec(self, calibration: Calibration) -> "GradientSpec":
        """How the runtime takes the steps.

        Args:
            calibration: As `Method.calibrate` measured it.
        """

    def initial_weights(self) -> "dict[str, Tensor]":
        """Each adapting weight at a trial's start, in one row's shape, by name."""

    def trace(self, manifest: "Manifest") -> bytes:
        """The steps as a serialised ONNX model, named as `gameagent_sdk.authoring.adaptation_inputs` says."""

    def largest_difference(self, bundle: "Bundle", rollout: "Rollout", engine: "BackendName") -> float:
        """Takes steps in torch and with the file, and gives the largest difference of a weight.

        Of a tensor whose largest weight is more than one, differences are divided by that weight.

        Args:
            bundle: The file.
            rollout: Trials of the policy, to learn from.
            engine: The SDK's backend.
        """


@dataclass(frozen=True)
class Curve:
    """What the training returns of a method are counted by.

    Attributes:
        by: The unit, as the title of a table: "episode of a trial".
        brief: The same in a line of text.
        first: Number of the first entry.
        trials: What the trials are called that were not informed.
    """

    by: str
    brief: str
    first: int
    trials: str


class Method(ABC, Generic[PolicyT]):
    """One way of learning.

    Attributes:
        name: What ``algorithm`` calls it.
        summary: How it learns, after its name: "learns by memory".
        config: Its own settings.
        sizes: The settings that make an update large, the one to lower first in front.
        curve: What its training returns are counted by.
        trains_on_gpu: Whether its learner keeps to `learning.training_device`.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    config: ClassVar[type[MethodConfig]]
    sizes: ClassVar[tuple[str, ...]]
    curve: ClassVar[Curve]
    trains_on_gpu: ClassVar[bool] = False

    # -- the config --

    def check(self, config: "TrainConfig", family: Family) -> None:  # a method that can learn any game
        """Checks that settings go together, and that the method can learn a game.

        Raises:
            ConfigError: They do not, or it cannot.
        """

    def role(self, config: "TrainConfig") -> str:
        """What a run's policy is in a report, if the rules are hidden: "agent" or "memoryless"."""
        return "agent"

    @abstractmethod
    def usual_episodes(self, config: "TrainConfig", family: Family) -> int:
        """Episodes of a trial (K) if the config does not say."""

    @abstractmethod
    def horizon(self, config: "TrainConfig", family: Family) -> int:
        """How far credit must reach, in steps."""

    def settled(self, config: "TrainConfig", family: Family) -> "TrainConfig":  # most settings are what they say
        """The config with numbers in place of settings that follow from the game and the budget."""
        return config

    @abstractmethod
    def num_parallel(self, config: "TrainConfig") -> int:
        """What an update shares out among processes: games side by side, or tasks of a meta-batch."""

    @abstractmethod
    def record_bytes(self, config: "TrainConfig", family: Family) -> int:
        """Memory that the record of one update takes at least, over all processes.

        What longer episodes take, weights and gradients come on top: a record that outgrows the machine raises
        MemoryError when it does.
        """

    @abstractmethod
    def baselines(self, config: "TrainConfig", family: Family, given: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """The settings of the runs that a run is compared with, by role: "memoryless" and "oracle".

        They have the same budget and trials of the same length.

        Args:
            config: The agent's config.
            family: Its family.
            given: The settings that were asked for, from which the agent's config was made.
        """

    # -- training --

    @abstractmethod
    def make_policy(self, config: "TrainConfig", family: Family) -> PolicyT:
        """A policy with fresh weights from torch's global generator."""

    @abstractmethod
    def make_learner(self, config: "TrainConfig", family: Family, workers: "Workers") -> Learner:
        """A learner with a fresh policy.

        Args:
            config: The run's config.
            family: Its family, with all rules shown if ``config.reveal``.
            workers: This process among the run's processes.
        """

    def calibrate(self, policy: PolicyT, config: "TrainConfig", family: Family) -> Calibration:
        """Measures what an export needs, by playing training variants; called once, when training ends."""
        return {}

    # -- export --

    @abstractmethod
    def step(self, policy: PolicyT) -> "nn.Module":
        """One step in primitive operators.

        Takes the tensors of `gameagent_sdk.authoring.step_inputs` in their order, gives those of ``step_outputs``.
        """

    def gradient_steps(self, policy: PolicyT, config: "TrainConfig", family: Family) -> GradientSteps | None:
        """The gradient steps that the policy takes between episodes; None if it takes none."""
        return None

    def require_engine_step(self, policy: PolicyT) -> None:  # most policies have one
        """Checks that a policy without its gradient steps is worth a file for a game engine.

        Raises:
            ExportError: It learns by gradient steps alone.
        """


def require_one_seat(name: str, family: Family) -> None:
    """Raises ConfigError unless a game has one seat."""
    if family.num_seats != 1:
        raise ConfigError(
            f"algorithm is {name!r}, which learns games of one seat only, and {family.name!r} has "
            f"{family.num_seats}: choose another"
        )
