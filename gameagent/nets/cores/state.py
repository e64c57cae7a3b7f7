"""What holds for hidden state of any kind: how it starts, and that rows that do not decide keep theirs."""

from torch import Tensor

from gameagent_sdk.authoring import TensorSpec

HiddenState = dict[str, Tensor]
"""Named tensors ``(B, …)`` of any rank, carried from step to step; B rows that never influence one another."""


def initial_state(specs: tuple[TensorSpec, ...], num_rows: int, like: Tensor) -> HiddenState:
    """The hidden state at the start of a season, and of a trial if nothing outlives a trial.

    Args:
        specs: As `Core.state_specs`.
        num_rows: B.
        like: A tensor of the type that the state's tensors are to have.
    """
    return {spec.name: like.new_full((num_rows, *spec.shape), spec.initial) for spec in specs}


def advance(before: HiddenState, after: HiddenState, deciding: Tensor) -> HiddenState:
    """The hidden state after a step in which only some rows decided.

    Args:
        before: Tensors by name, each ``(B, …)`` of any rank.
        after: The same as the policy's step returned it, for all rows.
        deciding: bool ``(B,)``.

    Returns:
        ``after`` in the rows that decided, ``before`` in the others.
    """
    # The mask gets as many axes as the tensor: one of (B, 1) would be broadcast against the other axes.
    return {
        name: tensor.where(deciding.reshape(-1, *[1] * (tensor.dim() - 1)), before[name])
        for name, tensor in after.items()
    }
