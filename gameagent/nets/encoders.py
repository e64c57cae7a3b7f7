"""From the flat row in which observations travel to what a network reads: categories one-hot, grids convolved.

The exported step holds the same operations, so they are those that a bundle may use: a convolution is a gather of
patches and a matrix product. Vectors and flags pass through; for a family that has nothing else there is no encoder,
and its networks and files are as if there were none.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from gameagent_games.interface import Feature

KERNEL = 3  # side of a patch, in cells
CHANNELS = (16, 32)  # of a grid's two convolutions
STRIDES = (1, 2)  # in cells


def make_encoder(features: Sequence[Feature], num_more: int = 0) -> "ObservationEncoder | None":
    """The encoder of observations of these features, with fresh weights; None if they pass through as they are.

    After an observation come ``num_more`` values that pass through (R).
    """
    if all(feature.kind in ("vector", "flags") for feature in features):
        return None
    return ObservationEncoder(features, num_more)


def encoded_size(features: Sequence[Feature]) -> int:
    """Number of values that a network reads of an observation of these features (E)."""
    return sum(_size_of(feature) for feature in features)


def _size_of(feature: Feature) -> int:
    if feature.kind == "category":
        return feature.size * feature.num_categories
    if feature.kind == "grid":
        _, *sides = feature.shape
        for stride in STRIDES:
            sides = [-(-side // stride) for side in sides]
        return CHANNELS[-1] * math.prod(sides)
    return feature.size


class ObservationEncoder(nn.Module):
    """Encodes each feature by its kind, and joins them in their order."""

    def __init__(self, features: Sequence[Feature], num_more: int = 0) -> None:
        """Fresh weights from torch's global generator; there are some for grids alone. See `make_encoder`."""
        super().__init__()
        self.parts = nn.ModuleList(_encoder_of(feature) for feature in features)
        self.sizes = [feature.size for feature in features]
        if num_more:
            self.parts.append(nn.Identity())
            self.sizes.append(num_more)

    def forward(self, observation: Tensor) -> Tensor:
        """Encoded observations ``(…, E + R)`` from rows ``(…, D + R)``."""
        parts = torch.split(observation, self.sizes, -1)
        return torch.cat([encode(part) for encode, part in zip(self.parts, parts, strict=True)], -1)


def _encoder_of(feature: Feature) -> nn.Module:
    if feature.kind == "category":
        return OneHot(feature.num_categories)
    if feature.kind == "grid":
        return GridEncoder(*feature.shape)
    return nn.Identity()


class OneHot(nn.Module):
    """Each of k categories as n values, one of which is 1; all are 0 if it is none of them."""

    numbers: Tensor  # 0 … n - 1, float32 (n,)

    def __init__(self, num_categories: int) -> None:
        """``num_categories`` is n."""
        super().__init__()
        self.register_buffer("numbers", torch.arange(num_categories, dtype=torch.float32), persistent=False)

    def forward(self, categories: Tensor) -> Tensor:
        """``(…, k * n)`` from ``(…, k)``."""
        return torch.relu(1.0 - (categories.unsqueeze(-1) - self.numbers).abs()).flatten(-2)


class GridEncoder(nn.Module):
    """Two small convolutions over a map with zeros around it, a ReLU after each; see `CHANNELS`."""

    def __init__(self, channels: int, height: int, width: int) -> None:
        """Fresh weights for grids of ``channels`` × ``height`` × ``width``."""
        super().__init__()
        layers: list[nn.Module] = []
        for filters, stride in zip(CHANNELS, STRIDES, strict=True):
            layers += [Convolution(channels, height, width, filters, stride), nn.ReLU()]
            channels, height, width = filters, -(-height // stride), -(-width // stride)
        self.layers = nn.Sequential(*layers)

    def forward(self, grid: Tensor) -> Tensor:
        """``(…, filters * cells)`` from ``(…, channels * height * width)``, both channels first."""
        encoded: Tensor = self.layers(grid)
        return encoded


class Convolution(nn.Module):
    """A 3 × 3 convolution, padded by zeros, as a gather of patches and a matrix product."""

    patches: Tensor  # where each cell's patch lies in the row, int64 (cells * C * 9,); past the row's end for a zero

    def __init__(self, channels: int, height: int, width: int, filters: int, stride: int) -> None:
        """Fresh weights; sizes in cells."""
        super().__init__()
        patches = _patches(channels, height, width, stride)
        self.register_buffer("patches", patches.flatten(), persistent=False)
        self.shape = tuple(patches.shape)
        self.filters = nn.Linear(channels * KERNEL**2, filters)

    def forward(self, row: Tensor) -> Tensor:
        """``(…, filters * cells)`` from ``(…, channels * height * width)``, both channels first."""
        padded = torch.cat((row, row[..., :1] * 0.0), -1)
        gathered = torch.index_select(padded, -1, self.patches).reshape(*row.shape[:-1], *self.shape)
        filtered: Tensor = self.filters(gathered)
        return filtered.transpose(-1, -2).flatten(-2)


def _patches(channels: int, height: int, width: int, stride: int) -> Tensor:
    """The indices of `Convolution.patches`: patches row by row, each channels first."""
    cells = torch.arange(channels * height * width).reshape(channels, height, width)
    outside, reach = channels * height * width, KERNEL // 2
    padded = torch.full((channels, height + 2 * reach, width + 2 * reach), outside)
    padded[:, reach : reach + height, reach : reach + width] = cells
    windows = padded.unfold(1, KERNEL, stride).unfold(2, KERNEL, stride)  # (C, rows, columns, 3, 3)
    return windows.permute(1, 2, 0, 3, 4).reshape(-1, channels * KERNEL**2)
