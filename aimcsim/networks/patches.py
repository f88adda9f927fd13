"""What the rows of a layer see at every position of an image, and what a piece makes of it.

Values have channels last, so that the patch of a position is made of runs of memory: it is ordered
(kernel row, kernel column, channel). The rows of a :class:`~aimcsim.networks.graph.Product`, and so
those of a core, are ordered (channel, kernel row, kernel column); :func:`to_patches` reorders them.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from aimcsim.kernels import layers_gpu
from aimcsim.kernels.interface import Device, Geometry
from aimcsim.mapping.tiles import Piece
from aimcsim.networks.execute import exact
from aimcsim.networks.graph import Product
from aimcsim.networks.windows import Windows, patches


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


def windows_of(product: Product) -> Windows:
    """Where its kernel lies on an image."""
    return Windows(product.kernel, product.strides, product.pads, product.dilations)


def shape_of_outputs(product: Product, values: np.ndarray) -> tuple[int, ...]:
    """Shape of the outputs for ``values`` (images, ..., channels).

    Raises
    ------
    ValueError
        The kernel is larger than the padded image.
    """
    columns = product.matrix.shape[1]
    if values.ndim != 4:
        return (*values.shape[:-1], columns)
    positions = windows_of(product).positions(values.shape[1:3])
    if min(positions) < 1:
        height, width = values.shape[1:3]
        raise ValueError(f"{product.name}: an image of {height} x {width} has no position")
    return (len(values), *positions, columns)


def inputs_of(product: Product, values: np.ndarray) -> np.ndarray:
    """Inputs at all positions, in the order of patches, (images, positions, inputs).

    ``values`` is (images, height, width, channels), of some or all channels.
    """
    seen = patches(values, windows_of(product))  # (..., channels, kernel rows, kernel columns)
    return np.moveaxis(seen, 3, -1).reshape(len(values), seen.shape[1] * seen.shape[2], -1)


def to_patches(product: Product, block: np.ndarray) -> np.ndarray:
    """Rows of ``block`` (inputs, columns), of some or all channels, in the order of patches."""
    points = product.kernel[0] * product.kernel[1]
    by_channel = block.reshape(-1, points, block.shape[1])
    return np.ascontiguousarray(by_channel.swapaxes(0, 1)).reshape(block.shape)


@dataclass(frozen=True)
class Share:
    """The channels that feed a piece, and how its rows lie among their rows."""

    channels: slice
    """Of the product."""
    rows: slice
    """The piece's among those of the channels: pieces may end within a channel."""
    count: int
    """Rows of the channels."""

    @classmethod
    def of(cls, product: Product, piece: Piece) -> "Share":
        points = product.kernel[0] * product.kernel[1]
        first, end = piece.row // points, -(-(piece.row + piece.rows) // points)
        start = piece.row - first * points
        rows = slice(start, start + piece.rows)
        return cls(slice(first, end), rows, (end - first) * points)

    @classmethod
    def whole(cls, product: Product) -> "Share":
        """All channels and rows."""
        rows = len(product.matrix)
        return cls(slice(0, product.channels), slice(0, rows), rows)

    def geometry(self, product: Product) -> Geometry:
        """What the piece takes from images."""
        return Geometry(
            self.channels, product.kernel, product.strides, product.pads, product.dilations
        )

    def matrix(self, product: Product, block: np.ndarray) -> np.ndarray:
        """``block`` (rows of the piece, columns) for patches of the channels, float32.

        Rows of the channels that are not the piece's are zero.
        """
        whole = np.zeros((self.count, block.shape[1]), np.float32)
        whole[self.rows] = block
        return to_patches(product, whole)


def partial_sums(product: Product, piece: Piece, values: Any, device: Device | None = None) -> Any:
    """Exact share of ``piece`` in the products of ``values``, (images, positions, columns).

    ``device``: that the values are on.
    """
    share = Share.of(product, piece)
    if device is not None:
        weights = device.to_device(share.matrix(product, product.matrix[piece.source]))
        images = as_images(product, values)
        return layers_gpu.products(device, images, share.geometry(product), weights)
    some = as_images(product, values)[..., share.channels]
    return inputs_of(product, some) @ share.matrix(product, product.matrix[piece.source])


def exact_on(device: Device | None, product: Product, values: Any) -> Any:
    """:func:`aimcsim.networks.execute.exact` of values on ``device``; None: on the host."""
    if device is None:
        return exact(product, values)
    weights = device.to_device(to_patches(product, product.matrix))
    geometry = Share.whole(product).geometry(product)
    sums = layers_gpu.products(device, as_images(product, values), geometry, weights)
    return sums.reshape(shape_of_outputs(product, values))
