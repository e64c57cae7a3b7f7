"""Where arrays of the games, which are always on the CPU, cross to the device that the policy is on."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

ALIGNMENT = 8  # bytes, of the widest type that crosses


def to_device(device: torch.device, *arrays: NDArray[Any]) -> list[Tensor]:
    """Arrays as tensors on a device; on the CPU they share memory.

    They cross in one copy, however many they are: what a copy costs hardly depends on its size.

    Args:
        device: Where to.
        *arrays: Of any shape and any type that torch knows, of at most 8 bytes a number.
    """
    if device.type == "cpu":
        return [torch.from_numpy(array) for array in arrays]
    rooms = [-(-array.nbytes // ALIGNMENT) * ALIGNMENT for array in arrays]
    packed = np.zeros(sum(rooms), np.uint8)
    starts = np.cumsum([0, *rooms[:-1]]).tolist()
    for array, start in zip(arrays, starts, strict=True):
        packed[start : start + array.nbytes] = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    there = torch.from_numpy(packed).to(device)
    return [
        there[start : start + array.nbytes].view(torch.from_numpy(array).dtype).reshape(array.shape)
        for array, start in zip(arrays, starts, strict=True)
    ]
