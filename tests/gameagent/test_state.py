"""Rows that do not decide keep their hidden state, whatever its rank."""

import pytest
import torch

from gameagent.nets.cores.state import advance


@pytest.mark.parametrize("shape", [(), (5,), (3, 4), (4, 2), (4, 4, 4)])
def test_rows_that_do_not_decide_keep_their_state(shape: tuple[int, ...]) -> None:
    """Four rows: with M == 4 slots, a mask of shape (B, 1) would be broadcast along the slots of every row."""
    before, after = torch.randn(4, *shape), torch.randn(4, *shape)
    deciding = torch.tensor([True, False, False, True])
    given = advance({"memory": before.clone()}, {"memory": after.clone()}, deciding)["memory"]
    expected = [after[0], before[1], before[2], after[3]]
    assert torch.equal(given, torch.stack(expected))


def test_each_tensor_has_a_rank_of_its_own() -> None:
    before = {"hidden": torch.zeros(2, 3), "memory": torch.zeros(2, 2, 5)}
    after = {name: tensor + 1.0 for name, tensor in before.items()}
    given = advance(before, after, torch.tensor([False, True]))
    assert given["hidden"].tolist() == [[0.0] * 3, [1.0] * 3]
    assert given["memory"].sum((1, 2)).tolist() == [0.0, 10.0]
