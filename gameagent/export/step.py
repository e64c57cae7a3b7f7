"""One policy step in primitive operators, on the trained weights: what goes into the file.

Training uses torch's fused LSTM because it is fastest; exporters of fused recurrent layers have been wrong
without a word, so the file holds matrix products and sigmoids that anyone can read.
"""

import torch
from torch import Tensor, nn

from gameagent.policies.interface import Inputs
from gameagent.policies.network import AgentNetwork


class PolicyStep(nn.Module):
    """Takes the tensors of `gameagent_sdk.step_inputs` in their order, gives those of ``step_outputs``."""

    def __init__(self, policy: AgentNetwork) -> None:
        super().__init__()
        self.policy = policy

    def forward(self, observation: Tensor, *rest: Tensor) -> tuple[Tensor, ...]:
        """One step of N rows.

        Args:
            observation: ``(N, D)``.
            *rest: ``legal_actions`` bool ``(N, A)`` if the game has a mask, ``previous_action`` ``(N, A)``,
                ``previous_reward`` ``(N, 1)``, ``episode_start`` ``(N, 1)``, then the hidden state.

        Returns:
            ``logits`` ``(N, A)``, the next hidden state, then ``beliefs`` ``(N, E)`` if there are any.
        """
        policy = self.policy
        legal_actions: Tensor | None = None
        if policy.spec.has_mask:
            legal_actions, *rest = rest  # type: ignore[assignment]
        previous_action, previous_reward, episode_start, *hidden = rest
        inputs = Inputs(
            observation, previous_action, previous_reward, episode_start, legal_actions,
            truth=observation[:, :0], told=None,
        )  # fmt: skip
        seen, memory, next_hidden = policy.join(inputs), None, []
        if policy.encoder is not None and policy.lstm is not None and policy.memory_norm is not None:
            h, c = lstm_step(policy.lstm, torch.relu(policy.encoder(seen)), hidden[0], hidden[1])
            memory, next_hidden = layer_norm(policy.memory_norm, h), [h, c]
        outputs = policy.decide(seen, memory, inputs)
        beliefs = [outputs.beliefs] if policy.belief_head is not None else []
        return (outputs.logits, *next_hidden, *beliefs)


def lstm_step(lstm: nn.LSTM, x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    """One LSTM step (Hochreiter and Schmidhuber 1997, with forget gate; gate order of torch: i, f, g, o).

    Args:
        lstm: A one-layer LSTM, for its weights.
        x: ``(N, I)``.
        h: ``(N, H)``.
        c: ``(N, H)``.

    Returns:
        The next h and c, ``(N, H)`` each.
    """
    input_weight, hidden_weight, input_bias, hidden_bias = lstm.parameters()
    gates = x @ input_weight.T + h @ hidden_weight.T + (input_bias + hidden_bias)
    size = lstm.hidden_size
    i, f = torch.sigmoid(gates[:, :size]), torch.sigmoid(gates[:, size : 2 * size])
    g, o = torch.tanh(gates[:, 2 * size : 3 * size]), torch.sigmoid(gates[:, 3 * size :])
    next_c = f * c + i * g
    return o * torch.tanh(next_c), next_c


def layer_norm(norm: nn.LayerNorm, x: Tensor) -> Tensor:
    """Layer normalisation over the last axis (Ba et al. 2016, eq. 4): ``(N, H)``."""
    centred = x - x.mean(-1, keepdim=True)
    variance = (centred * centred).mean(-1, keepdim=True)
    return centred / torch.sqrt(variance + norm.eps) * norm.weight + norm.bias
