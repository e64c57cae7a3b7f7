"""The distributions that policies draw actions from: choices (categorical) or vectors in a box (Gaussian).

All that depends on the kind of action is here; rollouts and objectives handle both alike.
"""

import math
from typing import Protocol

import torch
from torch import Tensor, nn

from gameagent_games.interface import Box

ActionParams = tuple[Tensor, ...]
"""What a distribution is given by, in the order of the exported step's first outputs, each ``(…, A)``: normalised
log-probabilities of choices; or mean and log of the standard deviation of a Gaussian, in the box's units."""

ILLEGAL_LOGIT = -1e9
LARGEST_STD, SMALLEST_STD, INITIAL_STD = 1.0, 1e-2, 0.5  # shares of half the box's width
LOG_SQRT_TWO_PI = 0.5 * math.log(2.0 * math.pi)


class ActionDistribution(Protocol):
    """How a policy's raw outputs become actions.

    Attributes:
        num_outputs: Raw outputs that the actor has to give (P).
        num_components: Parts of an action that are drawn each by itself; divergences add up over them.
    """

    num_outputs: int
    num_components: int

    def initialise(self, actor: nn.Linear) -> None:
        """Sets the weights of a fresh actor ``F -> P`` so that it tries everything."""
        ...

    def params(self, raw: Tensor, legal_actions: Tensor | None) -> ActionParams:
        """The parameters for the actor's outputs ``(…, P)``, and bool ``(…, A)`` or None if all are legal."""
        ...

    def log_probs(self, params: ActionParams, actions: Tensor) -> Tensor:
        """Log-probabilities ``(…)``, or log-densities, of actions as `sample` gives them."""
        ...

    def entropy(self, params: ActionParams) -> Tensor:
        """Entropy in nats ``(…)``; of vectors the differential one in the box's units, which may be negative."""
        ...

    def evenness(self, params: ActionParams) -> Tensor:
        """What is rewarded for the sake of exploring, in nats ``(…)``: the more evenly actions are drawn, the more."""
        ...

    def noise(self, num_rows: int, generator: torch.Generator) -> Tensor:
        """What one action of each of ``num_rows`` rows is drawn with, float32 ``(num_rows, A)``.

        It is apart from `sample` so that noise can be drawn for all rows of a run, and used for a part of them; and on
        the CPU, so that it is the same wherever the policy is.
        """
        ...

    def sample(self, params: ActionParams, noise: Tensor) -> Tensor:
        """One action for each row of parameters ``(B, A)``, from the row's `noise` ``(B, A)``."""
        ...

    def no_actions(self, *shape: int, device: torch.device) -> Tensor:
        """Zeros that hold actions as `sample` gives them, for leading axes of ``shape``."""
        ...

    def as_input(self, actions: Tensor) -> Tensor:
        """Actions as the next step's input sees them, float32 ``(…, A)``."""
        ...


class Categorical(nn.Module):
    """One of A actions; an action is an int64 number."""

    _one_hot: Tensor  # float32 (A, A)

    def __init__(self, num_actions: int) -> None:
        super().__init__()
        self.num_actions = self.num_outputs = num_actions
        self.num_components = 1
        self.register_buffer("_one_hot", torch.eye(num_actions), persistent=False)

    def initialise(self, actor: nn.Linear) -> None:
        """Makes all actions almost equally likely."""
        nn.init.orthogonal_(actor.weight, 0.01)

    def params(self, raw: Tensor, legal_actions: Tensor | None) -> ActionParams:
        """Log-probabilities: a softmax over the legal actions."""
        if legal_actions is not None:
            raw = torch.where(legal_actions, raw, ILLEGAL_LOGIT)
        return (torch.log_softmax(raw, -1),)

    def log_probs(self, params: ActionParams, actions: Tensor) -> Tensor:
        """Those of int64 actions ``(…)``."""
        return params[0].gather(-1, actions.unsqueeze(-1)).squeeze(-1)

    def entropy(self, params: ActionParams) -> Tensor:
        """At most log A."""
        (log_probs,) = params
        return -(log_probs.exp() * log_probs).sum(-1)

    def evenness(self, params: ActionParams) -> Tensor:
        """Minus the KL divergence of the policy from even choice among what is legal; 0 at most.

        Unlike the entropy, its slope does not vanish with the probability of a rare action: what looks bad stays in
        play in proportion to the weight over the loss, and not exponentially less.
        """
        (log_probs,) = params
        legal = log_probs > ILLEGAL_LOGIT / 2
        num_legal = legal.sum(-1)
        return torch.where(legal, log_probs, 0.0).sum(-1) / num_legal + torch.log(num_legal)

    def noise(self, num_rows: int, generator: torch.Generator) -> Tensor:
        """Uniform on [0, 1)."""
        return torch.rand(num_rows, self.num_actions, generator=generator)

    def sample(self, params: ActionParams, noise: Tensor) -> Tensor:
        """Draws by the Gumbel-max trick: int64 ``(B,)``."""
        (log_probs,) = params
        return (log_probs - torch.log(-torch.log(noise.clamp(min=1e-10)))).argmax(-1)

    def no_actions(self, *shape: int, device: torch.device) -> Tensor:
        """int64 ``shape``."""
        return torch.zeros(shape, dtype=torch.int64, device=device)

    def as_input(self, actions: Tensor) -> Tensor:
        """One-hot."""
        return self._one_hot[actions]


