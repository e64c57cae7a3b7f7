"""One policy step in primitive operators, on the trained weights: what goes into the file.

Training uses torch's fused LSTM because it is fastest; exporters of fused recurrent layers have been wrong
without a word, so the file holds matrix products and sigmoids that anyone can read.
"""

import torch
from torch import Tensor, nn

from gameagent.nets.interface import Inputs
from gameagent.nets.network import AgentNetwork


class NetworkStep(nn.Module):
    """Takes the tensors of `gameagent_sdk.authoring.step_inputs` in their order, gives those of ``step_outputs``."""

    def __init__(self, policy: AgentNetwork) -> None:
        super().__init__()
        self.policy = policy
        self.lstm = None if policy.lstm is None else LstmWeights(policy.lstm)

    def forward(self, observation: Tensor, *rest: Tensor) -> tuple[Tensor, ...]:
        """One step of N rows.

        Args:
            observation: ``(N, D)``.
            *rest: ``legal_actions`` bool ``(N, A)`` if the game has a mask, ``previous_action`` ``(N, A)``,
                ``previous_reward`` ``(N, 1)``, ``episode_start`` ``(N, 1)``, then the hidden state, then what
                gradient steps add to the belief, ``(N, E)``, which may be left out.

        Returns:
            ``logits`` ``(N, A)``, or ``mean`` and ``log_std`` ``(N, A)`` where actions are continuous; the next hidden
            state, then ``beliefs`` ``(N, E)`` if there are any.
        """
        policy = self.policy
        legal_actions: Tensor | None = None
        if policy.spec.has_mask:
            legal_actions, *rest = rest  # type: ignore[assignment]
        previous_action, previous_reward, episode_start, *carried = rest
        num_hidden = len(policy.initial_state(1))
        hidden, offset = carried[:num_hidden], carried[num_hidden:]
        inputs = Inputs(
            observation, previous_action, previous_reward, episode_start, legal_actions,
            truth=observation[:, :0], informed=None, belief_offset=offset[0] if offset else None,
        )  # fmt: skip
        seen, memory, next_hidden = policy.join(inputs), None, []
        if policy.encoder is not None and self.lstm is not None and policy.memory_norm is not None:
            h, c = lstm_step(self.lstm, torch.relu(policy.encoder(seen)), hidden[0], hidden[1])
            memory, next_hidden = layer_norm(policy.memory_norm, h), [h, c]
        outputs = policy.decide(seen, memory, inputs)
        beliefs = [outputs.beliefs] if policy.belief_head is not None else []
        return (*outputs.action_params, *next_hidden, *beliefs)


class LstmWeights(nn.Module):
    """A one-layer LSTM's weights for `lstm_step`: transposed, and the gates in the order i, f, o, g.

    With the three sigmoids side by side one node of the graph computes them all.
    """

    from_input: Tensor  # (I, 4H)
    from_hidden: Tensor  # (H, 4H)
    bias: Tensor  # (4H,)

    def __init__(self, lstm: nn.LSTM) -> None:
        super().__init__()
        with torch.no_grad():
            input_weight, hidden_weight, input_bias, hidden_bias = map(_sigmoids_first, lstm.parameters())
        self.register_buffer("from_input", input_weight.T.contiguous())
        self.register_buffer("from_hidden", hidden_weight.T.contiguous())
        self.register_buffer("bias", input_bias + hidden_bias)


def lstm_step(weights: LstmWeights, x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    """One LSTM step (Hochreiter and Schmidhuber 1997, with forget gate).

    Args:
        weights: Of the layer.
        x: ``(N, I)``.
        h: ``(N, H)``.
        c: ``(N, H)``.

    Returns:
        The next h and c, ``(N, H)`` each.
    """
    size = h.shape[1]
    gates = torch.addmm(torch.addmm(weights.bias, x, weights.from_input), h, weights.from_hidden)
    sigmoids, g = torch.split(gates, [3 * size, size], 1)
    i, f, o = torch.split(torch.sigmoid(sigmoids), [size, size, size], 1)
    next_c = f * c + i * torch.tanh(g)
    return o * torch.tanh(next_c), next_c


def _sigmoids_first(weight: Tensor) -> Tensor:
    """An LSTM's weight (gate order of torch: i, f, g, o) with its gates in the order i, f, o, g."""
    i, f, g, o = weight.detach().chunk(4)
    return torch.cat((i, f, o, g))


def layer_norm(norm: nn.LayerNorm, x: Tensor) -> Tensor:
    """Layer normalisation over the last axis (Ba et al. 2016, eq. 4): ``(N, H)``."""
    centred = x - x.mean(-1, keepdim=True)
    variance = (centred * centred).mean(-1, keepdim=True)
    return centred / torch.sqrt(variance + norm.eps) * norm.weight + norm.bias
