"""A policy that learns by gradient steps alone: what MAML and Reptile train, beside its inner loop's step sizes."""

from typing import Any, Literal

import torch
from torch import Tensor, nn

from gameagent.config import TrainConfig
from gameagent.inner_loop import Parameters, StepSizes, constant_step_sizes
from gameagent.methods.gradient.config import GradientConfig
from gameagent.nets.cores.state import HiddenState
from gameagent.nets.distribution import ActionParams
from gameagent.nets.feedforward import FeedforwardPolicy
from gameagent.nets.interface import Inputs, Outputs, PolicyNetwork, PolicySpec
from gameagent_games.interface import Family
from gameagent_sdk.authoring import AdvantageSpec

INITIAL_STD = 0.5  # of a fresh policy's continuous actions, in half sides of their box


def make_gradient_policy(config: TrainConfig, family: Family) -> "GradientPolicy":
    """A policy that adapts by gradient steps alone, with fresh weights from torch's global generator."""
    own = GradientConfig.of(config)
    spec = PolicySpec.of(family, config.episodes_of_trial(family), beliefs=False)
    return GradientPolicy(spec, config.hidden_size, own.inner_lr, head_only=own.head_only)


class GradientPolicy(PolicyNetwork):
    """Two tanh layers and a head, without memory or critic. Continuous actions are scaled to -1 … 1 over their box.

    Tanh, since a step learnt in one place must not grow without bound in another: ReLU's features, and with them its
    gradient steps, grow with the distance from where they bend.

    Attributes:
        spec: What it knows of its game.
        best_return: The mean return that an average task can come to by gradient steps, a moving estimate, or
            the best of the first episodes; float64, as those below.
        pre_adaptation_return: Return of an episode before any gradient step, a moving average.
        best_slope: How much the former grows if the latter is larger by one.
        adapted_return: Of an episode at each task's best, a moving average.
        return_covariance: Of both over tasks, ``(2, 2)``, a moving average.
        network: Its shapes; a function of `initialisation`.
    """

    def __init__(self, spec: PolicySpec, hidden_size: int, inner_lr: float, *, head_only: bool = False) -> None:
        """Fresh weights from torch's global generator.

        Args:
            spec: Of the game.
            hidden_size: Width of both hidden layers.
            inner_lr: Step size of every number that adapts, to start with.
            head_only: Whether the head alone adapts.
        """
        super().__init__()
        self.spec = spec
        kind: Literal["categorical", "gaussian"] = "categorical" if spec.box is None else "gaussian"
        self.network = FeedforwardPolicy(
            spec.observation_size,
            spec.num_actions,
            kind,
            (hidden_size, hidden_size),
            "tanh",
            INITIAL_STD,
            spec.features,
        )
        weights = self.network.initial_parameters(torch.default_generator)
        self.weights = nn.ParameterDict(weights)
        self.best_return: Tensor
        self.pre_adaptation_return: Tensor
        self.best_slope: Tensor
        self.adapted_return: Tensor
        self.return_covariance: Tensor
        for name, start in (
            ("best_return", 1.0),
            ("pre_adaptation_return", 0.0),
            ("best_slope", 0.0),
            ("adapted_return", 1.0),
        ):
            self.register_buffer(name, torch.tensor(start, dtype=torch.float64))
        self.register_load_state_dict_pre_hook(_renamed)  # type: ignore[no-untyped-call]
        self.register_buffer("return_covariance", torch.zeros(2, 2, dtype=torch.float64))
        adapting = self.network.head if head_only else None
        self.learnt_step_sizes = nn.ParameterDict(constant_step_sizes(weights, inner_lr, adapting))
        if spec.box is not None:
            low, high = torch.tensor(spec.box.low), torch.tensor(spec.box.high)
            self.box_middle, self.box_half = (low + high) / 2, (high - low) / 2

    @property
    def initialisation(self) -> Parameters:
        """The weights that every task starts from (theta)."""
        return dict(self.weights.items())

    @property
    def step_sizes(self) -> StepSizes:
        """By name of each weight that adapts (alpha)."""
        return dict(self.learnt_step_sizes.items())

    def advantages(self, config: TrainConfig) -> AdvantageSpec:
        """How its gradient steps judge episodes."""
        best, before = float(self.best_return), float(self.pre_adaptation_return)
        own = GradientConfig.of(config)
        compared = (best, before, float(self.best_slope)) if own.return_scaled_steps and best > before else ()
        return AdvantageSpec(config.discount, config.gae_lambda, own.standardise, *compared)

    @torch.no_grad()
    def remember(self, means: Tensor, covariance: Tensor, rate: float) -> None:
        """Takes in what tasks returned before any gradient step, and at their best: what later steps aim at.

        The best return is predicted from the first by a line over tasks. It lies above the line by a share of the gain
        that the line predicts, in an average task by one deviation of what the line leaves unexplained. So tasks
        that can come to more aim at more, one lucky task moves little, and an estimate that was too high comes down.

        Args:
            means: Of both over an update's tasks, ``(2,)``.
            covariance: Of both, ``(2, 2)``.
            rate: How much this update counts in the moving averages, above 0, at most 1.
        """
        self.pre_adaptation_return += rate * (means[0] - self.pre_adaptation_return)
        self.adapted_return += rate * (means[1] - self.adapted_return)
        self.return_covariance += rate * (covariance - self.return_covariance)
        (spread, shared), (_, best_spread) = self.return_covariance
        slope = shared / spread if spread > 0.0 else torch.zeros_like(shared)
        unexplained = (best_spread - slope * shared).clamp(min=0.0).sqrt()
        gain = self.adapted_return - self.pre_adaptation_return
        self.best_slope.copy_(slope - unexplained / gain * (1.0 - slope) if gain > 0.0 else slope)
        self.best_return.copy_(self.adapted_return + unexplained)

    @torch.no_grad()
    def whiten(self, observations: Tensor) -> None:
        """Brings fresh weights to the scale of observations ``(B, D)``; see `FeedforwardPolicy.whitened`."""
        for name, weight in self.network.whitened(self.initialisation, observations).items():
            self.weights[name].copy_(weight)

    def forward(self, inputs: Inputs, hidden_state: HiddenState) -> tuple[Outputs, HiddenState]:
        """Runs T steps from the initial weights; see `AgentNetwork.forward`."""
        raw = self.network.outputs(self.initialisation, inputs.observation)
        params = self.action_params(raw, self.weights.get("head_log_std"), inputs.legal_actions)
        nothing = inputs.observation[..., :0]
        return Outputs(params, nothing, nothing), hidden_state

    def action_params(self, raw: Tensor, log_std: Tensor | None, legal_actions: Tensor | None) -> ActionParams:
        """What actions are drawn by, in the game's units; see `distribution.ActionParams`.

        Args:
            raw: The head's outputs, ``(…, A)``.
            log_std: Of scaled actions, in a shape that fits ``raw``; None for choices.
            legal_actions: bool ``(…, A)``, or None if all are legal.
        """
        if log_std is None:
            return self.spec.distribution.params(raw, legal_actions)
        spread = self.network.bounded_log_std(log_std) + self.box_half.log()
        return self.box_middle + self.box_half * raw, spread.expand_as(raw)


def _renamed(module: nn.Module, state_dict: dict[str, Any], prefix: str, *_: Any) -> None:
    """Reads a checkpoint of an earlier version, which has another name for the return before adaptation."""
    if (earlier := f"{prefix}usual_return") in state_dict:
        state_dict[f"{prefix}pre_adaptation_return"] = state_dict.pop(earlier)
