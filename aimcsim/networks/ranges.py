"""Ranges of the converters of a network's layers, from calibration images.

By the definition of the training (:mod:`aimcsim.training.analog`): a range is the mean over images
of the largest magnitude in an image, so that one outlier among the images does not spread the grid
for all. What lies beyond is clipped.

The full-scale input of a layer is the range of its inputs. The ADCs of a core share one range for
each piece that lies on it. They see currents, where every column has its weights over the column's
own scale: so the range of a piece is that of its ideal partial sums over the scale of their column.
With a scale per column, columns of small weights use as many codes as those of large ones.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from aimcsim.kernels.interface import Device
from aimcsim.mapping.tiles import Piece, Tile
from aimcsim.networks import execute
from aimcsim.networks.execute import ExactProducts, Place, Watched, product_inputs
from aimcsim.networks.graph import Network, Products
from aimcsim.networks.patches import partial_sums

Run = Callable[[Network, np.ndarray, Products], object]
"""Runs a network on images, its products by the given ones: :func:`aimcsim.networks.execute.run`.
"""


@dataclass(frozen=True)
class Ranges:
    """Ranges of all converters of a network."""

    inputs: np.ndarray
    """Of each product's values, float32 (products,), in their own unit."""
    outputs: np.ndarray
    """Of each piece's currents, float32 (pieces,), full-scale inputs x normalised weights; pieces
    tile by tile."""


@dataclass(frozen=True)
class Activations:
    """What the exact network has at each of its products for some images."""

    values: tuple[np.ndarray, ...]
    """Per product, float32 (images, ..., channels)."""


def pieces_of(tiles: Sequence[Tile]) -> list[Piece]:
    """All pieces, tile by tile."""
    return [piece for tile in tiles for piece in tile.pieces]


def calibrate(
    network: Network,
    tiles: Sequence[Tile],
    images: np.ndarray,
    run: Run = execute.run,
    place: Place | None = None,
) -> Ranges:
    """Ranges that ``images`` ask for, by exact products.

    Parameters
    ----------
    tiles : where the network's matrices lie; ranges of outputs are for these pieces
    images : float32 (images, *shape of one), as the network takes them
    run : runs the network; it decides how many images are in memory at once, and where
    place : where ``run`` has the values; None: on the host

    Returns
    -------
    :class:`Ranges`; 1 where all values are zero.
    """
    largest = _Largest(network, tiles, place.device if place else None)
    run(network, images, Watched(ExactProducts(network, place), largest.look))
    inputs = _mean(largest.inputs, largest.images)
    of_product = [piece.matrix for piece in pieces_of(tiles)]
    outputs = _mean(largest.outputs, largest.images[of_product]) / inputs[of_product]
    return Ranges(inputs, outputs)


def activations(network: Network, images: np.ndarray, place: Place | None = None) -> Activations:
    """What the exact network has at its products for few ``images``: all stays in memory.

    ``place``: where the values are; None: on the host.
    """
    return Activations(tuple(product_inputs(network, images, place=place)))


class _Largest:
    """Largest magnitudes in every image, added up."""

    def __init__(self, network: Network, tiles: Sequence[Tile], device: Device | None):
        self.network, self.pieces, self.device = network, pieces_of(tiles), device
        # What is zero in every image has any scale.
        scales = [np.where(piece.scale > 0, piece.scale, 1) for piece in self.pieces]
        self.scales = scales if device is None else [*map(device.to_device, scales)]
        self.images = np.zeros(len(network.products), np.int64)
        self.inputs = np.zeros(len(network.products))
        self.outputs = np.zeros(len(self.pieces))

    def look(self, index: int, values: Any) -> None:
        """Take in the inputs of a product for a batch of images."""
        product = self.network.products[index]
        self.images[index] += len(values)
        self.inputs[index] += float(_largest(values).sum(dtype=float))
        for number, piece in enumerate(self.pieces):
            if piece.matrix == index:
                currents = partial_sums(product, piece, values, self.device)
                currents /= self.scales[number]
                self.outputs[number] += float(_largest(currents).sum(dtype=float))


def _largest(values: Any) -> Any:
    """Largest magnitude in each image."""
    return np.abs(values).reshape(len(values), -1).max(axis=1)


def _mean(total: np.ndarray, count: np.ndarray) -> np.ndarray:
    mean = total / np.maximum(count, 1)
    return np.where(mean > 0, mean, 1).astype(np.float32)
