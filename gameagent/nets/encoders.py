"""From the flat row in which observations travel to what a network reads: categories one-hot, grids convolved.

The exported step holds the same operations, so they are those that a bundle may use. Vectors and flags pass through;
for a family that has nothing else there is no encoder, and its networks and files are as if there were none.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from gameagent_games.interface import Feature

MAP_SIDE = 12  # cells, the longest side of a map; a grid with a longer one is taken for a picture
MOST_CELLS = 6  # along the longer side, after all convolutions
FEWER_FILTERS, FILTERS = 16, 32  # of the first convolution of a map or a grey picture; of each other one
NUM_FEATURES = 256  # values that a network reads of a picture at most
ROWS_AT_ONCE = 256  # of a batch in training


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
        _, height, width = feature.shape
        return _grid_size(height, width)
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
    """Small convolutions over a map or a picture with zeros around it, a ReLU after each; see `strides_for`.

    What they make of a picture is brought to `NUM_FEATURES` values by one more layer.
    """

    def __init__(self, channels: int, height: int, width: int) -> None:
        """Fresh weights for grids of ``channels`` × ``height`` × ``width``."""
        super().__init__()
        self.shape = channels, height, width
        layers: list[nn.Module] = []
        for filters, stride in _convolutions(channels, height, width):
            layers += [Convolution(channels, filters, stride), nn.ReLU()]
            channels = filters
        self.layers = nn.Sequential(*layers)
        convolved = _convolved_size(height, width)
        narrow = _grid_size(height, width) < convolved
        self.features = nn.Sequential(nn.Linear(convolved, NUM_FEATURES), nn.ReLU()) if narrow else None

    def forward(self, grid: Tensor) -> Tensor:
        """``(…, F)`` from ``(…, channels * height * width)``, both channels first."""
        images = grid.reshape(-1, *self.shape)
        # A batch in training would come and go through main memory, and take twice as long.
        parts = torch.split(images, ROWS_AT_ONCE) if self.training else (images,)
        convolved = torch.cat([self.layers(part).flatten(1) for part in parts])
        encoded: Tensor = convolved if self.features is None else self.features(convolved)
        return encoded.reshape(*grid.shape[:-1], encoded.shape[-1])


class Convolution(nn.Module):
    """A convolution padded by zeros, whose windows overlap and leave no cell out; 3 × 3 if its stride is at most 2."""

    def __init__(self, channels: int, filters: int, stride: int) -> None:
        """Fresh weights; the stride is in cells."""
        super().__init__()
        self.stride, self.kernel = stride, max(3, 2 * stride - 1)
        self.filters = nn.Linear(channels * self.kernel**2, filters)  # a matrix, as which optimizers treat it

    def forward(self, images: Tensor) -> Tensor:
        """``(N, filters, ceil(height / stride), ceil(width / stride))`` from ``(N, channels, height, width)``."""
        weight = self.filters.weight.reshape(len(self.filters.weight), -1, self.kernel, self.kernel)
        return nn.functional.conv2d(images, weight, self.filters.bias, self.stride, self.kernel // 2)


def strides_for(height: int, width: int) -> tuple[int, ...]:
    """The strides of a grid's convolutions, chosen by its longer side.

    The first keeps every cell of a map, but looks at a picture in steps; the others halve it, until no more than
    `MOST_CELLS` × `MOST_CELLS` cells are left.
    """
    longer = max(height, width)
    strides = [1 if longer <= MAP_SIDE else 2 if longer <= 2 * MAP_SIDE else 4]
    while len(strides) < 2 or longer > math.prod(strides) * MOST_CELLS:
        strides.append(2)
    return tuple(strides)


def _convolutions(channels: int, height: int, width: int) -> list[tuple[int, int]]:
    """Filters and stride of each of a grid's convolutions."""
    first = FEWER_FILTERS if channels == 1 or max(height, width) <= MAP_SIDE else FILTERS
    return [(FILTERS if layer else first, stride) for layer, stride in enumerate(strides_for(height, width))]


def _convolved_size(height: int, width: int) -> int:
    """Values that a grid's convolutions make."""
    whole = math.prod(strides_for(height, width))
    return FILTERS * -(-height // whole) * -(-width // whole)


def _grid_size(height: int, width: int) -> int:
    """Values that a network reads of a grid."""
    convolved = _convolved_size(height, width)
    return convolved if max(height, width) <= MAP_SIDE else min(convolved, NUM_FEATURES)
