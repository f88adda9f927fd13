"""The inputs of a layer's matrix at every position of an image, and its exact products.

Values have channels last, so that the patch of a position is made of runs of memory: it is ordered
(kernel row, kernel column, channel). The rows of a :class:`~aimcsim.networks.graph.Product`, and so
those of a core, are ordered (channel, kernel row, kernel column); :func:`to_patches` reorders them.
"""

from dataclasses import dataclass

import numpy as np

from aimcsim.networks.graph import Product
from aimcsim.weights.tiles import Piece


def as_images(product: Product, values: np.ndarray) -> np.ndarray:
    """``values`` (images, ..., channels) as (images, height, width, channels).

    Raises
    ------
    ValueError
        They have not the channels of the product.
    """
    if values.ndim < 2 or values.shape[-1] != product.channels:
        raise ValueError(
            f"{product.name}: values of shape {values.shape}; expected (images, ..., "
            f"{product.channels})"
        )
    return values if values.ndim == 4 else values.reshape(len(values), 1, -1, product.channels)


def positions(product: Product, height: int, width: int) -> tuple[int, int]:
    """Positions of the kernel along height and width of an image.

    Raises
    ------
    ValueError
        The kernel is larger than the padded image.
    """
    top, left, bottom, right = product.pads
    extents = (height + top + bottom, width + left + right)
    count = [
        (extent - dilation * (kernel - 1) - 1) // stride + 1
        for extent, kernel, stride, dilation in zip(
            extents, product.kernel, product.strides, product.dilations, strict=True
        )
    ]
    if min(count) < 1:
        raise ValueError(f"{product.name}: an image of {height} x {width} has no position")
    return count[0], count[1]


def shape_of_outputs(product: Product, values: np.ndarray) -> tuple[int, ...]:
    """Shape of the outputs for ``values`` (images, ..., channels)."""
    columns = product.matrix.shape[1]
    if values.ndim != 4:
        return (*values.shape[:-1], columns)
    return (len(values), *positions(product, *values.shape[1:3]), columns)


def patches(product: Product, values: np.ndarray) -> np.ndarray:
    """Inputs of all positions, (images, positions, inputs).

    Inputs are ordered (kernel row, kernel column, channel). ``values`` is (images, height, width,
    channels), of some or all channels.
    """
    top, left, bottom, right = product.pads
    padded = np.pad(values, ((0, 0), (top, bottom), (left, right), (0, 0)))
    down, across = positions(product, *values.shape[1:3])
    (step, side), (far, wide) = product.strides, product.dilations
    of_image, of_row, of_column, of_channel = padded.strides
    windows = np.lib.stride_tricks.as_strided(
        padded,
        (len(values), down, across, *product.kernel, values.shape[-1]),
        (
            of_image, step * of_row, side * of_column, far * of_row, wide * of_column, of_channel,
        ),
        writeable=False,
    )  # fmt: skip
    return windows.reshape(len(values), down * across, -1)


def to_patches(product: Product, block: np.ndarray) -> np.ndarray:
    """Rows of ``block`` (inputs, columns), of some or all channels, in the order of patches."""
    points = product.kernel[0] * product.kernel[1]
    by_channel = block.reshape(-1, points, block.shape[1])
    return np.ascontiguousarray(by_channel.swapaxes(0, 1)).reshape(block.shape)


def exact(product: Product, values: np.ndarray) -> np.ndarray:
    """Products of ``values`` (images, ..., channels), float32 (images, ..., columns), no bias."""
    inputs = patches(product, as_images(product, values))
    outputs = inputs @ to_patches(product, product.matrix)
    return outputs.reshape(shape_of_outputs(product, values))


@dataclass(frozen=True)
class Window:
    """The channels that feed a piece, and how its rows lie among their rows."""

    channels: slice
    """Of the product."""
    rows: slice
    """The piece's among those of the channels: pieces may end within a channel."""
    count: int
    """Rows of the channels."""

    @classmethod
    def of(cls, product: Product, piece: Piece) -> "Window":
        points = product.kernel[0] * product.kernel[1]
        first, end = piece.row // points, -(-(piece.row + piece.rows) // points)
        start = piece.row - first * points
        rows = slice(start, start + piece.rows)
        return cls(slice(first, end), rows, (end - first) * points)

    def matrix(self, product: Product, block: np.ndarray) -> np.ndarray:
        """``block`` (rows of the piece, columns) for patches of the channels, float32.

        Rows of the channels that are not the piece's are zero.
        """
        whole = np.zeros((self.count, block.shape[1]), np.float32)
        whole[self.rows] = block
        return to_patches(product, whole)


def partial_sums(product: Product, piece: Piece, values: np.ndarray) -> np.ndarray:
    """Exact share of ``piece`` in the products of ``values``, (images, positions, columns)."""
    window = Window.of(product, piece)
    some = as_images(product, values)[..., window.channels]
    return patches(product, some) @ window.matrix(product, product.matrix[piece.source])
