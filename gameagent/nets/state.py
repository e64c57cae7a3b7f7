"""What holds for hidden state of any kind: rows that do not decide keep theirs."""

from torch import Tensor

from gameagent.nets.interface import HiddenState


def advance(before: HiddenState, after: HiddenState, deciding: Tensor) -> HiddenState:
    """The hidden state after a step in which only some rows decided.

    Args:
        before: Tensors by name, each ``(B, …)`` of any rank.
        after: The same as the policy's step returned it, for all rows.
        deciding: bool ``(B,)``.

    Returns:
        ``after`` in the rows that decided, ``before`` in the others.
    """
    if deciding.all():
        return after
    # The mask gets as many axes as the tensor: one of (B, 1) would be broadcast against the axes behind the first.
    return {
        name: tensor.where(deciding.reshape(-1, *[1] * (tensor.dim() - 1)), before[name])
        for name, tensor in after.items()
    }
