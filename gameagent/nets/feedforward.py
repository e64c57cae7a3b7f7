"""A small policy without memory, as pure functions of a flat dict of named parameters: what gradient steps adapt.

Being a function of its parameters, of one task or of N side by side, it can be differentiated by ``torch.func``: see
`gameagent.inner_loop`. Actions are choices (categorical) or vectors (Gaussian with a learnt spread that does not
depend on the observation).
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor, nn

from gameagent.inner_loop import Parameters
from gameagent.nets.encoders import ObservationEncoder, encoded_size, make_encoder
from gameagent_games.interface import Feature

ILLEGAL_LOGIT = -1e9
MIN_LOG_STD = math.log(1e-6)
MIN_FEATURE_STD = 0.1  # of an observation's feature that is brought to deviation one; rare flags must not be blown up
LOG_SQRT_TWO_PI = 0.5 * math.log(2.0 * math.pi)


@dataclass(frozen=True)
class FeedforwardPolicy:
    """Shapes of a multi-layer perceptron with a head for actions. The parameters live with the caller.

    Attributes:
        observation_size: D.
        action_size: A: number of choices, or length of an action vector.
        actions: "categorical" or "gaussian".
        hidden_sizes: Widths of the hidden layers.
        activation: "relu" or "tanh".
        initial_std: Spread of a fresh Gaussian policy, in units of the actions.
        features: The parts of an observation, no grid among them; a policy that knows none reads its row as it is.
    """

    observation_size: int
    action_size: int
    actions: Literal["categorical", "gaussian"] = "categorical"
    hidden_sizes: tuple[int, ...] = (64, 64)
    activation: Literal["relu", "tanh"] = "relu"
    initial_std: float = 1.0
    features: tuple[Feature, ...] = ()

    @cached_property
    def encoder(self) -> ObservationEncoder | None:
        """What makes categories one-hot; it has no weights."""
        return make_encoder(self.features)

    def encoded(self, observations: Tensor) -> Tensor:
        """What the first layer reads of observations ``(…, D)``."""
        return observations if self.encoder is None else self.encoder(observations)

    @property
    def head(self) -> tuple[str, ...]:
        """Names of the head's parameters: all that adapts if ``head_only`` (ANIL) is set."""
        return ("head_weight", "head_bias", "head_log_std")[: 3 if self.actions == "gaussian" else 2]

    def initial_parameters(self, generator: torch.Generator) -> Parameters:
        """Fresh parameters by name, float32: He-normal hidden layers, a small head, zero biases but for a first tanh's.

        Those spread where its units bend over the observations, so that a gradient step may change what is done in
        one place without changing it everywhere.

        ``body_<layer>_weight`` ``(out, in)`` and ``body_<layer>_bias`` ``(out,)``; ``head_weight``, ``head_bias``, and
        for a Gaussian policy ``head_log_std`` ``(A,)``.
        """
        params: Parameters = {}
        num_inputs = encoded_size(self.features) if self.features else self.observation_size
        for layer, width in enumerate(self.hidden_sizes):
            weight = torch.randn(width, num_inputs, generator=generator)
            params[f"body_{layer}_weight"] = weight * math.sqrt(2.0 / num_inputs)
            spread = layer == 0 and self.activation == "tanh"
            params[f"body_{layer}_bias"] = torch.randn(width, generator=generator) if spread else torch.zeros(width)
            num_inputs = width
        params["head_weight"] = torch.randn(self.action_size, num_inputs, generator=generator) * 0.1 / num_inputs**0.5
        params["head_bias"] = torch.zeros(self.action_size)
        if self.actions == "gaussian":
            params["head_log_std"] = torch.full((self.action_size,), math.log(self.initial_std))
        return params

    def whitened(self, params: Parameters, observations: Tensor) -> Parameters:
        """The parameters whose outputs are what ``params`` gives for observations of mean zero and deviation one.

        Mean and deviation are folded into the first layer.

        Args:
            params: Of one task.
            observations: ``(B, D)``, to take them from. A feature that hardly varies is centred, but left at its scale.
        """
        first = "body_0" if self.hidden_sizes else "head"
        weight, bias = params[f"{first}_weight"], params[f"{first}_bias"]
        std, mean = torch.std_mean(self.encoded(observations), 0, correction=0)
        weight = weight / torch.where(std > MIN_FEATURE_STD, std, 1.0)
        return params | {f"{first}_weight": weight, f"{first}_bias": bias - weight @ mean}

    def outputs(self, params: Parameters, observations: Tensor) -> Tensor:
        """The head's outputs ``(…, A)`` for observations ``(…, D)``: logits, or the means of a Gaussian.

        Also the regression network of supervised tasks. Parameters ``(N, …)`` of N tasks, all of them, go with
        ``(N, B, …, D)``.
        """
        by_task = params["head_bias"].dim() > 1
        features = self.encoded(observations)
        features = features.flatten(1, -2) if by_task else features
        bend = torch.relu if self.activation == "relu" else torch.tanh
        for layer in range(len(self.hidden_sizes)):
            features = bend(_affine(params[f"body_{layer}_weight"], params[f"body_{layer}_bias"], features))
        outputs = _affine(params["head_weight"], params["head_bias"], features)
        return outputs.reshape(*observations.shape[:-1], self.action_size) if by_task else outputs

    def log_probs(self, params: Parameters, observations: Tensor, actions: Tensor, legal_actions: Tensor) -> Tensor:
        """Log-probabilities (densities for vectors) of actions.

        Args:
            params: As `initial_parameters` names them; ``(N, …)`` if the first of the axes below is of N tasks.
            observations: ``(…, D)``.
            actions: int64 ``(…)`` of choices, or float ``(…, A)``.
            legal_actions: bool ``(…, A)``; ``(…, 0)`` if every action is legal.

        Returns:
            ``(…)``.
        """
        outputs = self.outputs(params, observations)
        if self.actions == "gaussian":
            log_std = self.bounded_log_std(params["head_log_std"])
            if log_std.dim() > 1:
                log_std = log_std.reshape(len(log_std), *(1,) * (outputs.dim() - 2), -1)
            deviation = (actions - outputs) * torch.exp(-log_std)
            return -0.5 * (deviation * deviation).sum(-1) - (log_std + LOG_SQRT_TWO_PI).sum(-1)
        logits = torch.log_softmax(_legal(outputs, legal_actions), -1)
        return logits.gather(-1, actions.unsqueeze(-1)).squeeze(-1)

    @staticmethod
    def bounded_log_std(log_std: Tensor) -> Tensor:
        """Logarithm of a spread that densities can still be taken of."""
        return log_std.clamp(min=MIN_LOG_STD)

    def noise(self, num_rows: int, generator: torch.Generator) -> Tensor:
        """What one action of each of ``num_rows`` rows is drawn with, float32 ``(num_rows, A)``: see `sample`."""
        draw = torch.randn if self.actions == "gaussian" else torch.rand
        return draw(num_rows, self.action_size, generator=generator)

    @torch.no_grad()
    def sample(
        self, params_by_task: Parameters, observations: Tensor, legal_actions: Tensor, noise: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Draws an action for every row of every task.

        Args:
            params_by_task: ``(N, …)`` each.
            observations: ``(N, B, D)``.
            legal_actions: bool ``(N, B, A)``; ``(N, B, 0)`` if every action is legal.
            noise: As `noise` gives it, ``(N, B, A)``.

        Returns:
            Actions, int64 ``(N, B)`` or float ``(N, B, A)``, and their log-probabilities ``(N, B)``.
        """
        outputs = self.outputs(params_by_task, observations)
        if self.actions == "gaussian":
            std = self.bounded_log_std(params_by_task["head_log_std"]).exp().unsqueeze(1)
            log_probs = -0.5 * noise.square().sum(-1) - (std.log() + LOG_SQRT_TWO_PI).sum(-1)
            return outputs + std * noise, log_probs
        logits = torch.log_softmax(_legal(outputs, legal_actions), -1)
        actions = (logits - torch.log(-torch.log(noise.clamp(min=1e-10)))).argmax(-1)  # the Gumbel-max trick
        return actions, logits.gather(-1, actions.unsqueeze(-1)).squeeze(-1)


def _affine(weight: Tensor, bias: Tensor, x: Tensor) -> Tensor:
    """A linear layer of one task, or of N tasks on ``(N, B, in)``."""
    if weight.dim() == 2:
        return nn.functional.linear(x, weight, bias)
    return torch.baddbmm(bias.unsqueeze(1), x, weight.mT)


def _legal(logits: Tensor, legal_actions: Tensor) -> Tensor:
    return torch.where(legal_actions, logits, ILLEGAL_LOGIT) if legal_actions.shape[-1] else logits
