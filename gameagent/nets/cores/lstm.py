"""Meta-LSTM's memory: an encoder, one LSTM layer, layer norm (Duan et al. 2016; Wang et al. 2016).

Training uses torch's fused LSTM because it is fastest. Exporters of fused recurrent layers have been silently wrong, so
the exported step consists of matrix products and sigmoids that anyone can read.
"""

import torch
from torch import Tensor, nn

from gameagent.nets.cores.interface import Core, CoreStep
from gameagent.nets.cores.state import HiddenState
from gameagent_sdk.authoring import TensorSpec


class Lstm(Core):
    """One recurrent layer, whose state lasts for a trial."""

    def __init__(self, num_inputs: int, hidden_size: int) -> None:
        """Fresh weights from torch's global generator.

        Args:
            num_inputs: X, width of what is seen.
            hidden_size: H.
        """
        super().__init__()
        self.size = hidden_size
        self.state_specs = tuple(TensorSpec(name, (hidden_size,)) for name in ("hidden_h", "hidden_c"))
        self.encoder = nn.Linear(num_inputs, hidden_size)
        self.lstm = nn.LSTM(hidden_size, hidden_size)
        self.memory_norm = nn.LayerNorm(hidden_size)

    def initialise(self, horizon: int) -> None:
        """Orthogonal gates, and memory that lasts 1 … T steps from the start."""
        input_weight, hidden_weight, *biases = self.lstm.parameters()
        nn.init.xavier_uniform_(input_weight)
        for gate in hidden_weight.data.chunk(4):
            nn.init.orthogonal_(gate)
        for bias in biases:
            nn.init.zeros_(bias)
        # Chrono initialisation (Tallec and Ollivier 2018, eq. 16).
        lifetimes = torch.empty(self.size).uniform_(1.0, max(horizon - 1.0, 2.0))
        biases[0].data[self.size : 2 * self.size] = lifetimes.log()
        biases[0].data[: self.size] = -lifetimes.log()

    def forward(self, seen: Tensor, hidden_state: HiddenState) -> tuple[Tensor, HiddenState]:
        """See `Core.forward`."""
        encoded, start = torch.relu(self.encoder(seen)), (hidden_state["hidden_h"], hidden_state["hidden_c"])
        if len(seen) == 1:  # in play: what starting the fused layer takes is more than it saves
            h, c = torch.lstm_cell(encoded[0], start, *self.lstm.all_weights[0])
            return self.memory_norm(h.unsqueeze(0)), {"hidden_h": h, "hidden_c": c}
        raw, (h, c) = self.lstm(encoded, (start[0].unsqueeze(0), start[1].unsqueeze(0)))
        return self.memory_norm(raw), {"hidden_h": h[0], "hidden_c": c[0]}

    def step(self) -> CoreStep:
        """See `Core.step`."""
        return LstmStep(self)


class LstmStep(CoreStep):
    """The same for one step, written out."""

    def __init__(self, core: Lstm) -> None:
        """Takes the weights of a core."""
        super().__init__()
        self.encoder, self.memory_norm = core.encoder, core.memory_norm
        self.lstm = LstmWeights(core.lstm)

    def forward(self, seen: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        """See `CoreStep.forward`."""
        h, c = lstm_step(self.lstm, torch.relu(self.encoder(seen)), *state)
        return layer_norm(self.memory_norm, h), h, c


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
