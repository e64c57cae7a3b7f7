"""Convolutions of images: a copy of every window into a column, and one matrix product for all of a row's columns."""

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np

from gameagent_sdk.graph import Node
from gameagent_sdk.operators.contract import (
    FLOAT32,
    FLOATS,
    Array,
    Compute,
    Constants,
    Operator,
    Spec,
    integer,
    integers,
    taken,
)
from gameagent_sdk.operators.work import of_convolution

Pair = tuple[int, int]


class _Windows(NamedTuple):
    """Where the windows of a convolution lie: sizes in cells, of rows and of columns.

    Attributes:
        kernel: Of a window.
        strides: From one to the next.
        before: Zeros above and left of the image.
        after: Zeros below and right of it.
    """

    kernel: Pair
    strides: Pair
    before: Pair
    after: Pair

    def padded(self, sides: Sequence[int]) -> Pair:
        """Sides of the image with its zeros."""
        rows, columns = (b + side + a for b, side, a in zip(self.before, sides, self.after, strict=True))
        return rows, columns

    def counts(self, sides: Sequence[int]) -> Pair:
        """How many windows an image of these sides has, below each other and side by side; below 1 if none fits."""
        sizes = zip(self.padded(sides), self.kernel, self.strides, strict=True)
        rows, columns = ((side - kernel) // stride + 1 for side, kernel, stride in sizes)
        return rows, columns


def _windows(node: Node, kernel: Pair) -> _Windows:
    """What a node's attributes say.

    Raises:
        ValueError: It is a form of Conv that the SDK does not have.
    """
    if integer(node, "group", 1) != 1 or _told(node, "dilations", (1, 1)) != (1, 1):
        raise ValueError("Conv is taken without groups and dilations only")
    if node.attributes.get("auto_pad", "NOTSET") != "NOTSET":
        raise ValueError("Conv is told its pads as numbers, not by auto_pad")
    if _told(node, "kernel_shape", kernel) != kernel:
        raise ValueError(f"Conv has weights of {kernel} cells, but kernel_shape says otherwise")
    strides, pads = _told(node, "strides", (1, 1)), _told(node, "pads", (0, 0, 0, 0))
    if len(strides) != 2 or len(pads) != 4 or min(strides) < 1:
        raise ValueError(f"Conv over images takes 2 strides from 1 on and 4 pads, not {strides} and {pads}")
    if not all(0 <= pad < size for pad, size in zip(pads, 2 * kernel, strict=True)):
        raise ValueError(f"Conv pads by 0 or more cells, fewer than its kernel of {kernel}, not by {pads}")
    return _Windows(kernel, (strides[0], strides[1]), (pads[0], pads[1]), (pads[2], pads[3]))


def _told(node: Node, name: str, default: tuple[int, ...]) -> tuple[int, ...]:
    """An attribute that is a list of whole numbers, and may be left out."""
    value = integers(node, name)
    return default if value is None else value


def _infer_conv(node: Node, specs: Sequence[Spec | None], constants: Constants, opset: int) -> list[Spec]:
    x, weights = taken(node, specs, 0, FLOATS).shape, taken(node, specs, 1, FLOATS).shape
    if len(x) != 4 or len(weights) != 4 or 0 in (*x[1:], *weights):
        raise ValueError(
            "Conv takes images (rows, channels, height, width) and weights (filters, channels, height, width), "
            f"not {x} and {weights}"
        )
    if x[1] != weights[1]:
        raise ValueError(f"Conv has weights for {weights[1]} channels, not for {x[1]}")
    if len(specs) > 2 and specs[2] is not None and taken(node, specs, 2, FLOATS).shape != weights[:1]:
        raise ValueError(f"Conv adds one number to each of {weights[0]} filters, not {specs[2].shape}")
    windows = _windows(node, (weights[2], weights[3]))
    counts = windows.counts(x[2:])
    padded = windows.padded(x[2:])
    if min(counts) < 1:
        raise ValueError(f"Conv has a kernel of {windows.kernel}, larger than the image of {padded} with its pads")
    if any(stride > side for stride, side in zip(windows.strides, padded, strict=True)):
        raise ValueError(f"Conv has strides of {windows.strides}, larger than the image of {padded} with its pads")
    return [Spec(FLOAT32, (x[0], weights[0], *counts))]


def _build_conv(node: Node, constants: Constants, opset: int) -> Compute:
    known = None if constants[1] is None else _windows(node, constants[1].shape[2:])  # sooner than at every step

    def conv(x: Array, weights: Array, bias: Array | None = None, out: Array | None = None) -> Any:
        num_rows, channels, height, width = x.shape
        windows = known or _windows(node, weights.shape[2:])
        counts, (top, left) = windows.counts((height, width)), windows.before
        if out is None:
            out = np.empty((num_rows, len(weights), *counts), x.dtype)
        # One row at a time, so that what many take in memory does not add up.
        image = np.zeros((channels, *windows.padded((height, width))), x.dtype)
        view = _view(image, windows, counts)
        columns = np.empty(view.shape, x.dtype)
        filters, by_cell = weights.reshape(len(weights), -1), columns.reshape(-1, prod(counts))
        for row, made in zip(x, out.reshape(num_rows, len(weights), -1), strict=True):
            image[:, top : top + height, left : left + width] = row
            np.copyto(columns, view)
            np.dot(filters, by_cell, made)
            if bias is not None:
                made += bias[:, np.newaxis]
        return out

    return conv


def _view(image: Array, windows: _Windows, counts: Pair) -> Array:
    """The cells of all windows, ``(channels, *kernel, *counts)``, in the memory of a padded image."""
    by_channel, by_row, by_column = image.strides
    down, right = by_row * windows.strides[0], by_column * windows.strides[1]
    shape = (len(image), *windows.kernel, *counts)
    return np.ndarray(shape, image.dtype, image, 0, (by_channel, by_row, by_column, down, right))


CONVOLUTIONS: Mapping[str, Operator] = {
    "Conv": Operator(
        (2, 3),
        (1, 1),
        _infer_conv,
        _build_conv,
        of_convolution,
        attributes={
            "auto_pad": str,
            "dilations": tuple,
            "group": int,
            "kernel_shape": tuple,
            "pads": tuple,
            "strides": tuple,
        },
    ),
}