class Gaussian(nn.Module):
    """A vector of A numbers in a box, each drawn by itself; an action is what was drawn, float32 and not clipped.

    The game clips it to the box. The spread depends on what the policy knows, as the mean does: it can try things out
    while it is in doubt and do the right one exactly once it is not.
    """

    middle: Tensor  # of the box, float32 (A,)
    half_width: Tensor  # of the box, float32 (A,)
    least: Tensor  # log_std, float32 (A,)

    def __init__(self, box: Box) -> None:
        super().__init__()
        self.num_components = len(box.names)
        self.num_outputs = 2 * self.num_components
        low, high = torch.tensor(box.low), torch.tensor(box.high)
        half = (high - low) / 2
        bounds = {"middle": (low + high) / 2, "half_width": half, "least": half.log() + math.log(SMALLEST_STD)}
        for name, values in bounds.items():  # not persistent, as they follow from the game
            self.register_buffer(name, values, persistent=False)
        self.span = math.log(LARGEST_STD / SMALLEST_STD)

    def initialise(self, actor: nn.Linear) -> None:
        """Puts the mean into the box's middle and lets actions spread over most of it."""
        nn.init.orthogonal_(actor.weight, 0.01)
        share = math.log(INITIAL_STD / SMALLEST_STD) / self.span
        with torch.no_grad():
            actor.bias[self.num_outputs // 2 :] = math.log(share / (1.0 - share))

    def params(self, raw: Tensor, legal_actions: Tensor | None) -> ActionParams:
        """Mean, anywhere, and log of the standard deviation, within bounds; a box has no illegal actions."""
        mean, log_std = raw.chunk(2, -1)
        return self.middle + self.half_width * mean, self.least + self.span * torch.sigmoid(log_std)

    def log_probs(self, params: ActionParams, actions: Tensor) -> Tensor:
        """Log-densities of float actions ``(…, A)``."""
        mean, log_std = params
        deviation = (actions - mean) * torch.exp(-log_std)
        return -(0.5 * deviation * deviation + log_std + LOG_SQRT_TWO_PI).sum(-1)

    def entropy(self, params: ActionParams) -> Tensor:
        """Of what is drawn, before it is clipped."""
        return (params[1] + LOG_SQRT_TWO_PI + 0.5).sum(-1)

    def evenness(self, params: ActionParams) -> Tensor:
        """The entropy, but a spread wider than a fresh policy's counts no more than that.

        For the sake of exploring alone actions must not move to the box's edges, from where their spread hardly comes
        back.
        """
        counted = torch.minimum(params[1], self.half_width.log() + math.log(INITIAL_STD))
        return (counted + LOG_SQRT_TWO_PI + 0.5).sum(-1)

    def noise(self, num_rows: int, generator: torch.Generator) -> Tensor:
        """Standard normal."""
        return torch.randn(num_rows, len(self.half_width), generator=generator)

    def sample(self, params: ActionParams, noise: Tensor) -> Tensor:
        """float32 ``(B, A)``."""
        mean, log_std = params
        return mean + torch.exp(log_std) * noise

    def no_actions(self, *shape: int, device: torch.device) -> Tensor:
        """float32 ``(*shape, A)``."""
        return torch.zeros(*shape, len(self.half_width), device=device)

    def as_input(self, actions: Tensor) -> Tensor:
        """What the game makes of them, from -1 to 1 over the box."""
        return ((actions - self.middle) / self.half_width).clamp(-1.0, 1.0)
