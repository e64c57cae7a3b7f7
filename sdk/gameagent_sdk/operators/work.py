"""How much work a node takes, so that a file that asks for hours of it can be refused before anything runs.

The unit is about a nanosecond of one ordinary core, in the slower of the two engines, on numbers that are not denormal.
``tools/measure_operators.py`` compares these estimates with measured times. They count what is read as well as what is
written, and what engines spend on short runs of neighbouring elements rather than on the elements themselves.
"""

from collections.abc import Sequence
from math import prod

from gameagent_sdk.graph import Node
from gameagent_sdk.operators.contract import Spec, Work

PER_NODE = 2_000  # finding the node's function and calling it
PER_TENSOR = 300  # one more input or output of a node
PER_SCATTERED = 8  # reading an element whose neighbours in the tensor lie elsewhere in memory
_PER_RUN = 48  # starting a loop over neighbouring elements
_PER_MATRIX = 512  # starting a product
_PER_IMAGE = 10_000  # starting on a row of a convolution, each of which numpy computes on its own
_PER_COPIED = 4  # an element of a window
_PRODUCTS = 4  # multiply-adds in a unit: ten times fewer than a core does, but denormals take it a hundred times longer


def size(spec: Spec | None) -> int:
    """The tensor's elements; 0 for none."""
    return 0 if spec is None else prod(spec.shape)


def _runs(spec: Spec) -> int:
    """How many runs of elements there are along the last axis."""
    return prod(spec.shape[:-1])


def of_elements(weight: int) -> Work:
    """Of an operator that computes every element of its output from one of each input.

    Args:
        weight: Units for an element of the output, and each input beyond the second again.
    """

    def work(node: Node, inputs: Sequence[Spec | None], outputs: Sequence[Spec]) -> int:
        made, count, joined = outputs[0].shape, 0, 0
        for spec in inputs:
            if spec is not None:
                count += 1
                joined = joined or spec.shape != made
        total = prod(made) * (weight + count) * max(count - 1, 1)
        return total + _runs(outputs[0]) * _PER_RUN * count if joined else total

    return work


def of_reduction(weight: int) -> Work:
    """Of an operator that runs along axes.

    Args:
        weight: Units for an element of the input.
    """

    def work(node: Node, inputs: Sequence[Spec | None], outputs: Sequence[Spec]) -> int:
        taken = inputs[0]
        assert taken is not None, "a reduction has an input"
        return size(taken) * weight + (_runs(taken) + sum(map(_runs, outputs)) + sum(map(size, outputs))) * _PER_RUN

    return work


def of_copies(weight: int) -> Work:
    """Of an operator that moves elements without computing with them.

    Args:
        weight: Units for an element of the outputs, and for each run of them `_PER_RUN`; 0 if nothing is moved.
    """

    def work(node: Node, inputs: Sequence[Spec | None], outputs: Sequence[Spec]) -> int:
        if not weight:
            return 0
        pieces = max(len(inputs), 1) if node.op_type == "Concat" else 1
        return sum(size(made) * weight + _runs(made) * _PER_RUN * pieces for made in outputs)

    return work


def of_product(node: Node, inputs: Sequence[Spec | None], outputs: Sequence[Spec]) -> int:
    """Of matrix products: the multiply-adds, which are cheap in large products, and what they read and write."""
    left, (made,) = inputs[0], outputs
    assert left is not None, "a product has a left side"
    inner = left.shape[0 if node.attributes.get("transA") and len(left.shape) == 2 else -1]
    num_matrices = prod(made.shape[:-2])
    moved = sum(map(size, inputs)) + 2 * size(made)
    return size(made) * inner // _PRODUCTS + moved + num_matrices * _PER_MATRIX


def of_convolution(node: Node, inputs: Sequence[Spec | None], outputs: Sequence[Spec]) -> int:
    """Of convolutions: the multiply-adds, and the image with its zeros and all windows, which are copied.

    This bounds what numpy takes in memory for them, too: it copies one row's at a time.
    """
    image, weights, (made,) = inputs[0], inputs[1], outputs
    assert image is not None and weights is not None, "a convolution has an image and weights"
    inner, cells = prod(weights.shape[1:]), prod(made.shape[2:])  # of a window; windows of a row
    num_rows = prod(made.shape[:1])
    sides = zip(image.shape[2:], weights.shape[2:], strict=True)
    padded = prod(image.shape[1:2]) * prod(side + 2 * kernel for side, kernel in sides)
    copied = cells * inner * _PER_COPIED + inner * prod(made.shape[2:3]) * _PER_RUN
    multiplied = size(made) * inner // _PRODUCTS + size(weights) + 2 * size(made)
    return multiplied + num_rows * (2 * padded + copied + _PER_IMAGE)
